#define KG_ERR_C /* the functions themselves, not their stand-ins for static analysis */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int kg_err_set(struct kg_err *err, int code, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return code;
}

int kg_err_errno(struct kg_err *err, int saved_errno, const char *fmt, ...)
{
    if (!err)
        return -saved_errno;
    va_list ap;
    va_start(ap, fmt);
    err->code = -saved_errno;
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text) {
        const char *name = strerrordesc_np(saved_errno);
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s",
                 name ? name : "unknown error");
    }
    return -saved_errno;
}

int kg_err_wrap(struct kg_err *err, const char *fmt, ...)
{
    if (!err)
        return -EINVAL;
    char head[KG_ERR_TEXT_MAX];
    char tail[KG_ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    memcpy(tail, err->text, sizeof tail);
    size_t used = strnlen(head, sizeof head);
    memcpy(err->text, head, used);
    snprintf(err->text + used, sizeof err->text - used, ": %s", tail);
    return err->code;
}
