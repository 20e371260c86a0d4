/* Which response goes up: RFC 3261 16.7 step 6, RFC 4320 4.2. */
#include "fixture.h"

static const unsigned *statuses;

/* Branches that have all failed already, by these responses. */
static void fork_all(struct bench *b)
{
	const struct proxy_target t = { .uri = SLICE("sip:x@example.com") };

	for (const unsigned *s = statuses; *s; s++, b->ctx->closed = false)
		assert_int_equal(proxy_ctx_add_failed(b->ctx, &t, *s), 0);
}

static unsigned best_of(const unsigned *all)
{
	struct proxy_branch *best;
	struct bench b;
	unsigned ret;

	assert_true(bench_init(&b));
	b.keep = true;
	b.on_request = fork_all;
	statuses = all;
	request(&b, "INVITE", "");
	best = proxy_best(b.ctx);
	ret = best ? best->final->status : 0;
	bench_fini(&b);
	return ret;
}

static void the_lowest_class_wins_but_6xx_above_all(void **state UNUSED)
{
	static const struct {
		unsigned all[5];
		unsigned best;
	} rows[] = {
		{ { 0 }, 0 },
		{ { 404 }, 404 },
		{ { 500, 404, 302 }, 302 },
		{ { 500, 404 }, 404 },
		{ { 404, 500, 603 }, 603 },
		{ { 600, 302 }, 600 },
		/* Among equals the first that was added. */
		{ { 486, 404 }, 486 },
		{ { 404, 486 }, 404 },
		{ { 603, 606 }, 603 },
		/* What tells the caller how to change the request. */
		{ { 404, 486, 407 }, 407 },
		{ { 404, 401 }, 401 },
		{ { 404, 484 }, 484 },
		{ { 404, 415 }, 415 },
		{ { 404, 420 }, 420 },
		{ { 407, 401 }, 407 },
		/* What the network did says least. */
		{ { 408, 404 }, 404 },
		{ { 487, 486 }, 486 },
		{ { 408, 500 }, 408 },
		{ { 503, 500 }, 500 },
		{ { 503, 408 }, 408 },
		{ { 503 }, 503 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (best_of(rows[i].all) != rows[i].best)
			fail_msg("row %zu: %u", i, best_of(rows[i].all));
}

static void without_408_first(struct bench *b)
{
	add(b, "sip:a@198.51.100.11");
	add(b, "sip:a@198.51.100.12");
	proxy_ctx_start(b->ctx, false);
}

static void a_branch_that_has_not_ended_is_no_candidate(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.on_request = without_408_first;
	b.queue = true;
	request(&b, "INVITE", "");
	(void)wire(&b);
	answer(&b, 0, 404);
	assert_null(proxy_best(b.ctx));
	proxy_ctx_process(b.queued[0].b, b.queued[0].resp);
	assert_non_null(proxy_best(b.ctx));
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_lowest_class_wins_but_6xx_above_all),
		HARNESS_TEST(a_branch_that_has_not_ended_is_no_candidate),
	};

	return harness_run("best", tests, ARRAY_LEN(tests));
}
