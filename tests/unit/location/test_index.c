#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "location/location.h"

#define ALICE SLICE("sip:alice@example.com")

static struct fake_runtime fake;
static struct location *loc;

/* A change that adds one contact, or removes all, or refuses. */
struct change {
	struct location_change c;
	char contact[64];
	uint32_t seconds;
	bool remove;
	int refuse;  /* what apply says */
	int applied; /* how often, with how many bindings before */
	size_t before;
	int done; /* how often */
	int err;
	size_t after;
	struct change *then; /* started from done */
};

static int apply(struct location_change *c, struct location_set *now, struct location_set **next)
{
	struct change *ch = CONTAINER_OF(c, struct change, c);
	struct location_binding v[8];
	struct location_iter it;
	size_t n = 0;

	ch->applied++;
	location_iter_init(&it, now, fake.rt.wall);
	while (location_iter_next(&it, &v[n]))
		n++;
	ch->before = n;
	if (ch->refuse)
		return ch->refuse;
	if (ch->remove) {
		*next = NULL;
		return 0;
	}
	v[n++] = (struct location_binding){
		.contact = slice_str(ch->contact),
		.expires_at = fake.rt.wall + (int64_t)ch->seconds * 1000,
	};
	return location_set_new(c->aor, v, n, next);
}

static void done(struct location_change *c, int err, struct location_set *set)
{
	struct change *ch = CONTAINER_OF(c, struct change, c);

	ch->done++;
	ch->err = err;
	ch->after = location_set_count(set);
	/* What done is told is what a lookup says. */
	assert_ptr_equal(location_find(loc, c->aor), set);
	if (ch->then)
		assert_int_equal(location_change_start(loc, &ch->then->c), 0);
}

static struct change add(const char *contact, uint32_t seconds)
{
	struct change ch = { .c = { .aor = ALICE, .apply = apply, .done = done },
			     .seconds = seconds };

	(void)snprintf(ch.contact, sizeof(ch.contact), "%s", contact);
	return ch;
}

static bool set_up(void)
{
	fake_runtime_init(&fake);
	if (location_new(&fake.rt, &loc) < 0) {
		assert_true(harness_alloc_failed());
		fake_runtime_fini(&fake);
		return false;
	}
	return true;
}

static void tear_down(void)
{
	location_free(loc);
	fake_runtime_fini(&fake);
}

static void a_change_shows_when_it_is_committed_and_not_before(void **state)
{
	struct change a = add("sip:a@x", 60);
	size_t bindings;

	(void)state;
	if (!set_up())
		return;
	if (location_change_start(loc, &a.c) < 0) {
		assert_true(harness_alloc_failed());
		assert_int_equal(a.done, 0);
		tear_down();
		return;
	}
	if (a.done) {
		assert_int_equal(a.err, -ENOMEM);
		tear_down();
		return;
	}
	assert_int_equal(a.applied, 1);
	assert_null(location_find(loc, ALICE));
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(a.done, 1);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.after, 1);
	assert_non_null(location_find(loc, ALICE));
	assert_null(location_find(loc, SLICE("sip:bob@example.com")));
	assert_int_equal(location_count(loc, &bindings), 1);
	assert_int_equal(bindings, 1);
	tear_down();
}

static void a_failed_commit_changes_nothing(void **state)
{
	struct change a = add("sip:a@x", 60), b = add("sip:b@x", 60);

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_true(fake_commit_end(&fake, -EIO));
	assert_int_equal(a.err, -EIO);
	assert_null(location_find(loc, ALICE));
	assert_int_equal(location_count(loc, NULL), 0);

	a.done = 0;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(location_change_start(loc, &b.c), 0);
	assert_true(fake_commit_end(&fake, -ENOSPC));
	assert_int_equal(b.err, -ENOSPC);
	assert_int_equal(b.after, 1);
	assert_int_equal(location_set_count(location_find(loc, ALICE)), 1);
	tear_down();
}

static void changes_of_one_aor_wait_for_each_other_and_build_on_each_other(void **state)
{
	struct change a = add("sip:a@x", 60), b = add("sip:b@x", 60), c = add("sip:c@x", 60);

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_int_equal(location_change_start(loc, &b.c), 0);
	assert_int_equal(location_change_start(loc, &c.c), 0);
	assert_int_equal(a.applied, 1);
	assert_int_equal(b.applied + c.applied, 0);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(b.applied, 1);
	assert_int_equal(b.before, 1);
	assert_int_equal(c.applied, 0);
	assert_true(fake_commit_end(&fake, -EIO));
	assert_int_equal(c.before, 1); /* b did not happen */
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(c.after, 2);
	assert_false(fake_commit_end(&fake, 0));
	tear_down();
}

static void changes_of_different_aors_do_not_wait(void **state)
{
	struct change a = add("sip:a@x", 60), b = add("sip:b@x", 60);

	(void)state;
	if (!set_up())
		return;
	b.c.aor = SLICE("sip:bob@example.com");
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_int_equal(location_change_start(loc, &b.c), 0);
	assert_int_equal(a.applied + b.applied, 2);
	assert_true(fake_commit_end(&fake, 0));
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(location_count(loc, NULL), 2);
	tear_down();
}

static void a_refused_change_ends_at_once_and_the_next_has_its_turn(void **state)
{
	struct change no = add("sip:a@x", 60), a = add("sip:a@x", 60), late = no;

	(void)state;
	if (!set_up())
		return;
	no.refuse = late.refuse = -ECANCELED;
	assert_int_equal(location_change_start(loc, &no.c), 0);
	assert_int_equal(no.done, 1);
	assert_int_equal(no.err, -ECANCELED);
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_int_equal(location_change_start(loc, &late.c), 0);
	assert_int_equal(late.applied, 0);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(late.done, 1);
	assert_int_equal(late.before, 1);
	assert_int_equal(late.after, 1);
	tear_down();
}

