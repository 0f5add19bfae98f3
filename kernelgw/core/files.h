#ifndef KG_CORE_FILES_H
#define KG_CORE_FILES_H
/*
 * The files of a workspace: what its programs and kernels find in their working directory, and what they left there. Kept in
 * memory, within a bound for each workspace and one for all; they go with the workspace. A store only: core/carry.h takes them
 * to boxes and back.
 */
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "base/blob.h"
#include "base/err.h"
#include "kernelgw/core/core.h"

enum { KG_HASH_SIZE = 65 };

struct kg_file {
    struct kg_blob *data;
    char hash[KG_HASH_SIZE]; /* SHA-256 of data, in hex */
    unsigned mode;           /* 0644 or 0755 */
    uint64_t revision;       /* of the store, when it got this content */
    int64_t modified_us;
    UT_hash_handle hh;
    char path[];
};

struct kg_account;

struct kg_files {
    struct kg_core *core;
    struct kg_account *account; /* of who owns them */
    struct kg_file *table;      /* by path */
    uint64_t bytes;
    uint64_t revision; /* rises with each change */
};

void kg_files_init(struct kg_files *f, struct kg_core *core, struct kg_account *account);
void kg_files_release(struct kg_files *f);

/* NULL when there is none. */
const struct kg_file *kg_files_find(const struct kg_files *f, const char *path);
/*
 * Whether path may have n bytes: 0; -EINVAL for a path that can't be; -ENOSPC when the workspace has no room for it;
 * -EDQUOT when its owner has none; -EAGAIN when the server has none; with *err.
 */
int kg_files_may_put(const struct kg_files *f, const char *path, uint64_t n, struct kg_err *err);
/* Stores data (a reference is taken) in place of what path had; hash is its own (kg_hash_bytes). Errors as
 * kg_files_may_put, and -EINVAL for a file and a folder of one name; then nothing has changed. */
int kg_files_put(struct kg_files *f, const char *path, struct kg_blob *data, const char *hash,
                 bool executable, struct kg_err *err);
/* Says when it was changed; for one that an earlier server had. */
void kg_files_date(struct kg_files *f, const char *path, int64_t modified_us);
/* False: there was none. */
bool kg_files_remove(struct kg_files *f, const char *path);
/* {"revision","bytes","limit_bytes","files":[…]}, by path. */
struct kg_json;
void kg_files_model(struct kg_files *f, struct kg_json *j);
/* {"revision","count","bytes"} */
void kg_files_summary(const struct kg_files *f, struct kg_json *j);
/* Members of one file's object. */
void kg_file_model(const struct kg_file *file, struct kg_json *j);

void kg_hash_bytes(char out[KG_HASH_SIZE], const void *data, size_t n);

#endif
