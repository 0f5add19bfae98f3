/* kernelgw-boxd: the privileged helper that makes boxes. One thread, one loop, no network. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/boxes.h"
#include "pool/boxd/options.h"
#include "pool/boxd/program.h"
#include "pool/boxd/server.h"

enum { EXIT_USAGE = 2, STOP_MS = 15000, NETS_EXPECTED = 4096 };

struct program {
    uv_loop_t loop;
    struct bd_boxes *boxes;
    struct bd_server *server; /* NULL when sweeping */
    uv_signal_t term;
    uv_signal_t interrupt;
    uv_timer_t patience;
    bool stopping;
    int exit_code;
};

/* A box's root is nobody special to the host: it must be able to walk down to the images. */
static int check_images(const char *images, struct kg_err *err)
{
    struct stat st;
    if (stat(images, &st) < 0 || !S_ISDIR(st.st_mode))
        return kg_err_set(err, -ENOTDIR, "images directory %s is not a directory", images);
    if (st.st_mode & 002)
        return kg_err_set(err, -EPERM, "images directory %s may be written by everybody", images);
    kg_autofree char *path = realpath(images, NULL);
    for (char *end = path ? path + strlen(path) : NULL; end && end > path;
         end = strrchr(path, '/')) {
        *end = '\0';
        if (*path && (stat(path, &st) < 0 || !(st.st_mode & 001)))
            return kg_err_set(err, -EACCES,
                              "%s is closed to others, so boxes could not see the images below it",
                              path);
    }
    return 0;
}

/* Every box holds four descriptors, every network one. */
static void raise_descriptors(uint32_t max_boxes)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)max_boxes * 4 + NETS_EXPECTED + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < want)
        kg_log(KG_WARN, "boxd", "too few descriptors for so many boxes", "have=%llu want=%llu",
               (unsigned long long)limit.rlim_cur, (unsigned long long)want);
}

static void finish(struct program *p)
{
    if (p->server)
        bd_server_close(p->server);
    p->server = NULL;
    uv_close((uv_handle_t *)&p->term, NULL);
    uv_close((uv_handle_t *)&p->interrupt, NULL);
    uv_close((uv_handle_t *)&p->patience, NULL);
    bd_boxes_free(p->boxes);
}

static void stopped(void *user)
{
    struct program *p = user;
    kg_log(KG_INFO, "boxd", "stopped", "boxes=%zu", bd_boxes_count(p->boxes));
    finish(p);
}

static void impatient(uv_timer_t *timer)
{
    const struct program *p = timer->data;
    kg_log(KG_ERROR, "boxd", "stopped with boxes not yet removed", "boxes=%zu",
           bd_boxes_count(p->boxes));
    _exit(1); /* the next start goes on with them */
}

static void stop(struct program *p, bool end_living)
{
    if (p->stopping)
        return;
    p->stopping = true;
    uv_timer_start(&p->patience, impatient, STOP_MS, 0);
    bd_boxes_stop(p->boxes, end_living, stopped, p);
}

static void signalled(uv_signal_t *handle, int number)
{
    kg_log(KG_INFO, "boxd", "stopping", "signal=%d", number);
    stop(handle->data, false);
}

static void on_created(void *user, struct bd_ticket t, struct bd_box *box, const struct kg_err *err)
{
    const struct program *p = user;
    if (p->server)
        bd_server_created(p->server, t, box, err);
}

static void on_destroyed(void *user, struct bd_ticket t)
{
    const struct program *p = user;
    if (p->server)
        bd_server_destroyed(p->server, t);
}

static void on_exited(void *user, const struct bd_box *box, int status, uint64_t oom_kills)
{
    const struct program *p = user;
    if (p->server)
        bd_server_exited(p->server, box, status, oom_kills);
}

static int open_program(struct program *p, const struct bd_options *o, const char *runtime,
                        struct kg_err *err)
{
    struct bd_boxes_config boxes = {
        .loop = &p->loop,
        .run_dir = o->run_dir,
        .images = o->images,
        .agent = o->agent,
        .runtime = runtime,
        .cgroup_parent = o->cgroup_parent,
        .max_boxes = o->max_boxes,
        .uid_base = o->uid_base,
        .outside = strcmp(o->outside, "on") == 0 && !o->sweep,
        .outside_block = o->outside_block,
        .created = on_created,
        .destroyed = on_destroyed,
        .exited = on_exited,
        .user = p,
    };
    struct bd_server_config server = {
        .loop = &p->loop,
        .path = o->socket,
        .gateway_uid = (uid_t)o->gateway_uid,
        .max_memory_mb = o->max_memory_mb,
    };
    int rc = check_images(o->images, err);
    if (rc ==
        0) /* before the socket: its locks keep a second boxd from taking over the first one's */
        rc = bd_boxes_open(&p->boxes, &boxes, err);
    if (rc == 0 && !o->sweep)
        rc = bd_server_open(&p->server, &server, err);
    return rc;
}

static int run(const struct bd_options *o, const char *runtime)
{
    struct program p = {0};
    struct kg_err err = {0};
    uv_loop_init(&p.loop);
    raise_descriptors(o->max_boxes);
    signal(SIGPIPE, SIG_IGN);
    if (open_program(&p, o, runtime, &err) < 0) {
        fprintf(stderr, "kernelgw-boxd: %s\n", err.text);
        return 1;
    }
    uv_signal_init(&p.loop, &p.term);
    uv_signal_init(&p.loop, &p.interrupt);
    uv_timer_init(&p.loop, &p.patience);
    p.term.data = p.interrupt.data = p.patience.data = &p;
    uv_signal_start(&p.term, signalled, SIGTERM);
    uv_signal_start(&p.interrupt, signalled, SIGINT);
    if (p.server)
        bd_server_serve(p.server, p.boxes);
    kg_log(KG_INFO, "boxd", "ready", "version=%s boxes=%zu runtime=%s", KERNELGW_VERSION,
           bd_boxes_count(p.boxes), runtime);
    if (o->sweep)
        stop(&p, true);
    uv_run(&p.loop, UV_RUN_DEFAULT);
    uv_loop_close(&p.loop);
    return p.exit_code;
}

int main(int argc, char **argv)
{
    struct bd_options options;
    struct kg_err err = {0};
    enum kg_log_level level;
    if (bd_options_parse(&options, argc, argv, &err) < 0) {
        fprintf(stderr, "kernelgw-boxd: %s\nkernelgw-boxd --help lists the options\n", err.text);
        return EXIT_USAGE;
    }
    if (options.help) {
        bd_options_help(stdout);
        return 0;
    }
    if (kg_log_level_parse(&level, options.log_level) < 0) {
        fprintf(stderr, "kernelgw-boxd: --log-level must be debug, info, warn or error\n");
        return EXIT_USAGE;
    }
    kg_log_set_level(level);
    if (geteuid() != 0) {
        fprintf(stderr, "kernelgw-boxd: must be started as root\n");
        return EXIT_USAGE;
    }
    umask(022);
    kg_autofree char *runtime = bd_program_find(options.runtime, "OCI runtime", &err);
    if (!runtime) {
        fprintf(stderr, "kernelgw-boxd: %s\n", err.text);
        return EXIT_USAGE;
    }
    return run(&options, runtime);
}
