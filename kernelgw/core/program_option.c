#include "kernelgw/core/program_option.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buf.h"
#include "base/mem.h"
#include "kernelgw/core/checks.h"

enum {
    VALUE_BYTES_MAX = 4096,
    MATCH_STEPS_MAX = 100 * 1000, /* what a pattern may cost on a value made to be costly */
};

struct kg_program_option {
    char *name, *env, *pattern, *help;
    pcre2_code *code;
};

static bool is_variable(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return false;
    return true;
}

static int compile(struct kg_program_option *o, const char *where, struct kg_err *err)
{
    int code;
    size_t at;
    o->code =
        pcre2_compile((PCRE2_SPTR)o->pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (o->code)
        return 0;
    PCRE2_UCHAR why[120];
    pcre2_get_error_message(code, why, sizeof why);
    return kg_err_set(err, -EINVAL, "%spattern: at character %zu: %s", where, at,
                      (const char *)why);
}

static int read_option(struct kg_program_option *o, const char *name, const json_t *v,
                       struct kg_err *err)
{
    static const char *const names[] = {"env", "pattern", "help", NULL};
    kg_autofree char *where = kg_asprintf("program.options.%.60s.", name);
    if (!json_is_object(v))
        return kg_err_set(err, -EINVAL, "program.options.%.60s must be an object", name);
    int rc = kg_check_only(v, where, names, err);
    const char *env = rc == 0 ? kg_check_text(v, where, "env", err) : NULL;
    const char *pattern = env ? kg_check_text(v, where, "pattern", err) : NULL;
    if (!pattern)
        return -EINVAL;
    if (!is_variable(env))
        return kg_err_set(err, -EINVAL, "%senv must be a variable's name, not \"%.60s\"", where,
                          env);
    const char *help = NULL;
    if (json_object_get(v, "help") && !(help = kg_check_text(v, where, "help", err)))
        return -EINVAL;
    *o = (struct kg_program_option){.name = kg_strdup(name),
                                    .env = kg_strdup(env),
                                    .pattern = kg_strdup(pattern),
                                    .help = help ? kg_strdup(help) : NULL};
    return compile(o, where, err);
}

int kg_program_options_read(struct kg_program *p, const json_t *options, struct kg_err *err)
{
    const char *name;
    const json_t *v;
    if (options && !json_is_object(options))
        return kg_err_set(err, -EINVAL, "program.options must be an object");
    p->options = kg_calloc(json_object_size(options) + 1, sizeof *p->options);
    json_object_foreach((json_t *)(uintptr_t)options, name, v) {
        int rc = read_option(&p->options[p->option_count++], name, v, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void kg_program_options_free(struct kg_program *p)
{
    for (size_t i = 0; i < p->option_count; i++) {
        struct kg_program_option *o = &p->options[i];
        free(o->name);
        free(o->env);
        free(o->pattern);
        free(o->help);
        pcre2_code_free(o->code);
    }
    free(p->options);
}

static bool matches(const struct kg_program_option *o, const json_t *v)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(limits, MATCH_STEPS_MAX);
    pcre2_set_depth_limit(limits, MATCH_STEPS_MAX);
    int rc = pcre2_match(o->code, (PCRE2_SPTR)json_string_value(v), json_string_length(v), 0, 0,
                         data, limits);
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    return rc >= 0;
}

static int no_such(const struct kg_program *p, const char *name, struct kg_err *err)
{
    kg_autobuf all = {0};
    for (size_t i = 0; i < p->option_count; i++)
        kg_buf_printf(&all, "%s%s", i ? ", " : "", p->options[i].name);
    if (all.len == 0)
        return kg_err_set(err, -EINVAL, "options.%.60s: this language has no options", name);
    return kg_err_set(err, -EINVAL, "options.%.60s: there is no such option; there is: %s", name,
                      kg_buf_cstr(&all));
}

static int take(const struct kg_program_option *o, const json_t *v, json_t *env, struct kg_err *err)
{
    size_t n = json_string_length(v);
    if (!json_is_string(v) || strlen(json_string_value(v)) != n || n > VALUE_BYTES_MAX)
        return kg_err_set(err, -EINVAL, "options.%s must be a string of at most %d bytes", o->name,
                          VALUE_BYTES_MAX);
    if (!matches(o, v))
        return kg_err_set(err, -EINVAL, "options.%s must be %s%s, not \"%.60s\"", o->name,
                          o->help ? "" : "what matches ", o->help ? o->help : o->pattern,
                          json_string_value(v));
    json_object_set(env, o->env, (json_t *)(uintptr_t)v);
    return 0;
}

int kg_program_take_options(const struct kg_program *p, const json_t *options, json_t *env,
                            struct kg_err *err)
{
    const char *name;
    const json_t *v;
    if (!options || json_is_null(options))
        return 0;
    if (!json_is_object(options))
        return kg_err_set(err, -EINVAL, "options must be an object");
    json_object_foreach((json_t *)(uintptr_t)options, name, v) {
        size_t i = 0;
        while (i < p->option_count && strcmp(p->options[i].name, name) != 0)
            i++;
        if (i == p->option_count)
            return no_such(p, name, err);
        int rc = json_is_null(v) ? 0 : take(&p->options[i], v, env, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int kg_program_check_env(const struct kg_program *p, const json_t *env, struct kg_err *err)
{
    for (size_t i = 0; i < p->option_count; i++)
        if (json_object_get(env, p->options[i].env))
            return kg_err_set(err, -EINVAL, "env.%.60s: say it as options.%s", p->options[i].env,
                              p->options[i].name);
    return 0;
}
