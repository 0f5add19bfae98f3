#include "used.h"

int used()
{
    return 7;
}
