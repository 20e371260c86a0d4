/* Route information preprocessing: RFC 3261 16.4. */
#include "fixture.h"

static const struct slice domains[] = { SLICE_INIT("example.com") };

static bool begin(struct bench *b)
{
	struct proxy_config config = PROXY_CONFIG_DEFAULT;

	config.domains = domains;
	config.n_domains = 1;
	return bench_init_with(b, &config);
}

/* "uri | route, route | popped strict", or the error. */
static void preprocess(struct bench *b, const char *uri, const char *extra, char *out, size_t cap)
{
	struct sip_msg *req = make_request("INVITE", uri, extra);
	struct proxy_routing r;
	struct arena arena;
	size_t n;
	int rc;

	out[0] = '\0';
	if (!req)
		return;
	arena_init(&arena, 0);
	rc = proxy_preprocess(&b->p, req, &arena, &r);
	if (rc < 0) {
		(void)snprintf(out, cap, "%s", rc == -EBADMSG ? "bad" : "memory");
	} else {
		n = (size_t)snprintf(out, cap, "%.*s |", SLICE_FMT(r.uri));
		for (size_t i = 0; i < r.n_route; i++)
			n += (size_t)snprintf(out + n, cap - n, "%s %.*s", i ? "," : "",
					      SLICE_FMT(r.route[i]));
		(void)snprintf(out + n, cap - n, " |%s%s", r.popped ? " popped" : "",
			       r.strict ? " strict" : "");
		assert_true(slice_eq(r.parsed.text, r.uri));
	}
	arena_fini(&arena);
	sip_msg_unref(req);
}

