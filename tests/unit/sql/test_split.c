/* Where a cell is cut into statements. */
#include "unit.h"

#include "runtimes/sql/script.h"
#include "runtimes/sql/split.h"
#include "runtimes/sql/whole.h"

/* The pieces as one text: "line:kind:text|...", kinds s(ql), f(ile), m(istake); ~ marks a text that ended within. */
static const char *cut(const char *text)
{
    static struct kg_buf out;
    struct sq_splitter s;
    struct sq_piece p;
    kg_buf_clear(&out);
    sq_split_init(&s, text, strlen(text));
    for (sq_split_next(&s, &p); p.kind != SQ_NOTHING; sq_split_next(&s, &p)) {
        if (p.kind == SQ_MISTAKE)
            kg_buf_printf(&out, "%zu:m|", p.line);
        else
            kg_buf_printf(&out, "%zu:%c:%.*s%s%s|", p.line, p.kind == SQ_SQL ? 's' : 'f',
                          (int)p.len, p.text, p.vertical ? "\\G" : "", p.open ? "~" : "");
    }
    return kg_buf_cstr(&out);
}

struct sample {
    const char *text, *pieces;
};

static void check(const struct sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_string_equal(cut(samples[i].text), samples[i].pieces);
}

static void semicolons_end_statements(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"", ""},
        {" \n ;; ; \n", ""},
        {"SELECT 1", "1:s:SELECT 1|"},
        {"SELECT 1;", "1:s:SELECT 1|"},
        {"a;b;", "1:s:a|1:s:b|"},
        {"\n\n a ;\n  b\n;\nc \n", "3:s:a|4:s:b|6:s:c|"},
        {"SELECT 1 \\G SELECT 2\\g", "1:s:SELECT 1\\G|1:s:SELECT 2|"},
    };
    check(samples, KG_COUNT(samples));
}

static void quotes_and_comments_hide_semicolons(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"SELECT ';', \";\", `;`; x", "1:s:SELECT ';', \";\", `;`|1:s:x|"},
        {"SELECT 'it''s; \\'; '; x", "1:s:SELECT 'it''s; \\'; '|1:s:x|"},
        {"SELECT `a``;\\`; x", "1:s:SELECT `a``;\\`|1:s:x|"},
        {"a -- b; c\n; d", "1:s:a -- b; c|2:s:d|"},
        {"a --b; c", "1:s:a --b|1:s:c|"},
        {"a --", "1:s:a --|"},
        {"a # b; c\n; d", "1:s:a # b; c|2:s:d|"},
        {"a /* ; \n */ ; d", "1:s:a /* ; \n */|2:s:d|"},
        {"/*!40101 SET a = 1; */; b", "1:s:/*!40101 SET a = 1; */|1:s:b|"},
        {"/*M!100100 x ';*/' ; */; b", "1:s:/*M!100100 x ';*/' ; */|1:s:b|"},
        {"-- only\n# comments\n/* here */", ""},
        {"-- first\nSELECT 1", "2:s:SELECT 1|"},
        {"SELECT 'open; b", "1:s:SELECT 'open; b~|"},
        {"SELECT 1 /* open; b", "1:s:SELECT 1 /* open; b~|"},
        {"/* open", "1:s:/* open~|"},
        {"/*! open", "1:s:/*! open~|"},
        {"SELECT (1", "1:s:SELECT (1~|"},
        {"SELECT '\\", "1:s:SELECT '\\~|"},
    };
    check(samples, KG_COUNT(samples));
}

static void delimiter_changes_the_end(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"DELIMITER //\na; b//\nc//\nDELIMITER ;\nx;y", "2:s:a; b|3:s:c|5:s:x|5:s:y|"},
        {"delimiter $$\nBEGIN x; END$$ y", "2:s:BEGIN x; END|2:s:y|"},
        {"DELIMITER go\nSELECT gone, 'go' go b", "2:s:SELECT gone, 'go'|2:s:b|"},
        {"a;\nDELIMITER\nb", "1:s:a|2:m|3:s:b|"},
        {"DELIMITER aaaaaaaaaaaaaaaa\n", "1:m|"},
        {"DELIMITER \\\n", "1:m|"},
        {"DELIMITER // \nx // y", "2:s:x|2:s:y|"},
        {"SELECT delimiter; b", "1:s:SELECT delimiter|1:s:b|"},
        {"DELIMITER ;;\na;b;;c", "2:s:a;b|2:s:c|"},
    };
    check(samples, KG_COUNT(samples));
}

static void source_takes_a_line(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"SOURCE a b.sql\nx", "1:f:a b.sql|2:s:x|"},
        {"source 'a.sql';\n\\. b.sql\n", "1:f:a.sql|2:f:b.sql|"},
        {"SOURCE\nx", "1:m|2:s:x|"},
        {"SELECT source FROM t", "1:s:SELECT source FROM t|"},
        {"sourced x", "1:s:sourced x|"},
    };
    check(samples, KG_COUNT(samples));
}

