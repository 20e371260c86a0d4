/* The runtime on libuv: time, timers, random bytes, and what is not attached. */
#include "stage.h"

struct tick {
	struct wheel_timer timer;
	struct runtime *rt;
	uint64_t at; /* when it fired; 0: not yet */
};

static void tick(struct wheel_timer *t)
{
	struct tick *k = CONTAINER_OF(t, struct tick, timer);

	k->at = k->rt->now;
}

static void timers_fire_in_their_time_and_not_before(void **state)
{
	static const uint64_t in[] = { 0, 1, 5, 5, 20, 30 };
	struct tick ticks[ARRAY_LEN(in)] = { 0 };
	struct stage s;
	uint64_t begin;

	(void)state;
	assert_true(stage_up(&s, NULL));
	begin = s.rt->now;
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		ticks[i].timer.fire = tick;
		ticks[i].rt = s.rt;
		rt_timer_in(s.rt, &ticks[i].timer, in[i]);
	}
	rt_timer_stop(s.rt, &ticks[2].timer);
	STAGE_UNTIL(&s, ticks[5].at);
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		if (i == 2) {
			assert_int_equal(ticks[i].at, 0);
			continue;
		}
		assert_true(ticks[i].at >= begin + in[i]);
		assert_true(i == 0 || ticks[i].at >= ticks[i - 1].at);
	}
	assert_true(s.rt->now >= begin + 30);
	stage_down(&s);
}

/* The loop sleeps for as long as the wheel says, and wakes for a timer set meanwhile. */
static void a_nearer_timer_wakes_the_loop_that_sleeps_for_a_farther_one(void **state)
{
	struct tick far = { .timer.fire = tick }, near = { .timer.fire = tick };
	struct stage s;

	(void)state;
	assert_true(stage_up(&s, NULL));
	far.rt = near.rt = s.rt;
	rt_timer_in(s.rt, &far.timer, 3600 * 1000);
	s.deadline = UINT64_MAX;
	assert_true(stage_turn(&s));
	rt_timer_in(s.rt, &near.timer, 2);
	STAGE_UNTIL(&s, near.at);
	assert_int_equal(far.at, 0);
	rt_timer_stop(s.rt, &far.timer);
	stage_down(&s);
}

static void the_time_is_that_of_the_system(void **state)
{
	struct timespec ts;
	struct stage s;
	int64_t wall;

	(void)state;
	assert_true(stage_up(&s, NULL));
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &ts), 0);
	wall = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	assert_in_range(s.rt->wall - wall + 60000, 0, 120000);
	stage_down(&s);
}

static void random_bytes_do_not_repeat(void **state)
{
	static unsigned char big[2][10000];
	uint64_t seen[2000];
	struct stage s;

	(void)state;
	assert_true(stage_up(&s, NULL));
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		seen[i] = rt_random64(s.rt);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(seen[i], seen[k]);
	}
	s.rt->ops->random(s.rt, big[0], sizeof(big[0]));
	s.rt->ops->random(s.rt, big[1], sizeof(big[1]));
	assert_memory_not_equal(big[0], big[1], sizeof(big[0]));
	stage_down(&s);
}

static int done_err;
static void done(struct rt_commit *c, int err)
{
	(void)c;
	done_err = err;
}

static void nobody(void *arg, int err, const struct rt_targets *targets)
{
	(void)arg;
	(void)err;
	(void)targets;
	fail_msg("never called");
}

static void what_is_not_attached_is_refused(void **state)
{
	struct rt_query q = { .host = SLICE("192.0.2.1"), .transport = -1 };
	struct rt_commit commit = { .done = done };
	struct rt_run_events ev = { 0 };
	struct rt_targets targets;
	struct rt_resolve *query;
	struct rt_flow to = { 0 };
	struct rt_job job = { 0 };
	struct rt_run *run;
	struct packet *p;
	struct stage s;

	(void)state;
	assert_true(stage_up(&s, NULL));
	runtime_uv_attach(s.u, NULL, NULL);
	p = packet_from(SLICE("x"));
	assert_int_equal(s.rt->ops->send(s.rt, &to, p, 1), -ENETDOWN);
	assert_int_equal(s.rt->ops->resolve(s.rt, &q, &targets, nobody, NULL, &query), -EAGAIN);
	assert_int_equal(s.rt->ops->run(s.rt, &job, &ev, NULL, &run), -EPIPE);
	done_err = 1;
	s.rt->ops->commit(s.rt, &commit);
	assert_int_equal(done_err, 1);
	STAGE_UNTIL(&s, done_err != 1);
	assert_int_equal(done_err, -EROFS);
	packet_unref(p);
	stage_down(&s);
}

static const struct harness_test tests[] = {
	HARNESS_TEST(timers_fire_in_their_time_and_not_before),
	HARNESS_TEST(a_nearer_timer_wakes_the_loop_that_sleeps_for_a_farther_one),
	HARNESS_TEST(the_time_is_that_of_the_system),
	HARNESS_TEST(random_bytes_do_not_repeat),
	HARNESS_TEST(what_is_not_attached_is_refused),
};

int main(void)
{
	return harness_run("runtime_uv", tests, ARRAY_LEN(tests));
}
