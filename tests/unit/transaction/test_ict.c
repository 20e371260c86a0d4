/* INVITE client transaction, over time: RFC 3261 17.1.1, RFC 6026 7.2, and its CANCEL (9.1). */
#include "fixture.h"

static void invite_is_retransmitted_by_a_until_b_over_udp(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	bench_advance(&b, T1_64 - 1);
	assert_string_equal(wire(&b), "INVITE@0 INVITE@500 INVITE@1500 INVITE@3500 INVITE@7500 "
				      "INVITE@15500 INVITE@31500");
	assert_string_equal(b.told, "");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "client failed timeout; client terminated");
	assert_int_equal(METRIC_OF(&b, TXN_RETRANSMIT_OUT), 6);
	assert_int_equal(METRIC_OF(&b, TXN_TIMEOUT), 1);
	bench_fini(&b);
}

static void invite_is_sent_once_over_a_stream(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_TCP);
	bench_advance(&b, T1_64 - 1);
	assert_string_equal(wire(&b), "INVITE@0");
	assert_string_equal(b.told, "");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "client failed timeout; client terminated");
	bench_fini(&b);
}

static void provisional_response_ends_retransmission_and_b(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	bench_advance(&b, 600);
	answer(&b, "INVITE", 100);
	bench_advance(&b, 10 * T1_64);
	answer(&b, "INVITE", 180);
	assert_string_equal(wire(&b), "INVITE@0 INVITE@500");
	assert_string_equal(b.told, "100; 180");
	assert_int_equal(txn_status(b.ct), 180);
	bench_fini(&b);
}

static void final_response_is_acknowledged_each_time_and_told_once(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	answer(&b, "INVITE", 486);
	assert_string_equal(wire(&b), "INVITE@0 ACK@0");
	bench_advance(&b, 500);
	answer(&b, "INVITE", 486);
	assert_string_equal(wire(&b), "ACK@500");
	assert_string_equal(b.told, "486");
	bench_advance(&b, TXN_TIMER_D - 501);
	assert_string_equal(b.told, "486");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "486; client terminated");
	bench_fini(&b);
}

static void timer_d_is_64_t1_when_that_is_more(void **state UNUSED)
{
	struct txn_config config = TXN_CONFIG_DEFAULT;
	struct bench b;

	config.t1 = 1000;
	assert_true(bench_init_with(&b, &config));
	client(&b, "INVITE", RT_UDP);
	answer(&b, "INVITE", 404);
	bench_advance(&b, 63999);
	assert_string_equal(b.told, "404");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "404; client terminated");
	bench_fini(&b);
}

static void timer_d_is_zero_over_a_stream(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_TCP);
	answer(&b, "INVITE", 486);
	assert_string_equal(wire(&b), "INVITE@0 ACK@0");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "486; client terminated");
	bench_fini(&b);
}

static void every_2xx_is_told_until_m_and_never_acknowledged(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	RECEIVE(&b, .status = 200, .to_tag = "uas1");
	RECEIVE(&b, .status = 200, .to_tag = "uas1"); /* again */
	bench_advance(&b, 20000);
	RECEIVE(&b, .status = 200, .to_tag = "uas2"); /* another fork */
	answer(&b, "INVITE", 486);                    /* too late */
	answer(&b, "INVITE", 180);
	assert_string_equal(wire(&b), "INVITE@0");
	assert_int_equal(METRIC_OF(&b, TXN_IGNORED), 2);
	bench_advance(&b, T1_64 - 20001);
	assert_string_equal(b.told, "200; 200; 200");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "200; 200; 200; client terminated");
	RECEIVE(&b, .status = 200, .to_tag = "uas1");
	assert_string_equal(b.told, "200; 200; 200; client terminated");
	assert_int_equal(METRIC_OF(&b, STRAY_RESPONSE), 1);
	bench_fini(&b);
}

