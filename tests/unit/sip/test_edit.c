/* Edit lists and rendering. */
#include "harness.h"

#include <errno.h>

#include "sip/edit.h"

#define START "OPTIONS sip:b@c SIP/2.0\r\n"
#define VIA "Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
#define FROM "f : <sip:a@b>;tag=1\r\n"
#define TO "To:  <sip:b@c>  \r\n"
#define REST "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nX-A: 1\r\n  folded\r\n"
#define TYPE "c: a/b\r\n"

/* at: 0 Via, 1 From, 2 To, 3 Call-ID, 4 CSeq, 5 X-A, 6 Content-Type, 7 Content-Length */
static const char whole[] = START VIA FROM TO REST TYPE "l: 4\r\n\r\nbody";

struct fixture {
	struct arena arena;
	struct sip_msg *m;
	struct sip_edits e;
};

/* False when memory was made to run out. */
static bool begin(struct fixture *f, const char *text)
{
	struct packet *p = packet_from(slice_str(text));
	struct sip_error error;
	int rc;

	*f = (struct fixture){ 0 };
	arena_init(&f->arena, 0);
	sip_edits_init(&f->e, &f->arena);
	if (!p) {
		assert_true(harness_alloc_failed());
		return false;
	}
	rc = sip_msg_parse(p, &f->m, &error);
	packet_unref(p);
	if (rc == -ENOMEM) {
		assert_true(harness_alloc_failed());
		return false;
	}
	assert_int_equal(rc, 0);
	return true;
}

static void end(struct fixture *f)
{
	sip_msg_unref(f->m);
	arena_fini(&f->arena);
}

static void assert_renders(struct fixture *f, const struct sip_edits *e, const char *expected)
{
	struct packet *p = NULL;
	int rc = sip_render(f->m, e, &p);

	if (rc == -ENOMEM) {
		assert_true(harness_alloc_failed());
		assert_null(p);
		return;
	}
	assert_int_equal(rc, 0);
	if (p->len != strlen(expected) || memcmp(p->data, expected, p->len) != 0)
		fail_msg("rendered:\n%.*s\nexpected:\n%s", (int)p->len, p->data, expected);
	packet_unref(p);
}

static void an_untouched_message_is_shared_not_copied(void **state)
{
	struct fixture f;
	struct packet *p;

	(void)state;
	assert_true(begin(&f, whole));
	assert_int_equal(sip_render(f.m, NULL, &p), 0);
	assert_ptr_equal(p, f.m->packet);
	packet_unref(p);
	assert_int_equal(sip_render(f.m, &f.e, &p), 0);
	assert_ptr_equal(p, f.m->packet);
	packet_unref(p);
	end(&f);
}

static void what_is_around_a_message_is_not_sent(void **state)
{
	struct fixture f;

	(void)state;
	assert_true(begin(&f, "\r\n\r\n" START VIA FROM TO REST TYPE "l: 4\r\n\r\nbody and more"));
	assert_renders(&f, NULL, whole);
	end(&f);
}

static void a_message_without_content_length_gets_one(void **state)
{
	struct fixture f;

	(void)state;
	assert_true(begin(&f, START VIA FROM TO REST TYPE "\r\nbody"));
	assert_renders(&f, NULL, START VIA FROM TO REST TYPE "Content-Length: 4\r\n\r\nbody");
	end(&f);
	assert_true(begin(&f, START VIA FROM TO REST "\r\n"));
	assert_renders(&f, NULL, START VIA FROM TO REST "Content-Length: 0\r\n\r\n");
	end(&f);
}

static void edits_apply_in_their_places(void **state)
{
	struct fixture f;
	struct sip_edits *e = &f.e;

	(void)state;
	if (begin(&f, whole)) {
		int rc = 0;

		sip_edits_start(e, SLICE("OPTIONS sip:x SIP/2.0"));
		rc |= sip_edits_insert(e, 8, SLICE("Last: 1"));
		rc |= sip_edits_replace(e, 2, SLICE("To: <sip:y>"));
		rc |= sip_edits_insert(e, 0, SLICE("Via: first"));
		rc |= sip_edits_remove(e, 5);
		rc |= sip_edits_insert(e, 2, SLICE("A: 1"));
		rc |= sip_edits_insert(e, 0, SLICE("Record-Route: second"));
		rc |= sip_edits_insert(e, 2, SLICE("A: 2"));
		rc |= sip_edits_insert(e, 8, SLICE("Last: 2"));
		rc |= sip_edits_insert(e, 6, SLICE("B: 1"));
		if (rc)
			assert_true(harness_alloc_failed());
		else
			assert_renders(&f, e,
				       "OPTIONS sip:x SIP/2.0\r\nVia: first\r\n"
				       "Record-Route: second\r\n" VIA FROM
				       "A: 1\r\nA: 2\r\nTo: <sip:y>\r\n"
				       "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nB: 1\r\n" TYPE
				       "l: 4\r\nLast: 1\r\nLast: 2\r\n\r\nbody");
	}
	end(&f);
}

