/* Scripts that behave: what they are given, what comes back, how many at a time. */
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs it to its end. */
static void run(struct world *w, const struct rt_job *job, struct seen *s)
{
	assert_int_equal(world_start(w, job, s), 0);
	assert_int_equal(s->ended, 0);
	WORLD_UNTIL(w, s->ended);
	assert_int_equal(s->ended, 1);
	assert_int_equal(exec_pool_live(w->pool), 0);
}

static void a_script_gets_its_environment_directory_and_body_and_nothing_else(void **state)
{
	struct world *w = world_new();
	struct rt_job job =
		world_job(w, world_script(w, "s",
					  "#!/bin/sh\n"
					  "echo \"$# $A\"; pwd; /bin/cat; echo oops >&2\n"
					  "/usr/bin/env\n"));
	struct seen s = { 0 };
	char want[256];

	(void)state;
	job.env = SLICE("A=x y\0PATH=/none\0");
	job.n_env = 2;
	job.body = SLICE("line\nwith \0 zero\n");
	run(w, &job, &s);
	assert_int_equal(s.how, RT_RUN_EXITED);
	assert_int_equal(s.status, 0);
	/* The shell itself adds PWD. */
	(void)snprintf(want, sizeof(want), "0 x y\n%s\nline\nwith ? zero\n", w->dir);
	*(char *)memchr(want, '?', sizeof(want)) = '\0';
	assert_true(s.out.len > strlen(w->dir) + 28);
	assert_memory_equal(s.out.data, want, strlen(w->dir) + 24);
	assert_true(seen_has(&s, "\nA=x y\n"));
	assert_true(seen_has(&s, "\nPATH=/none\n"));
	assert_false(seen_has(&s, "HOME="));
	assert_true(slice_eq(buf_view(&s.err), SLICE("oops\n")));
	seen_free(&s);
	world_end(w);
}

static void only_three_descriptors_reach_a_script(void **state)
{
	struct world *w = world_new();
	struct rt_job job = world_job(w, "/bin/ls");
	struct seen s = { 0 };

	(void)state;
	/* The new process changes there itself: it lists its own, and the directory it reads. */
	job.dir = SLICE("/proc/self/fd");
	run(w, &job, &s);
	assert_true(slice_eq(buf_view(&s.out), SLICE("0\n1\n2\n3\n")));
	seen_free(&s);
	world_end(w);
}

static void a_script_without_a_body_reads_the_end_at_once(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_job(w, "/bin/cat");
	struct seen s = { 0 };

	(void)state;
	run(w, &job, &s);
	assert_int_equal(s.how, RT_RUN_EXITED);
	assert_int_equal(s.out.len, 0);
	world_end(w);
}

static void signal_state_and_rights_are_clean(void **state)
{
	struct world *w = world_new();
	struct rt_job job = world_job(w, "/bin/cat");
	struct seen s = { 0 };

	(void)state;
	job.path = slice_str(world_script(w, "s", "#!/bin/sh\nexec cat /proc/self/status\n"));
	job.env = SLICE("PATH=/bin:/usr/bin\0");
	job.n_env = 1;
	run(w, &job, &s);
	assert_true(seen_has(&s, "SigBlk:\t0000000000000000\n"));
	assert_true(seen_has(&s, "SigIgn:\t0000000000000000\n"));
	assert_true(seen_has(&s, "SigCgt:\t0000000000000000\n"));
	assert_true(seen_has(&s, "NoNewPrivs:\t1\n"));
	seen_free(&s);
	world_end(w);
}

static void limits_and_user_are_set(void **state)
{
	struct world *w = world_new();
	const bool root = geteuid() == 0;
	const struct exec_config config = {
		.max_runs = 8,
		.uid = root ? 65534 : UINT32_MAX,
		.gid = root ? 65534 : UINT32_MAX,
		.limits = { .cpu_s = 7, .as_bytes = 1u << 30, .nofile = 33, .fsize = 512 * 1024 },
	};
	struct rt_job job = world_job(w, world_script(w, "s",
						      "#!/bin/sh\n"
						      "ulimit -t; ulimit -v; ulimit -n; ulimit -f;"
						      "ulimit -c; id -u; id -g; id -G\n"));
	struct seen s = { 0 }, other = { 0 };
	char want[128];

	(void)state;
	world_pool(w, &config);
	job.env = SLICE("PATH=/bin:/usr/bin\0");
	job.n_env = 1;
	run(w, &job, &s);
	(void)snprintf(want, sizeof(want), "7\n1048576\n33\n1024\n0\n%u\n",
		       root ? 65534 : geteuid());
	assert_true(slice_starts(buf_view(&s.out), slice_str(want)));
	if (root)
		assert_true(seen_has(&s, "\n65534\n65534\n65534\n"));

	/* A job's own user counts more than the pool's. */
	if (root) {
		job.uid = job.gid = 4242;
		run(w, &job, &other);
		assert_true(seen_has(&other, "\n4242\n4242\n4242\n"));
	}
	seen_free(&s);
	seen_free(&other);
	world_end(w);
}