static void routes_that_name_us_are_taken_off(void **state UNUSED)
{
	static const struct {
		const char *uri, *extra, *ret;
	} rows[] = {
		{ "sip:bob@example.com", "", "sip:bob@example.com | |" },
		{ "sip:bob@b.test", "Route: <sip:192.0.2.1;lr>\r\n", "sip:bob@b.test | | popped" },
		{ "sip:bob@b.test", "Route: <sip:example.com;lr>\r\n",
		  "sip:bob@b.test | | popped" },
		/* One for each side: RFC 5658. */
		{ "sip:bob@b.test",
		  "Route: <sip:192.0.2.1:5060;lr>,<sip:192.0.2.1:5060;transport=tcp;lr>\r\n"
		  "Route: <sip:c.test;lr>\r\n",
		  "sip:bob@b.test | <sip:c.test;lr> | popped" },
		{ "sip:bob@b.test", "Route: <sip:c.test;lr>, <sip:192.0.2.1;lr>\r\n",
		  "sip:bob@b.test | <sip:c.test;lr>, <sip:192.0.2.1;lr> |" },
		{ "sip:bob@b.test", "Route: \"a, b\" <sip:c.test;lr>;x=\",\", <sip:d.test>\r\n",
		  "sip:bob@b.test | \"a, b\" <sip:c.test;lr>;x=\",\", <sip:d.test> |" },
		{ "sip:bob@b.test", "Route: <sip:192.0.2.1:5070;lr>\r\n",
		  "sip:bob@b.test | <sip:192.0.2.1:5070;lr> |" },
		{ "sip:bob@b.test", "Route: \r\n", "sip:bob@b.test | |" },
	};
	struct bench b;
	char text[512];

	assert_true(begin(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		preprocess(&b, rows[i].uri, rows[i].extra, text, sizeof(text));
		assert_string_equal(text, rows[i].ret);
	}
	bench_fini(&b);
}

static void a_strict_router_before_us_is_understood(void **state UNUSED)
{
	static const struct {
		const char *uri, *extra, *ret;
	} rows[] = {
		/* What we put into Record-Route is the Request-URI: the last Route is the real one.
		 */
		{ "sip:192.0.2.1:5060;lr", "Route: <sip:bob@b.test>\r\n",
		  "sip:bob@b.test | | strict" },
		{ "sip:192.0.2.1:5060;transport=tcp;lr",
		  "Route: <sip:c.test>, <sip:bob@b.test;x=y>\r\n",
		  "sip:bob@b.test;x=y | <sip:c.test> | strict" },
		{ "sip:192.0.2.1;lr", "Route: <sip:192.0.2.1;lr>\r\nRoute: <sip:bob@b.test>\r\n",
		  "sip:bob@b.test | | popped strict" },
		/* Without Route, a user or lr it is an ordinary Request-URI. */
		{ "sip:192.0.2.1:5060;lr", "", "sip:192.0.2.1:5060;lr | |" },
		{ "sip:bob@192.0.2.1;lr", "Route: <sip:c.test;lr>\r\n",
		  "sip:bob@192.0.2.1;lr | <sip:c.test;lr> |" },
		{ "sip:192.0.2.1", "Route: <sip:c.test;lr>\r\n",
		  "sip:192.0.2.1 | <sip:c.test;lr> |" },
		{ "sip:192.0.2.9;lr", "Route: <sip:c.test;lr>\r\n",
		  "sip:192.0.2.9;lr | <sip:c.test;lr> |" },
	};
	struct bench b;
	char text[512];

	assert_true(begin(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		preprocess(&b, rows[i].uri, rows[i].extra, text, sizeof(text));
		assert_string_equal(text, rows[i].ret);
	}
	bench_fini(&b);
}

static void an_maddr_that_names_us_is_stripped(void **state UNUSED)
{
	static const struct {
		const char *uri, *ret;
	} rows[] = {
		{ "sip:bob@b.test;maddr=192.0.2.1", "sip:bob@b.test | |" },
		{ "sip:bob@b.test:5060;user=phone;maddr=192.0.2.1;transport=udp;x",
		  "sip:bob@b.test;user=phone;x | |" },
		{ "sip:bob@b.test;maddr=192.0.2.9", "sip:bob@b.test;maddr=192.0.2.9 | |" },
		{ "sip:bob@b.test:5070;maddr=192.0.2.1",
		  "sip:bob@b.test:5070;maddr=192.0.2.1 | |" },
		{ "sip:bob@b.test;maddr=", "sip:bob@b.test;maddr= | |" },
		{ "tel:+49301;maddr=192.0.2.1", "tel:+49301;maddr=192.0.2.1 | |" },
	};
	struct bench b;
	char text[512];

	assert_true(begin(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_uri uri;
		const char *reason;

		if (sip_uri_parse(slice_str(rows[i].uri), &uri, &reason) < 0)
			continue;
		preprocess(&b, rows[i].uri, "", text, sizeof(text));
		assert_string_equal(text, rows[i].ret);
	}
	bench_fini(&b);
}

static void a_route_that_must_be_read_and_cannot_is_refused(void **state UNUSED)
{
	static const struct {
		const char *uri, *extra, *ret;
	} rows[] = {
		{ "sip:bob@b.test", "Route: <sip:c.test\r\n", "bad" },
		{ "sip:192.0.2.1;lr", "Route: <sip:c.test;lr>, nonsense\r\n", "bad" },
		/* What stands behind the first foreign one is somebody else's. */
		{ "sip:bob@b.test", "Route: <sip:c.test;lr>, nonsense\r\n",
		  "sip:bob@b.test | <sip:c.test;lr>, nonsense |" },
	};
	struct bench b;
	char text[512];

	assert_true(begin(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		preprocess(&b, rows[i].uri, rows[i].extra, text, sizeof(text));
		assert_string_equal(text, rows[i].ret);
	}
	bench_fini(&b);
}

static void running_out_of_memory_is_told(void **state UNUSED)
{
	struct bench b;
	char text[512];

	if (!begin(&b))
		return;
	preprocess(&b, "sip:192.0.2.1;lr", "Route: <sip:a@b.test;maddr=192.0.2.1>\r\n", text,
		   sizeof(text));
	if (!harness_alloc_failed())
		assert_string_equal(text, "sip:a@b.test | | strict");
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(routes_that_name_us_are_taken_off),
		HARNESS_TEST(a_strict_router_before_us_is_understood),
		HARNESS_TEST(an_maddr_that_names_us_is_stripped),
		HARNESS_TEST(a_route_that_must_be_read_and_cannot_is_refused),
		HARNESS_ALLOC_TEST(running_out_of_memory_is_told),
	};

	return harness_run("route", tests, ARRAY_LEN(tests));
}