static void a_later_change_of_a_field_wins(void **state)
{
	struct fixture f;

	(void)state;
	assert_true(begin(&f, whole));
	assert_int_equal(sip_edits_replace(&f.e, 5, SLICE("X-A: 2")), 0);
	assert_int_equal(sip_edits_remove(&f.e, 5), 0);
	assert_int_equal(sip_edits_insert(&f.e, 5, SLICE("X-B: 1")), 0);
	assert_int_equal(sip_edits_replace(&f.e, 5, SLICE("X-A: 3")), 0);
	assert_int_equal(f.e.n, 2);
	assert_renders(&f, &f.e,
		       START VIA FROM TO
		       "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nX-B: 1\r\nX-A: 3\r\n" TYPE
		       "l: 4\r\n\r\nbody");
	end(&f);
}

static void a_new_body_brings_its_length(void **state)
{
	struct fixture f;

	(void)state;
	assert_true(begin(&f, whole));
	sip_edits_body(&f.e, SLICE("another body"));
	assert_renders(&f, &f.e,
		       START VIA FROM TO REST TYPE "Content-Length: 12\r\n\r\nanother body");
	sip_edits_body(&f.e, SLICE_EMPTY);
	assert_int_equal(sip_edits_remove(&f.e, 6), 0);
	assert_renders(&f, &f.e, START VIA FROM TO REST "Content-Length: 0\r\n\r\n");
	end(&f);

	/* Twins that agree become one; inserts around them stay. */
	assert_true(begin(&f, START VIA "l: 4\r\n" FROM TO REST TYPE "l: 4\r\n\r\nbody"));
	assert_int_equal(sip_edits_insert(&f.e, 1, SLICE("I: 1")), 0);
	assert_int_equal(sip_edits_insert(&f.e, 8, SLICE("I: 8")), 0);
	assert_int_equal(sip_edits_insert(&f.e, 9, SLICE("I: 9")), 0);
	sip_edits_body(&f.e, SLICE("1"));
	assert_renders(&f, &f.e,
		       START VIA "I: 1\r\nContent-Length: 1\r\n" FROM TO REST TYPE
				 "I: 8\r\nI: 9\r\n\r\n1");
	end(&f);
}

static void content_length_is_not_to_be_edited(void **state)
{
	struct fixture f;

	(void)state;
	assert_true(begin(&f, whole));
	assert_int_equal(sip_edits_remove(&f.e, 7), 0);
	assert_renders(&f, &f.e, whole);
	assert_int_equal(sip_edits_replace(&f.e, 7, SLICE("Content-Length: 400")), 0);
	assert_renders(&f, &f.e, whole);
	sip_edits_body(&f.e, SLICE("1"));
	assert_renders(&f, &f.e, START VIA FROM TO REST TYPE "Content-Length: 1\r\n\r\n1");
	end(&f);
}

static void all_fields_of_a_name_are_removed(void **state)
{
	struct fixture f;

	(void)state;
	if (begin(&f, START "v: SIP/2.0/UDP x\r\n" FROM "Via: SIP/2.0/UDP y\r\n" TO REST
			    "l: 0\r\n\r\n")) {
		int rc = sip_edits_remove_all(&f.e, f.m, SIP_H_VIA);

		if (rc == 0)
			rc = sip_edits_remove_all(&f.e, f.m, SIP_H_CONTACT);
		if (rc == 0)
			assert_renders(&f, &f.e, START FROM TO REST "l: 0\r\n\r\n");
		else
			assert_true(harness_alloc_failed());
	}
	end(&f);
}

static void popping_takes_one_value_after_the_other(void **state)
{
	struct fixture f;

	(void)state;
	if (begin(&f,
		  START "Route: <sip:a,1;lr>,\r\n \"b, c\" <sip:b> , <sip:c>\r\n" VIA FROM TO REST
			"ROUTE:\r\nRoute: <sip:d>\r\nl: 0\r\n\r\n")) {
		static const char *const steps[] = {
			"Route: \"b, c\" <sip:b> , <sip:c>\r\n" VIA FROM TO REST
			"ROUTE:\r\nRoute: <sip:d>\r\n",
			"Route: <sip:c>\r\n" VIA FROM TO REST "ROUTE:\r\nRoute: <sip:d>\r\n",
			VIA FROM TO REST "ROUTE:\r\nRoute: <sip:d>\r\n",
			VIA FROM TO REST "ROUTE:\r\n",
		};

		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			AUTO_BUF expected = BUF_INIT;
			int rc = sip_edits_pop(&f.e, f.m, SIP_H_ROUTE);

			if (rc == 0) {
				buf_str(&expected, START);
				buf_str(&expected, steps[i]);
				buf_str(&expected, "l: 0\r\n\r\n");
				buf_char(&expected, '\0');
				rc = expected.err;
			}
			if (rc) {
				assert_int_equal(rc, -ENOMEM);
				assert_true(harness_alloc_failed());
				end(&f);
				return;
			}
			assert_renders(&f, &f.e, expected.data);
		}
		assert_int_equal(sip_edits_pop(&f.e, f.m, SIP_H_ROUTE), -ENOENT);
		assert_int_equal(sip_edits_pop(&f.e, f.m, SIP_H_PATH), -ENOENT);
	}
	end(&f);
}

