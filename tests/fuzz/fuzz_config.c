/* kernelgw/config.c: the file that --config names. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "kernelgw/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("config", 0);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    char program[] = "kernelgw", flag[] = "--config", path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    char *const argv[] = {program, flag, path, NULL};
    struct kg_config c;
    struct kg_err err = {0};
    if (kg_config_load(&c, 3, argv, &err) == 0)
        MUST(c.port >= 0 && c.port <= 65535 && c.max_kernels >= 0 && c.base_url[0] == '/');
    else
        MUST(err.text[0]);
    kg_config_release(&c);
    close(fd);
    return 0;
}
