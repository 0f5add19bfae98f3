#include "shape.hpp"

std::string shape::name() const
{
    return "some shape";
}
