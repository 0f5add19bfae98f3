#include <cstdint>
#include <iostream>

static std::uint64_t ackermann(std::uint64_t m, std::uint64_t n)
{
    return m == 0 ? n + 1 : ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

int main()
{
    std::cout << ackermann(2, 300) << '\n';
}
