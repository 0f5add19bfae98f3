/* usage: component_pool process|oci */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stage.h"

static void say(const char *name)
{
    printf("ok %s\n", name);
    fflush(stdout);
}

static bool has(const struct got *g, const char *text)
{
    return g->text.len && memmem(g->text.data, g->text.len, text, strlen(text));
}

static void wait_for_no_boxes(struct stage *s)
{
    stage_until(s, s->pool->box_count == 0);
    stage_until(s, stage_leftovers(s) == 0);
}

static void a_program_runs_in_a_box_from_stock(struct stage *s)
{
    struct got g;
    stage_open_pool(s, 4, 0, 1);
    stage_until(s, s->pool->stocks[1].idle == 1);
    stage_claim(s, &g, PL_PROGRAM);
    stage_expect_box(s, &g);
    printf("  bare box from stock: %.2f ms\n", g.ms);
    check(s->pool->stocks[1].hits == 1);
    json_t *put = json_pack("{s:s,s:i,s:i}", "path", "a/b.txt", "mode", 0644, "size", 11);
    json_decref(stage_request(s, g.box, "files.put", put, "hello there"));
    stage_run(s, &g, "cat a/b.txt; echo done >&2; exit 3");
    check(has(&g, "hello there") && has(&g, "done"));
    check(has(&g, "\"exit_code\":3") || has(&g, "\"exit_code\": 3"));
    struct pl_stats stats = stage_stats(s, g.box);
    check(stats.pids >= 1 && stats.memory_bytes > 0, "pids=%d", (int)stats.pids);
    stage_give_back(&g);
    stage_close_pool(s);
    stage_until(s, stage_leftovers(s) == 0);
    say("a program runs in a box from stock");
}

static void a_run_leaves_nothing_when_its_box_goes(struct stage *s)
{
    struct got g;
    stage_open_pool(s, 4, 0, 0);
    stage_claim(s, &g, PL_PROGRAM);
    stage_expect_box(s, &g);
    printf("  bare box made for a claim: %.2f ms\n", g.ms);
    stage_run(s, &g,
              "setsid sleep 1001 >/dev/null 2>&1 & (setsid sleep 1002 &) >/dev/null 2>&1; echo up");
    stage_give_back(&g);
    wait_for_no_boxes(s);
    stage_close_pool(s);
    say("a run leaves nothing when its box goes");
}

static void a_dead_box_is_told_and_cleaned_up(struct stage *s)
{
    struct got g;
    stage_open_pool(s, 4, 0, 0);
    stage_claim(s, &g, PL_PROGRAM);
    stage_expect_box(s, &g);
    pid_t pid = g.box->pid;
    check(pid > 1);
    kill(pid, SIGKILL);
    stage_until(s, g.gone == 1);
    wait_for_no_boxes(s);
    stage_close_pool(s);
    say("a dead box is told and cleaned up");
}

static void many_boxes_come_and_go_amid_sweeps(struct stage *s)
{
    enum { N = 24 };
    static struct got g[N];
    s->tuning.sweep_ms = 20;
    s->tuning.orphan_ms = 0;
    stage_open_pool(s, N, 0, 0);
    uint64_t began = uv_hrtime();
    for (int i = 0; i < N; i++)
        stage_claim(s, &g[i], PL_PROGRAM);
    for (int i = 0; i < N; i++)
        stage_expect_box(s, &g[i]);
    printf("  %d boxes made: %.0f ms\n", N, (double)(uv_hrtime() - began) / 1e6);
    uint64_t sweeps = s->pool->sweeps;
    stage_until(s, s->pool->sweeps > sweeps + 2);
    for (int i = 0; i < N; i++)
        check(g[i].gone == 0);
    check(s->pool->swept == 0 && s->pool->lost == 0);
    began = uv_hrtime();
    for (int i = 0; i < N; i++)
        stage_give_back(&g[i]);
    stage_until(s, s->pool->box_count == 0);
    printf("  %d boxes destroyed: %.0f ms\n", N, (double)(uv_hrtime() - began) / 1e6);
    wait_for_no_boxes(s);
    stage_close_pool(s);
    s->tuning = pl_tuning_default;
    say("many boxes come and go amid sweeps");
}

static void on_restarted(void *user, const json_t *info, const struct kg_err *err)
{
    check(!err, "%s", err->text);
    check(json_object_get(info, "implementation"));
    *(bool *)user = true;
}

static void kernels_come_from_stock_warm(struct stage *s)
{
    struct got g[2];
    stage_open_pool(s, 6, 1, 0);
    stage_until(s, s->pool->stocks[0].idle == 1);
    printf("  kernel ready in %d ms\n", (int)s->pool->stocks[0].ready_ms_last);
    json_t *env = json_pack("{s:s}", "USER", "ada");
    stage_claim(s, &g[0], PL_KERNEL);
    stage_expect_box(s, &g[0]);
    printf("  warm kernel: %.2f ms\n", g[0].ms);
    check(strcmp(g[0].info, "ipython") == 0, "%s", g[0].info);
    check(s->pool->stocks[0].hits == 1);
    struct pl_stats stats = stage_stats(s, g[0].box);
    printf("  kernel box: %d kB, %d processes and threads\n", (int)(stats.memory_bytes / 1024),
           (int)stats.pids);
    uint64_t began = uv_hrtime();
    bool again = false;
    pl_box_restart_kernel(g[0].box, env, "/work", on_restarted, &again);
    stage_until(s, again);
    printf("  kernel restarted: %.0f ms\n", (double)(uv_hrtime() - began) / 1e6);
    json_decref(env);
    stage_until(s, s->pool->stocks[0].idle == 1);
    stage_give_back(&g[0]);
    stage_close_pool(s);
    stage_until(s, stage_leftovers(s) == 0);
    say("kernels come from stock warm");
}

