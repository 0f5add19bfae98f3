#ifndef KK_SPAWN_H
#define KK_SPAWN_H
/*
 * Starts a process of the user's or the box's service: its own session and process group, the user's or the service's ids
 * and no capability, default signals, no descriptor but those given, the sandbox's filters. Waits until exec has succeeded or
 * failed.
 */
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtimes/agent/options.h"
#include "runtimes/agent/sandbox.h"

enum { KK_SPAWN_FDS = 5 };

struct kk_spawn {
    const struct kk_options *options;
    const struct sock_fprog *strict; /* NULL: none */
    bool watch_stderr;               /* ask for the watch filter's descriptor */
    char *const *argv;               /* argv[0] is looked up in env's PATH */
    char *const *envp;
    const char *cwd;
    int fds[KK_SPAWN_FDS]; /* the first fd_count become 0, 1, 2...; borrowed */
    int fd_count;
    bool terminal; /* descriptor 0 is one, and becomes the process's controlling terminal */
    bool service;
    mode_t umask;
};

/* Returns the pid, or a negative code with a sentence such as "start python3: no such file or directory". *listener
 * (the caller's) is the watch filter's descriptor or -1. */
pid_t kk_spawn(const struct kk_spawn *s, int *listener, struct kg_err *err);

/* A NULL-terminated array of strings in one piece of memory: free() it. NULL when v is no array of 1 to max strings. */
char **kk_argv_from_json(const json_t *v, size_t max);
/*
 * An environment: what every program of the user's gets (PATH, HOME, LANG, USER; ours, when user code runs as we do),
 * overlaid with the members of env (object of strings, or NULL). Freed as above. NULL for anything else, for a name that
 * is empty or holds '=', or when it is above 128 KiB.
 */
char **kk_env_from_json(const json_t *env, const struct kk_options *options);

/* A pipe whose inode belongs to the user (who may open it by /dev/stdout). ours (0 or 1) names the end that is the
 * agent's and does not block. 0 or -errno. */
int kk_pipe(int fds[2], int ours, const struct kk_options *options);
/* The same for the service. */
int kk_service_pipe(int fds[2], int ours, const struct kk_options *options);

#endif
