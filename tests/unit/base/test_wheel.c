#include "harness.h"

#include "base/wheel.h"

/* A timer that writes down when it fired and in which order. */
struct probe {
	struct wheel_timer timer;
	struct wheel *wheel;
	uint64_t fired_at;
	unsigned order; /* 0: not fired */
	unsigned times;
	uint64_t again; /* set again for so many ms later, @left times */
	unsigned left;
	struct probe *cancels;
	bool frees;
};

static unsigned order;

static void fire(struct wheel_timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	assert_false(wheel_is_set(t));
	p->fired_at = p->wheel->now;
	p->order = ++order;
	p->times++;
	if (p->cancels) {
		wheel_cancel(p->wheel, &p->cancels->timer);
		if (p->cancels->frees)
			free(p->cancels);
	}
	if (p->left) {
		p->left--;
		wheel_set(p->wheel, t, p->wheel->now + p->again);
	}
	if (p->frees)
		free(p);
}

static void probe_init(struct probe *p, struct wheel *w)
{
	*p = (struct probe){ .timer = { .fire = fire }, .wheel = w };
}

/* Advances as a loop does: by what wheel_next() allows. */
static void run_to(struct wheel *w, uint64_t end)
{
	while (w->now < end) {
		uint64_t next = wheel_next(w);

		assert_true(next > w->now);
		wheel_advance(w, next < end ? next : end);
	}
}

static const uint64_t starts[] = { 0, 1, 255, 256, 65535, 0xffffff, 0xffffffff, 0x123456789abcdef };
static const uint64_t delays[] = { 1,       2,          200,        255,        256,        257,
				   500,     32000,      65535,      65536,      65537,      3600000,
				   1 << 24, 0xffffffff, 1ull << 32, 1ull << 40, 1ull << 60, 1 };

static void a_timer_fires_at_its_time_and_not_before(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++)
		for (size_t d = 0; d < ARRAY_LEN(delays); d++) {
			uint64_t at = starts[s] + delays[d];
			struct probe p;

			wheel_init(w, starts[s]);
			probe_init(&p, w);
			assert_true(wheel_next(w) == WHEEL_NEVER);
			wheel_set(w, &p.timer, at);
			assert_true(wheel_next(w) > starts[s]);
			assert_true(wheel_next(w) <= at);
			run_to(w, at - 1);
			assert_int_equal(p.times, 0);
			assert_int_equal(w->count, 1);
			assert_true(wheel_next(w) == at);
			wheel_advance(w, at);
			assert_int_equal(p.times, 1);
			assert_true(p.fired_at == at);
			assert_int_equal(w->count, 0);
			assert_true(wheel_next(w) == WHEEL_NEVER);
		}
	free(w);
}

static void one_long_step_fires_all_in_order(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));
	struct probe p[ARRAY_LEN(delays)];

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
		wheel_init(w, starts[s]);
		order = 0;
		for (size_t d = 0; d < ARRAY_LEN(delays); d++) {
			probe_init(&p[d], w);
			wheel_set(w, &p[d].timer, starts[s] + delays[d]);
		}
		wheel_advance(w, starts[s] + (1ull << 61));
		/* The last has the same time as the first, and was set after it. */
		assert_int_equal(p[0].order, 1);
		assert_int_equal(p[ARRAY_LEN(delays) - 1].order, 2);
		for (size_t d = 1; d < ARRAY_LEN(delays) - 1; d++) {
			assert_int_equal(p[d].order, d + 2);
			assert_true(p[d].fired_at == starts[s] + delays[d]);
		}
	}
	free(w);
}

static void timers_of_a_millisecond_fire_as_they_were_set(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));
	static const uint64_t steps[] = { 0,         1,         200,       300,
					  65000,     66000,     0xfffff0,  0x1000100,
					  0x1000200, 0x1000300, 0x1000301, 0x1000302 };
	struct probe p[ARRAY_LEN(steps)];
	const uint64_t at = 0x1000303;

	(void)state;
	wheel_init(w, 0);
	order = 0;
	/* Set from ever nearer: they come down through all levels. */
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		run_to(w, steps[i]);
		probe_init(&p[i], w);
		wheel_set(w, &p[i].timer, at);
	}
	run_to(w, at);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		assert_int_equal(p[i].order, i + 1);
	free(w);
}

static void a_time_past_fires_at_the_next_millisecond(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));
	struct probe p;

	(void)state;
	wheel_init(w, 1000);
	probe_init(&p, w);
	wheel_set(w, &p.timer, 3);
	assert_true(wheel_next(w) == 1001);
	wheel_advance(w, 1000);
	assert_int_equal(p.times, 0);
	wheel_advance(w, 1001);
	assert_int_equal(p.times, 1);
	free(w);
}

