#include "kernelgw/config.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

enum kind { TEXT, NUMBER, FLAG, OBJECT };

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t min, max;
    const char *initial; /* NULL: unset, 0, false */
    const char *help;
};

#define AT(field) offsetof(struct kg_config, field)

/* clang-format off: a table is read by its columns */
static const struct option options[] = {
    {"config", TEXT, AT(config), 0, 0, NULL, "JSON file with settings by these names"},
    {"address", TEXT, AT(address), 0, 0, "127.0.0.1",
     "address to listen on, or a path for a unix socket"},
    {"port", NUMBER, AT(port), 0, 65535, "8888", "port to listen on; 0: any free one"},
    {"base-url", TEXT, AT(base_url), 0, 0, "/",
     "path that everything is served under, behind a proxy"},
    {"token", TEXT, AT(token), 0, 0, NULL,
     "secret that clients must show; made at random when not given"},
    {"users", TEXT, AT(users), 0, 0, NULL,
     "JSON file of more users, each with a token: {\"ada\": {\"token_sha256\": HEX, \"role\": \"user\"}}"},
    {"user-quotas", OBJECT, AT(user_quotas), 0, 0, NULL,
     "what each of them may have unless the file says more: {\"kernels\": 4, \"cpu_s\": 3600}"},
    {"quota-period-s", NUMBER, AT(quota_period_s), 1, 31536000, "86400",
     "seconds in which cpu_s and output_mb of a user's quotas are counted"},
    {"anonymous", FLAG, AT(anonymous), 0, 0, NULL,
     "serve everybody who can connect, without a token"},
    {"allow-origin", TEXT, AT(allow_origin), 0, 0, NULL,
     "one more Origin whose pages may call, or *"},
    {"allow-origin-pat", TEXT, AT(allow_origin_pat), 0, 0, NULL,
     "regular expression that all of an Origin must fit for its pages to be allowed"},
    {"allow-credentials", FLAG, AT(allow_credentials), 0, 0, NULL,
     "pages of allowed Origins may read what a browser gets by its cookie, too"},
    {"lab-url", TEXT, AT(lab_url), 0, 0, NULL,
     "JupyterLab beside this server, which /lab leads to: a URL, or a path"},
    {"tls-cert", TEXT, AT(tls_cert), 0, 0, NULL, "certificate chain (PEM)"},
    {"tls-key", TEXT, AT(tls_key), 0, 0, NULL, "private key (PEM)"},
    {"contents-dir", TEXT, AT(contents_dir), 0, 0, NULL,
     "folder whose files and notebooks clients may read and write; none: no /api/contents"},
    {"allow-root", FLAG, AT(allow_root), 0, 0, NULL, "let the server run as root"},
    {"engine", TEXT, AT(engine), 0, 0, "oci",
     "oci: sandboxed boxes through boxd; process: NO isolation"},
    {"run-dir", TEXT, AT(run_dir), 0, 0, "/run/kernelgw", "folder for sockets"},
    {"state-dir", TEXT, AT(state_dir), 0, 0, NULL,
     "folder on a disk for output that has no room in memory; none: it is lost, and told"},
    {"spill-mb", NUMBER, AT(spill_mb), 1, 1048576, "256", "output of one kernel kept there"},
    {"spill-total-mb", NUMBER, AT(spill_total_mb), 1, 16777216, "4096", "output of all of them"},
    {"boxd", TEXT, AT(boxd), 0, 0, "/run/kernelgw/boxd.sock", "socket of kernelgw-boxd"},
    {"agent", TEXT, AT(agent), 0, 0, NULL,
     "the agent's program (engine process); default: beside this program"},
    {"runtimes", TEXT, AT(runtimes), 0, 0, "/usr/share/kernelgw/runtimes",
     "folder with a manifest folder for each language"},
    {"client", TEXT, AT(client), 0, 0, NULL,
     "folder with the files of the browser client; none: no page at /"},
    {"languages", TEXT, AT(languages), 0, 0, NULL,
     "runtimes to offer, separated by commas; default: all"},
    {"per-language", OBJECT, AT(per_language), 0, 0, NULL,
     "limits and stock of single languages: {\"java\": {\"limits\": {\"kernel\": {\"memory_mb\": 256}}}}"},
    {"default-kernel", TEXT, AT(default_kernel), 0, 0, "python3",
     "kernelspec for requests that name none; else the first"},
    {"max-connections", NUMBER, AT(max_connections), 1, 100000, "10000", "connections at once"},
    {"max-body-mb", NUMBER, AT(max_body_mb), 1, 1024, "64", "largest body of a request"},
    {"max-message-mb", NUMBER, AT(max_message_mb), 1, 64, "64",
     "largest WebSocket message from a client"},
    {"max-boxes", NUMBER, AT(max_boxes), 1, 60000, "1000", "boxes at once, stock included"},
    {"max-starting", NUMBER, AT(max_starting), 0, 256, "0",
     "boxes being started at once; 0: one a core"},
    {"max-kernels", NUMBER, AT(max_kernels), 1, 60000, "500", "kernels at once"},
    {"max-runs", NUMBER, AT(max_runs), 1, 60000, "500", "program runs at once"},
    {"max-queue", NUMBER, AT(queue_max), 0, 60000, "1000", "program runs that wait for their turn"},
    {"notebook-runs", NUMBER, AT(notebook_runs), 1, 60000, "8",
     "notebooks that the server runs at once; more wait"},
    {"queue-s", NUMBER, AT(queue_s), 1, 3600, "60", "seconds that a run waits for its turn"},
    {"max-sessions", NUMBER, AT(max_sessions), 1, 60000, "10000", "sessions (workspaces) at once"},
    {"session-runs", NUMBER, AT(session_runs), 1, 60000, "10",
     "runs of one session at once; more wait"},
    {"session-queue", NUMBER, AT(queue_session), 0, 60000, "100", "runs of one session that wait"},
    {"session-kernels", NUMBER, AT(session_kernels), 0, 60000, "0",
     "kernels of one session at once; 0: any number"},
    {"session-cpu-s", NUMBER, AT(session_cpu_s), 0, 1000000, "0",
     "processor time of all runs and kernels of one session; 0: no limit"},
    {"session-output-mb", NUMBER, AT(session_output_mb), 0, 1000000, "0",
     "output of all runs and kernels of one session; 0: no limit"},
    {"session-files", NUMBER, AT(session_files), 1, 100000, "2000", "files kept of one session"},
    {"session-files-mb", NUMBER, AT(session_files_mb), 1, 1024, "16",
     "files kept of one session, together"},
    {"files-total-mb", NUMBER, AT(files_total_mb), 1, 1048576, "1024", "files of all sessions"},
    {"session-grace-s", NUMBER, AT(session_grace_s), 0, 86400, "60",
     "seconds that a session's programs go on after its connection was lost"},
    {"session-idle-s", NUMBER, AT(session_idle_s), 1, 86400, "3600",
     "seconds that a session is kept in which nothing runs"},
    {"cull-idle-s", NUMBER, AT(cull_idle_s), 0, 10000000, "0",
     "seconds after which an idle kernel is deleted; 0: never"},
    {"cull-connected", FLAG, AT(cull_connected), 0, 0, NULL,
     "delete idle kernels that a client is connected to, too"},
    {"cull-busy", FLAG, AT(cull_busy), 0, 0, NULL,
     "delete kernels that are busy but not heard of, too"},
    {"terminals", FLAG, AT(terminals), 0, 0, NULL,
     "let clients open terminals (/api/terminals), each a shell in a box of its own"},
    {"max-terminals", NUMBER, AT(max_terminals), 1, 60000, "50", "terminals at once"},
    {"cull-terminal-s", NUMBER, AT(cull_terminal_s), 0, 10000000, "0",
     "seconds after which a terminal is ended in which nothing moves; 0: never"},
    {"stock-kernels", NUMBER, AT(stock_kernels), -1, 1000, "-1",
     "warm kernels a language; -1: as its manifest says"},
    {"stock-boxes", NUMBER, AT(stock_boxes), -1, 1000, "-1",
     "warm boxes for programs a language; -1: as its manifest says"},
    {"stock-extra-mb", NUMBER, AT(stock_extra_mb), 0, 1048576, "512",
     "memory for more warm boxes than that, while they are asked for faster than they can be made"},
    {"run-wall-s", NUMBER, AT(run_wall_s), 1, 86400, "30",
     "seconds that a run may take when it does not say"},
    {"run-wall-max-s", NUMBER, AT(run_wall_max_s), 1, 86400, "600",
     "seconds that a run may ask for"},
    {"run-output-mb", NUMBER, AT(run_output_mb), 1, 1024, "32",
     "output after which a run is ended"},
    {"memory-max-mb", NUMBER, AT(memory_max_mb), 16, 1048576, "1024",
     "memory that a run or a kernel may ask for"},
    {"cpu-max-milli", NUMBER, AT(cpu_max_milli), 10, 256000, "2000",
     "thousandths of a core that a run or a kernel may ask for"},
    {"pids-max", NUMBER, AT(pids_max), 4, 32768, "512",
     "processes and threads that a run or a kernel may ask for"},
    {"log-level", TEXT, AT(log_level), 0, 0, "info", "debug, info, warn or error"},
    {"log-json", FLAG, AT(log_json), 0, 0, NULL, "log lines as JSON"},
    {"print-config", FLAG, AT(print_config), 0, 0, NULL,
     "print the settings in force as JSON and exit"},
    {"version", FLAG, AT(version), 0, 0, NULL, "print the version and exit"},
    {"help", FLAG, AT(help), 0, 0, NULL, "print this and exit"},
};
/* clang-format on */

