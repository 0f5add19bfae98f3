#ifndef KK_DISPLAY_H
#define KK_DISPLAY_H
/*
 * What a program shows that is no text: pictures, HTML. It has a socket (docs/PROTOCOL.md, "What programs show") to which it
 * writes a line of JSON for each, and reads one byte back when it has been taken. It waits for that byte, so that what it
 * writes to stdout before and after stands before and after.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/span.h"

enum { KK_DISPLAY_LINE_MAX = 8 * 1024 * 1024, KK_DISPLAY_FD = 3 };

struct kk_display;

struct kk_display_config {
    uv_loop_t *loop;
    int fd; /* the agent's end, taken; does not block */
    /* Text that was written up to now is to be handed on. */
    void (*before)(void *user);
    /* content: that of a message of this type, as JSON text. line: bytes that the program wrote. */
    void (*show)(void *user, const char *type, struct kg_span content, size_t line);
    void (*refuse)(void *user, const char *why); /* a line that was none; a sentence */
    void *user;
};

/* Both ends; ours does not block. 0 or -errno. */
int kk_display_pair(int *ours, int *theirs);
struct kk_display *kk_display_open(const struct kk_display_config *config);
void kk_display_hold(struct kk_display *d,
                     bool hold); /* no reading while held: the program waits */
/* Takes what is there now, held or not. For when no process is left that could write more. */
void kk_display_finish(struct kk_display *d);
/* Memory goes in the loop's close callback; NULL is fine. */
void kk_display_close(struct kk_display *d);

/*
 * One line as a message's content, a new reference: {"data":{type: text...}, "metadata":{}?, "display_id":text?,
 * "update":true?} -> display_data's or update_display_data's. NULL with *err.
 */
json_t *kk_display_content(struct kg_span line, const char **type, struct kg_err *err);

#endif
