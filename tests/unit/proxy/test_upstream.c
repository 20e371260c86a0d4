/* Responses on their way to the caller: RFC 3261 16.7 steps 3, 6 and 7. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define B2 "198.51.100.12"

static void one(struct bench *b)
{
	add(b, "sip:bob@" B1);
	proxy_ctx_start(b->ctx, false);
}

static void two(struct bench *b)
{
	add(b, "sip:bob@" B1);
	one(b);
}

/* Delivers the response in @text; %s stands for the branch of request @i. */
static void deliver(struct bench *b, size_t i, const char *fmt)
{
	char text[4096], branch[PROXY_BRANCH_LEN + 1];
	const char *at = strstr(sent_text(b, i), "branch=") + 7;
	struct sip_msg *resp;

	(void)snprintf(branch, sizeof(branch), "%.*s", PROXY_BRANCH_LEN, at);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), fmt, branch);
#pragma GCC diagnostic pop
	resp = parse_text(text, RT_UDP);
	receive(b, resp);
}

static void only_our_via_is_taken_out(void **state UNUSED)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s\r\n"
		  "X-A:  kept \r\nVia: " VIA_IN
		  "\r\nFrom: <sip:a@b>;tag=f1\r\nTo: <sip:c@d>;tag=t\r\n"
		  "Call-ID: call-1\r\nCSeq: 1 INVITE\r\nl: 4\r\n\r\nbody",
		  "SIP/2.0 180 Ringing\r\n"
		  "X-A:  kept \r\nVia: " VIA_IN
		  "\r\nFrom: <sip:a@b>;tag=f1\r\nTo: <sip:c@d>;tag=t\r\n"
		  "Call-ID: call-1\r\nCSeq: 1 INVITE\r\nl: 4\r\n\r\nbody" },
		{ "SIP/2.0 183\r\nv: SIP/2.0/UDP 192.0.2.1:5060;branch=%s, " VIA_IN "\r\n"
		  "From: <sip:a@b>;tag=f1\r\nTo: <sip:c@d>;tag=t\r\n"
		  "Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		  "SIP/2.0 183\r\nv: " VIA_IN "\r\n"
		  "From: <sip:a@b>;tag=f1\r\nTo: <sip:c@d>;tag=t\r\n"
		  "Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		b.on_request = one;
		request(&b, "INVITE", "");
		(void)wire(&b);
		deliver(&b, 0, rows[i].in);
		(void)wire(&b);
		assert_string_equal(b.last, rows[i].out);
		bench_fini(&b);
	}
}

static void a_response_without_the_callers_via_is_not_passed_on(void **state UNUSED)
{
	static const struct {
		const char *start, *up;
	} rows[] = {
		{ "SIP/2.0 180 Ringing", "" },
		{ "SIP/2.0 404 Not Found", "500" },
		{ "SIP/2.0 200 OK", "500" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		char text[1024];

		assert_true(bench_init(&b));
		b.on_request = one;
		request(&b, "MESSAGE", "");
		(void)wire(&b);
		(void)snprintf(text, sizeof(text),
			       "%s\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%%s\r\n"
			       "From: <sip:a@b>;tag=f1\r\nTo: <sip:c@d>;tag=t\r\n"
			       "Call-ID: call-1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
			       rows[i].start);
		deliver(&b, 0, text);
		assert_wire(&b, rows[i].up);
		bench_fini(&b);
	}
}

static void challenges_of_all_branches_go_up_together(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	b.on_request = two;
	request(&b, "MESSAGE", "");
	(void)wire(&b);
	if (b.n_out < 2)
		goto out;
	answer_with(
		&b, 0, 407,
		"Proxy-Authenticate: Digest realm=\"one\"\nWWW-Authenticate: Digest realm=\"w\"");
	answer_with(&b, 1, 401, "WWW-Authenticate: Digest realm=\"two\"");
	(void)wire(&b);
	if (harness_alloc_failed())
		goto out;
	assert_non_null(strstr(b.last, "SIP/2.0 407 "));
	assert_non_null(strstr(b.last, "\r\nProxy-Authenticate: Digest realm=\"one\"\r\n"));
	assert_non_null(strstr(b.last, "\r\nWWW-Authenticate: Digest realm=\"w\"\r\n"));
	assert_non_null(strstr(b.last, "\r\nWWW-Authenticate: Digest realm=\"two\"\r\n"));
out:
	bench_fini(&b);
}

static void other_responses_carry_no_challenges(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.on_request = two;
	request(&b, "MESSAGE", "");
	(void)wire(&b);
	answer_with(&b, 0, 407, "Proxy-Authenticate: Digest realm=\"one\"");
	answer(&b, 1, 603);
	assert_wire(&b, "603");
	assert_null(strstr(b.last, "realm"));
	bench_fini(&b);
}

static struct sip_edits edits;

static void other_parties(struct bench *b)
{
	struct proxy_target t = { .uri = SLICE("sip:bob@" B1),
				  .edits = &edits,
				  .changed_from = true,
				  .changed_to = true };

	sip_edits_init(&edits, &b->ctx->arena);
	if (sip_edits_replace(&edits, b->req->first[SIP_H_FROM],
			      SLICE("From: Boss <sip:boss@example.com>;tag=f1")) < 0 ||
	    sip_edits_replace(&edits, b->req->first[SIP_H_TO],
			      SLICE("To: <sip:robert@example.com>")) < 0 ||
	    proxy_ctx_add(b->ctx, &t, 1) < 0)
		assert_true(harness_alloc_failed());
	proxy_ctx_start(b->ctx, false);
}

static void parties_a_script_changed_are_put_back(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	b.on_request = other_parties;
	request(&b, "INVITE", "");
	(void)wire(&b);
	if (harness_alloc_failed()) {
		bench_fini(&b);
		return;
	}
	assert_non_null(strstr(sent_text(&b, 0), "\r\nFrom: Boss <sip:boss@example.com>;tag=f1"));
	assert_non_null(strstr(sent_text(&b, 0), "\r\nTo: <sip:robert@example.com>\r\n"));
	answer(&b, 0, 180);
	if (!harness_alloc_failed()) {
		assert_wire(&b, "180");
		assert_non_null(
			strstr(b.last, "\r\nFrom: Alice <sip:alice@example.com>;tag=f1\r\n"));
		assert_non_null(
			strstr(b.last, "\r\nTo: Bob <sip:bob@example.com>;tag=callee0\r\n"));
	}
	bench_fini(&b);
}

static void a_503_goes_up_as_500_and_a_408_of_others_as_it_is(void **state UNUSED)
{
	static const struct {
		unsigned in;
		const char *up;
	} rows[] = { { 503, "500" }, { 500, "500" }, { 504, "504" }, { 408, "408" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		b.on_request = one;
		request(&b, "INVITE", "");
		(void)wire(&b);
		answer(&b, 0, rows[i].in);
		(void)wire(&b);
		assert_memory_equal(b.last + 8, rows[i].up, 3);
		bench_fini(&b);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(only_our_via_is_taken_out),
		HARNESS_TEST(a_response_without_the_callers_via_is_not_passed_on),
		HARNESS_ALLOC_TEST(challenges_of_all_branches_go_up_together),
		HARNESS_TEST(other_responses_carry_no_challenges),
		HARNESS_ALLOC_TEST(parties_a_script_changed_are_put_back),
		HARNESS_TEST(a_503_goes_up_as_500_and_a_408_of_others_as_it_is),
	};

	return harness_run("upstream", tests, ARRAY_LEN(tests));
}
