/* Requests, ACKs and CANCELs as they come in: RFC 3261 16.3, 16.4, 16.10, 16.11. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define B2 "198.51.100.12"
#define DIALOG "To: <sip:bob@example.com>;tag=t\r\nRoute: <sip:192.0.2.1;lr>\r\n"

static void refusals_come_before_any_script(void **state UNUSED)
{
	static const struct {
		const char *uri, *extra, *wire;
	} rows[] = {
		{ "http://example.com", "", "416" },
		{ SCRIPT, "Max-Forwards: 0\r\n", "483" },
		{ SCRIPT, "Proxy-Require: foo\r\n", "420" },
		{ SCRIPT, "Route: <sip:unclosed\r\n", "400" },
		{ SCRIPT, "Max-Forwards: x\r\n", "400" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		request(&b, "INVITE", rows[i].uri, rows[i].extra);
		assert_wire(&b, rows[i].wire);
		assert_null(fake_run_job(&b.f));
		bench_fini(&b);
	}
}

static void a_script_that_forks_to_itself_is_stopped_by_the_loop_check(void **state UNUSED)
{
	struct bench b;
	char text[9000];

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	/* By a Route to ourselves, so that it is not looked up at once. */
	says(&b, "CGI-PROXY-REQUEST " SCRIPT " SIP/2.0\nRoute: <sip:192.0.2.1;lr>\n\n");
	assert_wire(&b, "INVITE>udp:192.0.2.1:5060");
	/* It comes back: a spiral, since the Route is another. Then the same again. */
	(void)snprintf(text, sizeof(text), "%s", sent_text(&b, 0));
	receive_text(&b, text, RT_UDP);
	says(&b, "CGI-PROXY-REQUEST " SCRIPT " SIP/2.0\nRoute: <sip:192.0.2.1;lr>\n\n");
	assert_wire(&b, "INVITE>udp:192.0.2.1:5060");
	(void)snprintf(text, sizeof(text), "%s", sent_text(&b, 1));
	receive_text(&b, text, RT_UDP);
	assert_wire(&b, "482");
	assert_null(fake_run_job(&b.f));
	bench_fini(&b);
}

static void retransmissions_and_dialogs_run_no_script(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	request(&b, "INVITE", SCRIPT, "");
	says(&b, "SIP/2.0 486 Busy\n\n");
	assert_null(fake_run_job(&b.f));
	(void)wire(&b);
	b.cseq++;
	request(&b, "BYE", "sip:script@" B1, DIALOG);
	assert_null(fake_run_job(&b.f));
	assert_wire(&b, "BYE" AT(B1));
	/* Unless a route asks for them. */
	b.routes[0].in_dialog = true;
	b.cseq++;
	request(&b, "BYE", "sip:script@" B1, DIALOG);
	assert_non_null(fake_run_job(&b.f));
	bench_fini(&b);
}

static void an_ack_goes_where_its_dialog_goes(void **state UNUSED)
{
	static const struct {
		bool trusted;
		const char *uri, *extra, *wire;
	} rows[] = {
		{ false, "sip:bob@" B1, DIALOG, "ACK" AT(B1) },
		{ false, "sip:bob@" B1,
		  "To: <sip:b@b>;tag=t\r\nRoute: <sip:192.0.2.1;lr>, <sip:" B2 ";lr>\r\n",
		  "ACK" AT(B2) },
		/* Of no dialog through us. */
		{ false, "sip:bob@" B1, "To: <sip:b@b>;tag=t\r\n", "" },
		{ false, "sip:bob@" B1, "Route: <sip:192.0.2.1;lr>\r\n", "" },
		{ true, "sip:bob@" B1, "To: <sip:b@b>;tag=t\r\n", "ACK" AT(B1) },
		/* To a user of ours. */
		{ false, "sip:bob@example.com", "To: <sip:b@b>;tag=t\r\n", "ACK" AT(B2) },
		{ false, "sip:nobody@example.com", "To: <sip:b@b>;tag=t\r\n", "" },
		{ false, "sip:example.com", "To: <sip:b@b>;tag=t\r\n", "" },
		{ false, "sip:bob@" B1, DIALOG "Max-Forwards: 0\r\n", "" },
		{ false, "sip:bob@" B1, "To: <sip:b@b>;tag=t\r\nRoute: <sip:unclosed\r\n", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		prepare(&b);
		if (rows[i].trusted)
			assert_int_equal(trust_add(&b.config.trusted, SLICE(CALLER)), 0);
		assert_true(start(&b));
		bind_one(&b, "sip:bob@example.com", "sip:bob@" B2);
		request(&b, "ACK", rows[i].uri, rows[i].extra);
		if (strcmp(wire(&b), rows[i].wire) != 0)
			fail_msg("row %zu: %s", i, b.wire);
		assert_int_equal(txn_layer_count(b.s->txns, NULL), 0);
		bench_fini(&b);
	}
}

static void an_ack_passes_its_breadth_on_and_counts_hops(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "ACK", "sip:bob@" B1, DIALOG "Max-Breadth: 3\r\nMax-Forwards: 9\r\n");
	assert_wire(&b, "ACK" AT(B1));
	assert_has(sent_text(&b, 0), "\r\nMax-Breadth: 3\r\n");
	assert_has(sent_text(&b, 0), "\r\nMax-Forwards: 8\r\n");
	bench_fini(&b);
}

static void a_cancel_for_nothing_is_481(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	cancel(&b, "sip:bob@example.com");
	assert_wire(&b, "481");
	/* One for a request that has its answer changes nothing. */
	b.cseq++;
	request(&b, "INVITE", "sip:nobody@example.com", "");
	assert_wire(&b, "404");
	cancel(&b, "sip:nobody@example.com");
	assert_wire(&b, "200");
	bench_fini(&b);
}

static void without_memory_nothing_is_left(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	request(&b, "ACK", "sip:bob@" B1, DIALOG);
	b.cseq++;
	request(&b, "INVITE", "sip:bob@" B1, "");
	(void)wire(&b);
	cancel(&b, "sip:bob@" B1);
	(void)wire(&b);
	if (b.n_out)
		answer(&b, b.n_out - 1, 487);
	fake_runtime_advance(&b.f, 400000);
	(void)wire(&b);
	assert_int_equal(b.s->n_sessions, 0);
	assert_int_equal(txn_layer_count(b.s->txns, NULL), 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(refusals_come_before_any_script),
		HARNESS_TEST(a_script_that_forks_to_itself_is_stopped_by_the_loop_check),
		HARNESS_TEST(retransmissions_and_dialogs_run_no_script),
		HARNESS_TEST(an_ack_goes_where_its_dialog_goes),
		HARNESS_TEST(an_ack_passes_its_breadth_on_and_counts_hops),
		HARNESS_TEST(a_cancel_for_nothing_is_481),
		HARNESS_ALLOC_TEST(without_memory_nothing_is_left),
	};

	return harness_run("request", tests, ARRAY_LEN(tests));
}
