/* A spawner, or its keeper, that dies: every run is told of, and nothing is left of it. */
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_killed_spawner_is_replaced_and_its_runs_are_lost(void **state)
{
	struct world *w = world_new();
	const struct rt_job job =
		world_sh(w, "s", "#!/bin/sh\n" WORLD_DAEMON "echo $$\nexec sleep 1000\n");
	const struct rt_job quick = world_sh(w, "quick", "#!/bin/sh\necho hi\n");
	struct seen s = { 0 };
	const long keeper = exec_pool_pid(w->pool);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct seen after = { 0 };
		long pid, daemon, spawner;

		memset(&s, 0, sizeof(s));
		(void)unlink(world_path(w, "pid"));
		harness_expect_log(LOG_WARN, "spawner died and was replaced");
		assert_int_equal(world_start(w, &job, &s), 0);
		WORLD_UNTIL(w, seen_has(&s, "\n") && exec_run_pid(s.run) != -1);
		pid = exec_run_pid(s.run);
		daemon = world_number(w, "pid");
		spawner = world_child_of(keeper);
		assert_true(pid > 0 && daemon > 0 && spawner > 0);
		assert_int_equal(kill((pid_t)spawner, SIGKILL), 0);
		/* Accepted while nobody notices: lost or run, but never left. */
		assert_int_equal(world_start(w, &quick, &after), 0);
		WORLD_UNTIL(w, s.ended && after.ended);
		assert_int_equal(s.ended, 1);
		assert_int_equal(s.how, RT_RUN_LOST);
		assert_true(after.how == RT_RUN_LOST || after.how == RT_RUN_EXITED);
		assert_true(world_gone(pid));
		assert_true(world_gone(daemon));
		seen_free(&s);
		seen_free(&after);

		memset(&after, 0, sizeof(after));
		assert_int_equal(world_start(w, &quick, &after), 0);
		WORLD_UNTIL(w, after.ended);
		assert_int_equal(after.how, RT_RUN_EXITED);
		assert_true(slice_eq(buf_view(&after.out), SLICE("hi\n")));
		seen_free(&after);
	}
	assert_int_equal(exec_pool_pid(w->pool), keeper);
	world_end(w);
}

static void under_load_every_run_ends_once_whenever_the_spawner_dies(void **state)
{
	enum { N = 40, KILLS = 5 };
	const struct exec_config config = { .max_runs = N,
					    .uid = UINT32_MAX,
					    .gid = UINT32_MAX,
					    .kill_grace_ms = 50,
					    .pipe_grace_ms = 50 };
	struct world *w = world_new();
	struct rt_job job =
		world_sh(w, "s", "#!/bin/sh\nread x; echo $x\n(sleep 0.02; echo y) &\n");
	static struct seen s[N];
	unsigned lost = 0, well = 0;
	long keeper, spawner;

	(void)state;
	memset(s, 0, sizeof(s));
	world_pool(w, &config);
	keeper = exec_pool_pid(w->pool);
	job.body = SLICE("body\n");
	for (int round = 0; round < KILLS; round++) {
		unsigned ended = 0;

		WORLD_UNTIL(w, (spawner = world_child_of(keeper)) > 0);
		for (int i = 0; i < N; i++)
			assert_int_equal(world_start(w, &job, &s[i]), 0);
		/* A moment later each time: some runs then have begun, some have ended. */
		while (ended < (unsigned)round * 6) {
			ended = 0;
			(void)uv_run(&w->loop, UV_RUN_ONCE);
			for (int i = 0; i < N; i++)
				ended += s[i].ended;
		}
		harness_expect_log(LOG_WARN, "spawner died and was replaced");
		assert_int_equal(kill((pid_t)spawner, SIGKILL), 0);
		WORLD_UNTIL(w, exec_pool_live(w->pool) == 0);
		for (int i = 0; i < N; i++) {
			assert_int_equal(s[i].ended, 1);
			assert_true(s[i].how == RT_RUN_LOST || s[i].how == RT_RUN_EXITED);
			lost += s[i].how == RT_RUN_LOST;
			well += s[i].how == RT_RUN_EXITED;
			seen_free(&s[i]);
			memset(&s[i], 0, sizeof(s[i]));
		}
		WORLD_UNTIL(w, world_child_of(keeper) != spawner);
		/* What the keeper said comes before the end of this one. */
		assert_int_equal(world_start(w, &job, &s[0]), 0);
		WORLD_UNTIL(w, s[0].ended);
		seen_free(&s[0]);
		memset(&s[0], 0, sizeof(s[0]));
	}
	assert_true(lost > 0 && well > 0);
	world_end(w);
}

