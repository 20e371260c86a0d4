/* Lexical rules: RFC 3261 25.1. */
#include "harness.h"

#include <errno.h>

#include "sip/scan.h"

#define assert_slice(s, lit)                                                                       \
	do {                                                                                       \
		struct slice got_ = (s);                                                           \
		assert_int_equal(got_.n, sizeof(lit) - 1);                                         \
		if (got_.n)                                                                        \
			assert_memory_equal(got_.p, lit, got_.n);                                  \
	} while (0)

static void a_token_is_made_of_token_characters(void **state)
{
	static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "-.!%*_+`'~";

	(void)state;
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal(sip_is_token_char((unsigned char)c),
				 c != 0 && strchr(all, (int)c) != NULL);
	assert_true(sip_is_token(SLICE("INVITE")));
	assert_false(sip_is_token(SLICE("")));
	assert_false(sip_is_token(SLICE("IN VITE")));
}

static void text_is_utf8_without_nul(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		bool ok;
	} rows[] = {
		{ "", 0, true },
		{ "plain", 5, true },
		{ "a\0b", 3, false },
		{ "\xc3\xa9", 2, true },
		{ "\xc3", 1, false },
		{ "\xc3x", 2, false },
		{ "\x80", 1, false },
		{ "\xc0\x80", 2, false },
		{ "\xc1\xbf", 2, false },
		{ "\xe0\x9f\xbf", 3, false },
		{ "\xe0\xa0\x80", 3, true },
		{ "\xed\x9f\xbf", 3, true },
		{ "\xed\xa0\x80", 3, false },
		{ "\xef\xbb\xbf", 3, true },
		{ "\xf0\x8f\xbf\xbf", 4, false },
		{ "\xf0\x90\x80\x80", 4, true },
		{ "\xf4\x8f\xbf\xbf", 4, true },
		{ "\xf4\x90\x80\x80", 4, false },
		{ "\xf5\x80\x80\x80", 4, false },
		{ "\xe2\x82", 2, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact_bytes(rows[i].in, rows[i].n);

		assert_int_equal(sip_is_text(in), rows[i].ok);
		exact_free(in);
	}
}

static void white_space_includes_folds_and_nothing_else(void **state)
{
	static const struct {
		const char *in;
		size_t skipped;
	} rows[] = {
		{ "", 0 },           { "x", 0 },           { "  \tx", 3 }, { "\r\n x", 3 },
		{ " \r\n\t x", 5 },  { "\n x", 2 },        { "\r\nx", 0 }, { " \r\nx", 1 },
		{ "\r x", 0 },       { " \r", 1 },         { " \r\n", 1 }, { "\r\n \r\n x", 6 },
		{ "\r\n\r\n x", 0 }, { " \r\n\r\n x", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in), rest = in;

		sip_skip_lws(&rest);
		assert_int_equal(in.n - rest.n, rows[i].skipped);
		exact_free(in);
	}
}

static void a_quoted_string_ends_at_its_quote(void **state)
{
	static const struct {
		const char *in;
		const char *content; /* NULL: refused */
		size_t rest;
	} rows[] = {
		{ "\"\"", "", 0 },
		{ "\"a b\";x", "a b", 2 },
		{ "\"a \\\" b\"", "a \\\" b", 0 },
		{ "\"\\\\\"", "\\\\", 0 },
		{ "\"a\r\n b\"", "a\r\n b", 0 },
		{ "\"\xd1\x80\"", "\xd1\x80", 0 },
		{ "\"a\tb\"", "a\tb", 0 },
		{ "", NULL, 0 },
		{ "x\"\"", NULL, 0 },
		{ "\"", NULL, 0 },
		{ "\"abc", NULL, 0 },
		{ "\"abc\\", NULL, 0 },
		{ "\"abc\\\"", NULL, 0 },
		{ "\"a\r\nb\"", NULL, 0 },
		{ "\"a\rb\"", NULL, 0 },
		{ "\"a\\\r\n b\"", NULL, 0 },
		{ "\"a\x01z\"", NULL, 0 },
		{ "\"a\x7fz\"", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in), rest = in, content = SLICE("untouched");
		bool ok = sip_take_quoted(&rest, &content);

		assert_int_equal(ok, rows[i].content != NULL);
		if (ok) {
			assert_true(slice_eq(content, slice_str(rows[i].content)));
			assert_int_equal(rest.n, rows[i].rest);
		} else {
			assert_int_equal(rest.n, in.n);
			assert_slice(content, "untouched");
		}
		exact_free(in);
	}
}

