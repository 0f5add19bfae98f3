#include "kernelgw/core/carry.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/core/carry_impl.h"

struct kg_given *kg_given_find(const struct kg_carry *c, const char *path)
{
    struct kg_given *g = NULL;
    HASH_FIND_STR(c->given, path, g);
    return g;
}

void kg_given_set(struct kg_carry *c, const char *path, uint64_t revision, const char *hash)
{
    struct kg_given *g = kg_given_find(c, path);
    if (!g) {
        size_t n = strlen(path) + 1;
        g = kg_calloc(1, sizeof *g + n);
        memcpy(g->path, path, n);
        HASH_ADD_STR(c->given, path, g);
    }
    g->revision = revision;
    snprintf(g->hash, sizeof g->hash, "%s", hash ? hash : "");
}

void kg_given_drop(struct kg_carry *c, struct kg_given *g)
{
    HASH_DEL(c->given, g);
    free(g);
}

void kg_carry_begin(struct kg_carry *c, struct kg_workspace *w, struct pl_box *box, const char *id)
{
    kg_carry_end(c);
    c->workspace = w;
    c->box = box;
    snprintf(c->id, sizeof c->id, "%s", id);
    w->refs++;
}

void kg_carry_adopt(struct kg_carry *c, struct kg_workspace *w, struct pl_box *box, const char *id)
{
    kg_carry_begin(c, w, box, id);
    for (const struct kg_file *f = w->files.table; f; f = f->hh.next)
        kg_given_set(c, f->path, f->revision, NULL);
}

void kg_carry_move(struct kg_carry *to, struct kg_carry *from, kg_carry_done *done, void *user)
{
    *to = *from;
    *from = (struct kg_carry){0};
    if (!to->gather)
        return;
    to->gather->carry = to;
    to->gather->done = done;
    to->gather->user = user;
}

void kg_carry_end(struct kg_carry *c)
{
    if (c->gather)
        kg_gather_forget(kg_steal(&c->gather));
    struct kg_given *g, *next;
    HASH_ITER(hh, c->given, g, next)
        kg_given_drop(c, g);
    if (c->workspace)
        kg_workspace_unref(kg_steal(&c->workspace));
    c->box = NULL;
}

void kg_carry_note(struct kg_carry *c, const char *path)
{
    if (!c->workspace)
        return;
    const struct kg_file *f = kg_files_find(&c->workspace->files, path);
    kg_given_set(c, path, f ? f->revision : 0, NULL);
}

size_t kg_carry_send(struct kg_carry *c, bool files, pl_reply *done, void *user)
{
    size_t n = 0;
    if (!c->workspace)
        return 0;
    for (const struct kg_file *f = c->workspace->files.table; f; f = f->hh.next) {
        if (kg_given_find(c, f->path))
            continue;
        kg_given_set(c, f->path, f->revision, files ? f->hash : NULL);
        if (!files)
            continue;
        json_t *req =
            json_pack("{s:s,s:i,s:I,s:I}", "path", f->path, "mode", (int)f->mode, "size",
                      (json_int_t)f->data->len, "mtime_ms", (json_int_t)(f->modified_us / 1000));
        pl_box_request(c->box, "files.put", req, f->data->data, f->data->len, done, user);
        n++;
    }
    pl_box_request(c->box, "files.mark", NULL, NULL, 0, done, user);
    return n + 1;
}
