/*
 * The response context over a real transaction layer: RFC 3261 16.5 to 16.10, RFC 5393 5.3. Long,
 * because each race of responses, CANCEL and release is a story of its own.
 */
#include "fixture.h"

#define B1 "198.51.100.11"
#define B2 "198.51.100.12"
#define B3 "198.51.100.13"
#define TO(host) "sip:bob@" host
#define AT(host) ">udp:" host ":5060"

static void one(struct bench *b)
{
	add(b, TO(B1));
	proxy_ctx_start(b->ctx, false);
}

static void two_parallel(struct bench *b)
{
	static const char *const uris[] = { TO(B1), TO(B2) };
	static const unsigned q[] = { 500, 500 };

	add_q(b, uris, q, 2);
	proxy_ctx_start(b->ctx, false);
}

static void three_in_groups(struct bench *b)
{
	static const char *const uris[] = { TO(B1), TO(B2), TO(B3) };
	static const unsigned q[] = { 100, 900, 900 };

	add_q(b, uris, q, 3);
	proxy_ctx_start(b->ctx, false);
}

/* Everything ends, and the context with it. */
static void let_end(struct bench *b)
{
	bench_advance(b, 200000);
	(void)wire(b);
	assert_null(b->ctx);
	assert_null(b->st);
}

static bool begin(struct bench *b, void (*on_request)(struct bench *b))
{
	if (!bench_init(b))
		return false;
	b->on_request = on_request;
	return true;
}

static void a_call_goes_through_and_everything_is_freed(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b, one))
		return;
	request(&b, "INVITE", "");
	if (strcmp(wire(&b), "INVITE" AT(B1)) == 0) {
		answer(&b, 0, 100);
		answer(&b, 0, 180);
		answer(&b, 0, 200);
		if (!harness_alloc_failed()) {
			assert_wire(&b, "180 200");
			assert_string_equal(b.told, "180; 200");
		}
	} else {
		assert_true(harness_alloc_failed());
	}
	(void)wire(&b);
	bench_advance(&b, 300000);
	if (!harness_alloc_failed()) {
		assert_null(b.ctx);
		assert_string_equal(b.told, "180; 200; freed");
	}
	bench_fini(&b);
}

static void every_2xx_goes_up_at_once_and_cancels_the_others(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b, two_parallel))
		return;
	request(&b, "INVITE", "");
	(void)wire(&b);
	if (b.n_out < 2)
		goto out;
	answer(&b, 0, 180);
	answer(&b, 1, 180);
	answer(&b, 0, 200);
	if (harness_alloc_failed())
		goto out;
	assert_wire(&b, "180 180 200 CANCEL" AT(B2));
	/* The race is lost by the CANCEL: 16.7 step 5, and 9. */
	answer(&b, 1, 200);
	assert_wire(&b, "200");
	/* What the callees repeat is passed on too. */
	answer(&b, 0, 200);
	answer(&b, 1, 200);
	assert_wire(&b, "200 200");
	let_end(&b);
out:
	bench_fini(&b);
}

static void nothing_final_goes_up_before_all_have_ended(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, two_parallel));
	request(&b, "INVITE", "");
	assert_wire(&b, "INVITE" AT(B1) " INVITE" AT(B2));
	answer(&b, 0, 486);
	assert_wire(&b, "ACK" AT(B1));
	assert_int_equal(proxy_ctx_pending(b.ctx), 1);
	answer(&b, 1, 404);
	assert_wire(&b, "ACK" AT(B2) " 486");
	ack(&b);
	let_end(&b);
	assert_string_equal(b.told, "486; 404; freed");
	bench_fini(&b);
}

static void groups_of_equal_q_follow_each_other(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, three_in_groups));
	request(&b, "INVITE", "");
	assert_wire(&b, "INVITE" AT(B2) " INVITE" AT(B3));
	assert_int_equal(proxy_ctx_pending(b.ctx), 3);
	answer(&b, 0, 486);
	assert_wire(&b, "ACK" AT(B2));
	answer(&b, 1, 480);
	assert_wire(&b, "ACK" AT(B3) " INVITE" AT(B1));
	answer(&b, sent_to(&b, "INVITE", B1 ":5060"), 200);
	assert_wire(&b, "200");
	let_end(&b);
	bench_fini(&b);
}

