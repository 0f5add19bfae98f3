#pragma once
#include "shape.hpp"

struct circle : shape {
    explicit circle(int radius);
    double area() const override;
    int r;
};
