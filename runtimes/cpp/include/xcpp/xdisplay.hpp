// Notebooks that were written for xeus-cling or xeus-cpp find the names that they use.
#pragma once

#include <kgw/display.hpp>

namespace xcpp
{

template <class T, class Here = decltype([] {})>
void display(const T &what, std::string_view id = {}, bool update = false)
{
    kgw::display<T, Here>(what, id, update);
}

inline void clear_output(bool wait = false)
{
    kgw::clear_output(wait);
}

} // namespace xcpp
