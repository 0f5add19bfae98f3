#include "pool/boxd/state.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "pool/boxd/request.h"

void bd_state_write(struct kg_buf *out, const struct bd_state *state)
{
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "box", state->box);
    kg_json_kstr(&j, "image", state->image);
    kg_json_kstr(&j, "owner", state->owner);
    kg_json_kstr(&j, "boot", state->boot);
    if (state->net[0])
        kg_json_kstr(&j, "net", state->net);
    kg_json_kint(&j, "first_id", state->first_id);
    kg_json_kint(&j, "made_ms", (int64_t)state->made_ms);
    kg_json_kbool(&j, "living", state->living);
    kg_json_kint(&j, "pid", state->pid);
    kg_json_kint(&j, "start_ticks", (int64_t)state->start_ticks);
    kg_json_object_end(&j);
}

static bool text(char *to, size_t room, const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    if (!s || strlen(s) >= room)
        return false;
    memcpy(to, s, strlen(s) + 1);
    return true;
}

static bool number(int64_t *to, const json_t *object, const char *key, int64_t max)
{
    const json_t *v = json_object_get(object, key);
    *to = json_integer_value(v);
    return json_is_integer(v) && *to >= 0 && *to <= max;
}

int bd_state_parse(struct bd_state *out, const char *in, size_t n, struct kg_err *err)
{
    int64_t first_id, made_ms, pid, start_ticks;
    memset(out, 0, sizeof(*out));
    json_t *o = json_loadb(in, n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *living = json_object_get(o, "living");
    const json_t *net = json_object_get(o, "net");
    bool good = text(out->box, sizeof(out->box), o, "box") && bd_is_box_id(out->box) &&
                text(out->image, sizeof(out->image), o, "image") && bd_is_image_name(out->image) &&
                text(out->owner, sizeof(out->owner), o, "owner") && kg_is_uuid(out->owner) &&
                text(out->boot, sizeof(out->boot), o, "boot") &&
                (!net || (text(out->net, sizeof(out->net), o, "net") && bd_is_box_id(out->net))) &&
                number(&first_id, o, "first_id", UINT32_MAX - BD_IDS_PER_BOX) &&
                number(&made_ms, o, "made_ms", INT64_MAX) && number(&pid, o, "pid", INT32_MAX) &&
                number(&start_ticks, o, "start_ticks", INT64_MAX) && json_is_boolean(living) &&
                (json_is_false(living) || pid > 0);
    if (good) {
        out->first_id = (uint32_t)first_id;
        out->made_ms = (uint64_t)made_ms;
        out->pid = (pid_t)pid;
        out->start_ticks = (uint64_t)start_ticks;
        out->living = json_is_true(living);
    }
    json_decref(o);
    return good ? 0 : kg_err_set(err, -EPROTO, "the state of a box can't be understood");
}