static void every_control_character_may_follow_a_backslash_but_line_ends(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char text[4] = { '"', '\\', (char)c, '"' };
		struct slice in = exact_bytes(text, sizeof(text)), rest = in, content;

		assert_int_equal(sip_take_quoted(&rest, &content), c != '\r' && c != '\n');
		exact_free(in);
	}
}

static void a_taken_character_takes_the_white_space_around_it(void **state)
{
	struct slice rest = SLICE(" \r\n = \t x"), kept;

	(void)state;
	assert_true(sip_take_char(&rest, '='));
	assert_slice(rest, "x");
	kept = rest = SLICE("  :x");
	assert_false(sip_take_char(&rest, '='));
	assert_ptr_equal(rest.p, kept.p);
	rest = SLICE("  ");
	assert_false(sip_take_char(&rest, '='));
}

static void a_token_is_taken_up_to_the_first_other_character(void **state)
{
	struct slice rest = SLICE("INVITE sip:"), token;

	(void)state;
	assert_true(sip_take_token(&rest, &token));
	assert_slice(token, "INVITE");
	assert_slice(rest, " sip:");
	assert_false(sip_take_token(&rest, &token));
	assert_slice(rest, " sip:");
}

static void parameters_follow_the_grammar(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *name, *value; /* value NULL: none */
		size_t rest;
	} rows[] = {
		{ ";lr", 1, "lr", NULL, 0 },
		{ ";a=b;c=d", 1, "a", "b", 4 },
		{ " ; a = b ; c", 1, "a", "b", 4 },
		{ ";\r\n tag\r\n = x", 1, "tag", "x", 0 },
		{ ";t=\"a;\\\"b\";u", 1, "t", "\"a;\\\"b\"", 2 },
		{ ";received=2001:db8::9:255;b", 1, "received", "2001:db8::9:255", 2 },
		{ ";received=[2001:db8::1]", 1, "received", "[2001:db8::1]", 0 },
		{ ";x=YWJj==", 1, "x", "YWJj==", 0 },
		{ "", 0, NULL, NULL, 0 },
		{ "  \r\n ", 0, NULL, NULL, 0 },
		{ "x", -EBADMSG, NULL, NULL, 0 },
		{ ", y", -EBADMSG, NULL, NULL, 0 },
		{ ";", -EBADMSG, NULL, NULL, 0 },
		{ ";;", -EBADMSG, NULL, NULL, 0 },
		{ ";a=", -EBADMSG, NULL, NULL, 0 },
		{ ";a=;b", -EBADMSG, NULL, NULL, 0 },
		{ ";=b", -EBADMSG, NULL, NULL, 0 },
		{ ";a=\"b", -EBADMSG, NULL, NULL, 0 },
		{ ";a=<b>", -EBADMSG, NULL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in), rest = in, name, value;

		assert_int_equal(sip_take_param(&rest, &name, &value), rows[i].rc);
		if (rows[i].rc == 1) {
			assert_true(slice_eq(name, slice_str(rows[i].name)));
			assert_true(slice_eq(value, slice_str(rows[i].value)));
			assert_int_equal(value.p == NULL, rows[i].value == NULL);
			assert_int_equal(rest.n, rows[i].rest);
		} else {
			assert_int_equal(rest.n, in.n);
		}
		exact_free(in);
	}
}

static void a_parameter_is_found_by_name_in_any_case(void **state)
{
	static const struct {
		const char *params, *name;
		bool found;
		const char *value;
	} rows[] = {
		{ ";lr", "lr", true, NULL },
		{ ";LR", "lr", true, NULL },
		{ ";a=b;tag=x", "TAG", true, "x" },
		{ "; a = b ; tag = x ", "tag", true, "x" },
		{ ";q=\";tag=evil\";tag=good", "tag", true, "good" },
		{ ";tag=\"a b\"", "tag", true, "\"a b\"" },
		{ ";[odd]/name=1;lr", "lr", true, NULL },
		{ ";notag=x", "tag", false, NULL },
		{ ";tagx=x", "tag", false, NULL },
		{ "", "tag", false, NULL },
		{ ";", "tag", false, NULL },
		{ "tag=x", "tag", false, NULL },
		{ ";q=\"open;tag=x", "tag", false, NULL },
		{ ";a b;tag=x", "tag", false, NULL },
		{ ";tag=", "tag", true, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].params), value = SLICE_EMPTY;

		assert_int_equal(sip_find_param(in, slice_str(rows[i].name), &value),
				 rows[i].found);
		assert_true(slice_eq(value, slice_str(rows[i].value)));
		exact_free(in);
	}
}

