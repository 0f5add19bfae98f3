/* bench-client MODE [options]: drives one target and prints one line of JSON (hold: three). */
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/bench/client/config.h"

static const struct {
    const char *name;
    int (*run)(const struct bc_config *cfg);
} modes[] = {
    {"rtt", bc_mode_rtt},
    {"flood", bc_mode_flood},
    {"buffer", bc_mode_buffer},
    {"loop", bc_mode_loop},
    {"hold", bc_mode_hold},
    {"slow", bc_mode_slow},
    {"reconnect", bc_mode_reconnect},
    {"start", bc_mode_start},
    {"interrupt", bc_mode_interrupt},
    {"restart", bc_mode_restart},
    {"death", bc_mode_death},
    {"mock", bc_mode_mock},
};

static const char usage[] =
    "usage: bench-client MODE [options]\n"
    "modes: rtt flood buffer loop hold slow reconnect start interrupt restart death mock\n"
    "  --url http://127.0.0.1:PORT[/BASE]  the server; --direct: no server, the kernel's own sockets\n"
    "  --token T  --kernel NAME            the server's token, the kernelspec's name\n"
    "  --kernel-argv 'WORDS {connection_file}'  direct: the kernel's command;  --tcp: not ipc\n"
    "  --framing v1|json  --quickack       how the WebSocket is spoken\n"
    "  --kind execute|control|info  --code TEXT   what is asked\n"
    "  --count N --size BYTES --rate N/s --kernels N --sockets N --parallel N --rounds N\n"
    "  --seconds S --pause S --other --abrupt\n";

enum option_id {
    O_URL = 1,
    O_DIRECT,
    O_TOKEN,
    O_KERNEL,
    O_ARGV,
    O_TCP,
    O_FRAMING,
    O_QUICKACK,
    O_KIND,
    O_CODE,
    O_COUNT,
    O_SIZE,
    O_RATE,
    O_KERNELS,
    O_SOCKETS,
    O_PARALLEL,
    O_ROUNDS,
    O_SECONDS,
    O_PAUSE,
    O_OTHER,
    O_ABRUPT,
};

static const struct option options[] = {
    {"url", 1, NULL, O_URL},          {"direct", 0, NULL, O_DIRECT},
    {"token", 1, NULL, O_TOKEN},      {"kernel", 1, NULL, O_KERNEL},
    {"kernel-argv", 1, NULL, O_ARGV}, {"tcp", 0, NULL, O_TCP},
    {"framing", 1, NULL, O_FRAMING},  {"quickack", 0, NULL, O_QUICKACK},
    {"kind", 1, NULL, O_KIND},        {"code", 1, NULL, O_CODE},
    {"count", 1, NULL, O_COUNT},      {"size", 1, NULL, O_SIZE},
    {"rate", 1, NULL, O_RATE},        {"kernels", 1, NULL, O_KERNELS},
    {"sockets", 1, NULL, O_SOCKETS},  {"parallel", 1, NULL, O_PARALLEL},
    {"rounds", 1, NULL, O_ROUNDS},    {"seconds", 1, NULL, O_SECONDS},
    {"pause", 1, NULL, O_PAUSE},      {"other", 0, NULL, O_OTHER},
    {"abrupt", 0, NULL, O_ABRUPT},    {0},
};

static bool parse_url(struct bc_config *cfg, const char *url)
{
    return sscanf(url, "http://%63[^:/]:%d%127s", cfg->host, &cfg->port, cfg->prefix) >= 2;
}

static bool set(struct bc_config *cfg, int option, const char *value)
{
    switch ((enum option_id)option) {
    case O_URL: return parse_url(cfg, value);
    case O_DIRECT: cfg->way = BC_DIRECT; return true;
    case O_TOKEN: cfg->token = value; return true;
    case O_KERNEL: cfg->kernel = value; return true;
    case O_ARGV: cfg->kernel_argv = value; return true;
    case O_TCP: cfg->tcp = true; return true;
    case O_FRAMING: cfg->way = strcmp(value, "json") == 0 ? BC_WS_JSON : BC_WS_V1; return true;
    case O_QUICKACK: cfg->quickack = true; return true;
    case O_KIND: cfg->kind = value; return true;
    case O_CODE: cfg->code = value; return true;
    case O_COUNT: cfg->count = strtoul(value, NULL, 10); return true;
    case O_SIZE: cfg->size = strtoul(value, NULL, 10); return true;
    case O_RATE: cfg->rate = (unsigned)strtoul(value, NULL, 10); return true;
    case O_KERNELS: cfg->kernels = (unsigned)strtoul(value, NULL, 10); return true;
    case O_SOCKETS: cfg->sockets = (unsigned)strtoul(value, NULL, 10); return true;
    case O_PARALLEL: cfg->parallel = (unsigned)strtoul(value, NULL, 10); return true;
    case O_ROUNDS: cfg->rounds = (unsigned)strtoul(value, NULL, 10); return true;
    case O_SECONDS: cfg->seconds = strtod(value, NULL); return true;
    case O_PAUSE: cfg->pause = strtod(value, NULL); return true;
    case O_OTHER: cfg->other = true; return true;
    case O_ABRUPT: cfg->abrupt = true; return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct bc_config cfg = {.host = "127.0.0.1",
                            .kernel = "stub",
                            .kind = "execute",
                            .count = 1000,
                            .size = 100,
                            .kernels = 50,
                            .parallel = 1,
                            .rounds = 5,
                            .seconds = 5};
    if (argc < 2 || sodium_init() < 0) {
        fputs(usage, stderr);
        return 2;
    }
    int option;
    optind = 2;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!set(&cfg, option, optarg)) {
            fputs(usage, stderr);
            return 2;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < KG_COUNT(modes); i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            return modes[i].run(&cfg);
    fputs(usage, stderr);
    return 2;
}
