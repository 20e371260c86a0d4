/*
 * The spawner: a small single-threaded process that starts scripts and ends them. DESIGN.md 2.5,
 * SIPCGI.md 3 and 6.
 *
 * It is this program executed again, not a fork of the daemon, for three reasons: it stays small
 * whatever the daemon has grown to, it has none of the daemon's descriptors, threads or library
 * state, and a lost one is replaced with one vfork-like step. There are two processes. The outer,
 * the keeper, does nothing but wait for the inner: when that dies (an operator's kill, the
 * out-of-memory killer) its scripts become the keeper's children, because both are child
 * subreapers; the keeper ends them, tells the client that the runs are lost, and forks the next
 * spawner, still with the rights the first one had.
 *
 * A run's processes are found without trusting them to stay in a session or process group. What
 * loses its parent becomes our child, and carries the tag of its run (limits.h); so children that
 * are not the script itself are looked through when a run has ended, when one of them was reaped,
 * and when a grace is over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner/exec/children.h"
#include "runner/exec/job.h"
#include "runner/exec/limits.h"
#include "runner/exec/wire.h"

#define REQUESTS_PER_TURN 8
#define KEEPER_PATIENCE_MS 1000 /* for processes that the kernel does not end at once */
#define KEEPER_BACKOFF_MS 100   /* before the next spawner, if the last lived no longer */

struct run {
	uint64_t id;
	uint32_t tag;
	pid_t pid;        /* the script; 0: reaped */
	bool killed;      /* its processes get no more grace */
	uint64_t kill_at; /* ms; 0: it is not being stopped */
};

static struct {
	uint32_t generation;
	uint32_t next_tag;
	struct run *runs;
	size_t n, cap;
	bool sweep;     /* look through our children before waiting again */
	bool childless; /* there are none */
	struct exec_report reports[EXEC_REPORTS_MAX];
	size_t n_reports;
} sp;

static volatile sig_atomic_t got_child;
static volatile sig_atomic_t got_quit;

static void on_child(int sig)
{
	(void)sig;
	got_child = 1;
}

static void on_quit(int sig)
{
	(void)sig;
	got_quit = 1;
}

/* A service manager or terminal signals us with the daemon; the daemon decides when we end. */
static void on_ignored(int sig)
{
	(void)sig;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void report_flush(void)
{
	size_t n = sp.n_reports * sizeof(sp.reports[0]);

	/* Blocks while the client is busy; an error means it is gone, which recv tells too. */
	while (n > 0 && send(EXEC_SPAWNER_FD, sp.reports, n, MSG_NOSIGNAL) == -1 && errno == EINTR)
		;
	sp.n_reports = 0;
}

static void report(enum exec_report_type type, uint64_t id, int value)
{
	if (sp.n_reports == EXEC_REPORTS_MAX)
		report_flush();
	sp.reports[sp.n_reports++] = (struct exec_report){ (uint16_t)type, 0, value, id };
}

static struct run *run_by_id(uint64_t id)
{
	for (size_t i = 0; i < sp.n; i++)
		if (sp.runs[i].id == id)
			return &sp.runs[i];
	return NULL;
}

static struct run *run_by_pid(pid_t pid)
{
	for (size_t i = 0; i < sp.n; i++)
		if (sp.runs[i].pid == pid)
			return &sp.runs[i];
	return NULL;
}

static struct run *run_by_tag(uint32_t tag)
{
	for (size_t i = 0; i < sp.n; i++)
		if (sp.runs[i].tag == tag)
			return &sp.runs[i];
	return NULL;
}

static void run_forget(struct run *r)
{
	*r = sp.runs[--sp.n];
	sp.sweep = true;
}

/* No more grace. The group is signalled only while its leader's pid is surely ours. */
static void run_kill(struct run *r)
{
	r->kill_at = 0;
	r->killed = true;
	sp.sweep = true;
	if (r->pid)
		(void)kill(-r->pid, SIGKILL);
	else
		run_forget(r);
}

static void stray_check(pid_t pid)
{
	struct run *r;
	uint32_t tag;

	if (run_by_pid(pid))
		return;
	r = exec_tag_of(pid, &tag) ? run_by_tag(tag) : NULL;
	if (!r || r->killed)
		(void)kill(pid, SIGKILL);
}

/* There is no process of any run: what is known of those that have ended is not needed. */
static void all_clean(void)
{
	for (size_t i = 0; i < sp.n_reports; i++)
		if (sp.reports[i].type == EXEC_EXITED || sp.reports[i].type == EXEC_SIGNALED)
			sp.reports[i].flags = EXEC_CLEAN;
	for (size_t i = sp.n; i-- > 0;)
		if (!sp.runs[i].pid)
			run_forget(&sp.runs[i]);
}

static void children_reap(void)
{
	pid_t pid;
	int st;

	got_child = 0;
	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		struct run *r = run_by_pid(pid);

		if (!r) {
			sp.sweep = true; /* its children are ours now */
			continue;
		}
		if (WIFSIGNALED(st))
			report(EXEC_SIGNALED, r->id, WTERMSIG(st));
		else
			report(EXEC_EXITED, r->id, WEXITSTATUS(st));
		r->pid = 0;
		if (r->killed)
			run_forget(r);
	}
	sp.childless = pid == -1; /* ECHILD */
	if (sp.childless)
		all_clean();
}