static void *field(struct kg_config *c, const struct option *o)
{
    return (char *)c + o->offset;
}

static const struct option *find(const char *name, size_t n)
{
    for (size_t i = 0; i < KG_COUNT(options); i++)
        if (strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0)
            return &options[i];
    return NULL;
}

static int set(struct kg_config *c, const struct option *o, const char *value, const char *where,
               struct kg_err *err)
{
    if (o->kind == OBJECT) {
        json_error_t at;
        json_t *object = json_loads(value, JSON_REJECT_DUPLICATES, &at);
        bool good = json_is_object(object);
        json_decref(object);
        if (!good)
            return kg_err_set(err, -EINVAL, "%s: %s must be a JSON object%s%s", where, o->name,
                              object ? "" : ": ", object ? "" : at.text);
    }
    if (o->kind == TEXT || o->kind == OBJECT) {
        char **text = field(c, o);
        free(*text);
        *text = kg_strdup(value);
        return 0;
    }
    if (o->kind == FLAG) {
        bool *flag = field(c, o);
        bool on = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
            return kg_err_set(err, -EINVAL, "%s: %s must be true or false, not \"%.60s\"", where,
                              o->name, value);
        *flag = on;
        return 0;
    }
    char *rest = NULL;
    errno = 0;
    long long number = strtoll(value, &rest, 10);
    if (errno || rest == value || *rest || number < o->min || number > o->max)
        return kg_err_set(err, -EINVAL, "%s: %s must be a number from %lld to %lld, not \"%.60s\"",
                          where, o->name, (long long)o->min, (long long)o->max, value);
    *(int64_t *)field(c, o) = number;
    return 0;
}

