/* One branch: where it is sent, and what comes instead of an answer. RFC 3263 4.3, RFC 3261 16.6,
 * 16.8, 16.9, 18.1.1, RFC 4320. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define B2 "198.51.100.12"
#define AT(host) ">udp:" host ":5060"
#define TCP_AT(host) ">tcp:" host ":5060"

static void by_name(struct bench *b)
{
	add(b, "sip:bob@two.test");
	proxy_ctx_start(b->ctx, false);
}

/* two.test is at B1 and B2, none.test at no address. */
static bool begin_with(struct bench *b, const struct proxy_config *config)
{
	struct rt_targets *t;

	if (!bench_init_with(b, config))
		return false;
	b->on_request = by_name;
	b->f.n_names = 2;
	b->f.names[0].host = "two.test";
	t = &b->f.names[0].targets;
	t->n = 2;
	for (size_t i = 0; i < 2; i++) {
		t->v[i].transport = RT_UDP;
		assert_int_equal(net_addr_parse(i ? SLICE(B2) : SLICE(B1), 5060, &t->v[i].addr), 0);
	}
	b->f.names[1].host = "none.test";
	return true;
}

static bool begin(struct bench *b)
{
	return begin_with(b, &PROXY_CONFIG_DEFAULT);
}

static void a_name_may_be_resolved_later(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b))
		return;
	b.f.resolve_later = true;
	request(&b, "INVITE", "");
	if (!harness_alloc_failed())
		assert_wire(&b, "");
	fake_resolve_all(&b.f);
	if (strcmp(wire(&b), "INVITE" AT(B1)) == 0) {
		answer(&b, 0, 200);
		if (!harness_alloc_failed())
			assert_wire(&b, "200");
	} else {
		assert_true(harness_alloc_failed());
	}
	bench_fini(&b);
}

static void unknown(struct bench *b)
{
	add(b, "sip:bob@unknown.test");
	proxy_ctx_start(b->ctx, false);
}

static void empty(struct bench *b)
{
	add(b, "sip:bob@none.test");
	proxy_ctx_start(b->ctx, false);
}

static void a_name_that_leads_nowhere_is_a_503_of_our_own(void **state UNUSED)
{
	for (int i = 0; i < 4; i++) {
		struct bench b;

		assert_true(begin(&b));
		b.on_request = i & 1 ? unknown : empty;
		b.f.resolve_later = i & 2;
		request(&b, "INVITE", "");
		fake_resolve_all(&b.f);
		assert_string_equal(b.told, "503 local");
		assert_wire(&b, "500"); /* 16.7 step 6: we are not unavailable */
		bench_fini(&b);
	}
}

static void the_context_outlives_a_question_under_way(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	b.f.resolve_later = true;
	request(&b, "INVITE", "");
	txn_set_data(b.st, NULL);
	proxy_ctx_release(b.ctx);
	assert_null(b.ctx);
	assert_true(list_empty(&b.f.resolving));
	txn_abandon(b.st);
	bench_fini(&b);
}

static void the_next_place_is_tried_when_one_fails(void **state UNUSED)
{
	static const char *const how[] = { "503", "transport", "timeout", "at once" };

	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		struct bench b;

		assert_true(begin(&b));
		if (i == 3)
			b.f.listeners[0].transport = b.f.listeners[2].transport = RT_TLS;
		request(&b, "MESSAGE", "");
		if (i == 3) {
			/* Nothing can be sent by UDP: both places fail. */
			assert_string_equal(b.told, "503 local");
			bench_fini(&b);
			continue;
		}
		assert_wire(&b, "MESSAGE" AT(B1));
		if (i == 0)
			answer(&b, 0, 503);
		else if (i == 1)
			txn_layer_send_failed(b.p.txns,
					      b.ctx ? txn_id(LIST_ENTRY(b.ctx->branches.next,
									struct proxy_branch, link)
								     ->ct)
						    : 0,
					      -ECONNREFUSED);
		else
			bench_advance(&b, T1_64 + 1);
		assert_non_null(strstr(wire(&b), "MESSAGE" AT(B2)));
		answer(&b, sent_to(&b, "MESSAGE", B2 ":5060"), 200);
		assert_wire(&b, "200");
		assert_string_equal(b.told, "200");
		bench_fini(&b);
	}
}

static void a_503_of_the_last_place_goes_up_as_500(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 503);
	assert_wire(&b, "ACK" AT(B1) " INVITE" AT(B2));
	answer(&b, sent_to(&b, "INVITE", B2 ":5060"), 503);
	assert_wire(&b, "ACK" AT(B2) " 500");
	assert_string_equal(b.told, "503");
	bench_fini(&b);
}

static void a_cancelled_branch_tries_no_other_place(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	request(&b, "INVITE", "");
	(void)wire(&b);
	cancel(&b);
	assert_wire(&b, "200");
	answer(&b, 0, 503);
	assert_wire(&b, "ACK" AT(B1) " 487");
	bench_fini(&b);
}

