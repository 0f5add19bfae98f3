#include "kernelgw/cli/book.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "notebooks/document.h"
#include "notebooks/file.h"

enum { BOOK_MAX_BYTES = 256 << 20 };

int kg_book_read(json_t **out, const char *path, struct kg_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    kg_autobuf bytes = {0};
    kg_autoclose int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kg_err_errno(err, errno, "open %s", path);
    int rc = nb_file_read(&bytes, fd, BOOK_MAX_BYTES, is_stdin ? "standard input" : path, err);
    if (rc == 0 && nb_read(out, kg_span_of(bytes.data, bytes.len), err) < 0)
        rc = kg_err_wrap(err, "%s", is_stdin ? "standard input" : path);
    return rc;
}

static int write_stdout(const struct kg_buf *bytes, struct kg_err *err)
{
    if (fwrite(bytes->data, 1, bytes->len, stdout) != bytes->len || fflush(stdout) != 0)
        return kg_err_errno(err, errno, "write to standard output");
    return 0;
}

int kg_book_write(const char *path, const struct kg_buf *bytes, struct kg_err *err)
{
    if (strcmp(path, "-") == 0)
        return write_stdout(bytes, err);
    char real[PATH_MAX];
    if (!realpath(path, real)) { /* it may be new: then its folder is there */
        kg_autofree char *copy = kg_strdup(path);
        kg_autofree char *name_copy = kg_strdup(path);
        char folder[PATH_MAX];
        if (errno != ENOENT || !realpath(dirname(copy), folder))
            return kg_err_errno(err, errno, "write %s", path);
        const char *name = basename(name_copy);
        if (snprintf(real, sizeof real, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) >=
            (int)sizeof real)
            return kg_err_set(err, -ENAMETOOLONG, "write %.200s: the name is too long", path);
    }
    char *slash = strrchr(real, '/');
    struct nb_root *root = NULL;
    *slash = 0;
    int rc = nb_root_open(&root, real[0] ? real : "/", err);
    if (rc == 0)
        rc = nb_file_write(root, slash + 1, bytes, NB_REPLACE, NULL, err);
    nb_root_unref(root);
    return rc;
}
