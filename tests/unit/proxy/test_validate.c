/* Which requests are refused before anything is done with them: RFC 3261 16.3. */
#include "fixture.h"

static struct proxy_refusal validate(struct bench *b, const char *uri, const char *extra)
{
	struct proxy_refusal no = { .status = 999 };
	struct sip_msg *req = make_request("INVITE", uri, extra);
	static char field[256];
	struct arena arena;

	if (!req)
		return no;
	arena_init(&arena, 0);
	if (proxy_validate(&b->p, req, &arena, &no) < 0)
		no.status = 999;
	(void)snprintf(field, sizeof(field), "%.*s", SLICE_FMT(no.field));
	no.field = slice_str(field);
	arena_fini(&arena);
	sip_msg_unref(req);
	return no;
}

static void each_step_has_its_status(void **state UNUSED)
{
	static const struct {
		const char *uri, *extra;
		unsigned status;
		const char *field;
	} rows[] = {
		{ "sip:bob@example.com", "", 0, "" },
		{ "SIPS:bob@example.com", "", 0, "" },
		{ "tel:+49301234", "", 0, "" },
		{ "urn:service:sos", "", 0, "" },
		{ "http://example.com/", "", 416, "" },
		{ "urn:other:sos", "", 416, "" },
		{ "sip:bob@example.com", "Max-Forwards: 0\r\n", 483, "" },
		{ "sip:bob@example.com", "Max-Forwards: 1\r\n", 0, "" },
		{ "sip:bob@example.com", "Proxy-Require: foo\r\n", 420, "Unsupported: foo" },
		{ "sip:bob@example.com", "Proxy-Require: foo ,bar\r\nProxy-Require: baz\r\n", 420,
		  "Unsupported: foo, bar, baz" },
		{ "sip:bob@example.com", "Proxy-Require: \r\n", 0, "" },
		{ "sip:bob@example.com", "Require: foo\r\n", 0, "" },
		/* The first that fails decides. */
		{ "http://example.com/", "Max-Forwards: 0\r\n", 416, "" },
		{ "sip:bob@example.com", "Max-Forwards: 0\r\nProxy-Require: a\r\n", 483, "" },
	};
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxy_refusal no = validate(&b, rows[i].uri, rows[i].extra);

		if (no.status != rows[i].status)
			fail_msg("row %zu: %u", i, no.status);
		assert_string_equal(no.field.p, rows[i].field);
	}
	bench_fini(&b);
}

static void a_request_with_our_via_and_hash_is_a_loop(void **state UNUSED)
{
	struct bench b;
	char branch[PROXY_BRANCH_LEN], via[256];
	struct sip_msg *req;

	assert_true(bench_init(&b));
	req = make_request("INVITE", NULL, "");
	proxy_branch_make(&b.p, proxy_loop_hash(&b.p, req), branch);
	sip_msg_unref(req);
	(void)snprintf(via, sizeof(via), "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=%.*s\r\n",
		       PROXY_BRANCH_LEN, branch);
	assert_int_equal(validate(&b, NULL, via).status, 482);
	assert_int_equal(validate(&b, "sip:carol@example.com", via).status, 0);
	bench_fini(&b);
}

static void running_out_of_memory_is_told(void **state UNUSED)
{
	struct bench b;
	struct proxy_refusal no;

	if (!bench_init(&b))
		return;
	no = validate(&b, NULL, "Proxy-Require: a, b\r\n");
	assert_true(no.status == 420 || (no.status == 999 && harness_alloc_failed()));
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(each_step_has_its_status),
		HARNESS_TEST(a_request_with_our_via_and_hash_is_a_loop),
		HARNESS_ALLOC_TEST(running_out_of_memory_is_told),
	};

	return harness_run("validate", tests, ARRAY_LEN(tests));
}
