#ifndef KG_CONFIG_H
#define KG_CONFIG_H
/*
 * The server's settings. One table (config.c) says each option's name, kind, bounds, default and help; from it
 * come the flags (--max-kernels 50), the environment (KERNELGW_MAX_KERNELS), the JSON file ({"max-kernels": 50}),
 * --help and --print-config. Flags win over the environment, the environment over the file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct kg_config {
    char *config; /* path of the JSON file, or NULL */
    char *address, *base_url, *token, *users, *allow_origin, *allow_origin_pat, *lab_url, *tls_cert,
        *tls_key;
    char *contents_dir;
    char *engine, *run_dir, *state_dir, *boxd, *agent, *runtimes, *client, *languages,
        *default_kernel;
    char *per_language, *user_quotas; /* text of a JSON object, or NULL */
    char *log_level;
    int64_t port, max_connections, max_body_mb, max_message_mb;
    int64_t max_boxes, max_starting, max_kernels, max_runs, notebook_runs, max_sessions,
        stock_kernels, stock_boxes;
    int64_t run_wall_s, run_wall_max_s, run_output_mb;
    int64_t memory_max_mb, cpu_max_milli, pids_max, spill_mb, spill_total_mb;
    int64_t session_grace_s, session_idle_s, session_runs, session_kernels, session_cpu_s;
    int64_t stock_extra_mb, session_files, session_files_mb, files_total_mb;
    int64_t session_output_mb, queue_max, queue_session, queue_s, cull_idle_s;
    int64_t quota_period_s, max_terminals, cull_terminal_s;
    bool cull_connected, cull_busy, terminals;
    bool log_json, allow_root, anonymous, allow_credentials, print_config, help, version;
};

/*
 * Fills *c from argv, environ and the file that they name. Returns 0; -EINVAL with *err saying which option is
 * wrong, where it was set, and what would be right. c is to be released in either case.
 */
int kg_config_load(struct kg_config *c, int argc, char *const *argv, struct kg_err *err);
void kg_config_release(struct kg_config *c);

void kg_config_help(FILE *out);
/* The settings in force as one JSON object that --config would take; the token is not shown. */
void kg_config_print(const struct kg_config *c, FILE *out);

#endif
