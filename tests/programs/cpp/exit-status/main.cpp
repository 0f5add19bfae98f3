#include <cstdlib>
#include <iostream>

int main(int argc, char **argv)
{
    std::atexit([] { std::cout << "bye" << std::endl; });
    std::exit(argc > 1 ? std::atoi(argv[1]) : 0);
}
