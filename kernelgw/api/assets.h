#ifndef KG_API_ASSETS_H
#define KG_API_ASSETS_H
/*
 * The client's files, read whole when the server starts: a request only looks a name up in a list, so that no path
 * of a request ever reaches the file system, and the loop never waits for a disk. Beside a file X there may be
 * X.br and X.gz, the same packed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum kg_coding { KG_CODING_NONE, KG_CODING_GZIP, KG_CODING_BROTLI, KG_CODINGS };

struct kg_asset {
    char *name;       /* "index.html", "assets/main-Bk3x9.js" */
    const char *type; /* Content-Type */
    char etag[KG_CODINGS][32];
    struct kg_buf data[KG_CODINGS]; /* len 0 and data NULL: not there in this form */
    bool there[KG_CODINGS];
};

struct kg_assets;

/*
 * Reads dir/X and dir/assets/X. -ENOENT when there is no dir/index.html; -EFBIG when the files are more or larger
 * than the limits in assets.c. *err names the file.
 */
int kg_assets_load(struct kg_assets **out, const char *dir, struct kg_err *err);
void kg_assets_free(struct kg_assets *a);
/* NULL when there is none of this name. */
const struct kg_asset *kg_assets_find(const struct kg_assets *a, const char *name);

/* The best of the asset's forms that an Accept-Encoding header allows; NULL header: as it is. */
enum kg_coding kg_asset_coding(const struct kg_asset *asset, const char *accept_encoding);

/* RFC 9110, 12.5.3: does the header name this coding (or "*") with a weight above 0? */
bool kg_accepts_coding(const char *accept_encoding, const char *coding);

#endif
