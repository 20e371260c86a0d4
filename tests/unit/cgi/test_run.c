/* How runs end, and what that means for the request: RFC 3050 5.6, SIPCGI.md 3. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define PROXY_B1 "CGI-PROXY-REQUEST sip:bob@" B1 " SIP/2.0\n\n"

static void every_end_has_its_answer(void **state UNUSED)
{
	static const struct {
		const char *prints;
		enum rt_run_end how;
		int status;
		bool fail_open;
		const char *wire;
		const char *log; /* at warn */
	} rows[] = {
		/* Nothing said, and all is well: the default action; script@ is nobody. */
		{ "", RT_RUN_EXITED, 0, false, "404", NULL },
		{ "CGI-AGAIN no SIP/2.0\n\n", RT_RUN_EXITED, 0, false, "404", NULL },
		{ "CGI-SET-COOKIE a SIP/2.0\n\n", RT_RUN_EXITED, 0, false, "404", NULL },
		/* Nothing said, and it went wrong. */
		{ "", RT_RUN_EXITED, 1, false, "500", "script failed" },
		{ "", RT_RUN_EXITED, 1, true, "500", "script failed" },
		{ "", RT_RUN_SIGNALED, 11, false, "500", "script failed" },
		{ "", RT_RUN_NOT_STARTED, ENOENT, false, "500", "script failed" },
		{ "", RT_RUN_NOT_STARTED, EACCES, true, "500", "script failed" },
		{ "", RT_RUN_TIMEOUT, 0, false, "504", "script failed" },
		{ "", RT_RUN_LOST, 0, false, "500", "script failed" },
		{ "", RT_RUN_CANCELLED, 0, false, "500", "script failed" },
		/* It acted first. */
		{ "SIP/2.0 486 Busy\n\n", RT_RUN_EXITED, 0, false, "486", NULL },
		{ "SIP/2.0 486 Busy\n\n", RT_RUN_EXITED, 3, false, "486",
		  "script ended badly after it acted" },
		{ "SIP/2.0 486 Busy\n\n", RT_RUN_SIGNALED, 9, false, "486",
		  "script ended badly after it acted" },
		{ "SIP/2.0 486 Busy\n\n", RT_RUN_TIMEOUT, 0, false, "486", "script failed" },
		{ PROXY_B1, RT_RUN_EXITED, 0, false, "INVITE" AT(B1), NULL },
		{ PROXY_B1, RT_RUN_EXITED, 2, false, "INVITE" AT(B1),
		  "script ended badly after it acted" },
		/* ... and cannot be left to it: pending branches are cancelled. */
		{ PROXY_B1, RT_RUN_TIMEOUT, 0, false, "INVITE" AT(B1) " 504", "script failed" },
		{ PROXY_B1, RT_RUN_LOST, 0, false, "INVITE" AT(B1) " 500", "script failed" },
		/* Only ringing: nobody waits for ever. */
		{ "SIP/2.0 180 Ringing\n\n", RT_RUN_EXITED, 0, false, "180 500", NULL },
		{ "SIP/2.0 180 Ringing\n\n", RT_RUN_EXITED, 1, false, "180 500",
		  "script ended badly after it acted" },
		/* The last blank line may be missing if it exits well. */
		{ "SIP/2.0 486 Busy\n", RT_RUN_EXITED, 0, false, "486", NULL },
		{ "SIP/2.0 486 Busy", RT_RUN_EXITED, 0, false, "486", NULL },
		{ "SIP/2.0 486 Busy\n", RT_RUN_EXITED, 1, false, "500", "script failed" },
		{ "SIP/2.0 486 Busy\n", RT_RUN_SIGNALED, 9, false, "500", "script failed" },
		/* Garbage. */
		{ "what?\n\n", RT_RUN_EXITED, 0, false, "500", "script failed" },
		{ "what?\n\n", RT_RUN_EXITED, 0, true, "404",
		  "script failed, default action follows" },
		{ "SIP/2.0 180 Ringing\n\nwhat?\n\n", RT_RUN_EXITED, 0, false, "180 500",
		  "script failed" },
		/* It acted: the default action would be a second decision. */
		{ "SIP/2.0 180 Ringing\n\nwhat?\n\n", RT_RUN_EXITED, 0, true, "180 500",
		  "script failed" },
		{ PROXY_B1 "what?\n\n", RT_RUN_EXITED, 0, true, "INVITE" AT(B1) " 500",
		  "script failed" },
		{ "SIP/2.0 486 Busy\n\nwhat?\n\n", RT_RUN_EXITED, 0, false, "486",
		  "script failed" },
		/* Ended inside a body. */
		{ "SIP/2.0 200 OK\nContent-Type: a/b\nContent-Length: 9\n\nabc", RT_RUN_EXITED, 0,
		  false, "500", "script failed" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		b.scripts[0].fail_open = rows[i].fail_open;
		request(&b, "INVITE", SCRIPT, "");
		assert_wire(&b, "");
		if (rows[i].log)
			harness_expect_log(LOG_WARN, rows[i].log);
		prints(&b, rows[i].prints);
		/* One that is not listened to any more is stopped. */
		ends(&b, fake_run_stopped(&b.f) ? RT_RUN_CANCELLED : rows[i].how, rows[i].status);
		if (strcmp(wire(&b), rows[i].wire) != 0)
			fail_msg("row %zu: %s", i, b.wire);
		fake_runtime_advance(&b.f, 400000);
		(void)wire(&b);
		assert_int_equal(b.s->n_sessions, 0);
		bench_fini(&b);
	}
}

