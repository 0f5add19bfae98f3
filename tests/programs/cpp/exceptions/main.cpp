#include <iostream>
#include <stdexcept>
#include <string>

struct guard {
    explicit guard(std::string n) : name(std::move(n)) {}
    ~guard() { std::cout << "leaving " << name << '\n'; }
    std::string name;
};

void inner()
{
    guard g("inner");
    throw std::invalid_argument("a reason");
}

int main()
{
    try {
        guard g("outer");
        inner();
    } catch (const std::logic_error &e) {
        std::cout << "caught " << e.what() << '\n';
    }
    try {
        std::string().at(5);
    } catch (const std::out_of_range &) {
        std::cout << "out of range\n";
    }
}
