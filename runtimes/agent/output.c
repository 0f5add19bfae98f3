#include "runtimes/agent/output.h"

#include <string.h>

#include "base/json.h"

static void send_pending(struct kk_output *o, uint64_t now_ms)
{
    if (o->pending.len == 0)
        return;
    o->emit(o->user, o->stream, o->pending.data, o->pending.len);
    o->last_ms = now_ms;
    kg_buf_clear(&o->pending);
}

void kk_output_add(struct kk_output *o, enum kk_stream stream, const uint8_t *data, size_t n,
                   uint64_t now_ms)
{
    if (n == 0)
        return;
    if (stream != o->stream)
        send_pending(o, now_ms);
    o->stream = stream;
    while (n > 0) {
        size_t kept = o->tail_len[stream];
        if (o->pending.len == 0)
            o->first_ms = now_ms;
        kg_buf_add(&o->pending, o->tail[stream], kept);
        o->tail_len[stream] = 0;
        size_t room = o->pending.len < KK_OUTPUT_MAX ? KK_OUTPUT_MAX - o->pending.len : 1;
        size_t take = n < room ? n : room;
        kg_buf_add(&o->pending, data, take);
        data += take;
        n -= take;
        size_t whole = kg_utf8_whole(o->pending.data, o->pending.len);
        o->tail_len[stream] = o->pending.len - whole;
        memcpy(o->tail[stream], o->pending.data + whole, o->tail_len[stream]);
        o->pending.len = whole;
        if (o->pending.len + sizeof o->tail[0] >= KK_OUTPUT_MAX)
            send_pending(o, now_ms);
    }
}

uint64_t kk_output_turn(struct kk_output *o, uint64_t now_ms)
{
    if (o->pending.len == 0)
        return 0;
    uint64_t due = o->last_ms ? o->last_ms + KK_OUTPUT_MERGE_MS : 0;
    bool whole_line = o->pending.data[o->pending.len - 1] == '\n';
    if (!whole_line && due < o->first_ms + KK_OUTPUT_LINE_MS)
        due = o->first_ms + KK_OUTPUT_LINE_MS;
    if (now_ms < due)
        return due - now_ms;
    send_pending(o, now_ms);
    return 0;
}

void kk_output_flush(struct kk_output *o, uint64_t now_ms)
{
    send_pending(o, now_ms);
    o->last_ms = 0; /* what comes next begins something new, and goes at once */
}

void kk_output_end(struct kk_output *o, uint64_t now_ms)
{
    send_pending(o, now_ms);
    for (int s = 0; s < KK_STREAMS; s++) {
        if (o->tail_len[s])
            o->emit(o->user, (enum kk_stream)s, o->tail[s], o->tail_len[s]);
        o->tail_len[s] = 0;
    }
    o->last_ms = 0;
}

void kk_output_release(struct kk_output *o)
{
    kg_buf_release(&o->pending);
}
