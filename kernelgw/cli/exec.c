#include "kernelgw/cli/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/cli/book.h"
#include "kernelgw/cli/call.h"
#include "kernelgw/cli/exec_options.h"
#include "kernelgw/cli/own.h"
#include "kernelgw/cli/progress.h"

enum {
    EXIT_CELL = 1,
    EXIT_USAGE = 2,
    EXIT_SERVER = 3,
    EXIT_TIMEOUT = 4,
    EXIT_DIED = 5,
    EXIT_OUTPUT = 6,
    EXIT_STOPPED = 130,
};
enum { POLL_MIN_MS = 30, POLL_MAX_MS = 400, SAVE_MS = 2000, LOST_TRIES = 20, LOST_MS = 500 };

struct job {
    struct kg_exec_options o;
    struct kg_own own;
    struct kg_server server;
    json_t *notebook;
    char *run; /* path of the run */
    struct kg_progress progress;
    uint64_t saved_ms;
};

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    (void)number;
    if (++interrupts > 2)
        _exit(EXIT_STOPPED);
}

static int complain(const struct kg_err *err, int status)
{
    fprintf(stderr, "kernelgw exec: %s\n", err->text);
    return status;
}

static int find_server(struct job *j, struct kg_err *err)
{
    if (j->o.url)
        return kg_server_init(&j->server, j->o.url, j->o.token, NULL, err);
    int rc = kg_own_start(&j->own, j->o.server, err);
    return rc < 0 ? rc : kg_server_init(&j->server, "http://localhost", NULL, j->own.socket, err);
}

/* 0 with j->run set, or the exit status, after it has said why. */
static int begin(struct job *j)
{
    struct kg_err err = {0};
    json_t *body = json_pack("{s:O,s:b,s:b,s:b}", "notebook", j->notebook, "allow_errors",
                             j->o.allow_errors, "in_place", strcmp(j->o.notebook, j->o.output) == 0,
                             "record_timing", !j->o.no_timing);
    if (j->o.kernel)
        json_object_set_new(body, "kernel_name", json_string(j->o.kernel));
    if (j->o.parameters)
        json_object_set(body, "parameters", j->o.parameters);
    if (j->o.timeout_s > 0)
        json_object_set_new(body, "timeout_s", json_real(j->o.timeout_s));
    json_t *model = kg_call_json(&j->server, "POST", "/api/notebooks/run", body, &err);
    json_decref(body);
    const char *id = json_string_value(json_object_get(model, "id"));
    if (id)
        j->run = kg_asprintf("/api/notebooks/run/%s", id);
    json_decref(model);
    return id ? 0 : complain(&err, err.code == -EINVAL ? EXIT_USAGE : EXIT_SERVER);
}

/* 0, or -EIO and the like. */
static int save(struct job *j, struct kg_err *err)
{
    kg_autofree char *path = kg_asprintf("%s/notebook", j->run);
    struct kg_answer a;
    int rc = kg_call(&a, &j->server, "GET", path, NULL, err);
    if (rc == 0 && a.status != 200)
        rc = kg_answer_err(&a, err);
    if (rc == 0)
        rc = kg_book_write(j->o.output, &a.body, err);
    kg_answer_release(&a);
    j->saved_ms = kg_clock_ms();
    return rc;
}

/* While it runs; a save that fails is tried again, and counts at the end alone. */
static void save_now_and_then(struct job *j, const json_t *model)
{
    bool begun =
        json_object_get(model, "started") && !json_is_null(json_object_get(model, "started"));
    if (!begun || strcmp(j->o.output, "-") == 0 || kg_clock_ms() - j->saved_ms < SAVE_MS)
        return;
    struct kg_err err = {0};
    save(j, &err);
}

/* A server that is restarted, or a network that is away for a moment, costs no run. */
static json_t *look(struct job *j, struct kg_err *err)
{
    for (int tries = 0;; tries++) {
        json_t *model = kg_call_json(&j->server, "GET", j->run, NULL, err);
        bool lost = err->code == -ECONNREFUSED || err->code == -EIO || err->code == -EAGAIN;
        if (model || !lost || tries == LOST_TRIES || interrupts > 1)
            return model;
        usleep(LOST_MS * 1000);
    }
}

