#include <iostream>
#include <unistd.h>

int main()
{
    std::cout << "waiting" << std::endl;
    for (;;)
        pause();
}
