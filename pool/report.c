#include "base/json.h"
#include "pool/inside.h"

static void times(struct kg_json *j, const struct pl_stock *s)
{
    uint64_t served = s->hits + s->misses + s->cold;
    kg_json_kint(j, "ready_count", (int64_t)s->ready_count);
    kg_json_kint(j, "ready_ms_sum", (int64_t)s->ready_ms_sum);
    kg_json_kint(j, "ready_ms_last", (int64_t)s->ready_ms_last);
    kg_json_kint(j, "ready_ms_max", (int64_t)s->ready_ms_max);
    kg_json_kint(j, "claims", (int64_t)served);
    kg_json_kint(j, "wait_us_sum", (int64_t)s->wait_us_sum);
    kg_json_kint(j, "wait_us_max", (int64_t)s->wait_us_max);
}

static void stock(struct kg_json *j, const struct pl_stock *s)
{
    kg_json_object_begin(j);
    kg_json_kstr(j, "runtime", s->runtime->name);
    kg_json_kstr(j, "kind", s->kind == PL_KERNEL ? "kernel" : "box");
    kg_json_kint(j, "minimum", s->minimum);
    kg_json_kint(j, "target", s->target);
    kg_json_key(j, "claims_per_minute");
    kg_json_real(j, s->rate * 60000);
    kg_json_kint(j, "box_bytes", (int64_t)s->box_bytes);
    kg_json_kint(j, "idle", s->idle);
    kg_json_kint(j, "starting", s->starting + s->dedicated);
    kg_json_kint(j, "claimed", s->claimed);
    kg_json_kint(j, "waiting", s->waiting);
    kg_json_kint(j, "hits", (int64_t)s->hits);
    kg_json_kint(j, "misses", (int64_t)s->misses);
    kg_json_kint(j, "cold", (int64_t)s->cold);
    kg_json_kint(j, "failures", (int64_t)s->failures);
    kg_json_kint(j, "lost", (int64_t)s->lost);
    times(j, s);
    kg_json_key(j, "last_error");
    kg_json_str(j, s->failures_in_row ? s->last_error : NULL);
    kg_json_object_end(j);
}

void pl_pool_report(const struct pl_pool *p, struct kg_buf *out)
{
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "engine", p->engine->ops->name);
    kg_json_kbool(&j, "engine_up", p->engine_up);
    kg_json_key(&j, "engine_error");
    kg_json_str(&j, p->engine_up ? NULL : p->down_why);
    kg_json_kint(&j, "boxes", p->box_count);
    kg_json_kint(&j, "max_boxes", p->max_boxes);
    kg_json_kint(&j, "starting", p->starting);
    kg_json_kint(&j, "max_starting", p->max_starting);
    kg_json_kint(&j, "draining", p->draining);
    kg_json_kint(&j, "lent", p->lent);
    kg_json_kint(&j, "sweeps", (int64_t)p->sweeps);
    kg_json_kint(&j, "swept", (int64_t)p->swept);
    kg_json_kint(&j, "lost", (int64_t)p->lost);
    kg_json_key(&j, "stock");
    kg_json_array_begin(&j);
    for (size_t i = 0; i < p->stock_count; i++)
        stock(&j, &p->stocks[i]);
    kg_json_array_end(&j);
    kg_json_object_end(&j);
}
