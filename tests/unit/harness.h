/*
 * What unit tests share: slices in blocks of their own size (so that a sanitizer sees a read past
 * the end), the nth failing allocation, log lines a test announces, and a fake runtime.
 *
 * A test program's main() is:
 *     return harness_run("via", tests, ARRAY_LEN(tests));
 * It runs every test as it is. HARNESS_ALLOC_TEST entries are then run again with the 1st, 2nd, ...
 * allocation failing until none fails: such a test must pass or end early through
 * harness_alloc_failed() (no leak, no crash either way).
 */
#ifndef SIPCGID_TESTS_UNIT_HARNESS_H
#define SIPCGID_TESTS_UNIT_HARNESS_H

/* cmocka wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/runtime.h"
#include "base/slice.h"

struct harness_test {
	const char *name;
	CMUnitTestFunction fn;
	bool alloc; /* run again with each allocation failing */
};

#define HARNESS_TEST(fn)                                                                           \
	{                                                                                          \
#fn, fn, false                                                                     \
	}
#define HARNESS_ALLOC_TEST(fn)                                                                     \
	{                                                                                          \
#fn, fn, true                                                                      \
	}

/* Runs all; returns what main() returns. Prints cmocka's closing lines. */
int harness_run(const char *group, const struct harness_test *tests, size_t n);

/* A heap block of exactly these bytes, no NUL behind them. */
struct slice exact(const char *text);
struct slice exact_bytes(const void *p, size_t n);
void exact_free(struct slice s);

/* True while an allocation of this run has been made to fail: a test then accepts -ENOMEM or a
 * missing effect, and returns. */
bool harness_alloc_failed(void);
/* Fails the @n-th allocation from now (1 is the next); 0 turns it off. */
void harness_fail_alloc(unsigned n);

/* Zeroed memory that is never made to fail, for what belongs to the test itself; free() it. */
void *harness_calloc(size_t n);

/* The next log line at this level must have this message; a line nobody announced at warn or
 * error level fails the test. */
void harness_expect_log(enum log_level level, const char *msg);

/*
 * A runtime for tests: time stands still until moved, everything sent is kept, random bytes come
 * from a fixed seed, names resolve by table, scripts and commits wait until told how they end.
 */
struct fake_sent {
	struct list link;
	struct rt_flow to;
	struct packet *packet;
	uint64_t sender;
	uint64_t at; /* rt.now when sent */
};

struct fake_commit_list;

struct fake_runtime {
	struct runtime rt;
	struct list sent;    /* struct fake_sent, oldest first */
	struct list commits; /* struct rt_commit, oldest first */
	int send_error;      /* next sends fail at once with this negative errno; 0: they work */
	uint64_t random_state;
	struct rt_listener listeners[4];
	/* host -> targets; a host not here is -ENOENT; numeric hosts always resolve. */
	struct {
		const char *host;
		struct rt_targets targets;
	} names[8];
	size_t n_names;
	bool resolve_later; /* answers for names come from fake_resolve_all() */
	int run_error;      /* next runs are refused with this (-EAGAIN, -EPIPE); 0: they start */
	struct list resolving;
	struct list runs;
};

/* Listeners: 0 udp 192.0.2.1:5060, 1 tcp 192.0.2.1:5060, 2 udp [2001:db8::1]:5060,
 * 3 tcp [2001:db8::1]:5060, advertised under those addresses. */
void fake_runtime_init(struct fake_runtime *f);
/* Frees what was sent and not taken; fails the test if timers are still set, or if a question to
 * resolve was neither answered nor cancelled. */
void fake_runtime_fini(struct fake_runtime *f);
/* Moves time on, firing timers at their times. */
void fake_runtime_advance(struct fake_runtime *f, uint64_t ms);
/* The oldest packet sent, taken out; NULL. Free with fake_sent_free(). */
struct fake_sent *fake_runtime_take(struct fake_runtime *f);
void fake_sent_free(struct fake_sent *s);
size_t fake_runtime_sent(const struct fake_runtime *f);
void fake_resolve_all(struct fake_runtime *f);
/* Ends the oldest commit with @err; false if there is none. */
bool fake_commit_end(struct fake_runtime *f, int err);
/* The oldest run under way: its job (borrowed), then what it prints and how it ends. */
const struct rt_job *fake_run_job(struct fake_runtime *f);
/* Has run_stop() been called for it? It ends when the test says so, RT_RUN_CANCELLED as a rule. */
bool fake_run_stopped(struct fake_runtime *f);
void fake_run_output(struct fake_runtime *f, struct slice bytes);
void fake_run_error_output(struct fake_runtime *f, struct slice bytes);
void fake_run_end(struct fake_runtime *f, enum rt_run_end how, int status);

#endif
