#include "tests/bench/client/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void bc_tally_init(struct bc_tally *t, unsigned long expected)
{
    *t = (struct bc_tally){.expected = expected, .last = -1};
    t->seen = kg_calloc(expected / 8 + 1, 1);
}

void bc_tally_release(struct bc_tally *t)
{
    free(t->seen);
    t->seen = NULL;
}

static void take_number(struct bc_tally *t, long number)
{
    uint8_t bit = (uint8_t)(1u << (number & 7));
    if ((unsigned long)number >= t->expected)
        return;
    if (t->seen[number / 8] & bit) {
        t->twice++;
        return;
    }
    t->seen[number / 8] |= bit;
    t->received++;
    if (number < t->last)
        t->disorder++;
    t->last = number;
}

void bc_tally_take(struct bc_tally *t, const struct bc_msg *m, const char *id)
{
    if (m->channel == KG_CH_SHELL) {
        t->replied |= bc_msg_parent(m, id);
        return;
    }
    if (m->channel != KG_CH_IOPUB)
        return;
    long number = bc_msg_number(m);
    if (number >= 0) {
        t->last_us = bc_now_us();
        if (!t->first_us)
            t->first_us = t->last_us;
        t->bytes += m->content.len;
        take_number(t, number);
        return;
    }
    if (bc_msg_status(m, "idle") && bc_msg_parent(m, id))
        t->idle = true;
    else if (bc_msg_is(m, "stream") || bc_msg_is(m, "display_data"))
        t->notes++;
}

void bc_tally_json(const struct bc_tally *t, struct kg_json *j)
{
    kg_json_kint(j, "expected", (int64_t)t->expected);
    kg_json_kint(j, "received", (int64_t)t->received);
    kg_json_kint(j, "lost", (int64_t)(t->expected - t->received));
    kg_json_kint(j, "twice", (int64_t)t->twice);
    kg_json_kint(j, "disorder", (int64_t)t->disorder);
    kg_json_kint(j, "notes", (int64_t)t->notes);
    kg_json_kbool(j, "replied", t->replied);
    kg_json_kbool(j, "idle", t->idle);
}

int bc_tally_read(struct bc_tally *t, struct bc_link *l, const char *id, int quiet_ms)
{
    int rc = 1;
    while (!bc_tally_done(t) && rc == 1) {
        struct bc_msg m;
        rc = bc_link_receive(l, &m, quiet_ms);
        if (rc == 1)
            bc_tally_take(t, &m, id);
    }
    return rc;
}
