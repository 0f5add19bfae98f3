#ifndef KGW_JAVA_SOURCES_H
#define KGW_JAVA_SOURCES_H
/* The Java sources below the current directory, as the compiler's service wants them (src/kernelgw/compiler/Main.java). */
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;
    size_t n, room;
};

/* Appends; ends the program when memory is out. */
void bytes_add(struct bytes *b, const void *data, size_t n);
void bytes_add_u32(struct bytes *b, uint32_t value);
/* A run of bytes with its length before it. */
void bytes_add_run(struct bytes *b, const void *data, size_t n);

/*
 * Appends every regular file *.java (path, bytes), and entry whatever its name; links and hidden folders are passed over.
 * Returns the number of files. Ends the program with a sentence when there is too much of it.
 */
uint32_t sources_add(struct bytes *b, const char *entry);

/* Says it on stderr and ends the program with javac's status for what is not the code's fault. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

#endif
