/* jupyter/kernelspec.c: a kernel.json. What is taken has every member that the server relies on. */
#include <jansson.h>

#include "fuzz.h"
#include "jupyter/kernelspec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *spec = NULL;
    struct kg_err err = {0};
    if (jy_kernelspec_parse(&spec, kg_span_of(data, size), &err) < 0) {
        MUST(err.text[0] != 0 && !spec);
        return 0;
    }
    static const char *const texts[] = {"display_name", "language", "interrupt_mode"};
    for (size_t i = 0; i < 3; i++)
        MUST(json_is_string(json_object_get(spec, texts[i])));
    MUST(json_array_size(json_object_get(spec, "argv")) > 0);
    MUST(json_is_object(json_object_get(spec, "env")));
    MUST(json_is_object(json_object_get(spec, "metadata")));
    struct jy_kernelspecs set = {0};
    jy_kernelspecs_put(&set, "name", "/dir", spec, NULL);
    json_t *argv = jy_kernelspec_argv(&set.items[0]);
    MUST(json_array_size(argv) == json_array_size(json_object_get(spec, "argv")));
    json_decref(argv);
    json_decref(spec);
    jy_kernelspecs_release(&set);
    return 0;
}
