#include <iostream>

int elsewhere();

int main()
{
    std::cout << elsewhere() << '\n';
}
