#include "pool/boxd/outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/files.h"
#include "pool/boxd/netns.h"
#include "pool/boxd/outside_rules.h"
#include "pool/boxd/outside_stack.h"
#include "pool/boxd/program.h"
#include "pool/boxd/rtnl.h"

enum {
    READY_MS = 10000,
    AGAIN_MS = 1000,    /* between two starts of a stack that does not stay */
    SESSIONS = 65534,   /* addresses of a /16, without its first and last */
    FIRST_INDEX = 1000, /* interfaces: not loopback's, nor the tap's */
    MTU = 65520,        /* the stack's: every packet costs it a turn */
    LO = 1,
    TRIES =
        1000, /* at free numbers: more sessions than that do not lie side by side for a whole round of them */
};

static const char group[] = "helpers/outside";

struct bd_outside {
    struct bd_outside_config config;
    struct bd_stack_room room;
    char *slirp, *nft;
    struct mnl_socket *router; /* speaks for the router's namespace */
    struct mnl_socket *watch;  /* of the machine's addresses */
    int procs_fd, words_fd, life_fd;
    pid_t pid;       /* of the stack; 0: none runs */
    uint32_t number; /* of the last session: the next one gets the next */
    uv_poll_t changed;
    uv_timer_t again;
    int closing;
};

struct addresses {
    uint32_t *list;
    size_t count, room;
};

static void add_address(void *user, uint32_t address)
{
    struct addresses *a = user;
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i] == address)
            return;
    if (a->count == a->room) {
        a->room = a->room ? a->room * 2 : 16;
        a->list = kg_realloc(a->list, a->room * sizeof(uint32_t));
    }
    a->list[a->count++] = address;
}

static int apply(const struct bd_outside *o, struct kg_buf *rules, struct kg_err *err)
{
    const char *argv[] = {o->nft, "-f", "-", NULL};
    int rc = bd_program_run(o->room.net, argv, kg_buf_cstr(rules), err);
    return rc < 0 ? kg_err_wrap(err, "this kernel does not take the rules") : 0;
}

/* The machine's addresses, the public ones above all: they are not the outside, whatever they look like. */
static int block_machine(const struct bd_outside *o, struct kg_err *err)
{
    kg_autobuf rules = {0};
    struct addresses found = {0};
    struct mnl_socket *home = bd_rtnl_open(o->config.home, o->config.home, err);
    if (!home)
        return err->code;
    int rc = bd_rtnl_addresses(home, add_address, &found, err);
    bd_rtnl_close(home);
    if (rc == 0) {
        bd_outside_rules_host(&rules, found.list, found.count);
        rc = apply(o, &rules, err);
    }
    free(found.list);
    return rc;
}

static void on_changed(uv_poll_t *poll, int status, int events)
{
    const struct bd_outside *o = poll->data;
    struct kg_err err = {0};
    (void)status;
    (void)events;
    bd_rtnl_drain(o->watch);
    if (block_machine(o, &err) < 0)
        kg_log(KG_ERROR, "boxd", "new addresses of this machine are not kept from sessions",
               "why=\"%s\"", err.text);
}

static int make_router(struct bd_outside *o, struct kg_err *err)
{
    static const struct bd_setting settings[] = {
        {"ipv6/conf/all/disable_ipv6", "1", true}, /* there is no way out by IPv6 */
        {"ipv6/conf/default/disable_ipv6", "1", true},
        {"ipv4/conf/all/rp_filter", "1", false}, /* no sender but the one whose route leads back */
        {"ipv4/conf/all/accept_redirects", "0", false},
        {"ipv4/conf/all/send_redirects", "0", false},
        {"ipv4/conf/all/accept_source_route", "0",
         false},                             /* else a packet says its own way behind the rules */
        {"ipv4/icmp_ratelimit", "0", false}, /* each refusal is told: else some are waited for */
    };
    kg_autobuf rules = {0};
    int rc = bd_stack_room(&o->room, o->config.id, err);
    if (rc < 0)
        return rc;
    rc = bd_netns_enter(o->room.net, err);
    if (rc == 0) {
        rc = bd_netns_settings(settings, KG_COUNT(settings), err);
        bd_netns_come_home(o->config.home);
    }
    o->router = rc < 0 ? NULL : bd_rtnl_open(o->room.net, o->config.home, err);
    if (!o->router)
        return err->code;
    rc = bd_rtnl_up(o->router, LO, err);
    if (rc == 0)
        rc = bd_rtnl_address(o->router, LO, htonl(BD_OUTSIDE_ROUTER), err);
    if (rc < 0)
        return rc;
    bd_outside_rules(&rules, o->config.more);
    rc = apply(o, &rules, err);
    return rc < 0 ? rc : block_machine(o, err);
}

