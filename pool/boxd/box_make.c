/* How a box is made: its directory and state first, then everything that the state can find again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/box.h"
#include "pool/boxd/files.h"
#include "pool/boxd/netns.h"
#include "pool/boxd/nets.h"
#include "pool/boxd/oci.h"
#include "pool/boxd/proc.h"

enum { LINK_BACKLOG = 8 };

/* The sentence that names the images there are. */
static int no_such_image(const struct bd_boxes *all, const char *image, struct kg_err *err)
{
    kg_autobuf names = {0};
    DIR *dir = opendir(all->config.images);
    const struct dirent *e;
    while (dir && (e = readdir(dir))) { // NOLINT(concurrency-mt-unsafe): one thread
        kg_autofree char *rootfs = kg_asprintf("%s/%s/rootfs", all->config.images, e->d_name);
        if (bd_is_image_name(e->d_name) && access(rootfs, F_OK) == 0)
            kg_buf_printf(&names, "%s%s", names.len ? ", " : "", e->d_name);
    }
    if (dir)
        closedir(dir);
    return kg_err_set(err, -ENOENT, "there is no image %s in %s; there is: %s", image,
                      all->config.images, names.len ? kg_buf_cstr(&names) : "none");
}

/* A read-only root can't be given its mount points later, so an image must bring them. */
static int check_mount_points(const char *image, const char *rootfs, struct kg_err *err)
{
    static const char *const points[] = {"kgw", "run/kgw", "run/kernel", "work",
                                         "tmp", "dev",     "proc"};
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    kg_autoclose int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (root < 0)
        return kg_err_errno(err, errno, "open image %s", image);
    for (size_t i = 0; i < KG_COUNT(points); i++) {
        kg_autoclose int fd = (int)syscall(SYS_openat2, root, points[i], &how, sizeof(how));
        if (fd < 0)
            return kg_err_errno(err, errno, "image %s has no directory /%s", image, points[i]);
        /* runc before 1.2 gives a tmpfs the mode of its mount point, whatever the mode it was told. */
        if (strcmp(points[i], "tmp") == 0 && (fstat(fd, &st) < 0 || (st.st_mode & 01777) != 01777))
            return kg_err_set(err, -EINVAL, "image %s: /tmp must have mode 1777", image);
    }
    return 0;
}

static int find_image(const struct bd_boxes *all, const char *image, char **rootfs,
                      struct kg_err *err)
{
    kg_autofree char *path = kg_asprintf("%s/%s/rootfs", all->config.images, image);
    kg_autofree char *real = realpath(path, NULL);
    if (!real)
        return no_such_image(all, image, err);
    int rc = check_mount_points(image, real, err);
    if (rc == 0)
        *rootfs = kg_steal(&real);
    return rc;
}

/* The first id of a range that no box has: not the last one used, if others are free. */
static int find_ids(struct bd_boxes *all, uint32_t *first_id, struct kg_err *err)
{
    uint32_t slots = all->config.max_boxes;
    kg_autofree bool *taken = kg_calloc(slots, sizeof(bool));
    for (size_t i = 0; i < all->count; i++) {
        /* Both its ends: a box of an earlier boxd with another base may lie across two of our ranges. */
        for (int64_t end = 0; end < BD_IDS_PER_BOX; end += BD_IDS_PER_BOX - 1) {
            int64_t at = (int64_t)all->list[i]->state.first_id + end - all->config.uid_base;
            if (at >= 0 && at / BD_IDS_PER_BOX < slots)
                taken[at / BD_IDS_PER_BOX] = true;
        }
    }
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t slot = (all->next_slot + i) % slots;
        if (taken[slot])
            continue;
        all->next_slot = (slot + 1) % slots;
        *first_id = all->config.uid_base + slot * BD_IDS_PER_BOX;
        return 0;
    }
    return kg_err_set(err, -EAGAIN, "no range of user ids is free: %u are in use", slots);
}

