/* INVITE server transaction, over time: RFC 3261 17.2.1, RFC 6026 7.1. */
#include "fixture.h"

static void trying_goes_out_after_200_ms_of_silence(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	bench_advance(&b, 199);
	assert_string_equal(wire(&b), "");
	bench_advance(&b, 1);
	assert_string_equal(wire(&b), "100@200");
	assert_int_equal(txn_status(b.st), 100);
	bench_advance(&b, 300);
	server(&b, "INVITE", RT_UDP); /* again */
	assert_string_equal(wire(&b), "100@500");
	assert_string_equal(b.told, "request INVITE");
	assert_int_equal(METRIC_OF(&b, TXN_RETRANSMIT_IN), 1);
	bench_fini(&b);
}

static void no_trying_when_something_else_went_out(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	bench_advance(&b, 199);
	assert_int_equal(respond(&b, b.st, 180), 0);
	bench_advance(&b, 1000);
	assert_string_equal(wire(&b), "180@199");
	RECEIVE(&b, .method = "INVITE");
	assert_string_equal(wire(&b), "180@1199");
	assert_int_equal(respond(&b, b.st, 183), 0);
	RECEIVE(&b, .method = "INVITE");
	assert_string_equal(wire(&b), "183@1199 183@1199");
	bench_fini(&b);
}

static void trying_has_no_to_tag_and_a_stamped_via(void **state UNUSED)
{
	static const char want[] = "SIP/2.0 100 Trying\r\n"
				   "Via: SIP/2.0/UDP " PEER
				   ":5062;branch=z9hG4bKin;rport=40000;received=" PEER "\r\n"
				   "From: Alice <sip:alice@example.com>;tag=f1\r\n"
				   "To: Bob <sip:bob@example.com>\r\n";
	struct bench b;
	char text[2048];

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	bench_advance(&b, 200);
	take_text(&b, text, sizeof(text), NULL, 0);
	assert_memory_equal(text, want, strlen(want));
	bench_fini(&b);
}

static void refusal_is_retransmitted_by_g_until_the_ack(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	assert_int_equal(respond(&b, b.st, 486), 0);
	bench_advance(&b, 12000);
	assert_string_equal(wire(&b), "486@0 486@500 486@1500 486@3500 486@7500 486@11500");
	RECEIVE(&b, .method = "INVITE");
	assert_string_equal(wire(&b), "486@12000");
	RECEIVE(&b, .method = "ACK", .to_tag = "t1");
	bench_advance(&b, 4999);
	RECEIVE(&b, .method = "ACK", .to_tag = "t1");
	RECEIVE(&b, .method = "INVITE");
	assert_string_equal(wire(&b), "");
	assert_string_equal(b.told, "request INVITE");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request INVITE; terminated");
	assert_int_equal(METRIC_OF(&b, TXN_IGNORED), 0);
	bench_fini(&b);
}

static void lost_ack_is_told_after_h(void **state UNUSED)
{
	static const enum rt_transport transports[] = { RT_UDP, RT_TCP };

	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		server(&b, "INVITE", transports[i]);
		assert_int_equal(respond(&b, b.st, 486), 0);
		bench_advance(&b, T1_64 - 1);
		assert_string_equal(b.told, "request INVITE");
		/* Over a stream nothing is retransmitted. */
		assert_string_equal(wire(&b), i ? "486@0"
						: "486@0 486@500 486@1500 486@3500 486@7500 "
						  "486@11500 486@15500 486@19500 486@23500 "
						  "486@27500 486@31500");
		bench_advance(&b, 1);
		assert_string_equal(b.told, "request INVITE; failed timeout; terminated");
		assert_int_equal(METRIC_OF(&b, TXN_TIMEOUT), 1);
		bench_fini(&b);
	}
}

static void timer_i_is_zero_over_a_stream(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_TCP);
	assert_int_equal(respond(&b, b.st, 486), 0);
	RECEIVE(&b, .method = "ACK", .to_tag = "t1", .transport = RT_TCP);
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request INVITE; terminated");
	bench_fini(&b);
}

