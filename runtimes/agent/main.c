/*
 * kernelgw-agent: PID 1 of every box. Dials the gateway, runs programs and kernels as the user, and reaps. See
 * docs/ARCHITECTURE.md, "A box", and docs/PROTOCOL.md, "The link".
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/requests.h"

struct agent {
    uv_loop_t loop;
    struct kk_options options;
    struct sock_fprog strict;
    struct kk_parts parts;
    struct kk_requests *requests;
    uv_signal_t term, intr;
    bool leaving;
};

static const char usage[] =
    "usage: kernelgw-agent --link PATH --box ID --work DIR --kernel-dir DIR [--uid N --gid N]\n"
    "\n"
    "Runs programs and kernels in a box, as the gateway asks over the link.\n"
    "  --link PATH        socket to dial\n"
    "  --box ID           said to the gateway\n"
    "  --work DIR         working directory of programs and kernels\n"
    "  --kernel-dir DIR   for connection files and ipc sockets, reachable by the user alone\n"
    "  --uid N, --gid N   run user code as these, without capabilities and filtered; else as the agent\n"
    "  --log-level LEVEL  debug, info, warn (default) or error\n";

static int parse_id(const char *text, unsigned *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || !*text || *end || v == 0 || v > INT_MAX)
        return -EINVAL;
    *out = (unsigned)v;
    return 0;
}

static int complain(const char *what)
{
    fprintf(stderr, "kernelgw-agent: %s\n%s", what, usage);
    return -EINVAL;
}

static int parse_options(struct kk_options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        {"link", required_argument, NULL, 'l'},      {"box", required_argument, NULL, 'b'},
        {"work", required_argument, NULL, 'w'},      {"kernel-dir", required_argument, NULL, 'k'},
        {"uid", required_argument, NULL, 'u'},       {"gid", required_argument, NULL, 'g'},
        {"log-level", required_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},         {0},
    };
    enum kg_log_level level = KG_WARN;
    bool uid = false, gid = false;
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) { // NOLINT(concurrency-mt-unsafe)
        switch (c) {
        case 'l': o->link = optarg; break;
        case 'b': o->box = optarg; break;
        case 'w': o->work = optarg; break;
        case 'k': o->kernel_dir = optarg; break;
        case 'u':
        case 'g':
            if (parse_id(optarg, c == 'u' ? &o->uid : &o->gid) < 0)
                return complain("--uid and --gid take a number above 0");
            *(c == 'u' ? &uid : &gid) = true;
            break;
        case 'v':
            if (kg_log_level_parse(&level, optarg) < 0)
                return complain("unknown log level");
            break;
        case 'h': fputs(usage, stdout); exit(0);   // NOLINT(concurrency-mt-unsafe)
        case 'V': puts(KERNELGW_VERSION); exit(0); // NOLINT(concurrency-mt-unsafe)
        default: return complain("bad option");
        }
    }
    kg_log_set_level(level);
    if (!o->link || !o->box || !o->work || !o->kernel_dir || optind != argc)
        return complain("--link, --box, --work and --kernel-dir are needed");
    if (o->work[0] != '/' || o->kernel_dir[0] != '/')
        return complain("--work and --kernel-dir must be absolute");
    if (uid != gid)
        return complain("--uid and --gid go together");
    o->drop = uid;
    o->pid1 = getpid() == 1;
    return 0;
}

static int on_record(void *user, const struct kg_rec *rec, const uint8_t *body, struct kg_err *err)
{
    struct agent *a = user;
    if (rec->type != KG_REC_MSG)
        return kk_requests_take(a->requests, rec, body, err);
    if (kk_kit_alive(a->parts.kit))
        kk_kit_message(a->parts.kit, rec->channel, body, rec->body_len);
    else
        kk_kernel_message(a->parts.kernel, rec->channel, body, rec->body_len);
    return 0;
}

static void on_full(void *user, bool full)
{
    struct agent *a = user;
    kk_runner_hold(a->parts.runner, full);
    kk_kernel_hold(a->parts.kernel, full);
    kk_kit_hold(a->parts.kit, full);
}

static void on_down(void *user)
{
    struct agent *a = user;
    kk_requests_drop_uploads(a->requests);
}

static void on_all_killed(void *user)
{
    struct agent *a = user;
    uv_stop(&a->loop);
}

static void leave(struct agent *a, const char *why)
{
    if (a->leaving)
        return;
    a->leaving = true;
    kg_log(KG_INFO, "agent", "leaving", "why=\"%s\"", why);
    kk_children_watch(a->parts.children, 0, NULL, NULL);
    kk_children_spare(a->parts.children, 0, NULL, NULL);
    kk_children_kill_all(a->parts.children, on_all_killed, a);
}

/* In a box the socket comes back when boxd does. Outside of one, nobody is left who knows of us. */
static void on_deserted(void *user)
{
    struct agent *a = user;
    if (!a->options.pid1 && !a->options.drop)
        leave(a, "nobody listens on the link");
}

