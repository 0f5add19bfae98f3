#include <cstdio>
#include <iostream>

// Nothing here ends its line or flushes, and the end is a crash.
int main()
{
    int number = 0;
    printf("number? ");
    if (scanf("%d", &number) != 1)
        return 1;
    printf("twice that is %d\n", 2 * number);
    std::cout << "three times " << 3 * number << '\n';
    int *nowhere = nullptr;
    *nowhere = number;
}
