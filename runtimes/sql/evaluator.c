#include "runtimes/sql/evaluator.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtimes/sql/cell.h"
#include "runtimes/sql/context.h"
#include "runtimes/sql/inspect.h"
#include "runtimes/sql/whole.h"

enum { OUT_FD = 3, IN_FD = 4 };

void sq_line_begin(struct sq_evaluator *e, struct kg_json *j)
{
    kg_buf_clear(&e->line);
    kg_json_init(j, &e->line);
    kg_json_object_begin(j);
}

void sq_line_end(struct sq_evaluator *e, struct kg_json *j)
{
    kg_json_object_end(j);
    kg_buf_add_char(&e->line, '\n');
    fflush(stdout);
    fflush(stderr);
    for (size_t sent = 0; sent < e->line.len;) {
        ssize_t n = write(e->out, e->line.data + sent, e->line.len - sent);
        if (n < 0 && errno != EINTR)
            exit(1); /* the agent is gone */
        sent += n > 0 ? (size_t)n : 0;
    }
    if (e->line.cap > 1024 * 1024)
        kg_buf_release(&e->line);
}

/* What is no JSON for us (half of a surrogate pair in the code is none) is answered all the same: without its id nobody
 * would be served any more. */
static json_t *unreadable(const char *line)
{
    const char *id = strstr(line, "\"id\":");
    return json_pack("{s:s, s:I}", "op", "", "id",
                     (json_int_t)(id ? strtoll(id + 5, NULL, 10) : 0));
}

/* The next request, or NULL when the agent wants no more. */
static json_t *next_line(struct sq_evaluator *e, char **line, size_t *room)
{
    ssize_t n = getline(line, room, e->in);
    if (n <= 0)
        return NULL;
    json_t *request = json_loadb(*line, (size_t)n, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(request)) {
        json_decref(request);
        request = unreadable(*line);
    }
    if (*room > 1024 * 1024) {
        free(kg_steal(line));
        *room = 0;
    }
    return request;
}

static bool is_op(const json_t *request, const char *op)
{
    const char *name = json_string_value(json_object_get(request, "op"));
    return name && strcmp(name, op) == 0;
}

static void wait_for_ack(struct sq_evaluator *e)
{
    kg_autofree char *line = NULL;
    size_t room = 0;
    for (bool taken = false; !taken;) {
        json_t *answer = next_line(e, &line, &room);
        if (!answer)
            exit(0);
        taken = is_op(answer, "ack");
        json_decref(answer);
    }
}

void sq_evaluator_show(struct sq_evaluator *e, const char *event, struct kg_buf *text,
                       struct kg_buf *html)
{
    struct kg_json j;
    sq_line_begin(e, &j);
    kg_json_kstr(&j, "event", event);
    kg_json_key(&j, "data");
    kg_json_object_begin(&j);
    kg_json_key(&j, "text/plain");
    kg_json_strn(&j, text->data, text->len);
    kg_buf_release(text); /* the line is a copy: there need not be three of them */
    if (html->len > 0) {
        kg_json_key(&j, "text/html");
        kg_json_strn(&j, html->data, html->len);
        kg_buf_release(html);
    }
    kg_json_object_end(&j);
    kg_json_key(&j, "metadata");
    kg_json_object_begin(&j);
    kg_json_object_end(&j);
    sq_line_end(e, &j);
    if (strcmp(event, "display") == 0)
        wait_for_ack(e);
}

bool sq_evaluator_ask(struct sq_evaluator *e, const char *prompt, bool hidden, struct kg_buf *line)
{
    struct kg_json j;
    sq_line_begin(e, &j);
    kg_json_kstr(&j, "event", "input");
    kg_json_kstr(&j, "prompt", prompt);
    kg_json_kbool(&j, "password", hidden);
    sq_line_end(e, &j);
    kg_autofree char *text = NULL;
    size_t room = 0;
    while (sq_session_wait(&e->session, IN_FD)) {
        json_t *answer = next_line(e, &text, &room);
        if (!answer)
            exit(0);
        bool taken = is_op(answer, "input");
        const json_t *value = json_object_get(answer, "value");
        bool given = taken && json_is_string(value);
        if (given)
            kg_buf_add(line, json_string_value(value), json_string_length(value));
        json_decref(answer);
        if (taken)
            return given;
    }
    return false;
}

void sq_evaluator_clear(struct sq_evaluator *e)
{
    struct kg_json j;
    sq_line_begin(e, &j);
    kg_json_kstr(&j, "event", "clear");
    kg_json_kbool(&j, "wait", false);
    sq_line_end(e, &j);
    wait_for_ack(e);
}

