#include "harness.h"

#include <errno.h>

#include "auth/trust.h"

static void an_address_is_trusted_if_any_prefix_has_it(void **state)
{
	static const char *const prefixes[] = { "10.0.0.0/8", "192.0.2.7", "2001:db8::/32" };
	static const struct {
		const char *host;
		bool trusted;
	} rows[] = {
		{ "10.1.2.3", true },        { "11.1.2.3", false },     { "192.0.2.7", true },
		{ "192.0.2.8", false },      { "2001:db8:1::1", true }, { "2001:db9::1", false },
		{ "::ffff:10.0.0.1", true },
	};
	struct trust t;

	(void)state;
	trust_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		int err = trust_add(&t, slice_str(prefixes[i]));

		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_true(harness_alloc_failed());
			trust_fini(&t);
			return;
		}
	}
	assert_int_equal(trust_add(&t, SLICE("10.0.0.0/33")), -EINVAL);
	assert_int_equal(trust_add(&t, SLICE("example.com")), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_addr a;

		assert_int_equal(net_addr_parse(slice_str(rows[i].host), 5060, &a), 0);
		assert_int_equal(trust_has(&t, &a), rows[i].trusted);
	}
	trust_fini(&t);
}

static void an_empty_list_trusts_nobody(void **state)
{
	struct net_addr a;
	struct trust t;

	(void)state;
	trust_init(&t);
	assert_int_equal(net_addr_parse(SLICE("127.0.0.1"), 0, &a), 0);
	assert_false(trust_has(&t, &a));
	trust_fini(&t);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(an_address_is_trusted_if_any_prefix_has_it),
		HARNESS_TEST(an_empty_list_trusts_nobody),
	};

	return harness_run("trust", tests, ARRAY_LEN(tests));
}
