// std::call_once() in cells, and with it std::async(), std::promise and what else the library makes of it.
#pragma once

#include "jit.hpp"

namespace kgw
{

// libstdc++'s headers put what is to be called into two thread-local variables, and its library takes it from there. Cells
// have another kind of thread-local variables than libraries (jit.hpp), so they get these two and the taking as well.
void provide_call_once(jit &code);

} // namespace kgw
