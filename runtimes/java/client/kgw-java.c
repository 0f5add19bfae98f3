/*
 * The two phases of a Java program.
 *
 * usage: kgw-java compile ENTRY     has the service compile what ENTRY needs; errors on stderr, javac's status
 *        kgw-java run [ARGUMENT...] becomes the JVM with the class that compile chose
 *
 * $KGW_MAIN_CLASS names the class to start in place of the entry's. Classes go to /tmp/.kgw-program.jar, the name of the
 * class to start to /tmp/.kgw-program.main.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtimes/java/client/sources.h"

static const char service_path[] = "/tmp/.kgw-java/socket";
static const char jar_path[] = "/tmp/.kgw-program.jar";
static const char main_path[] = "/tmp/.kgw-program.main";
static const char limits_path[] = "/run/kgw/limits";
static const char java[] = "/usr/lib/java/bin/java";

enum {
    TRIES = 600,
    PAUSE_US = 50000,
    AGAIN = 3,
    REPLY_MOST = 256 << 20,
    NAME_MOST = 1024,
    ARGUMENTS_MOST = 4096,
    DEFAULT_MB = 256,
    /* what a box holds beside the heap: the compiler, the agent, classes and code of the JVM */
    BESIDE_HEAP_MB = 136,
    STATUS_CRASH = 4,
};

/* The service may be starting again: 30 s for it. */
static int dial(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    memcpy(to.sun_path, service_path, sizeof(service_path));
    for (int i = 0; i < TRIES; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            fail("no socket: %s", strerror(errno));
        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
            return fd;
        close(fd);
        usleep(PAUSE_US);
    }
    fail("the compiler does not answer");
}

static void write_all(int fd, const uint8_t *data, size_t n)
{
    while (n) {
        ssize_t done = write(fd, data, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* the reply, or its absence, says more */
        data += done;
        n -= (size_t)done;
    }
}

static void read_all(int fd, uint8_t *to, size_t n)
{
    while (n) {
        ssize_t done = read(fd, to, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            fputs("error: the compiler ended while it worked on this\n", stderr);
            exit(STATUS_CRASH);
        }
        to += done;
        n -= (size_t)done;
    }
}

/* Sends the request and returns the socket once the service has begun on it. One that ends before has ended for another client,
 * who went away; the agent starts the next. */
static int request(const struct bytes *head, const struct bytes *files)
{
    for (int i = 0; i <= AGAIN; i++) {
        uint8_t begun;
        ssize_t n;
        int fd = dial();

        write_all(fd, head->data, head->n);
        write_all(fd, files->data, files->n);
        while ((n = read(fd, &begun, 1)) < 0 && errno == EINTR)
            continue;
        if (n == 1)
            return fd;
        close(fd);
        usleep(PAUSE_US);
    }
    fail("the compiler ended before it worked on this");
}

/* A run of bytes of the reply, with a NUL behind it. */
static uint8_t *read_run(int fd, size_t *n)
{
    uint8_t be[4];
    uint8_t *run;

    read_all(fd, be, sizeof(be));
    *n = (size_t)be[0] << 24 | (size_t)be[1] << 16 | (size_t)be[2] << 8 | be[3];
    if (*n > REPLY_MOST || !(run = malloc(*n + 1)))
        fail("the compiler's answer is too large (%zu bytes)", *n);
    read_all(fd, run, *n);
    run[*n] = '\0';
    return run;
}

/* Whatever is there under this name goes: a link is not followed. */
static void write_file(const char *path, const uint8_t *data, size_t n)
{
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        fail("%s can't be written: %s", path, strerror(errno));
    while (n) {
        ssize_t done = write(fd, data, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            fail("%s can't be written: %s", path, strerror(errno));
        data += done;
        n -= (size_t)done;
    }
    close(fd);
}

static int compile(const char *entry)
{
    const char *wanted = getenv("KGW_MAIN_CLASS");
    struct bytes head = {0}, files = {0};
    uint32_t count;
    uint8_t status, *text, *name, *jar;
    size_t text_n, name_n, jar_n;
    int fd;

    while (strncmp(entry, "./", 2) == 0)
        entry += 2;
    bytes_add(&head, "KGJ1", 4);
    bytes_add_run(&head, entry, strlen(entry));
    bytes_add_run(&head, wanted ? wanted : "", wanted ? strlen(wanted) : 0);
    count = sources_add(&files, entry);
    bytes_add_u32(&head, count);
    signal(SIGPIPE, SIG_IGN);
    fd = request(&head, &files);
    read_all(fd, &status, 1);
    text = read_run(fd, &text_n);
    name = read_run(fd, &name_n);
    jar = read_run(fd, &jar_n);
    write_all(2, text, text_n);
    if (status == 0) {
        write_file(jar_path, jar, jar_n);
        write_file(main_path, name, name_n);
    }
    return status;
}

/* The box's memory as boxd says it; our own figure where nobody does. */
static long memory_mb(void)
{
    char text[512] = "";
    int fd = open(limits_path, O_RDONLY | O_CLOEXEC);
    const char *at;
    long mb = 0;

    if (fd >= 0) {
        ssize_t n = read(fd, text, sizeof(text) - 1);

        text[n > 0 ? n : 0] = '\0';
        close(fd);
    }
    at = strstr(text, "\"memory_mb\":");
    if (at)
        mb = strtol(at + strlen("\"memory_mb\":"), NULL, 10);
    return mb > 0 ? mb : DEFAULT_MB;
}

static int run(int argc, char **argv)
{
    static char name[NAME_MOST], heap[32];
    static char *args[ARGUMENTS_MOST + 16];
    static char *const fixed[] = {(char *)java,
                                  "-Xshare:auto",
                                  "-XX:+UnlockDiagnosticVMOptions",
                                  "-XX:ArchiveRelocationMode=0",
                                  "-XX:+UseSerialGC",
                                  "-XX:-UsePerfData",
                                  "-XX:ReservedCodeCacheSize=64m",
                                  "-XX:+DisableAttachMechanism",
                                  "-Dfile.encoding=UTF-8",
                                  "-Dsun.jnu.encoding=UTF-8",
                                  "-Djava.awt.headless=true"};
    long mb = memory_mb();
    int n = sizeof(fixed) / sizeof(fixed[0]),
        fd = open(main_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);

    if (length <= 0)
        fail("there is no compiled program");
    if (argc > ARGUMENTS_MOST)
        fail("more than %d arguments", ARGUMENTS_MOST);
    close(fd);
    memcpy((void *)args, (const void *)fixed, sizeof(fixed));
    snprintf(heap, sizeof(heap), "-Xmx%ldm",
             mb >= 2 * BESIDE_HEAP_MB ? mb - BESIDE_HEAP_MB : mb / 2);
    args[n++] = heap;
    args[n++] = "-cp";
    args[n++] = "/tmp/.kgw-program.jar:.";
    args[n++] = name;
    for (int i = 0; i < argc; i++)
        args[n++] = argv[i];
    unsetenv("KGW_MAIN_CLASS");
    execv(java, args);
    fail("%s can't be run: %s", java, strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "compile") == 0)
        return compile(argv[2]);
    if (argc >= 2 && strcmp(argv[1], "run") == 0)
        return run(argc - 2, argv + 2);
    fail("usage: kgw-java compile ENTRY | run [ARGUMENT...]");
}
