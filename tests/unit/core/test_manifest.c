/* Manifests: what the ones of this tree say, and that whatever is wrong in one is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/core/manifest.h"

static const char whole[] =
    "{\"name\":\"x\",\"language\":\"x\",\"image\":\"x\",\"kernelspec\":\"kernelspec\","
    "\"kernel\":{\"evaluator\":true,\"argv\":[\"ev\"],\"env\":{\"A\":\"1\"},\"ready_ms\":1000,"
    "\"warm_code\":\"1\",\"transport\":\"ipc\",\"interrupt_mode\":\"signal\"},"
    "\"service\":{\"argv\":[\"db\",\"-x\"],\"env\":{\"B\":\"2\"},\"for\":[\"program\"]},"
    "\"program\":{\"extensions\":[\".x\"],\"phases\":["
    "{\"name\":\"compile\",\"argv\":[\"cc\",\"{entry}\"],\"memory_mb\":256,\"lend\":true},"
    "{\"name\":\"run\",\"argv\":[\"a.out\"]}],\"env\":{\"C\":\"3\"},\"display\":true,"
    "\"options\":{\"std\":{\"env\":\"STD\",\"pattern\":\"^c[\\\\w]+$\"}}},"
    "\"limits\":{\"kernel\":{\"memory_mb\":128,\"cpu_milli\":500,\"pids\":64,\"tmp_mb\":48},"
    "\"program\":{\"memory_mb\":100,\"cpu_milli\":500,\"pids\":65,\"tmp_mb\":48}},"
    "\"stock\":{\"kernels\":2,\"boxes\":1}}";

static int read_it(struct kg_runtime *rt, json_t *manifest, struct kg_err *err)
{
    *rt = (struct kg_runtime){.manifest = manifest};
    return kg_manifest_read(rt, err);
}

static void release(struct kg_runtime *rt)
{
    kg_program_free(rt->program);
    json_decref(rt->pool.service);
    json_decref(rt->manifest);
}

static void a_whole_manifest_is_read(void **state)
{
    (void)state;
    struct kg_runtime rt;
    struct kg_err err = {0};
    if (read_it(&rt, json_loads(whole, 0, NULL), &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(rt.pool.kernel_limits.memory_mb, 128);
    assert_int_equal(rt.pool.program_limits.memory_mb, 256); /* the largest phase's */
    assert_int_equal(rt.pool.program_limits.pids, 65);
    assert_int_equal(kg_program_memory(rt.program, 0, 0), 256);
    assert_int_equal(kg_program_memory(rt.program, 1, 0), 100);
    assert_true(rt.program->phases[0].lend);
    assert_false(rt.program->phases[1].lend);
    assert_true(rt.program->display);
    assert_false(rt.pool.service_for_kernels);
    assert_true(rt.pool.service_for_programs);
    kg_autofree char *service = json_dumps(rt.pool.service, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(service,
                        "{\"argv\":[\"db\",\"-x\"],\"env\":{\"B\":\"2\"},\"ready_ms\":20000}");
    assert_int_equal(rt.pool.stock_kernels, 2);
    assert_int_equal(rt.pool.stock_boxes, 1);
    release(&rt);
}

/* Lays patch over the whole manifest (RFC 7386: null removes). */
static void patch(json_t *to, const json_t *by)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)by, key, v) {
        if (json_is_null(v))
            json_object_del(to, key);
        else if (json_is_object(v) && json_is_object(json_object_get(to, key)))
            patch(json_object_get(to, key), v);
        else
            json_object_set(to, key, v);
    }
}

