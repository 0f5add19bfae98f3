#ifndef KG_BASE_ID_H
#define KG_BASE_ID_H
/* Ids and secrets from the kernel's random source, and the checks that ids from outside must pass. */
#include <stdbool.h>
#include <stddef.h>

enum { KG_UUID_LEN = 36, KG_UUID_SIZE = 37 };

/* Writes a random UUID (version 4) and its NUL: KG_UUID_SIZE bytes. */
void kg_uuid4(char out[KG_UUID_SIZE]);
/* Writes 2*nbytes lower-case hex digits of randomness and a NUL. */
void kg_random_hex(char *out, size_t nbytes);
void kg_random_bytes(void *out, size_t n);
/* True for 8-4-4-4-12 hex digits of either case and nothing else. */
bool kg_is_uuid(const char *s);
/* True when both strings are equal; takes the same time wherever they differ. NULL equals nothing. */
bool kg_secret_equal(const char *a, const char *b);

#endif
