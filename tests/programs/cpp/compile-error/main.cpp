#include "part.hpp"
#include <iostream>

int main()
{
    int count = "text";
    std::cout << missing << part() << std::endl;
}