static int runs_reserve(void)
{
	const size_t cap = sp.cap ? sp.cap * 2 : 64;
	struct run *runs;

	if (sp.n < sp.cap)
		return 0;
	runs = realloc(sp.runs, cap * sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	sp.runs = runs;
	sp.cap = cap;
	return 0;
}

static void request_start(const struct exec_request *req, char *tail, size_t n_tail, const int *fds,
			  size_t n_fds)
{
	const uint32_t tag = sp.next_tag++;
	pid_t pid = 0;
	int rc;

	if (req->generation != sp.generation)
		return; /* the client knows that it is lost */
	rc = runs_reserve();
	if (rc == 0)
		rc = exec_job_start(req, tail, n_tail, fds, n_fds, tag, &pid);
	if (rc < 0) {
		report(EXEC_FAILED, req->id, -rc);
		return;
	}
	sp.childless = false;
	sp.runs[sp.n++] = (struct run){ .id = req->id, .tag = tag, .pid = pid };
	report(EXEC_STARTED, req->id, pid);
}

static void request_stop(const struct exec_request *req)
{
	struct run *r = run_by_id(req->id);

	if (!r || r->killed || r->kill_at)
		return;
	if (!r->pid || req->grace_ms == 0) {
		run_kill(r);
		return;
	}
	(void)kill(-r->pid, SIGTERM);
	r->kill_at = now_ms() + req->grace_ms;
}

static void request_end(const struct exec_request *req)
{
	struct run *r = run_by_id(req->id);

	if (r && !r->killed)
		run_kill(r);
}

struct packet_in {
	struct exec_request req;
	char tail[EXEC_INLINE_MAX];
};

static struct packet_in in;

/*
 * Bytes in `in`, 0 at the end, -EAGAIN, -EINTR. Descriptors that came along are the caller's.
 */
static ssize_t packet_recv(int *fds, size_t *ret_n_fds)
{
	struct iovec iov = { &in, sizeof(in) };
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(EXEC_FDS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	const ssize_t n = recvmsg(EXEC_SPAWNER_FD, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_n_fds = 0;
	if (n == -1)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		const size_t n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
		*ret_n_fds = n_fds;
	}
	return n;
}

/* False at the end of the connection. */
static bool requests_read(void)
{
	for (int i = 0; i < REQUESTS_PER_TURN; i++) {
		int fds[EXEC_FDS_MAX];
		size_t n_fds;
		const ssize_t n = packet_recv(fds, &n_fds);

		if (n == 0)
			return false;
		if (n < 0)
			return n == -EAGAIN || n == -EINTR;
		if ((size_t)n >= sizeof(in.req)) {
			if (in.req.type == EXEC_START)
				request_start(&in.req, in.tail, (size_t)n - sizeof(in.req), fds,
					      n_fds);
			else if (in.req.type == EXEC_STOP)
				request_stop(&in.req);
			else
				request_end(&in.req);
		}
		for (size_t k = 0; k < n_fds; k++)
			(void)close(fds[k]);
	}
	return true;
}

/* Ends the runs whose grace is over; how long the next one may still take, NULL if there is none.
 */
static struct timespec *deadlines(struct timespec *ts)
{
	uint64_t next = UINT64_MAX, now = 0;

	for (size_t i = sp.n; i-- > 0;) {
		struct run *r = &sp.runs[i];

		if (!r->kill_at)
			continue;
		if (!now)
			now = now_ms();
		if (r->kill_at <= now)
			run_kill(r);
		else if (r->kill_at - now < next)
			next = r->kill_at - now;
	}
	if (next == UINT64_MAX)
		return NULL;
	ts->tv_sec = (time_t)(next / 1000);
	ts->tv_nsec = (long)(next % 1000) * 1000000;
	return ts;
}

/* Returns the exit status: 0 when the client closed the connection, 1 when told to end. */
static int spawner_loop(void)
{
	struct pollfd pfd = { .fd = EXEC_SPAWNER_FD, .events = POLLIN };
	struct timespec ts, *wait;
	sigset_t none;

	sigemptyset(&none);
	for (;;) {
		wait = deadlines(&ts);
		if (sp.sweep && !sp.childless)
			exec_children_each(stray_check);
		sp.sweep = false;
		report_flush();

		if (ppoll(&pfd, 1, wait, &none) == -1)
			pfd.revents = 0;
		if (got_quit)
			return 1;
		if (pfd.revents && !requests_read())
			return 0;
		/* While there are requests ppoll() returns without delivering the signal. */
		if (got_child || pfd.revents)
			children_reap();
	}
}

static void signals_init(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t all;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	/* The C library keeps two for itself and refuses; who started the daemon may have had
	 * them ignored all the same. All zero is the default action. */
	for (int sig = 32; sig <= 33; sig++)
		(void)syscall(SYS_rt_sigaction, sig, &(const uint64_t[8]){ 0 }, NULL, 8);
	sa.sa_handler = on_ignored;
	sa.sa_flags = SA_RESTART;
	(void)sigaction(SIGHUP, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGQUIT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGUSR1, &sa, NULL);
	sa.sa_flags = 0;
	sa.sa_handler = on_child;
	(void)sigaction(SIGCHLD, &sa, NULL);
	sa.sa_handler = on_quit;
	(void)sigaction(SIGUSR2, &sa, NULL);
	/* Delivered in ppoll() only. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

static void kill_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
}

/* Ends every child, and what becomes one thereby. */
static void children_end(void)
{
	const uint64_t until = now_ms() + KEEPER_PATIENCE_MS;
	const struct timespec turn = { .tv_nsec = 10 * 1000000 };
	sigset_t child;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (now_ms() < until) {
		exec_children_each(kill_child);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid == -1)
			return;
		(void)sigtimedwait(&child, NULL, &turn);
	}
}

/* What the dead spawner did not read is lost with what it did. False: the client is gone. */
static bool requests_drop(void)
{
	for (;;) {
		int fds[EXEC_FDS_MAX];
		size_t n_fds;
		const ssize_t n = packet_recv(fds, &n_fds);

		for (size_t k = 0; k < n_fds; k++)
			(void)close(fds[k]);
		if (n == 0)
			return false;
		if (n < 0 && n != -EINTR)
			return n == -EAGAIN;
	}
}

/* In the inner process. */
static _Noreturn void spawner_run(pid_t keeper)
{
	int rc = 1;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)prctl(PR_SET_PDEATHSIG, SIGUSR2);
	if (getppid() == keeper)
		rc = spawner_loop();
	children_end();
	exec_job_cleanup();
	free(sp.runs);
	_exit(rc);
}

static _Noreturn void keeper_run(void)
{
	const pid_t self = getpid();

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (;;) {
		const struct timespec backoff = { .tv_nsec = KEEPER_BACKOFF_MS * 1000000L };
		const uint64_t began = now_ms();
		const pid_t pid = fork();
		int st = 0;

		if (pid == 0)
			spawner_run(self);
		if (pid != -1 && waitpid(pid, &st, 0) == pid && WIFEXITED(st) &&
		    WEXITSTATUS(st) == 0)
			break;
		children_end();
		if (!requests_drop())
			break;
		sp.generation++;
		report(EXEC_LOST, 0, (int)sp.generation);
		report_flush();
		if (now_ms() - began < KEEPER_BACKOFF_MS)
			(void)nanosleep(&backoff, NULL);
	}
	children_end();
	_exit(0);
}

int exec_spawner_main(void)
{
	const struct rlimit no_core = { 0, 0 };
	int type = 0;
	socklen_t len = sizeof(type);
	int null;

	/* Not by hand: the argument is hidden because it makes no sense there. */
	if (getsockopt(EXEC_SPAWNER_FD, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    type != SOCK_SEQPACKET)
		return 2;
	signals_init();
	(void)setsid();
	(void)umask(022);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_NAME, "sipcgid-spawn");
	if (chdir("/") == -1)
		return 1;

	/* Standard error stays: it is where a crash report of this process itself would go. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return 1;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	if (fcntl(STDERR_FILENO, F_GETFD) == -1)
		(void)dup2(null, STDERR_FILENO);
	if (fcntl(EXEC_SPAWNER_FD, F_SETFD, FD_CLOEXEC) == -1)
		return 1;
	(void)close_range(EXEC_SPAWNER_FD + 1, ~0u, 0);
	keeper_run();
}
