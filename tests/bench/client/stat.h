#ifndef BENCH_CLIENT_STAT_H
#define BENCH_CLIENT_STAT_H
/* Samples, their order statistics, and the line of JSON that a mode prints. */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

struct bc_samples {
    double *v;
    size_t n, cap;
};

uint64_t bc_now_us(void);
/* CPU time of this process until now, user and system. */
uint64_t bc_cpu_us(void);

void bc_sample(struct bc_samples *s, double v);
/* Appends "prefix_p50", "prefix_p99", "prefix_min", "prefix_max" and "prefix_n". Sorts. */
void bc_samples_json(struct bc_samples *s, struct kg_json *j, const char *prefix);
void bc_samples_release(struct bc_samples *s);

/* An object is begun in out; bc_report_end prints it as one line. */
struct bc_report {
    struct kg_buf out;
    struct kg_json j;
};
void bc_report_begin(struct bc_report *r, const char *mode);
void bc_report_end(struct bc_report *r);

#endif