static void accepted_absorbs_invites_and_passes_2xx_until_l(void **state UNUSED)
{
	static const enum rt_transport transports[] = { RT_UDP, RT_TCP };

	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		server(&b, "INVITE", transports[i]);
		assert_int_equal(respond(&b, b.st, 200), 0);
		RECEIVE(&b, .method = "INVITE");
		bench_advance(&b, 1000);
		assert_string_equal(wire(&b), "200@0"); /* not retransmitted here */
		assert_int_equal(respond(&b, b.st, 200), 0);
		assert_int_equal(respond(&b, b.st, 202), 0);
		assert_string_equal(wire(&b), "200@1000 202@1000");
		assert_int_equal(respond(&b, b.st, 180), -EALREADY);
		assert_int_equal(respond(&b, b.st, 486), -EALREADY);
		RECEIVE(&b, .method = "ACK", .to_tag = "t1"); /* a peer that copies the branch */
		assert_string_equal(b.told, "request INVITE; ack invite");
		bench_advance(&b, T1_64 - 1001);
		assert_string_equal(b.told, "request INVITE; ack invite");
		bench_advance(&b, 1);
		assert_string_equal(b.told, "request INVITE; ack invite; terminated");
		assert_string_equal(wire(&b), "");
		bench_fini(&b);
	}
}

static void ack_to_2xx_has_its_own_branch_and_no_transaction(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	assert_int_equal(respond(&b, b.st, 200), 0);
	RECEIVE(&b, .method = "ACK", .to_tag = "t1",
		.via = "SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKother");
	assert_string_equal(b.told, "request INVITE; ack -");
	bench_fini(&b);
}

static void only_one_final_response_goes_out(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	assert_int_equal(respond(&b, b.st, 486), 0);
	assert_int_equal(respond(&b, b.st, 486), -EALREADY);
	assert_int_equal(respond(&b, b.st, 200), -EALREADY);
	assert_int_equal(respond(&b, b.st, 183), -EALREADY);
	assert_string_equal(wire(&b), "486@0");
	assert_int_equal(respond(&b, b.st, 99), -EINVAL);
	assert_int_equal(respond(&b, b.st, 700), -EINVAL);
	bench_fini(&b);
}

static void ack_before_a_final_response_is_ignored(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	RECEIVE(&b, .method = "ACK");
	assert_string_equal(b.told, "request INVITE");
	assert_int_equal(METRIC_OF(&b, TXN_IGNORED), 1);
	bench_fini(&b);
}

static void failed_send_is_told_later_and_ends_nothing(void **state UNUSED)
{
	static const unsigned statuses[] = { 180, 200, 486 };

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		server(&b, "INVITE", RT_UDP);
		b.f.send_error = -EPIPE;
		assert_int_equal(respond(&b, b.st, statuses[i]), 0);
		assert_string_equal(b.told, "request INVITE");
		b.f.send_error = 0;
		bench_advance(&b, 1);
		assert_string_equal(b.told, "request INVITE; failed transport");
		/* A retransmission still finds it. */
		RECEIVE(&b, .method = "INVITE", .transport = RT_UDP);
		assert_string_equal(b.told, "request INVITE; failed transport");
		txn_layer_send_failed(b.l, txn_id(b.st), -EPIPE);
		assert_string_equal(b.told, "request INVITE; failed transport; failed transport");
		bench_fini(&b);
	}
}

static void abandoned_transaction_ends_from_the_loop(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	CALL_VOID(&b, txn_abandon(b.st));
	assert_string_equal(b.told, "request INVITE");
	assert_int_equal(respond(&b, b.st, 200), -EALREADY);
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request INVITE; terminated");
	assert_string_equal(wire(&b), "");
	bench_fini(&b);
}

static void refuse(struct bench *b, struct txn *st)
{
	assert_int_equal(respond(b, st, 404), 0);
}

