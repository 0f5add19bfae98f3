#include "pool/boxd/boxes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/box.h"
#include "pool/boxd/files.h"
#include "pool/boxd/netns.h"
#include "pool/boxd/nets.h"
#include "pool/boxd/outside.h"
#include "pool/boxd/outside_rules.h"
#include "pool/boxd/proc.h"

/* Index of the box, or of where it would stand. */
static size_t place(const struct bd_boxes *all, const char *id, bool *found)
{
    size_t low = 0, high = all->count;
    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(all->list[mid]->state.box, id);
        if (order == 0)
            *found = true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct bd_box *lookup(const struct bd_boxes *all, const char *id)
{
    bool found;
    size_t at = place(all, id, &found);
    return found ? all->list[at] : NULL;
}

struct bd_box *bd_box_new(struct bd_boxes *all, const struct bd_state *state)
{
    bool found;
    size_t at = place(all, state->box, &found);
    struct bd_box *box = kg_calloc(1, sizeof(*box));
    box->all = all;
    box->state = *state;
    box->phase = BD_MAKING;
    box->dir = kg_asprintf("%s/box/%s", all->config.run_dir, state->box);
    box->pidfd = box->link_fd = box->netns_fd = box->words_fd = box->helper_fd = -1;
    box->status = -1;
    uv_timer_init(all->config.loop, &box->timer);
    box->timer.data = box;
    if (all->count == all->room) {
        all->room = all->room ? all->room * 2 : 64;
        all->list = kg_realloc(all->list, all->room * sizeof(struct bd_box *));
    }
    memmove(&all->list[at + 1], &all->list[at], (all->count - at) * sizeof(struct bd_box *));
    all->list[at] = box;
    all->count++;
    return box;
}

static void handle_closed(uv_handle_t *handle)
{
    struct bd_box *box = handle->data;
    if (--box->closing > 0 || box->dir)
        return;
    free(box->destroyers);
    free(box);
}

void bd_box_unwatch(struct bd_box *box)
{
    if (!box->polling)
        return;
    box->polling = false;
    box->closing++;
    uv_close((uv_handle_t *)&box->exit_poll, handle_closed);
}

static void poll_said(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    bd_box_ended(poll->data);
}

int bd_box_watch(struct bd_box *box, struct kg_err *err)
{
    int rc = uv_poll_init(box->all->config.loop, &box->exit_poll, box->pidfd);
    if (rc < 0)
        return kg_err_set(err, rc, "watch process %d: %s", box->state.pid, uv_strerror(rc));
    box->exit_poll.data = box;
    box->polling = true;
    uv_poll_start(&box->exit_poll, UV_READABLE, poll_said);
    return 0;
}

void bd_box_gone(struct bd_box *box)
{
    struct bd_boxes *all = box->all;
    bool found;
    size_t at = place(all, box->state.box, &found);
    all->count--;
    memmove(&all->list[at], &all->list[at + 1], (all->count - at) * sizeof(struct bd_box *));
    if (box->counted)
        all->ending--;
    int *fds[] = {&box->pidfd, &box->link_fd, &box->netns_fd, &box->words_fd, &box->helper_fd};
    bd_box_unwatch(box);
    for (size_t i = 0; i < KG_COUNT(fds); i++)
        kg_cleanup_close(fds[i]);
    for (size_t i = 0; i < box->destroyers_count; i++)
        all->config.destroyed(all->config.user, box->destroyers[i]);
    kg_log(KG_DEBUG, "boxd", "box gone", "box=%.12s tries=%u", box->state.box, box->tries);
    free(box->dir);
    box->dir = NULL; /* tells handle_closed that the last handle may free */
    box->closing++;
    uv_close((uv_handle_t *)&box->timer, handle_closed);
    bd_boxes_wake(all);
}

int bd_box_save(struct bd_box *box, struct kg_err *err)
{
    kg_autofree char *path = kg_asprintf("%s/state.json", box->dir);
    kg_autobuf text = {0};
    bd_state_write(&text, &box->state);
    return bd_file_replace(path, text.data, text.len, 0600, err);
}

static void reap(struct bd_boxes *all)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (bd_jobs_reaped(all->jobs, pid, status) || bd_outside_reaped(all->outside, pid, status))
            continue;
        /* boxd is the subreaper, so a box's PID 1 is its child once the runtime has gone. */
        for (size_t i = 0; i < all->count; i++)
            if (all->list[i]->state.pid == pid)
                all->list[i]->status =
                    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

void bd_boxes_reap(struct bd_boxes *all)
{
    reap(all);
}

static void child_ended(uv_signal_t *signal, int number)
{
    (void)number;
    reap(signal->data);
}

/* Takes a lock that a predecessor killed a moment ago may still be letting go of. */
static int lock(int fd, const char *what, struct kg_err *err)
{
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if (errno != EWOULDBLOCK || tries == 100)
            return kg_err_set(err, -EBUSY, "another kernelgw-boxd uses %s", what);
        usleep(20000);
    }
    return 0;
}

