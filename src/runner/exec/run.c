/*
 * One run, on the client's side: its pipes, its time and its end. A run is over when its output
 * ended, its error output ended and the script was reaped, in any order (SIPCGI.md 3).
 *
 *   accepted --sent--> running --report exited--> (pipes still open: grace) --> ended
 *                         |---- timeout, stop: output dropped, TERM, KILL --------^
 *                         |---- could not be executed, spawner lost --------------^
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runner/exec/client.h"

/* Beyond TERM, KILL and their grace: for a process that the kernel cannot end. */
#define GIVE_UP_MS 1000

static struct exec_run *run_of(struct rt_run *run)
{
	return (struct exec_run *)run;
}

/* --- pipes --- */

static void handle_closed(uv_handle_t *h)
{
	struct exec_run *run = h->data;

	run->open_handles--;
	exec_run_release(run);
}

static void pipe_close(struct exec_run *run, enum exec_pipe which)
{
	if (run->child_fd[which] != -1) {
		(void)close(run->child_fd[which]);
		run->child_fd[which] = -1;
	}
	if (run->fd[which] == -1)
		return;
	if (run->polled & 1u << which)
		uv_close((uv_handle_t *)&run->poll[which], handle_closed);
	(void)close(run->fd[which]);
	run->fd[which] = -1;
}

static void pipes_close(struct exec_run *run)
{
	if (run->blob != -1)
		(void)close(run->blob);
	run->blob = -1;
	for (int i = 0; i < EXEC_PIPES; i++)
		pipe_close(run, i);
}

static int pipe_open(struct exec_run *run, enum exec_pipe which)
{
	const bool in = which == EXEC_IN;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -errno;
	run->fd[which] = fds[in];
	run->child_fd[which] = fds[!in];
	/* Only our end: the script's is another open file and stays blocking. */
	if (fcntl(fds[in], F_SETFL, O_NONBLOCK) == -1)
		return -errno;
	return 0;
}

static int pipe_poll(struct exec_run *run, enum exec_pipe which, int events, uv_poll_cb cb)
{
	int rc;

	if (!(run->polled & 1u << which)) {
		rc = uv_poll_init(run->pool->loop, &run->poll[which], run->fd[which]);
		if (rc < 0)
			return rc;
		run->poll[which].data = run;
		run->polled |= (uint8_t)(1u << which);
		run->open_handles++;
	}
	return uv_poll_start(&run->poll[which], events, cb);
}

static void run_check(struct exec_run *run)
{
	if (run->exited && run->fd[EXEC_OUT] == -1 && run->fd[EXEC_ERR] == -1)
		exec_run_finish(run, run->how, run->status);
}

static void on_writable(uv_poll_t *h, int status, int events);

/*
 * A script need not read its body (RFC 3050 5.5.2): a closed pipe is no error. Closing our end is
 * the end of file that the script waits for.
 */
static int body_write(struct exec_run *run)
{
	while (run->body.n > 0) {
		const ssize_t n = write(run->fd[EXEC_IN], run->body.p, run->body.n);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return run->polled & 1u << EXEC_IN
				       ? 0
				       : pipe_poll(run, EXEC_IN, UV_WRITABLE, on_writable);
		if (n == -1)
			break;
		run->body = slice_skip(run->body, (size_t)n);
	}
	if (run->polled & 1u << EXEC_IN)
		uv_close((uv_handle_t *)&run->poll[EXEC_IN], handle_closed);
	(void)close(run->fd[EXEC_IN]);
	run->fd[EXEC_IN] = -1;
	return 0;
}

static void on_writable(uv_poll_t *h, int status, int events)
{
	struct exec_run *run = h->data;

	(void)status;
	(void)events;
	exec_pool_wake(run->pool);
	(void)body_write(run);
}

static void stop(struct exec_run *run, enum rt_run_end how, int status);

