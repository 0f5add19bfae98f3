#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/files.h"
#include "kernelgw/core/users.h"

enum { PERIOD_S = 3600 };

static struct kg_users users;
static struct kg_core core;
static struct kg_account *ann;
static uint64_t now_ms;

static int set_up(void **state)
{
    (void)state;
    static const struct kg_quota defaults = {.most = {[KG_Q_CPU_S] = 10,
                                                      [KG_Q_OUTPUT_MB] = 2,
                                                      [KG_Q_FILES] = 3,
                                                      [KG_Q_FILES_MB] = 1,
                                                      [KG_Q_QUEUED] = 2}};
    struct kg_err err;
    now_ms = 5000000;
    kg_clock_freeze(now_ms);
    assert_int_equal(kg_users_parse(&users,
                                    kg_span_str("{\"ann\":{\"token\":\"0123456789abcdef\"}}"),
                                    &defaults, &err),
                     0);
    core = (struct kg_core){.config = {.users = &users,
                                       .quota_period_s = PERIOD_S,
                                       .session_files = 10,
                                       .session_files_mb = 5,
                                       .files_total_mb = 50}};
    ann = kg_account_of(&core, "ann");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kg_accounts_release(&core);
    kg_users_release(&users);
    kg_clock_thaw();
    return 0;
}

static void what_is_at_once_is_counted_as_it_is(void **state)
{
    (void)state;
    struct kg_err err;
    assert_ptr_equal(kg_account_of(&core, "ann"), ann);
    ann->waiting = 1;
    assert_int_equal(kg_account_may(ann, KG_Q_QUEUED, &err), 0);
    ann->waiting = 2;
    assert_int_equal(kg_account_may(ann, KG_Q_QUEUED, &err), -EDQUOT);
    assert_string_equal(err.text, "user ann has as much as the quota queued allows: 2");
    ann->live = 1000; /* of which there is no quota */
    assert_int_equal(kg_account_may(ann, KG_Q_RUNS, &err), 0);
}

static void what_was_used_is_forgotten_with_its_period(void **state)
{
    (void)state;
    struct kg_err err;
    kg_account_used(ann, 9999, 0);
    assert_int_equal(kg_account_may(ann, KG_Q_CPU_S, &err), 0);
    kg_clock_freeze(now_ms += 1000 * (PERIOD_S / 2));
    kg_account_used(ann, 1, 2 << 20);
    assert_int_equal(kg_account_may(ann, KG_Q_CPU_S, &err), -EDQUOT);
    assert_string_equal(err.text, "user ann has used up the quota cpu_s: 10 in 3600 s; there is "
                                  "more in 1801 s");
    assert_int_equal(kg_account_may(ann, KG_Q_OUTPUT_MB, &err), -EDQUOT);
    assert_int_equal(kg_account_output_left(ann), 0);
    kg_clock_freeze(now_ms += 1000 * (PERIOD_S / 2));
    assert_int_equal(kg_account_may(ann, KG_Q_CPU_S, &err), 0);
    assert_int_equal(kg_account_may(ann, KG_Q_OUTPUT_MB, &err), 0);
    assert_int_equal(kg_account_output_left(ann), 2 << 20);
    kg_account_used(ann, 0, (1 << 20) + 1);
    assert_int_equal(kg_account_output_left(ann), (1 << 20) - 1);
}

static int put(struct kg_files *f, const char *path, size_t n)
{
    struct kg_err err;
    kg_autofree uint8_t *bytes = kg_calloc(1, n + 1);
    struct kg_blob *data = kg_blob_copy(bytes, n);
    int rc = kg_files_put(f, path, data, "", false, &err);
    kg_blob_unref(data);
    return rc;
}

static void files_of_all_sessions_count_together(void **state)
{
    (void)state;
    struct kg_files one, two;
    kg_files_init(&one, &core, ann);
    kg_files_init(&two, &core, ann);
    assert_int_equal(put(&one, "a", 600 << 10), 0);
    assert_int_equal(put(&two, "a", 600 << 10), -EDQUOT);
    assert_int_equal(put(&one, "a", 1 << 20), 0); /* in place of what it had */
    assert_int_equal(put(&two, "a", 0), 0);
    assert_int_equal(put(&two, "b", 0), 0);
    assert_int_equal(put(&two, "c", 0), -EDQUOT);
    assert_int_equal(put(&two, "b", 0), 0);
    assert_int_equal(ann->files, 3);
    assert_int_equal(ann->files_bytes, 1 << 20);
    kg_files_release(&one);
    assert_int_equal(put(&two, "c", 1 << 20), 0);
    kg_files_release(&two);
    assert_int_equal(ann->files, 0);
    assert_int_equal(ann->files_bytes, 0);
}

static void who_is_in_no_file_has_no_quota(void **state)
{
    (void)state;
    struct kg_err err;
    static const char *const names[] = {"user", "", "bob"};
    for (size_t i = 0; i < KG_COUNT(names); i++) {
        struct kg_account *a = kg_account_of(&core, names[i]);
        kg_account_used(a, 1000000000, 1ull << 40);
        for (int kind = 0; kind < KG_QUOTAS; kind++)
            assert_int_equal(kg_account_may(a, (enum kg_quota_kind)kind, &err), 0);
        assert_int_equal(kg_account_output_left(a), UINT64_MAX);
    }
    assert_ptr_equal(kg_account_of(&core, NULL), kg_account_of(&core, ""));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_is_at_once_is_counted_as_it_is),
        T(what_was_used_is_forgotten_with_its_period),
        T(files_of_all_sessions_count_together),
        T(who_is_in_no_file_has_no_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
