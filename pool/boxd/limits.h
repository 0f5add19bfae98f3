#ifndef BD_LIMITS_H
#define BD_LIMITS_H
/* Every bound that boxd puts on what a peer may ask for or keep waiting, and the fixed ids of a box. */

enum {
    BD_PACKET_MAX = 64 * 1024, /* bytes of one request or reply */
    BD_CONNECTIONS_MAX = 16,   /* at once; more are closed at once */
    BD_UNSENT_MAX =
        4 * 1024 * 1024, /* bytes of replies a peer may leave unread before it is closed */
    BD_LIST_PAGE = 128,  /* boxes in one reply to list: stays well below BD_PACKET_MAX */

    BD_BOX_ID_MIN = 16,
    BD_BOX_ID_MAX = 64,
    BD_IMAGE_MAX = 64,

    BD_NETS_MAX = 16384, /* session networks at once */
    BD_NAMES_MAX = 256,  /* names of a network, and their bytes, each with its NUL */
    BD_NAMES_BYTES = 8 * 1024,
    BD_NAME_MAX = 63,
    BD_PORTS_MAX = 256, /* in one reply to net.ports */

    BD_MEMORY_MB_MIN = 16,
    BD_CPU_MILLI_MIN = 10,
    BD_CPU_MILLI_MAX = 256 * 1000,
    BD_WEIGHT_MIN = 1, /* of the processor, as cpu.weight of cgroup version 2 */
    BD_WEIGHT_MAX = 10000,
    BD_WEIGHT_USUAL = 100,
    BD_PIDS_MIN = 4,
    BD_PIDS_MAX = 32768,
    BD_TMP_MB_MIN = 4,
    BD_TMP_INODES_MIN = 256,
    BD_TMP_INODES_MAX = 4 * 1024 * 1024,

    BD_IDS_PER_BOX = 65536, /* user and group ids of a box, a range of its own */
    BD_LINK_GID = 900, /* inside a box: the group that may use the link; only the agent keeps it */
    BD_USER_ID = 1000, /* inside a box: user and group of user code */

    BD_CREATE_MS = 30000,  /* the runtime is killed when it takes longer to start a box */
    BD_DELETE_MS = 10000,  /* the same for removing one */
    BD_ENDINGS_MAX = 32,   /* boxes being killed and removed at once */
    BD_LAST_WORDS = 65536, /* what the runtime and the agent may write to stderr */
    BD_BOXES_MAX = 16384,  /* largest --max-boxes */
};

#endif
