#include "jupyter/wire.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"

#define DELIMITER "<IDS|MSG>"

/* signature, header, parent_header, metadata, content */
enum { AFTER_DELIMITER = 5 };

int jy_wire_parse(struct jy_wire *out, uint8_t channel, const struct kg_span *frames, size_t count,
                  struct kg_err *err)
{
    if (count > JY_FRAMES_MAX)
        return kg_err_set(err, -EMSGSIZE, "message of %zu frames is above the limit of %d", count,
                          JY_FRAMES_MAX);
    size_t i = 0;
    while (i < count && !kg_span_is(frames[i], DELIMITER))
        i++;
    if (i == count)
        return kg_err_set(err, -EPROTO, "message of %zu frames has no " DELIMITER, count);
    if (i > JY_IDENTITIES_MAX)
        return kg_err_set(err, -EMSGSIZE, "%zu identities are above the limit of %d", i,
                          JY_IDENTITIES_MAX);
    size_t left = count - i - 1;
    if (left < AFTER_DELIMITER)
        return kg_err_set(err, -EPROTO, "message has %zu frames behind " DELIMITER " instead of %d",
                          left, AFTER_DELIMITER);
    if (left - AFTER_DELIMITER > JY_BUFFERS_MAX)
        return kg_err_set(err, -EMSGSIZE, "%zu buffers are above the limit of %d",
                          left - AFTER_DELIMITER, JY_BUFFERS_MAX);
    const struct kg_span *f = frames + i + 1;
    *out = (struct jy_wire){
        .identities = frames,
        .identity_count = i,
        .signature = f[0],
        .msg =
            {
                .channel = channel,
                .header = f[1],
                .parent_header = f[2],
                .metadata = f[3],
                .content = f[4],
                .buffers = f + AFTER_DELIMITER,
                .buffer_count = left - AFTER_DELIMITER,
            },
    };
    return 0;
}

size_t jy_wire_frames(struct kg_span *frames, const struct jy_msg *m, const char *signature)
{
    size_t n = 0;
    frames[n++] = kg_span_str(DELIMITER);
    frames[n++] = kg_span_str(signature);
    frames[n++] = m->header;
    frames[n++] = m->parent_header;
    frames[n++] = m->metadata;
    frames[n++] = m->content;
    for (size_t i = 0; i < m->buffer_count; i++)
        frames[n++] = jy_msg_buffer(m, i);
    return n;
}

/* Half of a digest says as much as all of it: nobody without the key can make two that agree. */
enum { SEEN_LEN = 16, SEEN_FIRST = 256 };

#define NO_SLOT UINT32_MAX

/* The last digests in a ring, and a chained hash table over its slots. */
struct history {
    uint8_t (*digest)[SEEN_LEN];
    uint32_t *head; /* cap chains */
    uint32_t *next; /* by slot */
    uint32_t cap;   /* a power of two */
    uint32_t count;
    uint32_t at; /* the slot that is written next */
};

struct jy_key {
    bool signs;
    crypto_auth_hmacsha256_state
        keyed; /* the key is mixed in once; each message starts from a copy */
    struct history seen;
};

static uint32_t chain_of(const struct history *h, const uint8_t *digest)
{
    uint32_t v;
    memcpy(&v, digest, sizeof v); /* an HMAC is as good as random */
    return v & (h->cap - 1);
}

static void link_slot(struct history *h, uint32_t slot)
{
    uint32_t chain = chain_of(h, h->digest[slot]);
    h->next[slot] = h->head[chain];
    h->head[chain] = slot;
}

static void unlink_slot(struct history *h, uint32_t slot)
{
    uint32_t *at = &h->head[chain_of(h, h->digest[slot])];
    while (*at != slot)
        at = &h->next[*at];
    *at = h->next[slot];
}

