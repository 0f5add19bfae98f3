/*
 * kgw, a builtin of bash's own: what the evaluator (evaluator.sh) needs to speak with the agent, in the shell's own
 * process. A jq for every line would take longer than most cells.
 *
 *   kgw init                    takes descriptors 3 and 4 (agent) and 5 (evaluator's own commands) out of the user's reach, and
 *                               sets kgw_stdin to one that is at its end
 *   kgw next ARRAY              reads a request into the associative array: members by name, those of objects as
 *                               "env/NAME"; fails at the end of the input
 *   kgw say KEY[:TYPE] VALUE... writes an event or a reply
 *   kgw make VARIABLE KEY[:TYPE] VALUE...    the same object into a variable
 *   kgw again TEXT              TEXT is the next that the shell reads as its commands
 *   kgw restore                 standard output and error are what they were, whatever a cell did to them
 *
 * TYPE is j (VALUE is JSON), l (VALUE is the name of an array of strings), or nothing (a string).
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadables.h>

enum { FIRST_FD = 200, CHUNK = 65536 };

static int agent_out = -1, agent_in = -1, commands = -1, saved_out = -1, saved_err = -1;
static char *input; /* what was read and not used yet */
static size_t input_len, input_size;

static int keep(int fd)
{
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
    if (kept < 0)
        builtin_error("descriptor %d: %s", fd, strerror(errno));
    return kept;
}

/* bash sets its terminal right after a program that died of a signal, and complains when it has none. */
static void give_terminal(void)
{
    extern int shell_tty, get_tty_state(void); /* jobs.h, which includes nothing that it needs */
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    const char *name = master >= 0 && unlockpt(master) == 0 ? ptsname(master) : NULL;
    int terminal = name ? open(name, O_RDWR | O_NOCTTY) : -1;
    if (terminal >= 0) {
        shell_tty = keep(terminal);
        keep(master);
        get_tty_state();
        close(terminal);
    }
    if (master >= 0)
        close(master);
}

static int init(void)
{
    int ends[2];
    char number[16];
    agent_out = keep(3);
    agent_in = keep(4);
    commands = keep(5);
    saved_out = keep(1);
    saved_err = keep(2);
    if (agent_out < 0 || agent_in < 0 || commands < 0 || saved_out < 0 || saved_err < 0 ||
        pipe2(ends, O_CLOEXEC) < 0)
        return EXECUTION_FAILURE;
    snprintf(number, sizeof number, "%d", keep(ends[0]));
    bind_variable("kgw_stdin", number, 0);
    for (int fd = 3; fd <= 5; fd++)
        close(fd);
    close(ends[0]);
    close(ends[1]);
    give_terminal();
    return EXECUTION_SUCCESS;
}

static int write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(fd, data, n);
        if (wrote < 0 && errno == EINTR) {
            QUIT;
            continue;
        }
        if (wrote < 0)
            return EXECUTION_FAILURE;
        data += wrote;
        n -= (size_t)wrote;
    }
    return EXECUTION_SUCCESS;
}

/* The next line, its end replaced by NUL, to be freed; NULL at the end of the input. SIGINT gives up waiting. */
static char *read_line(void)
{
    for (;;) {
        char *end = input_len ? memchr(input, '\n', input_len) : NULL;
        if (end) {
            size_t used = (size_t)(end - input) + 1;
            char *line = xmalloc(used);
            memcpy(line, input, used);
            line[used - 1] = '\0';
            input_len -= used;
            memmove(input, end + 1, input_len);
            return line;
        }
        if (input_size - input_len < CHUNK) {
            input_size = 2 * input_size + CHUNK;
            input = xrealloc(input, input_size);
        }
        ssize_t got = read(agent_in, input + input_len, CHUNK);
        if (got < 0 && errno == EINTR) {
            QUIT;
        } else if (got <= 0) {
            return NULL;
        } else {
            input_len += (size_t)got;
        }
    }
}

static void insert(SHELL_VAR *array, const char *key, json_t *value)
{
    char number[32];
    const char *text = NULL;
    if (json_is_string(value)) {
        text = json_string_value(value);
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text = number;
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
    }
    if (text) /* null is a member that is not there */
        assoc_insert(assoc_cell(array), savestring(key), (char *)text);
}

