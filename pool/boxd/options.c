#include "pool/boxd/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pool/boxd/limits.h"
#include "pool/boxd/outside_rules.h"

enum kind { TEXT, PATH, RELATIVE, NUMBER, UID, FLAG };

#define AT(member) offsetof(struct bd_options, member)

/* The one table: parser, bounds and help. */
static const struct option {
    const char *name;
    const char *value;
    enum kind kind;
    size_t offset;
    uint64_t min;
    uint64_t max;
    const char *text;
} options[] = {
    {"--socket", "PATH", PATH, AT(socket), 0, 0, "where the gateway connects (needed)"},
    {"--run-dir", "DIR", PATH, AT(run_dir), 0, 0, "state of boxes, root's alone (needed)"},
    {"--images", "DIR", PATH, AT(images), 0, 0, "unpacked images: DIR/NAME/rootfs (needed)"},
    {"--agent", "PATH", PATH, AT(agent), 0, 0, "the agent, one static program (needed)"},
    {"--gateway-uid", "N", UID, AT(gateway_uid), 0, UINT32_MAX - 1,
     "the only user beside root who may connect (needed)"},
    {"--runtime", "PROGRAM", TEXT, AT(runtime), 0, 0, "OCI runtime, by path or name (runc)"},
    {"--max-boxes", "N", NUMBER, AT(max_boxes), 1, BD_BOXES_MAX, "boxes at once (1024)"},
    {"--uid-base", "N", NUMBER, AT(uid_base), 65536, UINT32_MAX - 65536,
     "first host id; 65536 for each box from there on (1879048192)"},
    {"--max-memory-mb", "N", NUMBER, AT(max_memory_mb), BD_MEMORY_MB_MIN, 1 << 24,
     "most that one box may be given (8192)"},
    {"--cgroup-parent", "NAME", RELATIVE, AT(cgroup_parent), 0, 0,
     "group that the boxes' groups are in; no two boxds share one (kernelgw)"},
    {"--outside", "off|on", TEXT, AT(outside), 0, 0,
     "on: session networks lead to the internet, though not to private networks or this machine (off)"},
    {"--outside-block", "RANGES", TEXT, AT(outside_block), 0, 0,
     "further ones they do not lead to: 1.2.3.4,5.6.0.0/16"},
    {"--log-level", "LEVEL", TEXT, AT(log_level), 0, 0, "debug, info, warn or error (info)"},
    {"--sweep", NULL, FLAG, AT(sweep), 0, 0, "end every box of the run directory, then exit"},
    {"--help", NULL, FLAG, AT(help), 0, 0, "this text"},
};

static int read_text(struct bd_options *out, const struct option *o, const char *value,
                     struct kg_err *err)
{
    if (!*value)
        return kg_err_set(err, -EINVAL, "%s must not be empty", o->name);
    if (o->kind == PATH && *value != '/')
        return kg_err_set(err, -EINVAL, "%s must be an absolute path, not \"%s\"", o->name, value);
    if (o->kind == RELATIVE &&
        (value[0] == '/' || strstr(value, "..") || strstr(value, "//") || strlen(value) > 128 ||
         value[strlen(value) - 1] == '/' ||
         value[strspn(value,
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@:/-")]))
        return kg_err_set(err, -EINVAL,
                          "%s must be a relative path of letters, digits and ._@:-, not \"%s\"",
                          o->name, value);
    memcpy((char *)out + o->offset, &value, sizeof(value));
    return 0;
}

static int read_number(struct bd_options *out, const struct option *o, const char *value,
                       struct kg_err *err)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (errno || end == value || *end || value[0] == '-' || v < o->min || v > o->max)
        return kg_err_set(err, -EINVAL, "%s must be a number from %llu to %llu, not \"%s\"",
                          o->name, (unsigned long long)o->min, (unsigned long long)o->max, value);
    if (o->kind == UID) {
        int64_t uid = (int64_t)v;
        memcpy((char *)out + o->offset, &uid, sizeof(uid));
    } else {
        uint32_t n = (uint32_t)v;
        memcpy((char *)out + o->offset, &n, sizeof(n));
    }
    return 0;
}

/* Reads argv[*i] and its value, which may stand behind "=" or in the next argument. */
static int read_option(struct bd_options *out, int argc, char **argv, int *i, struct kg_err *err)
{
    const char *given = argv[*i];
    size_t n = strcspn(given, "=");
    for (size_t k = 0; k < KG_COUNT(options); k++) {
        const struct option *o = &options[k];
        if (strlen(o->name) != n || strncmp(o->name, given, n) != 0)
            continue;
        if (o->kind == FLAG) {
            if (given[n])
                return kg_err_set(err, -EINVAL, "%s takes no value", o->name);
            memcpy((char *)out + o->offset, &(bool){true}, sizeof(bool));
            return 0;
        }
        if (!given[n] && *i + 1 >= argc)
            return kg_err_set(err, -EINVAL, "%s needs a value", o->name);
        const char *value = given[n] ? given + n + 1 : argv[++*i];
        return o->kind == NUMBER || o->kind == UID ? read_number(out, o, value, err)
                                                   : read_text(out, o, value, err);
    }
    return kg_err_set(err, -EINVAL, "there is no option \"%s\"", given);
}

int bd_options_parse(struct bd_options *out, int argc, char **argv, struct kg_err *err)
{
    *out = (struct bd_options){
        .runtime = "runc",
        .cgroup_parent = "kernelgw",
        .log_level = "info",
        .outside = "off",
        .gateway_uid = -1,
        .max_boxes = 1024,
        .uid_base = 0x70000000,
        .max_memory_mb = 8192,
    };
    for (int i = 1; i < argc; i++) {
        int rc = read_option(out, argc, argv, &i, err);
        if (rc < 0)
            return rc;
    }
    if (out->help)
        return 0;
    const struct {
        const char *name;
        bool missing;
    } needed[] = {
        {"--socket", !out->socket},
        {"--run-dir", !out->run_dir},
        {"--images", !out->images},
        {"--agent", !out->agent},
        {"--gateway-uid", out->gateway_uid < 0},
    };
    for (size_t i = 0; i < KG_COUNT(needed); i++)
        if (needed[i].missing)
            return kg_err_set(err, -EINVAL, "%s is missing", needed[i].name);
    if (strcmp(out->outside, "on") != 0 && strcmp(out->outside, "off") != 0)
        return kg_err_set(err, -EINVAL, "--outside must be on or off, not \"%s\"", out->outside);
    if (out->outside_block && bd_outside_ranges_check(out->outside_block, err) < 0)
        return kg_err_wrap(err, "--outside-block");
    if ((uint64_t)out->uid_base + (uint64_t)out->max_boxes * BD_IDS_PER_BOX >
        UINT32_MAX - BD_IDS_PER_BOX)
        return kg_err_set(err, -EINVAL, "--uid-base %u leaves no room for the ids of %u boxes",
                          out->uid_base, out->max_boxes);
    return 0;
}

void bd_options_help(FILE *to)
{
    fputs("usage: kernelgw-boxd OPTIONS\n"
          "Makes and removes the sandboxes of kernelgw. Runs as root, without network.\n\n",
          to);
    for (size_t i = 0; i < KG_COUNT(options); i++) {
        char name[48];
        snprintf(name, sizeof(name), "%s %s", options[i].name,
                 options[i].value ? options[i].value : "");
        fprintf(to, "  %-22s %s\n", name, options[i].text);
    }
}
