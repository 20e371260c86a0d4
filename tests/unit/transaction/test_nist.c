/* Non-INVITE server transaction, over time: RFC 3261 17.2.2, RFC 4320. CANCEL: RFC 3261 9.2. */
#include "fixture.h"

static void final_response_answers_retransmissions_until_j(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_UDP);
	RECEIVE(&b, .method = "OPTIONS");
	assert_string_equal(wire(&b), "");
	assert_int_equal(respond(&b, b.st, 200), 0);
	assert_int_equal(respond(&b, b.st, 200), -EALREADY);
	bench_advance(&b, T1_64 - 1);
	RECEIVE(&b, .method = "OPTIONS");
	assert_string_equal(wire(&b), "200@0 200@31999");
	assert_string_equal(b.told, "request OPTIONS");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request OPTIONS; terminated");
	assert_int_equal(METRIC_OF(&b, TXN_RETRANSMIT_IN), 2);
	bench_fini(&b);
}

static void timer_j_is_zero_over_a_stream(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_TCP);
	assert_int_equal(respond(&b, b.st, 404), 0);
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request OPTIONS; terminated");
	bench_fini(&b);
}

static void trying_goes_out_when_timer_e_reaches_t2(void **state UNUSED)
{
	static const enum rt_transport transports[] = { RT_UDP, RT_TCP };

	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		server(&b, "OPTIONS", transports[i]);
		bench_advance(&b, 3499);
		assert_string_equal(wire(&b), "");
		bench_advance(&b, 1);
		RECEIVE(&b, .method = "OPTIONS", .transport = (uint8_t)transports[i]);
		assert_string_equal(wire(&b), "100@3500 100@3500");
		assert_int_equal(respond(&b, b.st, 200), 0);
		assert_string_equal(wire(&b), "200@3500");
		bench_fini(&b);
	}
}

static void early_100_waits_over_udp_and_goes_over_a_stream(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_UDP);
	assert_int_equal(respond(&b, b.st, 100), 0);
	assert_string_equal(wire(&b), "");
	bench_advance(&b, 3500);
	assert_int_equal(respond(&b, b.st, 100), 0);
	assert_string_equal(wire(&b), "100@3500 100@3500");
	bench_fini(&b);

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_TCP);
	assert_int_equal(respond(&b, b.st, 100), 0);
	bench_advance(&b, 5000);
	assert_string_equal(wire(&b), "100@0");
	bench_fini(&b);
}

static void other_provisional_responses_are_refused(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_TCP);
	assert_int_equal(respond(&b, b.st, 180), -EINVAL);
	assert_int_equal(respond(&b, b.st, 199), -EINVAL);
	assert_string_equal(wire(&b), "");
	bench_fini(&b);
}

static void timeout_408_is_silence(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_UDP);
	assert_int_equal(respond(&b, b.st, 408), 0);
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request OPTIONS; terminated");
	assert_string_equal(wire(&b), "");
	server(&b, "INVITE", RT_UDP);
	assert_int_equal(respond(&b, b.st, 408), 0);
	assert_string_equal(wire(&b), "408@1");
	bench_fini(&b);
}

static void failed_send_is_told_and_ends_nothing(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_UDP);
	b.f.send_error = -EHOSTUNREACH;
	bench_advance(&b, 3500);
	assert_string_equal(b.told, "request OPTIONS; failed transport");
	assert_int_equal(respond(&b, b.st, 200), 0);
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request OPTIONS; failed transport; failed transport");
	b.f.send_error = 0;
	RECEIVE(&b, .method = "OPTIONS");
	assert_string_equal(wire(&b), "200@3501");
	bench_fini(&b);
}

static void cancel_is_answered_200_with_the_tag_of_the_invite(void **state UNUSED)
{
	static const struct sip_reply ringing = { .status = 180 };
	struct bench b;
	struct txn *invite;
	char text[2048], tag[64], to[64];

	assert_true(bench_init(&b));
	invite = server(&b, "INVITE", RT_UDP);
	assert_int_equal(CALL(&b, txn_reply(invite, &ringing)), 0);
	(void)wire(&b);
	RECEIVE(&b, .method = "CANCEL");
	assert_string_equal(b.told, "request INVITE; cancel invite");
	assert_ptr_equal(b.cancelled, invite);
	take_text(&b, text, sizeof(text), to, sizeof(to));
	(void)snprintf(tag, sizeof(tag), ";tag=%.*s\r\n", SLICE_FMT(txn_to_tag(invite)));
	assert_memory_equal(text, "SIP/2.0 200 OK\r\n", 16);
	assert_non_null(strstr(text, tag));
	assert_non_null(strstr(text, "CSeq: 1 CANCEL\r\n"));
	assert_string_equal(to, "udp " PEER ":40000");

	RECEIVE(&b, .method = "CANCEL"); /* again: answered, not told */
	assert_string_equal(wire(&b), "200@0");
	assert_string_equal(b.told, "request INVITE; cancel invite");
	assert_int_equal(respond(&b, invite, 487), 0);
	RECEIVE(&b, .method = "ACK", .to_tag = "t1");
	bench_advance(&b, T1_64);
	assert_int_equal(txn_layer_count(b.l, NULL), 0);
	/* The CANCEL's own transaction was not the user's. */
	assert_string_equal(b.told, "request INVITE; cancel invite; terminated");
	bench_fini(&b);
}

static void cancel_after_a_final_response_is_answered_and_told(void **state UNUSED)
{
	static const unsigned finals[] = { 200, 486 };

	for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		server(&b, "INVITE", RT_TCP);
		assert_int_equal(respond(&b, b.st, finals[i]), 0);
		(void)wire(&b);
		RECEIVE(&b, .method = "CANCEL", .transport = RT_TCP);
		assert_string_equal(wire(&b), "200@0");
		assert_string_equal(b.told, "request INVITE; cancel invite");
		bench_fini(&b);
	}
}

static void cancel_without_a_match_is_for_the_user(void **state UNUSED)
{
	static const struct sip_reply none = { .status = 481 };
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "CANCEL", RT_UDP);
	assert_string_equal(b.told, "cancel -");
	assert_int_equal(CALL(&b, txn_reply(b.st, &none)), 0);
	RECEIVE(&b, .method = "CANCEL");
	assert_string_equal(wire(&b), "481@0 481@0");
	bench_advance(&b, T1_64);
	assert_string_equal(b.told, "cancel -; terminated");
	bench_fini(&b);
}

static void cancel_of_another_method_is_answered_and_without_effect(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_UDP);
	RECEIVE(&b, .method = "CANCEL");
	assert_string_equal(wire(&b), "200@0");
	assert_string_equal(b.told, "request OPTIONS");
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(final_response_answers_retransmissions_until_j),
		HARNESS_TEST(timer_j_is_zero_over_a_stream),
		HARNESS_TEST(trying_goes_out_when_timer_e_reaches_t2),
		HARNESS_TEST(early_100_waits_over_udp_and_goes_over_a_stream),
		HARNESS_TEST(other_provisional_responses_are_refused),
		HARNESS_TEST(timeout_408_is_silence),
		HARNESS_TEST(failed_send_is_told_and_ends_nothing),
		HARNESS_TEST(cancel_is_answered_200_with_the_tag_of_the_invite),
		HARNESS_TEST(cancel_after_a_final_response_is_answered_and_told),
		HARNESS_TEST(cancel_without_a_match_is_for_the_user),
		HARNESS_TEST(cancel_of_another_method_is_answered_and_without_effect),
	};

	return harness_run("nist", tests, ARRAY_LEN(tests));
}