/* Each is one statement, whatever semicolons it has; behind it comes another. */
static const char *const bodies[] = {
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "CREATE OR REPLACE DEFINER=CURRENT_USER PROCEDURE p(IN a INT) COMMENT 'x' BEGIN END",
    "CREATE PROCEDURE p() SELECT IF(1, 2, 3)",
    "CREATE PROCEDURE IF NOT EXISTS p() BEGIN SELECT 1; END",
    "CREATE PROCEDURE p(a INT) IF a > 1 THEN SELECT 1; ELSEIF a > 0 THEN SELECT 2; ELSE SELECT 3; END IF",
    "CREATE PROCEDURE p() WHILE @a DO SET @a = 0; END WHILE",
    "CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN a + 1",
    "CREATE FUNCTION f(a INT) RETURNS INT RETURN CASE WHEN a THEN 1 ELSE 2 END",
    "CREATE FUNCTION f() RETURNS INT BEGIN DECLARE a INT DEFAULT CASE 1 WHEN 1 THEN IF(1,2,3) ELSE 3 END; RETURN a; END",
    "CREATE FUNCTION f(a INT) RETURNS INT BEGIN IF a THEN RETURN IF(a > 1, 2, 3); END IF; RETURN 1; END",
    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = 1",
    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW IF NEW.a < 0 THEN SET NEW.a = 0; END IF",
    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW FOLLOWS u BEGIN SET NEW.a = 1; SET NEW.b = 2; END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END",
    "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; SELECT 1; END",
    "CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND SET @done = 1; SELECT 1; END",
    "CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND IF 1 THEN SET @a = 1; END IF; SELECT 1; END",
    "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT 1; OPEN c; l: LOOP FETCH c INTO @a; IF @a THEN LEAVE l; END IF; "
    "END LOOP l; CLOSE c; END",
    "CREATE PROCEDURE p() BEGIN REPEAT SET @a = REPEAT('x', 2); UNTIL CASE WHEN 1 THEN 1 END END REPEAT; END",
    "CREATE PROCEDURE p() BEGIN CASE @a WHEN 1 THEN SELECT 1; WHEN 2 THEN BEGIN END; ELSE SELECT 3; END CASE; SELECT 4; END",
    "CREATE PROCEDURE p() BEGIN FOR i IN 1..10 DO SELECT i; END FOR; SELECT 1 FOR UPDATE; END",
    "CREATE PROCEDURE p() BEGIN DROP TABLE IF EXISTS a; SELECT start, end FROM t; SELECT t.end FROM t; END",
    "CREATE PROCEDURE p() outer_block: BEGIN inner_block: BEGIN SELECT 1; END inner_block; SELECT 2; END outer_block",
    "BEGIN NOT ATOMIC SELECT 1; IF 1 THEN SELECT 2; END IF; END",
    "IF 1 THEN SELECT 1; END IF",
    "WHILE @a < 3 DO SET @a = @a + 1; END WHILE",
    "l: LOOP LEAVE l; END LOOP",
    "FOR i IN 1..3 DO SELECT i; END FOR",
    "CREATE PROCEDURE p() -- BEGIN\nBEGIN /* ; END */ SELECT 'END;'; END",
};

static void bodies_are_one_statement(void **state)
{
    (void)state;
    for (size_t i = 0; i < KG_COUNT(bodies); i++) {
        kg_autofree char *text = kg_asprintf("%s; SELECT 'next'", bodies[i]);
        struct sq_splitter s;
        struct sq_piece p;
        sq_split_init(&s, text, strlen(text));
        sq_split_next(&s, &p);
        kg_autofree char *first = kg_strndup(p.text, p.len);
        assert_string_equal(first, bodies[i]);
        assert_int_equal(p.open, SQ_CLOSED);
        sq_split_next(&s, &p);
        kg_autofree char *second = kg_strndup(p.text, p.len);
        assert_string_equal(second, "SELECT 'next'");
    }
}