static void nobody_answering_is_408_for_invite_and_silence_else(void **state UNUSED)
{
	static const struct {
		const char *method, *up;
	} rows[] = { { "INVITE", "408" }, { "MESSAGE", "" }, { "OPTIONS", "" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(begin(&b));
		b.f.names[0].targets.n = 1;
		request(&b, rows[i].method, "");
		bench_advance(&b, T1_64 + 1);
		assert_string_equal(b.told, *rows[i].up ? "408 local" : "408 local; freed");
		if (*rows[i].up)
			assert_non_null(strstr(wire(&b), rows[i].up));
		else
			/* RFC 4320 4.2: the caller's own timer has the same news. */
			assert_null(strstr(wire(&b), "408"));
		bench_advance(&b, 200000);
		assert_null(b.ctx);
		bench_fini(&b);
	}
}

static void timer_c_cancels_what_rings_for_ever(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 100);
	bench_advance(&b, 100000);
	assert_wire(&b, "100");
	/* 100 does not prolong it, others do: 16.7 step 2. */
	answer(&b, 0, 180);
	bench_advance(&b, PROXY_CONFIG_DEFAULT.timer_c_ms - 1);
	answer(&b, 0, 100);
	assert_wire(&b, "180");
	bench_advance(&b, 2);
	assert_wire(&b, "CANCEL" AT(B1));
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B1) " 487");
	ack(&b);
	bench_advance(&b, 200000);
	assert_null(b.ctx);
	bench_fini(&b);
}

static void timer_c_ends_a_branch_that_does_not_even_answer_cancel(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 180);
	bench_advance(&b, PROXY_CONFIG_DEFAULT.timer_c_ms + 1);
	bench_advance(&b, T1_64 + 1);
	/* Another place would ring as long. */
	assert_non_null(strstr(b.told, "180"));
	assert_non_null(strstr(wire(&b), "INVITE" AT(B2)));
	bench_fini(&b);
}

static void timer_c_sooner_than_timer_b_is_a_408(void **state UNUSED)
{
	struct proxy_config config = PROXY_CONFIG_DEFAULT;
	struct bench b;

	config.timer_c_ms = 1000;
	assert_true(begin_with(&b, &config));
	request(&b, "INVITE", "");
	bench_advance(&b, 1001);
	assert_string_equal(b.told, "408 local");
	assert_non_null(strstr(wire(&b), "408"));
	/* What still comes is heard by nobody. */
	answer(&b, 0, 180);
	answer(&b, 0, 486);
	assert_string_equal(b.told, "408 local");
	bench_fini(&b);
}

/* A field that makes a request as large as it must be. */
static const char *padding(size_t n)
{
	static char text[8192];
	int at = snprintf(text, sizeof(text), "X-Padding: ");

	memset(text + at, 'x', n);
	memcpy(text + at + n, "\r\n", 3);
	return text;
}

static void what_is_too_large_for_a_datagram_goes_by_tcp(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b))
		return;
	request(&b, "MESSAGE", padding(1200));
	if (!harness_alloc_failed()) {
		assert_wire(&b, "MESSAGE" TCP_AT(B1));
		assert_non_null(strstr(sent_text(&b, 0), "Via: SIP/2.0/TCP 192.0.2.1:5060;"));
	} else {
		(void)wire(&b);
	}
	bench_fini(&b);
}

/* The transaction that is under way fails in transport. */
static void fail_transport(struct bench *b)
{
	struct proxy_branch *branch = LIST_ENTRY(b->ctx->branches.next, struct proxy_branch, link);

	assert_non_null(branch->ct);
	txn_layer_send_failed(b->p.txns, txn_id(branch->ct), -ECONNREFUSED);
}

static void udp_is_the_fallback_of_tcp_place_by_place(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	request(&b, "MESSAGE", padding(1200));
	assert_wire(&b, "MESSAGE" TCP_AT(B1));
	fail_transport(&b);
	assert_wire(&b, "MESSAGE" AT(B1));
	assert_non_null(strstr(sent_text(&b, 1), "Via: SIP/2.0/UDP 192.0.2.1:5060;"));
	/* The next place is asked anew. */
	fail_transport(&b);
	assert_wire(&b, "MESSAGE" TCP_AT(B2));
	fail_transport(&b);
	assert_wire(&b, "MESSAGE" AT(B2));
	fail_transport(&b);
	assert_wire(&b, "500");
	bench_fini(&b);
}

static void without_a_tcp_listener_large_requests_go_by_udp(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	b.f.listeners[1].transport = RT_WS;
	request(&b, "MESSAGE", padding(1200));
	assert_wire(&b, "MESSAGE" AT(B1));
	bench_fini(&b);
}

static void what_fails_at_another_transport_of_its_own_is_not_tried_twice(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	/* First UDP (by TCP for its size), then a place that is TCP anyway. */
	b.f.names[0].targets.v[1].transport = RT_TCP;
	request(&b, "MESSAGE", padding(1200));
	assert_wire(&b, "MESSAGE" TCP_AT(B1));
	answer(&b, 0, 503);
	assert_wire(&b, "MESSAGE" TCP_AT(B2));
	fail_transport(&b);
	assert_wire(&b, "500");
	bench_fini(&b);
}

