/* Who may do what: who is asked for credentials, who may relay. RFC 3261 16.3 step 6, 22. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define PASSWORD "secret"

static bool begin(struct bench *b, bool trusted, bool auth_register, bool auth_calls)
{
	prepare(b);
	b->config.authenticate_register = auth_register;
	b->config.authenticate_calls = auth_calls;
	if (trusted && trust_add(&b->config.trusted, SLICE(CALLER)) < 0)
		assert_true(harness_alloc_failed());
	if (!start(b))
		return false;
	add_user(b, "alice", "example.com", PASSWORD);
	add_user(b, "bob", "example.com", PASSWORD);
	bind_one(b, "sip:bob@example.com", "sip:bob@" B1);
	return true;
}

static void the_matrix_of_who_is_asked(void **state UNUSED)
{
	static const char own[] = "<sip:alice@example.com>", foreign[] = "<sip:eve@evil.test>";
	static const char by_address[] = "<sip:alice@192.0.2.1>";
	static const char dialog[] =
		"To: <sip:bob@example.com>;tag=t\r\nRoute: <sip:192.0.2.1;lr>\r\n";
	static const struct {
		const char *method, *uri, *from, *extra;
		/* Answers: of nobody we know, of a trusted address, when nobody is asked. */
		const char *stranger, *trusted, *open;
	} rows[] = {
		/* To a user of ours. */
		{ "INVITE", "sip:bob@example.com", own, "", "407", "INVITE" AT(B1),
		  "INVITE" AT(B1) },
		{ "INVITE", "sip:bob@example.com", foreign, "", "INVITE" AT(B1), "INVITE" AT(B1),
		  "INVITE" AT(B1) },
		{ "MESSAGE", "sip:bob@example.com", own, "", "407", "MESSAGE" AT(B1),
		  "MESSAGE" AT(B1) },
		/* The address of the server stands for its domain. */
		{ "INVITE", "sip:bob@example.com", by_address, "", "407", "INVITE" AT(B1),
		  "INVITE" AT(B1) },
		/* To somebody else's. */
		{ "INVITE", "sip:x@" B1, own, "", "407", "INVITE" AT(B1), "403" },
		{ "INVITE", "sip:x@" B1, foreign, "", "403", "INVITE" AT(B1), "403" },
		{ "INVITE", "sip:x@" B1, "<tel:+49301>", "", "403", "INVITE" AT(B1), "403" },
		/* What is under way between two parties. */
		{ "BYE", "sip:x@" B1, own, dialog, "BYE" AT(B1), "BYE" AT(B1), "BYE" AT(B1) },
		{ "BYE", "sip:x@" B1, foreign, dialog, "BYE" AT(B1), "BYE" AT(B1), "BYE" AT(B1) },
		{ "BYE", "sip:x@" B1, foreign, "To: <sip:bob@example.com>;tag=t\r\n", "403",
		  "BYE" AT(B1), "403" },
		{ "INVITE", "sip:x@" B1, foreign, "Route: <sip:192.0.2.1;lr>\r\n", "403",
		  "INVITE" AT(B1), "403" },
		/* The server itself. */
		{ "OPTIONS", "sip:example.com", own, "", "200", "200", "200" },
		{ "OPTIONS", "sip:example.com", foreign, "", "200", "200", "200" },
		{ "OPTIONS", "sip:192.0.2.1", foreign, "", "200", "200", "200" },
		{ "OPTIONS", "sip:bob@example.com", own, "", "407", "OPTIONS" AT(B1),
		  "OPTIONS" AT(B1) },
		{ "INVITE", "sip:example.com", foreign, "", "404", "404", "404" },
		/* Registering. */
		{ "REGISTER", "sip:example.com", own, "To: <sip:alice@example.com>\r\n", "401",
		  "200", "200" },
		{ "REGISTER", "sip:example.com", foreign, "To: <sip:alice@example.com>\r\n", "401",
		  "200", "200" },
		{ "REGISTER", "sip:" B1, foreign, "To: <sip:alice@" B1 ">\r\n", "403",
		  "REGISTER" AT(B1), "403" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int who = 0; who < 3; who++) {
			const char *expected = who == 0   ? rows[i].stranger
					       : who == 1 ? rows[i].trusted
							  : rows[i].open;
			struct bench b;

			assert_true(begin(&b, who == 1, who < 2, who < 2));
			request_from(&b, rows[i].method, rows[i].uri, rows[i].from, rows[i].extra);
			if (strcmp(wire(&b), expected) != 0)
				fail_msg("row %zu, %d: %s", i, who, b.wire);
			bench_fini(&b);
		}
	}
}