/* KERNELGW_MAX_KERNELS for max-kernels */
static void env_name(char out[64], const char *name)
{
    int n = snprintf(out, 64, "KERNELGW_%s", name);
    for (int i = 0; i < n; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

static int load_env(struct kg_config *c, struct kg_err *err)
{
    for (size_t i = 0; i < KG_COUNT(options); i++) {
        char name[64];
        env_name(name, options[i].name);
        const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): before any thread */
        if (!value)
            continue;
        int rc = set(c, &options[i], value, name, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int load_file(struct kg_config *c, const char *path, struct kg_err *err)
{
    json_error_t at;
    json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
    if (!doc)
        return kg_err_set(err, -EINVAL, "%s: line %d: %s", path, at.line, at.text);
    int rc =
        json_is_object(doc) ? 0 : kg_err_set(err, -EINVAL, "%s: must be one JSON object", path);
    const char *key;
    json_t *value;
    json_object_foreach(doc, key, value) {
        if (rc < 0)
            break;
        const struct option *o = find(key, strlen(key));
        char number[32];
        kg_autofree char *object = NULL;
        const char *text = json_string_value(value);
        if (json_is_integer(value)) {
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
            text = number;
        } else if (json_is_boolean(value)) {
            text = json_is_true(value) ? "true" : "false";
        } else if (o && o->kind == OBJECT && json_is_object(value)) {
            text = object = json_dumps(value, JSON_COMPACT);
        }
        if (!o)
            rc = kg_err_set(err, -EINVAL, "%s: there is no setting \"%.60s\": --help lists them",
                            path, key);
        else if (!text)
            rc = kg_err_set(err, -EINVAL, "%s: %s must be a string, a whole number or a boolean%s",
                            path, key, o->kind == OBJECT ? ", or an object" : "");
        else
            rc = set(c, o, text, path, err);
    }
    json_decref(doc);
    return rc;
}

/* only_config: takes notice of --config alone, since the file comes before the other flags */
static int load_flags(struct kg_config *c, int argc, char *const *argv, bool only_config,
                      struct kg_err *err)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strncmp(arg, "--", 2) != 0)
            return kg_err_set(err, -EINVAL, "unexpected argument \"%.60s\": options begin with --",
                              arg);
        const char *eq = strchr(arg, '=');
        size_t n = eq ? (size_t)(eq - arg) - 2 : strlen(arg) - 2;
        const struct option *o = find(arg + 2, n);
        if (!o)
            return kg_err_set(err, -EINVAL, "there is no option \"%.60s\": --help lists them", arg);
        const char *value = eq ? eq + 1 : NULL;
        if (!value && o->kind == FLAG)
            value = "true";
        else if (!value && ++i < argc)
            value = argv[i];
        if (!value)
            return kg_err_set(err, -EINVAL, "--%s needs a value: %s", o->name, o->help);
        if (only_config && o->offset != AT(config))
            continue;
        int rc = set(c, o, value, "command line", err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check(struct kg_config *c, struct kg_err *err)
{
    if (strcmp(c->engine, "oci") != 0 && strcmp(c->engine, "process") != 0)
        return kg_err_set(err, -EINVAL, "engine must be oci or process, not \"%.60s\"", c->engine);
    if (!c->tls_cert != !c->tls_key)
        return kg_err_set(err, -EINVAL, "tls-cert and tls-key go together: only one is set");
    if (c->base_url[0] != '/')
        return kg_err_set(err, -EINVAL, "base-url must begin with /, not \"%.60s\"", c->base_url);
    if (c->run_wall_s > c->run_wall_max_s)
        return kg_err_set(err, -EINVAL, "run-wall-s (%lld) is above run-wall-max-s (%lld)",
                          (long long)c->run_wall_s, (long long)c->run_wall_max_s);
    if (c->allow_origin && c->allow_origin_pat)
        return kg_err_set(err, -EINVAL, "allow-origin and allow-origin-pat: one of them");
    if (c->allow_credentials && c->allow_origin && strcmp(c->allow_origin, "*") == 0)
        return kg_err_set(err, -EINVAL,
                          "allow-credentials doesn't go with allow-origin *: any page could read "
                          "what its reader may");
    if (c->users && c->anonymous)
        return kg_err_set(err, -EINVAL, "users and anonymous don't go together");
    if (c->token && !c->token[0])
        return kg_err_set(err, -EINVAL,
                          "token is empty: leave it out for a random one, or say anonymous");
    if (c->token)
        for (const char *p = c->token; *p; p++)
            if (!isalnum((unsigned char)*p) && !strchr("-._~", *p))
                return kg_err_set(
                    err, -EINVAL,
                    "token may hold letters, digits and - . _ ~ only: it stands in URLs");
    return 0;
}

int kg_config_load(struct kg_config *c, int argc, char *const *argv, struct kg_err *err)
{
    *c = (struct kg_config){0};
    int rc = 0;
    for (size_t i = 0; i < KG_COUNT(options) && rc == 0; i++)
        if (options[i].initial)
            rc = set(c, &options[i], options[i].initial, "default", err);
    const char *path =
        getenv("KERNELGW_CONFIG"); /* NOLINT(concurrency-mt-unsafe): before any thread */
    if (rc == 0 && path)
        c->config = kg_strdup(path);
    if (rc == 0)
        rc = load_flags(c, argc, argv, true, err);
    if (rc == 0 && c->config)
        rc = load_file(c, c->config, err);
    if (rc == 0)
        rc = load_env(c, err);
    if (rc == 0)
        rc = load_flags(c, argc, argv, false, err);
    return rc == 0 ? check(c, err) : rc;
}

void kg_config_release(struct kg_config *c)
{
    for (size_t i = 0; i < KG_COUNT(options); i++)
        if (options[i].kind == TEXT || options[i].kind == OBJECT)
            free(*(char **)field(c, &options[i]));
    *c = (struct kg_config){0};
}

void kg_config_help(FILE *out)
{
    fputs(
        "usage: kernelgw [options]\n       kernelgw doctor [options]   say whether this machine's limits do for them\n       kernelgw exec NOTEBOOK ...  run a notebook (kernelgw exec --help)\n       kernelgw connect [KERNEL]   a kernel for jupyter console (kernelgw connect --help)\n\nA notebook-kernel server: Jupyter kernels and programs in sandboxed boxes.\n"
        "Every option can also be set as KERNELGW_NAME in the environment, or in a JSON file (--config).\n\n",
        out);
    for (size_t i = 0; i < KG_COUNT(options); i++) {
        const struct option *o = &options[i];
        char left[48];
        snprintf(left, sizeof left, "--%s%s", o->name,
                 o->kind == NUMBER   ? " N"
                 : o->kind == TEXT   ? " TEXT"
                 : o->kind == OBJECT ? " JSON"
                                     : "");
        fprintf(out, "  %-24s %s", left, o->help);
        if (o->initial)
            fprintf(out, " (%s)", o->initial);
        fputc('\n', out);
    }
}

void kg_config_print(const struct kg_config *c, FILE *out)
{
    kg_autobuf text = {0};
    struct kg_json j;
    kg_json_init(&j, &text);
    kg_json_object_begin(&j);
    for (size_t i = 0; i < KG_COUNT(options); i++) {
        const struct option *o = &options[i];
        const void *at = (const char *)c + o->offset;
        bool asked =
            o->offset == AT(print_config) || o->offset == AT(help) || o->offset == AT(version);
        if (asked || o->offset == AT(token) || o->offset == AT(config))
            continue;
        if (o->kind == TEXT && *(char *const *)at)
            kg_json_kstr(&j, o->name, *(char *const *)at);
        else if (o->kind == OBJECT && *(char *const *)at) {
            const char *object = *(char *const *)at;
            kg_json_key(&j, o->name);
            kg_json_raw(&j, object, strlen(object));
        } else if (o->kind == NUMBER)
            kg_json_kint(&j, o->name, *(const int64_t *)at);
        else if (o->kind == FLAG)
            kg_json_kbool(&j, o->name, *(const bool *)at);
    }
    kg_json_object_end(&j);
    fprintf(out, "%s\n", kg_buf_cstr(&text));
}
