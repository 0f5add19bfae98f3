// What is there before a notebook's first cell: the standard library, and how values are shown. Compiled once, with the image.
#include <bits/stdc++.h>
#include <kgw/display.hpp>
#include <kgw/show.hpp>
