/* What has changed in a box, fetched: a list, then each file piece by piece, a few at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/carry_impl.h"

enum { AT_ONCE = 8 };

static void release(struct kg_gather *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free(g->fetches[i].path);
        kg_blob_unref(g->fetches[i].data);
    }
    free(g->fetches);
    json_decref(g->deleted);
    json_decref(g->odd);
    free(g);
}

void kg_gather_forget(struct kg_gather *g)
{
    g->carry = NULL;
    if (g->due == 0)
        release(g);
}

/* why NULL: what was fetched is stored. */
static void finish(struct kg_gather *g, const char *why)
{
    json_t *result = why ? json_pack("{s:s}", "error", why) : kg_gather_store(g);
    kg_carry_done *done = g->done;
    void *user = g->user;
    g->carry->gather = NULL;
    release(g);
    done(user, result);
    json_decref(result);
}

static void ask_piece(struct kg_fetch *f);
static void go_on(struct kg_gather *g);

static void fetched(struct kg_fetch *f)
{
    f->gather->live--;
}

static void leave_out(struct kg_fetch *f, const char *why)
{
    snprintf(f->why, sizeof f->why, "%s", why);
    kg_blob_unref(kg_steal(&f->data));
    fetched(f);
}

/* False: it was the last, or the file is left out. */
static bool take_piece(struct kg_fetch *f, const json_t *reply, const struct kg_err *err)
{
    struct kg_err full = {0};
    const char *stamp = json_string_value(json_object_get(reply, "stamp"));
    const json_t *text = json_object_get(reply, "base64");
    json_int_t size = json_integer_value(json_object_get(reply, "size"));
    const char *error = json_string_value(json_object_get(reply, "error"));
    if (err || !json_is_true(json_object_get(reply, "ok")) || !stamp || !text || size < 0) {
        leave_out(f, err ? err->text : error ? error : "the box sent a piece that can't be read");
        return false;
    }
    if (!f->data) {
        f->size = (uint64_t)size;
        const struct kg_files *files = &f->gather->carry->workspace->files;
        if (kg_files_may_put(files, f->path, f->size, &full) < 0) {
            leave_out(f, full.text);
            return false;
        }
        f->data = kg_blob_new((size_t)size);
        crypto_hash_sha256_init(&f->sum);
        snprintf(f->stamp, sizeof f->stamp, "%s", stamp);
    }
    size_t got = 0;
    if (strcmp(f->stamp, stamp) != 0 ||
        sodium_base642bin(f->data->data + f->got, f->data->len - f->got, json_string_value(text),
                          json_string_length(text), NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) < 0 ||
        (got == 0 && f->got < f->size)) {
        leave_out(f, "it was changed while it was read");
        return false;
    }
    crypto_hash_sha256_update(&f->sum, f->data->data + f->got, got);
    f->got += got;
    if (f->got < f->size)
        return true;
    uint8_t sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&f->sum, sum);
    sodium_bin2hex(f->hash, sizeof f->hash, sum, sizeof sum);
    fetched(f);
    return false;
}

static void piece_came(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_fetch *f = user;
    struct kg_gather *g = f->gather;
    g->due--;
    if (!g->carry) {
        kg_gather_forget(g);
        return;
    }
    if (take_piece(f, reply, err))
        ask_piece(f);
    else
        go_on(g);
}

static void ask_piece(struct kg_fetch *f)
{
    f->gather->due++;
    pl_box_request(f->gather->carry->box, "files.get",
                   json_pack("{s:s,s:I}", "path", f->path, "offset", (json_int_t)f->got), NULL, 0,
                   piece_came, f);
}

static void go_on(struct kg_gather *g)
{
    struct kg_err full = {0};
    while (g->live < AT_ONCE && g->next < g->count) {
        struct kg_fetch *f = &g->fetches[g->next++];
        const struct kg_files *files = &g->carry->workspace->files;
        g->live++;
        if (kg_files_may_put(files, f->path, f->size, &full) < 0) {
            leave_out(f, full.text); /* nothing is fetched that can't be kept */
            continue;
        }
        ask_piece(f);
    }
    if (g->live == 0)
        finish(g, NULL);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct kg_fetch *)a)->path, ((const struct kg_fetch *)b)->path);
}

static void take_list(struct kg_gather *g, const json_t *reply)
{
    const json_t *changed = json_object_get(reply, "changed");
    size_t i;
    json_t *one;
    g->fetches = kg_calloc(json_array_size(changed) + 1, sizeof *g->fetches);
    json_array_foreach(changed, i, one) {
        const char *path = json_string_value(json_object_get(one, "path"));
        json_int_t size = json_integer_value(json_object_get(one, "size"));
        json_int_t mode = json_integer_value(json_object_get(one, "mode"));
        if (!path || size < 0)
            continue;
        g->fetches[g->count++] = (struct kg_fetch){.gather = g,
                                                   .path = kg_strdup(path),
                                                   .size = (uint64_t)size,
                                                   .executable = mode & 0100};
    }
    qsort(g->fetches, g->count, sizeof *g->fetches, by_path);
    g->deleted = json_deep_copy(json_object_get(reply, "deleted"));
    g->odd = json_deep_copy(json_object_get(reply, "odd"));
    g->odd_count = (unsigned)json_integer_value(json_object_get(reply, "odd_count"));
    g->more = json_is_true(json_object_get(reply, "more"));
}

static void listed(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_gather *g = user;
    g->due--;
    if (!g->carry) {
        kg_gather_forget(g);
    } else if (err || !json_is_true(json_object_get(reply, "ok"))) {
        const char *said = json_string_value(json_object_get(reply, "error"));
        const char *why = err ? err->text : said ? said : "refused by the box";
        kg_log(KG_WARN, "files", "not gathered", "id=%s why=\"%s\"", g->carry->id, why);
        finish(g, why);
    } else {
        take_list(g, reply);
        go_on(g);
    }
}

void kg_carry_gather(struct kg_carry *c, kg_carry_done *done, void *user)
{
    struct kg_gather *g = kg_calloc(1, sizeof *g);
    g->carry = c;
    g->done = done;
    g->user = user;
    g->due = 1;
    c->gather = g;
    pl_box_request(c->box, "files.changed", NULL, NULL, 0, listed, g);
}
