#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pool/boxd/request.h"

#define BOX   "0123456789abcdef"
#define OWNER "0a1b2c3d-0000-4000-8000-00000000000f"
#define CREATE(extra)                                                                              \
    "{\"id\":7,\"op\":\"create\",\"box\":\"" BOX                                                   \
    "\",\"image\":\"python\",\"memory_mb\":128,\"cpu\":0.5,"                                       \
    "\"pids\":64,\"tmp_mb\":48,\"tmp_inodes\":4096,\"owner\":\"" OWNER "\"" extra "}"

static int parse(struct bd_request *r, const char *text, struct kg_err *err)
{
    /* A copy of exactly this length, so that the sanitizers see a read past the end. */
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    int rc = bd_request_parse(r, copy, n, 1024, err);
    free(copy);
    return rc;
}

static void a_whole_create_is_understood(void **state)
{
    (void)state;
    struct bd_request r;
    struct kg_err err = {0};
    assert_int_equal(parse(&r, CREATE(""), &err), 0);
    assert_int_equal(r.id, 7);
    assert_int_equal(r.op, BD_CREATE);
    assert_string_equal(r.box, BOX);
    assert_string_equal(r.image, "python");
    assert_string_equal(r.owner, OWNER);
    assert_int_equal(r.memory_mb, 128);
    assert_int_equal(r.cpu_milli, 500);
    assert_int_equal(r.pids, 64);
    assert_int_equal(r.tmp_mb, 48);
    assert_int_equal(r.tmp_inodes, 4096);
    assert_int_equal(err.code, 0);
}

static void the_other_requests_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum bd_op op;
    } good[] = {
        {"{\"id\":1,\"op\":\"ping\"}", BD_PING},
        {"{\"id\":1,\"op\":\"list\"}", BD_LIST},
        {"{\"id\":1,\"op\":\"list\",\"after\":null}", BD_LIST},
        {"{\"id\":1,\"op\":\"list\",\"after\":\"" BOX "\"}", BD_LIST},
        {"{\"id\":1,\"op\":\"attach\",\"box\":\"" BOX "\"}", BD_ATTACH},
        {"{\"id\":1,\"op\":\"destroy\",\"box\":\"" BOX "\"}", BD_DESTROY},
        {"{\"id\":1,\"op\":\"stats\",\"box\":\"" BOX "\"}", BD_STATS},
        {"{\"id\":1,\"op\":\"limits\",\"box\":\"" BOX "\",\"cpu\":2}", BD_SET_LIMITS},
        {"{\"id\":1,\"op\":\"limits\",\"box\":\"" BOX "\",\"memory_mb\":16}", BD_SET_LIMITS},
        {"{\"id\":1,\"op\":\"limits\",\"box\":\"" BOX "\",\"pids\":128}", BD_SET_LIMITS},
    };
    for (size_t i = 0; i < KG_COUNT(good); i++) {
        struct bd_request r;
        struct kg_err err = {0};
        if (parse(&r, good[i].text, &err) != 0)
            fail_msg("%s: %s", good[i].text, err.text);
        assert_int_equal(r.op, good[i].op);
    }
}

static void bad_requests_are_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int id; /* what must be known of it for the reply */
        const char *says;
    } bad[] = {
        {"", 0, "not JSON"},
        {"{", 0, "not JSON"},
        {"[]", 0, "must be a JSON object"},
        {"7", 0, "not JSON"},
        {"{\"id\":1,\"id\":2,\"op\":\"ping\"}", 0, "not JSON"},
        {"{\"op\":\"ping\"}", 0, "\"id\""},
        {"{\"id\":0,\"op\":\"ping\"}", 0, "\"id\""},
        {"{\"id\":\"1\",\"op\":\"ping\"}", 0, "\"id\""},
        {"{\"id\":3}", 3, "\"op\""},
        {"{\"id\":3,\"op\":\"exec\"}", 3, "there is no op \"exec\""},
        {"{\"id\":3,\"op\":\"ping\",\"x\":1}", 3, "ping has no field \"x\""},
        {CREATE(",\"args\":[]"), 7, "create has no field \"args\""},
        {"{\"id\":3,\"op\":\"destroy\"}", 3, "needs the field \"box\""},
        {"{\"id\":3,\"op\":\"destroy\",\"box\":null}", 3, "\"box\" must be a string"},
        {"{\"id\":3,\"op\":\"destroy\",\"box\":\"0123456789abcde\"}", 3, "16 to 64"},
        {"{\"id\":3,\"op\":\"destroy\",\"box\":\"0123456789abcdeF\"}", 3, "0-9a-f"},
        {"{\"id\":3,\"op\":\"destroy\",\"box\":\"../../../../../../etc\"}", 3, "0-9a-f"},
        {"{\"id\":3,\"op\":\"destroy\",\"box\":\"" BOX BOX BOX BOX "0\"}", 3, "16 to 64"},
        {"{\"id\":3,\"op\":\"destroy\",\"box\":\"" BOX "\\u0000\"}", 0, "not JSON"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\"}", 3, "limits needs"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"cpu\":0}", 3, "\"cpu\" must be"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"cpu\":-1}", 3, "\"cpu\" must be"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"cpu\":257}", 3, "\"cpu\" must be"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"cpu\":1e300}", 3, "\"cpu\" must be"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"cpu\":\"1\"}", 3, "\"cpu\" must be"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"memory_mb\":1025}", 3, "16 to 1024"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"memory_mb\":64.5}", 3, "an integer"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"pids\":3}", 3, "\"pids\" must be"},
        {"{\"id\":3,\"op\":\"limits\",\"box\":\"" BOX "\",\"memory_mb\":4294967424}", 3,
         "16 to 1024"},
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct bd_request r;
        struct kg_err err = {0};
        assert_int_equal(parse(&r, bad[i].text, &err), -EINVAL);
        assert_int_equal(r.id, bad[i].id);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%s: \"%s\" does not say %s", bad[i].text, err.text, bad[i].says);
    }
}

