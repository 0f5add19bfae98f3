#include "kernelgw/core/users.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/core/checks.h"

enum { FILE_BYTES_MAX = 16 << 20, NAME_BYTES_MAX = 64, WEIGHT_MAX = 256 << 20 };

bool kg_user_name_ok(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && (i == 0 || !strchr("-._", name[i])))
            return false;
    return n >= 1 && n <= NAME_BYTES_MAX;
}

static void hash_token(uint8_t out[KG_TOKEN_HASH_BYTES], const char *token)
{
    crypto_hash_sha256(out, (const unsigned char *)token, strlen(token));
}

static void free_row(struct kg_user_row *row)
{
    free(row->name);
    free(row);
}

void kg_users_release(struct kg_users *u)
{
    struct kg_user_row *row, *next;
    HASH_CLEAR(by_hash, u->by_hash);
    HASH_ITER(by_name, u->by_name, row, next) {
        HASH_DELETE(by_name, u->by_name, row);
        free_row(row);
    }
    *u = (struct kg_users){0};
}

static int read_token(struct kg_user_row *row, const json_t *of, struct kg_err *err)
{
    const char *token = json_string_value(json_object_get(of, "token"));
    const char *hash = json_string_value(json_object_get(of, "token_sha256"));
    size_t n = 0;
    if (!token == !hash)
        return kg_err_set(err, -EINVAL,
                          "user %s: either token or token_sha256 must be there, a string",
                          row->name);
    if (hash && (strlen(hash) != (size_t)2 * KG_TOKEN_HASH_BYTES ||
                 sodium_hex2bin(row->token_hash, sizeof row->token_hash, hash, strlen(hash), NULL,
                                &n, NULL) != 0 ||
                 n != sizeof row->token_hash))
        return kg_err_set(
            err, -EINVAL,
            "user %s: token_sha256 must be 64 hex digits, as sha256sum writes the token's",
            row->name);
    if (hash)
        return 0;
    for (const char *p = token; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-._~", *p))
            return kg_err_set(err, -EINVAL,
                              "user %s: token may hold letters, digits and - . _ ~ only: it stands "
                              "in URLs",
                              row->name);
    if (strlen(token) < KG_USER_TOKEN_MIN)
        return kg_err_set(err, -EINVAL, "user %s: token must have %d characters or more", row->name,
                          KG_USER_TOKEN_MIN);
    hash_token(row->token_hash, token);
    return 0;
}

static int read_row(struct kg_user_row *row, const json_t *of, const struct kg_quota *defaults,
                    struct kg_err *err)
{
    static const char *const names[] = {"token", "token_sha256", "role", "quotas", NULL};
    const json_t *role = json_object_get(of, "role");
    const char *text = json_string_value(role);
    if (!kg_user_name_ok(row->name))
        return kg_err_set(err, -EINVAL,
                          "\"%.80s\" is no user's name: 1 to %d letters, digits and - . _",
                          row->name, NAME_BYTES_MAX);
    if (strcmp(row->name, "user") == 0 || strcmp(row->name, "anonymous") == 0)
        return kg_err_set(err, -EINVAL, "the name %s is the server's own", row->name);
    if (!json_is_object(of))
        return kg_err_set(err, -EINVAL, "user %s: must be an object", row->name);
    kg_autofree char *prefix = kg_asprintf("user %s: ", row->name);
    int rc = kg_check_only(of, prefix, names, err);
    if (rc < 0)
        return rc;
    if (role && (!text || (strcmp(text, "user") != 0 && strcmp(text, "operator") != 0)))
        return kg_err_set(err, -EINVAL, "user %s: role must be \"user\" or \"operator\"",
                          row->name);
    row->is_operator = text && strcmp(text, "operator") == 0;
    if (!row->is_operator)
        row->quota = *defaults;
    kg_autofree char *at = kg_asprintf("user %s: quotas.", row->name);
    rc = kg_quota_parse(&row->quota, json_object_get(of, "quotas"), at, err);
    return rc < 0 ? rc : read_token(row, of, err);
}

int kg_users_parse(struct kg_users *out, struct kg_span text, const struct kg_quota *defaults,
                   struct kg_err *err)
{
    *out = (struct kg_users){0};
    json_error_t at = {0};
    if (kg_json_weight(text.data, text.len) > WEIGHT_MAX)
        return kg_err_set(err, -EINVAL, "it would take too much memory");
    json_t *doc = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &at);
    if (!doc)
        return kg_err_set(err, -EINVAL, "line %d: %s", at.line, at.text);
    int rc = json_is_object(doc)
                 ? 0
                 : kg_err_set(err, -EINVAL, "must be one JSON object, a member a user");
    const char *name;
    json_t *of;
    json_object_foreach(doc, name, of) {
        struct kg_user_row *same = NULL;
        struct kg_user_row *row = kg_calloc(1, sizeof *row);
        row->name = kg_strdup(name);
        rc = read_row(row, of, defaults, err);
        if (rc == 0)
            HASH_FIND(by_hash, out->by_hash, row->token_hash, sizeof row->token_hash, same);
        if (same)
            rc = kg_err_set(err, -EINVAL, "users %s and %s have the same token", same->name,
                            row->name);
        if (rc < 0) {
            free_row(row);
            break;
        }
        HASH_ADD_KEYPTR(by_name, out->by_name, row->name, strlen(row->name), row);
        HASH_ADD(by_hash, out->by_hash, token_hash, sizeof row->token_hash, row);
    }
    json_decref(doc);
    return rc;
}

int kg_users_load(struct kg_users *out, const char *path, const struct kg_quota *defaults,
                  struct kg_err *err)
{
    *out = (struct kg_users){0};
    struct stat st;
    kg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return kg_err_errno(err, errno, "open %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
        return kg_err_set(err, -EINVAL, "%s: must be a file of at most %d MB", path,
                          FILE_BYTES_MAX >> 20);
    if (st.st_mode & (S_IWGRP | S_IRWXO))
        return kg_err_set(
            err, -EACCES,
            "%s: others may read or write it, and it holds secrets: chmod 600 (or 640)", path);
    kg_autobuf text = {0};
    for (;;) {
        char part[65536];
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0)
            return kg_err_errno(err, errno, "read %s", path);
        if (n == 0)
            break;
        kg_buf_add(&text, part, (size_t)n);
        if (text.len > FILE_BYTES_MAX)
            return kg_err_set(err, -EINVAL, "%s: it has grown too large", path);
    }
    int rc = kg_users_parse(out, (struct kg_span){text.data, text.len}, defaults, err);
    return rc < 0 ? kg_err_wrap(err, "%s", path) : 0;
}

const struct kg_user_row *kg_users_by_token(const struct kg_users *u, const char *token)
{
    if (!u || !token)
        return NULL;
    uint8_t hash[KG_TOKEN_HASH_BYTES];
    struct kg_user_row *row = NULL;
    hash_token(hash, token);
    HASH_FIND(by_hash, u->by_hash, hash, sizeof hash, row);
    return row;
}

const struct kg_user_row *kg_users_by_name(const struct kg_users *u, const char *name, size_t n)
{
    struct kg_user_row *row = NULL;
    if (u)
        HASH_FIND(by_name, u->by_name, name, n, row);
    return row;
}
