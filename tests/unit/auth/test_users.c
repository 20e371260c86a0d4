#include "harness.h"

#include <stdio.h>

#include "auth/users.h"

static struct user make(const char *name, const char *domain, uint8_t mark)
{
	struct user u = { .name = slice_str(name), .domain = slice_str(domain), .has_md5 = true };

	u.ha1_md5[0] = mark;
	return u;
}

static void users_are_found_by_exact_name_and_domain_without_case(void **state)
{
	struct user a = make("alice", "Example.COM", 1), b = make("alice", "example.org", 2);
	const struct user *found;
	struct users *u;

	(void)state;
	if (users_new(7, &u) < 0) {
		assert_true(harness_alloc_failed());
		return;
	}
	if (users_add(u, &a) < 0 || users_add(u, &b) < 0) {
		assert_true(harness_alloc_failed());
		users_free(u);
		return;
	}
	found = users_find(u, SLICE("alice"), SLICE("EXAMPLE.com"));
	assert_non_null(found);
	assert_int_equal(found->ha1_md5[0], 1);
	assert_true(slice_eq(found->domain, SLICE("example.com")));
	assert_int_equal(users_find(u, SLICE("alice"), SLICE("example.org"))->ha1_md5[0], 2);
	assert_null(users_find(u, SLICE("Alice"), SLICE("example.com")));
	assert_null(users_find(u, SLICE("alic"), SLICE("eexample.com")));
	assert_null(users_find(u, SLICE("bob"), SLICE("example.com")));
	assert_int_equal(users_count(u), 2);
	users_free(u);
}

static void a_user_of_the_same_name_is_replaced(void **state)
{
	struct user a = make("alice", "example.com", 1), b = make("alice", "EXAMPLE.com", 2);
	struct users *u;

	(void)state;
	assert_int_equal(users_new(7, &u), 0);
	assert_int_equal(users_add(u, &a), 0);
	assert_int_equal(users_add(u, &b), 0);
	assert_int_equal(users_count(u), 1);
	assert_int_equal(users_find(u, SLICE("alice"), SLICE("example.com"))->ha1_md5[0], 2);
	users_free(u);
}

static void ten_thousand_users_are_all_there(void **state)
{
	struct users *u;
	char name[32];

	(void)state;
	assert_int_equal(users_new(1, &u), 0);
	for (int i = 0; i < 10000; i++) {
		struct user one;

		(void)snprintf(name, sizeof(name), "user%d", i);
		one = make(name, "example.com", (uint8_t)i);
		assert_int_equal(users_add(u, &one), 0);
	}
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "user%d", i);
		assert_int_equal(users_find(u, slice_str(name), SLICE("example.com"))->ha1_md5[0],
				 (uint8_t)i);
	}
	users_free(u);
}

static void a_password_becomes_both_hashes(void **state)
{
	/* printf 'alice:example.com:secret' | md5sum */
	static const uint8_t md5[] = { 0xb1, 0x72, 0x68, 0x72, 0xc3, 0x44, 0xb6, 0xdc,
				       0x83, 0x65, 0xb7, 0x74, 0xf8, 0xfd, 0x64, 0x12 };
	struct user u = { .name = SLICE_INIT("alice"), .domain = SLICE_INIT("example.com") };

	(void)state;
	assert_int_equal(user_set_password(&u, SLICE("secret")), 0);
	assert_true(u.has_md5);
	assert_true(u.has_sha256);
	assert_memory_equal(u.ha1_md5, md5, sizeof(md5));
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(users_are_found_by_exact_name_and_domain_without_case),
		HARNESS_TEST(a_user_of_the_same_name_is_replaced),
		HARNESS_TEST(ten_thousand_users_are_all_there),
		HARNESS_TEST(a_password_becomes_both_hashes),
	};

	return harness_run("users", tests, ARRAY_LEN(tests));
}
