/* Signals arrive as calls from the loop. */
#include "harness.h"

#include <signal.h>
#include <unistd.h>

#include "daemon/signals.h"

struct seen {
	uv_loop_t loop;
	uv_idle_t alive; /* the watches alone do not keep a loop going */
	int reloads, stops;
};

static void idle(uv_idle_t *handle)
{
	(void)handle;
}

static void on_reload(void *arg)
{
	struct seen *s = arg;

	s->reloads++;
	uv_stop(&s->loop);
}

static void on_stop(void *arg)
{
	struct seen *s = arg;

	s->stops++;
	uv_stop(&s->loop);
}

static void hup_reloads_and_term_and_int_stop(void **state)
{
	static const int numbers[] = { SIGHUP, SIGTERM, SIGINT, SIGTERM, SIGHUP };
	struct seen seen = { .reloads = 0 };
	const struct signals_handler handler = { on_reload, on_stop, &seen };
	struct signals signals;

	(void)state;
	assert_int_equal(uv_loop_init(&seen.loop), 0);
	assert_int_equal(uv_idle_init(&seen.loop, &seen.alive), 0);
	assert_int_equal(uv_idle_start(&seen.alive, idle), 0);
	assert_int_equal(signals_start(&seen.loop, &handler, &signals), 0);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		assert_int_equal(kill(getpid(), numbers[i]), 0);
		(void)uv_run(&seen.loop, UV_RUN_DEFAULT);
	}
	assert_int_equal(kill(getpid(), SIGPIPE), 0); /* ignored, or we were gone */
	assert_int_equal(seen.reloads, 2);
	assert_int_equal(seen.stops, 3);
	signals_stop(&signals);
	signals_stop(&signals);
	uv_close((uv_handle_t *)&seen.alive, NULL);
	(void)uv_run(&seen.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&seen.loop), 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(hup_reloads_and_term_and_int_stop),
	};

	return harness_run("daemon/signals", tests, ARRAY_LEN(tests));
}
