/* Scripts that do not behave. Nothing may be left of them. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runner/exec/children.h"

static void a_script_may_close_its_output_and_live_on(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_sh(w, "s",
					   "#!/bin/sh\necho hi\nexec >&- 2>&-\n"
					   "mkfifo fifo\nread x < fifo\nexit 7\n");
	struct seen s = { 0 };
	int fd = -1;

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, (fd = open(world_path(w, "fifo"), O_WRONLY | O_NONBLOCK)) != -1);
	assert_int_equal(s.ended, 0);
	assert_true(slice_eq(buf_view(&s.out), SLICE("hi\n")));
	assert_int_equal(close(fd), 0);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_EXITED);
	assert_int_equal(s.status, 7);
	seen_free(&s);
	world_end(w);
}

static void a_child_that_keeps_the_pipes_is_ended_after_the_grace(void **state)
{
	struct world *w = world_new();
	const struct rt_job job =
		world_sh(w, "s", "#!/bin/sh\nsleep 1000 &\necho $! > pid\necho done\nexit 3\n");
	struct seen s = { 0 };
	const uint64_t began = uv_hrtime();
	long pid;

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, s.ended);
	assert_true(uv_hrtime() - began >= 90 * UINT64_C(1000000));
	assert_int_equal(s.how, RT_RUN_EXITED);
	assert_int_equal(s.status, 3);
	assert_true(slice_eq(buf_view(&s.out), SLICE("done\n")));
	pid = world_number(w, "pid");
	assert_true(pid > 0);
	WORLD_UNTIL(w, world_gone(pid));
	seen_free(&s);
	world_end(w);
}

static void what_a_child_prints_within_the_grace_still_counts(void **state)
{
	struct world *w = world_new();
	struct exec_config config = w->config;
	const struct rt_job job = world_sh(w, "s",
					   "#!/bin/sh\nmkfifo fifo\necho $$ > pid\n"
					   "(read x < fifo; echo late; echo bye >&2) &\nexit 0\n");
	struct seen s = { 0 };
	int fd = -1;

	(void)state;
	config.pipe_grace_ms = 20000;
	world_pool(w, &config);
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, world_number(w, "pid") > 0);
	WORLD_UNTIL(w, world_gone(world_number(w, "pid"))); /* reaped */
	WORLD_UNTIL(w, (fd = open(world_path(w, "fifo"), O_WRONLY | O_NONBLOCK)) != -1);
	assert_int_equal(s.ended, 0);
	assert_int_equal(close(fd), 0);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_EXITED);
	assert_true(slice_eq(buf_view(&s.out), SLICE("late\n")));
	assert_true(slice_eq(buf_view(&s.err), SLICE("bye\n")));
	seen_free(&s);
	world_end(w);
}

static void a_daemon_that_a_script_leaves_is_ended(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_sh(w, "s", "#!/bin/sh\n" WORLD_DAEMON "echo done\n");
	struct seen s = { 0 };
	long pid;

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_EXITED);
	pid = world_number(w, "pid");
	assert_true(pid > 0);
	WORLD_UNTIL(w, world_gone(pid));
	seen_free(&s);
	world_end(w);
}

static void a_run_that_ends_leaves_the_daemon_of_another_alone(void **state)
{
	struct world *w = world_new();
	const struct rt_job keeps = world_sh(w, "keeps",
					     "#!/bin/sh\n"
					     "(" WORLD_DAEMON ")\n"
					     "echo ready\nexec sleep 1000\n");
	const struct rt_job quick = world_sh(w, "quick", "#!/bin/sh\nsleep 1000 & exit 0\n");
	struct seen a = { 0 }, b = { 0 };
	long pid;

	(void)state;
	assert_int_equal(world_start(w, &keeps, &a), 0);
	WORLD_UNTIL(w, seen_has(&a, "ready"));
	pid = world_number(w, "pid");
	for (int i = 0; i < 3; i++) {
		memset(&b, 0, sizeof(b));
		assert_int_equal(world_start(w, &quick, &b), 0);
		WORLD_UNTIL(w, b.ended);
	}
	assert_false(world_gone(pid));
	exec_run_stop(a.run);
	WORLD_UNTIL(w, a.ended);
	assert_int_equal(a.how, RT_RUN_CANCELLED);
	WORLD_UNTIL(w, world_gone(pid));
	seen_free(&a);
	world_end(w);
}

static void a_tree_of_daemons_is_ended(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_sh(
		w, "s",
		"#!/bin/sh\n"
		"setsid sh -c 'setsid sh -c \"echo \\$\\$ > pid; exec sleep 1000\" & sleep 1000'"
		" </dev/null >/dev/null 2>&1 &\n"
		"while [ ! -s pid ]; do :; done\n");
	struct seen s = { 0 };
	long pid;

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, s.ended);
	pid = world_number(w, "pid");
	assert_true(pid > 0);
	WORLD_UNTIL(w, world_gone(pid));
	seen_free(&s);
	world_end(w);
}

