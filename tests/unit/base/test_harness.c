/*
 * The harness must fail what it promises to fail. Its reports of these failures are part of this
 * program's output; the exit status counts.
 */
#include "harness.h"

#include <stdio.h>

static void passes(void **state)
{
	(void)state;
	harness_expect_log(LOG_ERROR, "announced");
	LOG(LOG_ERROR, "announced");
}

static void warns_unannounced(void **state)
{
	(void)state;
	LOG(LOG_WARN, "nobody expects this");
}

static void logs_something_else(void **state)
{
	(void)state;
	harness_expect_log(LOG_INFO, "this");
	LOG(LOG_INFO, "that");
}

static void does_not_log_what_it_announced(void **state)
{
	(void)state;
	harness_expect_log(LOG_WARN, "this");
}

static void passes_with_every_allocation_failing(void **state)
{
	char *a = malloc(10), *b = calloc(1, 10);
	char *c = realloc(NULL, 10);

	(void)state;
	/* So that the compiler cannot leave the allocations out. */
	__asm__ volatile("" : : "r"(a), "r"(b), "r"(c) : "memory");
	if (!a || !b || !c) {
		assert_true(harness_alloc_failed());
		/* Complaints about it need no announcement. */
		LOG(LOG_ERROR, "out of memory");
	}
	free(a);
	free(b);
	free(c);
}

static void breaks_when_an_allocation_fails(void **state)
{
	char *a = malloc(10), *b = malloc(10);

	(void)state;
	__asm__ volatile("" : : "r"(a), "r"(b) : "memory");
	free(a);
	free(b);
	assert_true(a && b);
}

static void leaves_a_timer_set(void **state)
{
	struct fake_runtime f;
	struct wheel_timer t = { .at = 0 };

	(void)state;
	fake_runtime_init(&f);
	rt_timer_in(&f.rt, &t, 10);
	fake_runtime_fini(&f);
}

#ifdef __SANITIZE_ADDRESS__
#define CAN_SEE_LEAKS true
#else
#define CAN_SEE_LEAKS false
#endif

static uintptr_t hidden;

/* In a function of its own, so that no register or stack slot of the caller keeps the pointer. */
static __attribute__((noinline)) void lose(void)
{
	hidden = ~(uintptr_t)exact("lost").p;
}

static void leaks(void **state)
{
	(void)state;
	lose();
}

int main(void)
{
	static const struct {
		struct harness_test test;
		bool fails;
	} rows[] = {
		{ HARNESS_TEST(passes), false },
		{ HARNESS_TEST(warns_unannounced), true },
		{ HARNESS_TEST(logs_something_else), true },
		{ HARNESS_TEST(does_not_log_what_it_announced), true },
		{ HARNESS_ALLOC_TEST(passes_with_every_allocation_failing), false },
		{ HARNESS_TEST(breaks_when_an_allocation_fails), false },
		{ HARNESS_ALLOC_TEST(breaks_when_an_allocation_fails), true },
		{ HARNESS_TEST(leaves_a_timer_set), true },
		{ HARNESS_TEST(leaks), CAN_SEE_LEAKS },
		{ HARNESS_TEST(passes), false },
	};
	int wrong = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool failed = harness_run("harness", &rows[i].test, 1) != 0;

		if (hidden) {
			exact_free(slice_of((const char *)~hidden, 0));
			hidden = 0;
		}
		if (failed == rows[i].fails)
			continue;
		printf("%s: should have %s\n", rows[i].test.name,
		       rows[i].fails ? "failed" : "passed");
		wrong = 1;
	}
	return wrong;
}