/* What looks like a block and is none: all are two statements. */
static void what_only_looks_like_a_block(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "BEGIN; SELECT 1",
        "BEGIN WORK; SELECT 1",
        "START TRANSACTION; COMMIT",
        "SELECT CASE WHEN 1 THEN 2 END; SELECT 1",
        "SELECT IF(1, 2, 3); SELECT 1",
        "CREATE TABLE t (begin INT, `end` INT, event INT); SELECT 1",
        "CREATE TABLE trigger_log (a INT); INSERT INTO trigger_log VALUES (1)",
        "DROP PROCEDURE IF EXISTS p; SELECT 1",
        "CREATE DATABASE IF NOT EXISTS d; USE d",
        "CREATE VIEW v AS SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 1",
        "SELECT REPEAT('a', 3); SELECT 1",
        "DO IF(1, 2, 3); SELECT 1",
        "XA END 'x'; SELECT 1",
        "ALTER EVENT e DISABLE; SELECT 1",
    };
    for (size_t i = 0; i < KG_COUNT(texts); i++) {
        struct sq_splitter s;
        struct sq_piece p;
        size_t n = 0;
        sq_split_init(&s, texts[i], strlen(texts[i]));
        for (sq_split_next(&s, &p); p.kind != SQ_NOTHING; sq_split_next(&s, &p))
            n++;
        if (n != 2)
            print_error("%s\n", texts[i]);
        assert_int_equal(n, 2);
    }
}

/* Every prefix gives pieces that lie in order inside of it, and never reads behind it. */
static void every_prefix_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < KG_COUNT(bodies); i++) {
        size_t whole = strlen(bodies[i]);
        for (size_t n = 0; n <= whole; n++) {
            char *text = kg_malloc(n ? n : 1);
            memcpy(text, bodies[i], n);
            struct sq_splitter s;
            struct sq_piece p;
            const char *at = text;
            sq_split_init(&s, text, n);
            for (sq_split_next(&s, &p); p.kind != SQ_NOTHING; sq_split_next(&s, &p)) {
                assert_true(p.text >= at && p.text + p.len <= text + n && p.len > 0);
                at = p.text + p.len;
            }
            free(text);
        }
    }
}

static void deep_nesting_is_counted(void **state)
{
    (void)state;
    kg_autobuf text = {0};
    kg_buf_add_str(&text, "CREATE PROCEDURE p() ");
    for (int i = 0; i < 500; i++)
        kg_buf_add_str(&text, "BEGIN ");
    for (int i = 0; i < 500; i++)
        kg_buf_add_str(&text, "END; ");
    kg_buf_add_str(&text, "SELECT 1");
    struct sq_splitter s;
    struct sq_piece p;
    sq_split_init(&s, kg_buf_cstr(&text), text.len);
    sq_split_next(&s, &p);
    assert_int_equal(p.open, SQ_CLOSED);
    sq_split_next(&s, &p);
    assert_int_equal(p.len, strlen("SELECT 1"));
}

static void wholeness(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sq_whole whole;
        const char *indent;
    } samples[] = {
        {"", SQ_WHOLE, ""},
        {"SELECT 1", SQ_WHOLE, ""},
        {"SELECT 1;", SQ_WHOLE, ""},
        {"SELECT * FROM", SQ_UNFINISHED, ""},
        {"SELECT 1,", SQ_UNFINISHED, ""},
        {"SELECT 'a", SQ_UNFINISHED, ""},
        {"SELECT (1", SQ_UNFINISHED, "  "},
        {"/* a", SQ_UNFINISHED, ""},
        {"CREATE PROCEDURE p() BEGIN", SQ_UNFINISHED, "  "},
        {"CREATE PROCEDURE p() BEGIN SELECT 1; END", SQ_WHOLE, ""},
        {"SELECT 1; SELECT", SQ_UNFINISHED, ""},
        {"DELIMITER", SQ_INVALID, ""},
        {"SOURCE a.sql", SQ_WHOLE, ""},
    };
    for (size_t i = 0; i < KG_COUNT(samples); i++) {
        const char *indent = NULL;
        assert_int_equal(sq_whole(samples[i].text, strlen(samples[i].text), &indent),
                         samples[i].whole);
        assert_string_equal(indent, samples[i].indent);
    }
}

static void syntax_errors_name_the_line_of_the_cell(void **state)
{
    (void)state;
    struct sq_problem p = {.code = 1064, .text = "syntax to use near ' at line 9' at line 2"};
    assert_int_equal(sq_script_line(&p, 10), 11);
    assert_string_equal(p.text, "syntax to use near ' at line 9' at line 11");
    struct sq_problem other = {.code = 1146, .text = "Table 'a at line 3' at line 3"};
    assert_int_equal(sq_script_line(&other, 10), 10);
    struct sq_problem odd = {.code = 1064, .text = "near ' at line x"};
    assert_int_equal(sq_script_line(&odd, 7), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(semicolons_end_statements),
        cmocka_unit_test(quotes_and_comments_hide_semicolons),
        cmocka_unit_test(delimiter_changes_the_end),
        cmocka_unit_test(source_takes_a_line),
        cmocka_unit_test(bodies_are_one_statement),
        cmocka_unit_test(what_only_looks_like_a_block),
        cmocka_unit_test(every_prefix_is_cut),
        cmocka_unit_test(deep_nesting_is_counted),
        cmocka_unit_test(wholeness),
        cmocka_unit_test(syntax_errors_name_the_line_of_the_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
