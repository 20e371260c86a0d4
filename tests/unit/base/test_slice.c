#include "harness.h"

#include <errno.h>

static void ieq_ignores_ascii_case_only(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "", "", true },          { "Via", "vIA", true }, { "Via", "Vi", false },
		{ "az", "AZ", true },      { "@", "`", false },    { "[", "{", false },
		{ "\xc4", "\xe4", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice a = exact(rows[i].a), b = exact(rows[i].b);

		assert_int_equal(slice_ieq(a, b), rows[i].same);
		assert_int_equal(slice_ihash(a, 7) == slice_ihash(b, 7), rows[i].same);
		exact_free(a);
		exact_free(b);
	}
}

static void every_byte_is_lowered_alike_at_every_place(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		for (size_t at = 0; at < 11; at++) {
			char text[11];
			struct slice in, low;

			memset(text, 0x7f, sizeof(text));
			text[at] = (char)c;
			in = exact_bytes(text, sizeof(text));
			text[at] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : (char)c;
			low = exact_bytes(text, sizeof(text));
			assert_true(slice_ieq(in, low));
			assert_true(slice_ihash(in, 1) == slice_hash(low, 1));
			text[at] ^= 1;
			assert_false(slice_ieq(in, slice_of(text, sizeof(text))));
			exact_free(in);
			exact_free(low);
		}
}

static void starts_compares_the_prefix(void **state)
{
	(void)state;
	assert_true(slice_starts(SLICE("sip:a"), SLICE("sip:")));
	assert_true(slice_starts(SLICE("sip:"), SLICE("sip:")));
	assert_true(slice_starts(SLICE("a"), SLICE_EMPTY));
	assert_true(slice_starts(SLICE_EMPTY, SLICE_EMPTY));
	assert_false(slice_starts(SLICE("sip"), SLICE("sip:")));
	assert_false(slice_starts(SLICE("SIP:a"), SLICE("sip:")));
	assert_true(slice_istarts(SLICE("SIP:a"), SLICE("sip:")));
	assert_false(slice_istarts(SLICE("SI"), SLICE("sip:")));
}

static void cmp_orders_shorter_first(void **state)
{
	(void)state;
	assert_int_equal(slice_cmp(SLICE_EMPTY, SLICE_EMPTY), 0);
	assert_int_equal(slice_cmp(SLICE("ab"), SLICE("ab")), 0);
	assert_true(slice_cmp(SLICE("ab"), SLICE("abc")) < 0);
	assert_true(slice_cmp(SLICE("b"), SLICE("abc")) > 0);
	assert_true(slice_cmp(SLICE("\x01"), SLICE("\xff")) < 0);
	assert_true(slice_cmp(SLICE("a"), SLICE_EMPTY) > 0);
}

static void find_answers_the_first_index(void **state)
{
	(void)state;
	assert_int_equal(slice_find(SLICE("a:b:c"), ':'), 1);
	assert_int_equal(slice_find(SLICE("abc"), ':'), -1);
	assert_int_equal(slice_find(SLICE_EMPTY, ':'), -1);
	assert_int_equal(slice_find(SLICE("a\0b"), 'b'), 2);
}

static void trim_takes_folded_white_space_off(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },           { " \t\r\n", "" }, { "a", "a" }, { "\r\n a b \r\n\t", "a b" },
		{ "\va\v", "\va\v" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);

		assert_true(slice_eq(slice_trim(in), slice_str(rows[i].out)));
		exact_free(in);
	}
}

static void word_takes_words_until_none_is_left(void **state)
{
	struct slice in = exact(" \tone two\t\tthree  "), rest = in, word = SLICE("untouched");

	(void)state;
	assert_true(slice_word(&rest, &word));
	assert_true(slice_eq(word, SLICE("one")));
	assert_true(slice_word(&rest, &word));
	assert_true(slice_eq(word, SLICE("two")));
	assert_true(slice_word(&rest, &word));
	assert_true(slice_eq(word, SLICE("three")));
	assert_false(slice_word(&rest, &word));
	assert_true(slice_eq(word, SLICE("three")));
	assert_int_equal(rest.n, 0);
	exact_free(in);

	rest = SLICE_EMPTY;
	assert_false(slice_word(&rest, &word));
}