static void a_copy_goes_its_own_way(void **state)
{
	struct fixture f;
	struct sip_edits copy = { 0 };
	struct arena other;

	(void)state;
	arena_init(&other, 0);
	if (begin(&f, whole)) {
		int rc = sip_edits_remove(&f.e, 5);

		sip_edits_start(&f.e, SLICE("OPTIONS sip:x SIP/2.0"));
		if (rc == 0)
			rc = sip_edits_copy(&copy, &f.e, &other);
		if (rc == 0)
			rc = sip_edits_remove(&copy, 2);
		if (rc == 0)
			rc = sip_edits_replace(&copy, 5, SLICE("X: 9"));
		if (rc == 0) {
			assert_renders(&f, &f.e,
				       "OPTIONS sip:x SIP/2.0\r\n" VIA FROM TO
				       "Call-ID: x\r\nCSeq: 1 OPTIONS\r\n" TYPE "l: 4\r\n\r\nbody");
			assert_renders(&f, &copy,
				       "OPTIONS sip:x SIP/2.0\r\n" VIA FROM
				       "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nX: 9\r\n" TYPE
				       "l: 4\r\n\r\nbody");
		} else {
			assert_true(harness_alloc_failed());
		}
	}
	end(&f);
	arena_fini(&other);
}

static void many_edits_stay_sorted(void **state)
{
	struct fixture f;
	unsigned seed = 7;

	(void)state;
	assert_true(begin(&f, whole));
	for (unsigned i = 0; i < 500; i++) {
		uint16_t at;

		seed = seed * 1103515245u + 12345u;
		at = (uint16_t)(seed >> 16) % 9;
		if (seed >> 28 || at == 8)
			assert_int_equal(sip_edits_insert(&f.e, at, SLICE("A: b")), 0);
		else
			assert_int_equal(sip_edits_remove(&f.e, at), 0);
	}
	for (unsigned i = 1; i < f.e.n; i++) {
		const struct sip_edit *a = &f.e.v[i - 1], *b = &f.e.v[i];

		assert_true(a->at < b->at || (a->at == b->at && a->op == SIP_EDIT_INSERT));
		if (a->at == b->at && b->op == SIP_EDIT_INSERT)
			assert_true(a->seq < b->seq);
	}
	end(&f);
}

static void what_grows_too_large_is_not_sent(void **state)
{
	struct fixture f;
	struct packet *p;
	char *body = harness_calloc(SIP_MSG_MAX);
	/* without the body, its length having five digits */
	size_t head =
		sizeof(START VIA FROM TO REST TYPE) - 1 + strlen("Content-Length: 12345\r\n\r\n");

	(void)state;
	assert_true(begin(&f, whole));
	sip_edits_body(&f.e, slice_of(body, SIP_MSG_MAX - head));
	assert_int_equal(sip_render(f.m, &f.e, &p), 0);
	assert_int_equal(p->len, SIP_MSG_MAX);
	packet_unref(p);
	sip_edits_body(&f.e, slice_of(body, SIP_MSG_MAX - head + 1));
	assert_int_equal(sip_render(f.m, &f.e, &p), -EMSGSIZE);
	end(&f);
	free(body);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(an_untouched_message_is_shared_not_copied),
		HARNESS_TEST(what_is_around_a_message_is_not_sent),
		HARNESS_TEST(a_message_without_content_length_gets_one),
		HARNESS_ALLOC_TEST(edits_apply_in_their_places),
		HARNESS_TEST(a_later_change_of_a_field_wins),
		HARNESS_TEST(a_new_body_brings_its_length),
		HARNESS_TEST(content_length_is_not_to_be_edited),
		HARNESS_ALLOC_TEST(all_fields_of_a_name_are_removed),
		HARNESS_ALLOC_TEST(popping_takes_one_value_after_the_other),
		HARNESS_ALLOC_TEST(a_copy_goes_its_own_way),
		HARNESS_TEST(many_edits_stay_sorted),
		HARNESS_TEST(what_grows_too_large_is_not_sent),
	};

	return harness_run("sip/edit", tests, ARRAY_LEN(tests));
}
