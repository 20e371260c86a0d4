#include "harness.h"

#include <errno.h>

#include "base/net.h"

static struct net_addr addr(const char *host, uint16_t port)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(slice_str(host), port, &a), 0);
	return a;
}

static void hosts_are_numeric_only(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *host, *uri, *text;
	} rows[] = {
		{ "192.0.2.1", 0, "192.0.2.1", "192.0.2.1", "192.0.2.1:5060" },
		{ "255.255.255.255", 0, "255.255.255.255", "255.255.255.255",
		  "255.255.255.255:5060" },
		{ "::1", 0, "::1", "[::1]", "[::1]:5060" },
		{ "[::1]", 0, "::1", "[::1]", "[::1]:5060" },
		{ "2001:DB8:0:0::0001", 0, "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:5060" },
		{ "::ffff:192.0.2.1", 0, "192.0.2.1", "192.0.2.1", "192.0.2.1:5060" },
		{ "[::ffff:c000:201]", 0, "192.0.2.1", "192.0.2.1", "192.0.2.1:5060" },
		{ "[fe80::1%7]", 0, "fe80::1%7", "[fe80::1%7]", "[fe80::1%7]:5060" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888%4294967295", 0,
		  "1111:2222:3333:4444:5555:6666:7777:8888%4294967295",
		  "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]",
		  "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:5060" },
		{ "", -EINVAL, 0, 0, 0 },
		{ "[]", -EINVAL, 0, 0, 0 },
		{ "[", -EINVAL, 0, 0, 0 },
		{ "[::1", -EINVAL, 0, 0, 0 },
		{ "::1]", -EINVAL, 0, 0, 0 },
		{ "[192.0.2.1]", -EINVAL, 0, 0, 0 },
		{ "192.0.2", -EINVAL, 0, 0, 0 },
		{ "192.0.2.256", -EINVAL, 0, 0, 0 },
		{ "192.0.2.1 ", -EINVAL, 0, 0, 0 },
		{ "0x7f.1", -EINVAL, 0, 0, 0 },
		{ "192.000000000.2.1", -EINVAL, 0, 0, 0 },
		{ "::1::", -EINVAL, 0, 0, 0 },
		{ "fe80::1%eth0", -EINVAL, 0, 0, 0 },
		{ "fe80::1%", -EINVAL, 0, 0, 0 },
		{ "%1:", -EINVAL, 0, 0, 0 },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333", -EINVAL, 0, 0, 0 },
		{ "example.com", -EINVAL, 0, 0, 0 },
	};
	char text[NET_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct net_addr a;

		assert_int_equal(net_addr_parse(in, 5060, &a), rows[i].rc);
		exact_free(in);
		if (rows[i].rc)
			continue;
		assert_int_equal(net_addr_port(&a), 5060);
		assert_string_equal(net_host_text(&a, text), rows[i].host);
		assert_string_equal(net_host_uri(&a, text), rows[i].uri);
		assert_string_equal(net_addr_text(&a, text), rows[i].text);
	}
}

static void a_nul_is_not_the_end_of_a_host(void **state)
{
	struct net_addr a;

	(void)state;
	assert_int_equal(net_addr_parse(SLICE("192.0.2.1\0x"), 1, &a), -EINVAL);
	assert_int_equal(net_addr_parse(SLICE("::1\0"), 1, &a), -EINVAL);
}

static void every_prefix_of_a_host_is_read_within_bounds(void **state)
{
	static const char good[] = "[2001:db8::192.0.2.1%12]";

	(void)state;
	for (size_t n = 0; n < sizeof(good); n++)
		for (size_t from = 0; from <= n; from++) {
			struct slice in = exact_bytes(good + from, n - from);
			struct net_addr a;

			(void)net_addr_parse(in, 1, &a);
			exact_free(in);
		}
}

static void from_takes_what_the_kernel_gives(void **state)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(7) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(8) };
	struct sockaddr unix_sa = { .sa_family = AF_UNIX };
	struct net_addr a, b;

	(void)state;
	in4.sin_addr.s_addr = htonl(0xc0000201);
	assert_int_equal(net_addr_from((struct sockaddr *)&in4, sizeof(in4), &a), 0);
	b = addr("192.0.2.1", 7);
	assert_true(net_addr_eq(&a, &b));
	assert_int_equal(net_addr_len(&a), sizeof(in4));

	in6.sin6_addr.s6_addr[15] = 1;
	assert_int_equal(net_addr_from((struct sockaddr *)&in6, sizeof(in6), &a), 0);
	b = addr("::1", 8);
	assert_true(net_addr_eq(&a, &b));
	assert_int_equal(net_addr_len(&a), sizeof(in6));

	/* A dual-stack socket's IPv4 peer. */
	in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
	assert_int_equal(net_addr_from((struct sockaddr *)&in6, sizeof(in6), &a), 0);
	b = addr("0.0.0.1", 8);
	assert_true(net_addr_eq(&a, &b));

	assert_int_equal(net_addr_from((struct sockaddr *)&in4, sizeof(in4) - 1, &a), -EINVAL);
	assert_int_equal(net_addr_from((struct sockaddr *)&in6, sizeof(in4), &a), -EINVAL);
	assert_int_equal(net_addr_from(&unix_sa, sizeof(unix_sa), &a), -EINVAL);
	assert_int_equal(net_addr_from(&unix_sa, 0, &a), -EINVAL);
}

