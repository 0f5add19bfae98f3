#include <iostream>

struct node {
    int value;
    node *next;
};

int main()
{
    node last{1, nullptr};
    std::cout << last.value << "\n";
    std::cout << last.next->value << std::endl;
}