static void a_killed_keeper_is_replaced_too(void **state)
{
	struct world *w = world_new();
	const struct rt_job job =
		world_sh(w, "s", "#!/bin/sh\n" WORLD_DAEMON "echo $$\nexec sleep 1000\n");
	const struct rt_job quick = world_sh(w, "quick", "#!/bin/sh\necho hi\n");
	struct seen s = { 0 }, more = { 0 };
	long pid, daemon;

	(void)state;
	harness_expect_log(LOG_WARN, "spawner is gone and is started again");
	assert_int_equal(world_start(w, &job, &s), 0);
	WORLD_UNTIL(w, seen_has(&s, "\n") && exec_run_pid(s.run) != -1);
	pid = exec_run_pid(s.run);
	daemon = world_number(w, "pid");
	assert_int_equal(kill(exec_pool_pid(w->pool), SIGKILL), 0);
	WORLD_UNTIL(w, s.ended);
	assert_int_equal(s.how, RT_RUN_LOST);
	if (!w->ready)
		assert_int_equal(world_start(w, &quick, &more), -EPIPE);
	WORLD_UNTIL(w, world_gone(pid) && world_gone(daemon));
	WORLD_UNTIL(w, w->ready);
	assert_int_equal(world_start(w, &quick, &more), 0);
	WORLD_UNTIL(w, more.ended);
	assert_int_equal(more.how, RT_RUN_EXITED);
	seen_free(&s);
	seen_free(&more);
	world_end(w);
}

static void signals_that_a_service_manager_sends_to_all_do_not_end_the_spawner(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 };
	struct world *w = world_new();
	const struct rt_job job = world_sh(w, "s", "#!/bin/sh\necho hi\n");
	const long keeper = exec_pool_pid(w->pool);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct seen s = { 0 };
		long spawner = 0;

		WORLD_UNTIL(w, (spawner = world_child_of(keeper)) != 0);
		/* The first run tells that both have their signals set up. */
		assert_int_equal(world_start(w, &job, &s), 0);
		WORLD_UNTIL(w, s.ended);
		seen_free(&s);
		memset(&s, 0, sizeof(s));
		assert_int_equal(kill((pid_t)keeper, signals[i]), 0);
		assert_int_equal(kill((pid_t)spawner, signals[i]), 0);
		assert_int_equal(world_start(w, &job, &s), 0);
		WORLD_UNTIL(w, s.ended);
		assert_int_equal(s.how, RT_RUN_EXITED);
		assert_int_equal(world_child_of(keeper), spawner);
		seen_free(&s);
	}
	world_end(w);
}

static void scripts_end_when_the_daemon_is_gone_without_a_word(void **state)
{
	struct world *w = world_new();
	const struct rt_job job = world_sh(w, "s",
					   "#!/bin/sh\ntrap '' TERM HUP\n" WORLD_DAEMON
					   "echo $$ > self\nexec sleep 1000\n");
	struct seen s = { 0 };
	pid_t child;
	int st;

	(void)state;
	world_pool_free(w);
	child = fork();
	if (child == 0) {
		assert_int_equal(uv_loop_fork(&w->loop), 0);
		world_pool(w, &w->config);
		if (world_start(w, &job, &s) == 0)
			WORLD_UNTIL(w, world_number(w, "self") > 0);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &st, 0), child);
	WORLD_UNTIL(w, world_gone(world_number(w, "self")) && world_gone(world_number(w, "pid")));
	world_end(w);
}

int main(int argc, char **argv)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_killed_spawner_is_replaced_and_its_runs_are_lost),
		HARNESS_TEST(under_load_every_run_ends_once_whenever_the_spawner_dies),
		HARNESS_TEST(a_killed_keeper_is_replaced_too),
		HARNESS_TEST(signals_that_a_service_manager_sends_to_all_do_not_end_the_spawner),
		HARNESS_TEST(scripts_end_when_the_daemon_is_gone_without_a_word),
	};

	return world_main(argc, argv, "spawner", tests, ARRAY_LEN(tests));
}
