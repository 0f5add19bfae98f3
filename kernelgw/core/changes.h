#ifndef KG_CORE_CHANGES_H
#define KG_CORE_CHANGES_H
/*
 * What has changed in a workspace lately, for who watches it: which run, kernel, port or file. The last KG_CHANGES_KEPT are
 * kept, numbered from 1; who has missed some looks at the model, which is whole each time.
 */
#include <stdint.h>

struct kg_json;

enum { KG_CHANGES_KEPT = 32 };

struct kg_change {
    const char *what, *how; /* literals */
    char *id; /* of the run or kernel, the port's number, or the file's path; NULL: none */
};

struct kg_changes {
    struct kg_change ring[KG_CHANGES_KEPT];
    uint64_t last; /* its number; 0: there was none */
};

void kg_changes_note(struct kg_changes *c, const char *what, const char *how, const char *id);
void kg_changes_release(struct kg_changes *c);
/* [{"what","how","id"}, …] after number *seen, which is then the last; the first is {"what":"more"} when some are no longer kept. */
void kg_changes_model(const struct kg_changes *c, uint64_t *seen, struct kg_json *j);

#endif
