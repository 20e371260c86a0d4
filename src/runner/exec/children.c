/*
 * Children are found in /proc: the kernel gives what lost its parent to the nearest subreaper, but
 * tells it nothing. See proc(5), /proc/pid/task/tid/children and /proc/pid/stat.
 */
#include "runner/exec/children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

void exec_children_each(exec_child_fn *fn)
{
	char path[64], buf[4096];
	size_t have = 0;
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			exec_children_scan(fn);
		return;
	}
	/* "123 456 ": what has ended stays in it until it is reaped, so it does not shift as we
	 * read; what comes in meanwhile comes in at the end. */
	while ((n = read(fd, buf + have, sizeof(buf) - 1 - have)) > 0) {
		char *p = buf, *blank;

		have += (size_t)n;
		buf[have] = '\0';
		while ((blank = strchr(p, ' '))) {
			fn((pid_t)strtol(p, NULL, 10));
			p = blank + 1;
		}
		have -= (size_t)(p - buf);
		memmove(buf, p, have);
	}
}

/* "pid (name) state ppid ...": the name may have anything in it but ends with the last bracket. */
static pid_t parent_of(int proc, const char *pid)
{
	char path[300], buf[512];
	AUTO_CLOSE int fd = -1;
	const char *p;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/stat", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	n = fd == -1 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	p = strrchr(buf, ')');
	return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : -1;
}

void exec_children_scan(exec_child_fn *fn)
{
	DIR *dir = opendir("/proc");
	const pid_t self = getpid();
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    parent_of(dirfd(dir), e->d_name) == self)
			fn((pid_t)strtol(e->d_name, NULL, 10));
	(void)closedir(dir);
}
