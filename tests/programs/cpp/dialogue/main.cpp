#include <iostream>
#include <string>

int main()
{
    std::string line;
    while (std::cout << "> " << std::flush, std::getline(std::cin, line))
        std::cout << std::string(line.rbegin(), line.rend()) << '\n';
    std::cout << "end\n";
}
