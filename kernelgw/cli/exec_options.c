#include "kernelgw/cli/exec_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void kg_exec_help(FILE *out)
{
    fputs(
        "usage: kernelgw exec NOTEBOOK [-o OUTPUT] [-p NAME VALUE]... [--url URL] [options] [-- server options]\n"
        "\n"
        "Runs a notebook, cell by cell, and writes it with its outputs, while it runs and at the end.\n"
        "NOTEBOOK and OUTPUT may be - for standard input and output.\n"
        "\n"
        "  -o, --output FILE       where it goes; without, the notebook itself gets the outputs\n"
        "  -p, --parameter NAME VALUE\n"
        "                          a parameter: VALUE is JSON (7, true, [1, 2], \"text\"), and what is no JSON is text\n"
        "  -r, --raw NAME TEXT     a parameter that is text, whatever it looks like\n"
        "  -k, --kernel NAME       a kernel other than the notebook's\n"
        "  --timeout S             seconds that each cell may take; then it is interrupted, and the run ends\n"
        "  --allow-errors          go on behind a cell that raised an error\n"
        "  --no-timing             don't write down in the notebook when each cell ran (metadata.execution)\n"
        "  --url URL               a running server, as it printed its URL (KERNELGW_URL)\n"
        "  --token TOKEN           its token, if the URL has none (KERNELGW_TOKEN)\n"
        "  -q, --quiet             no progress\n"
        "  -h, --help              print this and exit\n"
        "\n"
        "Without a URL a server is started for this run alone. Kernels are then your own processes, NOT in boxes, as with\n"
        "nbclient and papermill; what follows -- are its options (-- --engine oci --boxd SOCKET: boxes).\n"
        "\n"
        "Exit status: 0 all cells ran; 1 a cell raised an error; 2 the command, the notebook or a parameter is wrong; 3 the\n"
        "server could not be reached or could not run it; 4 a cell took too long; 5 the kernel died; 6 the outputs could not\n"
        "be written; 130 interrupted (Ctrl-C stops the run and keeps its outputs; a second one leaves at once).\n",
        out);
}

/* What papermill's -p takes for more than text: also as Python writes it. */
static json_t *value_of(const char *text)
{
    if (strcmp(text, "True") == 0)
        return json_true();
    if (strcmp(text, "False") == 0)
        return json_false();
    if (strcmp(text, "None") == 0)
        return json_null();
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    return v ? v : json_string(text);
}

static int add_parameter(struct kg_exec_options *o, const char *name, const char *text, bool raw,
                         struct kg_err *err)
{
    json_t *v = raw ? json_string(text) : value_of(text);
    if (!v)
        return kg_err_set(err, -EINVAL, "parameter %.60s: its value is no UTF-8", name);
    if (!o->parameters)
        o->parameters = json_object();
    return json_object_set_new(o->parameters, name, v) == 0
               ? 0
               : kg_err_set(err, -EINVAL, "the parameter's name is no UTF-8");
}

static int read_timeout(double *out, const char *text, struct kg_err *err)
{
    char *rest = NULL;
    *out = strtod(text, &rest);
    if (rest == text || *rest || !(*out > 0) || *out > 86400)
        return kg_err_set(
            err, -EINVAL,
            "--timeout must be a number of seconds above 0, 86400 at most, not \"%.40s\"", text);
    return 0;
}

static bool is(const char *arg, const char *brief, const char *name)
{
    return (brief && strcmp(arg, brief) == 0) || strcmp(arg, name) == 0;
}

/* One option with its values, at argv[*i], which moves behind the last of them. */
static int read_one(struct kg_exec_options *o, int argc, char *const *argv, int *i,
                    struct kg_err *err)
{
    const char *arg = argv[*i];
    bool raw = is(arg, "-r", "--raw");
    const struct {
        const char *brief, *name;
        const char **text;
    } texts[] = {{"-o", "--output", &o->output},
                 {"-k", "--kernel", &o->kernel},
                 {NULL, "--url", &o->url},
                 {NULL, "--token", &o->token}};
    const struct {
        const char *brief, *name;
        bool *flag;
    } flags[] = {{NULL, "--allow-errors", &o->allow_errors},
                 {NULL, "--no-timing", &o->no_timing},
                 {"-q", "--quiet", &o->quiet},
                 {"-h", "--help", &o->help}};
    for (size_t f = 0; f < KG_COUNT(flags); f++)
        if (is(arg, flags[f].brief, flags[f].name)) {
            *flags[f].flag = true;
            return 0;
        }
    if (raw || is(arg, "-p", "--parameter")) {
        *i += 2;
        return *i < argc ? add_parameter(o, argv[*i - 1], argv[*i], raw, err)
                         : kg_err_set(err, -EINVAL, "%s needs a name and a value", arg);
    }
    const char **text = NULL;
    for (size_t t = 0; t < KG_COUNT(texts); t++)
        if (is(arg, texts[t].brief, texts[t].name))
            text = texts[t].text;
    bool timeout = strcmp(arg, "--timeout") == 0;
    if (!text && !timeout)
        return kg_err_set(err, -EINVAL,
                          "there is no option \"%.60s\": kernelgw exec --help lists them", arg);
    if (++*i >= argc)
        return kg_err_set(err, -EINVAL, "%s needs a value", arg);
    if (timeout)
        return read_timeout(&o->timeout_s, argv[*i], err);
    *text = argv[*i];
    return 0;
}

int kg_exec_options_read(struct kg_exec_options *o, int argc, char *const *argv, struct kg_err *err)
{
    static char *const none[] = {NULL};
    *o = (struct kg_exec_options){.server = none};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            o->server = argv + i + 1;
            break;
        }
        int rc = 0;
        if (argv[i][0] == '-' && argv[i][1])
            rc = read_one(o, argc, argv, &i, err);
        else if (o->notebook)
            rc = kg_err_set(err, -EINVAL, "one notebook at a time: %.60s and %.60s", o->notebook,
                            argv[i]);
        else
            o->notebook = argv[i];
        if (rc < 0)
            return rc;
    }
    /* NOLINTBEGIN(concurrency-mt-unsafe): before any thread */
    if (!o->url)
        o->url = getenv("KERNELGW_URL");
    if (!o->token)
        o->token = getenv("KERNELGW_TOKEN");
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (o->help)
        return 0;
    if (!o->notebook)
        return kg_err_set(err, -EINVAL, "which notebook? kernelgw exec --help says more");
    if (o->url && o->server[0])
        return kg_err_set(err, -EINVAL,
                          "options behind -- are for a server of its own, and there is a URL");
    if (!o->output)
        o->output = o->notebook;
    return 0;
}

void kg_exec_options_release(struct kg_exec_options *o)
{
    json_decref(o->parameters);
    o->parameters = NULL;
}
