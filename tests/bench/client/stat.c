#include "tests/bench/client/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"

uint64_t bc_now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t bc_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void bc_sample(struct bc_samples *s, double v)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->v = kg_realloc(s->v, s->cap * sizeof *s->v);
    }
    s->v[s->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void bc_samples_json(struct bc_samples *s, struct kg_json *j, const char *prefix)
{
    static const struct {
        const char *name;
        double at;
    } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"min", 0}, {"max", 1}};
    char key[64];
    snprintf(key, sizeof key, "%s_n", prefix);
    kg_json_kint(j, key, (int64_t)s->n);
    if (!s->n)
        return;
    qsort(s->v, s->n, sizeof *s->v, by_value);
    for (size_t i = 0; i < KG_COUNT(points); i++) {
        snprintf(key, sizeof key, "%s_%s", prefix, points[i].name);
        kg_json_key(j, key);
        kg_json_real(j, s->v[(size_t)(points[i].at * (double)(s->n - 1) + 0.5)]);
    }
}

void bc_samples_release(struct bc_samples *s)
{
    free(s->v);
    *s = (struct bc_samples){0};
}

void bc_report_begin(struct bc_report *r, const char *mode)
{
    *r = (struct bc_report){0};
    kg_json_init(&r->j, &r->out);
    kg_json_object_begin(&r->j);
    kg_json_kstr(&r->j, "mode", mode);
}

void bc_report_end(struct bc_report *r)
{
    kg_json_object_end(&r->j);
    puts(kg_buf_cstr(&r->out));
    fflush(stdout);
    kg_buf_release(&r->out);
}
