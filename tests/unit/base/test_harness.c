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

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* Only a sanitizer does, and only where it has not been told not to. */
static bool leaks_are_seen(void)
{
	const char *options = getenv("ASAN_OPTIONS");

	return __lsan_do_recoverable_leak_check && !(options && strstr(options, "detect_leaks=0"));
}

/* Several: the last pointers may still lie about in registers or on the stack. */
static uintptr_t lost[16];

static void leaks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lost); i++)
		lost[i] = ~(uintptr_t)exact("lost").p;
}

static void find_lost(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lost); i++)
		if (lost[i])
			exact_free(slice_of((const char *)~lost[i], 0));
	memset(lost, 0, sizeof(lost));
}

int main(void)
{
	const struct {
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
		{ HARNESS_TEST(leaks), leaks_are_seen() },
		{ HARNESS_TEST(passes), false },
	};
	int wrong = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool failed = harness_run("harness", &rows[i].test, 1) != 0;

		find_lost();
		if (failed == rows[i].fails)
			continue;
		printf("%s: should have %s\n", rows[i].test.name,
		       rows[i].fails ? "failed" : "passed");
		wrong = 1;
	}
	return wrong;
}
