/* Which script a request is for: RFC 3050 3.4, SIPCGI.md 1. */
#include "fixture.h"

static void patterns_know_star_and_question_mark(void **state UNUSED)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "anything", true },
		{ "**", "", true },
		{ "?", "", false },
		{ "?", "a", true },
		{ "?", "ab", false },
		{ "abc", "abc", true },
		{ "abc", "ABC", true },
		{ "ABC", "abc", true },
		{ "abc", "abcd", false },
		{ "abcd", "abc", false },
		{ "a*c", "ac", true },
		{ "a*c", "abcbc", true },
		{ "a*c", "abcb", false },
		{ "*a*b*", "xxaxxbxx", true },
		{ "*a*b*", "xxbxxaxx", false },
		{ "*ab", "aab", true },
		{ "*aab", "aaaab", true },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "*?", "", false },
		{ "*?", "x", true },
		{ "sip:*@example.com", "sip:bob@EXAMPLE.com", true },
		{ "sip:*@example.com", "sip:bob@example.com.evil.test", false },
		/* Nothing else is special. */
		{ "a.c", "abc", false },
		{ "[ab]", "a", false },
		{ "\\*", "*", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice p = exact(rows[i].pattern), t = exact(rows[i].text);

		if (cgi_pattern_match(p, t) != rows[i].match)
			fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].text);
		exact_free(p);
		exact_free(t);
	}
}

static void a_pattern_of_stars_costs_no_more_than_the_product(void **state UNUSED)
{
	char pattern[2001], text[8001];

	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 'b';
	assert_false(cgi_pattern_match(slice_of(pattern, 2000), slice_of(text, 8001)));
}

static const struct cgi_script hit;

static bool route_matches(const struct cgi_route *r, const char *extra, const char *uri,
			  const char *user, bool in_dialog)
{
	struct cgi_route_input in = { .uri = slice_str(uri),
				      .user = slice_str(user),
				      .in_dialog = in_dialog };
	struct cgi_route route = *r;
	struct sip_msg *req = NULL;
	struct sip_error error;
	struct packet *p;
	char text[1024];
	bool ret;

	(void)snprintf(text, sizeof(text),
		       "INVITE sip:orig@example.com SIP/2.0\r\nVia: " VIA_IN "\r\n"
		       "From: \"A\" <sip:alice@example.com;x=1>;tag=f1\r\n%s"
		       "Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		       *extra ? extra : "To: sip:bob@example.com;y=2\r\n");
	p = packet_from(slice_str(text));
	assert_int_equal(sip_msg_parse(p, &req, &error), 0);
	packet_unref(p);
	assert_int_equal(net_addr_parse(SLICE("198.51.100.7"), 5062, &req->flow.peer), 0);
	req->flow.transport = RT_TCP;
	in.req = req;
	route.script = &hit;
	ret = cgi_route_find(&route, 1, &in) == &hit;
	sip_msg_unref(req);
	return ret;
}

static void every_condition_of_a_route_must_hold(void **state UNUSED)
{
	static const struct slice invite[] = { SLICE_INIT("BYE"), SLICE_INIT("INVITE") };
	static const struct slice lower[] = { SLICE_INIT("invite") };
	struct net_prefix near, far;
	const struct {
		struct cgi_route r;
		bool match;
	} rows[] = {
		{ { 0 }, true },
		{ { .methods = invite, .n_methods = 2 }, true },
		{ { .methods = invite, .n_methods = 1 }, false },
		{ { .methods = lower, .n_methods = 1 }, false },
		/* The Request-URI after preprocessing, with or without its parameters. */
		{ { .request_uri = SLICE("sip:bob@example.com") }, true },
		{ { .request_uri = SLICE("sip:bob@example.com;p=1") }, true },
		{ { .request_uri = SLICE("sip:orig@*") }, false },
		{ { .request_uri = SLICE("sip:*@example.com") }, true },
		{ { .from = SLICE("sip:alice@example.com") }, true },
		{ { .from = SLICE("sip:alice@example.com;x=1") }, true },
		{ { .from = SLICE("alice") }, false },
		{ { .to = SLICE("sip:bob@*") }, true },
		{ { .to = SLICE("sip:alice@*") }, false },
		{ { .user = SLICE("alice") }, true },
		{ { .user = SLICE("bob") }, false },
		{ { .sources = &near, .n_sources = 1 }, true },
		{ { .sources = &far, .n_sources = 1 }, false },
		{ { .transports = 1u << RT_TCP | 1u << RT_UDP }, true },
		{ { .transports = 1u << RT_UDP }, false },
		{ { .methods = invite, .n_methods = 2, .from = SLICE("*bob*") }, false },
	};

	assert_int_equal(net_prefix_parse(SLICE("198.51.100.0/24"), &near), 0);
	assert_int_equal(net_prefix_parse(SLICE("203.0.113.0/24"), &far), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (route_matches(&rows[i].r, "", "sip:bob@example.com;p=1", "alice", false) !=
		    rows[i].match)
			fail_msg("row %zu", i);
}

static void in_dialog_and_users_must_be_asked_for(void **state UNUSED)
{
	struct cgi_route any = { 0 }, dialogs = { .in_dialog = true };
	struct cgi_route all_users = { .user = SLICE("*") };

	assert_false(route_matches(&any, "", "sip:b@x", "", true));
	assert_true(route_matches(&dialogs, "", "sip:b@x", "", true));
	assert_true(route_matches(&dialogs, "", "sip:b@x", "", false));
	/* Even a star is a user. */
	assert_false(route_matches(&all_users, "", "sip:b@x", "", false));
	assert_true(route_matches(&all_users, "", "sip:b@x", "alice", false));
}

static void the_first_route_that_matches_decides(void **state UNUSED)
{
	static const struct cgi_script one, two;
	const struct cgi_route routes[] = {
		{ .request_uri = SLICE("sip:none@x"), .script = &one },
		{ .request_uri = SLICE("sip:plain@x"), .script = NULL },
		{ .request_uri = SLICE("sip:p*@x"), .script = &one },
		{ .script = &two },
	};
	static const struct {
		const char *uri;
		const struct cgi_script *script;
	} rows[] = {
		{ "sip:plain@x", NULL }, /* the default action */
		{ "sip:peter@x", &one },
		{ "sip:other@x", &two },
	};
	struct sip_msg req = { .refs = 1 };

	memset(req.first, 0xff, sizeof(req.first));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_ptr_equal(
			cgi_route_find(routes, ARRAY_LEN(routes),
				       &(struct cgi_route_input){ .req = &req,
								  .uri = slice_str(rows[i].uri) }),
			rows[i].script);
	assert_null(cgi_route_find(routes, 0, &(struct cgi_route_input){ .req = &req }));
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(patterns_know_star_and_question_mark),
		HARNESS_TEST(a_pattern_of_stars_costs_no_more_than_the_product),
		HARNESS_TEST(every_condition_of_a_route_must_hold),
		HARNESS_TEST(in_dialog_and_users_must_be_asked_for),
		HARNESS_TEST(the_first_route_that_matches_decides),
	};

	return harness_run("route", tests, ARRAY_LEN(tests));
}