int bd_box_bind_link(struct bd_box *box, struct kg_err *err)
{
    kg_autofree char *dir_path = kg_asprintf("%s/link", box->dir);
    kg_autoclose int dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    kg_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dir < 0 || fd < 0)
        return kg_err_errno(err, errno, "make the link's socket");
    /* Bound by way of the directory's descriptor: a run directory's path may be longer than sun_path. */
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/link.new", dir);
    unlinkat(dir, "link.new", 0);
    if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return kg_err_errno(err, errno, "bind the link's socket");
    /* Connecting takes the right to write: root's and the group's that only the agent keeps. */
    gid_t group = box->state.first_id + BD_LINK_GID;
    if (fchownat(dir, "link.new", 0, group, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(dir, "link.new", 0660, 0) < 0 || listen(fd, LINK_BACKLOG) < 0 ||
        renameat(dir, "link.new", dir, "link") < 0)
        return kg_err_errno(err, errno, "open the link's socket to the agent");
    box->link_fd = kg_steal_fd(&fd);
    return 0;
}

int bd_box_link(struct bd_box *box, struct kg_err *err)
{
    if (box->link_fd < 0) {
        int rc = bd_box_bind_link(box, err);
        if (rc < 0)
            return rc;
    }
    return box->link_fd;
}

/*
 * RUN/box/ID/link, seen in the box as /run/kgw: the link's socket, what /etc/hosts points to, the limits, and the
 * place where the cgroup's account of kills is mounted. Everybody in the box may look up names in it, so that these are
 * theirs to read; it can't be listed.
 */
static int make_link_dir(struct bd_box *box, struct kg_err *err)
{
    const struct bd_net *net =
        box->state.net[0] ? bd_net_find(box->all, box->state.net, NULL) : NULL;
    kg_autofree char *dir = kg_asprintf("%s/link", box->dir);
    kg_autofree char *memory = kg_asprintf("%s/memory", dir);
    int rc = bd_dir_make(dir, 0711, 0, box->state.first_id + BD_LINK_GID, err);
    if (rc == 0)
        rc = bd_box_tell_names(box, net, err);
    if (rc == 0)
        rc = bd_file_replace(memory, "", 0, 0444, err); /* a read-only mount gets no point later */
    if (rc == 0)
        rc = bd_box_tell_limits(box, err);
    return rc < 0 ? rc : bd_box_bind_link(box, err);
}

/* stderr of the runtime and the agent, which must neither grow, block nor outlive them. */
static int make_words(struct bd_box *box, struct kg_err *err)
{
    box->words_fd = bd_file_memory("kernelgw-box-stderr", BD_LAST_WORDS, err);
    return box->words_fd < 0 ? box->words_fd : 0;
}

void bd_box_last_words(const struct bd_box *box, char *out, size_t room)
{
    bd_file_line(box->words_fd, true, out, room);
    const char *msg = strstr(out, " msg="); /* runc's and crun's way to say it */
    if (msg)
        memmove(out, msg + 5, strlen(msg + 5) + 1);
}

static uint64_t hard_limit(__rlimit_resource_t which)
{
    struct rlimit limit;
    return getrlimit(which, &limit) < 0 || limit.rlim_max == RLIM_INFINITY ? INT64_MAX
                                                                           : limit.rlim_max;
}

