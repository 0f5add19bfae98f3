#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static enum kg_log_level least_level = KG_INFO;
static int as_json;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void kg_log_set_level(enum kg_log_level least)
{
    least_level = least;
}

int kg_log_level_parse(enum kg_log_level *out, const char *name)
{
    for (size_t i = 0; i < KG_COUNT(level_names); i++)
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum kg_log_level)i;
            return 0;
        }
    return -EINVAL;
}

void kg_log_set_json(int on)
{
    as_json = on;
}

void kg_log(enum kg_log_level level, const char *room, const char *phrase, const char *fmt, ...)
{
    if (level < least_level)
        return;
    char detail[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    /* what comes from outside must not be able to start a new line */
    for (char *p = detail; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    char now[KG_ISO_SIZE];
    kg_clock_iso(now, kg_clock_wall_us());
    kg_autobuf line = {0};
    if (as_json) {
        struct kg_json j;
        kg_json_init(&j, &line);
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "time", now);
        kg_json_kstr(&j, "level", level_names[level]);
        kg_json_kstr(&j, "room", room);
        kg_json_kstr(&j, "event", phrase);
        kg_json_kstr(&j, "detail", detail);
        kg_json_object_end(&j);
        kg_buf_add_char(&line, '\n');
    } else {
        kg_buf_printf(&line, "%s %-5s %s \"%s\"%s%s\n", now, level_names[level], room, phrase,
                      detail[0] ? " " : "", detail);
    }
    /* a log that can't be written has nobody left to be told */
    if (write(STDERR_FILENO, line.data, line.len) < 0)
        return;
}
