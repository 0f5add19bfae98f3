#include "kernelgw/core/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/core/checks.h"
#include "kernelgw/core/env.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/program_option.h"

static int read_phase(struct kg_phase *phase, const json_t *v, const char *where,
                      struct kg_err *err)
{
    static const char *const names[] = {"name", "argv", "memory_mb", "lend", NULL};
    const json_t *lend = json_object_get(v, "lend");
    if (!json_is_object(v))
        return kg_err_set(err, -EINVAL, "%s must be an object", where);
    int rc = kg_check_only(v, where, names, err);
    const char *name = rc == 0 ? kg_check_text(v, where, "name", err) : NULL;
    if (!name)
        return -EINVAL;
    rc = kg_check_argv(json_object_get(v, "argv"), where, err);
    if (rc == 0)
        rc = kg_check_number(&phase->memory_mb, v, where, "memory_mb", KG_MEMORY_MB_MIN,
                             KG_MEMORY_MB_MAX, err);
    if (rc == 0 && lend && !json_is_boolean(lend))
        rc = kg_err_set(err, -EINVAL, "%slend must be true or false", where);
    if (rc < 0)
        return rc;
    phase->name = kg_strdup(name);
    phase->argv = json_incref(json_object_get(v, "argv"));
    phase->lend = json_is_true(lend);
    return 0;
}

static int read_phases(struct kg_program *p, const json_t *list, struct kg_err *err)
{
    size_t n = json_array_size(list);
    if (n == 0 || n > KG_PHASES_MAX)
        return kg_err_set(err, -EINVAL, "program.phases must be a list of 1 to %d phases",
                          KG_PHASES_MAX);
    p->phases = kg_calloc(n, sizeof *p->phases);
    for (size_t i = 0; i < n; i++) {
        char where[48];
        snprintf(where, sizeof where, "program.phases[%zu].", i);
        p->phase_count = i + 1;
        int rc = read_phase(&p->phases[i], json_array_get(list, i), where, err);
        if (rc < 0)
            return rc;
        if (kg_program_phase(p, p->phases[i].name, 0) < i)
            return kg_err_set(err, -EINVAL, "%sname: there is a phase \"%.40s\" already", where,
                              p->phases[i].name);
    }
    return 0;
}

static int check_extensions(const json_t *list, struct kg_err *err)
{
    size_t i;
    const json_t *v;
    if (list && !json_is_array(list))
        return kg_err_set(err, -EINVAL, "program.extensions must be a list like [\".py\"]");
    json_array_foreach(list, i, v) {
        const char *text = json_string_value(v);
        if (!text || text[0] != '.' || !text[1] || strchr(text, '/'))
            return kg_err_set(err, -EINVAL, "program.extensions[%zu] must be a string like \".py\"",
                              i);
    }
    return 0;
}

int kg_program_new(struct kg_program **out, const json_t *program, struct kg_err *err)
{
    static const char *const names[] = {"extensions", "phases", "env", "options", "display", NULL};
    if (!json_is_object(program))
        return kg_err_set(err, -EINVAL, "program must be an object");
    struct kg_program *p = kg_calloc(1, sizeof *p);
    json_t *env = json_object_get(program, "env");
    int rc = kg_check_only(program, "program.", names, err);
    const json_t *display = json_object_get(program, "display");
    if (rc == 0 && display && !json_is_boolean(display))
        rc = kg_err_set(err, -EINVAL, "program.display must be true or false");
    if (rc == 0)
        rc = check_extensions(json_object_get(program, "extensions"), err);
    if (rc == 0)
        rc = read_phases(p, json_object_get(program, "phases"), err);
    if (rc == 0 && (rc = kg_env_check(env, err)) < 0)
        kg_err_wrap(err, "program");
    if (rc == 0)
        rc = kg_program_options_read(p, json_object_get(program, "options"), err);
    if (rc < 0) {
        kg_program_free(p);
        return rc;
    }
    p->env = json_is_object(env) ? json_incref(env) : json_object();
    p->display = json_is_true(display);
    *out = p;
    return 0;
}

void kg_program_free(struct kg_program *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->phase_count; i++) {
        free(p->phases[i].name);
        json_decref(p->phases[i].argv);
    }
    free(p->phases);
    kg_program_options_free(p);
    json_decref(p->env);
    free(p);
}

uint32_t kg_program_memory(const struct kg_program *p, size_t phase, uint32_t asked_mb)
{
    uint32_t mb = asked_mb ? asked_mb : p->memory_mb;
    uint32_t own = phase < p->phase_count ? p->phases[phase].memory_mb : 0;
    /* a figure of its own is what it needs, more or less; one that was asked for can only add to it */
    return own && (!asked_mb || own > mb) ? own : mb;
}

uint32_t kg_program_most_memory(const struct kg_program *p, uint32_t asked_mb)
{
    uint32_t most = 0;
    for (size_t i = 0; i < p->phase_count; i++) {
        uint32_t mb = kg_program_memory(p, i, asked_mb);
        most = mb > most ? mb : most;
    }
    return most;
}

size_t kg_program_phase(const struct kg_program *p, const char *name, size_t after)
{
    size_t i = after;
    while (i < p->phase_count && strcmp(p->phases[i].name, name) != 0)
        i++;
    return i;
}

/* A name that begins with - would be taken for an option. */
static json_t *filled(const char *text, const char *entry)
{
    const char *hole = strstr(text, "{entry}");
    if (!hole)
        return json_string(text);
    kg_autofree char *whole =
        kg_asprintf("%.*s%s%s%s", (int)(hole - text), text,
                    entry[0] == '-' && hole == text ? "./" : "", entry, hole + strlen("{entry}"));
    return json_string(whole);
}

json_t *kg_program_start(const struct kg_program *p, const char *entry, json_t *args,
                         int64_t wall_ms, int64_t compile_ms)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->phase_count; i++) {
        const struct kg_phase *phase = &p->phases[i];
        bool last = i + 1 == p->phase_count;
        json_t *argv = json_array();
        for (size_t n = 0; n < json_array_size(phase->argv); n++)
            json_array_append_new(argv,
                                  filled(json_string_value(json_array_get(phase->argv, n)), entry));
        if (last && args)
            json_array_extend(argv, args);
        json_t *one = json_pack("{s:s,s:o,s:I}", "name", phase->name, "argv", argv, "wall_ms",
                                (json_int_t)(last ? wall_ms : compile_ms));
        if (i > 0)
            json_object_set_new(one, "pause", json_true());
        json_array_append_new(list, one);
    }
    return list;
}
