/* What comes after the first run: RFC 3050 4, 5.3, 5.6.1.3, 5.6.1.5, 5.7, 5.10; SIPCGI.md 1. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define B2 "198.51.100.12"
#define AGAIN "CGI-AGAIN yes SIP/2.0\n\n"
#define PROXY(host) "CGI-PROXY-REQUEST sip:b@" host " SIP/2.0\n\n"
#define THIS "CGI-FORWARD-RESPONSE this SIP/2.0\n\n"

/* A call whose first run says @first; what is sent for it is not looked at. */
static void call(struct bench *b, const char *first)
{
	request(b, "INVITE", SCRIPT, "");
	says(b, first);
	(void)wire(b);
}

static bool runs(struct bench *b)
{
	return fake_run_job(&b->f) != NULL;
}

static void an_event_runs_the_script_or_meets_the_default_action(void **state UNUSED)
{
	static const struct {
		const char *first;
		unsigned status;
		const char *before, *second, *wire;
	} rows[] = {
		{ PROXY(B1), 180, "180", NULL, "" },
		{ AGAIN PROXY(B1), 180, "", "", "180" },
		{ AGAIN PROXY(B1), 180, "", AGAIN, "180" },
		{ AGAIN PROXY(B1), 180, "", THIS, "180" },
		{ AGAIN PROXY(B1), 180, "", "SIP/2.0 183 x\n\n", "183" },
		{ AGAIN PROXY(B1), 486, "ACK" AT(B1), "", "486" },
		{ AGAIN PROXY(B1), 486, "ACK" AT(B1), THIS, "486" },
		{ AGAIN PROXY(B1), 486, "ACK" AT(B1), "SIP/2.0 480 x\n\n", "480" },
		/* Handled, but it stays a candidate, and nobody is left hanging. */
		{ AGAIN PROXY(B1), 486, "ACK" AT(B1), "SIP/2.0 183 x\n\n", "183 486" },
		{ AGAIN PROXY(B1), 603, "ACK" AT(B1), PROXY(B2), "INVITE" AT(B2) },
		{ AGAIN PROXY(B1), 200, "", "", "200" },
		{ AGAIN PROXY(B1), 200, "", THIS, "200" },
		{ AGAIN PROXY(B1), 200, "", "SIP/2.0 183 x\n\n", "183 200" },
		/* It goes up as it is: the script says so. */
		{ AGAIN PROXY(B1), 503, "ACK" AT(B1), THIS, "503" },
		{ AGAIN PROXY(B1), 503, "ACK" AT(B1), "", "500" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		call(&b, rows[i].first);
		answer(&b, 0, rows[i].status);
		if (strcmp(wire(&b), rows[i].before) != 0)
			fail_msg("row %zu, before: %s", i, b.wire);
		assert_int_equal(runs(&b), rows[i].second != NULL);
		if (rows[i].second) {
			says(&b, rows[i].second);
			if (strcmp(wire(&b), rows[i].wire) != 0)
				fail_msg("row %zu: %s", i, b.wire);
		}
		assert_false(runs(&b));
		bench_fini(&b);
	}
}

static void a_run_that_fails_is_500_but_a_callee_that_answered_is_let_in(void **state UNUSED)
{
	static const struct {
		unsigned status;
		const char *wire;
	} rows[] = { { 486, "500" }, { 200, "200" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		call(&b, AGAIN PROXY(B1));
		answer(&b, 0, rows[i].status);
		(void)wire(&b);
		harness_expect_log(LOG_WARN, "script failed");
		prints(&b, "nonsense\n\n");
		assert_wire(&b, rows[i].wire);
		ends(&b, RT_RUN_CANCELLED, 0);
		assert_wire(&b, "");
		bench_fini(&b);
	}
}

static void what_waits_is_taken_in_order_when_the_run_has_ended(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	call(&b, AGAIN PROXY(B1) PROXY(B2));
	answer(&b, 0, 180);
	answer(&b, 1, 183);
	answer(&b, 0, 486);
	answer(&b, 1, 404);
	/* Repeated, also while it waits. */
	answer(&b, 1, 183);
	assert_wire(&b, "ACK" AT(B1) " ACK" AT(B2));
	says(&b, "");
	assert_wire(&b, "180 183 486");
	assert_false(runs(&b));
	bench_fini(&b);
}

static void a_cancel_does_not_wait_but_its_run_does(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	call(&b, AGAIN PROXY(B1));
	answer(&b, 0, 180);
	assert_true(runs(&b));
	cancel(&b, SCRIPT);
	assert_wire(&b, "200 CANCEL" AT(B1));
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B1) " 487");
	/* The transaction is long gone. */
	fake_runtime_advance(&b.f, 9000);
	assert_int_equal(b.s->n_sessions, 1);
	(void)wire(&b);
	says(&b, AGAIN PROXY(B2));
	assert_true(runs(&b));
	says(&b, "SIP/2.0 200 OK\n\n" PROXY(B2));
	assert_wire(&b, "");
	assert_false(runs(&b));
	bench_fini(&b);
}

static void an_expires_ends_the_branch_with_a_408_of_our_own(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	call(&b, AGAIN "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\nExpires: 5\n\n");
	answer(&b, 0, 180);
	says(&b, AGAIN);
	assert_wire(&b, "180");
	fake_runtime_advance(&b.f, 4900);
	assert_wire(&b, "");
	fake_runtime_advance(&b.f, 200);
	assert_wire(&b, "CANCEL" AT(B1));
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B1));
	says(&b, PROXY(B2));
	assert_wire(&b, "INVITE" AT(B2));
	answer(&b, sent_to(&b, "INVITE", B2), 200);
	assert_wire(&b, "200");
	bench_fini(&b);
}

static void memory_that_runs_out_leaves_nobody_waiting(void **state UNUSED)
{
	struct session *ss;
	struct bench b;

	if (!bench_init(&b))
		return;
	call(&b, AGAIN "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\nExpires: 60\n\n");
	answer(&b, 0, 180);
	if (runs(&b))
		says(&b, AGAIN "CGI-FORWARD-RESPONSE this SIP/2.0\nX-A: b\n\n");
	answer(&b, 0, 486);
	while (runs(&b))
		says(&b, AGAIN "SIP/2.0 183 x\n\n");
	if (b.s->n_sessions) {
		ss = LIST_ENTRY(b.s->sessions.next, struct session, link);
		if (!ss->ctx->answered && ss->ctx->st && !proxy_ctx_pending(ss->ctx))
			fail_msg("nothing is pending, and no final response went up");
	}
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(an_event_runs_the_script_or_meets_the_default_action),
		HARNESS_TEST(a_run_that_fails_is_500_but_a_callee_that_answered_is_let_in),
		HARNESS_TEST(what_waits_is_taken_in_order_when_the_run_has_ended),
		HARNESS_TEST(a_cancel_does_not_wait_but_its_run_does),
		HARNESS_TEST(an_expires_ends_the_branch_with_a_408_of_our_own),
		HARNESS_ALLOC_TEST(memory_that_runs_out_leaves_nobody_waiting),
	};

	return harness_run("queue", tests, ARRAY_LEN(tests));
}
