#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

int main()
{
    std::string größe = "naïve Ω 日本語 🎈";
    std::cout << größe << ' ' << größe.size() << '\n';
    std::cout << std::u32string_view(U"日本語 🎈").size() << '\n';
    std::ofstream("日本.txt") << "ok";
    std::cout << std::filesystem::file_size("日本.txt") << '\n';
}
