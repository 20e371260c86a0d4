#include "harness.h"

#include "auth/nonce.h"

#define REALM SLICE("example.com")
#define AGE_S 300

static struct fake_runtime fake;
static struct nonces *nonces;

static bool set_up(size_t max)
{
	fake_runtime_init(&fake);
	if (nonces_new(&fake.rt, AGE_S, max, &nonces) < 0) {
		assert_true(harness_alloc_failed());
		fake_runtime_fini(&fake);
		return false;
	}
	return true;
}

static void tear_down(void)
{
	nonces_free(nonces);
	fake_runtime_fini(&fake);
}

static enum nonce_result use(const char *nonce, uint32_t count)
{
	struct slice n = exact(nonce);
	enum nonce_result result = nonce_use(nonces, REALM, n, count);

	exact_free(n);
	return result;
}

static void a_nonce_is_good_with_rising_counts_and_never_twice_with_one(void **state)
{
	char nonce[NONCE_LEN + 1], other[NONCE_LEN + 1];

	(void)state;
	if (!set_up(8))
		return;
	assert_int_equal(nonce_make(nonces, REALM, nonce), 0);
	assert_int_equal(nonce_make(nonces, REALM, other), 0);
	assert_string_not_equal(nonce, other);
	if (use(nonce, 1) != NONCE_OK) {
		assert_true(harness_alloc_failed());
		tear_down();
		return;
	}
	assert_int_equal(use(nonce, 1), NONCE_STALE);
	assert_int_equal(use(nonce, 2), NONCE_OK);
	assert_int_equal(use(nonce, 2), NONCE_STALE);
	assert_int_equal(use(nonce, 5), NONCE_OK);
	assert_int_equal(use(nonce, 4), NONCE_OK); /* overtaken */
	assert_int_equal(use(nonce, 4), NONCE_STALE);
	assert_int_equal(use(nonce, 3), NONCE_OK);
	assert_int_equal(use(nonce, 1000), NONCE_OK);
	assert_int_equal(use(nonce, 1000 - 63), NONCE_OK);
	assert_int_equal(use(nonce, 1000 - 64), NONCE_STALE); /* below the window */
	assert_int_equal(use(nonce, 6), NONCE_STALE);
	assert_int_equal(use(nonce, UINT32_MAX), NONCE_OK);
	assert_int_equal(use(nonce, 0), NONCE_STALE);
	assert_int_equal(nonces_count(nonces), 1);
	tear_down();
}

static void a_nonce_is_stale_at_its_age(void **state)
{
	char nonce[NONCE_LEN + 1];

	(void)state;
	if (!set_up(8))
		return;
	assert_int_equal(nonce_make(nonces, REALM, nonce), 0);
	fake_runtime_advance(&fake, AGE_S * 1000 - 1);
	assert_int_equal(use(nonce, 1), NONCE_OK);
	fake_runtime_advance(&fake, 1);
	assert_int_equal(use(nonce, 2), NONCE_STALE);
	tear_down();
}

static void a_nonce_that_we_did_not_make_for_the_realm_is_stale(void **state)
{
	char nonce[NONCE_LEN + 1], changed[NONCE_LEN + 1];
	struct nonces *former;

	(void)state;
	if (!set_up(8))
		return;
	assert_int_equal(nonce_make(nonces, REALM, nonce), 0);
	for (size_t i = 0; i < NONCE_LEN; i++) {
		memcpy(changed, nonce, sizeof(changed));
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		assert_int_equal(use(changed, 1), NONCE_STALE);
		changed[i] = '\n';
		assert_int_equal(use(changed, 1), NONCE_STALE);
		changed[i] = '\0'; /* and every prefix */
		assert_int_equal(use(changed, 1), NONCE_STALE);
	}
	assert_int_equal(nonce_use(nonces, SLICE("example.org"), slice_str(nonce), 1), NONCE_STALE);

	assert_int_equal(nonces_new(&fake.rt, AGE_S, 8, &former), 0);
	assert_int_equal(nonce_use(former, REALM, slice_str(nonce), 1), NONCE_STALE);
	nonces_free(former);
	assert_int_equal(use(nonce, 1), NONCE_OK);
	tear_down();
}

static void a_full_table_forgets_the_oldest_and_still_nothing_can_be_replayed(void **state)
{
	char first[NONCE_LEN + 1], unused[NONCE_LEN + 1], n[5][NONCE_LEN + 1];

	(void)state;
	if (!set_up(4))
		return;
	assert_int_equal(nonce_make(nonces, REALM, first), 0);
	assert_int_equal(nonce_make(nonces, REALM, unused), 0);
	assert_int_equal(use(first, 1), NONCE_OK);
	for (size_t i = 0; i < ARRAY_LEN(n); i++) {
		fake_runtime_advance(&fake, 10);
		assert_int_equal(nonce_make(nonces, REALM, n[i]), 0);
		assert_int_equal(use(n[i], 1), NONCE_OK);
		assert_true(nonces_count(nonces) <= 4);
	}
	assert_int_equal(use(first, 1), NONCE_STALE);
	assert_int_equal(use(first, 2), NONCE_STALE);
	assert_int_equal(use(unused, 1), NONCE_STALE); /* as old as a forgotten one */
	assert_int_equal(use(n[0], 1), NONCE_STALE);
	assert_int_equal(use(n[4], 2), NONCE_OK);
	tear_down();
}

static void old_entries_make_room(void **state)
{
	char a[NONCE_LEN + 1], b[NONCE_LEN + 1];

	(void)state;
	if (!set_up(4))
		return;
	assert_int_equal(nonce_make(nonces, REALM, a), 0);
	assert_int_equal(use(a, 1), NONCE_OK);
	fake_runtime_advance(&fake, AGE_S * 1000);
	assert_int_equal(nonce_make(nonces, REALM, b), 0);
	assert_int_equal(use(b, 1), NONCE_OK);
	assert_int_equal(nonces_count(nonces), 1);
	tear_down();
}

static void new_limits_hold_at_once(void **state)
{
	char n[3][NONCE_LEN + 1];

	(void)state;
	if (!set_up(8))
		return;
	for (size_t i = 0; i < ARRAY_LEN(n); i++) {
		fake_runtime_advance(&fake, 1000);
		assert_int_equal(nonce_make(nonces, REALM, n[i]), 0);
		assert_int_equal(use(n[i], 1), NONCE_OK);
	}
	nonces_configure(nonces, 1, 2);
	assert_int_equal(nonces_count(nonces), 2);
	assert_int_equal(use(n[2], 2), NONCE_OK);
	assert_int_equal(use(n[1], 2), NONCE_STALE);
	tear_down();
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_nonce_is_good_with_rising_counts_and_never_twice_with_one),
		HARNESS_TEST(a_nonce_is_stale_at_its_age),
		HARNESS_TEST(a_nonce_that_we_did_not_make_for_the_realm_is_stale),
		HARNESS_TEST(a_full_table_forgets_the_oldest_and_still_nothing_can_be_replayed),
		HARNESS_TEST(old_entries_make_room),
		HARNESS_TEST(new_limits_hold_at_once),
	};

	return harness_run("nonce", tests, ARRAY_LEN(tests));
}