static void abandon(struct bench *b, struct txn *st)
{
	CALL_VOID(b, txn_abandon(st));
}

static void user_may_answer_or_abandon_in_its_callback(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.on_request = refuse;
	server(&b, "INVITE", RT_UDP);
	assert_string_equal(wire(&b), "404@0");
	b.on_request = abandon;
	b.told[0] = '\0';
	RECEIVE(&b, .via = "SIP/2.0/UDP " PEER ";branch=z9hG4bKtwo");
	assert_string_equal(b.told, "request INVITE; terminated");
	bench_fini(&b);
}

static void own_responses_share_one_random_to_tag(void **state UNUSED)
{
	static const struct sip_reply ringing = { .status = 180 }, busy = { .status = 486 };
	struct bench b;
	char one[2048], two[2048], tag[64];

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	assert_int_equal(CALL(&b, txn_reply(b.st, &ringing)), 0);
	assert_int_equal(CALL(&b, txn_reply(b.st, &busy)), 0);
	(void)snprintf(tag, sizeof(tag), "To: Bob <sip:bob@example.com>;tag=%.*s\r\n",
		       SLICE_FMT(txn_to_tag(b.st)));
	assert_int_equal(txn_to_tag(b.st).n, TXN_TAG_LEN);
	take_text(&b, one, sizeof(one), NULL, 0);
	take_text(&b, two, sizeof(two), NULL, 0);
	assert_non_null(strstr(one, tag));
	assert_non_null(strstr(two, tag));
	bench_fini(&b);
}

static void to_tag_of_the_request_is_kept(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	RECEIVE(&b, .method = "INVITE", .to_tag = "theirs");
	assert_true(slice_eq(txn_to_tag(b.st), SLICE("theirs")));
	bench_fini(&b);
}

static void whole_invite_survives_every_failing_allocation(void **state UNUSED)
{
	static const struct sip_reply ringing = { .status = 180 }, busy = { .status = 486 };
	struct bench b;

	if (!bench_init(&b))
		return;
	server(&b, "INVITE", RT_UDP);
	bench_advance(&b, 200);
	RECEIVE(&b, .method = "INVITE");
	if (b.st) {
		(void)CALL(&b, txn_reply(b.st, &ringing));
		RECEIVE(&b, .method = "CANCEL");
		if (CALL(&b, txn_reply(b.st, &busy)) == -ENOMEM)
			CALL_VOID(&b, txn_abandon(b.st));
	}
	RECEIVE(&b, .method = "ACK", .to_tag = "x");
	bench_advance(&b, 100000);
	assert_int_equal(txn_layer_count(b.l, NULL), 0);
	assert_null(b.st);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(trying_goes_out_after_200_ms_of_silence),
		HARNESS_TEST(no_trying_when_something_else_went_out),
		HARNESS_TEST(trying_has_no_to_tag_and_a_stamped_via),
		HARNESS_TEST(refusal_is_retransmitted_by_g_until_the_ack),
		HARNESS_TEST(lost_ack_is_told_after_h),
		HARNESS_TEST(timer_i_is_zero_over_a_stream),
		HARNESS_TEST(accepted_absorbs_invites_and_passes_2xx_until_l),
		HARNESS_TEST(ack_to_2xx_has_its_own_branch_and_no_transaction),
		HARNESS_TEST(only_one_final_response_goes_out),
		HARNESS_TEST(ack_before_a_final_response_is_ignored),
		HARNESS_TEST(failed_send_is_told_later_and_ends_nothing),
		HARNESS_TEST(abandoned_transaction_ends_from_the_loop),
		HARNESS_TEST(user_may_answer_or_abandon_in_its_callback),
		HARNESS_TEST(own_responses_share_one_random_to_tag),
		HARNESS_TEST(to_tag_of_the_request_is_kept),
		HARNESS_ALLOC_TEST(whole_invite_survives_every_failing_allocation),
	};

	return harness_run("ist", tests, ARRAY_LEN(tests));
}
