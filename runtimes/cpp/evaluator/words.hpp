// What a front end asks about code that it does not run: completion, help on a name, whether the code is whole.
#pragma once

#include <string>
#include <vector>

#include "compiler.hpp"

namespace kgw::words
{

// Byte offsets within code.
struct completion {
    std::vector<std::string> matches;
    size_t start = 0, end = 0;
};
completion complete(compiler &c, const std::string &code, size_t cursor);

// Signatures and comments of what the name at the cursor means; empty when it means nothing.
std::string inspect(compiler &c, const std::string &code, size_t cursor);

struct wholeness {
    const char *status; // "complete", "incomplete", "invalid"
    std::string indent;
};
wholeness is_complete(const std::string &code);

} // namespace kgw::words
