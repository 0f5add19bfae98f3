#ifndef BENCH_CLIENT_CONFIG_H
#define BENCH_CLIENT_CONFIG_H
/* What the command line says: which target, and how it is spoken to. */
#include <stdbool.h>
#include <stddef.h>

enum bc_way {
    BC_WS_V1,   /* WebSocket, v1.kernel.websocket.jupyter.org */
    BC_WS_JSON, /* WebSocket, the older framing */
    BC_DIRECT,  /* ZeroMQ on the kernel's own sockets */
};

struct bc_config {
    enum bc_way way;
    char host[64];
    int port;
    char prefix[128]; /* path in front of /api; "" or "/base" */
    const char *token;
    bool quickack;
    const char *kernel;      /* kernelspec's name; direct: unused */
    const char *kernel_argv; /* direct: words of the command, one of them {connection_file} */
    bool tcp;                /* direct: tcp instead of ipc */

    const char *kind; /* rtt: execute, control or info */
    const char *code;
    unsigned long count;
    unsigned long size;
    unsigned rate;
    unsigned kernels;
    unsigned sockets;
    unsigned parallel;
    unsigned rounds;
    double seconds; /* time limit or length of a mode */
    double pause;
    bool other;  /* reconnect: another socket stays open on the kernel */
    bool abrupt; /* reconnect: by RST instead of a close frame */
};

/* Every mode prints one JSON object and returns the process's exit status. */
int bc_mode_rtt(const struct bc_config *cfg);
int bc_mode_flood(const struct bc_config *cfg);
int bc_mode_buffer(const struct bc_config *cfg);
int bc_mode_loop(const struct bc_config *cfg);
int bc_mode_hold(const struct bc_config *cfg);
int bc_mode_slow(const struct bc_config *cfg);
int bc_mode_reconnect(const struct bc_config *cfg);
int bc_mode_start(const struct bc_config *cfg);
int bc_mode_interrupt(const struct bc_config *cfg);
int bc_mode_restart(const struct bc_config *cfg);
int bc_mode_death(const struct bc_config *cfg);
/* A server that answers and floods from memory: what the client itself can do. Prints its port, serves until
 * stdin is closed. */
int bc_mode_mock(const struct bc_config *cfg);

#endif
