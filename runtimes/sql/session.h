#ifndef SQ_SESSION_H
#define SQ_SESSION_H
/*
 * The connection to the box's server, and how what runs on it is interrupted. SIGINT and SIGTERM are blocked in every thread
 * and taken by one of the session's, which kills the running query by a second connection: so no library call is ever
 * torn up, and the session's variables and temporary tables stay. One session a process.
 */
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    SQ_CONNECT_MS =
        15000, /* a server that was killed is started again, and mends its files first */
    SQ_PROBLEM_MAX = 2048,
};

#define SQ_USER "student"

struct sq_session {
    MYSQL *conn; /* NULL: not connected */
    const char *socket;
    char *database; /* to be in after connecting again; owned */
    unsigned long id;
    pthread_mutex_t lock;  /* of id, request and running */
    unsigned long request; /* counts them */
    bool running;          /* a request is under way */
    atomic_int signal;     /* that came in this request; 0 for none */
    uint64_t kills;        /* sq_memory_kills when it began */
    int wake;              /* an eventfd: readable once one has come */
};

/* What went wrong with a statement. */
struct sq_problem {
    unsigned code;
    char state[6];
    char text[SQ_PROBLEM_MAX];
    bool lost;    /* the connection went with it */
    bool starved; /* since the server, lost too, was killed for want of memory */
};

/* Blocks the signals, starts the thread that waits for them. socket is borrowed. Once, before other threads. */
int sq_session_init(struct sq_session *s, const char *socket, const char *database,
                    struct kg_err *err);

/* Connects, waiting up to wait_ms for a server that does not answer yet. */
int sq_session_connect(struct sq_session *s, int wait_ms, struct kg_err *err);
void sq_session_close(struct sq_session *s);

/* A request begins: signals of before are forgotten. Those that come between requests never count. */
void sq_session_begin(struct sq_session *s);
/* It ends. After an interrupt: takes up a kill that found no query any more, so that the next one does not get it. */
void sq_session_end(struct sq_session *s);
static inline int sq_session_signal(struct sq_session *s)
{
    return atomic_load(&s->signal);
}

/* Waits until fd can be read, or has ended. False: a signal came first. */
bool sq_session_wait(struct sq_session *s, int fd);

/* Sends a statement and takes the head of its first answer. Returns false with *problem filled when it failed. */
bool sq_session_query(struct sq_session *s, const char *sql, size_t n, struct sq_problem *problem);
/* The head of the next answer: 1 there is one, 0 there is none, -1 it failed. */
int sq_session_more(struct sq_session *s, struct sq_problem *problem);
/* Whether the last call failed since there is no connection any more. */
bool sq_session_gone(const struct sq_session *s);
/* For mysql_fetch_row that gave NULL: whether by an error. */
bool sq_session_failed(struct sq_session *s, struct sq_problem *problem);

/* One statement of our own and its whole answer; NULL when it fails. The caller frees it by mysql_free_result. */
MYSQL_RES *sq_session_ask(struct sq_session *s, const char *sql);
/* A statement of our own without an answer. */
bool sq_session_do(struct sq_session *s, const char *sql);

#endif
