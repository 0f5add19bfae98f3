#include <cstdio>

int down(int n)
{
    volatile char room[1000];
    room[n % 1000] = static_cast<char>(n);
    return down(n + 1) + room[0];
}

int main()
{
    puts("down");
    fflush(stdout);
    return down(0);
}
