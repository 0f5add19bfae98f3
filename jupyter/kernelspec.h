#ifndef JY_KERNELSPEC_H
#define JY_KERNELSPEC_H
/*
 * Kernelspecs: directories with a kernel.json and resources (logos, kernel.js, kernel.css). Reads disks,
 * so it blocks: for start-up and for explicit reloads, not for every request.
 * Source: jupyter_client documentation, "Kernel specs"; jupyter_client 8 kernelspec.py; jupyter_core 5
 * paths.py; jupyter_server 2.21 services/kernelspecs/handlers.py.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

enum { JY_KERNEL_JSON_MAX = 1024 * 1024, JY_KERNELSPECS_MAX = 1000 };

/* The places to look in, in order of precedence: directories that hold `NAME/kernel.json`. */
struct jy_spec_path {
    char **dirs;
    size_t count;
};

/*
 * As jupyter_core: every entry of JUPYTER_PATH, then the user's data directory (JUPYTER_DATA_DIR, or
 * XDG_DATA_HOME/jupyter, or HOME/.local/share/jupyter), then `prefixes` (NULL-terminated; each gives
 * PREFIX/share/jupyter; may be NULL), /usr/local/share/jupyter and /usr/share/jupyter; "/kernels" is
 * added to each. getenv_fn gives variables (secure_getenv does, or a test's own).
 */
void jy_spec_path_default(struct jy_spec_path *out, const char *const *prefixes,
                          char *(*getenv_fn)(const char *name));
void jy_spec_path_add(struct jy_spec_path *p, const char *kernels_dir);
void jy_spec_path_release(struct jy_spec_path *p);

struct jy_kernelspec {
    char *name;        /* lower case */
    char *dir;         /* "" for one that has no directory */
    json_t *spec;      /* what `spec` of GET /api/kernelspecs is: argv, env, display_name, language,
                        * interrupt_mode, metadata: all present and of the right type */
    json_t *resources; /* {"logo-64x64": "/kernelspecs/NAME/logo-64x64.png", ...} */
};

struct jy_kernelspecs {
    struct jy_kernelspec *items; /* by name, ascending */
    size_t count;
};

/* True for 1 to 255 of [a-zA-Z0-9._-], not "." or "..". */
bool jy_kernelspec_name_ok(const char *name);

/* Reads the text of a kernel.json. *out is a new reference. -EPROTO names the member at fault. */
int jy_kernelspec_parse(json_t **out, struct kg_span json, struct kg_err *err);

/* Reads every kernelspec below path; a name found twice counts where it was found first. What can't be
 * read is told to warn (may be NULL; one sentence) and skipped. Never fails. */
void jy_kernelspecs_scan(struct jy_kernelspecs *out, const struct jy_spec_path *path,
                         void (*warn)(void *user, const char *dir, const char *why), void *user);
/* Adds or replaces one; takes copies of the strings and references of the objects. resources may be NULL. */
void jy_kernelspecs_put(struct jy_kernelspecs *k, const char *name, const char *dir, json_t *spec,
                        json_t *resources);
/* By name, case-insensitively; NULL when there is none. */
const struct jy_kernelspec *jy_kernelspecs_find(const struct jy_kernelspecs *k, const char *name);
void jy_kernelspecs_release(struct jy_kernelspecs *k);

/* {"name","spec","resources"}: a new reference. */
json_t *jy_kernelspec_model(const struct jy_kernelspec *k);
/* argv with {resource_dir} replaced, {connection_file} left to the agent: a new reference. */
json_t *jy_kernelspec_argv(const struct jy_kernelspec *k);

/*
 * Opens a resource by its decoded name, which may hold slashes but no empty part, no part that starts
 * with a dot, and no link on the way. Returns 0 with *fd (the caller's, a regular file) and *size;
 * -ENOENT (also for a link to a directory on the way); -EACCES for a name or file that may not be served.
 */
int jy_kernelspec_open_resource(const struct jy_kernelspec *k, const char *name, int *fd,
                                size_t *size, struct kg_err *err);

#endif
