/* From a request to a run in the line: the document is read, its kernel is chosen, its parameters are put in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/headless/inside.h"
#include "notebooks/contents.h"
#include "notebooks/document.h"
#include "notebooks/parameters.h"

struct load {
    uv_work_t work;
    struct kg_nbrun *run;
    kg_nbrun_started *done;
    void *user;
    int rc;
    struct kg_err err;
};

/* --- on a thread of the pool --- */

static int read_file(struct load *l)
{
    struct kg_nbrun *r = l->run;
    struct nb_root *root = r->store.root;
    kg_autobuf bytes = {0};
    struct stat st;
    kg_autoclose int fd = nb_file_open(root, r->spec.path, &st, &l->err);
    if (fd < 0)
        return fd;
    int rc = nb_file_read(&bytes, fd, KG_NB_BYTES, r->spec.path, &l->err);
    if (rc == 0)
        rc = nb_read(&r->nb, kg_span_of(bytes.data, bytes.len), &l->err);
    if (rc < 0)
        return rc;
    r->bytes = bytes.len;
    if (!kg_nb_is_product(r))
        nb_hash(r->store.hash, bytes.data, bytes.len);
    return 0;
}

/* A document that came with the request counts as its text does. */
static int read_given(struct load *l)
{
    struct kg_nbrun *r = l->run;
    int rc = nb_adopt(r->spec.notebook, &l->err);
    if (rc < 0)
        return rc;
    kg_autobuf bytes = {0};
    nb_write(&bytes, r->spec.notebook);
    r->bytes = bytes.len;
    r->nb = kg_steal(&r->spec.notebook);
    return 0;
}

static void work(uv_work_t *w)
{
    struct load *l = w->data;
    l->rc = l->run->spec.notebook ? read_given(l) : read_file(l);
}

/* --- on the loop --- */

static bool has_kernel(const struct kg_runtime *rt)
{
    return rt && rt->pool.kernel_start;
}

static int no_such_kernel(const struct kg_core *core, const char *name, struct kg_err *err)
{
    kg_autobuf names = {0};
    for (size_t i = 0; i < core->runtimes.specs.count; i++)
        kg_buf_printf(&names, "%s%s", i ? ", " : "", core->runtimes.specs.items[i].name);
    return kg_err_set(err, -EINVAL, "there is no kernel %.60s here; there is: %.200s", name,
                      names.len ? kg_buf_cstr(&names) : "none at all");
}

static int choose_kernel(struct kg_nbrun *r, struct kg_err *err)
{
    const struct kg_core *core = r->all->core;
    const json_t *metadata = json_object_get(r->nb, "metadata");
    const char *name = r->spec.kernel_name;
    if (!name)
        name = json_string_value(json_object_get(json_object_get(metadata, "kernelspec"), "name"));
    const char *language =
        json_string_value(json_object_get(json_object_get(metadata, "language_info"), "name"));
    for (size_t i = 0; !name && language && i < core->runtimes.count; i++)
        if (strcmp(core->runtimes.items[i].language, language) == 0 &&
            has_kernel(&core->runtimes.items[i]))
            name = core->runtimes.items[i].name;
    if (!name)
        name = core->config.default_kernel;
    r->runtime = kg_runtimes_find(&core->runtimes, name);
    return has_kernel(r->runtime) ? 0 : no_such_kernel(core, name, err);
}

static int admit(struct kg_nbrun *r, struct kg_err *err)
{
    int rc = choose_kernel(r, err);
    if (rc == 0 && r->spec.parameters)
        rc = nb_set_parameters(r->nb, r->runtime->language, r->spec.parameters, err);
    if (rc < 0)
        return rc;
    nb_give_ids(r->nb);
    if (r->all->bytes > KG_NB_BYTES_ALL)
        return kg_err_set(err, -EAGAIN, "too many notebooks are in memory: try again later");
    return kg_nbruns_add(r, err);
}

static void loaded(uv_work_t *w, int status)
{
    struct load *l = w->data;
    struct kg_nbrun *r = l->run;
    struct kg_nbruns *all = r->all;
    (void)status; /* never cancelled */
    if (l->rc < 0)
        r->bytes = 0;
    all->bytes += r->bytes;
    if (l->rc == 0)
        l->rc = admit(r, &l->err);
    all->loading--;
    l->done(l->user, l->rc < 0 ? NULL : r, l->rc < 0 ? &l->err : NULL);
    if (l->rc < 0)
        kg_nbrun_free(r);
    free(l);
    kg_nbruns_check_closed(all);
}

void kg_nbrun_start(struct kg_nbruns *all, struct kg_nbrun_spec *spec, struct nb_root *root,
                    kg_nbrun_started *done, void *user)
{
    struct kg_nbrun *r = kg_calloc(1, sizeof *r);
    struct load *l = kg_calloc(1, sizeof *l);
    r->all = all;
    r->spec = *spec;
    *spec = (struct kg_nbrun_spec){0};
    r->created_us = kg_clock_wall_us();
    kg_uuid4(r->id);
    kg_nb_store_init(r);
    const char *to = r->spec.output_path ? r->spec.output_path : r->spec.path;
    if (root)
        r->store.root = nb_root_ref(root);
    if (to)
        r->store.path = kg_strdup(to);
    *l = (struct load){.run = r, .done = done, .user = user};
    l->work.data = l;
    all->loading++;
    uv_queue_work(all->core->loop, &l->work, work, loaded);
}
