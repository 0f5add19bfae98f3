#include "notebooks/mime.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct pair {
    const char *ending, *means;
};

static const struct pair encodings[] = {
    {".gz", "gzip"}, {".bz2", "bzip2"}, {".xz", "xz"}, {".Z", "compress"}, {".br", "br"}};

/* clang-format off: a table is read by its columns */
static const struct pair types[] = {
    {".7z", "application/x-7z-compressed"},
    {".avif", "image/avif"},
    {".avi", "video/x-msvideo"},
    {".bmp", "image/bmp"},
    {".c", "text/x-csrc"},
    {".cc", "text/x-c++src"},
    {".cpp", "text/x-c++src"},
    {".css", "text/css"},
    {".csv", "text/csv"},
    {".doc", "application/msword"},
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {".eot", "application/vnd.ms-fontobject"},
    {".epub", "application/epub+zip"},
    {".gif", "image/gif"},
    {".geojson", "application/geo+json"},
    {".h", "text/x-chdr"},
    {".hpp", "text/x-c++hdr"},
    {".htm", "text/html"},
    {".html", "text/html"},
    {".ico", "image/vnd.microsoft.icon"},
    {".jar", "application/java-archive"},
    {".java", "text/x-java"},
    {".jpeg", "image/jpeg"},
    {".jpg", "image/jpeg"},
    {".js", "text/javascript"},
    {".json", "application/json"},
    {".m4a", "audio/mp4"},
    {".markdown", "text/markdown"},
    {".md", "text/markdown"},
    {".mjs", "text/javascript"},
    {".mov", "video/quicktime"},
    {".mp3", "audio/mpeg"},
    {".mp4", "video/mp4"},
    {".odt", "application/vnd.oasis.opendocument.text"},
    {".ogg", "audio/ogg"},
    {".otf", "font/otf"},
    {".pdf", "application/pdf"},
    {".png", "image/png"},
    {".ppt", "application/vnd.ms-powerpoint"},
    {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {".py", "text/x-python"},
    {".rtf", "application/rtf"},
    {".sh", "text/x-sh"},
    {".sql", "application/sql"},
    {".svg", "image/svg+xml"},
    {".tar", "application/x-tar"},
    {".tex", "text/x-tex"},
    {".tif", "image/tiff"},
    {".tiff", "image/tiff"},
    {".tsv", "text/tab-separated-values"},
    {".ttf", "font/ttf"},
    {".txt", "text/plain"},
    {".wasm", "application/wasm"},
    {".wav", "audio/x-wav"},
    {".webm", "video/webm"},
    {".webp", "image/webp"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".xls", "application/vnd.ms-excel"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {".xml", "application/xml"},
    {".zip", "application/zip"},
};
/* clang-format on */

/* The ending's place in name[0..n), or NULL. */
static const char *ending(const char *name, size_t n)
{
    while (n > 1)
        if (name[--n] == '.')
            return name + n;
    return NULL;
}

const char *nb_mime(const char *name, const char **encoding)
{
    size_t n = strlen(name);
    const char *end = ending(name, n);
    if (encoding)
        *encoding = NULL;
    for (size_t i = 0; end && i < KG_COUNT(encodings); i++)
        if (strcmp(end, encodings[i].ending) == 0) {
            if (encoding)
                *encoding = encodings[i].means;
            n = (size_t)(end - name);
            end = ending(name, n);
            break;
        }
    for (size_t i = 0; end && i < KG_COUNT(types); i++) {
        size_t length = strlen(types[i].ending);
        if (length == n - (size_t)(end - name) && strncasecmp(end, types[i].ending, length) == 0)
            return types[i].means;
    }
    return NULL;
}
