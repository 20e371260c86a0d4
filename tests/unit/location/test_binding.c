#include "harness.h"

#include <errno.h>

#include "location/binding.h"

#define WALL INT64_C(1700000000000)

static const struct location_binding two[] = {
	{
		.contact = SLICE_INIT("sip:alice@192.0.2.10:5060"),
		.display = SLICE_INIT("\"Alice\""),
		.params = SLICE_INIT(";q=0.5;+sip.instance=\"<urn:uuid:1>\";reg-id=2"),
		.call_id = SLICE_INIT("a@x"),
		.path = SLICE_INIT("<sip:edge.example.com;lr>"),
		.received = SLICE_INIT("tcp:192.0.2.10:49152"),
		.conn = 77,
		.expires_at = WALL + 300000,
		.cseq = 4294967295u,
		.reg_id = 2,
		.q = 500,
		.listener = 3,
	},
	{
		.contact = SLICE_INIT("tel:+4930123"),
		.call_id = SLICE_INIT("b@x"),
		.expires_at = WALL + 60000,
		.cseq = 1,
		.q = 1000,
	},
};

static void assert_same(const struct location_binding *a, const struct location_binding *b)
{
	assert_true(slice_eq(a->contact, b->contact));
	assert_true(slice_eq(a->display, b->display));
	assert_true(slice_eq(a->params, b->params));
	assert_true(slice_eq(a->call_id, b->call_id));
	assert_true(slice_eq(a->path, b->path));
	assert_true(slice_eq(a->received, b->received));
	assert_int_equal(a->conn, b->conn);
	assert_int_equal(a->expires_at, b->expires_at);
	assert_int_equal(a->cseq, b->cseq);
	assert_int_equal(a->reg_id, b->reg_id);
	assert_int_equal(a->q, b->q);
	assert_int_equal(a->listener, b->listener);
}

static void a_set_gives_back_what_was_put_in_in_order(void **state)
{
	struct slice aor = exact("sip:alice@example.com");
	struct location_set *s;
	struct location_binding b;
	struct location_iter it;
	int err = location_set_new(aor, two, ARRAY_LEN(two), &s);

	(void)state;
	exact_free(aor);
	if (err) {
		assert_int_equal(err, -ENOMEM);
		assert_true(harness_alloc_failed());
		return;
	}
	assert_true(slice_eq(location_set_aor(s), SLICE("sip:alice@example.com")));
	assert_int_equal(location_set_count(s), 2);
	location_iter_init(&it, s, WALL);
	assert_true(location_iter_next(&it, &b));
	assert_same(&b, &two[0]);
	assert_true(slice_eq(b.instance, SLICE("\"<urn:uuid:1>\"")));
	assert_true(location_iter_next(&it, &b));
	assert_same(&b, &two[1]);
	assert_int_equal(b.instance.n, 0);
	assert_false(location_iter_next(&it, &b));
	assert_ptr_equal(location_set_ref(s), s);
	location_set_unref(s);
	location_set_unref(s);
}

static void expired_bindings_are_skipped(void **state)
{
	static const struct {
		int64_t wall;
		size_t n;
	} rows[] = {
		{ INT64_MIN, 2 },     { WALL + 59999, 2 },  { WALL + 60000, 1 },
		{ WALL + 299999, 1 }, { WALL + 300000, 0 },
	};
	struct location_set *s;

	(void)state;
	assert_int_equal(location_set_new(SLICE("sip:a@b"), two, ARRAY_LEN(two), &s), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct location_binding b;
		struct location_iter it;
		size_t n = 0;

		location_iter_init(&it, s, rows[i].wall);
		while (location_iter_next(&it, &b))
			n++;
		assert_int_equal(n, rows[i].n);
	}
	location_set_unref(s);
}

static void no_set_and_an_empty_set_have_no_bindings(void **state)
{
	struct location_binding b;
	struct location_iter it;
	struct location_set *s;

	(void)state;
	location_iter_init(&it, NULL, WALL);
	assert_false(location_iter_next(&it, &b));
	assert_int_equal(location_set_count(NULL), 0);
	location_set_unref(location_set_ref(NULL));
	assert_int_equal(location_set_new(SLICE("sip:a@b"), NULL, 0, &s), 0);
	location_iter_init(&it, s, WALL);
	assert_false(location_iter_next(&it, &b));
	location_set_unref(s);
}

static void texts_beyond_the_limit_are_refused(void **state)
{
	static char big[LOCATION_TEXT_MAX + 1];
	struct location_binding b = { .contact = { big, LOCATION_TEXT_MAX } };
	struct location_set *s = NULL;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(location_set_new(SLICE("sip:a@b"), &b, 1, &s), 0);
	location_set_unref(s);
	s = NULL;
	b.path = SLICE("y");
	assert_int_equal(location_set_new(SLICE("sip:a@b"), &b, 1, &s), -EMSGSIZE);
	b.path = SLICE_EMPTY;
	b.contact.n++;
	assert_int_equal(location_set_new(SLICE("sip:a@b"), &b, 1, &s), -EMSGSIZE);
	assert_null(s);
}

static void a_usual_registration_takes_less_than_300_bytes(void **state)
{
	struct location_binding b = two[0];
	struct location_set *s;

	(void)state;
	b.path = SLICE_EMPTY;
	assert_int_equal(location_set_new(SLICE("sip:alice@example.com"), &b, 1, &s), 0);
	assert_true(location_set_size(s) < 300);
	location_set_unref(s);
}

static void a_contact_shows_its_parameters_and_the_seconds_left(void **state)
{
	static const struct {
		size_t which;
		int64_t wall;
		const char *text;
	} rows[] = {
		{ 0, WALL,
		  "\"Alice\" <sip:alice@192.0.2.10:5060>;q=0.5;+sip.instance=\"<urn:uuid:1>\""
		  ";reg-id=2;expires=300" },
		{ 1, WALL, "<tel:+4930123>;expires=60" },
		{ 1, WALL + 1, "<tel:+4930123>;expires=60" },
		{ 1, WALL + 59999, "<tel:+4930123>;expires=1" },
		{ 1, WALL + 90000, "<tel:+4930123>;expires=0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF out = BUF_INIT;

		location_contact_text(&two[rows[i].which], rows[i].wall, &out);
		if (out.err) {
			assert_true(harness_alloc_failed());
			continue;
		}
		assert_true(slice_eq(buf_view(&out), slice_str(rows[i].text)));
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_set_gives_back_what_was_put_in_in_order),
		HARNESS_TEST(expired_bindings_are_skipped),
		HARNESS_TEST(no_set_and_an_empty_set_have_no_bindings),
		HARNESS_TEST(texts_beyond_the_limit_are_refused),
		HARNESS_TEST(a_usual_registration_takes_less_than_300_bytes),
		HARNESS_ALLOC_TEST(a_contact_shows_its_parameters_and_the_seconds_left),
	};

	return harness_run("binding", tests, ARRAY_LEN(tests));
}