static void what_a_script_says_takes_effect_as_it_comes(void **state UNUSED)
{
	static const char text[] = "SIP/2.0 180 Ringing\n\n" PROXY_B1 "SIP/2.0 183 Well\nX: y\n\n";
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	for (const char *p = text; *p; p++)
		prints(&b, (char[]){ *p, '\0' });
	assert_wire(&b, "180 INVITE" AT(B1) " 183");
	ends(&b, RT_RUN_EXITED, 0);
	answer(&b, 0, 200);
	assert_wire(&b, "200");
	bench_fini(&b);
}

static void one_byte_at_a_time_costs_the_session_no_memory(void **state UNUSED)
{
	struct bench b;
	struct session *ss;
	size_t total;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	ss = LIST_ENTRY(b.s->sessions.next, struct session, link);
	prints(&b, PROXY_B1);
	(void)wire(&b);
	total = ss->ctx->arena.total;
	for (int i = 0; i < 20000; i++)
		prints(&b, "\n");
	assert_int_equal(ss->ctx->arena.total, total);
	ends(&b, RT_RUN_EXITED, 0);
	bench_fini(&b);
}

static void the_job_is_the_script_and_the_request(void **state UNUSED)
{
	const struct rt_job *job;
	struct bench b;

	assert_true(bench_init(&b));
	receive_text(&b,
		     "MESSAGE " SCRIPT " SIP/2.0\r\nVia: " VIA_IN
		     "\r\nFrom: <sip:a@example.com>;tag=1\r\n"
		     "To: <sip:b@example.com>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n"
		     "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
		     RT_UDP);
	job = fake_run_job(&b.f);
	assert_non_null(job);
	assert_true(slice_eq(job->path, SLICE("/scripts/one")));
	assert_true(slice_eq(job->dir, SLICE("/scripts")));
	assert_true(slice_eq(job->body, SLICE("hello")));
	assert_int_equal(job->timeout_ms, 10000);
	assert_int_equal(job->uid, UINT32_MAX);
	assert_non_null(memmem(job->env.p, job->env.n, "REQUEST_METHOD=MESSAGE", 23));
	assert_non_null(memmem(job->env.p, job->env.n, "SERVER_NAME=example.com", 24));
	says(&b, "SIP/2.0 200 OK\n\n");
	assert_wire(&b, "200");
	bench_fini(&b);
}

static void standard_error_is_logged_line_by_line(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	harness_expect_log(LOG_WARN, "script stderr");
	harness_expect_log(LOG_WARN, "script stderr");
	harness_expect_log(LOG_WARN, "script stderr");
	fake_run_error_output(&b.f, SLICE("one\n\ntw"));
	fake_run_error_output(&b.f, SLICE("o\nthree"));
	says(&b, "SIP/2.0 486 Busy\n\n");
	/* Only so many of one run. */
	b.cseq = 2;
	request(&b, "INVITE", SCRIPT, "");
	for (int i = 0; i < 1000; i++) {
		if (i < 100)
			harness_expect_log(LOG_WARN, "script stderr");
		fake_run_error_output(&b.f, SLICE("x\n"));
	}
	says(&b, "SIP/2.0 486 Busy\n\n");
	bench_fini(&b);
}

static void a_cancel_while_the_script_runs_is_487_at_once(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	cancel(&b, SCRIPT);
	assert_wire(&b, "200 487");
	/* What it says now is too late. */
	prints(&b, "SIP/2.0 200 OK\n\n" PROXY_B1 "SIP/2.0 180 Ringing\n\n");
	ends(&b, RT_RUN_EXITED, 0);
	assert_wire(&b, "");
	bench_fini(&b);
}