static void a_stopped_script_gets_TERM_and_may_clean_up(void **state)
{
	struct world *w = world_new();
	struct exec_config config = w->config;
	const struct rt_job job = world_sh(w, "s",
					   "#!/bin/sh\ntrap 'echo cleaned > mark; exit 0' TERM\n"
					   "echo ready\nwhile :; do sleep 0.01; done\n");
	struct seen s = { 0 };

	(void)state;
	config.kill_grace_ms = 20000;
	world_pool(w, &config);
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, seen_has(&s, "ready"));
	exec_run_stop(s.run);
	exec_run_stop(s.run);
	assert_int_equal(s.ended, 0);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_CANCELLED);
	assert_int_equal(access(world_path(w, "mark"), F_OK), 0);
	seen_free(&s);
	world_end(w);
}

static void a_script_that_ignores_TERM_is_killed_with_its_children(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_sh(w, "s",
					   "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! > pid\n"
					   "echo ready\nwait\n");
	struct seen s = { 0 };
	long pid, self;

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, seen_has(&s, "ready"));
	WORLD_UNTIL(w, exec_run_pid(s.run) != -1);
	pid = world_number(w, "pid");
	self = exec_run_pid(s.run);
	exec_run_stop(s.run);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_CANCELLED);
	WORLD_UNTIL(w, world_gone(pid) && world_gone(self));
	seen_free(&s);
	world_end(w);
}

static void a_script_that_takes_too_long_is_ended(void **state)
{
	static const char *const texts[] = {
		"#!/bin/sh\nexec sleep 1000\n",
		"#!/bin/sh\nexec >&- 2>&-\nexec sleep 1000\n",
		"#!/bin/sh\nwhile :; do echo x; done\n",
		"#!/bin/sh\ncat >/dev/null\nexec sleep 1000\n",
	};
	struct world *w = world_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct rt_job job = world_sh(w, "s", texts[i]);
		struct seen s = { .count_only = true };

		job.timeout_ms = 50;
		assert_int_equal(world_start(w, &job, &s), 0);
		WORLD_UNTIL(w, s.ended);
		assert_int_equal(s.how, RT_RUN_TIMEOUT);
	}
	world_end(w);
}

static void a_flood_is_stopped_where_we_say(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_sh(w, "s", "#!/bin/sh\nexec head -c 100000000 /dev/zero\n");
	struct seen s = { .count_only = true, .stop_at = 1 << 20 };

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_CANCELLED);
	assert_true(s.out_bytes < (2 << 20));
	world_end(w);
}

static void a_flood_breaks_the_last_limit_on_either_pipe(void **state)
{
	static const char *const texts[] = {
		"#!/bin/sh\nexec head -c 100000000 /dev/zero\n",
		"#!/bin/sh\nexec head -c 100000000 /dev/zero >&2\n",
	};
	struct world *w = world_new();
	struct exec_config config = w->config;

	(void)state;
	config.output_max = 1 << 20;
	world_pool(w, &config);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct rt_job job = world_sh(w, "s", texts[i]);
		struct seen s = { .count_only = true };

		assert_int_equal(world_start(w, &job, &s), 0);
		WORLD_UNTIL(w, s.ended);
		assert_int_equal(s.how, RT_RUN_SIGNALED);
		assert_int_equal(s.status, SIGKILL);
		assert_true(s.out_bytes <= 1 << 20);
	}
	world_end(w);
}

static void a_flood_starves_nobody(void **state)
{
	struct world *w = world_new();
	const struct rt_job flood = world_sh(w, "flood", "#!/bin/sh\nexec cat /dev/zero\n");
	const struct rt_job small = world_sh(w, "small", "#!/bin/sh\necho hi\n");
	struct exec_config config = w->config;
	struct seen f = { .count_only = true };

	(void)state;
	config.output_max = UINT64_MAX;
	world_pool(w, &config);
	assert_int_equal(world_start(w, &flood, &f), 0);
	WORLD_UNTIL(w, f.out_bytes > 0);
	for (int i = 0; i < 10; i++) {
		struct seen s = { 0 };

		assert_int_equal(world_start(w, &small, &s), 0);
		WORLD_UNTIL(w, s.ended);
		assert_int_equal(s.how, RT_RUN_EXITED);
		seen_free(&s);
	}
	assert_int_equal(f.ended, 0);
	exec_run_stop(f.run);
	WORLD_UNTIL(w, f.ended);
	world_end(w);
}

