#include "-D weird.hpp"

int weird()
{
    return 5;
}