static void whatever_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *patch, *says;
    } cases[] = {
        {"{\"memory\":1}", "memory: there is no such field; there is: name, language"},
        {"{\"kernel\":null,\"program\":null}", "a kernel, a program or both"},
        {"{\"kernelspec\":null}", "kernelspec is missing"},
        {"{\"kernelspec\":7}", "kernelspec must be a string"},
        {"{\"kernel\":[]}", "kernel must be an object"},
        {"{\"kernel\":{\"argv\":\"ev\"}}", "kernel.argv must be a list"},
        {"{\"kernel\":{\"argv\":[\"\"]}}", "kernel.argv[0]"},
        {"{\"kernel\":{\"env\":{\"A\":1}}}", "kernel: env.A must be a string"},
        {"{\"kernel\":{\"evaluator\":\"yes\"}}", "kernel.evaluator must be true or false"},
        {"{\"kernel\":{\"ready_ms\":0}}", "kernel.ready_ms must be a whole number from 1"},
        {"{\"kernel\":{\"transport\":\"udp\"}}", "kernel.transport must be \"ipc\" or \"tcp\""},
        {"{\"kernel\":{\"interrupt_mode\":1}}", "kernel.interrupt_mode must be"},
        {"{\"kernel\":{\"warm_code\":1}}", "kernel.warm_code must be a string"},
        {"{\"kernel\":{\"argvs\":[]}}", "kernel.argvs: there is no such field"},
        {"{\"service\":\"db\"}", "service must be an object"},
        {"{\"service\":{\"argv\":null}}", "service.argv must be a list"},
        {"{\"service\":{\"env\":[]}}", "service: env must be an object"},
        {"{\"service\":{\"for\":[]}}", "service.for must be a list"},
        {"{\"service\":{\"for\":[\"kernels\"]}}", "service.for[0] must be \"kernel\" or"},
        {"{\"service\":{\"ready_ms\":\"1\"}}", "service.ready_ms must be"},
        {"{\"service\":{\"ready\":1}}", "service.ready: there is no such field"},
        {"{\"program\":[]}", "program must be an object"},
        {"{\"program\":{\"phase\":[]}}", "program.phase: there is no such field"},
        {"{\"program\":{\"phases\":[]}}", "program.phases must be a list of 1 to 8"},
        {"{\"program\":{\"phases\":[1]}}", "program.phases[0]. must be an object"},
        {"{\"program\":{\"phases\":[{\"argv\":[\"a\"]}]}}", "program.phases[0].name must be"},
        {"{\"program\":{\"phases\":[{\"name\":\"run\"}]}}", "program.phases[0].argv must be"},
        {"{\"program\":{\"phases\":[{\"name\":\"run\",\"argv\":[\"a\",1]}]}}", "phases[0].argv[1]"},
        {"{\"program\":{\"phases\":[{\"name\":\"run\",\"argv\":[\"a\"],\"memory_mb\":1}]}}",
         "program.phases[0].memory_mb must be a whole number from 16"},
        {"{\"program\":{\"phases\":[{\"name\":\"run\",\"argv\":[\"a\"],\"lend\":1}]}}",
         "program.phases[0].lend must be true or false"},
        {"{\"program\":{\"phases\":[{\"name\":\"a\",\"argv\":[\"a\"]},{\"name\":\"a\",\"argv\":[\"a\"]}]}}",
         "there is a phase \"a\" already"},
        {"{\"program\":{\"extensions\":[\"x\"]}}", "program.extensions[0]"},
        {"{\"program\":{\"display\":1}}", "program.display must be true or false"},
        {"{\"program\":{\"env\":{\"C\":null}}}", NULL}, /* removed: fine */
        {"{\"program\":{\"options\":{\"std\":{\"env\":\"1X\"}}}}",
         "options.std.env must be a variable"},
        {"{\"program\":{\"options\":{\"std\":{\"pattern\":\"(\"}}}}",
         "options.std.pattern: at character 1"},
        {"{\"program\":{\"options\":{\"std\":{\"pattern\":null}}}}",
         "options.std.pattern must be a string"},
        {"{\"program\":{\"options\":{\"std\":{\"type\":\"x\"}}}}",
         "options.std.type: there is no such"},
        {"{\"limits\":null}", "limits must be an object"},
        {"{\"limits\":{\"kernel\":null}}", "limits.kernel must be an object of memory_mb"},
        {"{\"limits\":{\"program\":{\"pids\":null}}}", "limits.program.pids is missing"},
        {"{\"limits\":{\"program\":{\"pids\":2}}}",
         "limits.program.pids must be a whole number from 4"},
        {"{\"limits\":{\"kernel\":{\"tmp_mb\":129}}}",
         "limits.kernel.tmp_mb must be a whole number from 4 to 128"},
        {"{\"limits\":{\"kernel\":{\"cpu\":1}}}", "limits.kernel.cpu: there is no such field"},
        {"{\"limits\":{\"kernels\":{}}}", "limits.kernels: there is no such field"},
        {"{\"stock\":{\"kernels\":-1}}", "stock.kernels must be"},
        {"{\"stock\":[]}", "stock must be an object"},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_runtime rt;
        struct kg_err err = {0};
        json_t *manifest = json_loads(whole, 0, NULL);
        json_t *by = json_loads(cases[i].patch, 0, NULL);
        assert_non_null(by);
        patch(manifest, by);
        json_decref(by);
        int rc = read_it(&rt, manifest, &err);
        if ((rc < 0) != (cases[i].says != NULL) ||
            (cases[i].says && !strstr(err.text, cases[i].says)))
            fail_msg("%s: \"%s\" should say %s", cases[i].patch, err.text, cases[i].says);
        release(&rt);
    }
}

static void an_operator_can_move_limits_and_stock(void **state)
{
    (void)state;
    struct kg_runtime rt;
    struct kg_err err = {0};
    json_t *m = json_loads(whole, 0, NULL);
    json_t *over =
        json_loads("{\"limits\":{\"kernel\":{\"memory_mb\":300},\"compile\":{\"memory_mb\":640}},"
                   "\"stock\":{\"kernels\":9}}",
                   0, NULL);
    assert_int_equal(kg_manifest_override(m, over, &err), 0);
    json_decref(over);
    assert_int_equal(read_it(&rt, m, &err), 0);
    assert_int_equal(rt.pool.kernel_limits.memory_mb, 300);
    assert_int_equal(rt.pool.kernel_limits.pids, 64);
    assert_int_equal(rt.pool.program_limits.memory_mb, 640);
    assert_int_equal(rt.pool.stock_kernels, 9);
    assert_int_equal(rt.pool.stock_boxes, 1);
    release(&rt);

    static const struct {
        const char *over, *says;
    } bad[] = {
        {"7", "must be an object"},
        {"{\"limit\":{}}", "limit: there is no such field; there is: limits, stock"},
        {"{\"limits\":1}", "must be objects"},
        {"{\"limits\":{\"link\":{\"memory_mb\":64}}}",
         "limits.link is neither kernel, program nor"},
        {"{\"limits\":{\"compile\":{\"pids\":64}}}", "limits.compile.pids: there is no such field"},
        {"{\"limits\":{\"kernel\":5}}", "limits.kernel must be an object"},
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        m = json_loads(whole, 0, NULL);
        over = json_loads(bad[i].over, JSON_DECODE_ANY, NULL);
        assert_true(kg_manifest_override(m, over, &err) < 0);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%s: \"%s\"", bad[i].over, err.text);
        json_decref(m);
        json_decref(over);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_manifest_is_read),
        cmocka_unit_test(whatever_is_wrong_is_named),
        cmocka_unit_test(an_operator_can_move_limits_and_stock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