/*
 * Where the agent's copy lies, in a directory of its own, so that a box sees it and nothing beside it. A box can't run what
 * lies on a file system without execution, and /run is one on many machines (Debian's initramfs mounts it so): then it
 * is put where the images are, whose programs run. The parent's name tells boxds that share images apart.
 */
static int place_agent(struct bd_boxes *all, struct kg_err *err)
{
    struct statvfs fs;
    if (statvfs(all->config.run_dir, &fs) < 0)
        return kg_err_errno(err, errno, "look at %s", all->config.run_dir);
    if (fs.f_flag & ST_NOEXEC) {
        all->agent_dir = kg_asprintf("%s/.agent-%s", all->config.images, all->config.cgroup_parent);
        for (char *p = all->agent_dir + strlen(all->config.images) + 1; *p; p++)
            *p = *p == '/' ? '_' : *p;
        all->agent_elsewhere = true;
    } else {
        all->agent_dir = kg_asprintf("%s/agent", all->config.run_dir);
    }
    kg_autofree char *agent = kg_asprintf("%s/agent", all->agent_dir);
    int rc = bd_dir_make(all->agent_dir, 0755, 0, 0, err);
    return rc < 0 ? rc : bd_file_copy(all->config.agent, agent, 0555, err);
}

static int make_run_dir(struct bd_boxes *all, struct kg_err *err)
{
    const char *run = all->config.run_dir;
    struct stat st;
    if (mkdir(run, 0755) < 0 && errno != EEXIST)
        return kg_err_errno(err, errno, "make run directory %s", run);
    if (stat(run, &st) < 0 || !S_ISDIR(st.st_mode))
        return kg_err_set(err, -ENOTDIR, "run directory %s is not a directory", run);
    if (st.st_uid != 0 || (st.st_mode & 022))
        return kg_err_set(
            err, -EPERM, "run directory %s must belong to root and be writable by root alone", run);
    static const char *const rooms[] = {"box", "runtime"};
    int rc = 0;
    for (size_t i = 0; i < KG_COUNT(rooms) && rc == 0; i++) {
        kg_autofree char *path = kg_asprintf("%s/%s", run, rooms[i]);
        rc = bd_dir_make(path, 0700, 0, 0, err);
    }
    if (rc < 0)
        return rc;
    kg_autofree char *lock_path = kg_asprintf("%s/lock", run);
    all->run_lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (all->run_lock < 0)
        return kg_err_errno(err, errno, "open %s", lock_path);
    rc = lock(all->run_lock, run, err);
    return rc;
}

static int find_cgroups(struct bd_boxes *all, struct kg_err *err)
{
    kg_autobuf text = {0};
    int rc = bd_file_read(&text, "/proc/self/mountinfo", 16 << 20, err);
    if (rc == 0)
        rc = bd_cgroups_find(&all->cgroups, kg_buf_cstr(&text), all->config.cgroup_parent, err);
    if (rc < 0)
        return rc;
    all->cgroup_lock = bd_cgroups_parent(&all->cgroups, err);
    if (all->cgroup_lock < 0)
        return all->cgroup_lock;
    kg_autofree char *what = kg_asprintf("the cgroup parent %s", all->config.cgroup_parent);
    return lock(all->cgroup_lock, what, err);
}

