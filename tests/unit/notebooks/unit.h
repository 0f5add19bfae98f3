#ifndef TESTS_UNIT_NOTEBOOKS_UNIT_H
#define TESTS_UNIT_NOTEBOOKS_UNIT_H
/* cmocka and its includes in the order it needs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"

#endif