static void on_signal(uv_signal_t *h, int signum)
{
    leave(h->data, strsignal(signum)); // NOLINT(concurrency-mt-unsafe)
}

static int set_up_process(const struct kk_options *o, struct kg_err *err)
{
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    /* User code must not look into this process; nor into /proc/1. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return kg_err_errno(err, errno, "become undumpable");
    /* Orphans come to us to be reaped, as they do to PID 1. */
    if (!o->pid1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return kg_err_errno(err, errno, "become a subreaper");
    if (sodium_init() < 0)
        return kg_err_set(err, -EIO, "libsodium does not start");
    return 0;
}

static int set_up(struct agent *a, struct kg_err *err)
{
    static const struct kk_link_events events = {
        .record = on_record, .full = on_full, .down = on_down, .deserted = on_deserted};
    struct kk_parts *p = &a->parts;
    int rc = set_up_process(&a->options, err);
    if (rc == 0 && a->options.drop)
        rc = kk_sandbox_build(&a->strict, err);
    if (rc < 0)
        return rc;
    p->options = &a->options;
    uv_loop_init(&a->loop);
    rc = kk_children_open(&p->children, &a->loop, &a->options);
    if (rc < 0)
        return kg_err_set(err, rc, "watch for children: %s", uv_strerror(rc));
    rc = kk_link_open(&p->link, &a->loop, a->options.link, a->options.box, &events, a, err);
    if (rc < 0)
        return rc;
    p->runner = kk_runner_new(&a->loop, &a->options, &a->strict, p->link, p->children);
    p->kernel = kk_kernel_new(&a->loop, &a->options, &a->strict, p->link, p->children);
    p->service = kk_service_new(&a->loop, &a->options, &a->strict, p->link, p->children);
    p->kit = kk_kit_new(&a->loop, &a->options, &a->strict, p->link, p->children, p->service);
    a->requests = kk_requests_new(p);
    uv_signal_init(&a->loop, &a->term);
    uv_signal_init(&a->loop, &a->intr);
    a->term.data = a->intr.data = a;
    uv_signal_start(&a->term, on_signal, SIGTERM);
    uv_signal_start(&a->intr, on_signal, SIGINT);
    return 0;
}

static void tear_down(struct agent *a)
{
    kk_requests_free(a->requests);
    kk_kernel_free(a->parts.kernel);
    kk_runner_free(a->parts.runner);
    kk_kit_free(a->parts.kit);
    kk_service_free(a->parts.service);
    kk_link_close(a->parts.link);
    kk_children_close(a->parts.children);
    uv_close((uv_handle_t *)&a->term, NULL);
    uv_close((uv_handle_t *)&a->intr, NULL);
    uv_run(&a->loop, UV_RUN_DEFAULT);
    uv_loop_close(&a->loop);
    free(a->strict.filter);
}

int main(int argc, char **argv)
{
    static struct agent a;
    struct kg_err err = {0};
    if (parse_options(&a.options, argc, argv) < 0)
        return 2;
    if (set_up(&a, &err) < 0) {
        fprintf(stderr, "kernelgw-agent: %s\n", err.text);
        return 1;
    }
    uv_run(&a.loop, UV_RUN_DEFAULT);
    tear_down(&a);
    return 0;
}
