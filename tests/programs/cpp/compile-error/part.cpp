#include "part.hpp"

int part()
{
    return nothing;
}
