/* Which hosts, URIs and Via fields are ours. */
#include "fixture.h"

static bool is_self(struct bench *b, const char *text)
{
	struct sip_uri uri;
	const char *reason;

	if (sip_uri_parse(slice_str(text), &uri, &reason) < 0)
		fail_msg("%s: %s", text, reason);
	return proxy_is_self(&b->p, &uri);
}

static void our_uris_name_a_listener_or_a_domain(void **state UNUSED)
{
	static const struct slice domains[] = { SLICE_INIT("example.com"), SLICE_INIT("v.test") };
	static const struct {
		const char *uri;
		bool self, with_domains;
	} rows[] = {
		{ "sip:192.0.2.1", true, true },
		{ "sip:bob@192.0.2.1:5060", true, true },
		{ "sip:192.0.2.1:5070", false, false },
		{ "sip:192.0.2.2", false, false },
		{ "sip:[2001:db8::1]", true, true },
		{ "sip:[2001:DB8:0::1]:5060", true, true },
		/* 5061 by default, and nobody listens there. */
		{ "sips:192.0.2.1", false, false },
		{ "sips:192.0.2.1:5060", true, true },
		{ "sip:example.com", false, true },
		{ "sip:bob@EXAMPLE.com;transport=tcp", false, true },
		{ "sips:example.com", false, true },
		{ "sip:example.com:5060", false, true },
		{ "sip:example.com:5070", false, false },
		{ "sip:sub.example.com", false, false },
		{ "sip:v.test", false, true },
		{ "tel:+49301", false, false },
		{ "urn:service:sos", false, false },
	};
	struct proxy_config config = PROXY_CONFIG_DEFAULT;
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (is_self(&b, rows[i].uri) != rows[i].self)
			fail_msg("%s, without domains", rows[i].uri);
	config.domains = domains;
	config.n_domains = ARRAY_LEN(domains);
	b.p.config = config;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (is_self(&b, rows[i].uri) != rows[i].with_domains)
			fail_msg("%s, with domains", rows[i].uri);
	bench_fini(&b);
}

static void without_configured_domains_the_listeners_are_ours(void **state UNUSED)
{
	static const struct slice domains[] = { SLICE_INIT("example.com") };
	struct bench b;

	assert_true(bench_init(&b));
	assert_true(proxy_is_domain(&b.p, SLICE("192.0.2.1")));
	assert_true(proxy_is_domain(&b.p, SLICE("[2001:db8::1]")));
	assert_false(proxy_is_domain(&b.p, SLICE("example.com")));
	b.p.config.domains = domains;
	b.p.config.n_domains = 1;
	assert_true(proxy_is_domain(&b.p, SLICE("Example.COM")));
	assert_false(proxy_is_domain(&b.p, SLICE("192.0.2.1")));
	bench_fini(&b);
}

static void a_listener_on_every_address_has_the_loopback_ones(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	assert_false(is_self(&b, "sip:127.0.0.1"));
	for (int i = 0; i < 4; i++) {
		struct slice any = i < 2 ? SLICE("0.0.0.0") : SLICE("::");

		assert_int_equal(net_addr_parse(any, 5060, &b.f.listeners[i].addr), 0);
	}
	assert_true(is_self(&b, "sip:127.0.0.1"));
	assert_true(is_self(&b, "sip:127.1.2.3:5060"));
	assert_true(is_self(&b, "sip:[::1]"));
	assert_true(is_self(&b, "sip:192.0.2.1")); /* the advertised name */
	assert_false(is_self(&b, "sip:198.51.100.1"));
	assert_false(is_self(&b, "sip:127.0.0.1:5070"));
	bench_fini(&b);
}

static void our_via_has_an_advertised_name_and_port(void **state UNUSED)
{
	static const struct {
		const char *via;
		bool own;
	} rows[] = {
		{ "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa", true },
		{ "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", true },
		{ "SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKa", false },
		{ "SIP/2.0/UDP [2001:DB8::1];branch=z9hG4bKa", true },
		{ "SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKa", false },
		{ "SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKa", false },
	};
	struct bench b;
	struct sip_via via;
	const char *reason;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(sip_via_parse(slice_str(rows[i].via), &via, &reason), 0);
		assert_int_equal(proxy_is_own_via(&b.p, &via), rows[i].own);
	}
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(our_uris_name_a_listener_or_a_domain),
		HARNESS_TEST(without_configured_domains_the_listeners_are_ours),
		HARNESS_TEST(a_listener_on_every_address_has_the_loopback_ones),
		HARNESS_TEST(our_via_has_an_advertised_name_and_port),
	};

	return harness_run("proxy", tests, ARRAY_LEN(tests));
}
