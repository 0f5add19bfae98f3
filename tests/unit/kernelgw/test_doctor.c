#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/doctor.h"

static const struct kg_need need = {.boxes = 100, .networks = 1100, .connections = 1000};

static void put(const char *root, const char *path, const char *text)
{
    kg_autofree char *file = kg_asprintf("%s%s", root, path);
    for (char *at = strchr(file + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        mkdir(file, 0700);
        *at = '/';
    }
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int look(const char *root, uint64_t descriptors, char **said)
{
    size_t n;
    FILE *out = open_memstream(said, &n);
    int low = kg_doctor(out, root, &need, descriptors);
    fclose(out);
    return low;
}

static void what_is_too_low_is_told_with_the_command_that_raises_it(void **state)
{
    (void)state;
    char root[] = "/tmp/kgdoctor-XXXXXX";
    char *said = NULL;
    assert_non_null(mkdtemp(root));
    put(root, "/proc/sys/user/max_net_namespaces", "1099\n");
    put(root, "/proc/sys/kernel/pid_max", "4194304\n");
    assert_int_equal(look(root, 100000, &said), 1);
    assert_non_null(strstr(said, "LOW   user.max_net_namespaces is 1099"));
    assert_non_null(strstr(said, "sysctl -w user.max_net_namespaces=1100\n"));
    assert_non_null(strstr(said, "ok    kernel.pid_max is 4194304"));
    assert_non_null(strstr(said, "note  there is no slirp4netns, which"));
    assert_null(strstr(said, "threads-max")); /* this kernel has no such limit */
    free(said);
    put(root, "/proc/sys/user/max_net_namespaces", "1100\n");
    assert_int_equal(look(root, 100000, &said), 0);
    assert_non_null(strstr(said, "no limit is too low"));
    free(said);
    assert_int_equal(look(root, 1024, &said), 2);
    assert_non_null(strstr(said, "LimitNOFILE="));
    free(said);
    kg_autofree char *remove = kg_asprintf("rm -r %s", root);
    assert_int_equal(system(remove), 0);
}

/* In a chroot the kernel refuses them (clone(2), EPERM). The test's own process stays out of it. */
static void a_place_without_user_namespaces_is_told(void **state)
{
    (void)state;
    char root[] = "/tmp/kgdoctor-XXXXXX";
    int status;
    if (geteuid() != 0)
        skip(); /* only root may chroot */
    assert_non_null(mkdtemp(root));
    pid_t child = fork();
    if (child == 0) {
        char *said = NULL;
        size_t n;
        FILE *out = open_memstream(&said, &n);
        int wrong = chroot(root) == 0 && out ? kg_doctor_namespaces(out) : -1;
        fclose(out);
        _exit(wrong == 1 && strstr(said, "NO    user namespaces can't be made") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_low_is_told_with_the_command_that_raises_it),
        cmocka_unit_test(a_place_without_user_namespaces_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