static void a_change_may_be_started_from_the_end_of_another(void **state)
{
	static const struct {
		bool remove;
		int refuse;
	} rows[] = { { false, 0 }, { true, 0 }, { false, -ECANCELED }, { true, -ECANCELED } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct change a = add("sip:a@x", 60), b = add("sip:b@x", 60);

		if (!set_up())
			return;
		a.remove = rows[i].remove;
		a.refuse = rows[i].refuse;
		a.then = &b;
		assert_int_equal(location_change_start(loc, &a.c), 0);
		while (fake_commit_end(&fake, 0))
			;
		assert_int_equal(a.done, 1);
		assert_int_equal(b.done, 1);
		assert_int_equal(b.applied, 1);
		assert_non_null(location_find(loc, ALICE));
		tear_down();
	}
}

static void removing_all_leaves_nothing(void **state)
{
	struct change a = add("sip:a@x", 60), gone = add("", 0);

	(void)state;
	if (!set_up())
		return;
	gone.remove = true;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(location_change_start(loc, &gone.c), 0);
	assert_non_null(location_find(loc, ALICE));
	assert_true(fake_commit_end(&fake, 0));
	assert_null(location_find(loc, ALICE));
	assert_int_equal(location_count(loc, NULL), 0);
	/* No timer is left: fake_runtime_fini() would say so. */
	tear_down();
}

static void memory_goes_when_the_last_binding_has_expired(void **state)
{
	struct change a = add("sip:a@x", 60), b = add("sip:b@x", 120);

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_int_equal(location_change_start(loc, &b.c), 0);
	while (fake_commit_end(&fake, 0))
		;
	fake_runtime_advance(&fake, 119999);
	assert_non_null(location_find(loc, ALICE));
	fake_runtime_advance(&fake, 1);
	assert_null(location_find(loc, ALICE));
	assert_int_equal(location_count(loc, NULL), 0);
	tear_down();
}

static void bindings_may_expire_while_a_change_is_committed(void **state)
{
	struct change a = add("sip:a@x", 1), b = add("sip:b@x", 60);

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(location_change_start(loc, &b.c), 0);
	fake_runtime_advance(&fake, 2000);
	assert_null(location_find(loc, ALICE));
	assert_true(fake_commit_end(&fake, -EIO));
	assert_int_equal(b.after, 0);
	assert_null(location_find(loc, ALICE));

	assert_int_equal(location_change_start(loc, &b.c), 0);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(b.after, 1);
	tear_down();
}

static void a_wall_clock_set_back_keeps_bindings(void **state)
{
	struct change a = add("sip:a@x", 60);

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_true(fake_commit_end(&fake, 0));
	fake.rt.wall -= 30000;
	fake_runtime_advance(&fake, 61000);
	assert_non_null(location_find(loc, ALICE));
	fake_runtime_advance(&fake, 30000);
	assert_null(location_find(loc, ALICE));
	tear_down();
}

static void changes_can_be_forgotten_at_the_end(void **state)
{
	struct change a = add("sip:a@x", 60), b = add("sip:b@x", 60);

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(location_change_start(loc, &a.c), 0);
	assert_int_equal(location_change_start(loc, &b.c), 0);
	list_init(&fake.commits); /* the machine is switched off */
	location_change_forget(&a.c);
	location_change_forget(&b.c);
	location_change_forget(&b.c);
	assert_int_equal(a.done + b.done, 0);
	tear_down();
}

static void what_is_loaded_is_found_and_expires(void **state)
{
	struct location_binding b = { .contact = SLICE_INIT("sip:a@x") };
	struct location_set *s;
	AUTO_BUF out = BUF_INIT;

	(void)state;
	if (!set_up())
		return;
	b.expires_at = fake.rt.wall + 5000;
	b.received = SLICE("udp:192.0.2.1:5060");
	if (location_set_new(ALICE, &b, 1, &s) < 0) {
		assert_true(harness_alloc_failed());
		tear_down();
		return;
	}
	if (location_load(loc, s) < 0) {
		assert_true(harness_alloc_failed());
		location_set_unref(s);
		tear_down();
		return;
	}
	assert_ptr_equal(location_find(loc, ALICE), s);
	location_set_unref(s);
	location_show(loc, &out);
	if (!out.err)
		assert_true(
			slice_eq(buf_view(&out), SLICE("sip:alice@example.com <sip:a@x>;expires=5 "
						       "source=udp:192.0.2.1:5060\n")));
	fake_runtime_advance(&fake, 5000);
	assert_null(location_find(loc, ALICE));
	tear_down();
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_change_shows_when_it_is_committed_and_not_before),
		HARNESS_TEST(a_failed_commit_changes_nothing),
		HARNESS_TEST(changes_of_one_aor_wait_for_each_other_and_build_on_each_other),
		HARNESS_TEST(changes_of_different_aors_do_not_wait),
		HARNESS_TEST(a_refused_change_ends_at_once_and_the_next_has_its_turn),
		HARNESS_TEST(a_change_may_be_started_from_the_end_of_another),
		HARNESS_TEST(removing_all_leaves_nothing),
		HARNESS_TEST(memory_goes_when_the_last_binding_has_expired),
		HARNESS_TEST(bindings_may_expire_while_a_change_is_committed),
		HARNESS_TEST(a_wall_clock_set_back_keeps_bindings),
		HARNESS_TEST(changes_can_be_forgotten_at_the_end),
		HARNESS_ALLOC_TEST(what_is_loaded_is_found_and_expires),
	};

	return harness_run("index", tests, ARRAY_LEN(tests));
}
