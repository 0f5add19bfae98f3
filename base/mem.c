#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

void *kg_malloc(size_t n)
{
    return checked(malloc(n ? n : 1));
}

void *kg_calloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *kg_realloc(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1));
}

char *kg_strdup(const char *s)
{
    return checked(strdup(s));
}

char *kg_strndup(const char *s, size_t n)
{
    return checked(strndup(s, n));
}

char *kg_asprintf(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&out, fmt, ap);
    va_end(ap);
    return checked(n < 0 ? NULL : out);
}

void kg_mem_trim(void)
{
    static const size_t much = 16 << 20;
    static size_t
        left; /* free after the last time: what is scattered stays with us, and is no reason to try again */
    size_t unused = mallinfo2().fordblks;
    if (unused > left + much) {
        malloc_trim(0);
        unused = mallinfo2().fordblks;
        left = unused;
    } else if (unused < left) {
        left = unused;
    }
}

void kg_cleanup_free(void *p)
{
    free(*(void **)p);
}

void kg_cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
