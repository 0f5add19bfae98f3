#include "kernelgw/core/outputs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Text that still grows, as an output; NULL when there is none. */
static json_t *stream_of(const struct kg_outputs *o)
{
    if (!o->text.len)
        return NULL;
    return json_pack("{s:s,s:s,s:o}", "output_type", "stream", "name",
                     o->is_stderr ? "stderr" : "stdout", "text",
                     json_stringn((const char *)o->text.data, o->text.len));
}

static void end_stream(struct kg_outputs *o)
{
    json_t *stream = stream_of(o);
    if (stream)
        json_array_append_new(o->list, stream);
    kg_buf_release(&o->text);
}

/* That some were left out, as an output; NULL when none were. */
static json_t *dropped_of(const struct kg_outputs *o)
{
    char text[160];
    if (!o->dropped)
        return NULL;
    snprintf(text, sizeof text, "\n[kernelgw: %zu more outputs (%zu bytes) were left out]\n",
             o->dropped, o->dropped_bytes);
    return json_pack("{s:s,s:s,s:s}", "output_type", "stream", "name", "stderr", "text", text);
}

json_t *kg_outputs_list(const struct kg_outputs *o)
{
    json_t *const more[] = {stream_of(o), dropped_of(o)};
    json_t *list = json_copy(o->list);
    for (size_t i = 0; i < KG_COUNT(more); i++)
        if (more[i])
            json_array_append_new(list, more[i]);
    return list;
}

void kg_outputs_hand_on(struct kg_outputs *o)
{
    const char *id;
    json_t *entry;
    if (!o->earlier)
        return;
    json_object_foreach(o->shown, id, entry) {
        json_t *there = json_object_get(o->earlier, id);
        if (there)
            json_array_extend(json_object_get(there, "outputs"), json_object_get(entry, "outputs"));
        else
            json_object_set(o->earlier, id, entry);
    }
}

static void clear(struct kg_outputs *o)
{
    json_array_clear(o->list);
    json_object_clear(o->shown);
    kg_buf_release(&o->text);
    o->clear_next = false;
    o->bytes = o->dropped = o->dropped_bytes = 0; /* an animation may go on for ever */
}

/* Text that goes on in the same stream is one output, as in a notebook. */
static void keep_text(struct kg_outputs *o, const json_t *output)
{
    const char *name = json_string_value(json_object_get(output, "name"));
    const json_t *text = json_object_get(output, "text");
    bool is_stderr = name && strcmp(name, "stderr") == 0;
    if (is_stderr != o->is_stderr)
        end_stream(o);
    o->is_stderr = is_stderr;
    if (json_is_string(text))
        kg_buf_add(&o->text, json_string_value(text), json_string_length(text));
}

static const char *display_id(const json_t *output)
{
    return json_string_value(json_object_get(json_object_get(output, "transient"), "display_id"));
}

void kg_outputs_leave_out(struct kg_outputs *o, size_t n)
{
    o->dropped++;
    o->dropped_bytes += n;
}

static bool has_room(struct kg_outputs *o, size_t before, size_t n)
{
    size_t more = n > before ? n - before : 0;
    if (o->bytes + more <= o->max_bytes) {
        o->bytes += more;
        return true;
    }
    kg_outputs_leave_out(o, n);
    return false;
}

static void remember_display(struct kg_outputs *o, const char *id, json_t *kept, size_t n)
{
    json_t *entry = json_object_get(o->shown, id);
    if (!entry) {
        entry = json_pack("{s:I,s:[]}", "bytes", (json_int_t)n, "outputs");
        json_object_set_new(o->shown, id, entry);
    }
    json_array_append(json_object_get(entry, "outputs"), kept);
}

static void keep(struct kg_outputs *o, const json_t *output, bool is_stream, size_t n)
{
    const char *id = display_id(output);
    if (o->clear_next)
        clear(o);
    if (!has_room(o, 0, n))
        return;
    if (is_stream) {
        keep_text(o, output);
        return;
    }
    end_stream(o);
    json_t *kept = json_deep_copy(output);
    json_object_del(kept, "transient"); /* belongs to the life of a display, not to a document */
    if (id)
        remember_display(o, id, kept, n);
    json_array_append_new(o->list, kept);
}

