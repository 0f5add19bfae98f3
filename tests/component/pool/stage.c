#include "stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/proctree.h"

#define IMAGES_DEFAULT "/var/lib/kernelgw/images"

static struct stage *current; /* to end what was started when a check fails */

static void end_boxd(struct stage *s, int sig)
{
    if (s->boxd <= 0)
        return;
    kill(s->boxd, sig);
    waitpid(s->boxd, NULL, 0);
    s->boxd = 0;
}

static const char *images(void)
{
    const char *dir = getenv("KGW_IMAGES"); // NOLINT(concurrency-mt-unsafe)
    return dir ? dir : IMAGES_DEFAULT;
}

/* KGW_AGENT names another than the one built along: a static one for boxes, in a build that has none. */
static const char *agent(void)
{
    const char *path = getenv("KGW_AGENT"); // NOLINT(concurrency-mt-unsafe)
    return path ? path : KGW_AGENT;
}

static void exec_boxd(struct stage *s, bool sweep)
{
    kg_autofree char *run = kg_asprintf("%s/boxd", s->dir);
    kg_autofree char *uid = kg_asprintf("%u", getuid());
    kg_autofree char *group = kg_asprintf("kgwtest-%s", s->dir + strlen("/run/kgwpool-"));
    execl(KGW_BOXD, "kernelgw-boxd", "--socket", s->socket, "--run-dir", run, "--images", images(),
          "--agent", agent(), "--gateway-uid", uid, "--cgroup-parent", group, "--log-level", "warn",
          sweep ? "--sweep" : NULL, NULL);
    _exit(127);
}

/* Whatever went wrong, no box stays on the machine. */
static void sweep_boxd(struct stage *s)
{
    end_boxd(s, SIGKILL);
    pid_t pid = fork();
    if (pid == 0)
        exec_boxd(s, true);
    waitpid(pid, NULL, 0);
}

void stage_fail(const char *file, int line, const char *what, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "%s:%d: failed: %s:", file, line, what);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    if (current && current->oci)
        sweep_boxd(current);
    if (current)
        pl_tree_remove(current->dir);
    exit(1);
}

static void skip(const char *why)
{
    printf("SKIP: %s\n", why);
    exit(77);
}

void stage_start_boxd(struct stage *s)
{
    s->boxd = fork();
    check(s->boxd >= 0);
    if (s->boxd == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        exec_boxd(s, false);
    }
}

void stage_kill_boxd(struct stage *s)
{
    end_boxd(s, SIGKILL);
}

static void find_image(void)
{
    kg_autofree char *rootfs = kg_asprintf("%s/python/rootfs", images());
    if (geteuid() != 0)
        skip("boxd must be root");
    if (access(rootfs, F_OK) < 0)
        skip("there is no image of python");
    if (access("/usr/sbin/runc", X_OK) < 0 && access("/usr/bin/runc", X_OK) < 0)
        skip("there is no runc");
    if (!KGW_AGENT_STATIC && strcmp(agent(), KGW_AGENT) == 0)
        skip("the agent of this build is not static, so it can't run in any image");
}

static json_t *kernel_start(void)
{
    return json_pack("{s:[s,s,s,s],s:{s:s,s:s,s:s},s:s,s:s,s:i,s:n,s:s}", "argv", "python3", "-m",
                     "ipykernel_launcher", "-f{connection_file}", "env", "IPYTHONDIR",
                     "/tmp/.ipython", "JUPYTER_RUNTIME_DIR", "/tmp/.jupyter", "XDG_CACHE_HOME",
                     "/tmp/.cache", "transport", "ipc", "interrupt_mode", "signal", "ready_ms",
                     60000, "warm_code", "language", "python");
}

void stage_open(struct stage *s, const char *engine)
{
    *s = (struct stage){.oci = strcmp(engine, "oci") == 0};
    if (s->oci)
        find_image();
    current = s;
    snprintf(s->dir, sizeof s->dir, "/run/kgwpool-XXXXXX");
    check(mkdtemp(s->dir), "%s", s->dir);
    chmod(s->dir, 0711); /* boxes' roots are nobody special to the host */
    snprintf(s->socket, sizeof s->socket, "%s/boxd.sock", s->dir);
    kg_uuid4(s->owner);
    uv_loop_init(&s->loop);
    s->tuning = pl_tuning_default;
    s->runtime = (struct pl_runtime){
        .name = "python3",
        .image = "python",
        .kernel_limits = {256, 500, 64, 48},
        .program_limits = {128, 500, 64, 48},
        .kernel_start = kernel_start(),
    };
    if (s->oci)
        stage_start_boxd(s);
}

void stage_close(struct stage *s)
{
    if (s->oci) {
        end_boxd(s, SIGTERM);
        sweep_boxd(s);
    }
    check(uv_loop_close(&s->loop) == 0);
    json_decref(s->runtime.kernel_start);
    check(pl_tree_remove(s->dir) == 0, "%s", s->dir);
    current = NULL;
}

void stage_turn(struct stage *s)
{
    uv_run(&s->loop, UV_RUN_NOWAIT);
    usleep(200);
}

void stage_open_pool(struct stage *s, uint32_t max_boxes, uint32_t kernels, uint32_t boxes)
{
    struct kg_err err = {0};
    struct pl_engine *engine = NULL;
    s->runtime.stock_kernels = kernels;
    s->runtime.stock_boxes = boxes;
    struct pl_pool_config config = {
        .loop = &s->loop,
        .owner = s->owner,
        .runtimes = &s->runtime,
        .runtime_count = 1,
        .max_boxes = max_boxes,
    };
    if (s->oci)
        engine = pl_engine_oci_new(&s->loop, s->socket, s->owner);
    else
        check(pl_engine_process_new(&engine, &s->loop, s->dir, agent(), s->owner, &err) == 0, "%s",
              err.text);
    check(pl_pool_open_on(&s->pool, &config, engine, &s->tuning, &err) == 0, "%s", err.text);
}

