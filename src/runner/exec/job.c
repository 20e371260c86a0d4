/*
 * Starting a script. The new process shares the spawner's memory until it has executed the script
 * (CLONE_VM | CLONE_VFORK), so nothing is copied and the result of exec is known when clone()
 * returns. It has its own stack: the compiler may keep what it likes on ours.
 */
#include "runner/exec/job.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/exec/limits.h"

/* More than the calls of child() need, and a signal frame with wide vector registers. */
#define STACK_SIZE 65536

struct start {
	const char *path;
	const char *dir;
	char **envp;
	int fd[3]; /* [0] -1: keep the spawner's /dev/null */
	uint32_t tag;
	const struct exec_limits *limits;
	const struct exec_user *user;
	int err; /* set by the child: it shares our memory */
};

static char stack[STACK_SIZE] __attribute__((aligned(64)));

/* Kept from job to job, so that a job allocates and looks up nothing. */
static char **env_list;
static size_t env_cap;
static struct exec_user user;
static uint32_t user_uid, user_gid;
static bool user_known;

/* Only system calls from here on: the spawner's memory, one stack of its own. */
__attribute__((no_sanitize("address", "undefined"), no_stack_protector)) static int child(void *arg)
{
	struct start *s = arg;
	char *argv[2] = { (char *)s->path, NULL };
	sigset_t none;

	/* A session has no terminal and is a process group of its own. */
	if (setsid() == -1)
		goto fail;
	if ((s->fd[0] != -1 && dup2(s->fd[0], STDIN_FILENO) == -1) ||
	    dup2(s->fd[1], STDOUT_FILENO) == -1 || dup2(s->fd[2], STDERR_FILENO) == -1)
		goto fail;
	if (exec_limits_apply(s->limits, s->tag) == -1 || exec_user_become(s->user) == -1)
		goto fail;
	/* As the script's user: a directory it may not enter is no working directory. */
	if (chdir(s->dir) == -1)
		goto fail;

	/* No signal is ignored in the spawner and handlers end with exec: the mask is all there is.
	 */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(s->path, argv, s->envp);
fail:
	s->err = errno;
	_exit(127);
}

/* Points into @env, "NAME=value\0..." of @n strings. */
static int env_split(char *env, size_t len, size_t n)
{
	size_t i = 0;

	if (n + 1 > env_cap) {
		char **list = realloc(env_list, (n + 1) * sizeof(*list));

		if (!list)
			return -ENOMEM;
		env_list = list;
		env_cap = n + 1;
	}
	while (len > 0) {
		const char *end = memchr(env, '\0', len);

		if (!end || i == n)
			return -EPROTO;
		env_list[i++] = env;
		len -= (size_t)(end + 1 - env);
		env += end + 1 - env;
	}
	if (i != n)
		return -EPROTO;
	env_list[i] = NULL;
	return 0;
}

static int start(const struct exec_request *req, char *blob, size_t len, const int *fds,
		 uint32_t tag, pid_t *ret_pid)
{
	const size_t heads = (size_t)req->path_len + 1 + req->dir_len + 1;
	const bool has_stdin = req->flags & EXEC_HAS_STDIN;
	struct start s = {
		.path = blob,
		.dir = blob + (size_t)req->path_len + 1,
		.fd = { has_stdin ? fds[0] : -1, fds[has_stdin], fds[has_stdin + 1] },
		.tag = tag,
		.limits = &req->limits,
		.user = &user,
	};
	pid_t pid;
	int rc;

	if (heads + req->env_len != len || s.path[req->path_len] != '\0' ||
	    s.dir[req->dir_len] != '\0')
		return -EPROTO;
	rc = env_split(blob + heads, req->env_len, req->n_env);
	if (rc < 0)
		return rc;
	s.envp = env_list;

	if (!user_known || user_uid != req->uid || user_gid != req->gid) {
		exec_user_init(&user, req->uid, req->gid);
		user_uid = req->uid;
		user_gid = req->gid;
		user_known = true;
	}

	pid = clone(child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, &s);
	if (pid == -1)
		return -errno;
	if (s.err) {
		(void)waitpid(pid, NULL, 0); /* it has ended already */
		return -s.err;
	}
	*ret_pid = pid;
	return 0;
}

int exec_job_start(const struct exec_request *req, char *tail, size_t n_tail, const int *fds,
		   size_t n_fds, uint32_t tag, pid_t *ret_pid)
{
	const size_t len = (size_t)req->path_len + 1 + req->dir_len + 1 + req->env_len;
	const size_t n_want = 2 + !!(req->flags & EXEC_HAS_STDIN) + !!(req->flags & EXEC_BLOB_FD);
	char *blob;
	int rc;

	if (n_fds != n_want)
		return -EPROTO;
	if (!(req->flags & EXEC_BLOB_FD))
		return start(req, tail, n_tail, fds, tag, ret_pid);

	blob = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fds[n_fds - 1], 0);
	if (blob == MAP_FAILED)
		return -errno;
	rc = start(req, blob, len, fds, tag, ret_pid);
	(void)munmap(blob, len);
	return rc;
}

void exec_job_cleanup(void)
{
	free(env_list);
	env_list = NULL;
	env_cap = 0;
}
