constexpr int thousand = 1'000;
#include "part.hpp"
#include <cstdio>

int main() { std::printf("%d\n", part() + thousand); }
