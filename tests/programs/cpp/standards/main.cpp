#include <iostream>

#if __cplusplus >= 202002L
#error "C++17 was asked for"
#endif
#ifndef __OPTIMIZE__
#error "-O2 was asked for"
#endif

int main()
{
    if (auto [a, b] = std::pair(1, 2); a < b)
        std::cout << __cplusplus << '\n';
}
