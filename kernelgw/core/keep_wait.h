#ifndef KG_CORE_KEEP_WAIT_H
#define KG_CORE_KEEP_WAIT_H
/* Of somebody who waits until a workspace has been written down (core/keep_workspace.h). */

struct kg_keep_job;

struct kg_keep_wait {
    struct kg_keep_wait *prev, *next;
    struct kg_keep_job *job; /* NULL: it waits for nothing */
    void (*done)(void *user);
    void *user;
};

/* It is not called any more. That it waits for nothing is fine. */
void kg_keep_wait_cancel(struct kg_keep_wait *wait);

#endif