static void a_run_can_be_stopped_before_it_was_started(void **state)
{
	struct world *w = world_new();
	struct exec_config config = w->config;
	struct rt_job job = world_sh(w, "s", "#!/bin/sh\nexec sleep 1000\n");
	static struct seen s[100];

	(void)state;
	memset(s, 0, sizeof(s));
	config.max_runs = ARRAY_LEN(s);
	world_pool(w, &config);
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		assert_int_equal(world_start(w, &job, &s[i]), 0);
		exec_run_stop(s[i].run);
		assert_int_equal(s[i].ended, 0);
	}
	WORLD_UNTIL(w, exec_pool_live(w->pool) == 0);
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		assert_int_equal(s[i].ended, 1);
		assert_int_equal(s[i].how, RT_RUN_CANCELLED);
	}
	world_end(w);
}

static void a_stop_of_what_could_not_be_executed_ends_once(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_job(w, "/no/such/script");
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	exec_run_stop(s.run);
	WORLD_UNTIL(w, s.ended);
	for (int i = 0; i < 20; i++)
		(void)uv_run(&w->loop, UV_RUN_ONCE);
	assert_int_equal(s.ended, 1);
	assert_int_equal(s.how, RT_RUN_CANCELLED);
	world_end(w);
}

/* The limit that leaves so many descriptors to open. */
static rlim_t limit_for(unsigned n)
{
	for (int fd = 0;; fd++)
		if (fcntl(fd, F_GETFD) == -1 && n-- == 0)
			return (rlim_t)fd;
}

static void descriptors_are_reserved_before_a_run_is_accepted(void **state)
{
	struct world *w = world_new();
	struct rt_job job = world_sh(w, "s", "#!/bin/sh\nread x; echo $x\n");
	static char big[60000];
	struct rlimit old, low;
	struct seen s = { 0 }, more = { 0 };

	(void)state;
	memset(big, 'x', sizeof(big));
	big[0] = 'A';
	big[1] = '=';
	big[sizeof(big) - 1] = '\0';
	job.env = slice_of(big, sizeof(big));
	job.body = SLICE("body\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;

	/* Three pipes, and a file for the large environment. */
	for (unsigned n = 0; n < 7; n++) {
		low.rlim_cur = limit_for(n);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		assert_int_equal(world_start(w, &job, &s), -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	}
	low.rlim_cur = limit_for(7);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(world_start(w, &job, &s), 0);
	low.rlim_cur = limit_for(0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(world_start(w, &job, &more), -EAGAIN);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_EXITED);
	assert_true(slice_eq(buf_view(&s.out), SLICE("body\n")));
	seen_free(&s);
	world_end(w);
}

static unsigned n_found;
static pid_t found;

static void on_found(pid_t pid)
{
	n_found++;
	found = pid;
}

static void children_are_found_either_way(void **state)
{
	static exec_child_fn *const fn = on_found;
	static void (*const ways[])(exec_child_fn *) = { exec_children_each, exec_children_scan };
	struct world *w = world_new();
	const pid_t pid = exec_pool_pid(w->pool);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		n_found = 0;
		ways[i](fn);
		assert_int_equal(n_found, 1);
		assert_int_equal(found, pid);
	}
	world_end(w);
}

static void runs_end_with_the_pool(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_sh(w, "s",
					   "#!/bin/sh\ntrap '' TERM HUP\n" WORLD_DAEMON
					   "echo ready\nexec sleep 1000\n");
	struct seen s = { 0 };
	long pid;

	(void)state;
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, seen_has(&s, "ready"));
	pid = world_number(w, "pid");
	world_pool_free(w);
	assert_int_equal(s.ended, 1);
	assert_int_equal(s.how, RT_RUN_CANCELLED);
	assert_true(world_gone(pid)); /* the pool waited for it */
	seen_free(&s);
	world_end(w);
}

int main(int argc, char **argv)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_script_may_close_its_output_and_live_on),
		HARNESS_TEST(a_child_that_keeps_the_pipes_is_ended_after_the_grace),
		HARNESS_TEST(what_a_child_prints_within_the_grace_still_counts),
		HARNESS_TEST(a_daemon_that_a_script_leaves_is_ended),
		HARNESS_TEST(a_run_that_ends_leaves_the_daemon_of_another_alone),
		HARNESS_TEST(a_tree_of_daemons_is_ended),
		HARNESS_TEST(a_stopped_script_gets_TERM_and_may_clean_up),
		HARNESS_TEST(a_script_that_ignores_TERM_is_killed_with_its_children),
		HARNESS_TEST(a_script_that_takes_too_long_is_ended),
		HARNESS_TEST(a_flood_is_stopped_where_we_say),
		HARNESS_TEST(a_flood_breaks_the_last_limit_on_either_pipe),
		HARNESS_TEST(a_flood_starves_nobody),
		HARNESS_TEST(a_run_can_be_stopped_before_it_was_started),
		HARNESS_TEST(a_stop_of_what_could_not_be_executed_ends_once),
		HARNESS_TEST(descriptors_are_reserved_before_a_run_is_accepted),
		HARNESS_TEST(children_are_found_either_way),
		HARNESS_TEST(runs_end_with_the_pool),
	};

	return world_main(argc, argv, "exec faults", tests, ARRAY_LEN(tests));
}
