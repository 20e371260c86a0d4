/* From URIs of ours to bindings: the canonical address-of-record, Path, connections. */
#include "fixture.h"

static void the_canonical_aor_has_our_first_domain_and_no_port_of_ours(void **state UNUSED)
{
	static const struct {
		const char *uri, *aor;
	} rows[] = {
		{ "sip:bob@example.com", "sip:bob@example.com" },
		{ "sips:Bob@EXAMPLE.com;x=1?y=z", "sip:Bob@example.com" },
		{ "sip:bob:secret@example.com:5060", "sip:bob@example.com" },
		{ "sip:bob@example.org:5060", "sip:bob@example.org" },
		{ "sip:b%6Fb@example.com", "sip:bob@example.com" },
		{ "sip:bob@192.0.2.1", "sip:bob@example.com" },
		{ "sip:bob@[2001:db8::1]:5060", "sip:bob@example.com" },
		/* A port that is not ours names somebody else. */
		{ "sip:bob@example.com:5070", "sip:bob@example.com:5070" },
	};
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF out = BUF_INIT;
		struct sip_uri uri;
		const char *reason;

		assert_int_equal(sip_uri_parse(slice_str(rows[i].uri), &uri, &reason), 0);
		assert_int_equal(lookup_aor(&b.s->proxy, &uri, &out), 0);
		if (!slice_eq(buf_view(&out), slice_str(rows[i].aor)))
			fail_msg("%s: %.*s", rows[i].uri, SLICE_FMT(buf_view(&out)));
	}
	bench_fini(&b);
}

static void an_address_stands_for_the_first_named_domain(void **state UNUSED)
{
	static const struct slice numeric[] = { SLICE_INIT("192.0.2.1"), SLICE_INIT("named.test") };
	static const struct slice only[] = { SLICE_INIT("192.0.2.1") };
	struct bench b;

	assert_true(bench_init(&b));
	b.s->proxy.config.domains = numeric;
	assert_true(slice_eq(lookup_domain(&b.s->proxy, SLICE("192.0.2.1")), SLICE("named.test")));
	assert_true(slice_eq(lookup_domain(&b.s->proxy, SLICE("other.test")), SLICE("other.test")));
	b.s->proxy.config.domains = only;
	b.s->proxy.config.n_domains = 1;
	assert_true(slice_eq(lookup_domain(&b.s->proxy, SLICE("192.0.2.1")), SLICE("192.0.2.1")));
	bench_fini(&b);
}

static int find(struct bench *b, const char *text, struct location_set **ret)
{
	struct sip_uri uri;
	const char *reason;

	assert_int_equal(sip_uri_parse(slice_str(text), &uri, &reason), 0);
	return lookup_bindings(b->s, &uri, ret);
}

/* Without memory it says so, and nothing else. */
#define assert_found(b, uri, set, result)                                                          \
	do {                                                                                       \
		int found_ = find(b, uri, set);                                                    \
		assert_true(found_ == (int)(result) ||                                             \
			    (found_ == -ENOMEM && harness_alloc_failed()));                        \
	} while (0)

static void a_user_is_found_away_or_unknown(void **state UNUSED)
{
	struct location_set *set = NULL;
	struct bench b;

	if (!bench_init(&b))
		return;
	add_user(&b, "away", "example.com", "x");
	add_user(&b, "we ird", "example.com", "x");
	bind_one(&b, "sip:bob@example.com", "sip:bob@198.51.100.11");
	if (!harness_alloc_failed()) {
		assert_found(&b, "sip:away@example.com", &set, LOOKUP_AWAY);
		assert_found(&b, "sip:away@192.0.2.1", &set, LOOKUP_AWAY);
		assert_found(&b, "sip:we%20ird@example.com", &set, LOOKUP_AWAY);
		assert_found(&b, "sip:away@example.org", &set, LOOKUP_UNKNOWN);
		assert_found(&b, "sip:a%00b@example.com", &set, LOOKUP_UNKNOWN);
		assert_null(set);
		assert_found(&b, "sip:bob@example.com:5060", &set, LOOKUP_FOUND);
		if (set)
			assert_int_equal(location_set_count(set), 1);
		/* What has expired is not there. */
		fake_runtime_advance(&b.f, 3600001);
		assert_found(&b, "sip:bob@example.com", &set, LOOKUP_UNKNOWN);
	}
	bench_fini(&b);
}

static void a_client_is_called_over_its_own_connection(void **state UNUSED)
{
	static const struct {
		const char *received, *path;
		uint64_t conn;
		const char *wire;
		uint64_t to_conn;
	} rows[] = {
		{ "tcp:203.0.113.9:40001", "", 99, "INVITE>tcp:203.0.113.9:40001", 99 },
		{ "tcp:[2001:db8::9]:40001", "", 99, "INVITE>tcp:[2001:db8::9]:40001", 99 },
		/* After a restart there is none. */
		{ "tcp:203.0.113.9:40001", "", 0, "INVITE>udp:198.51.100.11:5060", 0 },
		/* A datagram's is no connection. */
		{ "udp:203.0.113.9:40001", "", 99, "INVITE>udp:198.51.100.11:5060", 0 },
		/* Path leads to the edge that holds it. */
		{ "tcp:203.0.113.9:40001", "<sip:198.51.100.20;lr>", 99,
		  "INVITE>udp:198.51.100.20:5060", 0 },
		{ "nonsense", "", 99, "INVITE>udp:198.51.100.11:5060", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct location_binding v = { .contact = SLICE("sip:bob@198.51.100.11"),
					      .received = slice_str(rows[i].received),
					      .path = slice_str(rows[i].path),
					      .conn = rows[i].conn,
					      .listener = 1,
					      .q = 1000 };
		struct bench b;

		assert_true(bench_init(&b));
		v.expires_at = b.f.rt.wall + 1000;
		bind_to(&b, "sip:bob@example.com", &v, 1);
		request(&b, "INVITE", "sip:bob@example.com", "");
		if (strcmp(wire(&b), rows[i].wire) != 0)
			fail_msg("row %zu: %s", i, b.wire);
		assert_int_equal(b.out[0].to.transport == RT_TCP ? b.out[0].to.conn : 0,
				 rows[i].to_conn);
		bench_fini(&b);
	}
}

static void contacts_are_joined(void **state UNUSED)
{
	struct location_binding v[] = {
		{ .contact = SLICE("sip:a@x"), .q = 500, .params = SLICE(";q=0.5") },
		{ .contact = SLICE("sip:b@y"), .q = 1000 },
	};
	AUTO_BUF out = BUF_INIT;
	struct location_set *set;
	struct bench b;

	if (!bench_init(&b))
		return;
	v[0].expires_at = v[1].expires_at = b.f.rt.wall + 60000;
	if (location_set_new(SLICE("sip:u@example.com"), v, 2, &set) == 0) {
		if (lookup_contacts(set, b.f.rt.wall, &out) == 0)
			assert_true(slice_eq(
				buf_view(&out),
				SLICE("<sip:a@x>;q=0.5;expires=60, <sip:b@y>;expires=60")));
		else
			assert_true(harness_alloc_failed());
		location_set_unref(set);
	}
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_canonical_aor_has_our_first_domain_and_no_port_of_ours),
		HARNESS_TEST(an_address_stands_for_the_first_named_domain),
		HARNESS_ALLOC_TEST(a_user_is_found_away_or_unknown),
		HARNESS_TEST(a_client_is_called_over_its_own_connection),
		HARNESS_ALLOC_TEST(contacts_are_joined),
	};

	return harness_run("lookup", tests, ARRAY_LEN(tests));
}
