#include "pool/boxd/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "pool/boxd/files.h"

int bd_proc_parse_stat(const char *text, char *state, uint64_t *ticks)
{
    /* The program's name, in parentheses, may hold anything: what follows its last one is regular. */
    const char *p = strrchr(text, ')');
    if (!p || p[1] != ' ' || !p[2])
        return -EPROTO;
    *state = p[2];
    p += 2;
    for (int field = 3; field < 22; field++) {
        p = strchr(p, ' ');
        if (!p)
            return -EPROTO;
        p++;
    }
    char *end;
    errno = 0;
    *ticks = strtoull(p, &end, 10);
    return errno || end == p ? -EPROTO : 0;
}

int bd_proc_start(pid_t pid, uint64_t *ticks, struct kg_err *err)
{
    char path[64], state;
    kg_autobuf text = {0};
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (bd_file_read(&text, path, 4096, NULL) < 0)
        return kg_err_set(err, -ESRCH, "there is no process %d", pid);
    if (bd_proc_parse_stat(kg_buf_cstr(&text), &state, ticks) < 0)
        return kg_err_set(err, -EPROTO, "%s can't be understood", path);
    if (state == 'Z' || state == 'X')
        return kg_err_set(err, -ESRCH, "process %d has ended", pid);
    return 0;
}

int bd_proc_open(pid_t pid, uint64_t ticks, struct kg_err *err)
{
    kg_autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return kg_err_errno(err, errno, "open process %d", pid);
    uint64_t now = 0;
    int rc = bd_proc_start(pid, &now, err);
    if (rc < 0)
        return rc;
    /* Looked at after the descriptor was opened, so the two can't be different processes. */
    if (now != ticks)
        return kg_err_set(err, -ESRCH, "process %d is another one by now", pid);
    return kg_steal_fd(&fd);
}

int bd_pidfd_kill(int pidfd)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return -errno;
    return 0;
}

int bd_boot_id(char out[37], struct kg_err *err)
{
    kg_autobuf text = {0};
    int rc = bd_file_read(&text, "/proc/sys/kernel/random/boot_id", 64, err);
    if (rc < 0)
        return rc;
    if (text.len < 36)
        return kg_err_set(err, -EPROTO, "boot_id is too short");
    memcpy(out, text.data, 36);
    out[36] = '\0';
    return 0;
}
