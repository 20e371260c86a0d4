#include "harness.h"

#include <errno.h>
#include <stdio.h>

static void fields_are_formatted_as_text_and_json(void **state)
{
	static const struct {
		struct slice in;
		const char *text, *json; /* the value, as it stands in the line */
	} rows[] = {
		{ SLICE_INIT("abc"), "abc", "\"abc\"" },
		{ SLICE_INIT(""), "\"\"", "\"\"" },
		{ SLICE_INIT("a b"), "\"a b\"", "\"a b\"" },
		{ SLICE_INIT("a=b"), "\"a=b\"", "\"a=b\"" },
		{ SLICE_INIT("\"\\"), "\"\\\"\\\\\"", "\"\\\"\\\\\"" },
		{ SLICE_INIT("a\r\nb\t"), "\"a\\r\\nb\\t\"", "\"a\\r\\nb\\t\"" },
		{ SLICE_INIT("\0\x1b\x7f"), "\"\\x00\\x1b\\x7f\"", "\"\\u0000\\u001b\\u007f\"" },
		/* UTF-8 stays: two, three and four bytes, and the ends of the ranges. */
		{ SLICE_INIT("\xc3\xa4"), "\"\xc3\xa4\"", "\"\xc3\xa4\"" },
		{ SLICE_INIT("\xe2\x82\xac"), "\"\xe2\x82\xac\"", "\"\xe2\x82\xac\"" },
		{ SLICE_INIT("\xf0\x90\x80\x80"), "\"\xf0\x90\x80\x80\"", "\"\xf0\x90\x80\x80\"" },
		{ SLICE_INIT("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\"" },
		/* What only looks like it does not. */
		{ SLICE_INIT("\xc3"), "\"\\xc3\"", "\"\\u00c3\"" },
		{ SLICE_INIT("\xc3y"), "\"\\xc3y\"", "\"\\u00c3y\"" },
		{ SLICE_INIT("\xe2\x82"), "\"\\xe2\\x82\"", "\"\\u00e2\\u0082\"" },
		{ SLICE_INIT("\xe2\x82y"), "\"\\xe2\\x82y\"", "\"\\u00e2\\u0082y\"" },
		{ SLICE_INIT("\x80"), "\"\\x80\"", "\"\\u0080\"" },
		{ SLICE_INIT("\xc0\x80"), "\"\\xc0\\x80\"", "\"\\u00c0\\u0080\"" },
		{ SLICE_INIT("\xc2\x9b"), "\"\\xc2\\x9b\"", "\"\\u00c2\\u009b\"" },
		{ SLICE_INIT("\xe0\x80\x80"), "\"\\xe0\\x80\\x80\"", "\"\\u00e0\\u0080\\u0080\"" },
		{ SLICE_INIT("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"", "\"\\u00ed\\u00a0\\u0080\"" },
		{ SLICE_INIT("\xf4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\"",
		  "\"\\u00f4\\u0090\\u0080\\u0080\"" },
		{ SLICE_INIT("\xff"), "\"\\xff\"", "\"\\u00ff\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact_bytes(rows[i].in.p, rows[i].in.n);
		struct log_field field = LOG_SLICE("call-id", in);
		AUTO_BUF text = BUF_INIT, json = BUF_INIT;
		char want[200];

		log_format_text(&text, LOG_WARN, "refused", &field, 1);
		log_format_json(&json, LOG_WARN, "refused", &field, 1);
		exact_free(in);
		if (text.err || json.err) {
			assert_true(harness_alloc_failed());
			return;
		}
		(void)snprintf(want, sizeof(want), "level=warn msg=\"refused\" call-id=%s",
			       rows[i].text);
		assert_true(slice_eq(buf_view(&text), slice_str(want)));
		(void)snprintf(want, sizeof(want),
			       "{\"level\":\"warn\",\"msg\":\"refused\",\"call-id\":%s}",
			       rows[i].json);
		assert_true(slice_eq(buf_view(&json), slice_str(want)));
	}
}

static void numbers_and_addresses_are_values_too(void **state)
{
	AUTO_BUF text = BUF_INIT, json = BUF_INIT;
	struct net_addr peer;

	(void)state;
	assert_int_equal(net_addr_parse(SLICE("::1"), 5060, &peer), 0);
	const struct log_field fields[] = { LOG_INT("status", 403), LOG_INT("low", INT64_MIN),
					    LOG_ADDR("source", &peer), LOG_ADDR("none", NULL),
					    LOG_STR("reason", NULL) };

	log_format_text(&text, LOG_ERROR, "m", fields, ARRAY_LEN(fields));
	assert_true(slice_eq(buf_view(&text),
			     SLICE("level=error msg=\"m\" status=403 low=-9223372036854775808 "
				   "source=[::1]:5060 none=- reason=\"\"")));
	log_format_json(&json, LOG_DEBUG, "m", fields, ARRAY_LEN(fields));
	assert_true(slice_eq(buf_view(&json),
			     SLICE("{\"level\":\"debug\",\"msg\":\"m\",\"status\":403,"
				   "\"low\":-9223372036854775808,\"source\":\"[::1]:5060\","
				   "\"none\":\"-\",\"reason\":\"\"}")));
}

/* Counts what is between the last two quotes. */
static size_t cut_length(const char *unit, size_t shift)
{
	char in[2 * LOG_FIELD_MAX];
	AUTO_BUF text = BUF_INIT;
	struct slice view;
	size_t n = 0;

	memset(in, 'x', shift);
	for (n = shift; n + strlen(unit) <= sizeof(in); n += strlen(unit))
		memcpy(in + n, unit, strlen(unit));
	struct log_field field = LOG_SLICE("k", slice_of(in, n));

	log_format_text(&text, LOG_INFO, "", &field, 1);
	view = slice_skip(buf_view(&text), strlen("level=info msg=\"\" k=\""));
	assert_int_equal(slice_find(view, '\\'), -1);
	assert_true(slice_eq(slice_skip(view, view.n - 4), SLICE("...\"")));
	return view.n - 4;
}

static void long_fields_are_cut_between_characters(void **state)
{
	(void)state;
	assert_int_equal(cut_length("x", 0), LOG_FIELD_MAX);
	assert_int_equal(cut_length("\xc3\xa4", 0), LOG_FIELD_MAX);
	assert_int_equal(cut_length("\xc3\xa4", 1), LOG_FIELD_MAX - 1);
	assert_int_equal(cut_length("\xe2\x82\xac", 1), LOG_FIELD_MAX - 1);
	assert_int_equal(cut_length("\xe2\x82\xac", 0), LOG_FIELD_MAX - 2);
	assert_int_equal(cut_length("\xf0\x90\x80\x80", 0), LOG_FIELD_MAX);
	assert_int_equal(cut_length("\xf0\x90\x80\x80", 1), LOG_FIELD_MAX - 3);
}

static void level_names_are_parsed_in_any_case(void **state)
{
	enum log_level level = LOG_DEBUG;

	(void)state;
	for (unsigned i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		const char *name = log_level_name((enum log_level)i);

		assert_int_equal(log_level_parse(slice_str(name), &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse(SLICE("WARN"), &level), 0);
	assert_int_equal(level, LOG_WARN);
	assert_int_equal(log_level_parse(SLICE("warning"), &level), -EINVAL);
	assert_int_equal(log_level_parse(SLICE_EMPTY, &level), -EINVAL);
	assert_int_equal(level, LOG_WARN);
}

static unsigned lines;
static size_t n_fields;

static void count_line(void *arg, enum log_level level, const char *msg,
		       const struct log_field *fields, size_t n)
{
	assert_ptr_equal(arg, &lines);
	assert_int_equal(level, LOG_WARN);
	assert_string_equal(msg, "seen");
	for (size_t i = 0; i < n; i++)
		assert_string_equal(fields[i].key, i ? "status" : "call-id");
	n_fields = n;
	lines++;
}

static int evaluated;

static int count_evaluation(void)
{
	return ++evaluated;
}

static void a_line_below_the_level_costs_nothing(void **state)
{
	(void)state;
	lines = 0;
	evaluated = 0;
	log_sink_set(count_line, &lines);
	log_level_set(LOG_WARN);
	LOG(LOG_INFO, "not seen", LOG_INT("status", count_evaluation()));
	assert_int_equal(evaluated, 0);
	LOG(LOG_WARN, "seen");
	assert_int_equal(n_fields, 0);
	LOG(LOG_WARN, "seen", LOG_STR("call-id", "a"), LOG_INT("status", count_evaluation()));
	assert_int_equal(n_fields, 2);
	assert_int_equal(evaluated, 1);
	assert_int_equal(lines, 2);
	log_sink_set(NULL, NULL);
	LOG(LOG_WARN, "dropped");
	assert_int_equal(lines, 2);
}

static void an_announced_line_is_no_failure(void **state)
{
	(void)state;
	harness_expect_log(LOG_WARN, "announced");
	LOG(LOG_INFO, "nobody asks");
	LOG(LOG_WARN, "announced", LOG_INT("status", 1));
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(fields_are_formatted_as_text_and_json),
		HARNESS_TEST(numbers_and_addresses_are_values_too),
		HARNESS_TEST(long_fields_are_cut_between_characters),
		HARNESS_TEST(level_names_are_parsed_in_any_case),
		HARNESS_TEST(a_line_below_the_level_costs_nothing),
		HARNESS_TEST(an_announced_line_is_no_failure),
	};

	return harness_run("log", tests, ARRAY_LEN(tests));
}
