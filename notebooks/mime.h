#ifndef NB_MIME_H
#define NB_MIME_H
/* What a file is, by its name: what Python's mimetypes says of the names one meets, which is what Jupyter Server says. */

/* The type, or NULL. *encoding (may be NULL): "gzip", "bzip2", "xz", "compress", "br", or NULL. */
const char *nb_mime(const char *name, const char **encoding);

#endif