int sq_evaluator_connect(struct sq_evaluator *e, struct kg_err *err)
{
    if (e->session.conn)
        return 0;
    return sq_session_connect(&e->session, SQ_CONNECT_MS, err);
}

static void reply_begin(struct sq_evaluator *e, struct kg_json *j, const json_t *request,
                        const char *status)
{
    sq_line_begin(e, j);
    kg_json_kint(j, "reply", json_integer_value(json_object_get(request, "id")));
    kg_json_kstr(j, "status", status);
}

static void reply_error(struct sq_evaluator *e, const json_t *request, const char *ename,
                        const char *evalue)
{
    struct kg_json j;
    reply_begin(e, &j, request, "error");
    kg_json_kstr(&j, "ename", ename);
    kg_json_kstr(&j, "evalue", evalue);
    kg_json_key(&j, "traceback");
    kg_json_array_begin(&j);
    kg_json_str(&j, evalue);
    kg_json_array_end(&j);
    sq_line_end(e, &j);
}

/* Code and cursor of a request, in bytes. */
static const char *code_of(const json_t *request, size_t *n, size_t *cursor)
{
    const json_t *code = json_object_get(request, "code");
    const json_t *position = json_object_get(request, "cursor_pos");
    const char *text = json_is_string(code) ? json_string_value(code) : "";
    *n = json_is_string(code) ? json_string_length(code) : 0;
    json_int_t points = json_is_integer(position) ? json_integer_value(position) : 0;
    *cursor = sq_bytes_of(text, *n, points > 0 ? (size_t)points : 0);
    return text;
}

static void complete(struct sq_evaluator *e, const json_t *request)
{
    size_t n, cursor;
    const char *text = code_of(request, &n, &cursor);
    struct sq_context c;
    struct sq_matches m = {0};
    struct kg_err err = {0};
    sq_context_at(&c, text, n, cursor, false);
    if (sq_evaluator_connect(e, &err) == 0) {
        sq_names_load(&e->names, &e->session);
        sq_names_match(&e->names, &e->session, &c, &m);
    }
    struct kg_json j;
    long long start = (long long)sq_points_of(text, c.start),
              end = (long long)sq_points_of(text, c.end);
    reply_begin(e, &j, request, "ok");
    kg_json_key(&j, "matches");
    kg_json_array_begin(&j);
    for (size_t i = 0; i < m.n; i++)
        kg_json_str(&j, m.texts[i]);
    kg_json_array_end(&j);
    kg_json_kint(&j, "cursor_start", start);
    kg_json_kint(&j, "cursor_end", end);
    kg_json_key(&j, "metadata");
    kg_json_object_begin(&j);
    kg_json_key(&j, "_jupyter_types_experimental");
    kg_json_array_begin(&j);
    for (size_t i = 0; i < m.n; i++) {
        kg_json_object_begin(&j);
        kg_json_kint(&j, "start", start);
        kg_json_kint(&j, "end", end);
        kg_json_kstr(&j, "text", m.texts[i]);
        kg_json_kstr(&j, "type", m.types[i]);
        kg_json_object_end(&j);
    }
    kg_json_array_end(&j);
    kg_json_object_end(&j);
    sq_line_end(e, &j);
    sq_matches_release(&m);
}

static void inspect(struct sq_evaluator *e, const json_t *request)
{
    size_t n, cursor;
    const char *code = code_of(request, &n, &cursor);
    struct sq_context c;
    struct kg_err err = {0};
    kg_autobuf text = {0}, html = {0};
    sq_context_at(&c, code, n, cursor, true);
    bool detailed = json_integer_value(json_object_get(request, "detail_level")) > 0;
    bool found =
        sq_evaluator_connect(e, &err) == 0 && sq_inspect(&e->session, &c, detailed, &text, &html);
    struct kg_json j;
    reply_begin(e, &j, request, "ok");
    kg_json_kbool(&j, "found", found);
    kg_json_key(&j, "data");
    kg_json_object_begin(&j);
    if (found) {
        kg_json_key(&j, "text/plain");
        kg_json_strn(&j, text.data, text.len);
    }
    if (found && html.len > 0) {
        kg_json_key(&j, "text/html");
        kg_json_strn(&j, html.data, html.len);
    }
    kg_json_object_end(&j);
    kg_json_key(&j, "metadata");
    kg_json_object_begin(&j);
    kg_json_object_end(&j);
    sq_line_end(e, &j);
}