/* Only while nothing has been overwritten, so slots 0 to count-1 are in use. */
static void grow(struct history *h)
{
    h->cap = h->cap ? h->cap * 2 : SEEN_FIRST;
    h->digest = kg_realloc(h->digest, (size_t)h->cap * SEEN_LEN);
    h->head = kg_realloc(h->head, h->cap * sizeof *h->head);
    h->next = kg_realloc(h->next, h->cap * sizeof *h->next);
    memset(h->head, 0xff, h->cap * sizeof *h->head);
    for (uint32_t i = 0; i < h->count; i++)
        link_slot(h, i);
    h->at = h->count;
}

static bool has_seen(const struct history *h, const uint8_t *digest)
{
    if (h->cap == 0)
        return false;
    for (uint32_t i = h->head[chain_of(h, digest)]; i != NO_SLOT; i = h->next[i])
        if (memcmp(h->digest[i], digest, SEEN_LEN) == 0)
            return true;
    return false;
}

static void remember(struct history *h, const uint8_t *digest)
{
    if (h->count == h->cap && h->cap < JY_DIGEST_HISTORY)
        grow(h);
    uint32_t slot = h->at;
    if (h->count == h->cap)
        unlink_slot(h, slot);
    else
        h->count++;
    memcpy(h->digest[slot], digest, SEEN_LEN);
    link_slot(h, slot);
    h->at = (slot + 1) & (h->cap - 1);
}

int jy_key_new(struct jy_key **out, const char *scheme, struct kg_span key, struct kg_err *err)
{
    if (strcmp(scheme, "hmac-sha256") != 0)
        return kg_err_set(err, -ENOTSUP, "signature scheme %.32s is not hmac-sha256", scheme);
    struct jy_key *k = kg_calloc(1, sizeof *k);
    k->signs = key.len > 0;
    if (k->signs)
        crypto_auth_hmacsha256_init(&k->keyed, key.data, key.len);
    *out = k;
    return 0;
}

void jy_key_free(struct jy_key *k)
{
    if (!k)
        return;
    free(k->seen.digest);
    free(k->seen.head);
    free(k->seen.next);
    sodium_memzero(k, sizeof *k);
    free(k);
}

static void digest_of(const struct jy_key *k, const struct jy_msg *m,
                      uint8_t digest[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state s = k->keyed;
    const struct kg_span parts[] = {m->header, m->parent_header, m->metadata, m->content};
    for (size_t i = 0; i < KG_COUNT(parts); i++)
        crypto_auth_hmacsha256_update(&s, parts[i].data, parts[i].len);
    crypto_auth_hmacsha256_final(&s, digest);
    sodium_memzero(&s, sizeof s);
}

void jy_key_sign(const struct jy_key *k, const struct jy_msg *m, char out[JY_SIGNATURE_SIZE])
{
    if (!k->signs) {
        out[0] = 0;
        return;
    }
    uint8_t digest[crypto_auth_hmacsha256_BYTES];
    digest_of(k, m, digest);
    sodium_bin2hex(out, JY_SIGNATURE_SIZE, digest, sizeof digest);
}

int jy_key_verify(struct jy_key *k, const struct jy_wire *w, struct kg_err *err)
{
    if (!k->signs)
        return 0;
    if (w->signature.len == 0)
        return kg_err_set(err, -EBADMSG, "message is not signed");
    if (w->signature.len != JY_SIGNATURE_LEN)
        return kg_err_set(err, -EBADMSG, "signature of %zu bytes instead of %d", w->signature.len,
                          JY_SIGNATURE_LEN);
    uint8_t digest[crypto_auth_hmacsha256_BYTES];
    char hex[JY_SIGNATURE_SIZE];
    digest_of(k, &w->msg, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    if (sodium_memcmp(hex, w->signature.data, JY_SIGNATURE_LEN) != 0)
        return kg_err_set(err, -EBADMSG, "signature does not match");
    if (has_seen(&k->seen, digest))
        return kg_err_set(err, -EALREADY, "signature was seen before: a replayed message");
    remember(&k->seen, digest);
    return 0;
}
