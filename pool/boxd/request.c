#include "pool/boxd/request.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum kind { K_BOX, K_IMAGE, K_OWNER, K_COUNT, K_CPU, K_NAMES };
enum need { REQUIRED, OPTIONAL };

struct field {
    const char *name;
    enum kind kind;
    enum need need;
    size_t offset;
    uint32_t min;
    uint32_t max; /* 0: max_memory_mb */
};

#define AT(member) offsetof(struct bd_request, member)

static const struct field create_fields[] = {
    {"box", K_BOX, REQUIRED, AT(box), 0, 0},
    {"image", K_IMAGE, REQUIRED, AT(image), 0, 0},
    {"memory_mb", K_COUNT, REQUIRED, AT(memory_mb), BD_MEMORY_MB_MIN, 0},
    {"cpu", K_CPU, REQUIRED, AT(cpu_milli), BD_CPU_MILLI_MIN, BD_CPU_MILLI_MAX},
    {"pids", K_COUNT, REQUIRED, AT(pids), BD_PIDS_MIN, BD_PIDS_MAX},
    {"tmp_mb", K_COUNT, REQUIRED, AT(tmp_mb), BD_TMP_MB_MIN, 0},
    {"tmp_inodes", K_COUNT, REQUIRED, AT(tmp_inodes), BD_TMP_INODES_MIN, BD_TMP_INODES_MAX},
    {"owner", K_OWNER, REQUIRED, AT(owner), 0, 0},
    {"net", K_BOX, OPTIONAL, AT(net), 0, 0},
    {"weight", K_COUNT, OPTIONAL, AT(weight), BD_WEIGHT_MIN, BD_WEIGHT_MAX},
};
static const struct field box_fields[] = {
    {"box", K_BOX, REQUIRED, AT(box), 0, 0},
};
static const struct field list_fields[] = {
    {"after", K_BOX, OPTIONAL, AT(after), 0, 0},
};
static const struct field limits_fields[] = {
    {"box", K_BOX, REQUIRED, AT(box), 0, 0},
    {"cpu", K_CPU, OPTIONAL, AT(cpu_milli), BD_CPU_MILLI_MIN, BD_CPU_MILLI_MAX},
    {"memory_mb", K_COUNT, OPTIONAL, AT(memory_mb), BD_MEMORY_MB_MIN, 0},
    {"pids", K_COUNT, OPTIONAL, AT(pids), BD_PIDS_MIN, BD_PIDS_MAX},
    {"weight", K_COUNT, OPTIONAL, AT(weight), BD_WEIGHT_MIN, BD_WEIGHT_MAX},
};
static const struct field net_create_fields[] = {
    {"net", K_BOX, REQUIRED, AT(net), 0, 0},
    {"owner", K_OWNER, REQUIRED, AT(owner), 0, 0},
    {"box", K_BOX, OPTIONAL, AT(box), 0, 0},
};
static const struct field net_fields[] = {
    {"net", K_BOX, REQUIRED, AT(net), 0, 0},
};
static const struct field ping_fields[] = {
    {"owner", K_OWNER, OPTIONAL, AT(owner), 0, 0},
};
static const struct field net_names_fields[] = {
    {"net", K_BOX, REQUIRED, AT(net), 0, 0},
    {"names", K_NAMES, REQUIRED, AT(names), 0, 0},
};

static const struct op {
    const char *name;
    enum bd_op op;
    const struct field *fields;
    size_t count;
} ops[] = {
    {"create", BD_CREATE, create_fields, sizeof(create_fields) / sizeof(create_fields[0])},
    {"attach", BD_ATTACH, box_fields, 1},
    {"destroy", BD_DESTROY, box_fields, 1},
    {"list", BD_LIST, list_fields, 1},
    {"limits", BD_SET_LIMITS, limits_fields, sizeof(limits_fields) / sizeof(limits_fields[0])},
    {"stats", BD_STATS, box_fields, 1},
    {"ping", BD_PING, ping_fields, 1},
    {"net.create", BD_NET_CREATE, net_create_fields, 3},
    {"net.destroy", BD_NET_DESTROY, net_fields, 1},
    {"net.list", BD_NET_LIST, list_fields, 1},
    {"net.names", BD_NET_NAMES, net_names_fields, 2},
    {"net.ports", BD_NET_PORTS, net_fields, 1},
    {"net.socket", BD_NET_SOCKET, net_fields, 1},
};