/* One read per turn of the loop: a script that floods us does not starve the others. */
static void on_readable(uv_poll_t *h, int status, int events)
{
	struct exec_run *run = h->data;
	struct exec_pool *pool = run->pool;
	const enum exec_pipe which = h == &run->poll[EXEC_OUT] ? EXEC_OUT : EXEC_ERR;
	struct slice bytes;
	ssize_t n;

	(void)status;
	(void)events;
	exec_pool_wake(pool);
	n = read(run->fd[which], pool->buf, sizeof(pool->buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		pipe_close(run, which);
		run_check(run);
		return;
	}
	run->output += (uint64_t)n;
	if (run->output > pool->config.output_max) {
		stop(run, RT_RUN_SIGNALED, SIGKILL);
		return;
	}
	bytes = slice_of(pool->buf, (size_t)n);
	if (which == EXEC_OUT)
		run->ev.output(run->arg, bytes);
	else
		run->ev.error_output(run->arg, bytes);
}

/* --- time --- */

static void stop(struct exec_run *run, enum rt_run_end how, int status)
{
	struct exec_pool *pool = run->pool;

	if (run->ended || run->stop)
		return;
	run->stop = true;
	run->how = how;
	run->status = status;
	/*
	 * Nobody reads any more, but the pipes stay: a script that says a word while it cleans up
	 * shall not die of SIGPIPE, and one that floods us blocks.
	 */
	pipe_close(run, EXEC_IN);
	for (int i = EXEC_OUT; i < EXEC_PIPES; i++)
		if (run->fd[i] != -1)
			(void)uv_poll_stop(&run->poll[i]);
	if (!run->sent || run->exited) {
		exec_run_finish_later(run, how, status);
		return;
	}
	run->phase = EXEC_STOPPING;
	rt_timer_in(pool->rt, &run->timer, 2 * (uint64_t)pool->config.kill_grace_ms + GIVE_UP_MS);
	exec_pool_want(pool, run, EXEC_STOP);
	exec_pool_send(pool);
}

static void on_timer(struct wheel_timer *t)
{
	struct exec_run *run = CONTAINER_OF(t, struct exec_run, timer);

	switch (run->phase) {
	case EXEC_RUNNING:
		stop(run, RT_RUN_TIMEOUT, 0);
		return;
	case EXEC_PIPE_GRACE:
	case EXEC_STOPPING:
		exec_run_finish(run, run->how, run->status);
		return;
	}
}

/* --- life --- */

/* What does not fit into a packet goes in a memory file. */
static int blob_open(struct exec_run *run)
{
	const struct rt_job *job = &run->job;
	const struct slice parts[] = { { job->path.p, job->path.n + 1 },
				       { job->dir.p, job->dir.n + 1 },
				       job->env };

	run->blob = memfd_create("sipcgid-job", MFD_CLOEXEC);
	if (run->blob == -1)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct slice s = parts[i];

		while (s.n > 0) {
			const ssize_t n = write(run->blob, s.p, s.n);

			if (n == -1)
				return -errno;
			s = slice_skip(s, (size_t)n);
		}
	}
	return 0;
}

int exec_run_open(struct exec_pool *pool, const struct rt_job *job, struct exec_run **ret)
{
	struct list *idle = list_pop(&pool->idle);
	struct exec_run *run;
	int rc = 0;

	run = idle ? LIST_ENTRY(idle, struct exec_run, link) : malloc(sizeof(*run));
	if (!run)
		return -ENOMEM;
	memset(run, 0, sizeof(*run));
	run->pool = pool;
	run->pid = -1;
	run->blob = -1;
	run->job = *job;
	run->body = job->body;
	run->has_stdin = job->body.n > 0;
	run->timer.fire = on_timer;
	for (int i = 0; i < EXEC_PIPES; i++)
		run->fd[i] = run->child_fd[i] = -1;
	pool->refs++;

	if (job->path.n + job->dir.n + 2 + job->env.n > EXEC_INLINE_MAX)
		rc = blob_open(run);
	/* Without a body the script reads the spawner's /dev/null. */
	for (int i = run->has_stdin ? EXEC_IN : EXEC_OUT; rc == 0 && i < EXEC_PIPES; i++)
		rc = pipe_open(run, i);
	for (int i = EXEC_OUT; rc == 0 && i < EXEC_PIPES; i++)
		rc = pipe_poll(run, i, UV_READABLE, on_readable);
	/* A pipe holds 64 KiB: as a rule this is all of it. */
	if (rc == 0 && run->has_stdin)
		rc = body_write(run);
	if (rc < 0) {
		exec_run_discard(run);
		return rc;
	}
	*ret = run;
	return 0;
}

