/* Which transaction a message belongs to: RFC 3261 17.1.3, 17.2.3, 18.1.2. */
#include "fixture.h"

#define VIA_2543 "SIP/2.0/UDP " PEER ":5062"

/* A second request is a retransmission unless something of the key differs. */
static void requests_are_known_by_branch_sent_by_and_method(void **state UNUSED)
{
	static const struct {
		struct parts parts;
		bool same;
	} rows[] = {
		{ { .method = "INVITE" }, true },
		/* Nothing else counts. */
		{ { .method = "INVITE", .uri = "sip:x@y", .from_tag = "z", .call_id = "q" }, true },
		{ { .method = "INVITE", .via = "SIP/2.0/UDP " PEER ":5062;rport;branch=z9hG4bKin" },
		  true },
		{ { .method = "INVITE", .via = "SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKIN" },
		  false },
		{ { .method = "INVITE", .via = "SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKin2" },
		  false },
		{ { .method = "INVITE", .via = "SIP/2.0/UDP " PEER ":5063;branch=z9hG4bKin" },
		  false },
		{ { .method = "INVITE", .via = "SIP/2.0/UDP " PEER ";branch=z9hG4bKin" }, false },
		{ { .method = "INVITE", .via = "SIP/2.0/UDP h.example:5062;branch=z9hG4bKin" },
		  false },
		{ { .method = "OPTIONS" }, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		server(&b, "INVITE", RT_UDP);
		receive(&b, &rows[i].parts);
		assert_int_equal(txn_layer_count(b.l, NULL), rows[i].same ? 1 : 2);
		bench_fini(&b);
	}
}

static void sent_by_host_ignores_case(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	RECEIVE(&b, .via = "SIP/2.0/UDP Host.Example;branch=z9hG4bKa");
	RECEIVE(&b, .via = "SIP/2.0/UDP host.example;branch=z9hG4bKa");
	assert_int_equal(txn_layer_count(b.l, NULL), 1);
	bench_fini(&b);
}

static void unknown_methods_are_told_apart_by_name(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	RECEIVE(&b, .method = "FOO");
	RECEIVE(&b, .method = "BAR");
	RECEIVE(&b, .method = "FOO");
	RECEIVE(&b, .method = "foo");
	assert_string_equal(b.told, "request FOO; request BAR; request foo");
	bench_fini(&b);
}

static void rfc2543_requests_are_known_by_what_they_say(void **state UNUSED)
{
	static const struct {
		struct parts parts;
		bool same;
	} rows[] = {
		{ { .via = VIA_2543 }, true },
		{ { .via = VIA_2543, .extra = "Subject: x\r\n" }, true },
		{ { .via = VIA_2543 ";ttl=1" }, false },
		{ { .via = VIA_2543 ";branch=1" }, false },
		{ { .via = VIA_2543, .uri = "sip:carol@example.com" }, false },
		{ { .via = VIA_2543, .from_tag = "f2" }, false },
		{ { .via = VIA_2543, .to_tag = "x" }, false },
		{ { .via = VIA_2543, .call_id = "call-2" }, false },
		{ { .via = VIA_2543, .cseq = 2 }, false },
		{ { .via = VIA_2543, .method = "OPTIONS" }, false },
		{ { .via = VIA_IN }, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		RECEIVE(&b, .via = VIA_2543);
		receive(&b, &rows[i].parts);
		if (txn_layer_count(b.l, NULL) != (rows[i].same ? 1 : 2))
			fail_msg("row %zu", i);
		bench_fini(&b);
	}
}

static void branch_without_the_cookie_is_rfc2543(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	RECEIVE(&b, .via = VIA_2543 ";branch=1");
	RECEIVE(&b, .via = VIA_2543 ";branch=1", .call_id = "call-2");
	RECEIVE(&b, .via = VIA_2543 ";branch=1");
	assert_string_equal(b.told, "request INVITE; request INVITE");
	bench_fini(&b);
}

static void rfc2543_ack_needs_the_to_tag_of_the_response(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	RECEIVE(&b, .via = VIA_2543);
	assert_int_equal(respond(&b, b.st, 486), 0); /* To tag t1 */
	RECEIVE(&b, .method = "ACK", .via = VIA_2543, .to_tag = "other");
	assert_string_equal(b.told, "request INVITE; ack -");
	RECEIVE(&b, .method = "ACK", .via = VIA_2543, .to_tag = "t1", .cseq = 2);
	assert_string_equal(b.told, "request INVITE; ack -; ack -");
	assert_int_equal(b.st->state, IST_COMPLETED);
	RECEIVE(&b, .method = "ACK", .via = VIA_2543, .to_tag = "t1");
	assert_int_equal(b.st->state, IST_CONFIRMED);
	assert_string_equal(b.told, "request INVITE; ack -; ack -");
	bench_fini(&b);
}

static void rfc2543_ack_for_2xx_names_its_invite(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	RECEIVE(&b, .via = VIA_2543);
	assert_int_equal(respond(&b, b.st, 200), 0);
	RECEIVE(&b, .method = "ACK", .via = VIA_2543, .to_tag = "fork-9");
	assert_string_equal(b.told, "request INVITE; ack invite");
	bench_fini(&b);
}

static void rfc2543_cancel_finds_its_invite(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	RECEIVE(&b, .via = VIA_2543);
	RECEIVE(&b, .method = "CANCEL", .via = VIA_2543, .cseq = 2);
	RECEIVE(&b, .method = "CANCEL", .via = VIA_2543);
	assert_string_equal(b.told, "request INVITE; cancel -; cancel invite");
	bench_fini(&b);
}

static void rfc2543_ack_survives_every_failing_allocation(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	RECEIVE(&b, .via = VIA_2543);
	if (b.st && respond(&b, b.st, 486) == 0)
		RECEIVE(&b, .method = "ACK", .via = VIA_2543, .to_tag = "t1");
	else if (b.st)
		CALL_VOID(&b, txn_abandon(b.st));
	bench_advance(&b, 40000);
	assert_int_equal(txn_layer_count(b.l, NULL), 0);
	bench_fini(&b);
}

static void responses_are_known_by_branch_and_cseq_method(void **state UNUSED)
{
	static const struct {
		struct parts parts;
		bool match;
	} rows[] = {
		{ { .status = 200, .method = "OPTIONS" }, true },
		{ { .status = 200, .method = "INVITE" }, false },
		{ { .status = 200, .method = "CANCEL" }, false },
		{ { .status = 200,
		    .method = "OPTIONS",
		    .via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKOUT" },
		  false },
		{ { .status = 200, .method = "OPTIONS", .via = "SIP/2.0/UDP 192.0.2.1:5060" },
		  false },
		/* 18.1.2: sent-by is one of ours, in any way it can be written. */
		{ { .status = 200,
		    .method = "OPTIONS",
		    .via = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKout" },
		  true },
		{ { .status = 200,
		    .method = "OPTIONS",
		    .via = "SIP/2.0/UDP [2001:DB8:0::1]:5060;branch=z9hG4bKout" },
		  true },
		{ { .status = 200,
		    .method = "OPTIONS",
		    .via = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKout" },
		  false },
		{ { .status = 200,
		    .method = "OPTIONS",
		    .via = "SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKout" },
		  false },
		{ { .status = 200,
		    .method = "OPTIONS",
		    .via = "SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKout" },
		  false },
		{ { .status = 200,
		    .method = "OPTIONS",
		    .via = "SIP/2.0/UDP sip.example.com:5060;branch=z9hG4bKout" },
		  false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		client(&b, "OPTIONS", RT_UDP);
		receive(&b, &rows[i].parts);
		if (strcmp(b.told, rows[i].match ? "200" : "") != 0)
			fail_msg("row %zu: \"%s\"", i, b.told);
		assert_int_equal(METRIC_OF(&b, STRAY_RESPONSE), !rows[i].match);
		bench_fini(&b);
	}
}

static void advertised_name_is_ours_with_its_port(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.f.listeners[0].host = SLICE("sip.example.com");
	b.f.listeners[0].port = 5080;
	client(&b, "OPTIONS", RT_UDP);
	RECEIVE(&b, .status = 100, .method = "OPTIONS",
		.via = "SIP/2.0/UDP sip.example.com:5060;branch=z9hG4bKout");
	RECEIVE(&b, .status = 100, .method = "OPTIONS",
		.via = "SIP/2.0/UDP SIP.example.com:5080;branch=z9hG4bKout");
	RECEIVE(&b, .status = 100, .method = "OPTIONS",
		.via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKout"); /* its bound address */
	assert_string_equal(b.told, "100; 100");
	bench_fini(&b);
}

static void invite_and_its_cancel_share_a_branch(void **state UNUSED)
{
	struct bench b;
	size_t clients;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	answer(&b, "INVITE", 180);
	assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0);
	(void)txn_layer_count(b.l, &clients);
	assert_int_equal(clients, 2);
	answer(&b, "CANCEL", 200);
	assert_string_equal(b.told, "180");
	bench_advance(&b, 5000);
	(void)txn_layer_count(b.l, &clients);
	assert_int_equal(clients, 1);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(requests_are_known_by_branch_sent_by_and_method),
		HARNESS_TEST(sent_by_host_ignores_case),
		HARNESS_TEST(unknown_methods_are_told_apart_by_name),
		HARNESS_TEST(rfc2543_requests_are_known_by_what_they_say),
		HARNESS_TEST(branch_without_the_cookie_is_rfc2543),
		HARNESS_TEST(rfc2543_ack_needs_the_to_tag_of_the_response),
		HARNESS_TEST(rfc2543_ack_for_2xx_names_its_invite),
		HARNESS_TEST(rfc2543_cancel_finds_its_invite),
		HARNESS_ALLOC_TEST(rfc2543_ack_survives_every_failing_allocation),
		HARNESS_TEST(responses_are_known_by_branch_and_cseq_method),
		HARNESS_TEST(advertised_name_is_ours_with_its_port),
		HARNESS_TEST(invite_and_its_cancel_share_a_branch),
	};

	return harness_run("match", tests, ARRAY_LEN(tests));
}
