#include <cstring>
#include <iostream>
#include <vector>

int main()
{
    std::vector<char *> held;
    std::cout << "taking" << std::endl;
    for (;;) {
        held.push_back(new char[8 << 20]);
        std::memset(held.back(), 1, 8 << 20);
    }
}
