/* The default action for requests: RFC 3050 5.6.1.6, SIPCGI.md 4. */
#include "fixture.h"

#define B1 "198.51.100.11"
#define B2 "198.51.100.12"

static void each_kind_of_request_has_its_default(void **state UNUSED)
{
	static const struct {
		const char *method, *uri, *extra, *wire;
	} rows[] = {
		{ "INVITE", "sip:bob@example.com", "", "INVITE" AT(B1) },
		{ "INVITE", "sip:bob@example.com:5060;transport=udp", "", "INVITE" AT(B1) },
		{ "INVITE", "sip:bob@192.0.2.1", "", "INVITE" AT(B1) },
		{ "INVITE", "sips:bob@example.com", "", "INVITE" AT(B1) },
		{ "INVITE", "sip:away@example.com", "", "480" },
		{ "INVITE", "sip:nobody@example.com", "", "404" },
		{ "INVITE", "sip:bob@example.com:5070", "", "403" },
		{ "INVITE", "sip:example.com", "", "404" },
		{ "OPTIONS", "sip:example.com", "", "200" },
		{ "OPTIONS", "sip:bob@example.com", "", "OPTIONS" AT(B1) },
		{ "REGISTER", "sip:example.com", "", "200" },
		/* A user's wish, and a domain's. */
		{ "INVITE", "sip:moved@example.com", "", "302" },
		{ "INVITE", "sip:bob@example.org", "", "302" },
		/* Of others: only what follows its dialog, or is allowed. */
		{ "INVITE", "sip:x@" B2, "", "403" },
		{ "BYE", "sip:x@" B2, "To: <sip:b@b>;tag=1\r\nRoute: <sip:192.0.2.1;lr>\r\n",
		  "BYE" AT(B2) },
		{ "BYE", "sip:x@" B2,
		  "To: <sip:b@b>;tag=1\r\nRoute: <sip:192.0.2.1;lr>, <sip:" B1 ";lr>\r\n",
		  "BYE" AT(B1) },
		/* A Route that stays leads, whoever is in the Request-URI. */
		{ "INVITE", "sip:bob@example.com", "Route: <sip:" B2 ";lr>\r\n", "403" },
		{ "INVITE", "tel:+49301", "", "403" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const struct slice redirects[] = { SLICE_INIT("example.org") };
		struct location_binding moved = { .contact = SLICE("sip:m@" B2),
						  .params = SLICE(";action=redirect;x=1"),
						  .q = 1000 };
		struct bench b;

		prepare(&b);
		b.config.redirect_domains = redirects;
		b.config.n_redirect_domains = 1;
		assert_true(start(&b));
		add_user(&b, "away", "example.com", "x");
		bind_one(&b, "sip:bob@example.com", "sip:bob@" B1);
		bind_one(&b, "sip:bob@example.org", "sip:bob@" B2);
		moved.expires_at = b.f.rt.wall + 100000;
		bind_to(&b, "sip:moved@example.com", &moved, 1);
		request(&b, rows[i].method, rows[i].uri, rows[i].extra);
		if (strcmp(wire(&b), rows[i].wire) != 0)
			fail_msg("row %zu: %s", i, b.wire);
		if (strcmp(rows[i].wire, "302") == 0)
			assert_has(b.last, B2 ">;");
		bench_fini(&b);
	}
}

static void options_are_told_what_we_can(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	request(&b, "OPTIONS", "sip:example.com", "");
	assert_wire(&b, "200");
	if (!harness_alloc_failed()) {
		assert_has(b.last, "\r\nAllow: INVITE, ACK, ");
		assert_has(b.last, "\r\nAccept: ");
		assert_has(b.last, "\r\nSupported: ");
	}
	bench_fini(&b);
}

static void bindings_are_called_by_q_and_expired_ones_not(void **state UNUSED)
{
	struct location_binding v[] = {
		{ .contact = SLICE("sip:bob@198.51.100.13"), .q = 1000 },
		{ .contact = SLICE("sip:bob@" B1), .q = 500 },
		{ .contact = SLICE("sip:bob@" B2), .q = 500 },
	};
	struct bench b;

	if (!bench_init(&b))
		return;
	v[0].expires_at = b.f.rt.wall;
	v[1].expires_at = v[2].expires_at = b.f.rt.wall + 1000;
	bind_to(&b, "sip:bob@example.com", v, 3);
	request(&b, "INVITE", "sip:bob@example.com", "");
	assert_wire(&b, "INVITE" AT(B1) " INVITE" AT(B2));
	bench_fini(&b);
}

static void dialogs_are_kept_on_our_path_where_they_begin(void **state UNUSED)
{
	static const struct {
		const char *method, *extra;
		bool record_route;
	} rows[] = {
		{ "INVITE", "", true },
		{ "SUBSCRIBE", "", true },
		{ "REFER", "", true },
		{ "MESSAGE", "", false },
		{ "OPTIONS", "", false },
		{ "INVITE", "To: <sip:bob@example.com>;tag=t\r\n", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		bind_one(&b, "sip:bob@example.com", "sip:bob@" B1);
		request(&b, rows[i].method, "sip:bob@example.com", rows[i].extra);
		(void)wire(&b);
		assert_int_equal(!!strstr(sent_text(&b, 0), "Record-Route"), rows[i].record_route);
		bench_fini(&b);
	}
}

static void without_memory_it_ends_too(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	bind_one(&b, "sip:bob@example.com", "sip:bob@" B1);
	request(&b, "INVITE", "sip:bob@example.com", "");
	(void)wire(&b);
	fake_runtime_advance(&b.f, 400000);
	(void)wire(&b);
	assert_int_equal(b.s->n_sessions, 0);
	assert_int_equal(txn_layer_count(b.s->txns, NULL), 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(each_kind_of_request_has_its_default),
		HARNESS_ALLOC_TEST(options_are_told_what_we_can),
		HARNESS_ALLOC_TEST(bindings_are_called_by_q_and_expired_ones_not),
		HARNESS_TEST(dialogs_are_kept_on_our_path_where_they_begin),
		HARNESS_ALLOC_TEST(without_memory_it_ends_too),
	};

	return harness_run("default", tests, ARRAY_LEN(tests));
}