static void ack_copies_what_17_1_1_3_says(void **state UNUSED)
{
	static const char invite[] =
		"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx, SIP/2.0/UDP b;branch=z9hG4bKy\r\n"
		"Via: SIP/2.0/UDP c;branch=z9hG4bKz\r\n"
		"Route: <sip:p1.example;lr>,\r\n  <sip:p2.example;lr>\r\n"
		"Max-Forwards: 12\r\n"
		"t: Bob <sip:bob@biloxi.com>\r\n"
		"f: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
		"Route: <sip:p3.example;lr>\r\n"
		"i: 987asjd97y7atg\r\n"
		"CSeq: 986759  INVITE\r\n"
		"Require: 100rel\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc";
	static const char want[] = "ACK sip:bob@biloxi.com SIP/2.0\r\n"
				   "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\n"
				   "Max-Forwards: 70\r\n"
				   "Route: <sip:p1.example;lr>,\r\n  <sip:p2.example;lr>\r\n"
				   "Route: <sip:p3.example;lr>\r\n"
				   "From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
				   "To: Bob <sip:bob@example.com>;tag=99sa0xk\r\n"
				   "Call-ID: 987asjd97y7atg\r\n"
				   "CSeq: 986759 ACK\r\n"
				   "Content-Length: 0\r\n\r\n";
	struct packet *p = packet_from(slice_str(invite)), *ack = NULL;
	struct sip_msg *resp = make_msg(&(struct parts){ .status = 486, .to_tag = "99sa0xk" });

	if (p && resp && txn_ack_build(p, resp, &ack) == 0)
		assert_true(slice_eq(packet_view(ack), slice_str(want)));
	else
		assert_true(harness_alloc_failed());
	packet_unref(p);
	packet_unref(ack);
	sip_msg_unref(resp);
}

static void cancel_copies_what_9_1_says(void **state UNUSED)
{
	static const char want[] = "CANCEL sip:bob@example.com SIP/2.0\r\n"
				   "Via: " VIA_OUT "\r\n"
				   "Max-Forwards: 70\r\n"
				   "Route: <sip:p1.example;lr>\r\n"
				   "From: Alice <sip:alice@example.com>;tag=f1\r\n"
				   "To: Bob <sip:bob@example.com>\r\n"
				   "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"
				   "Call-ID: call-1\r\n"
				   "CSeq: 7 CANCEL\r\n"
				   "Content-Length: 0\r\n\r\n";
	static const struct slice reason =
		SLICE_INIT("Reason: SIP;cause=200;text=\"Call completed elsewhere\"");
	struct packet *cancel = NULL;
	struct packet *p = make_packet(&(struct parts){
		.via = VIA_OUT,
		.cseq = 7,
		.extra = "Route: <sip:p1.example;lr>\r\nRequire: 100rel\r\nProxy-Require: x\r\n" });

	if (p && txn_cancel_build(p, &reason, 1, &cancel) == 0)
		assert_true(slice_eq(packet_view(cancel), slice_str(want)));
	else
		assert_true(harness_alloc_failed());
	packet_unref(p);
	packet_unref(cancel);
}

static void cancel_goes_out_at_once_after_a_provisional_response(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	answer(&b, "INVITE", 180);
	assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0);
	assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0); /* once is enough */
	assert_string_equal(wire(&b), "INVITE@0 CANCEL@0");
	answer(&b, "CANCEL", 200);
	answer(&b, "INVITE", 487);
	assert_string_equal(wire(&b), "ACK@0");
	bench_advance(&b, 40000);
	assert_string_equal(wire(&b), "");
	assert_string_equal(b.told, "180; 487; client terminated");
	bench_fini(&b);
}

static void cancel_waits_for_a_provisional_response(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0);
	bench_advance(&b, 700);
	assert_string_equal(wire(&b), "INVITE@0 INVITE@500");
	answer(&b, "INVITE", 100);
	assert_string_equal(wire(&b), "CANCEL@700");
	bench_advance(&b, 1500);
	assert_string_equal(wire(&b), "CANCEL@1200 CANCEL@2200"); /* it has its own Timer E */
	bench_fini(&b);
}

