#include "circle.hpp"

circle::circle(int radius) : r(radius)
{
}

double circle::area() const
{
    return 3 * r * r;
}
