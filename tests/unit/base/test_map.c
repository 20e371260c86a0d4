#include "harness.h"

#include <errno.h>

#include "base/map.h"

#define N 5000

struct item {
	struct map_node node;
	unsigned key;
	bool seen;
};

/* Few different hashes, so that chains and equal hashes occur. */
static uint64_t hash_of(unsigned key)
{
	return (uint64_t)(key / 3) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct item *find(const struct map *m, unsigned key)
{
	for (struct map_node *n = map_first(m, hash_of(key)); n; n = map_next(n)) {
		struct item *it = CONTAINER_OF(n, struct item, node);

		if (it->key == key)
			return it;
	}
	return NULL;
}

static void what_was_added_is_found_until_deleted(void **state)
{
	struct item *items = harness_calloc(N * sizeof(*items));
	struct map m;
	int err = 0;

	(void)state;
	map_init(&m);
	assert_null(find(&m, 1));
	for (unsigned i = 0; i < N; i++) {
		items[i].key = i;
		err = map_add(&m, &items[i].node, hash_of(i));
		if (err)
			break;
	}
	if (err) {
		/* Only without any table. */
		assert_int_equal(err, -ENOMEM);
		assert_true(harness_alloc_failed());
		assert_int_equal(m.count, 0);
	} else {
		assert_int_equal(m.count, N);
		for (unsigned i = 0; i < N; i += 2)
			map_del(&m, &items[i].node);
		assert_int_equal(m.count, N / 2);
		for (unsigned i = 0; i < N; i++)
			assert_ptr_equal(find(&m, i), i % 2 ? &items[i] : NULL);
		assert_null(find(&m, N + 3));
	}
	map_fini(&m);
	map_fini(&m);
	map_fini(NULL);
	free(items);
}

static void a_table_that_cannot_grow_still_works(void **state)
{
	struct item items[17] = { 0 };
	struct map m;

	(void)state;
	map_init(&m);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(map_add(&m, &items[i].node, hash_of(items[i].key = i)), 0);
	assert_int_equal(m.n_buckets, 16);
	harness_fail_alloc(1);
	items[16].key = 16;
	assert_int_equal(map_add(&m, &items[16].node, hash_of(16)), 0);
	assert_true(harness_alloc_failed());
	assert_int_equal(m.n_buckets, 16);
	for (unsigned i = 0; i < 17; i++)
		assert_ptr_equal(find(&m, i), &items[i]);
	map_fini(&m);
}

static void a_walk_visits_each_once_and_may_free_what_it_passed(void **state)
{
	struct map m;
	struct map_node *node = NULL, *passed = NULL;
	size_t pos = 0, seen = 0;

	(void)state;
	map_init(&m);
	assert_false(map_walk(&m, &pos, &node));
	for (unsigned i = 0; i < 1000; i++) {
		struct item *it = harness_calloc(sizeof(*it));

		it->key = i;
		assert_int_equal(map_add(&m, &it->node, hash_of(i)), 0);
	}
	pos = 0;
	node = NULL;
	for (;;) {
		bool more = map_walk(&m, &pos, &node);

		if (passed) {
			map_del(&m, passed);
			free(CONTAINER_OF(passed, struct item, node));
		}
		if (!more)
			break;
		assert_false(CONTAINER_OF(node, struct item, node)->seen);
		CONTAINER_OF(node, struct item, node)->seen = true;
		seen++;
		passed = node;
	}
	assert_int_equal(seen, 1000);
	assert_int_equal(m.count, 0);
	map_fini(&m);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(what_was_added_is_found_until_deleted),
		HARNESS_TEST(a_table_that_cannot_grow_still_works),
		HARNESS_TEST(a_walk_visits_each_once_and_may_free_what_it_passed),
	};

	return harness_run("map", tests, ARRAY_LEN(tests));
}