bool bd_is_box_id(const char *s)
{
    size_t n = strspn(s, "0123456789abcdef");
    return s[n] == '\0' && n >= BD_BOX_ID_MIN && n <= BD_BOX_ID_MAX;
}

bool bd_is_image_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    return s[n] == '\0' && n >= 1 && n <= BD_IMAGE_MAX && s[0] != '.' && s[0] != '-';
}

static bool is_name(const char *s, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char inside[sizeof(letters) + 3];
    snprintf(inside, sizeof(inside), "%s.-_", letters);
    return n >= 1 && n <= BD_NAME_MAX && strlen(s) == n && strspn(s, inside) == n &&
           strchr(letters, s[0]) && strchr(letters, s[n - 1]) && strcasecmp(s, "localhost") != 0;
}

static bool has_name(const struct bd_names *names, const char *s)
{
    const char *at = names->text;
    for (size_t i = 0; i < names->count; i++, at += strlen(at) + 1)
        if (strcasecmp(at, s) == 0)
            return true;
    return false;
}

int bd_names_read(struct bd_names *out, const json_t *list, struct kg_err *err)
{
    size_t i;
    const json_t *v;
    out->count = out->bytes = 0;
    if (!json_is_array(list) || json_array_size(list) > BD_NAMES_MAX)
        return kg_err_set(err, -EINVAL, "\"names\" must be a list of at most %d names",
                          BD_NAMES_MAX);
    json_array_foreach(list, i, v) {
        const char *s = json_string_value(v);
        size_t n = json_string_length(v);
        if (!s || !is_name(s, n))
            return kg_err_set(err, -EINVAL, "\"names\"[%zu] is no host name", i);
        if (has_name(out, s))
            return kg_err_set(err, -EINVAL, "\"names\" has %s twice", s);
        if (out->bytes + n + 1 > sizeof(out->text))
            return kg_err_set(err, -EINVAL, "\"names\" must have at most %zu bytes",
                              sizeof(out->text));
        memcpy(out->text + out->bytes, s, n + 1);
        out->bytes += n + 1;
        out->count++;
    }
    return 0;
}

static int read_text(struct bd_request *out, const struct field *f, const json_t *value,
                     struct kg_err *err)
{
    const char *s = json_string_value(value);
    char *to = (char *)out + f->offset;
    if (!s || strlen(s) != json_string_length(value))
        return kg_err_set(err, -EINVAL, "\"%s\" must be a string", f->name);
    switch (f->kind) {
    case K_BOX:
        if (!bd_is_box_id(s))
            return kg_err_set(err, -EINVAL, "\"%s\" must be %d to %d of 0-9a-f", f->name,
                              BD_BOX_ID_MIN, BD_BOX_ID_MAX);
        break;
    case K_IMAGE:
        if (!bd_is_image_name(s))
            return kg_err_set(err, -EINVAL,
                              "\"%s\" must be an image's name: a-z, 0-9, dots and dashes", f->name);
        break;
    default:
        if (!kg_is_uuid(s))
            return kg_err_set(err, -EINVAL, "\"%s\" must be a uuid", f->name);
        break;
    }
    memcpy(to, s, strlen(s) + 1); /* the checks above bound it by the array's size */
    return 0;
}