/* The value of a parameter of the challenge in the last response. */
static struct slice challenge_param(struct bench *b, const char *name)
{
	char key[32];
	const char *at;

	(void)snprintf(key, sizeof(key), "%s=\"", name);
	at = strstr(b->last, key);
	if (!at) {
		assert_true(harness_alloc_failed());
		return SLICE("none");
	}
	at += strlen(key);
	return slice_of(at, strcspn(at, "\""));
}

/* The credentials that answer the last challenge. */
static const char *credentials(struct bench *b, const char *field, const char *method,
			       const char *uri, const char *user, const char *password)
{
	static char text[1024];
	char response[2 * DIGEST_MAX], nonce[256], realm[64];
	uint8_t ha1[DIGEST_MAX];
	struct sip_cred cred = { .uri = slice_str(uri),
				 .cnonce = SLICE("c"),
				 .qop = SLICE("auth"),
				 .nc = SLICE("00000001") };

	(void)snprintf(nonce, sizeof(nonce), "%.*s", SLICE_FMT(challenge_param(b, "nonce")));
	(void)snprintf(realm, sizeof(realm), "%.*s", SLICE_FMT(challenge_param(b, "realm")));
	cred.nonce = slice_str(nonce);
	assert_int_equal(digest_ha1(DIGEST_SHA256, slice_str(user), slice_str(realm),
				    slice_str(password), ha1),
			 0);
	assert_int_equal(digest_response(DIGEST_SHA256, ha1, slice_str(method), &cred, response),
			 0);
	(void)snprintf(text, sizeof(text),
		       "%s: Digest username=\"%s\",realm=\"%s\",nonce=\"%s\",uri=\"%s\","
		       "response=\"%.*s\",algorithm=SHA-256,qop=auth,cnonce=\"c\",nc=00000001\r\n",
		       field, user, realm, nonce, uri, (int)(2 * digest_len(DIGEST_SHA256)),
		       response);
	return text;
}

static void who_proves_to_be_the_user_may_relay_and_call(void **state UNUSED)
{
	struct bench b;
	const char *cred;

	assert_true(begin(&b, false, true, true));
	request(&b, "INVITE", "sip:x@" B1, "");
	assert_wire(&b, "407");
	assert_has(b.last, "\r\nProxy-Authenticate: Digest ");
	assert_has(b.last, "realm=\"example.com\"");
	cred = credentials(&b, "Proxy-Authorization", "INVITE", "sip:x@" B1, "alice", PASSWORD);
	b.cseq++;
	request(&b, "INVITE", "sip:x@" B1, cred);
	assert_wire(&b, "INVITE" AT(B1));
	/* They were for us: RFC 3261 22.3. */
	assert_has_not(sent_text(&b, 0), "Proxy-Authorization");
	bench_fini(&b);
}

static void credentials_of_others_go_along(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, true, true, true));
	request(&b, "INVITE", "sip:x@" B1,
		"Proxy-Authorization: Digest username=\"a\",realm=\"far.test\",nonce=\"n\","
		"uri=\"sip:x\",response=\"00000000000000000000000000000000\"\r\n");
	assert_wire(&b, "INVITE" AT(B1));
	assert_has(sent_text(&b, 0), "\r\nProxy-Authorization: Digest username=\"a\"");
	bench_fini(&b);
}

