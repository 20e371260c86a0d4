/*
 * Resource limits and the user of a script. Runs in a process that shares its parent's memory, so
 * everything called here is a plain system call; the C library's setuid() and friends would tell
 * other threads and take locks.
 */
#include "runner/exec/limits.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int limit(int what, uint64_t value)
{
	const struct rlimit r = { value, value };

	if (value == 0)
		return 0;
	return (int)syscall(SYS_prlimit64, 0, what, &r, NULL);
}

int exec_limits_apply(const struct exec_limits *l, uint32_t tag)
{
	if (limit(RLIMIT_CPU, l->cpu_s) == -1 || limit(RLIMIT_AS, l->as_bytes) == -1 ||
	    limit(RLIMIT_NOFILE, l->nofile) == -1 || limit(RLIMIT_FSIZE, l->fsize) == -1)
		return -1;
	/* Fails only where the daemon itself has such a limit; its runs then have no tag, and
	 * what outlives its parent is ended at the next occasion. */
	(void)limit(RLIMIT_RTTIME, EXEC_TAG_BASE + tag);
	return 0;
}

bool exec_tag_of(pid_t pid, uint32_t *ret_tag)
{
	struct rlimit r;

	if (syscall(SYS_prlimit64, pid, RLIMIT_RTTIME, NULL, &r) == -1)
		return false;
	if (r.rlim_max < EXEC_TAG_BASE || r.rlim_max - EXEC_TAG_BASE > UINT32_MAX)
		return false;
	*ret_tag = (uint32_t)(r.rlim_max - EXEC_TAG_BASE);
	return true;
}

void exec_user_init(struct exec_user *u, uint32_t uid, uint32_t gid)
{
	struct passwd *pw;
	int n = EXEC_GROUPS_MAX;

	u->uid = uid == geteuid() ? UINT32_MAX : uid;
	u->gid = gid == getegid() && u->uid == UINT32_MAX ? UINT32_MAX : gid;
	u->n_groups = 0;
	if (u->uid == UINT32_MAX && u->gid == UINT32_MAX)
		return;
	if (u->gid == UINT32_MAX) {
		pw = getpwuid(uid);
		u->gid = pw ? pw->pw_gid : getegid();
	} else {
		pw = uid == UINT32_MAX ? NULL : getpwuid(uid);
	}
	u->groups[0] = u->gid;
	u->n_groups = 1;
	if (pw && getgrouplist(pw->pw_name, u->gid, u->groups, &n) > 0)
		u->n_groups = n;
}

int exec_user_become(const struct exec_user *u)
{
	if (u->uid == UINT32_MAX && u->gid == UINT32_MAX)
		return 0;
	if (syscall(SYS_setgroups, u->n_groups, u->groups) == -1 ||
	    syscall(SYS_setresgid, u->gid, u->gid, u->gid) == -1)
		return -1;
	if (u->uid == UINT32_MAX)
		return 0;
	return (int)syscall(SYS_setresuid, u->uid, u->uid, u->uid);
}