static void a_warm_kernel_takes_an_environment(struct stage *s)
{
    struct got g;
    stage_open_pool(s, 2, 1, 0);
    stage_until(s, s->pool->stocks[0].idle == 1);
    json_t *env = json_pack("{s:s}", "KERNEL_USERNAME", "ada");
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL, .env = env, .cwd = "/tmp"};
    stage_claim_as(s, &g, &claim);
    stage_expect_box(s, &g);
    json_decref(env);
    printf("  warm kernel with environment and directory: %.2f ms\n", g.ms);
    check(s->pool->stocks[0].hits == 1 && s->pool->stocks[0].failures == 0);
    check(g.records == 0); /* it left no trace */
    stage_give_back(&g);
    stage_close_pool(s);
    say("a warm kernel takes an environment");
}

static void a_killed_boxd_costs_no_box_and_leaves_none(struct stage *s)
{
    enum { N = 6 };
    static struct got g[N];
    struct got living;
    stage_open_pool(s, N + 1, 0, 0);
    stage_claim(s, &living, PL_PROGRAM);
    stage_expect_box(s, &living);
    for (int i = 0; i < N; i++)
        stage_claim(s, &g[i], PL_PROGRAM);
    for (int i = 0; i < 20; i++) /* into the middle of making */
        stage_turn(s);
    stage_kill_boxd(s);
    for (int i = 0; i < 50; i++)
        stage_turn(s);
    stage_start_boxd(s);
    for (int i = 0; i < N; i++)
        stage_expect_box(s, &g[i]);
    check(living.gone == 0); /* a box does not need boxd to live */
    stage_run(s, &living, "echo alive");
    check(has(&living, "alive"));
    stage_until(s, s->pool->draining == 0);
    for (int i = 0; i < N; i++)
        stage_give_back(&g[i]);
    stage_give_back(&living);
    wait_for_no_boxes(s);
    stage_close_pool(s);
    say("a killed boxd costs no box and leaves none");
}

static void the_next_gateway_finds_nothing_of_the_last(struct stage *s)
{
    struct got g;
    stage_open_pool(s, 4, 0, 2);
    stage_until(s, s->pool->stocks[1].idle == 2);
    s->tuning.close_ms = 1;
    s->pool->tuning.close_ms = 1; /* as good as killed: nothing is destroyed in time */
    stage_close_pool(s);
    s->tuning = pl_tuning_default;
    stage_open_pool(s, 4, 0, 0);
    stage_until(s, s->pool->swept_once);
    stage_until(s, stage_leftovers(s) == 0);
    stage_claim(s, &g, PL_PROGRAM);
    stage_expect_box(s, &g);
    stage_give_back(&g);
    wait_for_no_boxes(s);
    stage_close_pool(s);
    say("the next gateway finds nothing of the last");
}

static void out_of_memory_is_counted(struct stage *s)
{
    struct got g;
    stage_open_pool(s, 2, 0, 0);
    stage_claim(s, &g, PL_PROGRAM);
    stage_expect_box(s, &g);
    stage_run(s, &g, "exec python3 -c 'x = bytearray(10**9)'");
    check(has(&g, "\"signal\":9") || has(&g, "\"signal\": 9"));
    struct pl_stats stats = stage_stats(s, g.box);
    check(stats.oom_kills >= 1);
    check(g.gone == 0); /* the agent outlives its program */
    stage_give_back(&g);
    wait_for_no_boxes(s);
    stage_close_pool(s);
    say("out of memory is counted");
}

int main(int argc, char **argv)
{
    struct stage s;
    if (argc != 2 || (strcmp(argv[1], "oci") != 0 && strcmp(argv[1], "process") != 0)) {
        fprintf(stderr, "usage: component_pool process|oci\n");
        return 2;
    }
    stage_open(&s, argv[1]);
    a_program_runs_in_a_box_from_stock(&s);
    a_run_leaves_nothing_when_its_box_goes(&s);
    a_dead_box_is_told_and_cleaned_up(&s);
    many_boxes_come_and_go_amid_sweeps(&s);
    if (s.oci) {
        out_of_memory_is_counted(&s);
        kernels_come_from_stock_warm(&s);
        a_warm_kernel_takes_an_environment(&s);
        a_killed_boxd_costs_no_box_and_leaves_none(&s);
        the_next_gateway_finds_nothing_of_the_last(&s);
    }
    stage_close(&s);
    return 0;
}
