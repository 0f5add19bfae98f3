#pragma once
#include <string>

namespace tools
{
std::string twice(const std::string &s);
}
