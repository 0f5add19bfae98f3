#include "runtimes/sql/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

struct reader {
    int fd;
    int rc; /* -errno of what failed */
    char name[256];
};

static const char *home(void)
{
    const char *home = getenv("HOME");
    return home && home[0] == '/' ? home : "/work";
}

/* path as seen from the home folder, or NULL; the caller frees it. */
static char *from_home(const char *path)
{
    const char *root = home();
    kg_autofree char *whole = NULL;
    if (path[0] == '/') {
        whole = kg_strdup(path);
    } else {
        kg_autofree char *cwd = getcwd(NULL, 0);
        if (!cwd)
            return NULL;
        whole = kg_asprintf("%s/%s", cwd, path);
    }
    size_t n = strlen(root);
    if (strncmp(whole, root, n) != 0 || whole[n] != '/')
        return NULL;
    const char *rest = whole + n;
    while (*rest == '/')
        rest++;
    return kg_strdup(*rest ? rest : ".");
}

int sq_local_file_open(const char *path)
{
    kg_autofree char *relative = from_home(path);
    if (!relative)
        return -EXDEV;
    kg_autoclose int root = open(home(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, relative, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE;
    }
    return fd;
}

const char *sq_local_file_why(int negative_errno)
{
    if (negative_errno == -EXDEV)
        return "it is not in the working folder";
    return negative_errno == -ESPIPE ? "it is no regular file" : strerror(-negative_errno);
}

static int start(void **ptr, const char *name, void *userdata)
{
    (void)userdata;
    struct reader *r = kg_calloc(1, sizeof(*r));
    snprintf(r->name, sizeof(r->name), "%s", name);
    if (strcmp(name, "/dev/stdin") != 0)
        r->fd = sq_local_file_open(name);
    else if ((r->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) < 0)
        r->fd = -errno;
    if (r->fd < 0)
        r->rc = r->fd;
    *ptr = r;
    return r->rc < 0;
}

static int more(void *ptr, char *buf, unsigned int n)
{
    struct reader *r = ptr;
    ssize_t got;
    while ((got = read(r->fd, buf, n)) < 0 && errno == EINTR)
        continue;
    if (got < 0)
        r->rc = -errno;
    return (int)got;
}

static void end(void *ptr)
{
    struct reader *r = ptr;
    if (r && r->fd >= 0)
        close(r->fd);
    free(r);
}

/* CR_UNKNOWN_ERROR would be taken for a lost connection: the number is the server's for a file that can't be read. */
static int failed(void *ptr, char *buf, unsigned int n)
{
    const struct reader *r = ptr;
    snprintf(buf, n, "File '%s' can't be read: %s", r->name, sq_local_file_why(r->rc));
    return r->rc == -ENOENT ? 29 : 13;
}

void sq_local_file_install(MYSQL *conn)
{
    mysql_set_local_infile_handler(conn, start, more, end, failed, NULL);
}
