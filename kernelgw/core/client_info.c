#include "kernelgw/core/client_info.h"

#include <stdlib.h>

#include "jupyter/scan.h"
#include "kernelgw/core/say.h"

static void tell(struct kg_client *c, struct kg_span parent, const char *state,
                 enum kg_rec_kind kind)
{
    struct kg_kernel *k = c->kernel;
    kg_kernel_say(k, kg_say_status(k->session, parent, state), KG_CH_IOPUB, kind, c->reader.id);
}

void kg_client_tell_busy(struct kg_client *c)
{
    if (c->kernel->state != KG_K_BUSY)
        return;
    c->kernel->said_busy = true;
    tell(c, (struct kg_span){0}, "busy", KG_KIND_STATUS_BUSY);
}

bool kg_client_answer_info(struct kg_client *c, const struct jy_msg *msg,
                           const struct jy_header *header)
{
    struct kg_kernel *k = c->kernel;
    /* a subshell is not busy, and control is always heard */
    if (k->state != KG_K_BUSY || !k->info || msg->channel != KG_CH_SHELL ||
        header->subshell_id.data || !jy_text_is(header->msg_type, "kernel_info_request"))
        return false;
    char *content = json_dumps(k->info, JSON_COMPACT);
    if (!content)
        return false;
    tell(c, msg->header, "busy", KG_KIND_STATUS_BUSY);
    kg_kernel_say(k,
                  kg_say(KG_CH_SHELL, "kernel_info_reply", k->session, msg->header, NULL, content),
                  KG_CH_SHELL, KG_KIND_REPLY, c->reader.id);
    tell(c, msg->header, "idle", KG_KIND_STATUS_IDLE);
    kg_client_tell_busy(c);
    free(content);
    return true;
}
