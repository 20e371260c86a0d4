/*
 * Real processes under a real loop: a directory for scripts, a runtime whose wheel turns with the
 * clock, a pool, and what each run did. No test sleeps; all wait for a condition, with a deadline.
 */
#ifndef SIPCGID_TESTS_UNIT_RUNNER_WORLD_H
#define SIPCGID_TESTS_UNIT_RUNNER_WORLD_H

#include "harness.h"

#include <uv.h>

#include "base/buf.h"
#include "runner/exec/exec.h"

/*
 * Lines of a script that leave a process behind, its number in the file pid: in another session,
 * without a pipe of ours, and soon without a parent.
 */
#define WORLD_DAEMON                                                                               \
	"setsid sh -c 'echo $$ > pid; exec sleep 1000' </dev/null >/dev/null 2>&1 &\n"             \
	"while [ ! -s pid ]; do :; done\n"

#define WORLD_DEADLINE_MS 30000

struct world {
	uv_loop_t loop;
	uv_timer_t tick;
	struct runtime rt;
	struct exec_config config;
	struct exec_pool *pool;
	char dir[64];
	size_t fds_before;
	unsigned ready; /* calls of config.ready */
};

struct seen {
	struct world *w;
	struct rt_run *run;
	struct buf out, err;
	size_t out_bytes;           /* also what was not kept */
	bool count_only;            /* do not keep output */
	size_t stop_at;             /* stop from the callback after so many bytes; 0: never */
	const struct rt_job *again; /* start this from the ended callback */
	struct seen *again_seen;
	unsigned ended;
	enum rt_run_end how;
	int status;
};

/* One at a time, with a pool of small graces. The end fails when a descriptor was left open. */
struct world *world_new(void);
void world_end(struct world *w);
/* Replaces the pool with one of this configuration. */
void world_pool(struct world *w, const struct exec_config *config);
void world_pool_free(struct world *w);

/* The path of a new executable file with this text; static, overwritten by the 8th next call. */
const char *world_script(struct world *w, const char *name, const char *text);
const char *world_path(struct world *w, const char *name);

/* A job in the world's directory with a 20 s timeout and no environment. */
struct rt_job world_job(struct world *w, const char *path);
/* The same, of a new script with this text and a PATH to find programs in. */
struct rt_job world_sh(struct world *w, const char *name, const char *text);
int world_start(struct world *w, const struct rt_job *job, struct seen *s);
void seen_free(struct seen *s);
bool seen_has(const struct seen *s, const char *text);

/* The number in a file of the world's directory; 0 while there is none. */
long world_number(struct world *w, const char *name);
bool world_gone(long pid);
long world_child_of(long pid);
size_t world_fds(void);

bool world_turn(struct world *w, uint64_t since);
#define WORLD_UNTIL(w, condition)                                                                  \
	do {                                                                                       \
		const uint64_t since_ = uv_hrtime();                                               \
		while (!(condition))                                                               \
			if (!world_turn(w, since_))                                                \
				fail_msg("never: %s", #condition);                                 \
	} while (0)

/* What main() does: this program is its own spawner. */
int world_main(int argc, char **argv, const char *group, const struct harness_test *tests,
	       size_t n);

#endif
