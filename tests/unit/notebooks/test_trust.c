/* Which notebooks are vouched for: by whom, for how long, and over a restart. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notebooks/trust.h"

struct fixture {
    char dir[32];
    char path[48];
    struct nb_trust *trust;
};

static void open_trust(struct fixture *f)
{
    f->trust = nb_trust_new(f->path);
}

static int set_up(void **state)
{
    struct fixture *f = kg_calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/kgw-trust-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/trusted", f->dir);
    open_trust(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nb_trust_unref(f->trust);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct nb_root *root_of(struct fixture *f, const char *who)
{
    struct nb_root *r = NULL;
    struct kg_err err;
    assert_int_equal(nb_root_open(&r, f->dir, &err), 0);
    nb_root_set_trust(r, f->trust, who);
    return r;
}

static void number(struct kg_buf *b, int n)
{
    kg_buf_clear(b);
    kg_buf_printf(b, "document %d", n);
}

static void a_restart(struct fixture *f, struct nb_root **r, const char *who)
{
    nb_root_unref(*r);
    nb_trust_unref(f->trust);
    open_trust(f);
    *r = root_of(f, who);
}

static void it_is_the_bytes_and_the_person_that_count(void **state)
{
    struct nb_root *ada = root_of(*state, "ada");
    struct nb_root *eve = root_of(*state, "eve");
    kg_autobuf one = {0}, other = {0};
    number(&one, 1);
    number(&other, 2);
    assert_false(nb_trusted(ada, &one));
    nb_vouch(ada, &one);
    assert_true(nb_trusted(ada, &one));
    assert_false(nb_trusted(ada, &other));
    assert_false(nb_trusted(eve, &one));
    nb_root_unref(ada);
    nb_root_unref(eve);
}

static void a_folder_without_a_list_trusts_nothing(void **state)
{
    struct fixture *f = *state;
    struct nb_root *r = NULL;
    struct kg_err err;
    kg_autobuf one = {0};
    number(&one, 1);
    assert_int_equal(nb_root_open(&r, f->dir, &err), 0);
    nb_vouch(r, &one);
    assert_false(nb_trusted(r, &one));
    nb_root_unref(r);
}

static void the_next_server_knows_it(void **state)
{
    struct fixture *f = *state;
    struct nb_root *r = root_of(f, "ada");
    kg_autobuf one = {0};
    struct stat st;
    number(&one, 1);
    nb_vouch(r, &one);
    nb_vouch(r, &one);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(st.st_mode & 0777, 0600);
    a_restart(f, &r, "ada");
    assert_true(nb_trusted(r, &one));
    nb_root_unref(r);
}

static void a_torn_end_is_cut_off(void **state)
{
    struct fixture *f = *state;
    struct nb_root *r = root_of(f, "ada");
    kg_autobuf one = {0}, two = {0};
    number(&one, 1);
    number(&two, 2);
    nb_vouch(r, &one);
    for (off_t size = 63; size > 32; size--) {
        assert_int_equal(truncate(f->path, size), 0);
        a_restart(f, &r, "ada");
        assert_true(nb_trusted(r, &one));
    }
    nb_vouch(r, &two);
    a_restart(f, &r, "ada");
    assert_true(nb_trusted(r, &two));
    nb_root_unref(r);
}

static void the_oldest_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct nb_root *r = root_of(f, "ada");
    kg_autobuf b = {0};
    for (int i = 0; i <= NB_TRUST_MAX; i++) {
        number(&b, i);
        nb_vouch(r, &b);
    }
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 32 * (NB_TRUST_MAX - NB_TRUST_MAX / 4 + 1));
    a_restart(f, &r, "ada");
    assert_true(nb_trusted(r, &b));
    number(&b, NB_TRUST_MAX / 4);
    assert_true(nb_trusted(r, &b));
    number(&b, NB_TRUST_MAX / 4 - 1);
    assert_false(nb_trusted(r, &b));
    nb_root_unref(r);
}

static void who_saves_vouches_for_all_or_nothing(void **state)
{
    (void)state;
#define NB(cells) "{\"cells\":[" cells "]}"
#define CODE(metadata, outputs)                                                                    \
    "{\"cell_type\":\"code\",\"metadata\":{" metadata "},\"outputs\":[" outputs "]}"
#define TEXT  "{\"output_type\":\"stream\"},{\"output_type\":\"error\"}"
#define SHOWN "{\"output_type\":\"display_data\",\"data\":{\"text/html\":\"x\"}}"
    static const struct {
        const char *json;
        bool vouched;
    } table[] = {
        {NB(""), true},
        {NB("{\"cell_type\":\"markdown\"}"), true},
        {NB(CODE("", TEXT)), true},
        {NB(CODE("", SHOWN)), false},
        {NB(CODE("", "{\"output_type\":\"execute_result\"}")), false},
        {NB(CODE("", "{}")), false},
        {NB(CODE("\"trusted\":true", SHOWN)), true},
        {NB(CODE("\"trusted\":1", SHOWN)), false},
        {NB(CODE("\"trusted\":true", SHOWN) "," CODE("\"trusted\":false", SHOWN)), false},
        {"{\"worksheets\":[]}", false},
        {"{\"cells\":7}", false},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        json_t *nb = json_loads(table[i].json, 0, NULL);
        assert_non_null(nb);
        if (nb_is_vouched(nb) != table[i].vouched)
            fail_msg("%s", table[i].json);
        json_decref(nb);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_the_bytes_and_the_person_that_count),
        TEST(a_folder_without_a_list_trusts_nothing),
        TEST(the_next_server_knows_it),
        TEST(a_torn_end_is_cut_off),
        TEST(the_oldest_are_forgotten),
        TEST(who_saves_vouches_for_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