static void cancel_never_goes_out_after_a_final_response(void **state UNUSED)
{
	static const unsigned finals[] = { 200, 302, 486, 603 };

	for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		client(&b, "INVITE", RT_UDP);
		if (i % 2)
			assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0);
		answer(&b, "INVITE", finals[i]);
		assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0);
		answer(&b, "INVITE", finals[i]);
		assert_null(strstr(wire(&b), "CANCEL"));
		bench_advance(&b, 40000);
		bench_fini(&b);
	}
}

static void cancelled_invite_without_an_end_fails_after_64_t1(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	answer(&b, "INVITE", 180);
	bench_advance(&b, 10000);
	assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0);
	answer(&b, "CANCEL", 200);
	bench_advance(&b, T1_64 - 1);
	assert_string_equal(b.told, "180");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "180; client failed timeout; client terminated");
	bench_fini(&b);
}

static void cancelled_invite_may_still_be_answered_2xx(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	answer(&b, "INVITE", 180);
	assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), 0);
	answer(&b, "INVITE", 200);
	answer(&b, "CANCEL", 481);
	bench_advance(&b, T1_64);
	assert_string_equal(b.told, "180; 200; client terminated");
	bench_fini(&b);
}

static void bad_cancel_fields_and_methods_are_refused(void **state UNUSED)
{
	static const struct slice bad[] = { SLICE_INIT("Reason: a\r\nX: b"), SLICE_INIT("Reason"),
					    SLICE_INIT(": x"), SLICE_INIT("a: b\n") };
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(CALL(&b, txn_client_cancel(b.ct, &bad[i], 1)), -EINVAL);
	client(&b, "BYE", RT_UDP);
	assert_int_equal(CALL(&b, txn_client_cancel(b.ct, NULL, 0)), -EINVAL);
	bench_fini(&b);
}

static void send_that_fails_at_once_is_returned_and_nothing_is_told(void **state UNUSED)
{
	struct bench b;
	struct txn *ct = NULL;
	size_t clients;

	assert_true(bench_init(&b));
	b.f.send_error = -ECONNREFUSED;
	assert_int_equal(client_to(&b, "INVITE", RT_TCP, &ct), -ECONNREFUSED);
	assert_null(ct);
	(void)txn_layer_count(b.l, &clients);
	assert_int_equal(clients, 0);
	bench_advance(&b, 2 * T1_64);
	assert_string_equal(b.told, "");
	bench_fini(&b);
}

static void send_that_fails_later_ends_it(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_TCP);
	txn_layer_send_failed(b.l, txn_id(b.ct), -ECONNRESET);
	assert_string_equal(b.told, "client failed transport; client terminated");
	txn_layer_send_failed(b.l, 4711, -ECONNRESET);
	bench_fini(&b);
}

static void retransmission_that_fails_ends_it(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	b.f.send_error = -EHOSTUNREACH;
	bench_advance(&b, 500);
	assert_string_equal(b.told, "client failed transport; client terminated");
	bench_fini(&b);
}

static void ack_that_fails_ends_it_without_a_word(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	b.f.send_error = -EHOSTUNREACH;
	answer(&b, "INVITE", 486);
	assert_string_equal(b.told, "486; client terminated");
	bench_fini(&b);
}

static void detached_transaction_tells_only_its_end(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "INVITE", RT_UDP);
	CALL_VOID(&b, txn_client_detach(b.ct));
	answer(&b, "INVITE", 180);
	answer(&b, "INVITE", 486);
	assert_string_equal(wire(&b), "INVITE@0 ACK@0");
	bench_advance(&b, TXN_TIMER_D);
	assert_string_equal(b.told, "client terminated");
	bench_fini(&b);
}