static struct rt_flow client_flow;

static void by_flow(struct bench *b)
{
	struct proxy_target t = { .uri = SLICE("sip:bob@two.test"), .flow = &client_flow };

	if (proxy_ctx_add(b->ctx, &t, 1) < 0)
		assert_true(harness_alloc_failed());
	proxy_ctx_start(b->ctx, false);
}

static void a_registered_connection_comes_first_then_the_contact(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b))
		return;
	/* Not the listener that would be chosen by itself. */
	b.f.listeners[3] = b.f.listeners[1];
	b.f.listeners[3].port = 5080;
	client_flow = (struct rt_flow){ .transport = RT_TCP, .listener = 3, .conn = 99 };
	assert_int_equal(net_addr_parse(SLICE("203.0.113.9"), 40001, &client_flow.peer), 0);
	b.on_request = by_flow;
	request(&b, "MESSAGE", "");
	if (harness_alloc_failed()) {
		bench_fini(&b);
		return;
	}
	assert_wire(&b, "MESSAGE>tcp:203.0.113.9:40001");
	assert_int_equal(b.out[0].to.conn, 99);
	assert_int_equal(b.out[0].to.listener, 3);
	assert_non_null(strstr(sent_text(&b, 0), "Via: SIP/2.0/TCP 192.0.2.1:5080;"));
	fail_transport(&b);
	assert_wire(&b, "MESSAGE" AT(B1));
	if (b.n_out > 1)
		assert_int_equal(b.out[1].to.conn, 0);
	answer(&b, 1, 200);
	assert_wire(&b, "200");
	bench_fini(&b);
}

static void bad_targets(struct bench *b)
{
	static const struct slice route = SLICE_INIT("<sip:unclosed");
	struct proxy_target t[] = {
		{ .uri = SLICE("tel:+49301") },
		{ .uri = SLICE("urn:service:sos") },
		{ .uri = SLICE("sip:b@" B1 ";transport=sctp") },
		{ .uri = SLICE("sip:b@" B1), .route = &route, .n_route = 1 },
	};

	assert_int_equal(proxy_ctx_add(b->ctx, t, ARRAY_LEN(t)), 0);
	proxy_ctx_start(b->ctx, false);
}

static void what_cannot_be_followed_fails_in_its_branch(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	b.on_request = bad_targets;
	request(&b, "INVITE", "");
	assert_string_equal(b.told, "416 local; 416 local; 416 local; 400 local");
	assert_wire(&b, "416");
	bench_fini(&b);
}

static void last_hop(struct bench *b)
{
	struct proxy_target t = { .uri = SLICE("sip:b@" B1) };

	assert_int_equal(proxy_ctx_add(b->ctx, &t, 1), 0);
	proxy_ctx_start(b->ctx, false);
}

static void max_forwards_0_leaves_in_no_branch(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	b.on_request = last_hop;
	request(&b, "OPTIONS", "Max-Forwards: 0\r\n");
	assert_string_equal(b.told, "483 local");
	assert_wire(&b, "483");
	bench_fini(&b);
}

static void a_send_that_fails_at_once_is_the_next_place(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b));
	b.f.send_error = -ENETUNREACH;
	request(&b, "MESSAGE", "");
	/* Of the two places; then the 500 cannot be sent either. */
	assert_string_equal(b.told, "503 local; failed transport");
	b.f.send_error = 0;
	bench_advance(&b, 200000);
	assert_null(b.ctx);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_name_may_be_resolved_later),
		HARNESS_TEST(a_name_that_leads_nowhere_is_a_503_of_our_own),
		HARNESS_TEST(the_context_outlives_a_question_under_way),
		HARNESS_TEST(the_next_place_is_tried_when_one_fails),
		HARNESS_TEST(a_503_of_the_last_place_goes_up_as_500),
		HARNESS_TEST(a_cancelled_branch_tries_no_other_place),
		HARNESS_TEST(nobody_answering_is_408_for_invite_and_silence_else),
		HARNESS_TEST(timer_c_cancels_what_rings_for_ever),
		HARNESS_TEST(timer_c_ends_a_branch_that_does_not_even_answer_cancel),
		HARNESS_TEST(timer_c_sooner_than_timer_b_is_a_408),
		HARNESS_ALLOC_TEST(what_is_too_large_for_a_datagram_goes_by_tcp),
		HARNESS_TEST(udp_is_the_fallback_of_tcp_place_by_place),
		HARNESS_TEST(without_a_tcp_listener_large_requests_go_by_udp),
		HARNESS_TEST(what_fails_at_another_transport_of_its_own_is_not_tried_twice),
		HARNESS_ALLOC_TEST(a_registered_connection_comes_first_then_the_contact),
		HARNESS_TEST(what_cannot_be_followed_fails_in_its_branch),
		HARNESS_TEST(max_forwards_0_leaves_in_no_branch),
		HARNESS_TEST(a_send_that_fails_at_once_is_the_next_place),
	};

	return harness_run("branch", tests, ARRAY_LEN(tests));
}