static void a_6xx_ends_the_search_but_not_before_all_ended(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, three_in_groups));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 1, 180);
	answer(&b, 0, 603);
	/* The third is never tried. */
	assert_wire(&b, "180 ACK" AT(B2) " CANCEL" AT(B3));
	answer(&b, 1, 487);
	assert_wire(&b, "ACK" AT(B3) " 603");
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

static void a_2xx_after_a_6xx_still_goes_up(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, two_parallel));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 1, 180);
	answer(&b, 0, 600);
	(void)wire(&b);
	answer(&b, 1, 200);
	assert_wire(&b, "200");
	let_end(&b);
	bench_fini(&b);
}

static void cancel_reaches_those_that_ring_and_waits_for_the_last(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, three_in_groups));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 180);
	assert_wire(&b, "180");
	cancel(&b);
	/* The one without a provisional response is cancelled when it has one: 9.1. */
	assert_wire(&b, "200 CANCEL" AT(B2));
	answer(&b, 1, 180);
	assert_wire(&b, "CANCEL" AT(B3));
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B2));
	answer(&b, 1, 487);
	assert_wire(&b, "ACK" AT(B3) " 487");
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

static void cancel_of_one_that_never_answers_ends_after_64_t1(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, one));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 180);
	cancel(&b);
	(void)wire(&b);
	bench_advance(&b, T1_64 - 1);
	assert_null(strstr(wire(&b), "487"));
	bench_advance(&b, 2);
	assert_non_null(strstr(wire(&b), "487"));
	let_end(&b);
	bench_fini(&b);
}

static void a_2xx_that_wins_over_cancel_goes_up(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, one));
	request(&b, "INVITE", "");
	answer(&b, (wire(&b), 0), 180);
	cancel(&b);
	(void)wire(&b);
	answer(&b, 0, 200);
	assert_wire(&b, "200");
	let_end(&b);
	bench_fini(&b);
}

static void without_memory_for_a_cancel_nobody_waits_for_it(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, two_parallel));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 180);
	answer(&b, 1, 180);
	assert_wire(&b, "180 180");
	harness_fail_alloc(1);
	proxy_ctx_cancel(b.ctx);
	harness_fail_alloc(0);
	assert_string_equal(wire(&b), "CANCEL" AT(B2));
	answer(&b, 1, 487);
	assert_string_equal(wire(&b), "ACK" AT(B2) " 487");
	/* The other one is heard no more. */
	answer(&b, 0, 486);
	assert_string_equal(wire(&b), "ACK" AT(B1));
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

static void no_branches(struct bench *b UNUSED)
{
}

static void cancel_without_branches_is_487_at_once(void **state UNUSED)
{
	struct bench b;
	struct proxy_target t = { .uri = SLICE(TO(B1)) };

	assert_true(begin(&b, no_branches));
	b.keep = true;
	request(&b, "INVITE", "");
	assert_wire(&b, "");
	cancel(&b);
	assert_wire(&b, "200 487");
	assert_int_equal(proxy_ctx_add(b.ctx, &t, 1), -EALREADY);
	assert_int_equal(proxy_ctx_add_failed(b.ctx, &t, 404), -EALREADY);
	ack(&b);
	let_end(&b);
	/* The owner is not asked what to do about it. */
	assert_string_equal(b.told, "freed");
	bench_fini(&b);
}

static void by_name(struct bench *b)
{
	add(b, "sip:bob@later.test");
	add(b, TO(B1));
	proxy_ctx_start(b->ctx, false);
}

static void cancel_while_a_name_is_resolved_lets_go_of_it(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b, by_name))
		return;
	b.f.resolve_later = true;
	request(&b, "INVITE", "");
	cancel(&b);
	if (!harness_alloc_failed()) {
		assert_wire(&b, "INVITE" AT(B1) " 200");
		answer(&b, 0, 486);
		assert_wire(&b, "ACK" AT(B1) " 487");
	}
	assert_true(harness_alloc_failed() || list_empty(&b.f.resolving));
	bench_fini(&b);
}