static void split_keeps_empty_parts_between_separators(void **state)
{
	struct slice in = exact("a,,b"), rest = in, part;

	(void)state;
	assert_true(slice_split(&rest, ',', &part));
	assert_true(slice_eq(part, SLICE("a")));
	assert_true(slice_split(&rest, ',', &part));
	assert_true(slice_eq(part, SLICE_EMPTY));
	assert_true(slice_split(&rest, ',', &part));
	assert_true(slice_eq(part, SLICE("b")));
	assert_false(slice_split(&rest, ',', &part));
	exact_free(in);

	rest = SLICE(",");
	assert_true(slice_split(&rest, ',', &part));
	assert_int_equal(part.n, 0);
	assert_false(slice_split(&rest, ',', &part));
	rest = SLICE_EMPTY;
	assert_false(slice_split(&rest, ',', &part));
}

static void u64_accepts_digits_up_to_the_limit(void **state)
{
	static const struct {
		const char *in;
		uint64_t max;
		int rc;
		uint64_t n;
	} rows[] = {
		{ "0", 0, 0, 0 },
		{ "00012", 12, 0, 12 },
		{ "13", 12, -ERANGE, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999999999x", UINT64_MAX, -EBADMSG, 0 },
		{ "", UINT64_MAX, -EBADMSG, 0 },
		{ "-1", UINT64_MAX, -EBADMSG, 0 },
		{ "+1", UINT64_MAX, -EBADMSG, 0 },
		{ " 1", UINT64_MAX, -EBADMSG, 0 },
		{ "1 ", UINT64_MAX, -EBADMSG, 0 },
		{ "\xb1", UINT64_MAX, -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		uint64_t n = 0;

		assert_int_equal(slice_u64(in, rows[i].max, &n), rows[i].rc);
		assert_true(n == rows[i].n);
		exact_free(in);
	}
}

static void u32_ends_at_four_bytes(void **state)
{
	uint32_t n = 5;

	(void)state;
	assert_int_equal(slice_u32(SLICE("4294967296"), &n), -ERANGE);
	assert_int_equal(slice_u32(SLICE("x"), &n), -EBADMSG);
	assert_int_equal(n, 5);
	assert_int_equal(slice_u32(SLICE("4294967295"), &n), 0);
	assert_true(n == UINT32_MAX);
}

static void dup_ends_with_a_nul(void **state)
{
	struct slice in = exact("abc");
	char *copy = slice_dup(in), *none = slice_dup(SLICE_EMPTY);

	(void)state;
	exact_free(in);
	if (copy)
		assert_string_equal(copy, "abc");
	if (none)
		assert_string_equal(none, "");
	assert_true((copy && none) || harness_alloc_failed());
	free(copy);
	free(none);
}

static void hash_depends_on_bytes_and_seed(void **state)
{
	(void)state;
	assert_true(slice_hash(SLICE("abc"), 1) == slice_hash(SLICE("abc"), 1));
	assert_true(slice_hash(SLICE("abc"), 1) != slice_hash(SLICE("abc"), 2));
	assert_true(slice_hash(SLICE("abc"), 1) != slice_hash(SLICE("abd"), 1));
	assert_true(slice_hash(SLICE("abc"), 1) != slice_hash(SLICE("ABC"), 1));
	assert_true(slice_hash(SLICE_EMPTY, 1) == slice_hash(SLICE(""), 1));
	assert_true(slice_ihash(SLICE_EMPTY, 1) == slice_ihash(SLICE(""), 1));
}

static void ihash_ignores_case_at_every_length(void **state)
{
	char low[700], high[700];

	(void)state;
	memset(low, 'x', sizeof(low));
	memset(high, 'X', sizeof(high));
	for (size_t n = 0; n <= sizeof(low); n++) {
		struct slice a = exact_bytes(low, n), b = exact_bytes(high, n);

		assert_true(slice_ihash(a, 3) == slice_ihash(b, 3));
		if (n)
			assert_true(slice_ihash(a, 3) != slice_ihash(slice_of(a.p, n - 1), 3));
		exact_free(a);
		exact_free(b);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(ieq_ignores_ascii_case_only),
		HARNESS_TEST(every_byte_is_lowered_alike_at_every_place),
		HARNESS_TEST(starts_compares_the_prefix),
		HARNESS_TEST(cmp_orders_shorter_first),
		HARNESS_TEST(find_answers_the_first_index),
		HARNESS_TEST(trim_takes_folded_white_space_off),
		HARNESS_TEST(word_takes_words_until_none_is_left),
		HARNESS_TEST(split_keeps_empty_parts_between_separators),
		HARNESS_TEST(u64_accepts_digits_up_to_the_limit),
		HARNESS_TEST(u32_ends_at_four_bytes),
		HARNESS_ALLOC_TEST(dup_ends_with_a_nul),
		HARNESS_TEST(hash_depends_on_bytes_and_seed),
		HARNESS_TEST(ihash_ignores_case_at_every_length),
	};

	return harness_run("slice", tests, ARRAY_LEN(tests));
}
