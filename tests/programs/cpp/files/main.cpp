#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

namespace fs = std::filesystem;

int main()
{
    std::ifstream in("data/words.txt");
    std::map<std::string, int> counts;
    for (std::string word; in >> word;)
        counts[word]++;
    fs::create_directories("out/deep");
    std::ofstream out("out/deep/counts.txt");
    for (auto &[word, n] : counts)
        out << word << '=' << n << '\n';
    out.close();
    std::stringstream text;
    text << std::ifstream("out/deep/counts.txt").rdbuf();
    std::cout << text.str();
    fs::remove_all("out");
    std::cout << fs::exists("out") << '\n';
}
