#include "runtimes/java/client/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_MOST = 4096,
    BYTES_MOST = 15 << 20, /* the service takes a little more */
    DEPTH_MOST = 48,
    PATH_MOST = 4096,
    STATUS_SYSTEM = 3, /* javac's status for "not your code" */
};

void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(STATUS_SYSTEM);
}

void bytes_add(struct bytes *b, const void *data, size_t n)
{
    if (b->room - b->n < n) {
        size_t room = (b->n + n) * 2;
        uint8_t *grown = realloc(b->data, room);

        if (!grown)
            fail("no memory for %zu bytes", room);
        b->data = grown;
        b->room = room;
    }
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
}

void bytes_add_u32(struct bytes *b, uint32_t value)
{
    uint8_t be[4] = {value >> 24, value >> 16, value >> 8, value};

    bytes_add(b, be, sizeof(be));
}

void bytes_add_run(struct bytes *b, const void *data, size_t n)
{
    bytes_add_u32(b, (uint32_t)n);
    bytes_add(b, data, n);
}

/* One file; false when it is none that can be read as a file. */
static bool add_file(struct bytes *b, int dir, const char *name, const char *path)
{
    /* not blocking: a pipe of this name must not hold us */
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    uint8_t *text;
    size_t have = 0;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return false;
    }
    if (st.st_size > BYTES_MOST || b->n + (size_t)st.st_size > BYTES_MOST)
        fail("the sources are larger than %d MB", BYTES_MOST >> 20);
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        fail("no memory for %s", path);
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, text + have, (size_t)st.st_size - have);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    close(fd);
    bytes_add_run(b, path, strlen(path));
    bytes_add_run(b, text, have);
    free(text);
    return true;
}

static bool is_java(const char *name)
{
    size_t n = strlen(name);

    return n > 5 && strcmp(name + n - 5, ".java") == 0;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* dir is taken. path has room for PATH_MOST and holds the folder's, with a slash at its end, or "". */
static void add_folder(struct bytes *b, int dir, char *path, const char *entry, uint32_t *count,
                       int depth)
{
    struct dirent **names = NULL;
    size_t length = strlen(path);
    int n = scandirat(dir, ".", &names, visible, alphasort);

    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        struct stat st;

        if (length + strlen(name) + 2 < PATH_MOST &&
            fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            strcpy(path + length, name);
            if (S_ISDIR(st.st_mode) && depth < DEPTH_MOST) {
                int inner = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                if (inner >= 0) {
                    strcat(path, "/");
                    add_folder(b, inner, path, entry, count, depth + 1);
                }
            } else if (S_ISREG(st.st_mode) && (is_java(name) || strcmp(path, entry) == 0)) {
                if (*count == FILES_MOST)
                    fail("there are more than %d source files", FILES_MOST);
                *count += add_file(b, dir, name, path);
            }
            path[length] = '\0';
        }
        free(names[i]);
    }
    free((void *)names);
    close(dir);
}

uint32_t sources_add(struct bytes *b, const char *entry)
{
    char path[PATH_MOST] = "";
    uint32_t count = 0;
    int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        fail("the folder of the program can't be read: %s", strerror(errno));
    add_folder(b, dir, path, entry, &count, 0);
    return count;
}
