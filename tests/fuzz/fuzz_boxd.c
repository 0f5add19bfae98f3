/* pool/boxd/request.c and state.c: what the gateway sends to the privileged helper, and what that reads back from disk. */
#include "fuzz.h"
#include "pool/boxd/request.h"
#include "pool/boxd/state.h"

static void check_state(const uint8_t *data, size_t size)
{
    struct bd_state state, again;
    if (bd_state_parse(&state, (const char *)data, size, NULL) < 0)
        return;
    kg_autobuf text = {0};
    bd_state_write(&text, &state);
    MUST(bd_state_parse(&again, (const char *)text.data, text.len, NULL) == 0);
    MUST(strcmp(state.box, again.box) == 0 && strcmp(state.net, again.net) == 0 &&
         state.first_id == again.first_id && state.pid == again.pid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bd_request r;
    struct kg_err err = {0};
    check_state(data, size);
    if (bd_request_parse(&r, (const char *)data, size, 1024, &err) < 0) {
        MUST(err.text[0] && r.id >= 0);
        return 0;
    }
    MUST(r.id > 0);
    if (r.op == BD_CREATE) {
        /* Names become paths: nothing but their few letters may come through. */
        MUST(bd_is_box_id(r.box) && bd_is_image_name(r.image) && kg_is_uuid(r.owner));
        MUST(r.memory_mb >= BD_MEMORY_MB_MIN && r.memory_mb <= 1024 && r.tmp_mb <= r.memory_mb);
        MUST(r.cpu_milli >= BD_CPU_MILLI_MIN && r.cpu_milli <= BD_CPU_MILLI_MAX);
        MUST(r.pids >= BD_PIDS_MIN && r.tmp_inodes >= BD_TMP_INODES_MIN);
    } else if (r.op >= BD_NET_CREATE) {
        MUST(r.op == BD_NET_LIST || bd_is_box_id(r.net));
        MUST(!r.box[0] || bd_is_box_id(r.box));
        MUST(!memchr(r.names.text, '\n', r.names.bytes) && r.names.count <= BD_NAMES_MAX);
    } else if (r.op != BD_LIST && r.op != BD_PING) {
        MUST(bd_is_box_id(r.box));
    }
    MUST(!r.net[0] || bd_is_box_id(r.net));
    return 0;
}