/* A create with one field's value replaced. */
static int create_with(const char *field, const char *value, struct kg_err *err)
{
    static const char *const fields[][2] = {
        {"box", "\"" BOX "\""}, {"image", "\"python\""},
        {"memory_mb", "128"},   {"cpu", "1"},
        {"pids", "64"},         {"tmp_mb", "48"},
        {"tmp_inodes", "4096"}, {"owner", "\"" OWNER "\""},
    };
    char text[1024] = "{\"id\":1,\"op\":\"create\"";
    struct bd_request r;
    for (size_t i = 0; i < KG_COUNT(fields); i++) {
        const char *v = strcmp(fields[i][0], field) == 0 ? value : fields[i][1];
        if (!v)
            continue;
        strcat(strcat(strcat(strcat(text, ",\""), fields[i][0]), "\":"), v);
    }
    return parse(&r, strcat(text, "}"), err);
}

static void every_field_of_a_create_is_checked(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"box", NULL},
        {"image", NULL},
        {"memory_mb", NULL},
        {"cpu", NULL},
        {"pids", NULL},
        {"tmp_mb", NULL},
        {"tmp_inodes", NULL},
        {"owner", NULL},
        {"image", "\"\""},
        {"image", "\"..\""},
        {"image", "\"a/b\""},
        {"image", "\"Python\""},
        {"image", "\"-x\""},
        {"image", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""},
        {"memory_mb", "15"},
        {"memory_mb", "1025"},
        {"memory_mb", "-1"},
        {"memory_mb", "true"},
        {"pids", "3"},
        {"pids", "32769"},
        {"tmp_mb", "3"},
        {"tmp_mb", "129"},
        {"tmp_inodes", "255"},
        {"tmp_inodes", "1e9"},
        {"owner", "\"me\""},
        {"owner", "7"},
        {"cpu", "0.001"},
        {"cpu", "null"},
    };
    static const char *const good[][2] = {
        {"image", "\"a\""},    {"image", "\"python-3.11\""},
        {"memory_mb", "1024"}, {"memory_mb", "48"},
        {"pids", "4"},         {"cpu", "0.01"},
        {"cpu", "256"},        {"tmp_mb", "128"},
        {"tmp_inodes", "256"},
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct kg_err err = {0};
        if (create_with(bad[i][0], bad[i][1], &err) != -EINVAL)
            fail_msg("%s = %s was accepted", bad[i][0], bad[i][1] ? bad[i][1] : "nothing");
        assert_non_null(strstr(err.text, bad[i][0]));
    }
    for (size_t i = 0; i < KG_COUNT(good); i++) {
        struct kg_err err = {0};
        if (create_with(good[i][0], good[i][1], &err) != 0)
            fail_msg("%s = %s: %s", good[i][0], good[i][1], err.text);
    }
}

static void every_prefix_of_a_request_is_refused(void **state)
{
    (void)state;
    static const char whole[] = CREATE("");
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        char *prefix = strndup(whole, n);
        struct bd_request r;
        struct kg_err err = {0};
        assert_int_equal(parse(&r, prefix, &err), -EINVAL);
        free(prefix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_create_is_understood),
        cmocka_unit_test(the_other_requests_are_understood),
        cmocka_unit_test(bad_requests_are_refused_in_words),
        cmocka_unit_test(every_field_of_a_create_is_checked),
        cmocka_unit_test(every_prefix_of_a_request_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