/* The model of the run that has ended; NULL with *err when the server was lost. */
static json_t *follow(struct job *j, struct kg_err *err)
{
    unsigned pause_ms = POLL_MIN_MS;
    bool stopped = false;
    for (;;) {
        json_t *model = look(j, err);
        const char *state = json_string_value(json_object_get(model, "state"));
        if (!model || !state)
            return NULL;
        kg_progress_show(&j->progress, model);
        if (strcmp(state, "ended") == 0)
            return model;
        save_now_and_then(j, model);
        json_decref(model);
        if (interrupts > 1) {
            kg_err_set(err, -EINTR, "left at once: outputs since the last save are lost");
            return NULL;
        }
        if (interrupts && !stopped) {
            struct kg_answer a;
            stopped = true;
            kg_call(&a, &j->server, "DELETE", j->run, NULL, err);
            kg_answer_release(&a);
        }
        usleep(pause_ms * 1000); /* a signal ends it early */
        pause_ms = pause_ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : pause_ms * 2;
    }
}

static int status_of(const char *outcome)
{
    static const struct {
        const char *outcome;
        int status;
    } known[] = {{"ok", 0},           {"error", EXIT_CELL},      {"timeout", EXIT_TIMEOUT},
                 {"died", EXIT_DIED}, {"stopped", EXIT_STOPPED}, {"failed", EXIT_SERVER}};
    for (size_t i = 0; outcome && i < KG_COUNT(known); i++)
        if (strcmp(known[i].outcome, outcome) == 0)
            return known[i].status;
    return EXIT_SERVER;
}

/* What the cell that ended it said, for whoever reads a log and has not the notebook at hand. */
static void show_traceback(struct job *j, const json_t *model)
{
    kg_autofree char *path = kg_asprintf("%s/notebook", j->run);
    struct kg_err err = {0};
    const json_t *at = json_object_get(json_object_get(model, "error"), "cell");
    json_t *nb = at ? kg_call_json(&j->server, "GET", path, NULL, &err) : NULL;
    const json_t *cell =
        json_array_get(json_object_get(nb, "cells"), (size_t)json_integer_value(at));
    size_t i;
    size_t n;
    json_t *output;
    json_t *line;
    json_array_foreach(json_object_get(cell, "outputs"), i, output)
        json_array_foreach(json_object_get(output, "traceback"), n, line)
            if (json_is_string(line))
                fprintf(stderr, "%s\n", json_string_value(line));
    json_decref(nb);
}

static int finish(struct job *j, const json_t *model)
{
    struct kg_err err = {0};
    struct kg_answer a;
    const char *outcome = json_string_value(json_object_get(model, "outcome"));
    const char *reason = json_string_value(json_object_get(model, "reason"));
    int status = status_of(outcome);
    int saved = save(j, &err);
    kg_progress_end(&j->progress);
    if (status == EXIT_CELL || status == EXIT_DIED)
        show_traceback(j, model);
    if (reason)
        fprintf(stderr, "kernelgw exec: %s\n", reason);
    if (saved < 0)
        status = complain(&err, EXIT_OUTPUT);
    else if (kg_call(&a, &j->server, "DELETE", j->run, NULL, &err) == 0) /* it is ours by now */
        kg_answer_release(&a);
    return status;
}

static int run(struct job *j)
{
    struct kg_err err = {0};
    if (kg_book_read(&j->notebook, j->o.notebook, &err) < 0)
        return complain(&err, EXIT_USAGE);
    if (find_server(j, &err) < 0)
        return complain(&err, err.code == -EINVAL ? EXIT_USAGE : EXIT_SERVER);
    int status = begin(j);
    if (status)
        return status;
    kg_progress_init(&j->progress, j->o.notebook, j->o.quiet);
    json_t *model = follow(j, &err);
    if (!model) {
        kg_progress_end(&j->progress);
        return complain(&err, interrupts ? EXIT_STOPPED : EXIT_SERVER);
    }
    status = finish(j, model);
    json_decref(model);
    return status;
}

int kg_exec(int argc, char *const *argv)
{
    struct job j = {0};
    struct kg_err err = {0};
    int status = 0;
    const struct sigaction stop = {.sa_handler = on_interrupt};
    if (kg_exec_options_read(&j.o, argc, argv, &err) < 0) {
        status = complain(&err, EXIT_USAGE);
    } else if (j.o.help) {
        kg_exec_help(stdout);
    } else if (sodium_init() < 0) {
        kg_err_set(&err, -EIO, "libsodium can't be initialised");
        status = complain(&err, EXIT_SERVER);
    } else {
        sigaction(SIGINT, &stop, NULL);
        sigaction(SIGTERM, &stop, NULL);
        status = run(&j);
    }
    kg_server_release(&j.server);
    kg_own_end(&j.own);
    json_decref(j.notebook);
    free(j.run);
    kg_exec_options_release(&j.o);
    return status;
}
