/* What is done in the new process between its creation and exec. */
#ifndef SIPCGID_RUNNER_EXEC_LIMITS_H
#define SIPCGID_RUNNER_EXEC_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runner/exec/exec.h"

/*
 * A limit that is inherited by every descendant, that nobody uses (it counts the CPU time of
 * real-time processes), and whose value therefore tells which run a process belongs to. Unlike a
 * process group or session it cannot be left by accident. Values start here, in microseconds.
 */
#define EXEC_TAG_BASE (UINT64_C(1) << 40)

/* Only system calls: the caller shares its memory with the spawner. 0 or -1 with errno. */
int exec_limits_apply(const struct exec_limits *l, uint32_t tag);
/* The tag of a process; false if it has none or is gone. */
bool exec_tag_of(pid_t pid, uint32_t *ret_tag);

#define EXEC_GROUPS_MAX 64

/* Who a script runs as. */
struct exec_user {
	uint32_t uid, gid; /* UINT32_MAX: nothing to change */
	int n_groups;
	gid_t groups[EXEC_GROUPS_MAX];
};

/* Looks the supplementary groups up; with UINT32_MAX or without root there are none to set. */
void exec_user_init(struct exec_user *u, uint32_t uid, uint32_t gid);
/* Only system calls. 0 or -1 with errno. */
int exec_user_become(const struct exec_user *u);

#endif
