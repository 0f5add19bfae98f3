/*
 * Stands in for libFuzzer where there is none: runs a target over every file of the folders that are
 * named, and over every prefix of the small ones. usage: fuzz_NAME CORPUS...
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "fuzz.h"

enum { PREFIXES_UP_TO = 2048, FILE_MAX = 1 << 20 };

static void run_exact(const uint8_t *data, size_t n)
{
    /* a block of exactly n bytes, so that the sanitizer sees the first one read behind it */
    uint8_t *copy = kg_malloc(n);
    if (n)
        memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static int run_file(const char *path)
{
    static uint8_t data[FILE_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    size_t n = fread(data, 1, sizeof data, f);
    fclose(f);
    run_exact(data, n);
    for (size_t cut = 0; n <= PREFIXES_UP_TO && cut < n; cut++)
        run_exact(data, cut);
    return 0;
}

static int run_folder(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d) {
        perror(folder);
        return -1;
    }
    int files = 0;
    struct dirent *e;
    while (files >= 0 && (e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        kg_autofree char *path = kg_asprintf("%s/%s", folder, e->d_name);
        files = run_file(path) < 0 ? -1 : files + 1;
    }
    closedir(d);
    return files;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int files = run_folder(argv[i]);
        if (files < 0)
            return 1;
        total += files;
    }
    printf("%d inputs\n", total);
    return total > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
