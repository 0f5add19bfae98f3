#include "-D weird.hpp"
#include <iostream>

int main()
{
    std::cout << weird() << '\n';
}
