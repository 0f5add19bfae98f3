#ifndef KG_CORE_USERS_H
#define KG_CORE_USERS_H
/*
 * Named users, from the operator's file (--users). One JSON object, a member a user:
 *
 *   {"ada": {"token_sha256": "64 hex digits", "role": "user", "quotas": {"kernels": 4}},
 *    "grace": {"token": "...", "role": "operator"}}
 *
 * role is "user" when left out; quotas (core/quota.h) that are left out are the operator's defaults for users, and none for operators. A token stands there itself, or as its SHA-256 (printf %s TOKEN | sha256sum): tokens are
 * long and random, so that no slow hash is needed. Who has the server's own token (--token) is in no such file: an operator.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "base/err.h"
#include "base/span.h"
#include "kernelgw/core/quota.h"

enum { KG_TOKEN_HASH_BYTES = 32, KG_USER_TOKEN_MIN = 16 };

struct kg_user_row {
    char *name;
    bool is_operator; /* sees and ends what is others' */
    struct kg_quota quota;
    uint8_t token_hash[KG_TOKEN_HASH_BYTES];
    UT_hash_handle by_name, by_hash;
};

struct kg_users {
    struct kg_user_row *by_name, *by_hash; /* uthash; the same rows */
};

/*
 * Reads the file. -EINVAL with *err naming the user and the member at fault; -EACCES when others than its owner and group
 * can read it, or others than its owner can write it. *out is to be released in either case.
 */
int kg_users_load(struct kg_users *out, const char *path, const struct kg_quota *defaults,
                  struct kg_err *err);
/* The same from the file's text: a pure function. */
int kg_users_parse(struct kg_users *out, struct kg_span text, const struct kg_quota *defaults,
                   struct kg_err *err);
void kg_users_release(struct kg_users *u);

/* NULL: nobody. u may be NULL. */
const struct kg_user_row *kg_users_by_token(const struct kg_users *u, const char *token);
const struct kg_user_row *kg_users_by_name(const struct kg_users *u, const char *name, size_t n);

/* 1 to 64 letters, digits and - . _, the first of them no punctuation: it stands in cookies, and is a folder's name. */
bool kg_user_name_ok(const char *name);

#endif
