#ifndef KG_BASE_MEM_H
#define KG_BASE_MEM_H
/*
 * Memory and scope-bound ownership. Running out of memory aborts: a server that can't allocate a few
 * bytes can't tell anybody so. A size that came from outside is checked against a limit first.
 */
#include <stddef.h>

void *kg_malloc(size_t n);
void *kg_calloc(size_t count, size_t size);
void *kg_realloc(void *p, size_t n);
char *kg_strdup(const char *s);
char *kg_strndup(const char *s, size_t n);
/* Returns a string on the heap; the caller frees it. */
char *kg_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Gives memory back to the system where much that is free has gathered: glibc would keep for ever what one large request
 * took. Looks first, and takes a moment only then; to be called every few seconds.
 */
void kg_mem_trim(void);

void kg_cleanup_free(void *p);        /* for kg_autofree */
void kg_cleanup_close(const int *fd); /* for kg_autoclose */

/* A pointer freed, or a descriptor closed, at the end of its scope. NULL and -1 are left alone. */
#define kg_autofree  __attribute__((cleanup(kg_cleanup_free)))
#define kg_autoclose __attribute__((cleanup(kg_cleanup_close)))

/* Moves a pointer out of its owner, which is left NULL. */
#define kg_steal(pp)                                                                               \
    ({                                                                                             \
        __typeof__(*(pp)) kg_stolen = *(pp);                                                       \
        *(pp) = NULL;                                                                              \
        kg_stolen;                                                                                 \
    })

/* The same for a descriptor, which is left -1. */
static inline int kg_steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#define KG_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define kg_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
