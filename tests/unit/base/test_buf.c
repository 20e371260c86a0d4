#include "harness.h"

#include <errno.h>

#include "base/buf.h"

static void everything_written_is_in_the_view(void **state)
{
	AUTO_BUF b = BUF_INIT;

	(void)state;
	buf_put(&b, "ab", 2);
	buf_put(&b, NULL, 0);
	buf_slice(&b, SLICE("cd"));
	buf_slice(&b, SLICE_EMPTY);
	buf_str(&b, "ef");
	buf_char(&b, '\0');
	buf_u64(&b, 0);
	buf_u64(&b, UINT64_MAX);
	buf_hex(&b, "\x00\x9f\xff", 3);
	buf_printf(&b, "<%d>", 42);
	if (b.err) {
		assert_int_equal(b.err, -ENOMEM);
		assert_true(harness_alloc_failed());
		return;
	}
	assert_true(slice_eq(buf_view(&b), SLICE("abcdef\0"
						 "018446744073709551615009fff<42>")));
}

static void printf_of_any_length_fits(void **state)
{
	(void)state;
	for (int n = 0; n < 2000; n += 7) {
		AUTO_BUF b = BUF_INIT;

		buf_printf(&b, "%*s|", n, "");
		if (b.err) {
			assert_true(harness_alloc_failed());
			assert_int_equal(b.len, 0);
			return;
		}
		assert_int_equal(b.len, n + 1);
		assert_int_equal(b.data[n], '|');
	}
}

static void growing_keeps_the_bytes(void **state)
{
	AUTO_BUF b = BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		buf_char(&b, (char)(i % 251));
	if (b.err) {
		assert_true(harness_alloc_failed());
		return;
	}
	assert_int_equal(b.len, 5000);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal((unsigned char)b.data[i], i % 251);
}

static void an_error_stays_until_reset(void **state)
{
	AUTO_BUF b = BUF_INIT;

	(void)state;
	buf_str(&b, "before");
	harness_fail_alloc(1);
	assert_null(buf_reserve(&b, 1000));
	assert_int_equal(b.err, -ENOMEM);
	buf_str(&b, "after");
	buf_hex(&b, "x", 1);
	buf_printf(&b, "x");
	buf_commit(&b, 4);
	assert_null(buf_reserve(&b, 0));
	assert_true(slice_eq(buf_view(&b), SLICE("before")));
	buf_reset(&b);
	buf_str(&b, "again");
	assert_int_equal(b.err, 0);
	assert_true(slice_eq(buf_view(&b), SLICE("again")));
}

static void impossible_sizes_are_out_of_memory(void **state)
{
	AUTO_BUF b = BUF_INIT;

	(void)state;
	buf_char(&b, 'x');
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(b.err, -ENOMEM);
	buf_reset(&b);
	buf_hex(&b, "x", SIZE_MAX / 2 + 1);
	assert_int_equal(b.err, -ENOMEM);
}

static void reserve_and_commit_append(void **state)
{
	AUTO_BUF b = BUF_INIT;
	char *to;

	(void)state;
	buf_str(&b, "a");
	to = buf_reserve(&b, 600);
	assert_non_null(to);
	memset(to, 'b', 600);
	buf_commit(&b, 2);
	assert_true(slice_eq(buf_view(&b), SLICE("abb")));
}

static void consume_moves_the_rest_to_the_front(void **state)
{
	AUTO_BUF b = BUF_INIT;

	(void)state;
	buf_consume(&b, 0);
	buf_consume(&b, 3);
	buf_str(&b, "abcdef");
	buf_consume(&b, 0);
	buf_consume(&b, 4);
	assert_true(slice_eq(buf_view(&b), SLICE("ef")));
	buf_consume(&b, 9);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(everything_written_is_in_the_view),
		HARNESS_ALLOC_TEST(printf_of_any_length_fits),
		HARNESS_ALLOC_TEST(growing_keeps_the_bytes),
		HARNESS_TEST(an_error_stays_until_reset),
		HARNESS_TEST(impossible_sizes_are_out_of_memory),
		HARNESS_TEST(reserve_and_commit_append),
		HARNESS_TEST(consume_moves_the_rest_to_the_front),
	};

	return harness_run("buf", tests, ARRAY_LEN(tests));
}
