/* Runs that wait: bounded, aged, in order, each script by itself. RFC 3050 7.5. */
#include "fixture.h"

#define OTHER "sip:other@example.com"

/* The next request, a transaction of its own. */
static void next(struct bench *b, const char *uri)
{
	b->cseq++;
	request(b, "INVITE", uri, "");
}

static struct cgi_lane *lane_by(struct bench *b, const char *name)
{
	LIST_EACH (&b->s->lanes, it) {
		struct cgi_lane *lane = LIST_ENTRY(it, struct cgi_lane, link);

		if (strcmp(lane->name, name) == 0)
			return lane;
	}
	fail_msg("no lane %s", name);
	return NULL;
}

static size_t running(const struct bench *b)
{
	size_t n = 0;

	LIST_EACH (&b->f.runs, it)
		n++;
	return n;
}

static void over_the_limit_runs_wait_in_order_and_then_are_refused(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	for (int i = 0; i < 4; i++)
		next(&b, SCRIPT);
	assert_int_equal(running(&b), 2);
	assert_int_equal(lane_by(&b, "one")->n_waiting, 2);
	assert_wire(&b, "");
	harness_expect_log(LOG_WARN, "script run refused");
	next(&b, SCRIPT);
	assert_wire(&b, "503");
	assert_has(b.last, "\r\nRetry-After: 5\r\n");
	/* Another script is not held up. */
	next(&b, OTHER);
	assert_int_equal(running(&b), 3);
	says(&b, "SIP/2.0 486 Busy\n\n");
	assert_wire(&b, "486");
	assert_has(b.last, "CSeq: 2 INVITE");
	assert_int_equal(running(&b), 3);
	assert_int_equal(lane_by(&b, "one")->n_waiting, 1);
	bench_fini(&b);
}

static void who_came_first_runs_first(void **state UNUSED)
{
	static const char *const order[] = { "CSeq: 2 ", "CSeq: 3 ", "CSeq: 4 ", "CSeq: 5 " };
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].concurrency = 1;
	b.scripts[0].queue = 3;
	for (int i = 0; i < 4; i++)
		next(&b, SCRIPT);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_int_equal(running(&b), 1);
		says(&b, "SIP/2.0 486 Busy\n\n");
		(void)wire(&b);
		assert_has(b.last, order[i]);
	}
	assert_int_equal(lane_by(&b, "one")->running, 0);
	bench_fini(&b);
}

static void whoever_waits_too_long_gets_503(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].concurrency = 1;
	next(&b, SCRIPT);
	next(&b, SCRIPT);
	fake_runtime_advance(&b.f, 1000);
	next(&b, SCRIPT);
	(void)wire(&b);
	harness_expect_log(LOG_WARN, "script run refused");
	fake_runtime_advance(&b.f, 2001);
	assert_has(wire(&b), "503");
	assert_has(b.last, "CSeq: 3 ");
	assert_int_equal(lane_by(&b, "one")->n_waiting, 1);
	harness_expect_log(LOG_WARN, "script run refused");
	fake_runtime_advance(&b.f, 1000);
	assert_has(wire(&b), "503");
	assert_int_equal(lane_by(&b, "one")->n_waiting, 0);
	bench_fini(&b);
}

static void a_runner_without_places_is_waited_for(void **state UNUSED)
{
	static const int why[] = { -EAGAIN, -EPIPE };

	for (size_t i = 0; i < ARRAY_LEN(why); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		b.f.run_error = why[i];
		next(&b, SCRIPT);
		next(&b, OTHER);
		assert_int_equal(running(&b), 0);
		assert_int_equal(lane_by(&b, "one")->n_waiting, 1);
		/* Still none: it waits on, and no longer than it may. */
		fake_runtime_advance(&b.f, 1000);
		service_runner_ready(b.s);
		assert_int_equal(lane_by(&b, "one")->n_waiting, 1);
		b.f.run_error = 0;
		service_runner_ready(b.s);
		assert_int_equal(running(&b), 2);
		assert_int_equal(lane_by(&b, "one")->n_waiting, 0);
		fake_runtime_advance(&b.f, 2500);
		assert_has_not(wire(&b), "503");
		bench_fini(&b);
	}
}

static void patience_is_not_renewed_by_a_try(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.f.run_error = -EAGAIN;
	next(&b, SCRIPT);
	fake_runtime_advance(&b.f, 2000);
	service_runner_ready(b.s);
	(void)wire(&b);
	harness_expect_log(LOG_WARN, "script run refused");
	fake_runtime_advance(&b.f, 1001);
	assert_has(wire(&b), "503");
	bench_fini(&b);
}

static void a_runner_that_cannot_at_all_is_500(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.f.run_error = -EMFILE;
	harness_expect_log(LOG_WARN, "script not run");
	next(&b, SCRIPT);
	assert_wire(&b, "500");
	bench_fini(&b);
}

static void a_call_that_is_cancelled_waits_no_longer(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].concurrency = 1;
	next(&b, SCRIPT);
	next(&b, SCRIPT);
	cancel(&b, SCRIPT);
	assert_wire(&b, "200 487");
	assert_int_equal(lane_by(&b, "one")->n_waiting, 0);
	says(&b, "SIP/2.0 486 Busy\n\n");
	assert_int_equal(running(&b), 0);
	fake_runtime_advance(&b.f, 400000);
	bench_fini(&b);
}

static void scripts_take_turns_at_the_places_of_the_runner(void **state UNUSED)
{
	struct list *first;
	struct bench b;

	assert_true(bench_init(&b));
	b.f.run_error = -EAGAIN;
	next(&b, SCRIPT);
	next(&b, OTHER);
	first = b.s->lanes.next;
	service_runner_ready(b.s);
	assert_true(b.s->lanes.next != first);
	service_runner_ready(b.s);
	assert_true(b.s->lanes.next == first);
	bench_fini(&b);
}

static void a_lane_is_kept_over_a_new_configuration(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].concurrency = 1;
	next(&b, SCRIPT);
	next(&b, SCRIPT);
	assert_int_equal(service_configure(b.s, &b.config), 0);
	next(&b, SCRIPT);
	assert_int_equal(running(&b), 1);
	assert_int_equal(lane_by(&b, "one")->n_waiting, 2);
	bench_fini(&b);
}

static void without_memory_nobody_is_left_in_the_queue(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	b.scripts[0].concurrency = 1;
	next(&b, SCRIPT);
	next(&b, SCRIPT);
	if (fake_run_job(&b.f))
		says(&b, "SIP/2.0 486 Busy\n\n");
	if (fake_run_job(&b.f))
		says(&b, "SIP/2.0 486 Busy\n\n");
	(void)wire(&b);
	fake_runtime_advance(&b.f, 400000);
	(void)wire(&b);
	assert_int_equal(b.s->n_sessions, 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(over_the_limit_runs_wait_in_order_and_then_are_refused),
		HARNESS_TEST(who_came_first_runs_first),
		HARNESS_TEST(whoever_waits_too_long_gets_503),
		HARNESS_TEST(a_runner_without_places_is_waited_for),
		HARNESS_TEST(patience_is_not_renewed_by_a_try),
		HARNESS_TEST(a_runner_that_cannot_at_all_is_500),
		HARNESS_TEST(a_call_that_is_cancelled_waits_no_longer),
		HARNESS_TEST(scripts_take_turns_at_the_places_of_the_runner),
		HARNESS_TEST(a_lane_is_kept_over_a_new_configuration),
		HARNESS_ALLOC_TEST(without_memory_nobody_is_left_in_the_queue),
	};

	return harness_run("lane", tests, ARRAY_LEN(tests));
}