static void a_large_environment_arrives_whole(void **state)
{
	struct world *w = world_new();
	struct rt_job job =
		world_job(w, world_script(w, "s", "#!/bin/sh\necho ${#A} ${#B} ${#Z} $END\n"));
	AUTO_BUF env = BUF_INIT;
	struct seen s = { 0 };
	char *big = malloc(120000);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 120000);
	for (const char *name = "ABZ"; *name; name++) {
		buf_char(&env, *name);
		buf_char(&env, '=');
		buf_put(&env, big, 120000);
		buf_char(&env, '\0');
	}
	buf_put(&env, "END=yes", 8);
	free(big);
	job.env = buf_view(&env);
	job.n_env = 4;
	run(w, &job, &s);
	assert_true(slice_eq(buf_view(&s.out), SLICE("120000 120000 120000 yes\n")));
	seen_free(&s);
	world_end(w);
}

static void exit_statuses_and_signals_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum rt_run_end how;
		int status;
	} rows[] = {
		{ "#!/bin/sh\nexit 0\n", RT_RUN_EXITED, 0 },
		{ "#!/bin/sh\nexit 1\n", RT_RUN_EXITED, 1 },
		{ "#!/bin/sh\nexit 255\n", RT_RUN_EXITED, 255 },
		{ "#!/bin/sh\nexec /none\n", RT_RUN_EXITED, 127 },
		{ "#!/bin/sh\nkill -KILL $$\n", RT_RUN_SIGNALED, SIGKILL },
		{ "#!/bin/sh\nkill -SEGV $$\n", RT_RUN_SIGNALED, SIGSEGV },
		{ "#!/bin/sh\nkill -TERM $$\n", RT_RUN_SIGNALED, SIGTERM },
		{ "#!/bin/sh\nkill -PIPE $$\n", RT_RUN_SIGNALED, SIGPIPE },
	};
	struct world *w = world_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct rt_job job = world_job(w, world_script(w, "s", rows[i].text));
		struct seen s = { 0 };

		run(w, &job, &s);
		assert_int_equal(s.how, rows[i].how);
		assert_int_equal(s.status, rows[i].status);
		seen_free(&s);
	}
	world_end(w);
}

static void what_cannot_be_executed_says_why(void **state)
{
	static const struct {
		const char *name;
		const char *text; /* NULL: no file */
		int mode;
		int err;
	} rows[] = {
		{ "none", NULL, 0, ENOENT },
		{ "no-interpreter", "#!/no/such/program\n", 0755, ENOENT },
		{ "not-executable", "#!/bin/sh\n", 0644, EACCES },
		{ "empty", "", 0755, ENOEXEC },
		{ "binary", "\177ELF nonsense", 0755, ENOEXEC },
		{ ".", NULL, 0, EACCES },
		{ "file/below", NULL, 0, ENOTDIR },
	};
	struct world *w = world_new();

	(void)state;
	(void)world_script(w, "file", "#!/bin/sh\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rt_job job = world_job(w, world_path(w, rows[i].name));
		struct seen s = { 0 };

		if (rows[i].text)
			job.path = slice_str(world_script(w, rows[i].name, rows[i].text));
		if (rows[i].text)
			assert_int_equal(chmod(job.path.p, (mode_t)rows[i].mode), 0);
		job.body = SLICE("for nobody");
		run(w, &job, &s);
		assert_int_equal(s.how, RT_RUN_NOT_STARTED);
		assert_int_equal(s.status, rows[i].err);
	}
	world_end(w);
}

