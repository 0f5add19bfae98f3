/* jupyter/connection.c: what is read is written again and read the same. */
#include "fuzz.h"
#include "jupyter/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jy_connection c, again;
    struct kg_err err = {0};
    if (jy_connection_parse(&c, kg_span_of(data, size), &err) < 0) {
        MUST(err.text[0] != 0);
        return 0;
    }
    kg_autobuf json = {0};
    jy_connection_json(&json, &c);
    MUST(jy_connection_parse(&again, kg_span_of(json.data, json.len), NULL) == 0);
    MUST(again.transport == c.transport && memcmp(again.port, c.port, sizeof c.port) == 0);
    MUST(strcmp(again.ip, c.ip) == 0 && strcmp(again.key, c.key) == 0);
    MUST(strcmp(again.signature_scheme, c.signature_scheme) == 0);
    MUST(strcmp(again.kernel_name, c.kernel_name) == 0);
    for (int i = 0; i < JY_PORT_COUNT; i++) {
        char endpoint[JY_ENDPOINT_SIZE];
        MUST(jy_connection_endpoint(endpoint, &c, (enum jy_port)i, NULL) == 0);
        MUST(strlen(endpoint) < sizeof endpoint);
    }
    return 0;
}