static void detached_transaction_ends_even_if_nothing_final_comes(void **state UNUSED)
{
	for (int early = 0; early < 2; early++) {
		struct bench b;

		assert_true(bench_init(&b));
		client(&b, "INVITE", RT_UDP);
		if (early)
			CALL_VOID(&b, txn_client_detach(b.ct));
		answer(&b, "INVITE", 180);
		if (!early)
			CALL_VOID(&b, txn_client_detach(b.ct));
		bench_clear(&b);
		bench_advance(&b, TXN_GUARD_MS - 1);
		assert_string_equal(b.told, "");
		bench_advance(&b, 1);
		assert_string_equal(b.told, "client terminated");
		bench_fini(&b);
	}
}

static void cancel_from_the_response_callback(struct bench *b, struct txn *ct, struct sip_msg *resp)
{
	if (resp->status == 180)
		assert_int_equal(CALL(b, txn_client_cancel(ct, NULL, 0)), 0);
}

static void user_may_cancel_from_its_callback(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.on_response = cancel_from_the_response_callback;
	client(&b, "INVITE", RT_UDP);
	answer(&b, "INVITE", 180);
	assert_string_equal(wire(&b), "INVITE@0 CANCEL@0");
	bench_fini(&b);
}

static void whole_invite_survives_every_failing_allocation(void **state UNUSED)
{
	struct bench b;
	size_t clients;

	if (!bench_init(&b))
		return;
	client(&b, "INVITE", RT_UDP);
	if (b.ct)
		(void)CALL(&b, txn_client_cancel(b.ct, NULL, 0));
	answer(&b, "INVITE", 180);
	if (b.ct)
		(void)CALL(&b, txn_client_cancel(b.ct, NULL, 0));
	answer(&b, "CANCEL", 200);
	answer(&b, "INVITE", 487);
	answer(&b, "INVITE", 487);
	if (b.ct) /* a message of the peer was not even parsed */
		CALL_VOID(&b, txn_client_detach(b.ct));
	bench_advance(&b, 200000);
	(void)txn_layer_count(b.l, &clients);
	assert_int_equal(clients, 0);
	assert_null(b.ct);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(invite_is_retransmitted_by_a_until_b_over_udp),
		HARNESS_TEST(invite_is_sent_once_over_a_stream),
		HARNESS_TEST(provisional_response_ends_retransmission_and_b),
		HARNESS_TEST(final_response_is_acknowledged_each_time_and_told_once),
		HARNESS_TEST(timer_d_is_64_t1_when_that_is_more),
		HARNESS_TEST(timer_d_is_zero_over_a_stream),
		HARNESS_TEST(every_2xx_is_told_until_m_and_never_acknowledged),
		HARNESS_ALLOC_TEST(ack_copies_what_17_1_1_3_says),
		HARNESS_ALLOC_TEST(cancel_copies_what_9_1_says),
		HARNESS_TEST(cancel_goes_out_at_once_after_a_provisional_response),
		HARNESS_TEST(cancel_waits_for_a_provisional_response),
		HARNESS_TEST(cancel_never_goes_out_after_a_final_response),
		HARNESS_TEST(cancelled_invite_without_an_end_fails_after_64_t1),
		HARNESS_TEST(cancelled_invite_may_still_be_answered_2xx),
		HARNESS_TEST(bad_cancel_fields_and_methods_are_refused),
		HARNESS_TEST(send_that_fails_at_once_is_returned_and_nothing_is_told),
		HARNESS_TEST(send_that_fails_later_ends_it),
		HARNESS_TEST(retransmission_that_fails_ends_it),
		HARNESS_TEST(ack_that_fails_ends_it_without_a_word),
		HARNESS_TEST(detached_transaction_tells_only_its_end),
		HARNESS_TEST(detached_transaction_ends_even_if_nothing_final_comes),
		HARNESS_TEST(user_may_cancel_from_its_callback),
		HARNESS_ALLOC_TEST(whole_invite_survives_every_failing_allocation),
	};

	return harness_run("ict", tests, ARRAY_LEN(tests));
}
