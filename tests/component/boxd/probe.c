/*
 * Stands in for the agent in the tests of boxd: PID 1 of a box that dials the link and does what it is told,
 * one command a line, each answered by one line. "user CMD" does it as uid 1000 without groups, as user code is run.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *out;

static void answer_errno(const char *what, int failed)
{
    fprintf(out, "%s %s\n", what, failed ? strerrorname_np(errno) : "ok");
}

/* The file's text in one line, newlines as '|'. */
static void do_cat(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        answer_errno("cat", 1);
        return;
    }
    fputs("cat ok ", out);
    for (int c = fgetc(f), n = 0; c != EOF && n < 60000; c = fgetc(f), n++)
        fputc(c == '\n' ? '|' : c, out);
    fputc('\n', out);
    fclose(f);
}

static void do_ls(const char *path)
{
    DIR *d = opendir(path);
    if (!d) {
        answer_errno("ls", 1);
        return;
    }
    fputs("ls ok", out);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        if (e->d_name[0] != '.')
            fprintf(out, " %s", e->d_name);
    fputc('\n', out);
    closedir(d);
}

static void do_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    answer_errno("write", fd < 0 || write(fd, "x", 1) != 1);
    if (fd >= 0)
        close(fd);
}

/* Touches memory, MiB by MiB. */
static void do_eat(long mib)
{
    for (long i = 0; i < mib; i++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            answer_errno("eat", 1);
            return;
        }
        memset(p, 1, 1 << 20);
    }
    answer_errno("eat", 0);
}

static void do_fork(long n)
{
    long made = 0;
    int saved = 0;
    while (made < n) {
        pid_t pid = fork();
        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid < 0) {
            saved = errno;
            break;
        }
        made++;
    }
    fprintf(out, "fork %s %ld\n", saved ? strerrorname_np(saved) : "ok", made);
}

/* Writes a file until an error or n MiB; leaves it there if told to. */
static void do_fill(const char *path, long mib, bool keep)
{
    static char block[65536];
    long blocks = 0;
    errno = 0;
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    while (fd >= 0 && blocks < mib * 16 && write(fd, block, sizeof(block)) == sizeof(block))
        blocks++;
    fprintf(out, "%s %s %ld\n", keep ? "keep" : "fill", errno ? strerrorname_np(errno) : "ok",
            blocks / 16);
    if (!keep)
        unlink(path);
    close(fd);
}

static void do_inodes(const char *dir, long n)
{
    long made = 0;
    errno = 0;
    for (; made < n; made++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/i%ld", dir, made);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0)
            break;
        close(fd);
    }
    fprintf(out, "inodes %s %ld\n", made < n ? strerrorname_np(errno) : "ok", made);
    for (long i = 0; i < made; i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/i%ld", dir, i);
        unlink(path);
    }
}

static void do_syscall(const char *args)
{
    long a[7] = {0};
    for (int i = 0; i < 7 && *args; i++) {
        char *end;
        a[i] = (long)strtoull(args, &end, 0);
        args = end;
    }
    errno = 0;
    long r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    fprintf(out, "syscall %s\n", r < 0 ? strerrorname_np(errno) : "ok");
}

static void *nothing(void *p)
{
    return p;
}

static void do_thread(void)
{
    pthread_t t;
    errno = pthread_create(&t, NULL, nothing, NULL);
    answer_errno("thread", errno != 0);
    if (!errno)
        pthread_join(t, NULL);
}

static int dial(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    if (connect(s, (struct sockaddr *)&to, sizeof(to)) == 0)
        return s;
    int saved = errno;
    close(s);
    errno = saved;
    return -1;
}

static void do_connect(const char *path)
{
    int s = dial(path);
    answer_errno("connect", s < 0);
    if (s >= 0)
        close(s);
}

static void do_tcp(const char *ip, int port, int listening)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, ip, &to.sin_addr);
    int rc = listening ? bind(s, (struct sockaddr *)&to, sizeof(to)) || listen(s, 1)
                       : connect(s, (struct sockaddr *)&to, sizeof(to));
    answer_errno("tcp", rc != 0);
    close(s);
}

static void do_serve(int port)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int s = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    answer_errno("serve", bind(s, (struct sockaddr *)&at, sizeof(at)) || listen(s, 8));
    fflush(out);
}

