#ifndef KG_BASE_BUF_H
#define KG_BASE_BUF_H
/*
 * A growable run of bytes. A zeroed struct is an empty buffer. `data` always has room for one more
 * byte than `len`, so that kg_buf_cstr can end it with a NUL.
 */
#include <stddef.h>
#include <stdint.h>

struct kg_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void kg_buf_release(struct kg_buf *b); /* frees; the struct is empty again and usable */
void kg_buf_clear(struct kg_buf *b);   /* forgets the bytes, keeps the memory */

/* Makes room for n more bytes behind len and returns where they go; len stays as it is. */
uint8_t *kg_buf_reserve(struct kg_buf *b, size_t n);
void kg_buf_add(struct kg_buf *b, const void *data, size_t n);
void kg_buf_add_str(struct kg_buf *b, const char *s);
void kg_buf_add_char(struct kg_buf *b, char c);
void kg_buf_printf(struct kg_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Removes n bytes (at most len) from the front. */
void kg_buf_drop(struct kg_buf *b, size_t n);

/* The bytes as a C string: valid until the next change. */
const char *kg_buf_cstr(struct kg_buf *b);

/* Hands the memory to the caller (frees with free()), NUL-terminated; the buffer is empty again. */
uint8_t *kg_buf_steal(struct kg_buf *b, size_t *len);

#define kg_autobuf __attribute__((cleanup(kg_buf_release))) struct kg_buf

#endif
