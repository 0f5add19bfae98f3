#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/api/assets.h"

static char dir[64];

static void put(const char *name, const char *text)
{
    kg_autofree char *path = kg_asprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/kgw-assets-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    kg_autofree char *below = kg_asprintf("%s/assets", dir);
    return mkdir(below, 0755);
}

static int remove_dir(void **state)
{
    (void)state;
    kg_autofree char *command = kg_asprintf("rm -rf '%s'", dir);
    return system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe) */
}

static void codings_are_taken_by_name_and_weight(void **state)
{
    (void)state;
    static const struct {
        const char *header, *coding;
        bool accepted;
    } cases[] = {
        {"gzip", "gzip", true},
        {"gzip, deflate, br", "br", true},
        {"GZIP", "gzip", true},
        {"gzip;q=0", "gzip", false},
        {"gzip; q=0.000", "gzip", false},
        {"gzip;q=0.5", "gzip", true},
        {"xgzip, gzipx", "gzip", false},
        {"*", "br", true},
        {"*;q=0", "br", false},
        {"*;q=0, br", "br", true},
        {"br;q=0, *", "br", false},
        {"identity", "gzip", false},
        {"", "gzip", false},
        {",,; ,", "gzip", false},
        {"gzip;", "gzip", true},
        {"gzip;q", "gzip", true},
        {"gzip;level=9;q=0", "gzip", false},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++)
        if (kg_accepts_coding(cases[i].header, cases[i].coding) != cases[i].accepted)
            fail_msg("\"%s\" with %s", cases[i].header, cases[i].coding);
}

static void files_come_with_their_packed_forms(void **state)
{
    (void)state;
    struct kg_assets *a = NULL;
    struct kg_err err;
    put("index.html", "<p>");
    put("assets/app.js", "plain");
    put("assets/app.js.gz", "gz");
    put("assets/app.js.br", "br");
    put("assets/lone.js.gz", "has no plain form");
    put(".hidden", "no");
    assert_int_equal(kg_assets_load(&a, dir, &err), 0);
    const struct kg_asset *app = kg_assets_find(a, "assets/app.js");
    assert_non_null(app);
    assert_string_equal(app->type, "text/javascript; charset=utf-8");
    assert_int_equal(app->data[KG_CODING_NONE].len, 5);
    assert_int_equal(kg_asset_coding(app, "gzip, br"), KG_CODING_BROTLI);
    assert_int_equal(kg_asset_coding(app, "gzip"), KG_CODING_GZIP);
    assert_int_equal(kg_asset_coding(app, NULL), KG_CODING_NONE);
    assert_string_not_equal(app->etag[KG_CODING_NONE], app->etag[KG_CODING_GZIP]);
    assert_int_equal(kg_asset_coding(kg_assets_find(a, "index.html"), "gzip, br"), KG_CODING_NONE);
    static const char *const absent[] = {"assets/lone.js", "assets/app.js.gz", ".hidden",
                                         "app.js",         "../assets/app.js", ""};
    for (size_t i = 0; i < KG_COUNT(absent); i++)
        assert_null(kg_assets_find(a, absent[i]));
    kg_assets_free(a);
}

static void a_folder_without_a_page_is_refused_by_name(void **state)
{
    (void)state;
    struct kg_assets *a = NULL;
    struct kg_err err;
    assert_int_equal(kg_assets_load(&a, dir, &err), -2);
    assert_non_null(strstr(err.text, dir));
    assert_non_null(strstr(err.text, "index.html"));
    assert_true(kg_assets_load(&a, "/nonexistent", &err) < 0);
    assert_null(a);
    kg_assets_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codings_are_taken_by_name_and_weight),
        cmocka_unit_test_setup_teardown(files_come_with_their_packed_forms, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_folder_without_a_page_is_refused_by_name, make_dir,
                                        remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
