#pragma once
#include "shape.hpp"

struct square : shape {
    explicit square(int side) : a(side) {}
    double area() const override { return a * a; }
    std::string name() const override { return "square"; }
    int a;
};
