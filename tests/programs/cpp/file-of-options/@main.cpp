#include "@part.hpp"
#include <cstdio>
int main() { std::printf("%d\n", part()); }
