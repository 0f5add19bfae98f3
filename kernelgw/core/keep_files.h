#ifndef KG_CORE_KEEP_FILES_H
#define KG_CORE_KEEP_FILES_H
/*
 * A folder that holds a text (session.json) and the contents that it names by their SHA-256. Pure work on the disk, for
 * core/keep_workspace.c, which has it done by a thread; nothing here touches a blob's count.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/blob.h"
#include "base/err.h"
#include "kernelgw/core/files.h"

struct kg_kept_file {
    char hash[KG_HASH_SIZE];
    struct kg_blob *data;
};

struct kg_kept_files {
    char *text;
    bool all; /* items are all that is to be there: what is missing is written, and others go */
    struct kg_kept_file *items;
    size_t count;
};

/* Makes the folder as f says. What can't be written is told by the log, and leaves what was there. Sorts items. */
void kg_kept_write(const char *path, struct kg_kept_files *f);
/* The folder and what is in it; calm when there is none. */
void kg_kept_remove(const char *path);

/* The text, for free(); NULL with *err. */
char *kg_kept_text(int dir, size_t max, struct kg_err *err);
/* The content of that hash, the caller's; NULL with *err when it is not there, or is another. */
struct kg_blob *kg_kept_read(int dir, const char *hash, struct kg_err *err);

#endif
