#include "runtimes/agent/kernel_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "runtimes/agent/spawn.h"

enum { ARGV_MAX = 256 };

int kk_spec_read(struct kk_spec *s, const struct kk_options *o, const json_t *req,
                 struct kg_err *err)
{
    const char *cwd = json_string_value(json_object_get(req, "cwd"));
    const char *transport = json_string_value(json_object_get(req, "transport"));
    const char *mode = json_string_value(json_object_get(req, "interrupt_mode"));
    const char *language = json_string_value(json_object_get(req, "language"));
    const char *warm = json_string_value(json_object_get(req, "warm_code"));
    json_int_t ready = json_integer_value(json_object_get(req, "ready_ms"));
    *s = (struct kk_spec){
        .argv = kk_argv_from_json(json_object_get(req, "argv"), ARGV_MAX),
        .envp = kk_env_from_json(json_object_get(req, "env"), o),
        .cwd = !cwd || !*cwd ? kg_strdup(o->work)
               : *cwd == '/' ? kg_strdup(cwd)
                             : kg_asprintf("%s/%s", o->work, cwd),
        .warm_code = warm && *warm ? kg_strdup(warm) : NULL,
        .transport = transport && strcmp(transport, "tcp") == 0 ? JY_TCP : JY_IPC,
        .by_message = mode && strcmp(mode, "message") == 0,
        .python = language && strcmp(language, "python") == 0,
        .ready_ms = ready > 0 ? (uint64_t)ready : KK_KERNEL_READY_MS,
    };
    if (!s->argv)
        return kg_err_set(err, -EINVAL, "argv must be a list of 1 to %d strings", ARGV_MAX);
    if (!s->envp)
        return kg_err_set(err, -EINVAL, "env must be an object of strings, 128 KiB in all at most");
    return 0;
}

void kk_spec_release(struct kk_spec *s)
{
    free(s->argv);
    free(s->envp);
    free(s->cwd);
    free(s->warm_code);
    *s = (struct kk_spec){0};
}

static int open_wires(struct kk_kernel *k, struct kg_err *err)
{
    static const struct kk_wires_events events = {
        .received = kk_kernel_received,
        .connected = kk_kernel_connected,
        .bad_signature = kk_kernel_bad_signature,
    };
    return kk_wires_open(&k->wires, k->loop, k->options, k->spec.transport, &events, k, err);
}

/* argv with {connection_file} filled in: one piece of memory. */
static char **fill_argv(char *const *argv, const char *file)
{
    static const char mark[] = "{connection_file}";
    json_t *list = json_array();
    for (; *argv; argv++) {
        kg_autobuf arg = {0};
        const char *at = *argv;
        for (const char *hit; (hit = strstr(at, mark)); at = hit + sizeof mark - 1) {
            kg_buf_add(&arg, at, (size_t)(hit - at));
            kg_buf_add_str(&arg, file);
        }
        kg_buf_add_str(&arg, at);
        json_array_append_new(list, json_string(kg_buf_cstr(&arg)));
    }
    char **out = kk_argv_from_json(list, ARGV_MAX);
    json_decref(list);
    return out;
}

/* It publishes what children and C code write to its descriptors, and writes the same to what these were at its start. */
static bool is_stock_ipykernel(char *const *argv)
{
    for (; argv && *argv; argv++)
        if (strstr(*argv, "ipykernel_launcher"))
            return true;
    return false;
}

static int spawn_kernel(struct kk_kernel *k, struct kg_err *err)
{
    int out[2] = {-1, -1}, errs[2] = {-1, -1};
    int listener = -1;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    kg_autofree char **argv = fill_argv(k->spec.argv, kk_wires_file(k->wires));
    k->repeats_itself = is_stock_ipykernel(argv);
    pid_t pid = -1;
    int rc = null < 0 ? -errno : 0;
    if (rc == 0 && (rc = kk_pipe(out, 0, k->options)) == 0)
        rc = kk_pipe(errs, 0, k->options);
    if (rc < 0) {
        kg_err_errno(err, -rc, "open the kernel's stdout and stderr");
    } else {
        struct kk_spawn s = {
            .options = k->options,
            .strict = k->options->drop ? k->strict : NULL,
            .argv = argv,
            .envp = k->spec.envp,
            .cwd = k->spec.cwd,
            .fds = {null, out[1], errs[1]},
            .fd_count = 3,
            .umask =
                007, /* the sockets are for our group as well: without capabilities we connect by it */
        };
        pid = kk_spawn(&s, &listener, err);
    }
    const int theirs[] = {null, out[1], errs[1]};
    for (size_t i = 0; i < KG_COUNT(theirs); i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    if (pid < 0) {
        if (out[0] >= 0)
            close(out[0]);
        if (errs[0] >= 0)
            close(errs[0]);
        return err->code;
    }
    k->tap = kk_tap_open(&(struct kk_tap_config){.loop = k->loop,
                                                 .fds = {out[0], errs[0]},
                                                 .listener = listener,
                                                 .emit = kk_kernel_stdio,
                                                 .user = k});
    k->pid = pid;
    return 0;
}

/* Starts the process; what answers start_id comes later. */
int kk_kernel_launch(struct kk_kernel *k, struct kg_err *err)
{
    k->hears_iopub = k->said_starting = k->ended = k->lost_a_port = false;
    k->info_asked = k->warm_asked = k->configure_asked = 0;
    k->failure[0] = 0;
    k->began_ms = k->attempt == 0 ? kg_clock_ms() : k->began_ms;
    kk_own_init(&k->own);
    int rc = open_wires(k, err);
    if (rc == 0)
        rc = spawn_kernel(k, err);
    if (rc < 0) {
        kk_kernel_cleanup(k);
        return rc;
    }
    kk_kernel_enter(k, K_STARTING, "asked to");
    kk_children_watch(k->children, k->pid, kk_kernel_main_ended, k);
    kk_kernel_limit_start(k);
    return 0;
}