/* Packets go on only now that rules say which. */
static int open_router(const struct bd_outside *o, struct kg_err *err)
{
    static const struct bd_setting forward = {"ipv4/ip_forward", "1", false};
    int rc = bd_netns_enter(o->room.net, err);
    if (rc < 0)
        return rc;
    rc = bd_netns_settings(&forward, 1, err);
    bd_netns_come_home(o->config.home);
    return rc;
}

/* Starts the stack. ready: a descriptor to read from when it stands. */
static int start(struct bd_outside *o, int *ready, struct kg_err *err)
{
    int life[2], told[2];
    kg_cleanup_close(&o->life_fd);
    kg_cleanup_close(&o->words_fd);
    o->life_fd = -1;
    o->words_fd = bd_file_memory("kernelgw-outside-stderr", 65536, err);
    if (o->words_fd < 0)
        return o->words_fd;
    if (pipe2(life, O_CLOEXEC) < 0)
        return kg_err_errno(err, errno, "make a pipe");
    o->life_fd = life[1];
    if (pipe2(told, O_CLOEXEC) < 0) {
        close(life[0]);
        return kg_err_errno(err, errno, "make a pipe");
    }
    const struct bd_stack stack = {o->slirp,    &o->room, o->config.id, o->procs_fd,
                                   o->words_fd, life[0],  told[1]};
    int pid = bd_stack_start(&stack, err);
    close(life[0]);
    close(told[1]);
    if (pid < 0) {
        close(told[0]);
        return pid;
    }
    o->pid = pid;
    *ready = told[0];
    return 0;
}

static int await(struct bd_outside *o, int ready, struct kg_err *err)
{
    struct pollfd p = {.fd = ready, .events = POLLIN};
    char byte, words[256];
    int n;
    while ((n = poll(&p, 1, READY_MS)) < 0 && errno == EINTR)
        continue;
    if (n > 0 && read(ready, &byte, 1) == 1)
        return 0;
    kill(o->pid, SIGKILL);
    waitpid(o->pid, NULL, 0);
    o->pid = 0;
    bd_file_line(o->words_fd, true, words, sizeof(words));
    return kg_err_set(err, -EIO, "slirp4netns does not come up: %s",
                      words[0] ? words : "it says nothing");
}

static void start_again(uv_timer_t *timer)
{
    struct bd_outside *o = timer->data;
    struct kg_err err = {0};
    int ready;
    if (start(o, &ready, &err) == 0) {
        close(ready); /* nobody waits: it stands when it stands */
        return;
    }
    kg_log(KG_ERROR, "boxd", "no way to the outside", "why=\"%s\"", err.text);
    uv_timer_start(&o->again, start_again, AGAIN_MS, 0);
}

bool bd_outside_reaped(struct bd_outside *o, pid_t pid, int status)
{
    char words[256];
    if (!o || o->pid != pid)
        return false;
    o->pid = 0;
    bd_file_line(o->words_fd, true, words, sizeof(words));
    kg_log(KG_ERROR, "boxd", "the stack to the outside ended; it is started again",
           "status=%d said=\"%s\"", status, words);
    uv_timer_start(&o->again, start_again, AGAIN_MS, 0);
    return true;
}

static int find_programs(struct bd_outside *o, struct kg_err *err)
{
    o->slirp = bd_program_find("slirp4netns", "program", err);
    if (!o->slirp)
        return kg_err_wrap(err, "outside access wants the package slirp4netns");
    o->nft = bd_program_find("nft", "program", err);
    if (!o->nft)
        return kg_err_wrap(err, "outside access wants the package nftables");
    if (access("/dev/net", F_OK) < 0)
        return kg_err_set(err, -ENODEV, "there is no /dev/net/tun (modprobe tun)");
    return 0;
}

/* An interface pair that nobody needs: whether this kernel can make one should show at the start, not in a session. */
static int try_attach(struct bd_outside *o, struct kg_err *err)
{
    kg_autoclose int ns = bd_netns_new(o->config.home, err);
    return ns < 0 ? ns : bd_outside_attach(o, ns, err);
}

static int open_all(struct bd_outside *o, struct kg_err *err)
{
    int ready = -1;
    int rc = find_programs(o, err);
    if (rc == 0)
        rc = o->procs_fd = bd_cgroup_helper(o->config.cgroups, "outside", err);
    if (rc >= 0)
        rc = make_router(o, err);
    if (rc == 0)
        rc = start(o, &ready, err);
    if (rc == 0) {
        rc = await(o, ready, err);
        close(ready);
    }
    if (rc == 0)
        rc = open_router(o, err);
    if (rc == 0)
        rc = try_attach(o, err);
    if (rc == 0)
        rc = (o->watch = bd_rtnl_watch(err)) ? block_machine(o, err) : err->code;
    return rc;
}