static void on_pool_closed(void *user)
{
    *(bool *)user = true;
}

void stage_close_pool(struct stage *s)
{
    bool closed = false;
    pl_pool_close(s->pool, on_pool_closed, &closed);
    stage_until(s, closed);
    s->pool = NULL;
    uv_run(&s->loop, UV_RUN_DEFAULT);
}

static void on_record(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    struct got *g = user;
    g->records++;
    if (rec->type == KG_REC_MSG)
        kg_buf_add(&g->text, body.data, body.len);
    else if (memmem(body.data, body.len, "kernel_exit", 11))
        g->exited = true;
}

static void on_gone(void *user, const char *why, bool oom)
{
    struct got *g = user;
    (void)why;
    g->gone++;
    g->oom = oom;
    g->box = NULL;
}

static const struct pl_box_events events = {.record = on_record, .gone = on_gone};

static void on_claimed(void *user, struct pl_box *box, const json_t *info, const struct kg_err *err)
{
    struct got *g = user;
    const char *name = json_string_value(json_object_get(info, "implementation"));
    g->done = true;
    g->box = box;
    g->ms = (double)(uv_hrtime() / 1000 - g->asked_us) / 1000;
    snprintf(g->info, sizeof g->info, "%s", name ? name : "");
    if (err)
        g->err = *err;
    if (box)
        pl_box_set_events(box, &events, g);
}

void stage_claim_as(struct stage *s, struct got *g, const struct pl_claim *claim)
{
    *g = (struct got){.asked_us = uv_hrtime() / 1000};
    pl_claim(s->pool, claim, on_claimed, g);
}

void stage_claim(struct stage *s, struct got *g, enum pl_kind kind)
{
    struct pl_claim claim = {.runtime = "python3", .kind = kind};
    stage_claim_as(s, g, &claim);
}

void stage_expect_box(struct stage *s, struct got *g)
{
    stage_until(s, g->done);
    check(g->box, "%s", g->err.text);
}

void stage_give_back(struct got *g)
{
    if (g->box)
        pl_box_destroy(g->box);
    g->box = NULL;
    kg_buf_release(&g->text);
}

struct answer {
    bool done;
    json_t *reply;
    struct kg_err err;
};

static void on_reply(void *user, const json_t *reply, const struct kg_err *err)
{
    struct answer *a = user;
    a->done = true;
    a->reply = json_deep_copy(reply);
    if (err)
        a->err = *err;
}

json_t *stage_request(struct stage *s, struct pl_box *b, const char *op, json_t *req,
                      const char *data)
{
    struct answer a = {0};
    pl_box_request(b, op, req, data, data ? strlen(data) : 0, on_reply, &a);
    stage_until(s, a.done);
    check(a.reply, "%s: %s", op, a.err.text);
    const char *text = json_string_value(json_object_get(a.reply, "error"));
    check(json_is_true(json_object_get(a.reply, "ok")), "%s: %s", op, text ? text : "?");
    return a.reply;
}

struct stats_answer {
    bool done;
    struct pl_stats stats;
    struct kg_err err;
};

static void on_stats(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct stats_answer *a = user;
    a->done = true;
    if (stats)
        a->stats = *stats;
    if (err)
        a->err = *err;
}

struct pl_stats stage_stats(struct stage *s, struct pl_box *b)
{
    struct stats_answer a = {0};
    pl_box_stats(b, on_stats, &a);
    stage_until(s, a.done);
    check(a.err.code == 0, "%s", a.err.text);
    return a.stats;
}

void stage_run(struct stage *s, struct got *g, const char *command)
{
    kg_buf_clear(&g->text);
    json_t *req =
        json_pack("{s:s,s:[{s:s,s:[s,s,s],s:i}],s:{},s:n,s:b,s:i,s:i,s:s,s:s}", "run_id",
                  "00000000-0000-4000-8000-000000000001", "phases", "name", "run", "argv",
                  "/bin/sh", "-c", command, "wall_ms", 30000, "env", "cwd", "stdin", 0, "wall_ms",
                  30000, "output_bytes", 1000000, "username", "ada", "session", "s");
    json_object_del(req, "cwd");
    json_decref(stage_request(s, g->box, "run.start", req, NULL));
    stage_until(s, g->gone || memmem(g->text.data, g->text.len, "exit_code", 9));
}

/* True when one of the files names the stage: its directory, or the group its boxd makes boxes in. */
static bool names_stage(const struct stage *s, const char *pid, const char *file)
{
    char path[320];
    static char text[65536];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
    kg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
    const char *mark = s->dir + strlen("/run/");
    const char *group = s->dir + strlen("/run/kgwpool-");
    kg_autofree char *cgroup = kg_asprintf("kgwtest-%s", group);
    return n > 0 && (memmem(text, (size_t)n, mark, strlen(mark)) ||
                     memmem(text, (size_t)n, cgroup, strlen(cgroup)));
}

size_t stage_leftovers(const struct stage *s)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;
    pid_t self = getpid();
    while ((entry = readdir(dir))) { // NOLINT(concurrency-mt-unsafe)
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || pid == self || pid == s->boxd)
            continue;
        if (names_stage(s, entry->d_name, "cgroup") || names_stage(s, entry->d_name, "cmdline") ||
            names_stage(s, entry->d_name, "environ"))
            n++;
    }
    closedir(dir);
    return n;
}
