#include "kernelgw/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    THREADS_A_BOX = 16,     /* alive at once, on an average: many boxes only wait */
    DESCRIPTORS_MORE = 256, /* files, libraries, the loop's own */
};

struct limit {
    const char *path, *name; /* name: as sysctl has it */
    uint64_t need;
    const char *what;
};

/* False when there is no such file or no number in it: this kernel has no such limit. */
static bool read_number(uint64_t *out, const char *root, const char *path)
{
    kg_autofree char *file = kg_asprintf("%s%s", root, path);
    char text[64];
    char *end = text;
    FILE *f = fopen(file, "re");
    bool good = f && fgets(text, sizeof text, f);
    if (good)
        *out = strtoull(text, &end, 10);
    if (f)
        fclose(f);
    return good && end != text;
}

static int tell(FILE *out, const struct limit *l, uint64_t have, const char *fix)
{
    bool good = have >= l->need;
    fprintf(out, "%-5s %s is %" PRIu64 "; %s take %" PRIu64 "\n", good ? "ok" : "LOW", l->name,
            have, l->what, l->need);
    if (!good)
        fprintf(out, "      %s\n", fix);
    return !good;
}

struct kg_need kg_doctor_need(const struct kg_config *c)
{
    return (struct kg_need){.boxes = (uint64_t)c->max_boxes,
                            .networks = (uint64_t)c->max_boxes + (uint64_t)c->max_sessions,
                            .connections = (uint64_t)c->max_connections};
}

static int look_at_kernel(FILE *out, const char *root, const struct kg_need *need)
{
    const uint64_t threads = need->boxes * THREADS_A_BOX;
    const struct limit limits[] = {
        {"/proc/sys/user/max_net_namespaces", "user.max_net_namespaces", need->networks,
         "networks of boxes and sessions"},
        {"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", need->boxes, "boxes"},
        {"/proc/sys/user/max_pid_namespaces", "user.max_pid_namespaces", need->boxes, "boxes"},
        {"/proc/sys/user/max_mnt_namespaces", "user.max_mnt_namespaces", need->boxes, "boxes"},
        {"/proc/sys/kernel/pid_max", "kernel.pid_max", threads, "processes and threads of boxes"},
        {"/proc/sys/kernel/threads-max", "kernel.threads-max", threads,
         "processes and threads of boxes"},
    };
    int low = 0;
    for (size_t i = 0; i < KG_COUNT(limits); i++) {
        const struct limit *l = &limits[i];
        uint64_t have;
        if (!read_number(&have, root, l->path))
            continue;
        kg_autofree char *fix = kg_asprintf("sysctl -w %s=%" PRIu64, l->name, l->need);
        low += tell(out, l, have, fix);
    }
    return low;
}

static int look_at_files(FILE *out, const struct limit *l, const char *program, uint64_t have)
{
    kg_autofree char *fix =
        kg_asprintf("ulimit -Hn %" PRIu64 " before the start of %s, or LimitNOFILE= of its service",
                    l->need, program);
    return tell(out, l, have, fix);
}

/* Outside access is boxd's, and may well be off: what it would want is told, and counts for nothing. */
static void look_at_outside(FILE *out, const char *root)
{
    static const struct {
        const char *name, *fix;
        const char *paths[2];
    } wants[] = {
        {"slirp4netns",
         "apt-get install slirp4netns",
         {"/usr/bin/slirp4netns", "/usr/local/bin/slirp4netns"}},
        {"nft", "apt-get install nftables", {"/usr/sbin/nft", "/usr/local/sbin/nft"}},
        {"/dev/net/tun", "modprobe tun", {"/dev/net/tun", "/dev/net"}},
    };
    for (size_t i = 0; i < KG_COUNT(wants); i++) {
        kg_autofree char *usual = kg_asprintf("%s%s", root, wants[i].paths[0]);
        kg_autofree char *other = kg_asprintf("%s%s", root, wants[i].paths[1]);
        if (access(usual, F_OK) == 0 || access(other, F_OK) == 0)
            continue;
        fprintf(out,
                "note  there is no %s, which kernelgw-boxd --outside on would want\n      %s\n",
                wants[i].name, wants[i].fix);
    }
}

int kg_doctor_namespaces(FILE *out)
{
    int status = 0;
    fflush(out); /* the child's copy of what waits there is never written */
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 0)
        return 0; /* nothing was learned, or all is well */
    fprintf(out,
            "NO    user namespaces can't be made here (%s): there will be no boxes\n"
            "      not in a chroot (pivot_root does), and a container around kernelgw must be "
            "privileged; or: sysctl -w user.max_user_namespaces=65536\n",
            strerror(WEXITSTATUS(status)));
    return 1;
}

int kg_doctor(FILE *out, const char *root, const struct kg_need *need, uint64_t descriptors)
{
    /* A box has a link, a connection a socket, or two when it is passed on to a program's port. boxd: four a box, one a
     * network. */
    const struct limit server = {NULL, "the limit of open files",
                                 need->boxes * 2 + need->connections + DESCRIPTORS_MORE,
                                 "boxes and connections"};
    const struct limit boxd = {NULL, "the same limit, for kernelgw-boxd,",
                               need->boxes * 3 + need->networks + DESCRIPTORS_MORE,
                               "boxes and networks"};
    int low = look_at_kernel(out, root, need);
    low += look_at_files(out, &server, "kernelgw", descriptors);
    low += look_at_files(out, &boxd, "kernelgw-boxd", descriptors);
    look_at_outside(out, root);
    if (low)
        fprintf(out,
                "%d too low for what the settings allow: raise them, or lower --max-boxes, "
                "--max-sessions or --max-connections\n",
                low);
    else
        fprintf(out, "no limit is too low\n");
    return low;
}