int bd_outside_open(struct bd_outside **out, const struct bd_outside_config *config,
                    struct kg_err *err)
{
    struct bd_outside *o = kg_calloc(1, sizeof(*o));
    o->config = *config;
    o->room = (struct bd_stack_room){-1, -1};
    o->procs_fd = o->words_fd = o->life_fd = -1;
    int rc = open_all(o, err);
    if (rc < 0) /* the program ends with it: what it holds goes with the process */
        return kg_err_wrap(err, "outside access");
    uv_timer_init(config->loop, &o->again);
    uv_poll_init(config->loop, &o->changed, mnl_socket_get_fd(o->watch));
    o->again.data = o->changed.data = o;
    uv_poll_start(&o->changed, UV_READABLE, on_changed);
    *out = o;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct bd_outside *o = handle->data;
    if (--o->closing > 0)
        return;
    bd_rtnl_close(o->watch);
    bd_rtnl_close(o->router);
    int *fds[] = {&o->procs_fd, &o->words_fd, &o->life_fd, &o->room.user, &o->room.net};
    for (size_t i = 0; i < KG_COUNT(fds); i++)
        kg_cleanup_close(fds[i]);
    free(o->slirp);
    free(o->nft);
    free(o);
}

void bd_outside_close(struct bd_outside *o)
{
    if (!o)
        return;
    if (o->pid) {
        kill(o->pid, SIGKILL);
        waitpid(o->pid, NULL, 0);
    }
    bd_cgroup_remove(o->config.cgroups, group, NULL);
    o->closing = 2;
    uv_close((uv_handle_t *)&o->again, on_closed);
    uv_close((uv_handle_t *)&o->changed, on_closed);
}

/* Makes a session's two ends, with the next number. -EEXIST: a session of long ago still has that. */
static int pair(struct bd_outside *o, struct mnl_socket *session, struct kg_err *err)
{
    char name[16];
    o->number = o->number % SESSIONS + 1;
    snprintf(name, sizeof(name), "s%u", o->number);
    /* One that a killed boxd has left there may not have gone yet, so that the name is what is free. */
    const struct bd_rtnl_end here = {"eth%d", FIRST_INDEX + o->number};
    const struct bd_rtnl_end there = {name, FIRST_INDEX + o->number};
    return bd_rtnl_pair(session, &here, &there, o->room.net, MTU, err);
}

static int connect_pair(struct bd_outside *o, struct mnl_socket *session, struct kg_err *err)
{
    const uint32_t index = FIRST_INDEX + o->number;
    const uint32_t address = htonl(BD_OUTSIDE_SESSIONS + o->number),
                   router = htonl(BD_OUTSIDE_ROUTER);
    int rc = bd_rtnl_up(o->router, index, err);
    if (rc == 0)
        rc = bd_rtnl_route(o->router, index, address, 32, 0, err);
    if (rc == 0)
        rc = bd_rtnl_address(session, index, address, err);
    if (rc == 0)
        rc = bd_rtnl_up(session, index, err);
    if (rc == 0)
        rc = bd_rtnl_route(session, index, router, 32, 0, err);
    if (rc == 0)
        rc = bd_rtnl_route(session, index, 0, 0, router, err);
    return rc;
}

int bd_outside_attach(struct bd_outside *o, int ns, struct kg_err *err)
{
    static const struct bd_setting no_ipv6 = {"ipv6/conf/default/disable_ipv6", "1", true};
    struct kg_err why = {0};
    int rc = bd_netns_enter(ns, &why);
    if (rc == 0) {
        rc = bd_netns_settings(&no_ipv6, 1, &why);
        bd_netns_come_home(o->config.home);
    }
    struct mnl_socket *session = rc < 0 ? NULL : bd_rtnl_open(ns, o->config.home, &why);
    if (session) {
        for (int tries = 0; tries < TRIES && (tries == 0 || rc == -EEXIST); tries++)
            rc = pair(o, session, &why);
        if (rc == 0 && (rc = connect_pair(o, session, &why)) < 0)
            bd_rtnl_remove(session, FIRST_INDEX + o->number, NULL);
        bd_rtnl_close(session);
    } else {
        rc = why.code;
    }
    if (rc < 0) {
        *err = why;
        return kg_err_wrap(err, "give a session its way to the outside");
    }
    return 0;
}
