/*
 * Root is needed to bind a port below 1024 and, in the spawner, to start scripts as other users.
 * The spawner is a process of its own that was started before: the daemon itself gives all up.
 */
#include "daemon/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int privilege_drop(const char *user, uid_t uid, gid_t gid)
{
	if (geteuid() != 0) {
		if (geteuid() != uid)
			return -EPERM;
	} else if (initgroups(user, gid) == -1 || setresgid(gid, gid, gid) == -1 ||
		   setresuid(uid, uid, uid) == -1) {
		return -errno;
	} else if (uid != 0 && (setuid(0) == 0 || setgid(0) == 0)) {
		/* A kernel that lets us return has not let us go. */
		return -EPERM;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -errno;
	return 0;
}

unsigned long privilege_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			limit.rlim_cur = before;
	}
	return (unsigned long)limit.rlim_cur;
}

int privilege_fill_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
		if (fd == -1)
			return -errno;
	} while (fd <= 2);
	return close(fd) == -1 ? -errno : 0;
}