static int read_number(struct bd_request *out, const struct field *f, const json_t *value,
                       uint32_t max_memory_mb, struct kg_err *err)
{
    uint32_t max = f->max ? f->max : max_memory_mb;
    json_int_t v;
    if (f->kind == K_CPU) {
        double cores = json_number_value(value);
        if (!json_is_number(value) || !isfinite(cores))
            return kg_err_set(err, -EINVAL, "\"%s\" must be a number of cores", f->name);
        if (cores * 1000 < f->min || cores * 1000 > max)
            return kg_err_set(err, -EINVAL, "\"%s\" must be %.2f to %u cores", f->name,
                              f->min / 1000.0, max / 1000);
        v = (json_int_t)llround(cores * 1000);
    } else {
        if (!json_is_integer(value))
            return kg_err_set(err, -EINVAL, "\"%s\" must be an integer", f->name);
        v = json_integer_value(value);
        if (v < (json_int_t)f->min || v > (json_int_t)max)
            return kg_err_set(err, -EINVAL, "\"%s\" must be %u to %u", f->name, f->min, max);
    }
    uint32_t small = (uint32_t)v;
    memcpy((char *)out + f->offset, &small, sizeof(small));
    return 0;
}

static int read_fields(struct bd_request *out, const struct op *op, json_t *object,
                       uint32_t max_memory_mb, struct kg_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        bool known = strcmp(key, "id") == 0 || strcmp(key, "op") == 0;
        for (size_t i = 0; i < op->count && !known; i++)
            known = strcmp(key, op->fields[i].name) == 0;
        if (!known)
            return kg_err_set(err, -EINVAL, "%s has no field \"%.40s\"", op->name, key);
    }
    for (size_t i = 0; i < op->count; i++) {
        const struct field *f = &op->fields[i];
        value = json_object_get(object, f->name);
        if (!value || (f->need == OPTIONAL && json_is_null(value))) {
            if (f->need == REQUIRED)
                return kg_err_set(err, -EINVAL, "%s needs the field \"%s\"", op->name, f->name);
            continue;
        }
        int rc = f->kind == K_NAMES ? bd_names_read(&out->names, value, err)
                 : f->kind == K_COUNT || f->kind == K_CPU
                     ? read_number(out, f, value, max_memory_mb, err)
                     : read_text(out, f, value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_request(struct bd_request *out, json_t *object, uint32_t max_memory_mb,
                        struct kg_err *err)
{
    const json_t *id = json_object_get(object, "id");
    if (!json_is_integer(id) || json_integer_value(id) < 1)
        return kg_err_set(err, -EINVAL, "\"id\" must be a positive integer");
    out->id = json_integer_value(id);
    const char *name = json_string_value(json_object_get(object, "op"));
    if (!name)
        return kg_err_set(err, -EINVAL, "\"op\" must be a string");
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(name, ops[i].name) != 0)
            continue;
        out->op = ops[i].op;
        int rc = read_fields(out, &ops[i], object, max_memory_mb, err);
        if (rc < 0)
            return rc;
        if (out->op == BD_CREATE && out->tmp_mb > out->memory_mb)
            return kg_err_set(err, -EINVAL, "\"tmp_mb\" must not be above \"memory_mb\"");
        if (out->op == BD_SET_LIMITS && !out->cpu_milli && !out->memory_mb && !out->pids &&
            !out->weight)
            return kg_err_set(err, -EINVAL,
                              "limits needs \"cpu\", \"memory_mb\", \"pids\" or \"weight\"");
        return 0;
    }
    return kg_err_set(err, -EINVAL, "there is no op \"%.40s\"", name);
}

int bd_request_parse(struct bd_request *out, const char *text, size_t n, uint32_t max_memory_mb,
                     struct kg_err *err)
{
    memset(out, 0, sizeof(*out));
    json_error_t json_err;
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &json_err);
    if (!object)
        return kg_err_set(err, -EINVAL, "not JSON: %.100s", json_err.text);
    int rc = json_is_object(object) ? read_request(out, object, max_memory_mb, err)
                                    : kg_err_set(err, -EINVAL, "a request must be a JSON object");
    json_decref(object);
    return rc;
}
