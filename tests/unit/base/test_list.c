#include "harness.h"

#include "base/list.h"

struct item {
	int n;
	struct list link;
};

static void push(struct list *l, struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		items[i].n = (int)i;
		list_push_back(l, &items[i].link);
	}
}

static void nodes_come_out_in_order(void **state)
{
	struct list l = LIST_INIT(l);
	struct item items[3] = { 0 }, first = { .n = -1 };
	int want = -1;

	(void)state;
	assert_true(list_empty(&l));
	assert_null(list_pop(&l));
	assert_false(list_linked(&items[0].link));
	push(&l, items, 3);
	list_push_front(&l, &first.link);
	LIST_EACH (&l, it)
		assert_int_equal(LIST_ENTRY(it, struct item, link)->n, want++);
	want = -1;
	for (struct list *n; (n = list_pop(&l));) {
		assert_int_equal(LIST_ENTRY(n, struct item, link)->n, want++);
		assert_false(list_linked(n));
	}
	assert_int_equal(want, 3);
}

static void deleting_twice_does_nothing(void **state)
{
	struct list l = LIST_INIT(l);
	struct item items[2] = { 0 };

	(void)state;
	push(&l, items, 2);
	list_del(&items[0].link);
	list_del(&items[0].link);
	assert_ptr_equal(l.next, &items[1].link);
	assert_ptr_equal(l.prev, &items[1].link);
}

static void the_current_node_may_be_removed_in_a_safe_walk(void **state)
{
	struct list l = LIST_INIT(l);
	struct item items[5] = { 0 };
	int seen = 0;

	(void)state;
	push(&l, items, 5);
	LIST_EACH_SAFE (&l, it) {
		seen++;
		list_del(it);
	}
	assert_int_equal(seen, 5);
	assert_true(list_empty(&l));
}

static void splice_moves_all_to_the_end(void **state)
{
	struct list a = LIST_INIT(a), b = LIST_INIT(b);
	struct item some[2] = { 0 }, more[2] = { 0 };
	int sum = 0;

	(void)state;
	push(&a, some, 2);
	list_splice(&a, &b);
	assert_ptr_equal(a.prev, &some[1].link);
	push(&b, more, 2);
	list_splice(&a, &b);
	assert_true(list_empty(&b));
	assert_ptr_equal(a.prev, &more[1].link);
	LIST_EACH (&a, it)
		sum = sum * 10 + LIST_ENTRY(it, struct item, link)->n;
	assert_int_equal(sum, 101);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(nodes_come_out_in_order),
		HARNESS_TEST(deleting_twice_does_nothing),
		HARNESS_TEST(the_current_node_may_be_removed_in_a_safe_walk),
		HARNESS_TEST(splice_moves_all_to_the_end),
	};

	return harness_run("list", tests, ARRAY_LEN(tests));
}