static int next(const char *name)
{
    SHELL_VAR *array = find_or_make_array_variable((char *)name, 3 /* associative */);
    if (!array)
        return EXECUTION_FAILURE;
    char *line = read_line();
    if (!line)
        return EXECUTION_FAILURE;
    assoc_flush(assoc_cell(array));
    VUNSETATTR(array, att_invisible); /* as an assignment does */
    json_t *request = json_loads(line, JSON_ALLOW_NUL, NULL);
    free(line);
    const char *key;
    const char *inner;
    json_t *value;
    json_t *part;
    json_object_foreach(request, key, value) {
        insert(array, key, value);
        json_object_foreach(value, inner, part) {
            char *both = xmalloc(strlen(key) + strlen(inner) + 2);
            sprintf(both, "%s/%s", key, inner);
            insert(array, both, part);
            free(both);
        }
    }
    json_decref(request);
    return EXECUTION_SUCCESS;
}

/* A file's name may be any bytes: those that are no UTF-8 become question marks. */
static json_t *string_of(const char *text)
{
    json_t *made = json_string(text);
    if (made)
        return made;
    char *plain = savestring(text);
    for (char *p = plain; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    made = json_string(plain);
    free(plain);
    return made;
}

static json_t *list_of(const char *name)
{
    json_t *list = json_array();
    SHELL_VAR *variable = find_variable(name);
    if (variable && array_p(variable)) {
        ARRAY *array = array_cell(variable);
        for (ARRAY_ELEMENT *e = element_forw(array->head); e != array->head; e = element_forw(e))
            json_array_append_new(list, string_of(element_value(e)));
    }
    return list;
}

/* KEY[:TYPE] VALUE..., or NULL with a message. */
static json_t *object_of(WORD_LIST *words)
{
    json_t *object = json_object();
    for (; words && words->next; words = words->next->next) {
        const char *value = words->next->word->word;
        char *key = savestring(words->word->word);
        char *colon = strrchr(key, ':');
        json_t *made = NULL;
        if (colon)
            *colon = '\0';
        if (!colon)
            made = string_of(value);
        else if (colon[1] == 'j')
            made = json_loads(value, JSON_DECODE_ANY, NULL);
        else if (colon[1] == 'l')
            made = list_of(value);
        if (!made || json_object_set_new(object, key, made) < 0) {
            builtin_error("%s: not what its type says", words->word->word);
            json_decref(object);
            object = NULL;
        }
        free(key);
        if (!object)
            return NULL;
    }
    return object;
}

static int say(const char *variable, WORD_LIST *words)
{
    json_t *object = object_of(words);
    if (!object)
        return EXECUTION_FAILURE;
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    int rc = EXECUTION_SUCCESS;
    if (variable) {
        bind_variable(variable, text, 0);
    } else {
        size_t n = strlen(text);
        text[n] = '\n'; /* in the place of the NUL: a line is written at once */
        rc = write_all(agent_out, text, n + 1);
    }
    free(text);
    return rc;
}

static int restore(void)
{
    return dup2(saved_out, 1) < 0 || dup2(saved_err, 2) < 0 ? EXECUTION_FAILURE : EXECUTION_SUCCESS;
}

int kgw_builtin(WORD_LIST *list)
{
    const char *command = list ? list->word->word : "";
    WORD_LIST *rest = list ? list->next : NULL;
    if (strcmp(command, "init") == 0)
        return init();
    if (strcmp(command, "restore") == 0)
        return restore();
    if (rest && strcmp(command, "say") == 0)
        return say(NULL, rest);
    if (rest && strcmp(command, "make") == 0)
        return say(rest->word->word, rest->next);
    if (rest && strcmp(command, "next") == 0)
        return next(rest->word->word);
    if (rest && strcmp(command, "again") == 0)
        return write_all(commands, rest->word->word, strlen(rest->word->word));
    builtin_usage();
    return EX_USAGE;
}

static char *const kgw_doc[] = {"Speaks with the kernel's agent; no use to cells.", NULL};

struct builtin kgw_struct = {"kgw",
                             kgw_builtin,
                             BUILTIN_ENABLED,
                             (char *const *)kgw_doc,
                             "kgw init|next|say|make|again|restore [argument ...]",
                             NULL};