static void a_missing_directory_and_an_environment_too_large_say_why(void **state)
{
	struct world *w = world_new();
	struct rt_job job = world_job(w, world_script(w, "s", "#!/bin/sh\n"));
	struct seen s = { 0 }, big = { 0 };
	AUTO_BUF env = BUF_INIT;

	(void)state;
	job.dir = SLICE("/no/such/directory");
	run(w, &job, &s);
	assert_int_equal(s.how, RT_RUN_NOT_STARTED);
	assert_int_equal(s.status, ENOENT);

	job.dir = slice_str(w->dir);
	buf_str(&env, "A=");
	memset(buf_reserve(&env, 200000), 'x', 200000);
	buf_commit(&env, 200000);
	buf_char(&env, '\0');
	job.env = buf_view(&env);
	job.n_env = 1;
	run(w, &job, &big);
	assert_int_equal(big.how, RT_RUN_NOT_STARTED);
	assert_int_equal(big.status, E2BIG);
	world_end(w);
}

static void jobs_that_make_no_sense_are_refused(void **state)
{
	struct world *w = world_new();
	struct rt_job job = world_job(w, "/bin/true");
	struct seen s = { 0 };

	(void)state;
	job.timeout_ms = 0;
	assert_int_equal(world_start(w, &job, &s), -EINVAL);
	job = world_job(w, "bin/true");
	assert_int_equal(world_start(w, &job, &s), -EINVAL);
	job = world_job(w, "");
	assert_int_equal(world_start(w, &job, &s), -EINVAL);
	job = world_job(w, "/bin/true");
	job.dir = SLICE("relative");
	assert_int_equal(world_start(w, &job, &s), -EINVAL);
	assert_int_equal(exec_pool_live(w->pool), 0);
	world_end(w);
}

static void a_body_larger_than_a_pipe_is_written_as_the_script_reads(void **state)
{
	static const char *const readers[] = {
		"#!/bin/sh\nexec wc -c\n",
		/* Slowly: 100 bytes at a time. */
		"#!/bin/sh\ndd bs=100 2>/dev/null | wc -c\n",
	};
	struct world *w = world_new();
	const size_t n = 1 << 20;
	char *body = malloc(n);

	(void)state;
	assert_non_null(body);
	memset(body, 'b', n);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		struct rt_job job = world_job(w, world_script(w, "s", readers[i]));
		struct seen s = { 0 };

		job.env = SLICE("PATH=/bin:/usr/bin\0");
		job.n_env = 1;
		job.body = slice_of(body, n);
		run(w, &job, &s);
		assert_int_equal(s.how, RT_RUN_EXITED);
		assert_true(slice_eq(buf_view(&s.out), SLICE("1048576\n")));
		seen_free(&s);
	}
	free(body);
	world_end(w);
}

static void a_script_need_not_read_its_body(void **state)
{
	static const size_t sizes[] = { 1, 61440, 65536, 1 << 20 };
	struct world *w = world_new();
	char *body = calloc(1, 1 << 20);

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct rt_job job = world_job(w, world_script(w, "s", "#!/bin/sh\necho hi\n"));
		struct seen s = { 0 };

		job.body = slice_of(body, sizes[i]);
		run(w, &job, &s);
		assert_int_equal(s.how, RT_RUN_EXITED);
		assert_int_equal(s.status, 0);
		assert_true(slice_eq(buf_view(&s.out), SLICE("hi\n")));
		seen_free(&s);
	}
	free(body);
	world_end(w);
}

static void two_hundred_runs_at_a_time_keep_apart(void **state)
{
	enum { N = 200 };
	const struct exec_config config = { .max_runs = N, .uid = UINT32_MAX, .gid = UINT32_MAX };
	struct world *w = world_new();
	struct rt_job job = world_job(w, world_script(w, "s", "#!/bin/sh\nread x\necho $N $x\n"));
	static struct seen s[N + 1];
	static char env[N][32], body[N][32];
	unsigned ended = 0;

	(void)state;
	memset(s, 0, sizeof(s));
	world_pool(w, &config);
	for (int i = 0; i < N; i++) {
		job.env = slice_of(env[i], (size_t)snprintf(env[i], sizeof(env[i]), "N=%d", i) + 1);
		job.n_env = 1;
		job.body = slice_of(body[i],
				    (size_t)snprintf(body[i], sizeof(body[i]), "body %d\n", i));
		assert_int_equal(world_start(w, &job, &s[i]), 0);
	}
	assert_int_equal(exec_pool_live(w->pool), N);
	assert_int_equal(world_start(w, &job, &s[N]), -EAGAIN);
	do {
		WORLD_UNTIL(w, exec_pool_live(w->pool) < N - ended);
		ended = N - exec_pool_live(w->pool);
	} while (ended < N);
	for (int i = 0; i < N; i++) {
		char want[64];

		(void)snprintf(want, sizeof(want), "%d body %d\n", i, i);
		assert_int_equal(s[i].ended, 1);
		assert_int_equal(s[i].how, RT_RUN_EXITED);
		assert_true(slice_eq(buf_view(&s[i].out), slice_str(want)));
		seen_free(&s[i]);
	}
	world_end(w);
}

