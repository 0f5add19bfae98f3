#include "used.h"
#include <iostream>

int main()
{
    std::cout << used() << '\n';
}
