#include "shapes/circle.hpp"
#include "shapes/square.hpp"
#include <iostream>
#include <memory>
#include <vector>

int main()
{
    std::vector<std::unique_ptr<shape>> all;
    all.push_back(std::make_unique<square>(3));
    all.push_back(std::make_unique<circle>(2));
    for (auto &s : all)
        std::cout << s->name() << ' ' << s->area() << '\n';
}
