/* Non-INVITE client transaction, over time: RFC 3261 17.1.2. */
#include "fixture.h"

static void request_is_retransmitted_by_e_up_to_t2_until_f(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "OPTIONS", RT_UDP);
	bench_advance(&b, T1_64 - 1);
	assert_string_equal(wire(&b),
			    "OPTIONS@0 OPTIONS@500 OPTIONS@1500 OPTIONS@3500 OPTIONS@7500 "
			    "OPTIONS@11500 OPTIONS@15500 OPTIONS@19500 OPTIONS@23500 "
			    "OPTIONS@27500 OPTIONS@31500");
	assert_string_equal(b.told, "");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "client failed timeout; client terminated");
	assert_int_equal(METRIC_OF(&b, TXN_RETRANSMIT_OUT), 10);
	bench_fini(&b);
}

static void request_is_sent_once_over_a_stream(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "OPTIONS", RT_TCP);
	bench_advance(&b, T1_64);
	assert_string_equal(wire(&b), "OPTIONS@0");
	assert_string_equal(b.told, "client failed timeout; client terminated");
	bench_fini(&b);
}

static void provisional_response_slows_e_to_t2_and_leaves_f(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "OPTIONS", RT_UDP);
	bench_advance(&b, 600);
	answer(&b, "OPTIONS", 100);
	answer(&b, "OPTIONS", 100);
	bench_advance(&b, T1_64 - 601);
	/* The interval under way, 500 to 1500, ends as it began. */
	assert_string_equal(wire(&b),
			    "OPTIONS@0 OPTIONS@500 OPTIONS@1500 OPTIONS@5500 OPTIONS@9500 "
			    "OPTIONS@13500 OPTIONS@17500 OPTIONS@21500 OPTIONS@25500 "
			    "OPTIONS@29500");
	assert_string_equal(b.told, "100; 100");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "100; 100; client failed timeout; client terminated");
	bench_fini(&b);
}

static void final_response_is_told_once_and_absorbed_until_k(void **state UNUSED)
{
	static const unsigned finals[] = { 200, 302, 404, 503, 603 };

	for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
		struct bench b;
		char want[64];

		assert_true(bench_init(&b));
		client(&b, "BYE", RT_UDP);
		if (i % 2)
			answer(&b, "BYE", 100);
		answer(&b, "BYE", finals[i]);
		bench_advance(&b, 4999);
		answer(&b, "BYE", finals[i]);
		(void)snprintf(want, sizeof(want), "%s%u", i % 2 ? "100; " : "", finals[i]);
		assert_string_equal(b.told, want);
		assert_string_equal(wire(&b), "BYE@0");
		bench_advance(&b, 1);
		assert_non_null(strstr(b.told, "client terminated"));
		assert_int_equal(METRIC_OF(&b, TXN_IGNORED), 0);
		bench_fini(&b);
	}
}

static void timer_k_is_zero_over_a_stream(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "BYE", RT_TCP);
	answer(&b, "BYE", 200);
	assert_string_equal(b.told, "200");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "200; client terminated");
	bench_fini(&b);
}

static void late_response_is_dropped(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "BYE", RT_UDP);
	bench_advance(&b, T1_64);
	answer(&b, "BYE", 200);
	assert_string_equal(b.told, "client failed timeout; client terminated");
	assert_int_equal(METRIC_OF(&b, STRAY_RESPONSE), 1);
	bench_fini(&b);
}

static void failure_to_send_ends_it_in_trying_and_proceeding(void **state UNUSED)
{
	for (int proceeding = 0; proceeding < 2; proceeding++) {
		struct bench b;

		assert_true(bench_init(&b));
		client(&b, "BYE", RT_UDP);
		if (proceeding)
			answer(&b, "BYE", 100);
		b.told[0] = '\0';
		b.f.send_error = -ENETUNREACH;
		bench_advance(&b, 500);
		assert_string_equal(b.told, "client failed transport; client terminated");
		bench_fini(&b);
	}
}

static void times_are_those_of_its_start(void **state UNUSED)
{
	static const struct txn_config other = { .t1 = 100, .t2 = 200, .t4 = 300, .max = 10 };
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "BYE", RT_UDP);
	txn_layer_configure(b.l, &other);
	bench_advance(&b, 1500);
	assert_string_equal(wire(&b), "BYE@0 BYE@500 BYE@1500");
	answer(&b, "BYE", 200);
	bench_advance(&b, 4999);
	assert_string_equal(b.told, "200");
	bench_advance(&b, 1);
	b.told[0] = '\0';
	client(&b, "BYE", RT_UDP);
	bench_advance(&b, 800);
	assert_string_equal(wire(&b), "BYE@6500 BYE@6600 BYE@6800 BYE@7000 BYE@7200");
	answer(&b, "BYE", 200);
	bench_advance(&b, 300);
	assert_string_equal(b.told, "200; client terminated");
	bench_fini(&b);
}

static void unknown_method_is_matched_by_name(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "FOO", RT_UDP);
	answer(&b, "BAR", 200);
	assert_string_equal(b.told, "");
	answer(&b, "FOO", 200);
	assert_string_equal(b.told, "200");
	bench_fini(&b);
}

static void ack_and_cancel_are_not_for_the_user_to_send(void **state UNUSED)
{
	struct bench b;
	struct txn *ct = NULL;

	assert_true(bench_init(&b));
	assert_int_equal(client_to(&b, "ACK", RT_UDP, &ct), -EINVAL);
	assert_int_equal(client_to(&b, "CANCEL", RT_UDP, &ct), -EINVAL);
	assert_null(ct);
	assert_string_equal(wire(&b), "");
	bench_fini(&b);
}

static void request_again(struct bench *b, struct txn *t UNUSED)
{
	b->on_terminated = NULL;
	(void)client(b, "BYE", RT_TCP);
}

static void user_may_start_another_from_the_last_callback(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "BYE", RT_UDP);
	b.on_terminated = request_again;
	bench_advance(&b, T1_64);
	bench_advance(&b, T1_64);
	assert_string_equal(b.told, "client failed timeout; client terminated; "
				    "client failed timeout; client terminated");
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(request_is_retransmitted_by_e_up_to_t2_until_f),
		HARNESS_TEST(request_is_sent_once_over_a_stream),
		HARNESS_TEST(provisional_response_slows_e_to_t2_and_leaves_f),
		HARNESS_TEST(final_response_is_told_once_and_absorbed_until_k),
		HARNESS_TEST(timer_k_is_zero_over_a_stream),
		HARNESS_TEST(late_response_is_dropped),
		HARNESS_TEST(failure_to_send_ends_it_in_trying_and_proceeding),
		HARNESS_TEST(times_are_those_of_its_start),
		HARNESS_TEST(unknown_method_is_matched_by_name),
		HARNESS_TEST(ack_and_cancel_are_not_for_the_user_to_send),
		HARNESS_TEST(user_may_start_another_from_the_last_callback),
	};

	return harness_run("nict", tests, ARRAY_LEN(tests));
}
