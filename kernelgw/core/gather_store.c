/* What was fetched from a box, brought into its workspace, and what is told of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/core/carry_impl.h"

/* Of each list: a model is read often, and the rest is found in the workspace's own list. */
enum { TOLD_MAX = 100 };

struct telling {
    json_t *changed, *deleted, *conflicts, *left_out;
    bool more;
};

static void add(struct telling *t, json_t *list, json_t *one)
{
    if (json_array_size(list) < TOLD_MAX) {
        json_array_append_new(list, one);
    } else {
        json_decref(one);
        t->more = true;
    }
}

/* "a/b.txt" is kept as "a/b.conflict-12345678.txt" */
static char *beside(const char *path, const char *id)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot > name ? (size_t)(dot - path) : strlen(path);
    return kg_asprintf("%.*s.conflict-%.8s%s", (int)stem, path, id, path + stem);
}

static void leave_out(struct telling *t, const char *path, const char *why)
{
    add(t, t->left_out, json_pack("{s:s,s:s}", "path", path, "why", why));
}

static void put(struct telling *t, struct kg_carry *c, const struct kg_fetch *f)
{
    const char *hash = f->hash;
    struct kg_files *files = &c->workspace->files;
    const struct kg_given *given = kg_given_find(c, f->path);
    const struct kg_file *now = kg_files_find(files, f->path);
    kg_autofree char *other = NULL;
    struct kg_err err = {0};
    uint64_t then = given ? given->revision : 0;
    bool same = now && strcmp(now->hash, hash) == 0 && !(now->mode & 0100) == !f->executable;
    if (same) {
        kg_given_set(c, f->path, now->revision, hash);
        return;
    }
    /* somebody else has written it since the box was given it; one who has deleted it loses */
    if (now && now->revision != then)
        other = beside(f->path, c->id);
    const char *path = other ? other : f->path;
    if (kg_files_put(files, path, f->data, hash, f->executable, &err) < 0) {
        leave_out(t, f->path, err.text);
        return;
    }
    kg_given_set(c, f->path, other ? then : files->revision, hash);
    kg_workspace_note(c->workspace, "file", now && !other ? "changed" : "made", path);
    if (other)
        add(t, t->conflicts, json_pack("{s:s,s:s}", "path", f->path, "kept_as", other));
    add(t, t->changed,
        json_pack("{s:s,s:I,s:s}", "path", path, "size", (json_int_t)f->data->len, "hash", hash));
}

static void delete_one(struct telling *t, struct kg_carry *c, const char *path)
{
    struct kg_given *given = kg_given_find(c, path);
    const struct kg_file *now = kg_files_find(&c->workspace->files, path);
    if (!given)
        return; /* nobody but the box had it */
    if (now && now->revision != given->revision) {
        add(t, t->conflicts, json_pack("{s:s,s:n}", "path", path, "kept_as"));
    } else {
        if (kg_files_remove(&c->workspace->files, path))
            kg_workspace_note(c->workspace, "file", "deleted", path);
        add(t, t->deleted, json_string(path));
    }
    kg_given_drop(c, given);
}

static void set_some(json_t *result, const char *key, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set(result, key, list);
    json_decref(list);
}

json_t *kg_gather_store(struct kg_gather *g)
{
    struct kg_carry *c = g->carry;
    struct kg_workspace *w = c->workspace;
    struct telling t = {json_array(), json_array(), json_array(), json_array(), g->more};
    uint64_t before = w->files.revision;
    size_t i;
    json_t *one;
    /* deletions first: a folder may have taken the place of a file */
    json_array_foreach(g->deleted, i, one) {
        if (json_is_string(one))
            delete_one(&t, c, json_string_value(one));
    }
    for (i = 0; i < g->count; i++) {
        const struct kg_fetch *f = &g->fetches[i];
        if (f->why[0]) {
            leave_out(&t, f->path, f->why);
            continue;
        }
        const struct kg_given *given = kg_given_find(c, f->path);
        const struct kg_file *now = kg_files_find(&w->files, f->path);
        bool touched = given && strcmp(given->hash, f->hash) == 0 &&
                       !(now && !(now->mode & 0100) != !f->executable);
        if (!touched)
            put(&t, c, f);
    }
    json_array_foreach(g->odd, i, one) {
        if (json_is_string(one))
            leave_out(&t, json_string_value(one),
                      "no regular file, or a name, depth or mode that can't be taken over");
    }
    t.more = t.more || g->odd_count > json_array_size(g->odd);
    json_t *result = json_object();
    set_some(result, "changed", t.changed);
    set_some(result, "deleted", t.deleted);
    set_some(result, "conflicts", t.conflicts);
    set_some(result, "left_out", t.left_out);
    if (t.more)
        json_object_set_new(result, "more", json_true());
    if (w->files.revision != before)
        kg_workspace_changed(w);
    if (json_object_size(result) == 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}
