#ifndef NB_SHAPE_H
#define NB_SHAPE_H
/* What reading, writing and validating know together of a document's shape. */
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* Data of this type is any JSON, not text. */
static inline bool nb_is_json_mime(const char *mime)
{
    size_t n = strlen(mime);
    return strcmp(mime, "application/json") == 0 ||
           (strncmp(mime, "application/", 12) == 0 && n > 17 && strcmp(mime + n - 5, "+json") == 0);
}

static inline bool nb_cell_is(const json_t *cell, const char *type)
{
    const char *is = json_string_value(json_object_get(cell, "cell_type"));
    return is && strcmp(is, type) == 0;
}

/* Takes out what belongs to a session, and is in no file. metadata: the document's. */
void nb_drop_transient(json_t *metadata);

#endif
