#include "kernelgw/core/cell_times.h"

#include <string.h>

#include "base/clock.h"
#include "jupyter/scan.h"

enum { DATE_MAX = 40 };

/* A date is digits and the few signs of ISO 8601. What else a kernel puts there is none. */
static bool is_date(struct kg_span raw)
{
    if (!raw.data || raw.len == 0 || raw.len > DATE_MAX)
        return false;
    for (size_t i = 0; i < raw.len; i++)
        if (!raw.data[i] || !strchr("0123456789-+:.TZ", raw.data[i]))
            return false;
    return true;
}

static void set(json_t *times, const char *key, struct kg_span date)
{
    char now[KG_ISO_SIZE];
    kg_clock_iso(now, kg_clock_wall_us());
    json_object_set_new(times, key,
                        is_date(date) ? json_stringn((const char *)date.data, date.len)
                                      : json_string(now));
}

void kg_cell_times_take(json_t *times, const struct jy_msg *msg, const struct jy_header *header,
                        const json_t *content)
{
    const char *state = json_string_value(json_object_get(content, "execution_state"));
    struct kg_span started;
    if (msg->channel == KG_CH_SHELL && kg_span_is(header->msg_type, "execute_reply")) {
        if (jy_json_find_string(msg->metadata, "started", &started, NULL) == 1 && is_date(started))
            set(times, "shell.execute_reply.started", started);
        set(times, "shell.execute_reply", header->date);
    } else if (msg->channel != KG_CH_IOPUB) {
        return;
    } else if (kg_span_is(header->msg_type, "execute_input")) {
        set(times, "iopub.execute_input", header->date);
    } else if (kg_span_is(header->msg_type, "status") && state) {
        if (strcmp(state, "busy") == 0)
            set(times, "iopub.status.busy", header->date);
        else if (strcmp(state, "idle") == 0)
            set(times, "iopub.status.idle", header->date);
    }
}
