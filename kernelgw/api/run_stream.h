#ifndef KG_API_RUN_STREAM_H
#define KG_API_RUN_STREAM_H
/* A run's output over HTTP: what there is as text, or live until its end. docs/PROTOCOL.md, "Runs". */
#include "kernelgw/api/api.h"
#include "kernelgw/core/run.h"

struct kg_run_choice {
    uint64_t from; /* first sequence number wanted */
    bool out, err; /* which streams */
};

enum kg_run_format { KG_RUN_EVENTS, KG_RUN_NDJSON };

/* Answers with the text so far. */
void kg_run_text(struct kg_api *api, struct kg_http *req, struct kg_run *r,
                 const struct kg_run_choice *choice);
/* Answers with a stream that ends behind the run's exit. */
void kg_run_stream(struct kg_api *api, struct kg_http *req, struct kg_run *r,
                   const struct kg_run_choice *choice, enum kg_run_format format);

#endif
