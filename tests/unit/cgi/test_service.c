/* The service as the runtime sees it, and sessions: made, drained, reconfigured, freed. */
#include "fixture.h"

#define B1 "198.51.100.11"

static void freeing_it_ends_everything_under_way(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	b.f.resolve_later = true;
	bind_one(&b, "sip:bob@example.com", "sip:bob@" B1);
	/* A call that rings, one whose script runs, one that waits, names asked for, a REGISTER. */
	request(&b, "INVITE", "sip:bob@example.com", "");
	for (int i = 0; i < 3; i++) {
		b.cseq++;
		request(&b, "INVITE", SCRIPT, "");
	}
	b.cseq++;
	request(&b, "INVITE", "sip:x@later.test", "");
	request(&b, "ACK", "sip:x@later.test",
		"To: <sip:b@b>;tag=t\r\nRoute: <sip:192.0.2.1;lr>\r\n");
	b.cseq++;
	request(&b, "REGISTER", "sip:example.com",
		"To: <sip:alice@example.com>\r\nContact: <sip:a@" CALLER ">\r\n");
	if (!harness_alloc_failed()) {
		assert_int_equal(b.s->n_sessions, 5);
		assert_int_equal(service_busy(b.s), 6);
	}
	bench_fini(&b);
}

static void draining_refuses_what_is_new(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	service_drain(b.s);
	assert_int_equal(service_busy(b.s), 1);
	b.cseq++;
	request(&b, "INVITE", SCRIPT, "");
	assert_wire(&b, "503");
	assert_has(b.last, "\r\nRetry-After: 30\r\n");
	b.cseq++;
	request(&b, "BYE", "sip:bob@" B1, "To: <sip:b@b>;tag=t\r\nRoute: <sip:192.0.2.1;lr>\r\n");
	assert_wire(&b, "BYE" AT(B1));
	answer(&b, 0, 200);
	says(&b, "SIP/2.0 486 Busy\n\n");
	assert_wire(&b, "200 486");
	assert_int_equal(service_busy(b.s), 0);
	bench_fini(&b);
}

static void other_free(struct service_config *c UNUSED)
{
}

static void what_is_under_way_keeps_its_configuration(void **state UNUSED)
{
	struct service_config other;
	struct cgi_route none = { .script = NULL };
	struct bench b;

	assert_true(bench_init(&b));
	other = b.config;
	other.refs = 1;
	other.free = other_free;
	other.routes = &none;
	other.n_routes = 1;
	request(&b, "INVITE", SCRIPT, "");
	assert_int_equal(service_configure(b.s, &other), 0);
	assert_in_range(b.config.refs, 2, 4);
	b.cseq++;
	request(&b, "INVITE", SCRIPT, "");
	assert_wire(&b, "404");
	says(&b, "SIP/2.0 486 Busy\n\n");
	assert_wire(&b, "486");
	fake_runtime_advance(&b.f, 100000);
	(void)wire(&b);
	assert_int_equal(b.config.refs, 1);
	assert_int_equal(service_configure(b.s, &b.config), 0);
	assert_int_equal(other.refs, 1);
	bench_fini(&b);
}

static void what_cannot_be_read_is_dropped_or_refused(void **state UNUSED)
{
	static const struct rt_flow flow = { .transport = RT_TCP, .listener = 1, .conn = 9 };
	static const char head[] =
		"INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP " CALLER
		";branch=z9hG4bKx\r\n"
		"From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
		"Content-Length: 99999999\r\n\r\n";
	struct bench b;

	if (!bench_init(&b))
		return;
	receive_text(&b, "nonsense\r\n\r\n", RT_UDP);
	receive_text(&b, "", RT_UDP);
	service_bad_frame(b.s, SLICE_EMPTY, &flow, false);
	service_bad_frame(b.s, SLICE("junk"), &flow, true);
	assert_wire(&b, "");
	service_bad_frame(b.s, slice_str(head), &flow, true);
	assert_wire(&b, "513");
	assert_int_equal(txn_layer_count(b.s->txns, NULL), 0);
	bench_fini(&b);
}

static void a_session_ends_with_its_transactions(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	bind_one(&b, "sip:bob@example.com", "sip:bob@" B1);
	request(&b, "INVITE", "sip:bob@example.com", "");
	(void)wire(&b);
	assert_int_equal(service_busy(b.s), 1);
	answer(&b, 0, 200);
	assert_int_equal(service_busy(b.s), 0);
	/* For 2xx that come again: RFC 6026. */
	assert_int_equal(b.s->n_sessions, 1);
	answer(&b, 0, 200);
	assert_wire(&b, "200 200");
	fake_runtime_advance(&b.f, T1_64 + 1);
	assert_int_equal(b.s->n_sessions, 0);
	bench_fini(&b);
}

static void a_final_answer_of_our_own_is_sent_once(void **state UNUSED)
{
	struct session *ss;
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	ss = LIST_ENTRY(b.s->sessions.next, struct session, link);
	session_answer(ss, 480, SLICE("Reason: x"));
	session_answer(ss, 500, SLICE_EMPTY);
	assert_wire(&b, "480");
	assert_has(b.last, "\r\nReason: x\r\n");
	bench_fini(&b);
}

static void it_shows_what_it_does(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	service_show(b.s, &out);
	buf_char(&out, '\0');
	assert_has(out.data, "sessions 1\n");
	assert_has(out.data, "call-1");
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(freeing_it_ends_everything_under_way),
		HARNESS_TEST(draining_refuses_what_is_new),
		HARNESS_TEST(what_is_under_way_keeps_its_configuration),
		HARNESS_ALLOC_TEST(what_cannot_be_read_is_dropped_or_refused),
		HARNESS_TEST(a_session_ends_with_its_transactions),
		HARNESS_TEST(a_final_answer_of_our_own_is_sent_once),
		HARNESS_TEST(it_shows_what_it_does),
	};

	return harness_run("service", tests, ARRAY_LEN(tests));
}
