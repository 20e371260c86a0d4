/* What each action of a script does, and what is refused: RFC 3050 5.6.1, SIPCGI.md 3. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define B2 "198.51.100.12"

/* All of the output at once, then a good end, or the stop it earned. */
static void run_says(struct bench *b, const char *method, const char *text)
{
	request(b, method, SCRIPT, "");
	prints(b, text);
	ends(b, fake_run_stopped(&b->f) ? RT_RUN_CANCELLED : RT_RUN_EXITED, 0);
}

static void each_action_has_its_effect(void **state UNUSED)
{
	static const struct {
		const char *says, *wire;
		bool error;
	} rows[] = {
		{ "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\n\n", "INVITE" AT(B1), false },
		{ "CGI-PROXY-REQUEST sip:b@" B1 ":5070;transport=tcp SIP/2.0\n\n",
		  "INVITE>tcp:" B1 ":5070", false },
		/* Several make a fork. */
		{ "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\n\nCGI-PROXY-REQUEST sip:b@" B2
		  " SIP/2.0\n\n",
		  "INVITE" AT(B1) " INVITE" AT(B2), false },
		{ "SIP/2.0 183 P\n\nCGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\n\n",
		  "183 INVITE" AT(B1), false },
		/* In a domain of ours it is looked up, and no script runs for it. */
		{ "CGI-PROXY-REQUEST sip:bob@example.com SIP/2.0\n\n", "INVITE" AT(B2), false },
		{ "CGI-PROXY-REQUEST sip:bob@192.0.2.1 SIP/2.0\n\n", "INVITE" AT(B2), false },
		{ "CGI-PROXY-REQUEST " SCRIPT " SIP/2.0\n\n", "404", false },
		{ "CGI-PROXY-REQUEST sip:away@example.com SIP/2.0\n\n", "480", false },
		{ "CGI-PROXY-REQUEST sip:nobody@example.com SIP/2.0\n\n", "404", false },
		{ "CGI-PROXY-REQUEST sip:example.com SIP/2.0\n\n", "404", false },
		{ "CGI-PROXY-REQUEST sip:nobody@example.com SIP/2.0\n\n"
		  "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\n\n",
		  "INVITE" AT(B1), false },
		/* tel: without a gateway leads nowhere, and other schemes are an error. */
		{ "CGI-PROXY-REQUEST tel:+49301 SIP/2.0\n\n", "416", false },
		{ "CGI-PROXY-REQUEST http://x/ SIP/2.0\n\n", "500", true },
		{ "CGI-PROXY-REQUEST urn:service:sos SIP/2.0\n\n", "500", true },
		/* After a final response, nothing. */
		{ "SIP/2.0 603 No\n\nCGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\n\n", "603", false },
		/* Branches that were called are cancelled when they can be. */
		{ "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\n\nSIP/2.0 603 No\n\n",
		  "INVITE" AT(B1) " 603", false },
		{ "CGI-FORWARD-RESPONSE this SIP/2.0\n\n", "500", true },
		{ "CGI-FORWARD-RESPONSE abc SIP/2.0\n\n", "500", true },
		{ "MESSAGE sip:b@" B1 " SIP/2.0\n\n", "500", true },
		/* One that says nothing that acts leaves it to the default action. */
		{ "CGI-SET-COOKIE abc SIP/2.0\n\nCGI-AGAIN yes SIP/2.0\n\n", "404", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		add_user(&b, "away", "example.com", "x");
		bind_one(&b, "sip:bob@example.com", "sip:bob@" B2);
		if (rows[i].error)
			harness_expect_log(LOG_WARN, "script failed");
		run_says(&b, "INVITE", rows[i].says);
		if (strcmp(wire(&b), rows[i].wire) != 0)
			fail_msg("row %zu: %s", i, b.wire);
		bench_fini(&b);
	}
}

static void a_cookie_is_kept_for_the_transaction(void **state UNUSED)
{
	struct session *ss;
	struct bench b;

	if (!bench_init(&b))
		return;
	request(&b, "INVITE", SCRIPT, "");
	prints(&b, "CGI-SET-COOKIE one SIP/2.0\n\nCGI-SET-COOKIE two SIP/2.0\n\n");
	if (!harness_alloc_failed()) {
		ss = LIST_ENTRY(b.s->sessions.next, struct session, link);
		assert_true(slice_eq(ss->cookie, SLICE("two")));
	}
	bench_fini(&b);
}

static void the_token_goes_with_the_branch(void **state UNUSED)
{
	struct proxy_branch *branch;
	struct session *ss;
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	prints(&b, "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\nCGI-Request-Token: t1\n\n"
		   "CGI-PROXY-REQUEST sip:b@" B2 " SIP/2.0\n\n");
	ss = LIST_ENTRY(b.s->sessions.next, struct session, link);
	branch = LIST_ENTRY(ss->ctx->branches.next, struct proxy_branch, link);
	assert_true(slice_eq(branch->target.token, SLICE("t1")));
	branch = LIST_ENTRY(branch->link.next, struct proxy_branch, link);
	assert_null(branch->target.token.p);
	bench_fini(&b);
}

static void more_branches_than_allowed_are_a_script_error(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT;
	struct bench b;

	assert_true(bench_init(&b));
	for (int i = 0; i < 5; i++)
		buf_str(&text, "CGI-PROXY-REQUEST sip:b@" B1 " SIP/2.0\n\n");
	buf_char(&text, '\0');
	harness_expect_log(LOG_WARN, "script failed");
	run_says(&b, "INVITE", text.data);
	assert_wire(&b, "INVITE" AT(B1) " INVITE" AT(B1) " INVITE" AT(B1) " INVITE" AT(B1) " 500");
	bench_fini(&b);
}

static void all_bindings_of_a_user_are_called_by_q(void **state UNUSED)
{
	struct location_binding v[] = {
		{ .contact = SLICE("sip:bob@" B1), .q = 100 },
		{ .contact = SLICE("sip:bob@" B2),
		  .q = 900,
		  .path = SLICE("<sip:198.51.100.20;lr>") },
	};
	struct bench b;

	if (!bench_init(&b))
		return;
	v[0].expires_at = v[1].expires_at = b.f.rt.wall + 1000;
	bind_to(&b, "sip:bob@example.com", v, 2);
	request(&b, "INVITE", SCRIPT, "");
	if (fake_run_job(&b.f))
		says(&b, "CGI-PROXY-REQUEST sip:bob@example.com SIP/2.0\nSubject: x\n\n");
	/* By the Path of its registration: RFC 3327. */
	assert_wire(&b, "INVITE>udp:198.51.100.20:5060");
	if (!harness_alloc_failed()) {
		assert_has(sent_text(&b, 0), "INVITE sip:bob@" B2 " SIP/2.0\r\n");
		assert_has(sent_text(&b, 0), "\r\nRoute: <sip:198.51.100.20;lr>\r\n");
		answer(&b, 0, 486);
		(void)wire(&b);
		assert_has(sent_text(&b, sent_to(&b, "INVITE", B1)), "\r\nSubject: x\r\n");
	}
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(each_action_has_its_effect),
		HARNESS_ALLOC_TEST(a_cookie_is_kept_for_the_transaction),
		HARNESS_TEST(the_token_goes_with_the_branch),
		HARNESS_TEST(more_branches_than_allowed_are_a_script_error),
		HARNESS_ALLOC_TEST(all_bindings_of_a_user_are_called_by_q),
	};

	return harness_run("apply", tests, ARRAY_LEN(tests));
}
