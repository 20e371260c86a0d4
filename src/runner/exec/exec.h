/*
 * Scripts run as programs: DESIGN.md 2.5, RFC 3050 5.3, 5.5.2, 6.1. One pool belongs to one worker
 * and its loop; nothing here is thread-safe. The pool's spawner is this same program, executed
 * with EXEC_SPAWNER_ARG: main() must look for that argument before it does anything else.
 */
#ifndef SIPCGID_RUNNER_EXEC_EXEC_H
#define SIPCGID_RUNNER_EXEC_EXEC_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/runtime.h"

#define EXEC_SPAWNER_ARG "--spawner"

/* 0 everywhere: no limit. */
struct exec_limits {
	uint64_t cpu_s;    /* seconds of CPU time: RLIMIT_CPU */
	uint64_t as_bytes; /* address space: RLIMIT_AS */
	uint64_t nofile;   /* open files: RLIMIT_NOFILE */
	uint64_t fsize;    /* largest file written: RLIMIT_FSIZE */
};

#define EXEC_MAX_RUNS 64            /* struct exec_config.max_runs, when 0 */
#define EXEC_KILL_GRACE_MS 1000     /* .kill_grace_ms, when 0 */
#define EXEC_PIPE_GRACE_MS 1000     /* .pipe_grace_ms, when 0 */
#define EXEC_OUTPUT_MAX (16u << 20) /* .output_max, when 0 */

struct exec_config {
	unsigned max_runs; /* runs at a time */
	uint32_t uid, gid; /* of jobs that name none; UINT32_MAX: the spawner's own */
	struct exec_limits limits;
	uint32_t kill_grace_ms; /* from TERM to KILL */
	uint32_t pipe_grace_ms; /* for a pipe that stays open after the script's own exit */
	/*
	 * Bytes of output and error output together; a run that prints more is ended, and ends as
	 * RT_RUN_SIGNALED by SIGKILL: a script that died. A last resort: the limit of a script's
	 * output is the business of who reads it.
	 */
	uint64_t output_max;
	const char *program; /* executed with EXEC_SPAWNER_ARG; NULL: /proc/self/exe. Copied */
	/*
	 * Called first in each callback from the loop, to set rt->now. NULL: the loop's owner
	 * keeps it right some other way.
	 */
	void (*wake)(struct runtime *rt);
	/* The spawner is there again after -EPIPE. May be NULL. */
	void (*ready)(void *arg);
	void *arg;
};

struct exec_pool;

/*
 * Starts a spawner, with the rights the process has now: to run scripts as another user, make the
 * pool before giving up root. A spawner that dies is replaced with the same rights; only if its
 * keeper is killed as well the next has those of the daemon, and jobs for another user then end as
 * RT_RUN_NOT_STARTED with EPERM. Sets SIGPIPE to be ignored. -errno when it cannot be executed.
 */
int exec_pool_new(uv_loop_t *loop, struct runtime *rt, const struct exec_config *config,
		  struct exec_pool **ret);
/*
 * Ends every run (RT_RUN_CANCELLED, from within this call) and the spawner; waits for it, as a
 * rule a few ms, at most EXEC_CLOSE_MS. The memory goes when the loop has run once more.
 */
void exec_pool_free(struct exec_pool *pool);
#define EXEC_CLOSE_MS 2000

/* Runs that have not ended. */
unsigned exec_pool_live(const struct exec_pool *pool);
/* The process whose child is the spawner; -1 while there is none. */
pid_t exec_pool_pid(const struct exec_pool *pool);

/*
 * rt_ops.run and rt_ops.run_stop. @job->env, path, dir and body are borrowed until the run has
 * ended. A script that cannot be executed is not a failure here: RT_RUN_NOT_STARTED tells.
 * Output that a stopped or timed-out run still prints is dropped. Never logs.
 *
 * 0 with *ret_run, valid until ev->ended returns, or, *ret_run untouched,
 *   -EAGAIN   every slot, or every descriptor but for other runs', is taken
 *   -EPIPE    the spawner is being restarted: try again when config.ready is called
 *   -EMFILE, -ENFILE  no descriptors, and no run of ours that will give some back
 *   -EINVAL   no timeout, or a path that is not absolute
 *   -ENOMEM
 */
int exec_run_start(struct exec_pool *pool, const struct rt_job *job, const struct rt_run_events *ev,
		   void *arg, struct rt_run **ret_run);
/* TERM now and KILL after the grace, to every process of the run. */
void exec_run_stop(struct rt_run *run);
/* The script's own process; -1 before it was started and after it was reaped. */
pid_t exec_run_pid(const struct rt_run *run);

/* What main() returns when argv[1] is EXEC_SPAWNER_ARG; its socket is descriptor 3. */
int exec_spawner_main(void);

#endif
