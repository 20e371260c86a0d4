#include "harness.h"

#include "base/metrics.h"

static void every_counter_has_its_own_name_and_a_help_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		const char *name = metric_name((enum metric)i);

		assert_non_null(name);
		assert_true(strlen(metric_help((enum metric)i)) > 0);
		/* What a Prometheus scraper takes. */
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(name, metric_name((enum metric)k));
	}
	assert_null(metric_name(METRIC_COUNT));
	assert_null(metric_help(METRIC_COUNT));
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(every_counter_has_its_own_name_and_a_help_text),
	};

	return harness_run("metrics", tests, ARRAY_LEN(tests));
}
