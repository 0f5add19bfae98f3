#include <iostream>
#include <tools/text.hpp>

int main()
{
    std::cout << tools::twice("ab") << '\n';
}
