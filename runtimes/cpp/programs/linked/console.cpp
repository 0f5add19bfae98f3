// Linked to every program: its console is one that people sit at, though it is made of pipes.
//
// On a pipe C and C++ keep what is printed until 4 KiB are full. A question that printf() asks would not be seen before its answer,
// what a program says while it works only at its end, and what it said before it crashed never. So stdout is written
// line by line, as on a terminal; and since stdin has the same mark, reading from it writes what is left of a line first.
// Whoever wants blocks has them by setvbuf() or std::ios::sync_with_stdio(false).
#include <cstdio>

namespace
{

// Before the constructors of the program's own objects, which may print.
[[gnu::constructor(101)]] void begin()
{
    setvbuf(stdout, nullptr, _IOLBF, 0);
    setvbuf(stdin, nullptr, _IOLBF, 0);
}

} // namespace
