#include "pool/boxd/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { ARGS_MAX = 20 };

struct bd_job {
    struct bd_jobs *jobs;
    struct bd_job *next;
    char *args[ARGS_MAX + 2];
    int procs_fd;
    int stderr_fd;
    uint64_t timeout_ms;
    bd_job_done *done;
    void *user;
    pid_t pid; /* 0: waiting */
    int failed;
    uv_timer_t timer;
};

struct bd_jobs {
    uv_loop_t *loop;
    char *runtime;
    int null_fd;
    size_t at_once;
    size_t running;
    struct bd_job *first; /* all, in order of arrival */
};

struct bd_jobs *bd_jobs_new(uv_loop_t *loop, const char *runtime, size_t at_once)
{
    struct bd_jobs *jobs = kg_calloc(1, sizeof(*jobs));
    jobs->loop = loop;
    jobs->runtime = kg_strdup(runtime);
    jobs->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    jobs->at_once = at_once;
    return jobs;
}

void bd_jobs_free(struct bd_jobs *jobs)
{
    if (!jobs)
        return;
    if (jobs->null_fd >= 0)
        close(jobs->null_fd);
    free(jobs->runtime);
    free(jobs);
}

static void unlink_job(struct bd_job *job)
{
    struct bd_job **at = &job->jobs->first;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
}

static void job_closed(uv_handle_t *timer)
{
    struct bd_job *job = timer->data;
    for (char **arg = job->args; *arg; arg++)
        free(*arg);
    free(job);
}

/* In the child: nothing here may allocate. */
__attribute__((noreturn)) static void become_runtime(const struct bd_job *job, pid_t boxd)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char home[] = "HOME=/";
    static char *const env[] = {path, home, NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != boxd)
        _exit(126);
    if (write(job->procs_fd, "0", 1) != 1 || setsid() < 0)
        _exit(126);
    int null = job->jobs->null_fd;
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(job->stderr_fd, 2) < 0)
        _exit(126);
    execve(job->args[0], job->args, env);
    _exit(127);
}

static void overdue(uv_timer_t *timer)
{
    const struct bd_job *job = timer->data;
    kg_log(KG_WARN, "boxd", "runtime takes too long", "pid=%d ms=%llu", job->pid,
           (unsigned long long)job->timeout_ms);
    kill(job->pid, SIGKILL);
}

static void finish(struct bd_job *job, int status)
{
    unlink_job(job);
    if (job->pid > 0)
        job->jobs->running--;
    uv_timer_stop(&job->timer);
    uv_close((uv_handle_t *)&job->timer, job_closed);
    job->done(job->user, status);
}

static void start_failed(uv_timer_t *timer)
{
    struct bd_job *job = timer->data;
    finish(job, job->failed);
}

static void start_waiting(struct bd_jobs *jobs)
{
    for (struct bd_job *job = jobs->first; job && jobs->running < jobs->at_once; job = job->next) {
        if (job->pid != 0 || job->failed)
            continue;
        pid_t boxd = getpid();
        pid_t pid = fork();
        if (pid == 0)
            become_runtime(job, boxd);
        if (pid < 0) {
            job->failed = -errno;
            uv_timer_start(&job->timer, start_failed, 0, 0);
            continue;
        }
        job->pid = pid;
        jobs->running++;
        uv_timer_start(&job->timer, overdue, job->timeout_ms, 0);
    }
}

struct bd_job *bd_job_start(struct bd_jobs *jobs, const char *const *args, int procs_fd,
                            int stderr_fd, uint64_t timeout_ms, bd_job_done *done, void *user)
{
    struct bd_job *job = kg_calloc(1, sizeof(*job));
    job->jobs = jobs;
    job->args[0] = kg_strdup(jobs->runtime);
    for (size_t i = 0; args[i] && i < ARGS_MAX; i++)
        job->args[i + 1] = kg_strdup(args[i]);
    job->procs_fd = procs_fd;
    job->stderr_fd = stderr_fd;
    job->timeout_ms = timeout_ms;
    job->done = done;
    job->user = user;
    uv_timer_init(jobs->loop, &job->timer);
    job->timer.data = job;
    struct bd_job **at = &jobs->first;
    while (*at)
        at = &(*at)->next;
    *at = job;
    start_waiting(jobs);
    return job;
}

bool bd_job_cancel(struct bd_job *job)
{
    if (job->pid > 0) {
        kill(job->pid, SIGKILL); /* not reaped yet, so the number is still its own */
        return false;
    }
    if (job->failed)
        return false;
    unlink_job(job);
    uv_close((uv_handle_t *)&job->timer, job_closed);
    return true;
}

bool bd_jobs_reaped(struct bd_jobs *jobs, pid_t pid, int status)
{
    for (struct bd_job *job = jobs->first; job; job = job->next) {
        if (job->pid != pid)
            continue;
        finish(job, status);
        start_waiting(jobs);
        return true;
    }
    return false;
}