struct helper_sweep {
    const struct bd_boxes *all;
    size_t found;
};

static void end_helper(void *user, const char *name)
{
    struct helper_sweep *sweep = user;
    kg_autofree char *group = kg_asprintf("helpers/%s", name);
    sweep->found += bd_cgroup_kill(&sweep->all->cgroups, group);
    bd_cgroup_remove(&sweep->all->cgroups, group, NULL);
}

/* Runtimes of a killed predecessor could go on making what is being removed: they go first. */
static int end_helpers(const struct bd_boxes *all, struct kg_err *err)
{
    for (int tries = 0; tries < 1000; tries++) {
        struct helper_sweep sweep = {all, 0};
        bd_cgroups_each(&all->cgroups, "helpers", end_helper, &sweep);
        if (sweep.found == 0)
            return 0;
        usleep(5000);
    }
    return kg_err_set(err, -ETIMEDOUT, "runtimes that an earlier boxd started can't be ended");
}

/* Takes up a box by its state; -ESRCH or the like when its process is not there any more. */
static int take_up(struct bd_box *box, struct kg_err *err)
{
    const struct bd_state *s = &box->state;
    if (!s->living || strcmp(s->boot, box->all->boot) != 0)
        return kg_err_set(err, -ESRCH, "half-made, or of an earlier boot");
    box->pidfd = bd_proc_open(s->pid, s->start_ticks, err);
    if (box->pidfd < 0)
        return box->pidfd;
    box->netns_fd = bd_netns_of(s->pid, err);
    if (box->netns_fd < 0)
        return box->netns_fd;
    int rc = bd_box_watch(box, err);
    if (rc < 0)
        return rc;
    bd_box_recall_limits(box);
    box->phase = BD_LIVING;
    return 0;
}

static void find_box(struct bd_boxes *all, const char *id)
{
    struct bd_state state;
    struct kg_err err = {0};
    if (!bd_is_box_id(id) || lookup(all, id))
        return;
    kg_autofree char *path = kg_asprintf("%s/box/%s/state.json", all->config.run_dir, id);
    kg_autobuf text = {0};
    if (bd_file_read(&text, path, 65536, NULL) < 0 ||
        bd_state_parse(&state, kg_buf_cstr(&text), text.len, NULL) < 0 ||
        strcmp(state.box, id) != 0) {
        memset(&state, 0, sizeof(state));
        memcpy(state.box, id, strlen(id) + 1);
    }
    struct bd_box *box = bd_box_new(all, &state);
    if (take_up(box, &err) == 0) {
        kg_log(KG_INFO, "boxd", "box taken up", "box=%.12s pid=%d", id, state.pid);
        return;
    }
    kg_log(KG_INFO, "boxd", "box of an earlier boxd is removed", "box=%.12s why=\"%s\"", id,
           err.text);
    bd_box_end(box);
}

static void find_group(void *user, const char *name)
{
    find_box(user, name);
}

/* Everything that could be a box's: its directory, or a cgroup or runtime state whose directory is lost. */
static int find_boxes(struct bd_boxes *all, struct kg_err *err)
{
    static const char *const rooms[] = {"box", "runtime"};
    for (size_t i = 0; i < KG_COUNT(rooms); i++) {
        kg_autofree char *path = kg_asprintf("%s/%s", all->config.run_dir, rooms[i]);
        DIR *dir = opendir(path);
        const struct dirent *e;
        if (!dir)
            return kg_err_errno(err, errno, "open %s", path);
        while ((e = readdir(dir))) // NOLINT(concurrency-mt-unsafe): one thread
            find_box(all, e->d_name);
        closedir(dir);
    }
    bd_cgroups_each(&all->cgroups, "", find_group, all);
    return 0;
}

