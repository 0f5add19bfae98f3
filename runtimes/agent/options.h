#ifndef KK_OPTIONS_H
#define KK_OPTIONS_H
/* How the agent was started, and the identity that the user's code has. */
#include <stdbool.h>
#include <sys/types.h>

struct kk_options {
    const char *link;       /* path of the link's socket */
    const char *box;        /* the box's id */
    const char *work;       /* absolute path of the working directory */
    const char *kernel_dir; /* absolute path for connection files and ipc sockets */
    bool drop; /* user code runs as uid and gid, without capabilities and filtered; else as we do */
    uid_t uid;
    gid_t gid;
    bool pid1; /* all other processes here are the user's */
};

/* Whom the box's service runs as: neither the agent nor the user. */
static inline uid_t kk_service_uid(const struct kk_options *o)
{
    return o->uid + 1;
}

static inline gid_t kk_service_gid(const struct kk_options *o)
{
    return o->gid + 1;
}

/*
 * Between the two, this thread touches files as the user does: what it makes belongs to the user, what the user may
 * not reach it cannot reach either. The agent has no capability to override modes or to change owners, and needs none.
 * A thread started meanwhile keeps this for good. Pairs do not nest. Nothing happens when user code runs as we do.
 */
void kk_user_begin(const struct kk_options *o);
void kk_service_begin(const struct kk_options *o); /* as the service; ended likewise */
void kk_user_end(const struct kk_options *o);

#endif
