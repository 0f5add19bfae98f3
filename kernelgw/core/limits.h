#ifndef KG_CORE_LIMITS_H
#define KG_CORE_LIMITS_H
/* Every bound that the core keeps, in one place. Those an operator may change stand in config.h. */
enum {
    KG_JOURNAL_OUTPUT_BYTES = 32 << 20, /* output that a kernel's slowest reader may be behind */
    KG_JOURNAL_CONTROL_BYTES =
        8 << 20, /* statuses and replies, kept apart so that output can't push them out */
    KG_JOURNAL_ALONE_BYTES = 16 << 20,  /* output kept in memory while nobody is connected */
    KG_JOURNAL_HISTORY_BYTES = 4 << 20, /* what all have, for who comes later */
    /* Files of output that has left memory: written at once, fetched at once, in one file, not yet written at most. */
    KG_SPILL_BATCH_BYTES = 256 << 10,
    KG_SPILL_STRETCH_BYTES = 128 << 10,
    KG_SPILL_SEGMENT_BYTES = 8 << 20,
    KG_SPILL_PENDING_BYTES = 16 << 20,
    /* It is asked whether output has arrived after so much of it, and after a pause of so much with any message; what
     * was not known to have may come again over the next connection. */
    KG_PROBE_BYTES = 1 << 20,
    KG_PROBE_MS = 200,
    KG_JOURNAL_COPY_BELOW = 4096, /* smaller control entries are copied out of their read chunk */
    /* A reader that takes nothing for so long no longer holds a box back. A browser that is busy drawing, or a client on
     * a loaded machine, is away for hundreds of milliseconds and still means to have it all. */
    KG_HOLD_GRACE_MS = 2000,
    KG_IDLE_LOST_MS =
        6000, /* silence behind a cell's reply, after which its idle no longer comes */
    KG_EARLY_BYTES = 16 << 20, /* requests that wait for a kernel to start */
    KG_EARLY_COUNT = 1024,
    KG_PENDING_MAX = 20000,      /* requests of a kernel without a reply yet */
    KG_DETACHED_READERS_MAX = 8, /* dropped connections a kernel keeps a place for */
    KG_DETACHED_READER_MS = 30 * 60 * 1000,
    KG_AUTORESTART_MAX = 5, /* deaths in a row, each within KG_AUTORESTART_MS of its start */
    KG_AUTORESTART_MS = 10 * 1000,
    KG_START_ANSWER_MS = 150, /* how long a start request waits for the outcome before "starting" */
    /* What a manifest, an operator or a request may say; the engine has bounds of its own. */
    KG_MEMORY_MB_MIN = 16,
    KG_MEMORY_MB_MAX = 1 << 20,
    KG_CPU_MILLI_MIN = 10,
    KG_CPU_MILLI_MAX = 256 * 1000,
    KG_PIDS_MIN = 4,
    KG_PIDS_MAX = 32768,
    KG_TMP_MB_MIN = 4,
    KG_WALL_S_MIN = 1,
    KG_STOCK_MAX = 1000,
    KG_READY_MS_MAX = 3600 * 1000,
    KG_SHELF_MS = 60 * 1000, /* a box kept for the next program of its session */
    KG_NET_IDLE_MS =
        3600 * 1000,  /* a session's network in which nothing is, whoever is connected */
    KG_SHELF_MAX = 4, /* of one session */
    KG_CLAIMS_AT_ONCE =
        16, /* asked of the pool, which serves who asks first: fairness is kept before it */
    KG_METER_MS = 5000,      /* between looks at what boxes have used, where a quota asks for it */
    KG_METER_STRIKES = 3,    /* interrupts after which a kernel over a quota is deleted */
    KG_METER_CELL_MS = 1000, /* since the last look, after which a cell's end is another occasion */
    KG_METER_REST_MS = 250,  /* of processor time between two looks: what an idle kernel takes */
    KG_METER_BYTES = 256 << 10, /* of a kernel's output, after which its quotas are looked at */
    KG_RUN_GRACE_MS = 5000,     /* over its time, after which a run's box is taken away */
    KG_GATHER_MS = 15 * 1000, /* for a run's files to come back, after which it has ended without */
    KG_TERMINAL_KEPT_BYTES = 1 << 20, /* output of a terminal that who comes later is shown */
    KG_RUN_FILES_MAX = 2000,
    KG_RUN_STDIN_BYTES = 1 << 20,
    KG_RUNS_KEPT = 500, /* ended runs whose output can still be read */
    KG_RUNS_KEPT_MS = 10 * 60 * 1000,
    KG_RUNS_KEPT_BYTES = 256 << 20, /* their output, all together; the newest one's always stays */
};
#endif
