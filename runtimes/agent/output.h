#ifndef KK_OUTPUT_H
#define KK_OUTPUT_H
/*
 * Makes messages of a program's output: sends at once when nothing was sent lately, else merges what comes within 20 ms
 * or 64 KiB. What does not end its line gets 2 ms more, since unbuffered Python writes the end of a line by itself. Cuts between UTF-8 characters; what comes on the other stream begins a new message, so that the order of the
 * two is kept. Pure: time is handed in, and messages leave by a callback.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { KK_OUTPUT_MERGE_MS = 20, KK_OUTPUT_LINE_MS = 2, KK_OUTPUT_MAX = 64 * 1024 };
enum kk_stream { KK_STDOUT, KK_STDERR, KK_STREAMS };

struct kk_output {
    /* One message's text. It may hold bytes that are no UTF-8; whole characters are never split. */
    void (*emit)(void *user, enum kk_stream stream, const uint8_t *text, size_t n);
    void *user;
    enum kk_stream stream; /* whose text `pending` is */
    struct kg_buf pending;
    uint8_t tail[KK_STREAMS][4]; /* the cut-off start of a stream's next character */
    size_t tail_len[KK_STREAMS];
    uint64_t last_ms;  /* when a message was sent last; 0: never */
    uint64_t first_ms; /* when pending began */
};

void kk_output_add(struct kk_output *o, enum kk_stream stream, const uint8_t *data, size_t n,
                   uint64_t now_ms);
/* To be called after a turn's kk_output_adds: sends if it is time. Returns after how many ms it wants to be called
 * again; 0: not before there is more. */
uint64_t kk_output_turn(struct kk_output *o, uint64_t now_ms);
/* Sends now what is whole. */
void kk_output_flush(struct kk_output *o, uint64_t now_ms);
/* Sends all that is left, cut-off characters included: there will be no more. The struct can be used anew. */
void kk_output_end(struct kk_output *o, uint64_t now_ms);
void kk_output_release(struct kk_output *o);

#endif
