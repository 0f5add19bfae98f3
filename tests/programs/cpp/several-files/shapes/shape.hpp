#pragma once
#include <string>

struct shape {
    virtual ~shape() = default;
    virtual double area() const = 0;
    virtual std::string name() const;
};