static void nobody_calls_in_another_users_name(void **state UNUSED)
{
	struct bench b;
	const char *cred;

	assert_true(begin(&b, false, true, true));
	request(&b, "INVITE", "sip:bob@example.com", "");
	(void)wire(&b);
	cred = credentials(&b, "Proxy-Authorization", "INVITE", "sip:bob@example.com", "bob",
			   PASSWORD);
	b.cseq++;
	request(&b, "INVITE", "sip:bob@example.com", cred);
	assert_wire(&b, "403");
	bench_fini(&b);
}

static void a_wrong_password_is_asked_again_and_logged(void **state UNUSED)
{
	struct bench b;
	const char *cred;

	assert_true(begin(&b, false, true, true));
	request(&b, "REGISTER", "sip:example.com", "To: <sip:alice@example.com>\r\n");
	assert_wire(&b, "401");
	assert_has(b.last, "\r\nWWW-Authenticate: Digest ");
	cred = credentials(&b, "To: <sip:alice@example.com>\r\nAuthorization", "REGISTER",
			   "sip:example.com", "alice", "wrong");
	b.cseq++;
	harness_expect_log(LOG_WARN, "credentials refused");
	request(&b, "REGISTER", "sip:example.com", cred);
	assert_wire(&b, "401");
	bench_fini(&b);
}

static void malformed_credentials_are_400(void **state UNUSED)
{
	struct bench b;

	assert_true(begin(&b, false, true, true));
	request(&b, "INVITE", "sip:bob@example.com", "Proxy-Authorization: Digest realm=\r\n");
	assert_wire(&b, "400");
	bench_fini(&b);
}

static void a_script_sees_only_verified_users(void **state UNUSED)
{
	const struct rt_job *job;
	struct bench b;
	const char *cred;

	assert_true(begin(&b, false, true, true));
	request(&b, "INVITE", SCRIPT, "");
	assert_wire(&b, "407");
	assert_null(fake_run_job(&b.f));
	cred = credentials(&b, "Proxy-Authorization", "INVITE", SCRIPT, "alice", PASSWORD);
	b.cseq++;
	request(&b, "INVITE", SCRIPT, cred);
	job = fake_run_job(&b.f);
	assert_non_null(job);
	assert_non_null(memmem(job->env.p, job->env.n, "REMOTE_USER=alice", 18));
	assert_non_null(memmem(job->env.p, job->env.n, "AUTH_TYPE=Digest", 17));
	assert_null(memmem(job->env.p, job->env.n, "PROXY_AUTHORIZATION", 19));
	ends(&b, RT_RUN_EXITED, 0);
	/* A stranger of another domain has no name. */
	b.cseq++;
	request_from(&b, "INVITE", SCRIPT, "<sip:eve@evil.test>", "");
	job = fake_run_job(&b.f);
	assert_non_null(job);
	assert_null(memmem(job->env.p, job->env.n, "REMOTE_USER", 11));
	bench_fini(&b);
}

static void without_memory_it_is_refused_or_asked(void **state UNUSED)
{
	struct bench b;

	if (!begin(&b, false, true, true))
		return;
	request(&b, "INVITE", "sip:bob@example.com", "");
	if (harness_alloc_failed())
		assert_has_not(wire(&b), "INVITE");
	else
		assert_wire(&b, "407");
	fake_runtime_advance(&b.f, 400000);
	assert_int_equal(txn_layer_count(b.s->txns, NULL), 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_matrix_of_who_is_asked),
		HARNESS_TEST(who_proves_to_be_the_user_may_relay_and_call),
		HARNESS_TEST(credentials_of_others_go_along),
		HARNESS_TEST(nobody_calls_in_another_users_name),
		HARNESS_TEST(a_wrong_password_is_asked_again_and_logged),
		HARNESS_TEST(malformed_credentials_are_400),
		HARNESS_TEST(a_script_sees_only_verified_users),
		HARNESS_ALLOC_TEST(without_memory_it_is_refused_or_asked),
	};

	return harness_run("policy", tests, ARRAY_LEN(tests));
}