static void equality_and_hash_agree(void **state)
{
	struct net_addr a = addr("192.0.2.1", 1), b = addr("192.0.2.1", 2), c = addr("::1", 1);
	struct net_addr d = addr("fe80::1%1", 1), e = addr("fe80::1%2", 1);

	(void)state;
	assert_true(net_addr_eq(&a, &a));
	assert_false(net_addr_eq(&a, &b));
	assert_true(net_addr_same_host(&a, &b));
	assert_false(net_addr_same_host(&a, &c));
	assert_false(net_addr_same_host(&d, &e));
	assert_true(net_addr_hash(&a, 9) != net_addr_hash(&b, 9));
	assert_true(net_addr_hash(&a, 9) != net_addr_hash(&c, 9));
	assert_true(net_addr_hash(&a, 9) != net_addr_hash(&a, 8));
	net_addr_set_port(&b, 1);
	net_addr_set_port(&c, 4711);
	assert_true(net_addr_eq(&a, &b));
	assert_true(net_addr_hash(&a, 9) == net_addr_hash(&b, 9));
	assert_int_equal(net_addr_port(&c), 4711);
}

static void an_address_unset_is_harmless(void **state)
{
	struct net_addr none, other = addr("::1", 1);
	char text[NET_ADDR_TEXT];

	(void)state;
	memset(&none, 0, sizeof(none));
	net_addr_set_port(&none, 5);
	assert_int_equal(net_addr_len(&none), 0);
	assert_int_equal(net_addr_port(&none), 0);
	assert_false(net_addr_is_any(&none));
	assert_true(net_addr_eq(&none, &none));
	assert_false(net_addr_eq(&none, &other));
	assert_true(net_addr_hash(&none, 1) != net_addr_hash(&other, 1));
	assert_string_equal(net_addr_text(&none, text), "-");
	assert_string_equal(net_host_uri(&none, text), "-");
}

static void any_is_the_wildcard(void **state)
{
	struct net_addr v4 = addr("0.0.0.0", 1), v6 = addr("::", 1), one = addr("::1", 1);

	(void)state;
	assert_true(net_addr_is_any(&v4));
	assert_true(net_addr_is_any(&v6));
	assert_false(net_addr_is_any(&one));
}

static void prefixes_compare_their_bits(void **state)
{
	static const struct {
		const char *prefix;
		int rc;
		const char *host;
		bool has;
	} rows[] = {
		{ "10.0.0.0/8", 0, "10.255.1.2", true },
		{ "10.0.0.0/8", 0, "11.0.0.0", false },
		{ "10.1.2.3/8", 0, "10.9.9.9", true },
		{ "192.0.2.128/25", 0, "192.0.2.129", true },
		{ "192.0.2.128/25", 0, "192.0.2.127", false },
		{ "192.0.2.1", 0, "192.0.2.1", true },
		{ "192.0.2.1", 0, "192.0.2.0", false },
		{ "0.0.0.0/0", 0, "203.0.113.9", true },
		{ "0.0.0.0/0", 0, "::1", false },
		{ "2001:db8::/32", 0, "2001:db8:ffff::1", true },
		{ "2001:db8::/33", 0, "2001:db8:8000::1", false },
		{ "[2001:db8::]/32", 0, "2001:db9::1", false },
		{ "::1", 0, "::1", true },
		{ "::/0", 0, "10.0.0.1", false },
		{ "::ffff:10.0.0.0/104", 0, "10.9.9.9", true },
		{ "::ffff:10.0.0.0/104", 0, "11.9.9.9", false },
		{ "::ffff:10.0.0.0/95", -EINVAL, NULL, false },
		{ "10.0.0.0/33", -EINVAL, NULL, false },
		{ "::/129", -EINVAL, NULL, false },
		{ "10.0.0.0/", -EINVAL, NULL, false },
		{ "10.0.0.0/8/8", -EINVAL, NULL, false },
		{ "10.0.0.0/-1", -EINVAL, NULL, false },
		{ "/8", -EINVAL, NULL, false },
		{ "", -EINVAL, NULL, false },
		{ "all", -EINVAL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].prefix);
		struct net_prefix p;

		assert_int_equal(net_prefix_parse(in, &p), rows[i].rc);
		exact_free(in);
		if (!rows[i].rc) {
			struct net_addr a = addr(rows[i].host, 5);

			assert_int_equal(net_prefix_has(&p, &a), rows[i].has);
		}
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(hosts_are_numeric_only),
		HARNESS_TEST(a_nul_is_not_the_end_of_a_host),
		HARNESS_TEST(every_prefix_of_a_host_is_read_within_bounds),
		HARNESS_TEST(from_takes_what_the_kernel_gives),
		HARNESS_TEST(equality_and_hash_agree),
		HARNESS_TEST(an_address_unset_is_harmless),
		HARNESS_TEST(any_is_the_wildcard),
		HARNESS_TEST(prefixes_compare_their_bits),
	};

	return harness_run("net", tests, ARRAY_LEN(tests));
}