static void nobody_there(struct bench *b)
{
	static const char *const uris[] = { "sip:a@no.test", "sip:b@no.test", "sip:c@no.test" };
	static const unsigned q[] = { 3, 2, 2 };

	add_q(b, uris, q, 3);
	proxy_ctx_start(b->ctx, false);
}

static void branches_that_fail_at_once_end_in_one_answer(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b, nobody_there))
		return;
	request(&b, "INVITE", "");
	if (!harness_alloc_failed()) {
		assert_wire(&b, "500");
		assert_string_equal(b.told, "503 local; 503 local; 503 local");
	}
	ack(&b);
	bench_advance(&b, 200000);
	bench_fini(&b);
}

static void first_fails(struct bench *b)
{
	static const char *const uris[] = { "sip:a@no.test", TO(B1), TO(B2) };
	static const unsigned q[] = { 5, 5, 1 };

	add_q(b, uris, q, 3);
	proxy_ctx_start(b->ctx, false);
}

static void one_that_fails_at_once_does_not_start_the_next_group(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, first_fails));
	request(&b, "INVITE", "");
	assert_wire(&b, "INVITE" AT(B1));
	answer(&b, 0, 404);
	assert_wire(&b, "ACK" AT(B1) " INVITE" AT(B2));
	answer(&b, sent_to(&b, "INVITE", B2 ":5060"), 404);
	assert_wire(&b, "ACK" AT(B2) " 404");
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

static void fails_and_one(struct bench *b)
{
	struct proxy_target t = { .uri = SLICE("sip:x@example.com") };

	add(b, TO(B1));
	if (proxy_ctx_add_failed(b->ctx, &t, 404) < 0)
		assert_true(harness_alloc_failed());
	proxy_ctx_start(b->ctx, false);
}

static void a_branch_that_failed_beforehand_is_one_among_others(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b, fails_and_one))
		return;
	request(&b, "INVITE", "");
	if (strcmp(wire(&b), "INVITE" AT(B1)) == 0) {
		answer(&b, 0, 486);
		if (!harness_alloc_failed())
			assert_wire(&b, "ACK" AT(B1) " 486");
	} else {
		assert_true(harness_alloc_failed());
	}
	bench_fini(&b);
}

static void the_owner_decides_when_it_keeps_the_context(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, one));
	b.keep = true;
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 486);
	assert_wire(&b, "ACK" AT(B1));
	assert_string_equal(b.told, "486; exhausted");
	/* It may try somewhere else. */
	add(&b, TO(B2));
	proxy_ctx_start(b.ctx, false);
	assert_wire(&b, "INVITE" AT(B2));
	proxy_ctx_settle(b.ctx);
	assert_wire(&b, "");
	answer(&b, sent_to(&b, "INVITE", B2 ":5060"), 404);
	assert_wire(&b, "ACK" AT(B2) " 486");
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

static void settling_without_any_response_is_500(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, no_branches));
	b.keep = true;
	request(&b, "INVITE", "");
	proxy_ctx_settle(b.ctx);
	assert_wire(&b, "500");
	proxy_ctx_settle(b.ctx);
	assert_wire(&b, "");
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

static void an_owner_that_answers_closes_and_late_responses_are_absorbed(void **state UNUSED)
{
	struct sip_reply busy = { .status = 486 };
	struct bench b;

	assert_true(begin(&b, two_parallel));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 180);
	proxy_ctx_close(b.ctx);
	assert_int_equal(txn_reply(b.st, &busy), 0);
	assert_wire(&b, "180 CANCEL" AT(B1) " 486");
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B1));
	answer(&b, 1, 183);
	assert_wire(&b, "CANCEL" AT(B2));
	answer(&b, 1, 487);
	assert_wire(&b, "ACK" AT(B2));
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

static void responses_the_owner_took_are_processed_in_its_order(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, two_parallel));
	b.queue = true;
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 486);
	answer(&b, 1, 200);
	assert_wire(&b, "ACK" AT(B1));
	assert_int_equal(proxy_ctx_pending(b.ctx), 2);
	proxy_ctx_process(b.queued[0].b, b.queued[0].resp);
	assert_wire(&b, "");
	proxy_ctx_process(b.queued[1].b, b.queued[1].resp);
	assert_wire(&b, "200");
	assert_int_equal(proxy_ctx_pending(b.ctx), 0);
	let_end(&b);
	bench_fini(&b);
}

