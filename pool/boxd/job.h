#ifndef BD_JOB_H
#define BD_JOB_H
/*
 * Runs of the OCI runtime: a few at once, the rest wait in line. A run is a child that dies with boxd and
 * starts its life in a cgroup, so that a boxd started after a crash finds and ends all of it before it looks
 * at boxes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

struct bd_jobs;
struct bd_job;

/* status is that of waitpid, or negative: -errno when it couldn't be started. The job is gone after it. */
typedef void bd_job_done(void *user, int status);

/* runtime is a program's absolute path. */
struct bd_jobs *bd_jobs_new(uv_loop_t *loop, const char *runtime, size_t at_once);
/* Only when no job is left. */
void bd_jobs_free(struct bd_jobs *jobs);

/*
 * Queues a run of `runtime args...` (NULL-terminated, copied), its stderr to stderr_fd and its other descriptors
 * to /dev/null, in the group whose cgroup.procs is open for writing as procs_fd; both are borrowed until done.
 * done comes once, later; after timeout_ms of running the runtime is killed.
 */
struct bd_job *bd_job_start(struct bd_jobs *jobs, const char *const *args, int procs_fd,
                            int stderr_fd, uint64_t timeout_ms, bd_job_done *done, void *user);
/* True: it had not begun, is gone, and done won't come. False: it is being killed, and done will come. */
bool bd_job_cancel(struct bd_job *job);

/* Tells what waitpid said; false when the child is none of these. */
bool bd_jobs_reaped(struct bd_jobs *jobs, pid_t pid, int status);

#endif