/* Boxes in networks of their own have the same resolver in their /etc, and no way to it. */
static int open_outside(struct bd_boxes *all, struct kg_err *err)
{
    static const char resolv[] = "nameserver " BD_OUTSIDE_DNS "\n";
    const struct bd_outside_config config = {
        .loop = all->config.loop,
        .cgroups = &all->cgroups,
        .home = all->home_netns,
        .id = all->config.uid_base + BD_IDS_PER_BOX - 1, /* of a box's range, used by nobody */
        .more = all->config.outside_block,
    };
    all->resolv = kg_asprintf("%s/resolv.conf", all->config.run_dir);
    int rc = bd_file_replace(all->resolv, resolv, sizeof(resolv) - 1, 0644, err);
    return rc < 0 ? rc : bd_outside_open(&all->outside, &config, err);
}

static int open_all(struct bd_boxes *all, struct kg_err *err)
{
    int rc = make_run_dir(all, err);
    if (rc == 0)
        rc = find_cgroups(all, err);
    if (rc == 0)
        rc = place_agent(all, err); /* behind both locks: nobody else's is replaced */
    if (rc == 0)
        rc = bd_boot_id(all->boot, err);
    if (rc == 0)
        rc = all->home_netns = bd_netns_home(err);
    if (rc >= 0)
        rc = end_helpers(all, err);
    if (rc == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        rc = kg_err_errno(err, errno, "become the reaper of boxes");
    if (rc < 0)
        return rc;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    all->jobs =
        bd_jobs_new(all->config.loop, all->config.runtime, cores < 2 ? 2 : (size_t)cores * 2);
    uv_signal_init(all->config.loop, &all->child);
    all->child.data = all;
    uv_signal_start(&all->child, child_ended, SIGCHLD);
    uv_timer_init(all->config.loop, &all->stop_timer);
    all->stop_timer.data = all;
    rc = find_boxes(all, err);
    if (rc == 0 && all->config.outside)
        rc = open_outside(all, err);
    return rc < 0 ? rc : bd_nets_open(all, err);
}

int bd_boxes_open(struct bd_boxes **out, const struct bd_boxes_config *config, struct kg_err *err)
{
    struct bd_boxes *all = kg_calloc(1, sizeof(*all));
    all->config = *config;
    all->config.run_dir = kg_strdup(config->run_dir);
    all->config.images = kg_strdup(config->images);
    all->config.agent = kg_strdup(config->agent);
    all->config.runtime = kg_strdup(config->runtime);
    all->config.cgroup_parent = kg_strdup(config->cgroup_parent);
    all->config.outside_block = config->outside_block ? kg_strdup(config->outside_block) : NULL;
    all->run_lock = all->cgroup_lock = all->home_netns = -1;
    const char *name = strrchr(config->runtime, '/');
    name = name ? name + 1 : config->runtime;
    all->own_removal = strcmp(name, "runc") == 0 || strcmp(name, "crun") == 0;
    int rc = open_all(all, err);
    if (rc < 0) /* the program ends with it: what it holds goes with the process */
        return rc;
    *out = all;
    return 0;
}

static void nothing_under_way(uv_timer_t *timer)
{
    struct bd_boxes *all = timer->data;
    void (*stopped)(void *user) = all->stopped;
    all->stopped = NULL;
    if (stopped)
        stopped(all->stopped_user);
}

void bd_boxes_wake(struct bd_boxes *all)
{
    bool busy = false;
    size_t places = BD_ENDINGS_MAX > all->ending ? BD_ENDINGS_MAX - all->ending : 0;
    for (size_t i = 0; i < all->count; i++) {
        struct bd_box *box = all->list[i];
        busy |= box->phase != BD_LIVING;
        if (places > 0 && box->phase == BD_ENDING && !box->counted) {
            places--;
            bd_box_end(box);
        }
    }
    if (all->stopped && !busy)
        uv_timer_start(&all->stop_timer, nothing_under_way, 0, 0);
}

void bd_boxes_stop(struct bd_boxes *all, bool end_living, void (*done)(void *user), void *user)
{
    all->stopping = true;
    all->stopped = done;
    all->stopped_user = user;
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i]->phase == BD_MAKING || (end_living && all->list[i]->phase == BD_LIVING))
            bd_box_end(all->list[i]);
    bd_boxes_wake(all);
}