static void a_response_processed_after_the_release_goes_nowhere(void **state UNUSED)
{
	static const unsigned statuses[] = { 180, 200, 404, 603 };

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		struct bench b;
		struct proxy_ctx *ctx;

		assert_true(begin(&b, two_parallel));
		b.queue = true;
		request(&b, "INVITE", "");
		(void)wire(&b);
		answer(&b, 0, statuses[i]);
		(void)wire(&b);
		ctx = b.ctx;
		/* Its transactions keep it for a while: this is the owner's last reference. */
		txn_set_data(b.st, NULL);
		proxy_ctx_release(ctx);
		assert_non_null(b.ctx);
		(void)wire(&b);
		proxy_ctx_process(b.queued[0].b, b.queued[0].resp);
		assert_wire(&b, "");
		/* The others still ring, or answer: nobody hears of it. */
		answer(&b, 1, 200);
		assert_null(strstr(wire(&b), "200"));
		txn_abandon(b.st);
		bench_fini(&b);
	}
}

static void a_released_context_cancels_what_rings(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, two_parallel));
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 180);
	(void)wire(&b);
	txn_set_data(b.st, NULL);
	proxy_ctx_release(b.ctx);
	proxy_ctx_release(b.ctx);
	assert_wire(&b, "CANCEL" AT(B1));
	txn_abandon(b.st);
	bench_advance(&b, 400000);
	assert_string_equal(b.told, "180; freed");
	bench_fini(&b);
}

/* What Max-Breadth each request carries. */
static const char *breadths(struct bench *b)
{
	static char text[256];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < b->n_out; i++) {
		const char *at = strstr(sent_text(b, i), "\r\nMax-Breadth: ");

		if (at && strncmp(sent_text(b, i), "INVITE", 6) == 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d", n ? " " : "",
					      atoi(at + 15));
	}
	return text;
}

static void breadth_is_divided_and_comes_back(void **state UNUSED)
{
	static const struct {
		void (*fn)(struct bench *b);
		const char *extra, *given, *wire;
	} rows[] = {
		{ one, "", "60", "INVITE" AT(B1) },
		{ one, "Max-Breadth: 1\r\n", "1", "INVITE" AT(B1) },
		{ two_parallel, "", "30 30", "INVITE" AT(B1) " INVITE" AT(B2) },
		{ two_parallel, "Max-Breadth: 5\r\n", "2 2", "INVITE" AT(B1) " INVITE" AT(B2) },
		/* Enough for the first only; the second is 440, RFC 5393 5.3.3. */
		{ two_parallel, "Max-Breadth: 1\r\n", "1", "INVITE" AT(B1) },
		{ one, "Max-Breadth: 0\r\n", "", "440" },
		{ two_parallel, "Max-Breadth: 0\r\n", "", "440" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(begin(&b, rows[i].fn));
		request(&b, "INVITE", rows[i].extra);
		assert_wire(&b, rows[i].wire);
		assert_string_equal(breadths(&b), rows[i].given);
		bench_fini(&b);
	}
}

static void breadth_of_a_group_is_used_again_by_the_next(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, three_in_groups));
	request(&b, "INVITE", "Max-Breadth: 2\r\n");
	(void)wire(&b);
	answer(&b, 0, 486);
	answer(&b, 1, 486);
	(void)wire(&b);
	assert_string_equal(breadths(&b), "1 1 2");
	bench_fini(&b);
}

static void targets_that_come_one_by_one_find_breadth_left(void **state UNUSED)
{
	struct bench b;
	struct proxy_target bad = { .uri = SLICE("sip:x@no.test"), .q = 1000 };
	unsigned n = 0;

	assert_true(begin(&b, no_branches));
	b.keep = true;
	request(&b, "INVITE", "");
	proxy_ctx_start(b.ctx, true);
	for (unsigned i = 0; i < 24; i++) {
		add(&b, TO(B1));
		/* One that fails in between gives nothing away. */
		assert_int_equal(proxy_ctx_add_failed(b.ctx, &bad, 404), 0);
		proxy_ctx_start(b.ctx, true);
		(void)wire(&b);
	}
	for (const char *p = breadths(&b); *p; p += strcspn(p, " "), p += *p == ' ') {
		assert_in_range(atoi(p), 1, 7);
		n++;
	}
	assert_int_equal(n, 24);
	bench_fini(&b);
}