void exec_run_discard(struct exec_run *run)
{
	run->ended = true;
	pipes_close(run);
	exec_run_release(run);
}

void exec_run_release(struct exec_run *run)
{
	struct exec_pool *pool = run->pool;

	if (!run->ended || run->open_handles > 0 || list_linked(&run->queued))
		return;
	list_push_back(&pool->idle, &run->link);
	exec_pool_unref(pool);
}

void exec_run_sent(struct exec_run *run)
{
	run->sent = true;
	for (int i = 0; i < EXEC_PIPES; i++) {
		if (run->child_fd[i] != -1)
			(void)close(run->child_fd[i]);
		run->child_fd[i] = -1;
	}
	if (run->blob != -1)
		(void)close(run->blob);
	run->blob = -1;
}

void exec_run_finish(struct exec_run *run, enum rt_run_end how, int status)
{
	struct exec_pool *pool = run->pool;

	if (run->ended)
		return;
	run->ended = true;
	rt_timer_stop(pool->rt, &run->timer);
	list_del(&run->ending);
	pipes_close(run);
	list_del(&run->link);
	map_del(&pool->by_id, &run->by_id);
	pool->live--;
	run->open_handles++; /* sending, here or from the callback, may not release it yet */
	/* A stopped run's leftovers have their grace still; the spawner ends them by itself. */
	if (run->sent && (run->exited ? run->phase != EXEC_STOPPING : run->stop)) {
		exec_pool_want(pool, run, EXEC_END);
		exec_pool_send(pool);
	} else {
		run->want = 0;
		list_del(&run->queued);
	}
	run->ev.ended(run->arg, how, status);
	run->open_handles--;
	exec_run_release(run);
}

void exec_run_finish_later(struct exec_run *run, enum rt_run_end how, int status)
{
	struct exec_pool *pool = run->pool;

	run->how = how;
	run->status = status;
	rt_timer_stop(pool->rt, &run->timer);
	if (list_linked(&run->ending))
		return;
	if (!run->sent) {
		run->want = 0;
		list_del(&run->queued);
	}
	list_push_back(&pool->ending, &run->ending);
	if (!wheel_is_set(&pool->defer))
		rt_timer_in(pool->rt, &pool->defer, 0);
}

void exec_run_report(struct exec_run *run, const struct exec_report *rep)
{
	struct exec_pool *pool = run->pool;

	switch (rep->type) {
	case EXEC_STARTED:
		run->pid = rep->value;
		return;
	case EXEC_FAILED:
		run->sent = false; /* the spawner has forgotten it */
		if (!run->stop) {
			run->how = RT_RUN_NOT_STARTED;
			run->status = rep->value;
		}
		exec_run_finish(run, run->how, run->status);
		return;
	case EXEC_EXITED:
	case EXEC_SIGNALED:
		break;
	default:
		return;
	}
	run->pid = -1;
	run->exited = true;
	if (rep->flags & EXEC_CLEAN)
		run->sent = false; /* as above */
	if (run->stop) {
		exec_run_finish(run, run->how, run->status);
		return;
	}
	run->how = rep->type == EXEC_EXITED ? RT_RUN_EXITED : RT_RUN_SIGNALED;
	run->status = rep->value;
	run->phase = EXEC_PIPE_GRACE;
	if (run->fd[EXEC_OUT] != -1 || run->fd[EXEC_ERR] != -1)
		rt_timer_in(pool->rt, &run->timer, pool->config.pipe_grace_ms);
	run_check(run);
}

void exec_run_stop(struct rt_run *rt_run)
{
	stop(run_of(rt_run), RT_RUN_CANCELLED, 0);
}

pid_t exec_run_pid(const struct rt_run *rt_run)
{
	return ((const struct exec_run *)rt_run)->pid;
}
