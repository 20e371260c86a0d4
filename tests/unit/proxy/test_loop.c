/* Loops and branches: RFC 5393 4.2, RFC 3261 16.6 step 8. */
#include "fixture.h"

static uint64_t hash_of(struct bench *b, const char *method, const char *uri, const char *extra)
{
	struct sip_msg *req = make_request(method, uri, extra);
	uint64_t hash = proxy_loop_hash(&b->p, req);

	sip_msg_unref(req);
	return hash;
}

static void the_hash_is_over_what_decides_the_way(void **state UNUSED)
{
	static const struct {
		const char *method, *uri, *extra;
		bool same;
	} rows[] = {
		{ "INVITE", NULL, "", true },
		/* An ACK and a CANCEL follow their INVITE: 16.6 step 8. */
		{ "ACK", NULL, "", true },
		{ "CANCEL", NULL, "", true },
		/* Every hop changes these. */
		{ "INVITE", NULL, "Max-Forwards: 12\r\n", true },
		{ "INVITE", NULL, "Max-Breadth: 5\r\n", true },
		{ "INVITE", NULL, "Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKx\r\n", true },
		{ "INVITE", NULL, "Record-Route: <sip:203.0.113.1;lr>\r\n", true },
		{ "INVITE", "sip:carol@example.com", "", false },
		{ "INVITE", "sip:bob@example.com;x=1", "", false },
		{ "INVITE", NULL, "Route: <sip:203.0.113.1;lr>\r\n", false },
	};
	struct bench b;
	uint64_t one;

	assert_true(bench_init(&b));
	one = hash_of(&b, "INVITE", NULL, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((hash_of(&b, rows[i].method, rows[i].uri, rows[i].extra) == one) !=
		    rows[i].same)
			fail_msg("row %zu", i);
	bench_fini(&b);
}

static void the_hash_has_a_key_of_its_own(void **state UNUSED)
{
	struct bench b;
	uint64_t one;

	assert_true(bench_init(&b));
	one = hash_of(&b, "INVITE", NULL, "");
	/* Not that of the hash tables, which it could give away. */
	b.f.rt.seed++;
	assert_true(one == hash_of(&b, "INVITE", NULL, ""));
	proxy_init(&b.p, &b.f.rt, b.p.txns, &PROXY_CONFIG_DEFAULT);
	assert_true(one != hash_of(&b, "INVITE", NULL, ""));
	bench_fini(&b);
}

static void branches_have_the_cookie_and_are_never_the_same(void **state UNUSED)
{
	enum { N = 2000 };
	static char made[N][PROXY_BRANCH_LEN];
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < N; i++) {
		proxy_branch_make(&b.p, 0x0123456789abcdef, made[i]);
		assert_memory_equal(made[i], "z9hG4bK", 7);
		assert_memory_equal(made[i] + 23, ".0123456789abcdef", 17);
		assert_true(sip_is_token(slice_of(made[i], PROXY_BRANCH_LEN)));
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(made[i], made[k], PROXY_BRANCH_LEN);
	}
	bench_fini(&b);
}

/* The Via fields that stand on a request, and whether it is back unchanged. */
static bool loops(struct bench *b, const char *uri, const char *sent_by, const char *branch)
{
	char via[512];
	struct sip_msg *req;
	bool ret;

	(void)snprintf(via, sizeof(via), "Via: SIP/2.0/TCP 203.0.113.5;branch=z9hG4bKx, %s%s\r\n",
		       sent_by, branch);
	req = make_request("INVITE", uri, via);
	ret = proxy_is_loop(&b->p, req, proxy_loop_hash(&b->p, req));
	sip_msg_unref(req);
	return ret;
}

static void a_spiral_is_not_a_loop(void **state UNUSED)
{
	struct bench b;
	char branch[PROXY_BRANCH_LEN + 1], other[PROXY_BRANCH_LEN + 1], longer[64];

	assert_true(bench_init(&b));
	proxy_branch_make(&b.p, hash_of(&b, "INVITE", NULL, ""), branch);
	branch[PROXY_BRANCH_LEN] = '\0';
	proxy_branch_make(&b.p, 1, other);
	other[PROXY_BRANCH_LEN] = '\0';
	(void)snprintf(longer, sizeof(longer), "%s0", branch);

	assert_true(loops(&b, NULL, "SIP/2.0/UDP 192.0.2.1:5060;branch=", branch));
	assert_true(loops(&b, NULL, "SIP/2.0/UDP 192.0.2.1;branch=", branch));
	assert_true(loops(&b, NULL, "SIP/2.0/TCP [2001:db8::1]:5060;received=::1;branch=", branch));
	/* With another Request-URI it is on its way elsewhere. */
	assert_false(
		loops(&b, "sip:bob@example.org", "SIP/2.0/UDP 192.0.2.1:5060;branch=", branch));
	/* A Via of somebody else's, of another port, or of another hash is none of ours. */
	assert_false(loops(&b, NULL, "SIP/2.0/UDP 192.0.2.2:5060;branch=", branch));
	assert_false(loops(&b, NULL, "SIP/2.0/UDP 192.0.2.1:5070;branch=", branch));
	assert_false(loops(&b, NULL, "SIP/2.0/UDP 192.0.2.1:5060;branch=", other));
	assert_false(loops(&b, NULL, "SIP/2.0/UDP 192.0.2.1:5060;branch=", longer));
	assert_false(loops(&b, NULL, "SIP/2.0/UDP 192.0.2.1:5060;x=", branch));
	bench_fini(&b);
}

static void max_breadth_is_the_requests_but_at_most_ours(void **state UNUSED)
{
	static const struct {
		const char *extra;
		unsigned breadth;
	} rows[] = {
		{ "", 60 },
		{ "Max-Breadth: 0\r\n", 0 },
		{ "Max-Breadth: 7\r\n", 7 },
		{ "Max-Breadth: 60\r\n", 60 },
		{ "Max-Breadth: 61\r\n", 60 },
		{ "Max-Breadth: 4294967296\r\n", 60 },
		{ "Max-Breadth: many\r\n", 60 },
	};
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_msg *req = make_request("INVITE", NULL, rows[i].extra);

		assert_int_equal(proxy_breadth(&b.p, req), rows[i].breadth);
		sip_msg_unref(req);
	}
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_hash_is_over_what_decides_the_way),
		HARNESS_TEST(the_hash_has_a_key_of_its_own),
		HARNESS_TEST(branches_have_the_cookie_and_are_never_the_same),
		HARNESS_TEST(a_spiral_is_not_a_loop),
		HARNESS_TEST(max_breadth_is_the_requests_but_at_most_ours),
	};

	return harness_run("loop", tests, ARRAY_LEN(tests));
}
