#include "runtimes/sql/session.h"

#include <errmsg.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtimes/sql/local_file.h"
#include "runtimes/sql/memory.h"

enum { KILL_AGAIN_MS = 100 };

static MYSQL *connection(const char *socket, const char *database, struct kg_err *err)
{
    MYSQL *conn = mysql_init(NULL);
    unsigned on = 1, timeout_s = 10;
    if (!conn)
        abort();
    mysql_options(conn, MYSQL_OPT_LOCAL_INFILE, &on);
    mysql_options(conn, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_options(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    sq_local_file_install(conn);
    if (!mysql_real_connect(conn, NULL, SQ_USER, "", NULL, 0, socket,
                            CLIENT_MULTI_RESULTS | CLIENT_LOCAL_FILES)) {
        kg_err_set(err, -ECONNREFUSED, "%s", mysql_error(conn));
        mysql_close(conn);
        return NULL;
    }
    /* It may have been dropped: then there is none. */
    if (database && *database)
        (void)mysql_select_db(conn, database);
    return conn;
}

/* Ends what the session runs, if it is still the request that was meant: the lock keeps the next one from beginning. */
static bool kill_query(struct sq_session *s, unsigned long request)
{
    struct kg_err err = {0};
    pthread_mutex_lock(&s->lock);
    bool same = s->running && s->request == request;
    MYSQL *conn = same ? connection(s->socket, NULL, &err) : NULL;
    if (conn) {
        char sql[64];
        int n = snprintf(sql, sizeof(sql), "KILL QUERY %lu", s->id);
        (void)mysql_real_query(conn, sql, (unsigned long)n);
        mysql_close(conn);
    }
    pthread_mutex_unlock(&s->lock);
    return same;
}

/* A signal counts when a request is under way; returns which. */
static unsigned long note_signal(struct sq_session *s, int number)
{
    pthread_mutex_lock(&s->lock);
    if (s->running) {
        atomic_store(&s->signal, number);
        eventfd_write(s->wake, 1);
    }
    unsigned long request = s->request;
    pthread_mutex_unlock(&s->lock);
    return request;
}

/* A kill may come while the server is between two statements of a routine, or before it has the query, and is forgotten: so it
 * is said until the request has ended. */
static void *wait_for_signals(void *arg)
{
    struct sq_session *s = arg;
    unsigned long request = 0;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    mysql_thread_init();
    for (bool again = false;;) {
        const struct timespec pause = {.tv_nsec = KILL_AGAIN_MS * 1000000L};
        int number = again ? sigtimedwait(&set, NULL, &pause) : sigwaitinfo(&set, NULL);
        if (number > 0)
            request = note_signal(s, number);
        again = (number > 0 || again) && kill_query(s, request);
    }
    return NULL;
}

int sq_session_init(struct sq_session *s, const char *socket, const char *database,
                    struct kg_err *err)
{
    *s = (struct sq_session){.socket = socket, .database = kg_strdup(database)};
    pthread_mutex_init(&s->lock, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        return kg_err_errno(err, errno, "make an eventfd");
    if (mysql_library_init(0, NULL, NULL) != 0)
        return kg_err_set(err, -EIO, "MariaDB's client library can't be used");
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    /* what was ignored by whoever started us would never reach sigwait */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    pthread_t thread;
    int rc = pthread_create(&thread, &attr, wait_for_signals, s);
    pthread_attr_destroy(&attr);
    return rc == 0 ? 0 : kg_err_errno(err, rc, "start a thread");
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int sq_session_connect(struct sq_session *s, int wait_ms, struct kg_err *err)
{
    sq_session_close(s);
    int64_t end = now_ms() + wait_ms;
    MYSQL *conn;
    while (!(conn = connection(s->socket, s->database, err))) {
        if (now_ms() >= end || sq_session_signal(s))
            return kg_err_wrap(err, "the database server does not answer");
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    pthread_mutex_lock(&s->lock);
    s->conn = conn;
    s->id = mysql_thread_id(conn);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

void sq_session_close(struct sq_session *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->conn)
        mysql_close(s->conn);
    s->conn = NULL;
    pthread_mutex_unlock(&s->lock);
}

void sq_session_begin(struct sq_session *s)
{
    eventfd_t signals;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->signal, 0);
    (void)eventfd_read(s->wake, &signals);
    s->kills = sq_memory_kills();
    s->request++;
    s->running = true;
    pthread_mutex_unlock(&s->lock);
}

void sq_session_end(struct sq_session *s)
{
    pthread_mutex_lock(&s->lock);
    s->running = false;
    pthread_mutex_unlock(&s->lock);
    if (sq_session_signal(s) && s->conn)
        (void)mysql_query(s->conn, "DO 0");
}

bool sq_session_wait(struct sq_session *s, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = s->wake, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return sq_session_signal(s) == 0;
}

static bool gone(unsigned code)
{
    return code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST || code == CR_CONNECTION_ERROR ||
           code == CR_UNKNOWN_ERROR || code == CR_COMMANDS_OUT_OF_SYNC ||
           code == 1927 /* connection was killed */ ||
           code == 1053 /* server shutdown in progress */;
}

bool sq_session_gone(const struct sq_session *s)
{
    return s->conn && gone(mysql_errno(s->conn));
}

static void tell(struct sq_session *s, struct sq_problem *p)
{
    *p = (struct sq_problem){.code = mysql_errno(s->conn)};
    snprintf(p->state, sizeof(p->state), "%s", mysql_sqlstate(s->conn));
    snprintf(p->text, sizeof(p->text), "%s", mysql_error(s->conn));
    p->lost = gone(p->code);
    p->starved = p->lost && sq_memory_kills() > s->kills;
    if (!p->starved)
        return;
    size_t n = strlen(p->text);
    snprintf(p->text + n, sizeof(p->text) - n,
             ": the server ran out of memory (the limit is %u MB)", sq_memory_limit_mb());
}

bool sq_session_failed(struct sq_session *s, struct sq_problem *problem)
{
    if (mysql_errno(s->conn) == 0)
        return false;
    tell(s, problem);
    return true;
}

bool sq_session_query(struct sq_session *s, const char *sql, size_t n, struct sq_problem *problem)
{
    if (mysql_real_query(s->conn, sql, n) == 0)
        return true;
    tell(s, problem);
    return false;
}

int sq_session_more(struct sq_session *s, struct sq_problem *problem)
{
    int rc = mysql_next_result(s->conn);
    if (rc > 0)
        tell(s, problem);
    return rc == 0 ? 1 : rc < 0 ? 0 : -1;
}

MYSQL_RES *sq_session_ask(struct sq_session *s, const char *sql)
{
    if (!s->conn || mysql_query(s->conn, sql) != 0)
        return NULL;
    return mysql_store_result(s->conn);
}

bool sq_session_do(struct sq_session *s, const char *sql)
{
    return s->conn && mysql_query(s->conn, sql) == 0;
}
