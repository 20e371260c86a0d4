/* The processes whose parent we are. */
#ifndef SIPCGID_RUNNER_EXEC_CHILDREN_H
#define SIPCGID_RUNNER_EXEC_CHILDREN_H

#include <sys/types.h>

typedef void exec_child_fn(pid_t pid);

/*
 * Calls @fn for each child, also those that have ended and were not reaped. @fn may signal it, but
 * not reap it. Nothing happens where /proc is not mounted.
 */
void exec_children_each(exec_child_fn *fn);
/* The same by looking at every process there is: for kernels without lists of children. */
void exec_children_scan(exec_child_fn *fn);

#endif
