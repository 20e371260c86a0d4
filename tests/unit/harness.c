/*
 * The unit tests' runner: allocations that fail on request, announced log lines, leaks named per
 * test. The fake runtime is in fake_runtime.c.
 */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>

/* Given by the linker's --wrap; absent (NULL) in a program linked without it. */
void *__real_malloc(size_t n) __attribute__((weak));
void *__real_calloc(size_t n, size_t size) __attribute__((weak));
void *__real_realloc(void *p, size_t n) __attribute__((weak));
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
/* Present under AddressSanitizer. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* More allocations than any one test makes: a test that never gets through would run for ever. */
#define ALLOC_RUNS_MAX 20000

/* Only the thread that runs the test is counted: with others the nth would be another each time. */
static _Thread_local unsigned fail_in; /* the allocation to fail; 0: none */
/* > 0: the harness itself allocates. Volatile, for a compiler knows that malloc() reads no variable
 * of ours. */
static _Thread_local volatile unsigned fail_off;
static bool alloc_failed;
static unsigned alloc_run; /* which run of an allocation test this is; 0: an ordinary run */

static bool must_fail(void)
{
	if (!fail_in || fail_off || --fail_in)
		return false;
	alloc_failed = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return must_fail() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return must_fail() ? NULL : __real_realloc(p, n);
}

void harness_fail_alloc(unsigned n)
{
	fail_in = n;
}

bool harness_alloc_failed(void)
{
	return alloc_failed;
}

void *harness_calloc(size_t n)
{
	void *p;

	fail_off++;
	p = calloc(1, n);
	fail_off--;
	if (!p)
		abort();
	return p;
}

struct slice exact_bytes(const void *p, size_t n)
{
	char *copy;

	fail_off++;
	copy = malloc(n);
	fail_off--;
	if (!copy && n)
		abort();
	if (n)
		memcpy(copy, p, n);
	return slice_of(copy, n);
}

struct slice exact(const char *text)
{
	return exact_bytes(text, strlen(text));
}

void exact_free(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

/* Log lines announced and not yet seen, oldest first. */
struct expected {
	enum log_level level;
	const char *msg;
};

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct expected expected[64];
static size_t n_expected;
static bool log_wrong;

void harness_expect_log(enum log_level level, const char *msg)
{
	bool full;

	pthread_mutex_lock(&log_lock);
	full = n_expected == ARRAY_LEN(expected);
	if (!full)
		expected[n_expected++] = (struct expected){ level, msg };
	pthread_mutex_unlock(&log_lock);
	if (full)
		fail_msg("more than %zu log lines announced", ARRAY_LEN(expected));
}

/* Takes the first announced line of this level off; NULL if none was. */
static const char *take_expected(enum log_level level)
{
	for (size_t i = 0; i < n_expected; i++) {
		const char *msg = expected[i].msg;

		if (expected[i].level != level)
			continue;
		n_expected--;
		memmove(&expected[i], &expected[i + 1], (n_expected - i) * sizeof(*expected));
		return msg;
	}
	return NULL;
}

/* A wrong line fails the test at its end: jumping out of the code under test would leak. */
static void check_line(void *arg UNUSED, enum log_level level, const char *msg,
		       const struct log_field *fields, size_t n)
{
	AUTO_BUF text = BUF_INIT, json = BUF_INIT;
	const char *announced;

	pthread_mutex_lock(&log_lock);
	fail_off++;
	/* Both, so that a sanitizer sees every field read. */
	log_format_text(&text, level, msg, fields, n);
	log_format_json(&json, level, msg, fields, n);
	fail_off--;

	announced = take_expected(level);
	if (announced ? strcmp(announced, msg) != 0 : level <= LOG_WARN) {
		if (!alloc_failed) {
			print_error("log line %s: %.*s\n", announced ? "differs" : "not announced",
				    SLICE_FMT(buf_view(&text)));
			if (announced)
				print_error("       announced: %s\n", announced);
			log_wrong = true;
		}
	}
	pthread_mutex_unlock(&log_lock);
}

static int reset(void **state UNUSED)
{
	harness_fail_alloc(0);
	alloc_failed = false;
	alloc_run = 0;
	n_expected = 0;
	log_wrong = false;
	log_level_set(LOG_DEBUG);
	log_sink_set(check_line, NULL);
	return 0;
}

static int wind_up(void **state)
{
	if (alloc_run)
		print_error("(with allocation %u failing)\n", alloc_run);
	return reset(state);
}

/* One run of a test, with what must hold when it has returned. */
static void run_once(const struct harness_test *t)
{
	void *state = NULL;

	t->fn(&state);
	harness_fail_alloc(0);
	if (log_wrong)
		fail_msg("the log is not as announced");
	if (n_expected && !alloc_failed)
		fail_msg("announced but not logged: %s", expected[0].msg);
	n_expected = 0;
}

static void check_leaks(void)
{
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
		fail_msg("memory leaked");
}

static void run_plain(void **state)
{
	run_once(*state);
	check_leaks();
}

static void run_failing(void **state)
{
	const struct harness_test *t = *state;

	for (alloc_run = 1; alloc_run <= ALLOC_RUNS_MAX; alloc_run++) {
		alloc_failed = false;
		harness_fail_alloc(alloc_run);
		run_once(t);
		if (!alloc_failed)
			break;
	}
	if (alloc_failed)
		fail_msg("still failing at allocation %u", ALLOC_RUNS_MAX);
	alloc_run = 0;
	check_leaks();
}

int harness_run(const char *group, const struct harness_test *tests, size_t n)
{
	struct CMUnitTest *all = calloc(2 * n, sizeof(*all));
	char(*names)[160] = calloc(n, sizeof(*names));
	size_t count = 0;
	int failed = 1;

	if (!all || !names)
		goto out;
	for (size_t i = 0; i < n; i++) {
		void *test = (void *)(uintptr_t)&tests[i];

		all[count++] =
			(struct CMUnitTest){ tests[i].name, run_plain, reset, wind_up, test };
		if (!tests[i].alloc)
			continue;
		(void)snprintf(names[i], sizeof(names[i]), "%s, each allocation failing",
			       tests[i].name);
		all[count++] = (struct CMUnitTest){ names[i], run_failing, reset, wind_up, test };
	}
	failed = _cmocka_run_group_tests(group, all, count, NULL, NULL);
out:
	free(names);
	free(all);
	return failed != 0;
}