void bd_boxes_asker_gone(struct bd_boxes *all, uint64_t connection)
{
    for (size_t i = 0; i < all->count; i++) {
        struct bd_box *box = all->list[i];
        if (box->phase != BD_MAKING || box->creator.connection != connection)
            continue;
        kg_log(KG_INFO, "boxd", "box is not made: nobody waits for it", "box=%.12s",
               box->state.box);
        bd_box_end(box);
    }
}

void bd_box_unwanted(struct bd_box *box)
{
    kg_log(KG_INFO, "boxd", "box is ended: nobody waits for it", "box=%.12s", box->state.box);
    bd_box_end(box);
}

void bd_boxes_free(struct bd_boxes *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->count; i++) { /* living boxes, which go on without us */
        struct bd_box *box = all->list[i];
        int *fds[] = {&box->pidfd, &box->link_fd, &box->netns_fd, &box->words_fd, &box->helper_fd};
        bd_box_unwatch(box);
        for (size_t k = 0; k < KG_COUNT(fds); k++)
            kg_cleanup_close(fds[k]);
        free(box->dir);
        box->dir = NULL;
        box->closing++;
        uv_close((uv_handle_t *)&box->timer, handle_closed);
    }
    bd_nets_free(all);
    bd_outside_close(all->outside);
    if (all->count == 0)
        bd_cgroups_leave(&all->cgroups);
    if (all->count == 0 && all->agent_elsewhere)
        bd_tree_remove(all->agent_dir, NULL);
    uv_close((uv_handle_t *)&all->child, NULL);
    uv_close((uv_handle_t *)&all->stop_timer, NULL);
    uv_run(all->config.loop, UV_RUN_NOWAIT); /* their close callbacks */
    bd_jobs_free(all->jobs);
    bd_cgroups_release(&all->cgroups);
    close(all->run_lock);
    close(all->cgroup_lock);
    close(all->home_netns);
    const char *strings[] = {all->config.run_dir,       all->config.images,
                             all->config.agent,         all->config.runtime,
                             all->config.cgroup_parent, all->config.outside_block};
    for (size_t i = 0; i < KG_COUNT(strings); i++)
        free((void *)(uintptr_t)strings[i]);
    free(all->agent_dir);
    free(all->resolv);
    free(all->list);
    free(all);
}

struct bd_box *bd_box_find(struct bd_boxes *all, const char *id, struct kg_err *err)
{
    struct bd_box *box = lookup(all, id);
    if (!box) {
        kg_err_set(err, -ENOENT, "there is no box %s", id);
        return NULL;
    }
    if (box->phase != BD_LIVING) {
        kg_err_set(err, -EBUSY, "box %s is being %s", id,
                   box->phase == BD_MAKING ? "made" : "removed");
        return NULL;
    }
    return box;
}

bool bd_box_exists(const struct bd_boxes *all, const char *id)
{
    return lookup(all, id) != NULL;
}

int bd_box_destroy(struct bd_boxes *all, const char *id, struct bd_ticket t)
{
    struct bd_box *box = lookup(all, id);
    if (!box)
        return -ENOENT;
    box->destroyers =
        kg_realloc(box->destroyers, (box->destroyers_count + 1) * sizeof(struct bd_ticket));
    box->destroyers[box->destroyers_count++] = t;
    if (box->phase != BD_ENDING)
        bd_box_end(box);
    return 0;
}

struct bd_box_info bd_box_info(const struct bd_box *box)
{
    const struct bd_state *s = &box->state;
    return (struct bd_box_info){s->box, s->image,    s->owner,
                                s->pid, s->first_id, kg_clock_ms() - s->made_ms};
}

size_t bd_boxes_list(struct bd_boxes *all, const char *after, struct bd_box **out, size_t max,
                     bool *more)
{
    bool found;
    size_t n = 0;
    *more = false;
    for (size_t i = place(all, after, &found) + found; i < all->count; i++) {
        if (all->list[i]->phase == BD_ENDING)
            continue;
        if (n == max) {
            *more = true;
            break;
        }
        out[n++] = all->list[i];
    }
    return n;
}

size_t bd_boxes_count(const struct bd_boxes *all)
{
    return all->count;
}

bool bd_boxes_outside(const struct bd_boxes *all)
{
    return all->outside != NULL;
}
