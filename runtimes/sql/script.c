#include "runtimes/sql/script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtimes/sql/local_file.h"
#include "runtimes/sql/split.h"

enum { ER_PARSE_ERROR = 1064 };

size_t sq_script_line(struct sq_problem *p, size_t first)
{
    static const char mark[] = " at line ";
    if (p->code != ER_PARSE_ERROR)
        return first;
    char *at = NULL;
    for (char *found = strstr(p->text, mark); found; found = strstr(found + 1, mark))
        at = found;
    if (!at)
        return first;
    char *end = NULL;
    at += sizeof(mark) - 1;
    unsigned long line = strtoul(at, &end, 10);
    if (end == at || *end != 0 || line == 0 || line > UINT32_MAX)
        return first;
    snprintf(at, (size_t)(p->text + sizeof(p->text) - at), "%zu", first + line - 1);
    return first + line - 1;
}

static bool fail(struct sq_script *s, const char *file, size_t line)
{
    s->failure.file = file ? kg_strdup(file) : NULL;
    s->failure.line = line;
    return false;
}

static void __attribute__((format(printf, 2, 3))) say(struct sq_problem *p, const char *format, ...)
{
    *p = (struct sq_problem){0};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(p->text, sizeof(p->text), format, args);
    va_end(args);
}

static bool run_sql(struct sq_script *s, const char *name, const struct sq_piece *piece)
{
    struct sq_problem *p = &s->failure.problem;
    s->sink->file = name;
    s->sink->line = piece->line;
    fflush(stdout); /* what was said before is seen while this one runs */
    bool ok = sq_statement_run(s->session, piece->text, piece->len, piece->vertical, s->sink, p);
    if (ok && !sq_session_signal(s->session))
        return true;
    if (ok)
        say(p, "interrupted");
    return fail(s, name, sq_script_line(p, piece->line));
}

/* The whole file, mapped: it lies in memory already. Empty files are fine, and are no mapping. */
static int map_file(int fd, void **map, size_t *n)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > SQ_FILE_MAX)
        return -EFBIG;
    *n = (size_t)st.st_size;
    if (*n == 0)
        return 0;
    void *at = mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    *map = at;
    return 0;
}

/* name as seen from the folder of `from`. */
static char *beside(const char *from, const char *name)
{
    const char *slash = from ? strrchr(from, '/') : NULL;
    if (!slash || name[0] == '/')
        return kg_strdup(name);
    return kg_asprintf("%.*s/%s", (int)(slash - from), from, name);
}

static struct sq_source *push(struct sq_script *s, const char *text, size_t n)
{
    struct sq_source *top = &s->sources[s->depth++];
    *top = (struct sq_source){.n = n};
    sq_split_init(&top->splitter, text, n);
    sq_split_next(&top->splitter, &top->next);
    return top;
}

static void pop(struct sq_script *s)
{
    struct sq_source *top = &s->sources[--s->depth];
    if (top->map)
        munmap(top->map, top->n);
    free(top->name);
}

/* Opens the file that `from` includes, or the entry. Takes the text up for running; false with only the message filled. */
static bool push_file(struct sq_script *s, const char *from, const char *wanted)
{
    struct sq_problem *p = &s->failure.problem;
    if (s->depth == SQ_INCLUDES_MAX) {
        say(p, "files include each other more than %d deep", SQ_INCLUDES_MAX);
        return false;
    }
    char *path = beside(from, wanted);
    kg_autoclose int fd = sq_local_file_open(path);
    if (fd == -ENOENT && strcmp(path, wanted) != 0) {
        free(path);
        path = kg_strdup(wanted);
        fd = sq_local_file_open(path);
    }
    void *map = NULL;
    size_t n = 0;
    int rc = fd < 0 ? fd : map_file(fd, &map, &n);
    if (rc < 0) {
        say(p, "file '%s' can't be read: %s", wanted, sq_local_file_why(rc));
        free(path);
        return false;
    }
    const char *text = map;
    size_t bom = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0
                     ? 3
                     : 0; /* Windows' editors begin files with it */
    struct sq_source *top = push(s, text + bom, n - bom);
    top->name = path;
    top->map = map;
    top->n = n;
    return true;
}

static bool run_piece(struct sq_script *s, const char *name, const struct sq_piece *piece)
{
    if (piece->kind == SQ_SQL)
        return run_sql(s, name, piece);
    if (piece->kind == SQ_MISTAKE) {
        say(&s->failure.problem, "%.*s", (int)piece->len, piece->text);
        return fail(s, name, piece->line);
    }
    kg_autofree char *path = kg_strndup(piece->text, piece->len);
    return push_file(s, name, path) || fail(s, name, piece->line);
}

/* Runs what lies on top until nothing is left. */
static bool run(struct sq_script *s)
{
    bool ok = true;
    while (ok && s->depth > 0) {
        struct sq_source *top = &s->sources[s->depth - 1];
        struct sq_piece piece = top->next;
        if (piece.kind == SQ_NOTHING) {
            pop(s);
            continue;
        }
        sq_split_next(&top->splitter, &top->next);
        if (s->depth == 1 && s->sink->begin)
            s->sink->begin(s->sink, top->next.kind == SQ_NOTHING);
        ok = run_piece(s, top->name, &piece);
    }
    while (s->depth > 0)
        pop(s);
    return ok;
}

bool sq_script_text(struct sq_script *s, const char *text, size_t n)
{
    (void)push(s, text, n);
    return run(s);
}

bool sq_script_file(struct sq_script *s, const char *path)
{
    return push_file(s, NULL, path) ? run(s) : fail(s, NULL, 0);
}

void sq_script_release(struct sq_script *s)
{
    free(s->failure.file);
    s->failure.file = NULL;
}
