/* The client's inside: a pool and its runs. */
#ifndef SIPCGID_RUNNER_EXEC_CLIENT_H
#define SIPCGID_RUNNER_EXEC_CLIENT_H

#include <stdbool.h>

#include "base/list.h"
#include "base/map.h"
#include "runner/exec/exec.h"
#include "runner/exec/wire.h"

#define EXEC_READ_SIZE 65536

struct exec_pool {
	struct runtime *rt;
	uv_loop_t *loop;
	struct exec_config config; /* defaults filled in; program is ours */

	pid_t pid; /* the keeper; -1: none */
	int sock;
	uv_poll_t *poll; /* of sock; heap: outlives it until the loop has closed it */
	bool poll_write; /* does poll wait for room to send? */
	uint32_t generation;
	struct wheel_timer restart;
	uint64_t started_at; /* ms: when the spawner was */

	uint64_t next_id;
	struct map by_id;  /* runs that have not ended */
	struct list runs;  /* the same, oldest first */
	struct list sendq; /* runs with something to tell the spawner, ended ones too */
	struct list idle;  /* run memory for reuse */
	struct wheel_timer defer;
	struct list ending; /* runs whose end is to be told from the defer timer */
	unsigned live;
	unsigned refs; /* the owner, and every run whose handles the loop still closes */
	char buf[EXEC_READ_SIZE];
};

enum exec_pipe { EXEC_IN, EXEC_OUT, EXEC_ERR, EXEC_PIPES };

/* Which of its times a run's timer measures. */
enum exec_phase { EXEC_RUNNING, EXEC_PIPE_GRACE, EXEC_STOPPING };

/* What rt_run is here. */
struct exec_run {
	struct exec_pool *pool;
	struct map_node by_id;
	struct list link;   /* pool.runs, or pool.idle */
	struct list queued; /* pool.sendq */
	struct list ending; /* pool.ending */
	uint64_t id;
	struct rt_job job;
	struct rt_run_events ev;
	void *arg;

	pid_t pid;
	bool sent;   /* the spawner has the job */
	bool exited; /* how and status say how */
	bool stop;   /* how is final; output is dropped */
	bool ended;
	bool has_stdin;
	uint8_t polled; /* bits 1 << enum exec_pipe: the poll handle is initialized */
	uint8_t want;   /* bits 1 << enum exec_request_type */
	uint8_t open_handles;
	enum rt_run_end how;
	int status;
	enum exec_phase phase;
	struct wheel_timer timer;

	uint64_t output;          /* bytes so far, both pipes */
	struct slice body;        /* not yet written */
	int fd[EXEC_PIPES];       /* our ends; -1: closed */
	int child_fd[EXEC_PIPES]; /* the script's, until the job is sent */
	int blob;                 /* path, dir and env when they do not fit a packet; until sent */
	uv_poll_t poll[EXEC_PIPES];
};

/* run.c: a run in each thing that can happen to it. */
int exec_run_open(struct exec_pool *pool, const struct rt_job *job, struct exec_run **ret);
/* Undoes exec_run_open() before the run was accepted. */
void exec_run_discard(struct exec_run *run);
void exec_run_sent(struct exec_run *run);
void exec_run_report(struct exec_run *run, const struct exec_report *rep);
/* The end, told at once. The caller is in a callback of the loop. */
void exec_run_finish(struct exec_run *run, enum rt_run_end how, int status);
/* Frees it, or keeps it for reuse, if nothing needs it any more. */
void exec_run_release(struct exec_run *run);
/* The same as exec_run_finish(), told from a timer. */
void exec_run_finish_later(struct exec_run *run, enum rt_run_end how, int status);

/* client.c */
void exec_pool_want(struct exec_pool *pool, struct exec_run *run, enum exec_request_type type);
void exec_pool_send(struct exec_pool *pool);
void exec_pool_wake(struct exec_pool *pool);
void exec_pool_unref(struct exec_pool *pool);

#endif
