// What a cell with an error leaves to later ones.
#pragma once

#include <functional>

#include "clang/AST/Decl.h"

namespace kgw
{

// The parser instantiates a template once in a session. What it has instantiated for a cell that then failed, it takes for done
// in the next: the code generator must hear of it, or the cell that was put right lacks it. True for such instantiations, unless
// they are of something that went with the cell, or are themselves what was wrong with it.
bool outlives(const clang::Decl *d, const std::function<bool(const clang::Decl *)> &is_in_cell);

} // namespace kgw