static void is_complete(struct sq_evaluator *e, const json_t *request)
{
    static const char *const names[] = {
        [SQ_WHOLE] = "complete", [SQ_UNFINISHED] = "incomplete", [SQ_INVALID] = "invalid"};
    size_t n, cursor;
    const char *indent, *text = code_of(request, &n, &cursor);
    enum sq_whole whole = sq_whole(text, n, &indent);
    struct kg_json j;
    reply_begin(e, &j, request, names[whole]);
    if (whole == SQ_UNFINISHED)
        kg_json_kstr(&j, "indent", indent);
    sq_line_end(e, &j);
}

/* SQL sees no environment; what matters of it is the folder, for LOAD DATA LOCAL and SOURCE. */
static void configure(struct sq_evaluator *e, const json_t *request)
{
    const char *name, *cwd = json_string_value(json_object_get(request, "cwd"));
    json_t *value;
    json_object_foreach(json_object_get(request, "env"), name, value) {
        if (json_is_string(value) && *name && !strchr(name, '='))
            setenv(name, json_string_value(value), 1);
    }
    if (cwd && chdir(cwd) < 0) {
        kg_autofree char *why =
            kg_asprintf("the directory '%s' can't be entered: %s", cwd, strerror(errno));
        reply_error(e, request, "OSError", why);
        return;
    }
    struct kg_json j;
    reply_begin(e, &j, request, "ok");
    sq_line_end(e, &j);
}

static void say_ready(struct sq_evaluator *e)
{
    const char *version = mysql_get_server_info(e->session.conn);
    kg_autofree char *number = kg_strndup(version, strcspn(version, "-"));
    kg_autofree char *banner = kg_asprintf("MariaDB %s", number);
    static const char *const language[][2] = {{"name", "sql"},
                                              {"mimetype", "text/x-mariadb"},
                                              {"file_extension", ".sql"},
                                              {"pygments_lexer", "mysql"},
                                              {"codemirror_mode", "sql"},
                                              {"nbconvert_exporter", "script"}};
    struct kg_json j;
    sq_line_begin(e, &j);
    kg_json_kstr(&j, "event", "ready");
    kg_json_kstr(&j, "implementation", "kernelgw-sql");
    kg_json_kstr(&j, "implementation_version", KERNELGW_VERSION);
    kg_json_kstr(&j, "banner", banner);
    kg_json_key(&j, "language_info");
    kg_json_object_begin(&j);
    for (size_t i = 0; i < KG_COUNT(language); i++)
        kg_json_kstr(&j, language[i][0], language[i][1]);
    kg_json_kstr(&j, "version", number);
    kg_json_object_end(&j);
    kg_json_kbool(&j, "help", true);
    kg_json_key(&j, "help_links");
    kg_json_array_begin(&j);
    kg_json_array_end(&j);
    sq_line_end(e, &j);
}

static void serve(struct sq_evaluator *e, const json_t *request)
{
    sq_session_begin(&e->session);
    if (is_op(request, "execute"))
        sq_cell_execute(e, request);
    else if (is_op(request, "complete"))
        complete(e, request);
    else if (is_op(request, "inspect"))
        inspect(e, request);
    else if (is_op(request, "is_complete"))
        is_complete(e, request);
    else if (is_op(request, "configure"))
        configure(e, request);
    else if (json_object_get(request, "id"))
        reply_error(e, request, "NotImplementedError",
                    "the SQL kernel has no such operation, or can't read the request");
    sq_session_end(&e->session);
}

int sq_evaluator_main(const char *socket)
{
    struct sq_evaluator e = {.in = fdopen(IN_FD, "r"), .out = OUT_FD};
    struct kg_err err = {0};
    if (!e.in) {
        fputs("kgw-sql kernel: descriptors 3 and 4 are the agent's (docs/EVALUATORS.md)\n", stderr);
        return 2;
    }
    fcntl(OUT_FD, F_SETFD, FD_CLOEXEC);
    fcntl(IN_FD, F_SETFD, FD_CLOEXEC);
    if (sq_session_init(&e.session, socket, SQ_KERNEL_DATABASE, &err) < 0 ||
        sq_session_connect(&e.session, SQ_CONNECT_MS, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    sq_names_load(&e.names, &e.session);
    say_ready(&e);
    kg_autofree char *line = NULL;
    size_t room = 0;
    json_t *request;
    while ((request = next_line(&e, &line, &room))) {
        serve(&e, request);
        json_decref(request);
    }
    sq_session_close(&e.session);
    return 0;
}
