/* rtt: one request after another. buffer: a big one there and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "tests/bench/client/kernel.h"
#include "tests/bench/client/stat.h"

enum { ANSWER_MS = 30000 };

int bc_mode_rtt(const struct bc_config *cfg)
{
    struct bc_kernel k;
    struct bc_link l;
    char code[512];
    bc_open_or_die(cfg, &k, &l);
    bool control = strcmp(cfg->kind, "control") == 0;
    bool info = control || strcmp(cfg->kind, "info") == 0;
    const char *type = info ? "kernel_info_request" : "execute_request";
    const char *content = info ? "{}" : bc_execute(code, cfg->code ? cfg->code : "pass", true);
    uint8_t channel = control ? KG_CH_CONTROL : KG_CH_SHELL;

    struct bc_samples us = {0};
    unsigned long warm_up = cfg->count / 20 + 3;
    uint64_t end_us = bc_now_us() + (uint64_t)(cfg->seconds * 1e6);
    uint64_t cpu_us = 0;
    int rc = 1;
    for (unsigned long i = 0; i < warm_up + cfg->count && rc == 1; i++) {
        if (i == warm_up)
            cpu_us = bc_cpu_us();
        uint64_t t0 = bc_now_us();
        if (t0 > end_us && i > warm_up + 10)
            break;
        rc = bc_link_ask(&l, channel, type, content, ANSWER_MS);
        if (rc == 1 && i >= warm_up)
            bc_sample(&us, (double)(bc_now_us() - t0));
    }
    cpu_us = bc_cpu_us() - cpu_us;

    struct bc_report r;
    bc_report_begin(&r, "rtt");
    kg_json_kbool(&r.j, "ok", rc == 1);
    bc_samples_json(&us, &r.j, "us");
    kg_json_key(&r.j, "client_cpu_us");
    kg_json_real(&r.j, us.n ? (double)cpu_us / (double)us.n : 0);
    bc_report_end(&r);
    bc_samples_release(&us);
    bc_link_close(&l, false);
    bc_kernel_stop(cfg, &k);
    return rc == 1 ? 0 : 1;
}

/* Sends the buffer and waits for it to come back: 1 when it did, unchanged. */
static int round_trip(struct bc_link *l, const uint8_t *data, size_t n)
{
    char id[BC_ID_SIZE];
    char code[512];
    bool same = false;
    int rc = bc_link_send(l, KG_CH_SHELL, "execute_request",
                          bc_execute(code, "echo-buffers", false), data, n, id);
    while (rc >= 0) {
        struct bc_msg m;
        rc = bc_link_receive(l, &m, ANSWER_MS);
        if (rc <= 0)
            break;
        if (bc_msg_parent(&m, id) && m.channel == KG_CH_IOPUB && bc_msg_is(&m, "display_data"))
            same = m.buffers == 1 && m.buffer[0].len == n && memcmp(m.buffer[0].data, data, n) == 0;
        if (same)
            return 1;
        if (bc_msg_parent(&m, id) && bc_msg_status(&m, "idle"))
            return 0;
    }
    return rc < 0 ? rc : 0;
}

int bc_mode_buffer(const struct bc_config *cfg)
{
    struct bc_kernel k;
    struct bc_link l;
    struct bc_samples ms = {0};
    bc_open_or_die(cfg, &k, &l);
    kg_autofree uint8_t *data = kg_malloc(cfg->size);
    for (size_t i = 0; i < cfg->size; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    int rc = 1;
    for (unsigned i = 0; i < cfg->rounds + 1 && rc == 1; i++) {
        uint64_t t0 = bc_now_us();
        rc = round_trip(&l, data, cfg->size);
        if (rc == 1 && i > 0)
            bc_sample(&ms, (double)(bc_now_us() - t0) / 1e3);
    }
    struct bc_report r;
    bc_report_begin(&r, "buffer");
    kg_json_kbool(&r.j, "ok", rc == 1);
    kg_json_kint(&r.j, "size", (int64_t)cfg->size);
    kg_json_kint(&r.j, "close_code", l.close_code);
    bc_samples_json(&ms, &r.j, "ms");
    bc_report_end(&r);
    bc_samples_release(&ms);
    bc_link_close(&l, false);
    bc_kernel_stop(cfg, &k);
    return 0;
}
