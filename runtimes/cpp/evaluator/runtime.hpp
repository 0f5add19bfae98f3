// What compiled cells call: the writing of values and the showing of pictures. The other side of kgw/show.hpp and
// kgw/display.hpp, which declare these functions.
#pragma once

#include <optional>

#include "llvm/Support/JSON.h"

namespace kgw::runtime
{

// The value that the cell which just ended has shown.
std::optional<llvm::json::Object> take_shown();

} // namespace kgw::runtime
