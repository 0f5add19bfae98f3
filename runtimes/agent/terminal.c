#include "runtimes/agent/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { CONTROL_D = 4 };

/* As a user's terminal has it: erasing takes whole characters. */
static void set_modes(int fd)
{
    struct termios mode;
    if (tcgetattr(fd, &mode) < 0)
        return;
    mode.c_iflag |= IUTF8;
    tcsetattr(fd, TCSANOW, &mode);
}

static int open_pair(struct kk_terminal *t)
{
    char name[64];
    t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (t->master < 0)
        return -errno;
    if (unlockpt(t->master) < 0)
        return -errno;
    int rc = ptsname_r(t->master, name, sizeof name);
    if (rc != 0)
        return -rc;
    t->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
    return t->slave < 0 ? -errno : 0;
}

int kk_terminal_open(struct kk_terminal *t, const struct kk_options *options, uint16_t rows,
                     uint16_t cols, struct kg_err *err)
{
    kk_user_begin(options); /* the slave side's owner is who opens the master */
    int rc = open_pair(t);
    kk_user_end(options);
    if (rc == 0)
        rc = kk_terminal_resize(t, rows, cols);
    if (rc < 0) {
        kk_terminal_close(t);
        return kg_err_errno(err, -rc, "open a terminal");
    }
    set_modes(t->slave);
    return 0;
}

void kk_terminal_close(struct kk_terminal *t)
{
    if (t->slave >= 0)
        close(t->slave);
    if (t->master >= 0)
        close(t->master);
    *t = (struct kk_terminal){-1, -1, 0};
}

int kk_terminal_resize(const struct kk_terminal *t, uint16_t rows, uint16_t cols)
{
    struct winsize size = {.ws_row = rows, .ws_col = cols};
    return ioctl(t->master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

void kk_terminal_signal(const struct kk_terminal *t, int signal, pid_t leader)
{
    pid_t front = 0;
    if (ioctl(t->master, TIOCGPGRP, &front) < 0)
        front = 0;
    if (front > 0)
        kill(-front, signal);
    if (front <= 0 || (signal != SIGINT && front != leader))
        kill(-leader, signal);
}

void kk_terminal_typed(struct kk_terminal *t, const void *data, size_t n)
{
    if (n > 0)
        t->last = ((const char *)data)[n - 1];
}

size_t kk_terminal_eof(const struct kk_terminal *t, char out[KK_TERMINAL_EOF_MAX])
{
    struct termios mode;
    char end = CONTROL_D;
    if (t->slave >= 0 && tcgetattr(t->slave, &mode) == 0 && mode.c_cc[VEOF] != _POSIX_VDISABLE)
        end = (char)mode.c_cc[VEOF];
    bool line_ended = t->last == 0 || t->last == '\n' || t->last == '\r' || t->last == end;
    memset(out, end, KK_TERMINAL_EOF_MAX);
    return line_ended ? 1 : 2;
}
