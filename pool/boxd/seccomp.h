#ifndef BD_SECCOMP_H
#define BD_SECCOMP_H
/*
 * The system calls of a box: an allow-list in the form of OCI's linux.seccomp. This is the outer of two
 * layers: it lets the agent change ids; the agent puts a stricter one on user code before each exec.
 * Everything that is not listed answers EPERM, clone3 answers ENOSYS: a C library then falls back to clone,
 * whose flags a filter can see, while EPERM would make every thread fail to start.
 */
#include "base/json.h"

/* Writes the profile as one JSON object. */
void bd_seccomp_write(struct kg_json *j);

/* True when a name is allowed for all arguments: for tests. */
int bd_seccomp_allows(const char *syscall);

#endif