static void a_cancel_reaches_the_branches_of_a_running_script(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	prints(&b, PROXY_B1);
	(void)wire(&b);
	answer(&b, 0, 180);
	cancel(&b, SCRIPT);
	/* The 180 waited for its turn, and has lost its meaning. */
	assert_wire(&b, "200 CANCEL" AT(B1));
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B1) " 487");
	harness_expect_log(LOG_WARN, "script ended badly after it acted");
	prints(&b, PROXY_B1);
	ends(&b, RT_RUN_EXITED, 1);
	assert_wire(&b, "");
	bench_fini(&b);
}

static void nothing_goes_up_while_the_script_runs_and_may_add_branches(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	prints(&b, PROXY_B1);
	(void)wire(&b);
	answer(&b, 0, 486);
	/* All branches have ended, but the script has not. */
	assert_wire(&b, "ACK" AT(B1));
	prints(&b, "CGI-PROXY-REQUEST sip:bob@198.51.100.12 SIP/2.0\n\n");
	assert_wire(&b, "INVITE>udp:198.51.100.12:5060");
	answer(&b, sent_to(&b, "INVITE", "198.51.100.12"), 404);
	(void)wire(&b);
	ends(&b, RT_RUN_EXITED, 0);
	assert_wire(&b, "486");
	bench_fini(&b);
}

static void fail_open_settles_when_the_default_action_fails_at_once(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].fail_open = true;
	bind_one(&b, "sip:script@example.com", "sip:x@no.test");
	request(&b, "INVITE", SCRIPT, "");
	harness_expect_log(LOG_WARN, "script failed, default action follows");
	says(&b, "garbage\n\n");
	assert_wire(&b, "500");
	bench_fini(&b);
}

static void the_time_is_up_before_the_processes_are_gone(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	harness_expect_log(LOG_WARN, "script failed");
	fake_runtime_advance(&b.f, 10001);
	assert_wire(&b, "100 504");
	assert_true(fake_run_stopped(&b.f));
	ends(&b, RT_RUN_CANCELLED, 0);
	assert_wire(&b, "");
	bench_fini(&b);
}

static void a_run_outlives_its_session(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].timeout_ms = 1000000;
	request(&b, "INVITE", SCRIPT, "");
	prints(&b, "SIP/2.0 486 Busy\n\n");
	fake_runtime_advance(&b.f, 100000);
	(void)wire(&b);
	assert_int_equal(b.s->n_sessions, 0);
	prints(&b, "SIP/2.0 200 OK\n\n" PROXY_B1);
	ends(&b, RT_RUN_EXITED, 1);
	assert_wire(&b, "");
	bench_fini(&b);
}

static void too_much_output_is_a_script_error(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].max_output = 1000;
	request(&b, "INVITE", SCRIPT, "");
	harness_expect_log(LOG_WARN, "script failed");
	for (int i = 0; i < 1001; i++)
		prints(&b, "\n");
	assert_true(fake_run_stopped(&b.f));
	assert_wire(&b, "500");
	ends(&b, RT_RUN_CANCELLED, 0);
	assert_wire(&b, "");
	bench_fini(&b);
}

static void memory_that_runs_out_anywhere_leaves_nobody_waiting(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	request(&b, "INVITE", SCRIPT, "");
	if (fake_run_job(&b.f))
		says(&b,
		     "SIP/2.0 180 Ringing\nX: y\n\n"
		     "CGI-PROXY-REQUEST sip:bob@" B1 " SIP/2.0\nSubject: z\nFrom: <sip:q@x>\n\n");
	(void)wire(&b);
	if (b.n_out)
		answer(&b, 0, 486);
	(void)wire(&b);
	/* Whatever happened, it ends: answered, or forgotten. */
	fake_runtime_advance(&b.f, 400000);
	(void)wire(&b);
	assert_int_equal(b.s->n_sessions, 0);
	assert_int_equal(txn_layer_count(b.s->txns, NULL), 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(every_end_has_its_answer),
		HARNESS_TEST(what_a_script_says_takes_effect_as_it_comes),
		HARNESS_TEST(one_byte_at_a_time_costs_the_session_no_memory),
		HARNESS_TEST(the_job_is_the_script_and_the_request),
		HARNESS_TEST(standard_error_is_logged_line_by_line),
		HARNESS_TEST(a_cancel_while_the_script_runs_is_487_at_once),
		HARNESS_TEST(a_cancel_reaches_the_branches_of_a_running_script),
		HARNESS_TEST(nothing_goes_up_while_the_script_runs_and_may_add_branches),
		HARNESS_TEST(fail_open_settles_when_the_default_action_fails_at_once),
		HARNESS_TEST(the_time_is_up_before_the_processes_are_gone),
		HARNESS_TEST(a_run_outlives_its_session),
		HARNESS_TEST(too_much_output_is_a_script_error),
		HARNESS_ALLOC_TEST(memory_that_runs_out_anywhere_leaves_nobody_waiting),
	};

	return harness_run("run", tests, ARRAY_LEN(tests));
}
