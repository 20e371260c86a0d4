/* Methods: RFC 3261 7.1. */
#include "harness.h"

#include "sip/method.h"

static void every_method_is_found_by_its_name(void **state)
{
	(void)state;
	for (unsigned m = 1; m < SIP_METHOD_COUNT; m++) {
		struct slice name = sip_method_name((enum sip_method)m);
		struct slice in = exact_bytes(name.p, name.n);

		assert_true(name.n > 0);
		assert_int_equal(sip_method_find(in), m);
		exact_free(in);
	}
}

static void the_case_of_a_method_matters(void **state)
{
	static const char *const rows[] = { "",         "invite", "Invite", "INVITES",  "INVIT",
					    "IN%56ITE", "ack",    "OTHER",  "NEWMETHOD" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i]);

		assert_int_equal(sip_method_find(in), SIP_OTHER_METHOD);
		exact_free(in);
	}
	assert_int_equal(sip_method_name(SIP_OTHER_METHOD).n, 0);
	assert_int_equal(sip_method_name(SIP_METHOD_COUNT).n, 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(every_method_is_found_by_its_name),
		HARNESS_TEST(the_case_of_a_method_matters),
	};

	return harness_run("sip/method", tests, ARRAY_LEN(tests));
}
