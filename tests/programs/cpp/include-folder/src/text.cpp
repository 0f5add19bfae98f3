#include <tools/text.hpp>

std::string tools::twice(const std::string &s)
{
    return s + s;
}
