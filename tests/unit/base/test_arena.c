#include "harness.h"

#include <errno.h>

#include "base/arena.h"

static void blocks_are_aligned_and_apart(void **state)
{
	struct arena a;
	unsigned char *block[300];
	size_t n = 0;

	(void)state;
	arena_init(&a, 0);
	for (; n < ARRAY_LEN(block); n++) {
		size_t size = n * 7 % 1500;

		block[n] = arena_alloc(&a, size);
		if (!block[n])
			break;
		assert_int_equal((uintptr_t)block[n] % _Alignof(max_align_t), 0);
		memset(block[n], (int)(n & 0xff), size);
	}
	assert_true(n == ARRAY_LEN(block) || harness_alloc_failed());
	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at < i * 7 % 1500; at++)
			assert_int_equal(block[i][at], i & 0xff);
	arena_fini(&a);
	assert_int_equal(a.total, 0);
	arena_fini(&a);
	arena_fini(NULL);
}

static void small_blocks_share_a_chunk(void **state)
{
	struct arena a;
	size_t total;

	(void)state;
	arena_init(&a, 4096);
	assert_int_equal(a.total, 0);
	assert_non_null(arena_alloc(&a, 1));
	total = a.total;
	assert_int_equal(total, 4096);
	for (int i = 0; i < 40; i++)
		assert_non_null(arena_alloc(&a, 16));
	assert_int_equal(a.total, total);
	arena_fini(&a);
}

static void a_large_block_leaves_the_room_in_the_chunk(void **state)
{
	struct arena a;
	size_t total;

	(void)state;
	arena_init(&a, 1024);
	assert_non_null(arena_alloc(&a, 16));
	assert_non_null(arena_zalloc(&a, 100000));
	total = a.total;
	assert_non_null(arena_alloc(&a, 16));
	assert_int_equal(a.total, total);
	arena_fini(&a);
}

static void an_impossible_size_is_refused(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_zalloc(&a, SIZE_MAX - 20));
	arena_fini(&a);
}

static void dup_copies(void **state)
{
	struct slice in = exact("call-id"), copy = SLICE("before"), empty = copy;
	struct arena a;
	int err;

	(void)state;
	arena_init(&a, 0);
	err = arena_dup(&a, in, &copy);
	exact_free(in);
	if (err) {
		assert_int_equal(err, -ENOMEM);
		assert_true(harness_alloc_failed());
		assert_true(slice_eq(copy, SLICE("before")));
	} else {
		assert_true(slice_eq(copy, SLICE("call-id")));
	}
	assert_int_equal(arena_dup(&a, SLICE_EMPTY, &empty), 0);
	assert_int_equal(empty.n, 0);
	arena_fini(&a);
}

static void parts_are_joined_nul_and_all(void **state)
{
	struct arena a;
	struct slice s = SLICE_EMPTY;
	int err;

	(void)state;
	arena_init(&a, 0);
	err = ARENA_JOIN(&a, &s, SLICE("Via: "), SLICE_EMPTY, slice_of("a\0b", 3), SLICE("c"));
	if (err) {
		assert_true(harness_alloc_failed());
		assert_null(s.p);
	} else {
		assert_int_equal(s.n, 9);
		assert_memory_equal(s.p, "Via: a\0bc", 9);
	}
	arena_fini(&a);
}

static void printf_of_any_length_fits(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (int n = 0; n < 3000; n += 51) {
		struct slice s = SLICE("before");
		int err = arena_printf(&a, &s, "%*s|", n, "");

		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_true(harness_alloc_failed());
			assert_true(slice_eq(s, SLICE("before")));
			break;
		}
		assert_int_equal(s.n, n + 1);
		assert_int_equal(s.p[n], '|');
	}
	arena_fini(&a);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(blocks_are_aligned_and_apart),
		HARNESS_TEST(small_blocks_share_a_chunk),
		HARNESS_TEST(a_large_block_leaves_the_room_in_the_chunk),
		HARNESS_TEST(an_impossible_size_is_refused),
		HARNESS_ALLOC_TEST(dup_copies),
		HARNESS_ALLOC_TEST(parts_are_joined_nul_and_all),
		HARNESS_ALLOC_TEST(printf_of_any_length_fits),
	};

	return harness_run("arena", tests, ARRAY_LEN(tests));
}
