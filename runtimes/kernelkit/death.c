#include "runtimes/kernelkit/death.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtimes/kernelkit/content.h"

/* A small file beside the link's socket. */
static struct kg_span read_beside(const char *link, const char *name, char *text, size_t size)
{
    const char *slash = strrchr(link, '/');
    kg_autofree char *path = kg_asprintf("%.*s%s", slash ? (int)(slash - link + 1) : 0, link, name);
    kg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, size) : -1;
    return kg_span_of(text, n > 0 ? (size_t)n : 0);
}

uint64_t kk_death_parse_kills(struct kg_span text)
{
    static const char key[] = "oom_kill ";
    const size_t n = sizeof key - 1;
    const uint8_t *end = text.data + text.len;
    const uint8_t *at = text.len ? memmem(text.data, text.len, key, n) : NULL;
    uint64_t kills = 0;
    if (!at || (at != text.data && at[-1] != '\n'))
        return 0;
    for (at += n; at < end && *at >= '0' && *at <= '9' && kills < UINT32_MAX; at++)
        kills = kills * 10 + (uint64_t)(*at - '0');
    return kills;
}

uint64_t kk_death_parse_limit(struct kg_span text)
{
    int64_t mb = 0;
    const struct kk_field field = {"memory_mb", KK_INT, &mb, true};
    return kk_content_read(text, &field, 1, NULL) == 0 && mb > 0 ? (uint64_t)mb : 0;
}

uint64_t kk_death_oom_kills(const char *link)
{
    char text[4096];
    return kk_death_parse_kills(read_beside(link, "memory", text, sizeof text));
}

void kk_death_describe(char *out, size_t size, int status, const char *link, uint64_t oom_before)
{
    if (WIFEXITED(status)) {
        snprintf(out, size, "the kernel's evaluator ended (exit status %d)", WEXITSTATUS(status));
        return;
    }
    int signal = WTERMSIG(status);
    const char *words = sigdescr_np(signal);
    if (signal == SIGKILL && kk_death_oom_kills(link) > oom_before) {
        char text[4096];
        uint64_t mb = kk_death_parse_limit(read_beside(link, "limits", text, sizeof text));
        if (mb)
            snprintf(out, size, "the kernel's evaluator ran out of memory (its limit is %llu MB)",
                     (unsigned long long)mb);
        else
            snprintf(out, size, "the kernel's evaluator ran out of memory");
    } else if (signal == SIGKILL) {
        snprintf(out, size, "the kernel's evaluator was killed (signal 9)");
    } else {
        snprintf(out, size, "the kernel's evaluator was ended by signal %d (%s)", signal,
                 words ? words : "unknown");
    }
}
