/*
 * The client of the spawner: starting it, talking to it, and replacing it. One run's life is in
 * run.c. What is to be said to the spawner waits as bits in the runs themselves, so a full socket
 * costs no memory and nothing is lost.
 */
#include "runner/exec/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define SOCKET_BUFFER (1 << 20)
#define PACKETS_PER_TURN 16
#define RESTART_MS 200 /* between two attempts to start a spawner */
#define REFS_FULL_MS 5 /* ETOOMANYREFS: until the spawner took some descriptors */

void exec_pool_wake(struct exec_pool *pool)
{
	if (pool->config.wake)
		pool->config.wake(pool->rt);
}

/* --- what is said to the spawner --- */

static int packet_send(struct exec_pool *pool, struct iovec *iov, size_t n_iov, const int *fds,
		       size_t n_fds)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(EXEC_FDS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n_iov };
	ssize_t n;

	if (n_fds > 0) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	do {
		n = sendmsg(pool->sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : 0;
}

static int send_start(struct exec_pool *pool, struct exec_run *run)
{
	const struct rt_job *job = &run->job;
	const struct exec_config *c = &pool->config;
	struct exec_request req = {
		.type = EXEC_START,
		.flags = run->has_stdin ? EXEC_HAS_STDIN : 0,
		.generation = pool->generation,
		.id = run->id,
		.uid = job->uid == UINT32_MAX ? c->uid : job->uid,
		.gid = job->uid == UINT32_MAX && job->gid == UINT32_MAX ? c->gid : job->gid,
		.path_len = (uint32_t)job->path.n,
		.dir_len = (uint32_t)job->dir.n,
		.env_len = (uint32_t)job->env.n,
		.n_env = (uint32_t)job->n_env,
		.limits = c->limits,
	};
	struct iovec iov[] = {
		{ &req, sizeof(req) },
		{ (void *)job->path.p, job->path.n + 1 },
		{ (void *)job->dir.p, job->dir.n + 1 },
		{ (void *)job->env.p, job->env.n },
	};
	int fds[EXEC_FDS_MAX], rc;
	size_t n_fds = 0, n_iov = ARRAY_LEN(iov);

	if (run->has_stdin)
		fds[n_fds++] = run->child_fd[EXEC_IN];
	fds[n_fds++] = run->child_fd[EXEC_OUT];
	fds[n_fds++] = run->child_fd[EXEC_ERR];
	if (run->blob != -1) {
		req.flags |= EXEC_BLOB_FD;
		fds[n_fds++] = run->blob;
		n_iov = 1;
	}
	rc = packet_send(pool, iov, n_iov, fds, n_fds);
	if (rc == 0)
		exec_run_sent(run);
	return rc;
}

static int send_one(struct exec_pool *pool, struct exec_run *run, enum exec_request_type type)
{
	struct exec_request req = { .type = (uint8_t)type,
				    .generation = pool->generation,
				    .id = run->id,
				    .grace_ms = pool->config.kill_grace_ms };
	struct iovec iov = { &req, sizeof(req) };

	return type == EXEC_START ? send_start(pool, run) : packet_send(pool, &iov, 1, NULL, 0);
}

static void on_socket(uv_poll_t *h, int status, int events);

static void poll_for(struct exec_pool *pool, bool write)
{
	if (pool->poll_write == write)
		return;
	pool->poll_write = write;
	(void)uv_poll_start(pool->poll, UV_READABLE | (write ? UV_WRITABLE : 0), on_socket);
}

void exec_pool_want(struct exec_pool *pool, struct exec_run *run, enum exec_request_type type)
{
	run->want |= (uint8_t)(1u << type);
	if (!list_linked(&run->queued))
		list_push_back(&pool->sendq, &run->queued);
}

void exec_pool_send(struct exec_pool *pool)
{
	while (pool->poll && !list_empty(&pool->sendq)) {
		struct exec_run *run = LIST_ENTRY(pool->sendq.next, struct exec_run, queued);
		const enum exec_request_type type =
			(enum exec_request_type)__builtin_ctz(run->want);
		const int rc = send_one(pool, run, type);

		if (rc == -EAGAIN) {
			poll_for(pool, true);
			return;
		}
		if (rc == -ETOOMANYREFS) {
			rt_timer_in(pool->rt, &pool->defer, REFS_FULL_MS);
			return;
		}
		/* The loop tells that the other end is gone, and everything starts anew. */
		if (rc == -EPIPE || rc == -ECONNRESET)
			return;
		if (rc < 0 && type == EXEC_START) {
			exec_run_finish_later(run, RT_RUN_NOT_STARTED, -rc);
			continue;
		}
		run->want &= (uint8_t) ~(1u << type);
		if (run->want)
			continue;
		list_del(&run->queued);
		exec_run_release(run);
	}
	if (pool->poll)
		poll_for(pool, false);
}

/* --- what the spawner says --- */

/* What only the dead spawner knew is lost; what still waits here is for the next one. */
static void runs_lost(struct exec_pool *pool, uint64_t before_id)
{
	LIST_EACH_SAFE (&pool->runs, it) {
		struct exec_run *run = LIST_ENTRY(it, struct exec_run, link);

		if (run->id >= before_id)
			return;
		if (!run->sent || run->exited)
			continue;
		run->sent = false;
		exec_run_finish(run, run->stop ? run->how : RT_RUN_LOST, run->status);
	}
}

static void report_in(struct exec_pool *pool, const struct exec_report *rep)
{
	if (rep->type == EXEC_LOST) {
		LOG(LOG_WARN, "spawner died and was replaced");
		pool->generation = (uint32_t)rep->value;
		runs_lost(pool, pool->next_id + 1);
		return;
	}
	for (struct map_node *n = map_first(&pool->by_id, rep->id); n; n = map_next(n)) {
		struct exec_run *run = CONTAINER_OF(n, struct exec_run, by_id);

		if (run->id == rep->id) {
			exec_run_report(run, rep);
			return;
		}
	}
}

static void spawner_gone(struct exec_pool *pool);

static void on_socket(uv_poll_t *h, int status, int events)
{
	struct exec_pool *pool = h->data;
	struct exec_report reps[EXEC_REPORTS_MAX];

	(void)status;
	(void)events;
	exec_pool_wake(pool);
	pool->refs++;
	for (int i = 0; i < PACKETS_PER_TURN && pool->poll == h; i++) {
		const ssize_t n = recv(pool->sock, reps, sizeof(reps), MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n <= 0) {
			spawner_gone(pool);
			break;
		}
		for (size_t k = 0; k < (size_t)n / sizeof(reps[0]); k++)
			report_in(pool, &reps[k]);
	}
	exec_pool_send(pool);
	exec_pool_unref(pool);
}

/* --- the spawner itself --- */

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static int spawn_program(const char *program, int sock, pid_t *ret_pid)
{
	char *const argv[] = { (char *)"sipcgid", (char *)EXEC_SPAWNER_ARG, NULL };
	char *const envp[] = { NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawn_file_actions_init(&fa);
	if (rc != 0)
		return -rc;
	rc = posix_spawnattr_init(&attr);
	if (rc != 0) {
		(void)posix_spawn_file_actions_destroy(&fa);
		return -rc;
	}
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	rc = posix_spawn_file_actions_adddup2(&fa, sock, EXEC_SPAWNER_FD);
	if (rc == 0)
		rc = posix_spawn(ret_pid, program, &fa, &attr, argv, envp);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&fa);
	return -rc;
}

static int spawner_start(struct exec_pool *pool)
{
	const int size = SOCKET_BUFFER;
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	AUTO_FREE uv_poll_t *poll_new = NULL;
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	(void)setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	poll_new = malloc(sizeof(*poll_new));
	if (!poll_new)
		return -ENOMEM;
	rc = spawn_program(pool->config.program, theirs, &pool->pid);
	if (rc < 0) {
		pool->pid = -1;
		return rc;
	}
	rc = uv_poll_init(pool->loop, poll_new, ours);
	if (rc < 0) {
		(void)kill(pool->pid, SIGKILL);
		(void)waitpid(pool->pid, NULL, 0);
		pool->pid = -1;
		return rc;
	}
	poll_new->data = pool;
	pool->poll = TAKE_PTR(poll_new);
	pool->sock = TAKE_FD(ours);
	pool->poll_write = true;
	poll_for(pool, false);
	pool->generation = 0;
	pool->started_at = pool->rt->now;
	return 0;
}

static void spawner_close(struct exec_pool *pool)
{
	if (!pool->poll)
		return;
	uv_close((uv_handle_t *)TAKE_PTR(pool->poll), free_handle);
	(void)close(pool->sock);
	pool->sock = -1;
}

static void restart(struct wheel_timer *t)
{
	struct exec_pool *pool = CONTAINER_OF(t, struct exec_pool, restart);

	if (spawner_start(pool) < 0) {
		rt_timer_in(pool->rt, t, RESTART_MS);
		return;
	}
	exec_pool_send(pool);
	if (pool->config.ready)
		pool->config.ready(pool->config.arg);
}

/* Both ends of it are gone: the keeper was killed, or could not go on. */
static void spawner_gone(struct exec_pool *pool)
{
	const uint64_t before = pool->next_id + 1;
	const uint64_t lived = pool->rt->now - pool->started_at;

	spawner_close(pool);
	(void)kill(pool->pid, SIGKILL);
	(void)waitpid(pool->pid, NULL, 0);
	pool->pid = -1;
	LOG(LOG_WARN, "spawner is gone and is started again");
	rt_timer_in(pool->rt, &pool->restart, lived < RESTART_MS ? RESTART_MS : 0);
	runs_lost(pool, before);
}

/* --- the pool --- */

static void deferred(struct wheel_timer *t)
{
	struct exec_pool *pool = CONTAINER_OF(t, struct exec_pool, defer);
	struct list now;

	pool->refs++;
	list_init(&now);
	list_splice(&now, &pool->ending);
	for (struct list *it; (it = list_pop(&now));) {
		struct exec_run *run = LIST_ENTRY(it, struct exec_run, ending);

		exec_run_finish(run, run->how, run->status);
	}
	exec_pool_send(pool);
	exec_pool_unref(pool);
}

int exec_pool_new(uv_loop_t *loop, struct runtime *rt, const struct exec_config *config,
		  struct exec_pool **ret)
{
	struct exec_pool *pool = calloc(1, sizeof(*pool));
	int rc = -ENOMEM;

	if (!pool)
		return -ENOMEM;
	pool->loop = loop;
	pool->rt = rt;
	pool->config = *config;
	pool->pid = -1;
	pool->sock = -1;
	pool->refs = 1;
	pool->restart.fire = restart;
	pool->defer.fire = deferred;
	map_init(&pool->by_id);
	list_init(&pool->runs);
	list_init(&pool->sendq);
	list_init(&pool->idle);
	list_init(&pool->ending);
	if (!pool->config.max_runs)
		pool->config.max_runs = EXEC_MAX_RUNS;
	if (!pool->config.kill_grace_ms)
		pool->config.kill_grace_ms = EXEC_KILL_GRACE_MS;
	if (!pool->config.pipe_grace_ms)
		pool->config.pipe_grace_ms = EXEC_PIPE_GRACE_MS;
	if (!pool->config.output_max)
		pool->config.output_max = EXEC_OUTPUT_MAX;
	pool->config.program = strdup(config->program ? config->program : "/proc/self/exe");
	if (pool->config.program) {
		(void)signal(SIGPIPE, SIG_IGN);
		rc = spawner_start(pool);
	}
	if (rc < 0) {
		exec_pool_unref(pool);
		return rc;
	}
	*ret = pool;
	return 0;
}

void exec_pool_unref(struct exec_pool *pool)
{
	if (--pool->refs > 0)
		return;
	for (struct list *it; (it = list_pop(&pool->idle));)
		free(LIST_ENTRY(it, struct exec_run, link));
	map_fini(&pool->by_id);
	free((char *)pool->config.program);
	free(pool);
}

/* The keeper ends when every script has. */
static void keeper_wait(pid_t pid)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (fd == -1 || poll(&pfd, 1, EXEC_CLOSE_MS) < 1)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

void exec_pool_free(struct exec_pool *pool)
{
	if (!pool)
		return;
	rt_timer_stop(pool->rt, &pool->restart);
	rt_timer_stop(pool->rt, &pool->defer);
	/* First, so that nothing new is accepted; what is queued for sending needs no sending. */
	spawner_close(pool);
	while (!list_empty(&pool->runs)) {
		struct exec_run *run = LIST_ENTRY(pool->runs.next, struct exec_run, link);

		run->sent = false;
		exec_run_finish(run, run->stop ? run->how : RT_RUN_CANCELLED, run->status);
	}
	for (struct list *it; (it = list_pop(&pool->sendq));)
		exec_run_release(LIST_ENTRY(it, struct exec_run, queued));
	if (pool->pid != -1)
		keeper_wait(pool->pid);
	pool->pid = -1;
	exec_pool_unref(pool);
}

unsigned exec_pool_live(const struct exec_pool *pool)
{
	return pool->live;
}

pid_t exec_pool_pid(const struct exec_pool *pool)
{
	return pool->pid;
}

int exec_run_start(struct exec_pool *pool, const struct rt_job *job, const struct rt_run_events *ev,
		   void *arg, struct rt_run **ret_run)
{
	struct exec_run *run;
	int rc;

	if (job->timeout_ms == 0 || job->path.n == 0 || job->path.p[0] != '/' || job->dir.n == 0 ||
	    job->dir.p[0] != '/')
		return -EINVAL;
	if (!pool->poll)
		return -EPIPE;
	if (pool->live >= pool->config.max_runs)
		return -EAGAIN;
	rc = exec_run_open(pool, job, &run);
	if (rc == -EMFILE || rc == -ENFILE)
		return pool->live ? -EAGAIN : rc;
	if (rc < 0)
		return rc;
	run->id = ++pool->next_id;
	rc = map_add(&pool->by_id, &run->by_id, run->id);
	if (rc < 0) {
		exec_run_discard(run);
		return rc;
	}
	list_push_back(&pool->runs, &run->link);
	pool->live++;
	run->ev = *ev;
	run->arg = arg;
	rt_timer_in(pool->rt, &run->timer, job->timeout_ms);
	exec_pool_want(pool, run, EXEC_START);
	exec_pool_send(pool);
	*ret_run = (struct rt_run *)run;
	return 0;
}