static void commas_inside_quotes_and_brackets_do_not_split_a_list(void **state)
{
	static const struct {
		const char *in;
		const char *elements[4];
	} rows[] = {
		{ "", { NULL } },
		{ " , ,, ", { NULL } },
		{ "a", { "a" } },
		{ "a, b ,\r\n c", { "a", "b", "c" } },
		{ ",a,,b,", { "a", "b" } },
		{ "\"x, y\" <sip:a,b@c>;p, <sip:d>", { "\"x, y\" <sip:a,b@c>;p", "<sip:d>" } },
		{ "\"a\\\",b\", c", { "\"a\\\",b\"", "c" } },
		{ "\"a < b\", c", { "\"a < b\"", "c" } },
		{ "<a\">, c", { "<a\">", "c" } },
		{ "\"open, c", { "\"open, c" } },
		{ "<open, c", { "<open, c" } },
		{ "\"end\\", { "\"end\\" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in), rest = in, element;
		size_t n = 0;

		while (sip_list_next(&rest, &element)) {
			assert_non_null(rows[i].elements[n]);
			assert_true(slice_eq(element, slice_str(rows[i].elements[n])));
			n++;
		}
		assert_null(rows[i].elements[n]);
		assert_int_equal(rest.n, 0);
		exact_free(in);
	}
}

static void unquoting_removes_quotes_escapes_and_folds(void **state)
{
	static const struct {
		const char *in;
		size_t cap;
		int rc;
		const char *out;
	} rows[] = {
		{ "plain \\ text", 32, 0, "plain \\ text" },
		{ "", 0, 0, "" },
		{ "\"\"", 0, 0, "" },
		{ "\"a\\\"b\\\\c\"", 5, 0, "a\"b\\c" },
		{ "\"a\r\n \t b\"", 3, 0, "a b" },
		{ "\"abc\"", 2, -ENOSPC, NULL },
		{ "abc", 2, -ENOSPC, NULL },
		{ "\"abc", 32, -EBADMSG, NULL },
		{ "\"abc\"x", 32, -EBADMSG, NULL },
		{ "\"", 32, -EBADMSG, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in), out;
		char buf[32];

		assert_int_equal(sip_unquote(in, buf, rows[i].cap, &out), rows[i].rc);
		if (rows[i].rc == 0)
			assert_true(slice_eq(out, slice_str(rows[i].out)));
		exact_free(in);
	}
}

/* Whatever is cut off, nothing is read behind the end and the loops end. */
static void every_prefix_is_survived(void **state)
{
	static const char text[] = " ; a = \"b\\\" \r\n c\" ; tag=x, \"d, e\" <sip:f,g> \r\n ;h";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct slice in = exact_bytes(text, n), rest = in, name, value;
		char buf[sizeof(text)];

		while (sip_take_param(&rest, &name, &value) > 0)
			;
		(void)sip_find_param(in, SLICE("tag"), &value);
		rest = in;
		while (sip_list_next(&rest, &value))
			(void)sip_unquote(value, buf, sizeof(buf), &name);
		exact_free(in);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_token_is_made_of_token_characters),
		HARNESS_TEST(text_is_utf8_without_nul),
		HARNESS_TEST(white_space_includes_folds_and_nothing_else),
		HARNESS_TEST(a_quoted_string_ends_at_its_quote),
		HARNESS_TEST(every_control_character_may_follow_a_backslash_but_line_ends),
		HARNESS_TEST(a_taken_character_takes_the_white_space_around_it),
		HARNESS_TEST(a_token_is_taken_up_to_the_first_other_character),
		HARNESS_TEST(parameters_follow_the_grammar),
		HARNESS_TEST(a_parameter_is_found_by_name_in_any_case),
		HARNESS_TEST(commas_inside_quotes_and_brackets_do_not_split_a_list),
		HARNESS_TEST(unquoting_removes_quotes_escapes_and_folds),
		HARNESS_TEST(every_prefix_is_survived),
	};

	return harness_run("sip/scan", tests, ARRAY_LEN(tests));
}
