#include "kernelgw/cli/connect.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "kernelgw/cli/call.h"
#include "kernelgw/cli/relay.h"
#include "kernelgw/cli/ws.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SERVER = 3 };
enum { WAIT_MS = 1000, SILENCE_MS = 90 * 1000, REDIAL_MS = 500, REDIAL_FOR_MS = 5 * 60 * 1000 };
enum { CLOSED_FOR_GOOD = 1000 };

struct connect {
    const char *wanted; /* the kernel's id, or its beginning; NULL: the only one */
    const char *url, *token, *file;
    bool help;
    struct kg_server server;
    char id[KG_UUID_SIZE];
    char name[64];
    char *path;                 /* of the connection file */
    bool written;               /* it is ours */
    char session[KG_UUID_SIZE]; /* by which the server knows this end again */
    struct kg_relay *relay;
    struct kg_cli_ws ws;
    uint64_t heard_ms;
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

static void help(void)
{
    fputs(
        "usage: kernelgw connect [KERNEL_ID] [--url URL] [--token TOKEN] [-f FILE]\n"
        "\n"
        "Makes a kernel that runs on a server look like one of this machine's: writes a connection file, and passes on what\n"
        "Jupyter's own clients say to it (jupyter console --existing FILE), until Ctrl-C or the kernel's end.\n"
        "KERNEL_ID may be the beginning of an id; without one, the server's only kernel is meant.\n"
        "\n"
        "  --url URL      the server, as it printed its URL (KERNELGW_URL)\n"
        "  --token TOKEN  its token, if the URL has none (KERNELGW_TOKEN)\n"
        "  -f FILE        the connection file; else kernel-ID.json in Jupyter's runtime folder\n"
        "\n"
        "Exit status: 0 ended by Ctrl-C, or the kernel was deleted; 1 the sockets or the file could not be made; 2 the command is\n"
        "wrong, or there is no such kernel; 3 the server could not be reached, or was away for five minutes.\n",
        stdout);
}

static int complain(const struct kg_err *err, int status)
{
    fprintf(stderr, "kernelgw connect: %s\n", err->text);
    return status;
}

static int read_options(struct connect *c, int argc, char *const *argv, struct kg_err *err)
{
    for (int i = 1; i < argc; i++) {
        const struct {
            const char *name;
            const char **text;
        } texts[] = {{"--url", &c->url}, {"--token", &c->token}, {"-f", &c->file}};
        const char **text = NULL;
        for (size_t t = 0; t < KG_COUNT(texts); t++)
            if (strcmp(argv[i], texts[t].name) == 0)
                text = texts[t].text;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            c->help = true;
        else if (text && i + 1 < argc)
            *text = argv[++i];
        else if (text)
            return kg_err_set(err, -EINVAL, "%s needs a value", argv[i]);
        else if (argv[i][0] == '-')
            return kg_err_set(err, -EINVAL,
                              "there is no option \"%.60s\": kernelgw connect --help lists them",
                              argv[i]);
        else if (c->wanted)
            return kg_err_set(err, -EINVAL, "one kernel at a time: %.60s and %.60s", c->wanted,
                              argv[i]);
        else
            c->wanted = argv[i];
    }
    /* NOLINTBEGIN(concurrency-mt-unsafe): before any thread */
    if (!c->url)
        c->url = getenv("KERNELGW_URL");
    if (!c->token)
        c->token = getenv("KERNELGW_TOKEN");
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (!c->url && !c->help)
        return kg_err_set(err, -EINVAL,
                          "which server? say --url, or KERNELGW_URL in the environment");
    return c->help ? 0 : kg_server_init(&c->server, c->url, c->token, NULL, err);
}

/* c->id and c->name, of the one kernel that is meant. */
static int find_kernel(struct connect *c, struct kg_err *err)
{
    json_t *list = kg_call_json(&c->server, "GET", "/api/kernels", NULL, err);
    size_t i;
    size_t n = 0;
    json_t *k;
    if (!list)
        return err->code;
    json_array_foreach(list, i, k) {
        const char *id = json_string_value(json_object_get(k, "id"));
        const char *name = json_string_value(json_object_get(k, "name"));
        if (!id || !kg_is_uuid(id) ||
            (c->wanted && strncasecmp(id, c->wanted, strlen(c->wanted)) != 0))
            continue;
        n++;
        snprintf(c->id, sizeof c->id, "%s", id);
        snprintf(c->name, sizeof c->name, "%s", name ? name : "");
    }
    json_decref(list);
    if (n == 1)
        return 0;
    return n == 0 ? kg_err_set(err, -EINVAL, "the server has no kernel %.60s",
                               c->wanted ? c->wanted : "at all")
                  : kg_err_set(err, -EINVAL, "the server has %zu kernels%s%.60s: say which", n,
                               c->wanted ? " that begin with " : "", c->wanted ? c->wanted : "");
}

static int make_folders(const char *folder, struct kg_err *err)
{
    kg_autofree char *path = kg_strdup(folder);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return kg_err_errno(err, errno, "make the folder %s", path);
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? 0
               : kg_err_errno(err, errno, "make the folder %s", path);
}

/* Where Jupyter's clients look for kernels by name. Source: jupyter_core 5, paths.py, jupyter_runtime_dir. */
static int default_path(struct connect *c, struct kg_err *err)
{
    /* NOLINTBEGIN(concurrency-mt-unsafe): before any thread */
    const char *runtime = getenv("JUPYTER_RUNTIME_DIR");
    const char *data = getenv("JUPYTER_DATA_DIR");
    const char *xdg = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    /* NOLINTEND(concurrency-mt-unsafe) */
    kg_autofree char *folder = runtime && runtime[0] ? kg_strdup(runtime)
                               : data && data[0]     ? kg_asprintf("%s/runtime", data)
                               : xdg && xdg[0]       ? kg_asprintf("%s/jupyter/runtime", xdg)
                                               : kg_asprintf("%s/.local/share/jupyter/runtime",
                                                             home && home[0] ? home : "/tmp");
    c->path = kg_asprintf("%s/kernel-%s.json", folder, c->id);
    return make_folders(folder, err);
}

static int write_file(struct connect *c, struct kg_err *err)
{
    int rc = 0;
    if (c->file)
        c->path = kg_strdup(c->file);
    else
        rc = default_path(c, err);
    if (rc == 0)
        rc = jy_connection_write(kg_relay_connection(c->relay), c->path, err);
    if (rc == -EEXIST)
        return kg_err_set(
            err, rc,
            "%.250s is there already: it is another connect's, or one's that was killed; "
            "remove it, or name another by -f",
            c->path);
    c->written = rc == 0;
    return rc;
}

static int dial(struct connect *c, struct kg_err *err)
{
    kg_autofree char *path =
        kg_asprintf("/api/kernels/%s/channels?session_id=%s", c->id, c->session);
    int rc = kg_cli_ws_open(&c->ws, &c->server, path, "v1.kernel.websocket.jupyter.org", err);
    if (rc < 0)
        kg_cli_ws_close(&c->ws);
    c->heard_ms = kg_clock_ms();
    return rc;
}

/* The server restarts, or the network is away: kernels live through both. */
static int dial_again(struct connect *c, struct kg_err *err)
{
    uint64_t until = kg_clock_ms() + REDIAL_FOR_MS;
    int rc;
    kg_cli_ws_close(&c->ws);
    fprintf(stderr, "kernelgw connect: %s; dialling again\n", err->text);
    while ((rc = dial(c, err)) < 0 && rc != -ENOENT && rc != -EACCES && !ended &&
           kg_clock_ms() < until)
        kg_relay_wait(c->relay, -1, false, REDIAL_MS);
    if (rc == 0)
        fprintf(stderr, "kernelgw connect: connected again\n");
    return rc;
}

/* What either side has said. */
static int pass(struct connect *c, struct kg_err *err)
{
    struct kg_span frame;
    int rc;
    while ((rc = kg_cli_ws_next(&c->ws, &frame, err)) > 0) {
        c->heard_ms = kg_clock_ms();
        kg_relay_pass(c->relay, frame);
    }
    while (rc == 0 && kg_relay_next(c->relay, &frame) > 0)
        rc = kg_cli_ws_send(&c->ws, frame.data, frame.len, err);
    return rc;
}

static int relay(struct connect *c)
{
    struct kg_err err = {0};
    while (!ended) {
        int rc = kg_relay_wait(c->relay, c->ws.fd, true, WAIT_MS);
        if (rc > 0)
            c->heard_ms = kg_clock_ms();
        rc = pass(c, &err);
        if (rc == 0 && kg_clock_ms() - c->heard_ms > SILENCE_MS)
            rc = kg_err_set(&err, -EPIPE, "the server is silent");
        if (rc < 0 && c->ws.close_code == CLOSED_FOR_GOOD) {
            fprintf(stderr, "kernelgw connect: %s\n", c->ws.reason);
            return 0;
        }
        if (rc < 0 && dial_again(c, &err) < 0 && !ended)
            return complain(&err, err.code == -ENOENT ? 0 : EXIT_SERVER);
    }
    return 0;
}

static int run(struct connect *c)
{
    struct kg_err err = {0};
    if (find_kernel(c, &err) < 0)
        return complain(&err, err.code == -EINVAL ? EXIT_USAGE : EXIT_SERVER);
    kg_uuid4(c->session);
    if (dial(c, &err) < 0)
        return complain(&err, EXIT_SERVER);
    if (kg_relay_open(&c->relay, c->id, c->name, &err) < 0 || write_file(c, &err) < 0)
        return complain(&err, EXIT_FAILED);
    printf("%s\n", c->path); /* for people, and for programs that started this one */
    fflush(stdout);
    fprintf(stderr, "kernelgw connect: jupyter console --existing %s\n", c->path);
    return relay(c);
}

int kg_connect(int argc, char *const *argv)
{
    struct connect c = {.ws = {.fd = -1}};
    struct kg_err err = {0};
    int status = 0;
    const struct sigaction end = {.sa_handler = on_end};
    if (read_options(&c, argc, argv, &err) < 0) {
        status = complain(&err, EXIT_USAGE);
    } else if (c.help) {
        help();
    } else if (sodium_init() < 0) {
        kg_err_set(&err, -EIO, "libsodium can't be initialised");
        status = complain(&err, EXIT_FAILED);
    } else {
        sigaction(SIGINT, &end, NULL);
        sigaction(SIGTERM, &end, NULL);
        status = run(&c);
    }
    if (c.written)
        unlink(c.path);
    kg_cli_ws_close(&c.ws);
    kg_relay_close(c.relay);
    kg_server_release(&c.server);
    free(c.path);
    return status;
}
