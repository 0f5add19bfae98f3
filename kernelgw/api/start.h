#ifndef KG_API_START_H
#define KG_API_START_H
/* Requests that wait for a kernel: the answer comes with the outcome, or after a moment with state "starting". */
#include "kernelgw/api/api.h"
#include "kernelgw/core/kernel.h"

/* Answers the request; k is valid. */
typedef void kg_start_answer(struct kg_api *api, struct kg_http *req, struct kg_kernel *k,
                             void *user);

/*
 * Starts the kernel that body asks for ({"name","kernel_id","env","path"}; all may be missing) and answers: through
 * `answer` when it is ready or, at the latest, KG_START_ANSWER_MS later, while it still starts; with an error when
 * that comes first. user must stay valid until then, and is freed with free() (NULL is fine).
 */
void kg_start_kernel(struct kg_api *api, struct kg_http *req, const char *owner, const json_t *body,
                     kg_start_answer *answer, void *user);
/* Restarts k and answers when it is ready again. */
void kg_restart_kernel(struct kg_api *api, struct kg_http *req, struct kg_kernel *k,
                       kg_start_answer *answer, void *user);

#endif
