/* Sessions: what they keep, how they answer, when they go. */
#include "fixture.h"

#define B1 "198.51.100.11"

/* The parts of a call that are the session's: its context with arena, branch and places. */
static void a_pending_call_fits_one_chunk_of_its_arena(void **state UNUSED)
{
	struct session *ss;
	struct bench b;

	assert_true(bench_init(&b));
	bind_one(&b, "sip:bob@example.com", "sip:bob@" B1 ":5060;transport=udp;ob");
	request(&b, "INVITE", "sip:bob@example.com", "");
	assert_wire(&b, "INVITE" AT(B1));
	ss = LIST_ENTRY(b.s->sessions.next, struct session, link);
	/* A sanitizer's gaps make a second one. */
	assert_in_range(ss->ctx->arena.total, 1, 2048);
	bench_fini(&b);
}

static struct session *only(struct bench *b)
{
	assert_int_equal(b->s->n_sessions, 1);
	return LIST_ENTRY(b->s->sessions.next, struct session, link);
}

static void an_answer_of_our_own_cancels_what_is_pending(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", "sip:bob@" B1, "");
	(void)wire(&b);
	answer(&b, 0, 180);
	session_answer(only(&b), 480, SLICE("Reason: x"));
	assert_wire(&b, "180 CANCEL" AT(B1) " 480");
	assert_has(b.last, "\r\nReason: x\r\n");
	session_answer(only(&b), 500, SLICE_EMPTY);
	assert_wire(&b, "");
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B1));
	bench_fini(&b);
}

static void after_a_cancel_it_is_487_and_nothing_else(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", "sip:bob@" B1, "");
	(void)wire(&b);
	answer(&b, 0, 180);
	cancel(&b, "sip:bob@" B1);
	session_answer(only(&b), 480, SLICE_EMPTY);
	assert_wire(&b, "180 200 CANCEL" AT(B1));
	answer(&b, 0, 487);
	assert_wire(&b, "ACK" AT(B1) " 487");
	bench_fini(&b);
}

static void one_without_branches_settles_unless_its_script_is_busy(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].concurrency = 1;
	/* Under way, and waiting: both may still add branches. */
	request(&b, "INVITE", SCRIPT, "");
	b.cseq++;
	request(&b, "INVITE", SCRIPT, "");
	prints(&b, "CGI-PROXY-REQUEST sip:x@no.test SIP/2.0\n\n");
	assert_wire(&b, "");
	ends(&b, RT_RUN_EXITED, 0);
	assert_wire(&b, "500");
	/* After the run, a branch that ends is the end. */
	says(&b, "CGI-PROXY-REQUEST sip:x@" B1 " SIP/2.0\n\n");
	assert_wire(&b, "INVITE" AT(B1));
	answer(&b, 0, 404);
	assert_wire(&b, "ACK" AT(B1) " 404");
	bench_fini(&b);
}

static void without_memory_there_is_none(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	request(&b, "MESSAGE", "sip:bob@" B1, "");
	if (!harness_alloc_failed())
		assert_wire(&b, "MESSAGE" AT(B1));
	(void)wire(&b);
	if (b.n_out)
		answer(&b, 0, 200);
	(void)wire(&b);
	fake_runtime_advance(&b.f, 400000);
	(void)wire(&b);
	assert_int_equal(b.s->n_sessions, 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_pending_call_fits_one_chunk_of_its_arena),
		HARNESS_TEST(an_answer_of_our_own_cancels_what_is_pending),
		HARNESS_TEST(after_a_cancel_it_is_487_and_nothing_else),
		HARNESS_TEST(one_without_branches_settles_unless_its_script_is_busy),
		HARNESS_ALLOC_TEST(without_memory_there_is_none),
	};

	return harness_run("session", tests, ARRAY_LEN(tests));
}