static void starting_often_takes_no_memory(void **state UNUSED)
{
	struct bench b;
	size_t total;

	assert_true(begin(&b, one));
	request(&b, "INVITE", "");
	total = b.ctx->arena.total;
	for (int i = 0; i < 100000; i++)
		proxy_ctx_start(b.ctx, true);
	assert_int_equal(b.ctx->arena.total, total);
	bench_fini(&b);
}

static void all_responses_of_our_own_have_one_to_tag(void **state UNUSED)
{
	struct sip_reply ringing = { .status = 180 };
	struct bench b;
	char tag[64];
	const char *at;

	assert_true(begin(&b, no_branches));
	b.keep = true;
	request(&b, "INVITE", "");
	assert_int_equal(txn_reply(b.st, &ringing), 0);
	assert_wire(&b, "180");
	at = strstr(b.last, "\r\nTo: ");
	assert_non_null(at);
	(void)snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(at + 2, "\r"), at + 2);
	assert_non_null(strstr(tag, ";tag="));

	/* A branch's local 408 and the CANCEL's 200 have it too. */
	assert_int_equal(
		proxy_ctx_add_failed(b.ctx, &(struct proxy_target){ .uri = SLICE(TO(B1)) }, 408),
		0);
	proxy_ctx_settle(b.ctx);
	assert_wire(&b, "408");
	assert_non_null(strstr(b.last, tag));
	cancel(&b);
	assert_wire(&b, "200");
	assert_non_null(strstr(b.last, tag));
	ack(&b);
	let_end(&b);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_call_goes_through_and_everything_is_freed),
		HARNESS_ALLOC_TEST(every_2xx_goes_up_at_once_and_cancels_the_others),
		HARNESS_TEST(nothing_final_goes_up_before_all_have_ended),
		HARNESS_TEST(groups_of_equal_q_follow_each_other),
		HARNESS_TEST(a_6xx_ends_the_search_but_not_before_all_ended),
		HARNESS_TEST(a_2xx_after_a_6xx_still_goes_up),
		HARNESS_TEST(cancel_reaches_those_that_ring_and_waits_for_the_last),
		HARNESS_TEST(cancel_of_one_that_never_answers_ends_after_64_t1),
		HARNESS_TEST(a_2xx_that_wins_over_cancel_goes_up),
		HARNESS_TEST(without_memory_for_a_cancel_nobody_waits_for_it),
		HARNESS_TEST(cancel_without_branches_is_487_at_once),
		HARNESS_ALLOC_TEST(cancel_while_a_name_is_resolved_lets_go_of_it),
		HARNESS_ALLOC_TEST(branches_that_fail_at_once_end_in_one_answer),
		HARNESS_TEST(one_that_fails_at_once_does_not_start_the_next_group),
		HARNESS_ALLOC_TEST(a_branch_that_failed_beforehand_is_one_among_others),
		HARNESS_TEST(the_owner_decides_when_it_keeps_the_context),
		HARNESS_TEST(settling_without_any_response_is_500),
		HARNESS_TEST(an_owner_that_answers_closes_and_late_responses_are_absorbed),
		HARNESS_TEST(responses_the_owner_took_are_processed_in_its_order),
		HARNESS_TEST(a_response_processed_after_the_release_goes_nowhere),
		HARNESS_TEST(a_released_context_cancels_what_rings),
		HARNESS_TEST(breadth_is_divided_and_comes_back),
		HARNESS_TEST(breadth_of_a_group_is_used_again_by_the_next),
		HARNESS_TEST(targets_that_come_one_by_one_find_breadth_left),
		HARNESS_TEST(starting_often_takes_no_memory),
		HARNESS_TEST(all_responses_of_our_own_have_one_to_tag),
	};

	return harness_run("context", tests, ARRAY_LEN(tests));
}