static void a_slot_is_free_when_its_run_has_ended(void **state)
{
	const struct exec_config config = { .max_runs = 1, .uid = UINT32_MAX, .gid = UINT32_MAX };
	struct world *w = world_new();
	const struct rt_job job = world_job(w, world_script(w, "s", "#!/bin/sh\necho hi\n"));
	struct seen second = { 0 }, first = { .again = &job, .again_seen = &second }, more = { 0 };

	(void)state;
	world_pool(w, &config);
	assert_int_equal(world_start(w, &job, &first), 0);
	assert_int_equal(world_start(w, &job, &more), -EAGAIN);
	WORLD_UNTIL(w, second.ended);
	assert_int_equal(first.ended, 1);
	assert_int_equal(second.how, RT_RUN_EXITED);
	seen_free(&first);
	seen_free(&second);
	world_end(w);
}

static void a_pool_or_run_without_memory_is_refused(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_job(w, world_script(w, "s", "#!/bin/sh\necho hi\n"));
	struct exec_pool *pool = NULL;
	struct seen s = { 0 };
	int rc;

	(void)state;
	world_pool_free(w);
	for (unsigned nth = 1;; nth++) {
		harness_fail_alloc(nth);
		rc = exec_pool_new(&w->loop, &w->rt, &w->config, &pool);
		harness_fail_alloc(0);
		if (rc == 0)
			break;
		assert_int_equal(rc, -ENOMEM);
		assert_null(pool);
	}
	w->pool = pool;
	for (unsigned nth = 1;; nth++) {
		harness_fail_alloc(nth);
		rc = world_start(w, &job, &s);
		harness_fail_alloc(0);
		if (rc == 0)
			break;
		assert_int_equal(rc, -ENOMEM);
		assert_null(s.run);
		assert_int_equal(exec_pool_live(pool), 0);
	}
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_EXITED);
	seen_free(&s);
	world_end(w);
}

static void a_spawner_that_cannot_be_executed_fails_the_pool(void **state)
{
	struct world *w = world_new();
	struct exec_config config = w->config;
	struct exec_pool *pool = NULL;

	(void)state;
	config.program = "/no/such/program";
	assert_int_equal(exec_pool_new(&w->loop, &w->rt, &config, &pool), -ENOENT);
	assert_null(pool);
	world_end(w);
}

int main(int argc, char **argv)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_script_gets_its_environment_directory_and_body_and_nothing_else),
		HARNESS_TEST(only_three_descriptors_reach_a_script),
		HARNESS_TEST(a_script_without_a_body_reads_the_end_at_once),
		HARNESS_TEST(signal_state_and_rights_are_clean),
		HARNESS_TEST(limits_and_user_are_set),
		HARNESS_TEST(a_large_environment_arrives_whole),
		HARNESS_TEST(exit_statuses_and_signals_are_told_apart),
		HARNESS_TEST(what_cannot_be_executed_says_why),
		HARNESS_TEST(a_missing_directory_and_an_environment_too_large_say_why),
		HARNESS_TEST(jobs_that_make_no_sense_are_refused),
		HARNESS_TEST(a_body_larger_than_a_pipe_is_written_as_the_script_reads),
		HARNESS_TEST(a_script_need_not_read_its_body),
		HARNESS_TEST(two_hundred_runs_at_a_time_keep_apart),
		HARNESS_TEST(a_slot_is_free_when_its_run_has_ended),
		HARNESS_TEST(a_pool_or_run_without_memory_is_refused),
		HARNESS_TEST(a_spawner_that_cannot_be_executed_fails_the_pool),
	};

	return world_main(argc, argv, "exec", tests, ARRAY_LEN(tests));
}