static void update_in(struct kg_outputs *o, json_t *displays, const json_t *output, size_t n)
{
    const char *id = display_id(output);
    json_t *entry = id ? json_object_get(displays, id) : NULL;
    size_t i;
    json_t *shown;
    if (!entry || !has_room(o, (size_t)json_integer_value(json_object_get(entry, "bytes")), n))
        return;
    json_object_set_new(entry, "bytes", json_integer((json_int_t)n));
    json_array_foreach(json_object_get(entry, "outputs"), i, shown) {
        json_object_set(shown, "data", json_object_get(output, "data"));
        json_object_set(shown, "metadata", json_object_get(output, "metadata"));
    }
}

/* Every output that was shown under the id takes the new data; by a further display of that id, too, as in nbclient. */
static void update(struct kg_outputs *o, const json_t *output, size_t n)
{
    update_in(o, o->shown, output, n);
    update_in(o, o->earlier, output, n);
}

json_t *kg_output_of(struct kg_span msg_type, const json_t *content)
{
    /* o: an object, s: a string, l: a list, ?: may be missing */
    static const struct {
        const char *type;
        struct {
            const char *name;
            char missing;
        } members[3];
    } kinds[] = {
        {"stream", {{"name", '?'}, {"text", 's'}}},
        {"display_data", {{"data", 'o'}, {"metadata", 'o'}, {"transient", '?'}}},
        {"update_display_data", {{"data", 'o'}, {"metadata", 'o'}, {"transient", '?'}}},
        {"execute_result", {{"data", 'o'}, {"metadata", 'o'}, {"execution_count", '0'}}},
        {"error", {{"ename", 's'}, {"evalue", 's'}, {"traceback", 'l'}}},
        {"clear_output", {{"wait", '?'}}},
    };
    for (size_t i = 0; i < KG_COUNT(kinds); i++) {
        if (!kg_span_is(msg_type, kinds[i].type))
            continue;
        json_t *out = json_pack("{s:s}", "output_type", kinds[i].type);
        for (size_t m = 0; m < KG_COUNT(kinds[i].members) && kinds[i].members[m].name; m++) {
            json_t *value = json_object_get(content, kinds[i].members[m].name);
            char missing = kinds[i].members[m].missing;
            if (value)
                json_object_set(out, kinds[i].members[m].name, value);
            else if (missing != '?')
                json_object_set_new(out, kinds[i].members[m].name,
                                    missing == 'o'   ? json_object()
                                    : missing == 's' ? json_string("")
                                    : missing == 'l' ? json_array()
                                                     : json_null());
        }
        return out;
    }
    return NULL;
}

void kg_outputs_take(struct kg_outputs *o, const json_t *output, size_t n)
{
    const char *type = json_string_value(json_object_get(output, "output_type"));
    if (strcmp(type, "clear_output") == 0) {
        if (json_is_true(json_object_get(output, "wait")))
            o->clear_next = true;
        else
            clear(o);
        return;
    }
    update(o, output, n);
    if (strcmp(type, "update_display_data") != 0)
        keep(o, output, strcmp(type, "stream") == 0, n);
}

void kg_outputs_replace(struct kg_outputs *o, json_t *list)
{
    clear(o);
    json_decref(o->list);
    o->list = list;
}

void kg_outputs_init(struct kg_outputs *o, size_t max_bytes, json_t *earlier)
{
    *o = (struct kg_outputs){
        .list = json_array(), .shown = json_object(), .earlier = earlier, .max_bytes = max_bytes};
}

void kg_outputs_release(struct kg_outputs *o)
{
    json_decref(o->list);
    json_decref(o->shown);
    kg_buf_release(&o->text);
    o->list = o->shown = NULL;
}
