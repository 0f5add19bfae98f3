#include <cstdio>
#include <iostream>

int main()
{
    int n = 0;
    long sum = 0;
    scanf("%d", &n);
    for (int value; n-- > 0 && std::cin >> value;)
        sum += value;
    std::cout << "sum " << sum << '\n';
}