/* A file that is made there and then run. */
static void do_exec_from(const char *dir)
{
    char path[256], block[65536];
    snprintf(path, sizeof(path), "%s/program", dir);
    int in = open("/kgw/agent", O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CREAT, 0755);
    for (ssize_t n; (n = read(in, block, sizeof(block))) > 0;)
        if (write(to, block, (size_t)n) != n)
            break;
    close(to);
    close(in);
    pid_t pid = vfork();
    if (pid == 0) {
        execl(path, path, "--hello", NULL);
        _exit(errno);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    errno = WEXITSTATUS(status);
    answer_errno("exec", errno != 0);
    unlink(path);
}

static void run(char *line)
{
    char *arg = strchr(line, ' ');
    if (arg)
        *arg++ = '\0';
    else
        arg = line + strlen(line);
    char *second = strchr(arg, ' ');
    long number = strtol(second ? second : arg, NULL, 10);
    if (!strcmp(line, "syscall")) {
        do_syscall(arg);
        return;
    }
    if (second)
        *second = '\0';
    if (!strcmp(line, "cat"))
        do_cat(arg);
    else if (!strcmp(line, "ls"))
        do_ls(arg);
    else if (!strcmp(line, "write"))
        do_write(arg);
    else if (!strcmp(line, "eat"))
        do_eat(number);
    else if (!strcmp(line, "fork"))
        do_fork(number);
    else if (!strcmp(line, "fill"))
        do_fill(arg, number, false);
    else if (!strcmp(line, "keep"))
        do_fill(arg, number, true);
    else if (!strcmp(line, "inodes"))
        do_inodes(arg, number);
    else if (!strcmp(line, "thread"))
        do_thread();
    else if (!strcmp(line, "connect"))
        do_connect(arg);
    else if (!strcmp(line, "tcp"))
        do_tcp(arg, (int)number, 0);
    else if (!strcmp(line, "listen"))
        do_tcp(arg, (int)number, 1);
    else if (!strcmp(line, "exec"))
        do_exec_from(arg);
    else if (!strcmp(line, "kill"))
        answer_errno("kill", kill((pid_t)strtol(arg, NULL, 10), SIGKILL) < 0);
    else if (!strcmp(line, "setuid0"))
        answer_errno("setuid0", setuid(0) < 0);
    else
        fprintf(out, "unknown\n");
}

/* Each command in a child of its own, so that one that dies is told as "died SIGNAL". */
static void obey(char *line)
{
    if (!strncmp(line, "exit ", 5))
        _exit(atoi(line + 5));
    if (!strncmp(line, "serve ", 6)) { /* outlives the command: PID 1 keeps it */
        do_serve(atoi(line + 6));
        return;
    }
    fflush(out);
    pid_t pid = fork();
    if (pid == 0) {
        if (!strncmp(line, "user ", 5)) {
            line += 5;
            if (setgroups(0, NULL) < 0 || setresgid(1000, 1000, 1000) < 0 ||
                setresuid(1000, 1000, 1000) < 0) {
                answer_errno("user", 1);
                fflush(out);
                _exit(0);
            }
        }
        run(line);
        fflush(out);
        _exit(0);
    }
    int status = 0;
    if (pid < 0)
        answer_errno("probe", 1);
    else if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
        fprintf(out, "died %d\n", WTERMSIG(status));
    kill(-1, SIGKILL); /* what a command left: as PID 1 this spares ourselves */
    while (waitpid(-1, NULL, 0) > 0)
        ;
    fflush(out);
}

int main(int argc, char **argv)
{
    static char line[65536];
    if (argc == 2 && !strcmp(argv[1], "--hello"))
        return 0;
    if (argc < 3 || strcmp(argv[1], "--link") != 0)
        return 99;
    fprintf(stderr, "probe started with %d arguments\n", argc);
    for (;;) {
        int s = dial(argv[2]);
        if (s < 0) {
            usleep(10000);
            continue;
        }
        FILE *in = fdopen(s, "r");
        out = fdopen(dup(s), "w");
        fprintf(out, "hello");
        for (int i = 1; i < argc; i++)
            fprintf(out, " %s", argv[i]);
        fprintf(out, "\n");
        fflush(out);
        while (fgets(line, sizeof(line), in)) {
            line[strcspn(line, "\n")] = '\0';
            obey(line);
        }
        fclose(in);
        fclose(out);
    }
}
