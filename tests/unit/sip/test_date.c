/* SIP-date: RFC 3261 20.17. */
#include "harness.h"

#include <errno.h>
#include <time.h>

#include "sip/date.h"

static void a_date_is_a_number_of_seconds(void **state)
{
	static const struct {
		const char *in;
		int64_t t;
	} rows[] = {
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Sat, 13 Nov 2010 23:29:00 GMT", 1289690940 },
		{ "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
		{ "Tue, 29 Feb 2000 12:00:00 GMT", 951825600 },
		{ "Sun, 28 Feb 2100 23:59:59 GMT", 4107542399 },
		{ "Mon, 01 Jan 0001 00:00:00 GMT", -62135596800 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		char out[SIP_DATE_LEN + 1];
		int64_t t = 42;

		assert_int_equal(sip_date_parse(in, &t), 0);
		assert_int_equal(t, rows[i].t);
		sip_date_format(t, out);
		assert_string_equal(out, rows[i].in);
		exact_free(in);
	}
}

static void spelling_may_vary_in_case_and_seconds_may_leap(void **state)
{
	int64_t t;

	(void)state;
	assert_int_equal(sip_date_parse(SLICE("sAT, 13 nov 2010 23:29:00 gmt"), &t), 0);
	assert_int_equal(t, 1289690940);
	assert_int_equal(sip_date_parse(SLICE("Sat, 31 Dec 2016 23:59:60 GMT"), &t), 0);
	assert_int_equal(t, 1483228800);
	/* The 13th was a Saturday; nobody checks. */
	assert_int_equal(sip_date_parse(SLICE("Mon, 13 Nov 2010 23:29:00 GMT"), &t), 0);
}

static void anything_else_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"Fri, 01 Jan 2010 16:00:00 EST",
		"Fri, 01 Jan 2010 16:00:00 UTC",
		"Fri, 01 Jan 2010 16:00:00 GMT ",
		" Fri, 01 Jan 2010 16:00:00 GMT",
		"Fri, 1 Jan 2010 16:00:00 GMT",
		"Fri,  1 Jan 2010 16:00:00 GMT",
		"Fri; 01 Jan 2010 16:00:00 GMT",
		"Fri, 00 Jan 2010 16:00:00 GMT",
		"Fri, 32 Jan 2010 16:00:00 GMT",
		"Fri, 29 Feb 2010 16:00:00 GMT",
		"Fri, 29 Feb 2100 16:00:00 GMT",
		"Fri, 31 Apr 2010 16:00:00 GMT",
		"Fri, 01 Jak 2010 16:00:00 GMT",
		"Fry, 01 Jan 2010 16:00:00 GMT",
		"Fri, 01 Jan 0000 16:00:00 GMT",
		"Fri, 01 Jan 20x0 16:00:00 GMT",
		"Fri, 01 Jan 2010 24:00:00 GMT",
		"Fri, 01 Jan 2010 16:60:00 GMT",
		"Fri, 01 Jan 2010 16:00:61 GMT",
		"Fri, 01 Jan 2010 16-00-00 GMT",
		"Friday, 01-Jan-10 16:00:00 GMT",
		"Fri Jan  1 16:00:00 2010     ",
	};
	const char *good = "Fri, 01 Jan 2010 16:00:00 GMT";
	int64_t t = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i]);

		if (sip_date_parse(in, &t) != -EBADMSG)
			fail_msg("accepted: %s", rows[i]);
		exact_free(in);
	}
	for (size_t n = 0; n < SIP_DATE_LEN; n++) {
		struct slice in = exact_bytes(good, n);

		assert_int_equal(sip_date_parse(in, &t), -EBADMSG);
		exact_free(in);
	}
	assert_int_equal(t, 42);
}

static void formatting_agrees_with_the_c_library(void **state)
{
	int64_t t = -62135596800;

	(void)state;
	for (unsigned i = 0; i < 20000; i++, t += 15777599) {
		char out[SIP_DATE_LEN + 1], want[64];
		time_t secs = t;
		struct tm tm;
		int64_t back;

		if (t > 253402300799)
			break;
		assert_non_null(gmtime_r(&secs, &tm));
		/* %Y is not padded for years below 1000. */
		if (tm.tm_year + 1900 < 1000)
			continue;
		assert_true(strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
		sip_date_format(t, out);
		assert_string_equal(out, want);
		assert_int_equal(sip_date_parse(slice_str(out), &back), 0);
		assert_int_equal(back, t);
	}
}

static void times_beyond_four_digits_of_year_are_cut(void **state)
{
	char out[SIP_DATE_LEN + 1];

	(void)state;
	sip_date_format(INT64_MAX, out);
	assert_string_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT");
	sip_date_format(INT64_MIN, out);
	assert_string_equal(out, "Mon, 01 Jan 0001 00:00:00 GMT");
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_date_is_a_number_of_seconds),
		HARNESS_TEST(spelling_may_vary_in_case_and_seconds_may_leap),
		HARNESS_TEST(anything_else_is_refused),
		HARNESS_TEST(formatting_agrees_with_the_c_library),
		HARNESS_TEST(times_beyond_four_digits_of_year_are_cut),
	};

	return harness_run("date", tests, ARRAY_LEN(tests));
}