static void the_last_millisecond_can_be_set(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));
	struct probe p, near;

	(void)state;
	wheel_init(w, 5);
	probe_init(&p, w);
	probe_init(&near, w);
	wheel_set(w, &p.timer, UINT64_MAX);
	wheel_set(w, &near.timer, 1ull << 33);
	wheel_cancel(w, &near.timer);
	wheel_advance(w, UINT64_MAX - 1);
	assert_int_equal(p.times, 0);
	wheel_advance(w, UINT64_MAX);
	assert_int_equal(p.times, 1);
	assert_int_equal(near.times, 0);
	free(w);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));
	struct probe p[ARRAY_LEN(delays)];

	(void)state;
	wheel_init(w, 77);
	for (size_t d = 0; d < ARRAY_LEN(delays); d++) {
		probe_init(&p[d], w);
		wheel_cancel(w, &p[d].timer);
		wheel_set(w, &p[d].timer, 77 + delays[d]);
	}
	for (size_t d = 0; d < ARRAY_LEN(delays); d++) {
		wheel_cancel(w, &p[d].timer);
		wheel_cancel(w, &p[d].timer);
		assert_false(wheel_is_set(&p[d].timer));
	}
	assert_int_equal(w->count, 0);
	assert_true(wheel_next(w) == WHEEL_NEVER);
	wheel_advance(w, 1ull << 61);
	for (size_t d = 0; d < ARRAY_LEN(delays); d++)
		assert_int_equal(p[d].times, 0);
	free(w);
}

static void setting_again_moves_a_timer(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));
	struct probe p;

	(void)state;
	wheel_init(w, 0);
	probe_init(&p, w);
	wheel_set(w, &p.timer, 10);
	wheel_set(w, &p.timer, 1000);
	assert_int_equal(w->count, 1);
	wheel_advance(w, 999);
	assert_int_equal(p.times, 0);
	wheel_set(w, &p.timer, 1001);
	wheel_advance(w, 1000);
	assert_int_equal(p.times, 0);
	wheel_advance(w, 1001);
	assert_int_equal(p.times, 1);
	free(w);
}

static void a_timer_may_set_cancel_and_free_timers(void **state)
{
	struct wheel *w = harness_calloc(sizeof(*w));
	struct probe *victim = harness_calloc(sizeof(*victim));
	struct probe *self = harness_calloc(sizeof(*self));
	struct probe killer, repeating;

	(void)state;
	wheel_init(w, 0);
	probe_init(&killer, w);
	probe_init(&repeating, w);
	probe_init(victim, w);
	probe_init(self, w);
	victim->frees = self->frees = true;
	killer.cancels = victim;
	repeating.left = 3;
	wheel_set(w, &killer.timer, 10);
	wheel_set(w, &victim->timer, 10);
	wheel_set(w, &repeating.timer, 10);
	wheel_set(w, &self->timer, 10);
	wheel_advance(w, 12);
	assert_int_equal(killer.times, 1);
	/* Set for "now", it runs once a millisecond, and so does not hold the loop up. */
	assert_int_equal(repeating.times, 3);
	wheel_advance(w, 20);
	assert_int_equal(repeating.times, 4);
	assert_int_equal(w->count, 0);
	free(w);
}

/* Against the plainest timers there are: an array of times. */
static void random_use_agrees_with_a_list_of_times(void **state)
{
	enum { N = 200 };
	struct wheel *w = harness_calloc(sizeof(*w));
	struct probe *p = harness_calloc(N * sizeof(*p));
	uint64_t due[N], x = 42;
	size_t set = 0;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		wheel_init(w, x);
		set = 0;
		for (unsigned i = 0; i < N; i++) {
			probe_init(&p[i], w);
			due[i] = 0;
		}
		for (unsigned step = 0; step < 3000; step++) {
			unsigned i;
			uint64_t far, end, earliest = WHEEL_NEVER;

			x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			i = (unsigned)(x >> 33) % N;
			far = (x >> 20 & 0xffffff) >> (x >> 44 & 31);
			switch (x >> 60 & 3) {
			case 0:
			case 1:
				set += !due[i];
				due[i] = w->now + 1 + far;
				wheel_set(w, &p[i].timer, due[i]);
				break;
			case 2:
				set -= !!due[i];
				due[i] = 0;
				wheel_cancel(w, &p[i].timer);
				break;
			default:
				end = w->now + (far >> 4);
				wheel_advance(w, end);
				for (unsigned k = 0; k < N; k++)
					if (due[k] && due[k] <= end) {
						assert_int_equal(p[k].times, 1);
						assert_true(p[k].fired_at == due[k]);
						p[k].times = 0;
						due[k] = 0;
						set--;
					}
			}
			assert_int_equal(w->count, set);
			for (unsigned k = 0; k < N; k++) {
				assert_int_equal(p[k].times, 0);
				if (due[k] && due[k] < earliest)
					earliest = due[k];
			}
			assert_true(wheel_next(w) <= earliest && wheel_next(w) > w->now);
		}
	}
	free(p);
	free(w);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_timer_fires_at_its_time_and_not_before),
		HARNESS_TEST(one_long_step_fires_all_in_order),
		HARNESS_TEST(timers_of_a_millisecond_fire_as_they_were_set),
		HARNESS_TEST(a_time_past_fires_at_the_next_millisecond),
		HARNESS_TEST(the_last_millisecond_can_be_set),
		HARNESS_TEST(a_cancelled_timer_does_not_fire),
		HARNESS_TEST(setting_again_moves_a_timer),
		HARNESS_TEST(a_timer_may_set_cancel_and_free_timers),
		HARNESS_TEST(random_use_agrees_with_a_list_of_times),
	};

	return harness_run("wheel", tests, ARRAY_LEN(tests));
}
