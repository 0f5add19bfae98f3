#ifndef BD_OUTSIDE_H
#define BD_OUTSIDE_H
/*
 * Outside access for session networks (docs/decisions/0012-outside-access.md): a router, which is a network namespace
 * with rules and nobody in it. From there one stack in user space (outside_stack.h) leads out; to it leads a pair of
 * interfaces from each session's namespace. What a session may reach is decided in the router alone (outside_rules.h). The
 * machine's own namespace gets no interface, no rule and no setting from any of this.
 *
 * All of it lives as long as boxd: when that is killed, the stack ends with it, the router with both, and with the router
 * every session's interface. A session is then without the outside until the next boxd gives it a new one.
 */
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "pool/boxd/cgroup.h"

struct bd_outside;

struct bd_outside_config {
    uv_loop_t *loop;
    const struct bd_cgroups *cgroups;
    int home;    /* descriptor of the machine's network namespace: borrowed */
    uint32_t id; /* host user and group of the stack, nobody else's */
    const char
        *more; /* ranges that are not the outside, either (outside_rules.h), or NULL; borrowed */
};

/*
 * Makes the router and starts the stack, and waits until it stands: some 50 ms. An error says what this machine lacks: a
 * program and its package, or what the kernel can't do.
 */
int bd_outside_open(struct bd_outside **out, const struct bd_outside_config *config,
                    struct kg_err *err);
/* Ends the stack; handles close with the loop's next turns, and the memory goes with them. NULL is fine. */
void bd_outside_close(struct bd_outside *o);

/* Gives the network namespace ns its way out. Some 1 ms. */
int bd_outside_attach(struct bd_outside *o, int ns, struct kg_err *err);

/* Tells what waitpid said; false when the child is not the stack. One that ends unasked is started again. */
bool bd_outside_reaped(struct bd_outside *o, pid_t pid, int status);

#endif
