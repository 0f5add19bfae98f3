/*
 * A run's output in its journal. Text is kept as the text that it is, behind a byte that says whose it is: as a message it
 * is up to six times as long (a NUL is \u0000), and a run would lose some of what its limit lets it say. All else (pictures,
 * statuses) is kept as the message that came: no message begins with such a byte (jupyter/wsframe.h).
 */
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"
#include "kernelgw/core/run.h"

enum { TEXT_OUT = 1, TEXT_ERR = 2 };

/* The parts of a stream message: its name, and its text as raw JSON text. */
static bool is_stream(const uint8_t *frame, size_t n, struct kg_span *name, struct kg_span *raw)
{
    struct jy_msg msg;
    return jy_wsframe_split(&msg, frame, n, NULL) == 0 &&
           jy_json_find_string(msg.content, "name", name, NULL) == 1 &&
           jy_json_find_string(msg.content, "text", raw, NULL) == 1;
}

void kg_run_keep_output(struct kg_run *r, const struct kg_rec *rec, const struct kg_slice *body)
{
    struct kg_span name, raw;
    if (rec->kind != KG_KIND_OUTPUT || !is_stream(body->data, body->len, &name, &raw)) {
        kg_journal_append(&r->journal, rec->seq, *body, rec->channel, rec->kind, 0);
        return;
    }
    kg_autobuf text = {0};
    kg_buf_add_char(&text, jy_text_is(name, "stderr") ? TEXT_ERR : TEXT_OUT);
    jy_text_decode(&text, raw);
    struct kg_blob *blob = kg_blob_copy(text.data, text.len);
    const struct kg_slice kept = {blob, blob->data, blob->len};
    kg_journal_append(&r->journal, rec->seq, kept, rec->channel, rec->kind, 0);
    kg_blob_unref(blob);
}

bool kg_run_output(const struct kg_entry *e, bool *is_stderr, struct kg_buf *text)
{
    struct kg_span name, raw;
    const struct kg_slice *f = &e->frame;
    if (e->kind == KG_KIND_OUTPUT && f->len && (f->data[0] == TEXT_OUT || f->data[0] == TEXT_ERR)) {
        *is_stderr = f->data[0] == TEXT_ERR;
        kg_buf_add(text, f->data + 1, f->len - 1);
        return true;
    }
    /* what a box has lost is told as a piece of text in the lane that loses nothing */
    if ((e->kind != KG_KIND_OUTPUT && e->kind != KG_KIND_ERROR) ||
        !is_stream(f->data, f->len, &name, &raw))
        return false;
    *is_stderr = jy_text_is(name, "stderr");
    jy_text_decode(text, raw);
    return true;
}
