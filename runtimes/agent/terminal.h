#ifndef KK_TERMINAL_H
#define KK_TERMINAL_H
/*
 * A pseudo-terminal for a program that wants one. Its slave side belongs to the user, who may open it as /dev/tty. The agent
 * keeps a descriptor of that side, too: a program that closes its own, and opens /dev/tty again, must not end the
 * terminal meanwhile.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtimes/agent/options.h"

enum { KK_TERMINAL_SIDE_MAX = 1000, KK_TERMINAL_EOF_MAX = 2 };

struct kk_terminal {
    int master; /* does not block; -1: closed */
    int slave;
    char last; /* byte that was typed last; 0: none yet */
};

/* Opens one of rows by cols characters in the usual line mode (echo, ^C, ^D). Returns 0, or a negative code with *err:
 * -ENOSPC when the box has as many as it may; t, which is closed before, is so then, too. */
int kk_terminal_open(struct kk_terminal *t, const struct kk_options *options, uint16_t rows,
                     uint16_t cols, struct kg_err *err);
void kk_terminal_close(struct kk_terminal *t); /* one that was never opened must be {-1, -1, 0} */
/* Its foreground processes get SIGWINCH when that is another size. 0 or -errno. */
int kk_terminal_resize(const struct kk_terminal *t, uint16_t rows, uint16_t cols);
/* Sends signal to the foreground processes, as its keys do. leader: the session's first process, which TERM reaches in any
 * case. */
void kk_terminal_signal(const struct kk_terminal *t, int signal, pid_t leader);
/* n bytes will be typed; also before it is open. */
void kk_terminal_typed(struct kk_terminal *t, const void *data, size_t n);
/*
 * What is to be typed so that its reader sees an end: the end-of-file character in force (^D), twice behind a line that
 * has not ended, since the first only hands that line over. Returns how many bytes of out it takes.
 */
size_t kk_terminal_eof(const struct kk_terminal *t, char out[KK_TERMINAL_EOF_MAX]);

#endif
