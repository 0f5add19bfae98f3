/* Where kernelspecs are looked for. Source: jupyter_core 5.7 paths.py, jupyter_path. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jupyter/kernelspec.h"

void jy_spec_path_add(struct jy_spec_path *p, const char *kernels_dir)
{
    if (kernels_dir[0] == 0)
        return;
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->dirs[i], kernels_dir) == 0)
            return;
    p->dirs = kg_realloc(p->dirs, (p->count + 1) * sizeof *p->dirs);
    p->dirs[p->count++] = kg_strdup(kernels_dir);
}

static void add_data_dir(struct jy_spec_path *p, const char *data_dir, const char *below)
{
    size_t n = strlen(data_dir);
    while (n > 1 && data_dir[n - 1] == '/')
        n--;
    if (n == 0)
        return;
    kg_autofree char *dir = kg_asprintf("%.*s%s/kernels", (int)n, data_dir, below);
    jy_spec_path_add(p, dir);
}

static void add_list(struct jy_spec_path *p, const char *list)
{
    while (*list) {
        size_t n = strcspn(list, ":");
        kg_autofree char *entry = kg_strndup(list, n);
        add_data_dir(p, entry, "");
        list += n + (list[n] == ':');
    }
}

static const char *set(char *(*getenv_fn)(const char *name), const char *name)
{
    const char *v = getenv_fn(name);
    return v && v[0] ? v : NULL;
}

void jy_spec_path_default(struct jy_spec_path *out, const char *const *prefixes,
                          char *(*getenv_fn)(const char *name))
{
    *out = (struct jy_spec_path){0};
    const char *v;
    if ((v = set(getenv_fn, "JUPYTER_PATH")))
        add_list(out, v);
    if ((v = set(getenv_fn, "JUPYTER_DATA_DIR")))
        add_data_dir(out, v, "");
    else if ((v = set(getenv_fn, "XDG_DATA_HOME")))
        add_data_dir(out, v, "/jupyter");
    else if ((v = set(getenv_fn, "HOME")))
        add_data_dir(out, v, "/.local/share/jupyter");
    for (size_t i = 0; prefixes && prefixes[i]; i++)
        add_data_dir(out, prefixes[i], "/share/jupyter");
    add_data_dir(out, "/usr/local", "/share/jupyter");
    add_data_dir(out, "/usr", "/share/jupyter");
}

void jy_spec_path_release(struct jy_spec_path *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->dirs[i]);
    free(p->dirs);
    *p = (struct jy_spec_path){0};
}
