/* kernelgw/core/users.c: the operator's file of users. */
#include "fuzz.h"
#include "kernelgw/core/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kg_users u;
    struct kg_err err = {0};
    if (kg_users_parse(&u, (struct kg_span){data, size}, &(struct kg_quota){0}, &err) == 0)
        for (const struct kg_user_row *row = u.by_name; row; row = row->by_name.next)
            MUST(kg_user_name_ok(row->name) &&
                 kg_users_by_name(&u, row->name, strlen(row->name)) == row);
    else
        MUST(err.text[0]);
    kg_users_release(&u);
    return 0;
}
