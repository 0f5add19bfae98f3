/* What stands at the cursor. */
#include "unit.h"

#include "runtimes/sql/context.h"

/* The cursor is where | stands. */
static struct sq_context at(const char *marked, bool whole)
{
    struct sq_context c;
    const char *bar = strchr(marked, '|');
    size_t before = (size_t)(bar - marked);
    kg_autofree char *text = kg_asprintf("%.*s%s", (int)before, marked, bar + 1);
    sq_context_at(&c, text, strlen(text), before, whole);
    return c;
}

static void names_and_what_they_belong_to(void **state)
{
    (void)state;
    struct sq_context c = at("SELECT na|me FROM t", false);
    assert_string_equal(c.name.text, "na");
    assert_int_equal(c.start, 7);
    assert_int_equal(c.end, 9);
    assert_int_equal(c.want, SQ_WANT_ANY);
    c = at("SELECT na|me FROM t", true);
    assert_string_equal(c.name.text, "name");
    assert_int_equal(c.end, 11);
    c = at("SELECT d.t.c|", false);
    assert_string_equal(c.name.text, "c");
    assert_string_equal(c.of.text, "t");
    assert_string_equal(c.of_of.text, "d");
    c = at("SELECT t.| FROM t", false);
    assert_string_equal(c.name.text, "");
    assert_string_equal(c.of.text, "t");
    assert_int_equal(c.start, 9);
    c = at("SELECT `my t`.`co|", false);
    assert_string_equal(c.of.text, "my t");
    assert_string_equal(c.name.text, "co");
}

static void what_may_stand_there(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sq_want want;
    } samples[] = {
        {"|", SQ_WANT_ANY},
        {"SEL|", SQ_WANT_ANY},
        {"SELECT * FROM |", SQ_WANT_TABLE},
        {"SELECT * FROM a JOIN b|", SQ_WANT_TABLE},
        {"INSERT INTO |", SQ_WANT_TABLE},
        {"USE |", SQ_WANT_DATABASE},
        {"DROP DATABASE x|", SQ_WANT_DATABASE},
        {"SELECT 'a|", SQ_WANT_NOTHING},
        {"SELECT 'a|b'", SQ_WANT_NOTHING},
        {"SELECT 12|", SQ_WANT_NOTHING},
        {"SELECT 1 -- co|", SQ_WANT_NOTHING},
        {"SELECT @@ver|", SQ_WANT_SYSTEM},
        {"SELECT @v|", SQ_WANT_NOTHING},
        {"SELECT * FROM a; SELE|", SQ_WANT_ANY},
    };
    for (size_t i = 0; i < KG_COUNT(samples); i++) {
        if (at(samples[i].text, false).want != samples[i].want)
            print_error("%s\n", samples[i].text);
        assert_int_equal(at(samples[i].text, false).want, samples[i].want);
    }
}

static void tables_of_the_statement(void **state)
{
    (void)state;
    struct sq_context c = at(
        "SELECT 1 FROM other; SELECT | FROM d.people AS p, `pets` q JOIN c USING (id) WHERE 1; SELECT 1 FROM z",
        false);
    assert_int_equal(c.table_count, 3);
    assert_string_equal(c.tables[0].database.text, "d");
    assert_string_equal(c.tables[0].table.text, "people");
    assert_string_equal(c.tables[0].alias.text, "p");
    assert_string_equal(c.tables[1].table.text, "pets");
    assert_string_equal(c.tables[1].alias.text, "q");
    assert_string_equal(c.tables[2].table.text, "c");
    assert_string_equal(c.tables[2].alias.text, "");
    assert_string_equal(sq_context_table(&c, "P")->table.text, "people");
    assert_string_equal(sq_context_table(&c, "pets")->table.text, "pets");
    assert_null(sq_context_table(&c, "other"));
    c = at("UPDATE t SET a| = 1", false);
    assert_string_equal(c.tables[0].table.text, "t");
    assert_string_equal(c.tables[0].alias.text, "");
}

static void more_tables_and_longer_names_than_there_is_room_for(void **state)
{
    (void)state;
    kg_autobuf text = {0};
    kg_buf_add_str(&text, "SELECT 1 FROM t0");
    for (int i = 1; i < 100; i++)
        kg_buf_printf(&text, ", t%d", i);
    kg_buf_add_str(&text, ", ");
    for (int i = 0; i < 1000; i++)
        kg_buf_add_char(&text, 'n');
    struct sq_context c;
    sq_context_at(&c, kg_buf_cstr(&text), text.len, text.len, true);
    assert_int_equal(c.table_count, SQ_TABLES_MAX);
    assert_int_equal(strlen(c.name.text), SQ_NAME_BYTES - 1);
}

static void every_prefix_and_cursor(void **state)
{
    (void)state;
    static const char whole[] = "SELECT `a``b`.c, @@x, 'y' /* z */ FROM t AS u JOIN d.e; USE `f";
    for (size_t n = 0; n < sizeof(whole); n++) {
        char *text = kg_malloc(n ? n : 1);
        memcpy(text, whole, n);
        for (size_t cursor = 0; cursor <= n; cursor++) {
            struct sq_context c;
            sq_context_at(&c, text, n, cursor, cursor % 2);
            assert_true(c.start <= cursor && cursor <= c.end && c.end <= n);
        }
        free(text);
    }
}

static void positions_count_code_points(void **state)
{
    (void)state;
    const char *text = "é日🎈x";
    assert_int_equal(sq_bytes_of(text, strlen(text), 0), 0);
    assert_int_equal(sq_bytes_of(text, strlen(text), 1), 2);
    assert_int_equal(sq_bytes_of(text, strlen(text), 3), 9);
    assert_int_equal(sq_bytes_of(text, strlen(text), 99), 10);
    assert_int_equal(sq_points_of(text, 9), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_what_they_belong_to),
        cmocka_unit_test(what_may_stand_there),
        cmocka_unit_test(tables_of_the_statement),
        cmocka_unit_test(more_tables_and_longer_names_than_there_is_room_for),
        cmocka_unit_test(every_prefix_and_cursor),
        cmocka_unit_test(positions_count_code_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
