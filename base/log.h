#ifndef KG_BASE_LOG_H
#define KG_BASE_LOG_H
/*
 * Log lines: `time level room "fixed phrase" key=value ...`, one write(2) each to stderr. The phrase is
 * what one greps for. Never user code, tokens, keys or output.
 *   info: a person operating it would care; debug: steps and sizes; warn: we coped; error: someone lost
 *   something.
 */
enum kg_log_level { KG_DEBUG, KG_INFO, KG_WARN, KG_ERROR };

void kg_log_set_level(enum kg_log_level least);
/* "debug", "info", "warn" or "error"; returns -EINVAL for anything else. */
int kg_log_level_parse(enum kg_log_level *out, const char *name);
/* text as well as json ({"time","level","room","event",...}) are for programs that collect logs. */
void kg_log_set_json(int on);

/* fmt is "key=value key=value" or "". */
void kg_log(enum kg_log_level level, const char *room, const char *phrase, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
