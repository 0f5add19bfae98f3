#include <algorithm>
#include <compare>
#include <concepts>
#include <iostream>
#include <numbers>
#include <ranges>
#include <span>
#include <string>
#include <vector>

template <std::integral T> T gcd(T a, T b)
{
    return b == 0 ? a : gcd(b, a % b);
}

struct version {
    int major, minor;
    auto operator<=>(const version &) const = default;
};

consteval int square(int x)
{
    return x * x;
}

int main()
{
    std::vector<int> numbers{5, 3, 8, 1, 4};
    std::ranges::sort(numbers, std::greater{});
    for (int n : numbers | std::views::filter([](int x) { return x % 2 == 0; }) | std::views::transform([](int x) { return x * x; }))
        std::cout << n << ' ';
    std::cout << gcd(84, 36) << ' ' << (version{1, 2} < version{1, 10}) << ' ' << square(12) << ' ' << std::span(numbers).size() << '\n';
}
