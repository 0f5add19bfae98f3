#ifndef KG_CORE_PROGRAM_H
#define KG_CORE_PROGRAM_H
/*
 * How programs of one language run: the part "program" of a manifest. Phases come one after the other (compile, run), each
 * with what it may use; options are what a request may say beyond files and arguments, and reach the phases as
 * variables. Knows nothing of boxes.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct kg_phase {
    char *name;
    json_t *argv;       /* "{entry}" stands for the entry's path */
    uint32_t memory_mb; /* 0: as much as the program has */
    bool lend;          /* may use up to two cores of an idle machine */
};

struct kg_program_option;

struct kg_program {
    struct kg_phase *phases;
    size_t phase_count;
    struct kg_program_option *options;
    size_t option_count;
    json_t *env;        /* object of strings */
    bool display;       /* its last phase may show what is no text */
    uint32_t memory_mb; /* of phases without a figure of their own; the owner sets it */
};

enum { KG_PHASES_MAX = 8 };

/* Reads the manifest's object. -EINVAL with *err: "program.phases[0].argv must be ...". */
int kg_program_new(struct kg_program **out, const json_t *program, struct kg_err *err);
void kg_program_free(struct kg_program *p);

/* What a phase has, and the most that any has. asked_mb: the request's figure, 0 for none; a phase that needs more than
 * that (a compiler) keeps its own. */
uint32_t kg_program_memory(const struct kg_program *p, size_t phase, uint32_t asked_mb);
uint32_t kg_program_most_memory(const struct kg_program *p, uint32_t asked_mb);
/* The index of the phase of that name, behind `after`; phase_count when there is none. */
size_t kg_program_phase(const struct kg_program *p, const char *name, size_t after);

/*
 * The phases for the agent's run.start, with the entry filled in; args (may be NULL) go to the last one. wall_ms is the
 * last one's, others have compile_ms. All but the first pause before they begin.
 */
json_t *kg_program_start(const struct kg_program *p, const char *entry, json_t *args,
                         int64_t wall_ms, int64_t compile_ms);

/* Refuses a request's variables that would go past an option's check. */
int kg_program_check_env(const struct kg_program *p, const json_t *env, struct kg_err *err);
/* A request's "options" as variables: adds them to env. -EINVAL with *err, which lists what there is. */
int kg_program_take_options(const struct kg_program *p, const json_t *options, json_t *env,
                            struct kg_err *err);

#endif
