#include <atomic>
#include <csignal>
#include <iostream>
#include <unistd.h>

volatile std::sig_atomic_t asked = 0;

int main()
{
    std::signal(SIGINT, [](int) { asked = 1; });
    std::cout << "waiting" << std::endl;
    while (!asked)
        usleep(1000);
    std::cout << "tidied up" << std::endl;
    return 5;
}