/* Whether the image has that file: nothing can be mounted in its place otherwise. */
static bool has_resolv(const char *rootfs)
{
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    kg_autoclose int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    kg_autoclose int fd = (int)syscall(SYS_openat2, root, "etc/resolv.conf", &how, sizeof(how));
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int write_config(struct bd_box *box, const struct bd_request *r, const char *rootfs,
                        struct kg_err *err)
{
    const struct bd_boxes *all = box->all;
    kg_autofree char *link_dir = kg_asprintf("%s/link", box->dir);
    kg_autofree char *netns = kg_asprintf("/proc/%d/fd/%d", getpid(), box->netns_fd);
    kg_autofree char *cgroup = kg_asprintf("/%s/%s", all->config.cgroup_parent, box->state.box);
    kg_autofree char *path = kg_asprintf("%s/config.json", box->dir);
    kg_autofree char *memory_file = bd_cgroup_memory_events(&all->cgroups, box->state.box);
    struct bd_oci spec = {
        .box = box->state.box,
        .rootfs = rootfs,
        .agent_dir = all->agent_dir,
        .link_dir = link_dir,
        .memory_file = memory_file,
        .resolv = all->resolv && has_resolv(rootfs) ? all->resolv : NULL,
        .netns = netns,
        .cgroup = cgroup,
        .first_id = box->state.first_id,
        .memory_mb = r->memory_mb,
        .limit_swap = all->cgroups.has_swap,
        .cpu_milli = r->cpu_milli,
        .cpu_shares = r->weight ? bd_cgroup_shares(&all->cgroups, r->weight) : 0,
        .pids = r->pids,
        .tmp_mb = r->tmp_mb,
        .tmp_inodes = r->tmp_inodes,
        .nofile_max = hard_limit(RLIMIT_NOFILE),
        .nproc_max = hard_limit(RLIMIT_NPROC),
        .memlock_max = hard_limit(RLIMIT_MEMLOCK),
        .sigpending_max = hard_limit(RLIMIT_SIGPENDING),
    };
    kg_autobuf text = {0};
    bd_oci_write(&text, &spec);
    return bd_file_replace(path, text.data, text.len, 0600, err);
}

/* The runtime says that PID 1 runs: from now on it is known by pid and start time. */
static int meet(struct bd_box *box, struct kg_err *err)
{
    kg_autofree char *path = kg_asprintf("%s/pid", box->dir);
    kg_autobuf text = {0};
    int rc = bd_file_read(&text, path, 32, err);
    if (rc < 0)
        return rc;
    char *end;
    long pid = strtol(kg_buf_cstr(&text), &end, 10);
    if (pid < 2 || pid > INT32_MAX || (*end != '\0' && *end != '\n'))
        return kg_err_set(err, -EPROTO, "the runtime wrote no pid");
    box->state.pid = (pid_t)pid;
    rc = bd_proc_start(box->state.pid, &box->state.start_ticks, err);
    if (rc == 0)
        rc = box->pidfd = bd_proc_open(box->state.pid, box->state.start_ticks, err);
    if (rc < 0) {
        char words[256];
        bd_box_last_words(box, words, sizeof(words));
        return kg_err_set(err, -EIO, "the agent ended at once%s%s", *words ? ": " : "", words);
    }
    box->state.living = true;
    rc = bd_box_save(box, err);
    return rc < 0 ? rc : bd_box_watch(box, err);
}

static int runtime_result(struct bd_box *box, int status, struct kg_err *err)
{
    char words[256];
    if (status == 0)
        return 0;
    if (status < 0)
        return kg_err_errno(err, -status, "start the runtime");
    bd_box_last_words(box, words, sizeof(words));
    if (WIFSIGNALED(status))
        return kg_err_set(err, -ETIMEDOUT, "the runtime was ended by signal %d: %s",
                          WTERMSIG(status), words);
    return kg_err_set(err, -EIO, "the runtime failed (%d): %s", WEXITSTATUS(status), words);
}

static void runtime_done(void *user, int status)
{
    struct bd_box *box = user;
    const struct bd_boxes *all = box->all;
    struct kg_err err = {0};
    box->job = NULL;
    kg_cleanup_close(&box->helper_fd);
    box->helper_fd = -1;
    if (box->phase == BD_ENDING) {
        bd_box_end(box); /* which has waited for this */
        return;
    }
    kg_autofree char *helper = kg_asprintf("helpers/%s", box->state.box);
    bd_cgroup_remove(&all->cgroups, helper, NULL); /* if it doesn't go yet, it goes with the box */
    int rc = runtime_result(box, status, &err);
    if (rc == 0)
        rc = meet(box, &err);
    box->wants_reply = false;
    if (rc < 0) {
        kg_log(KG_WARN, "boxd", "box not made", "box=%.12s why=\"%s\"", box->state.box, err.text);
        all->config.created(all->config.user, box->creator, NULL, &err);
        bd_box_end(box);
        return;
    }
    box->phase = BD_LIVING;
    kg_log(KG_DEBUG, "boxd", "box made", "box=%.12s pid=%d ms=%llu", box->state.box, box->state.pid,
           (unsigned long long)(kg_clock_ms() - box->state.made_ms));
    all->config.created(all->config.user, box->creator, box, NULL);
}

static void start_runtime(struct bd_box *box)
{
    struct bd_boxes *all = box->all;
    kg_autofree char *root = kg_asprintf("%s/runtime", all->config.run_dir);
    kg_autofree char *pid_file = kg_asprintf("%s/pid", box->dir);
    /* Keys are counted for each user of the host; a box's agent has no use for a keyring. */
    const char *args[] = {"--root",
                          root,
                          "run",
                          "--detach",
                          "--bundle",
                          box->dir,
                          "--pid-file",
                          pid_file,
                          all->own_removal ? "--no-new-keyring" : box->state.box,
                          all->own_removal ? box->state.box : NULL,
                          NULL};
    box->job = bd_job_start(all->jobs, args, box->helper_fd, box->words_fd, BD_CREATE_MS,
                            runtime_done, box);
}

/* Of its own, or of the network that it is to be in. */
static int enter_net(struct bd_box *box, struct kg_err *err)
{
    struct bd_boxes *all = box->all;
    if (!box->state.net[0])
        return bd_netns_new(all->home_netns, err);
    struct bd_net *net = bd_net_find(all, box->state.net, err);
    return net ? bd_net_join(all, net, err) : -ENOENT;
}

static int make(struct bd_box *box, const struct bd_request *r, const char *rootfs,
                struct kg_err *err)
{
    int rc = bd_dir_make(box->dir, 0700, 0, 0, err);
    if (rc == 0)
        rc = bd_box_save(box, err);
    if (rc == 0)
        rc = make_link_dir(box, err);
    if (rc == 0)
        rc = make_words(box, err);
    if (rc == 0)
        rc = box->netns_fd = enter_net(box, err);
    if (rc >= 0)
        rc = write_config(box, r, rootfs, err);
    if (rc == 0)
        rc = box->helper_fd = bd_cgroup_helper(&box->all->cgroups, box->state.box, err);
    if (rc < 0)
        return rc;
    start_runtime(box);
    return 0;
}

int bd_box_create(struct bd_boxes *all, const struct bd_request *r, struct bd_ticket t,
                  struct kg_err *err)
{
    kg_autofree char *rootfs = NULL;
    struct bd_state state = {.made_ms = kg_clock_ms()};
    if (all->stopping)
        return kg_err_set(err, -ESHUTDOWN, "boxd is going down");
    if (bd_box_exists(all, r->box))
        return kg_err_set(err, -EEXIST, "there is a box %s already", r->box);
    if (all->count >= all->config.max_boxes)
        return kg_err_set(err, -EAGAIN, "there are %zu boxes already, as many as may be",
                          all->count);
    if (r->net[0] && !bd_net_find(all, r->net, err))
        return -ENOENT;
    int rc = find_image(all, r->image, &rootfs, err);
    if (rc == 0)
        rc = find_ids(all, &state.first_id, err);
    if (rc < 0)
        return rc;
    memcpy(state.box, r->box, sizeof(state.box));
    memcpy(state.image, r->image, sizeof(state.image));
    memcpy(state.owner, r->owner, sizeof(state.owner));
    memcpy(state.net, r->net, sizeof(state.net));
    memcpy(state.boot, all->boot, sizeof(state.boot));
    struct bd_box *box = bd_box_new(all, &state);
    box->limits = (struct bd_box_figures){r->memory_mb, r->cpu_milli, r->pids};
    rc = make(box, r, rootfs, err);
    if (rc < 0) {
        bd_box_end(box);
        return rc;
    }
    box->wants_reply = true;
    box->creator = t;
    return 0;
}
