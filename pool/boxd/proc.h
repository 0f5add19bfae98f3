#ifndef BD_PROC_H
#define BD_PROC_H
/* Processes by number without mistaking one for another: a pid together with the time it was started. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Start time in clock ticks since boot, from /proc/PID/stat. -ESRCH when there is no such process, or when
 * all that is left of it is a zombie. */
int bd_proc_start(pid_t pid, uint64_t *ticks, struct kg_err *err);
/* The parser of the above: text is the content of /proc/PID/stat. -EPROTO when it isn't. */
int bd_proc_parse_stat(const char *text, char *state, uint64_t *ticks);

/* A pidfd of the process that has this pid and start time; -ESRCH when it is another one by now. */
int bd_proc_open(pid_t pid, uint64_t ticks, struct kg_err *err);
int bd_pidfd_kill(int pidfd); /* SIGKILL; 0 also when it has ended */

/* The random name of this boot of the machine, 36 characters and a NUL. */
int bd_boot_id(char out[37], struct kg_err *err);

#endif
