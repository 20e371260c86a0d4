#include "harness.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "auth/users_sqlite.h"
#include "base/buf.h"

static char dir[64], path[96];

static struct users_sqlite *open_db(void)
{
	struct users_sqlite *db = NULL;

	assert_int_equal(users_sqlite_open(path, &db, NULL), 0);
	return db;
}

static struct users_sqlite *set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/sipcgid-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/db", dir);
	return open_db();
}

static void tear_down(struct users_sqlite *db)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char file[128];

	users_sqlite_close(db);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		(void)unlink(file);
	}
	assert_int_equal(rmdir(dir), 0);
}

static struct user make(const char *name, const char *domain)
{
	struct user u = { .name = slice_str(name), .domain = slice_str(domain) };

	assert_int_equal(user_set_password(&u, SLICE("secret")), 0);
	return u;
}

static void a_user_comes_back_with_the_hashes_it_has(void **state)
{
	struct users_sqlite *db = set_up();
	struct user a = make("al\"i'ce", "example.com"), b = make("bob", "example.com");
	const struct user *found;
	struct users *u;
	struct stat st;

	(void)state;
	b.has_sha256 = false;
	assert_int_equal(users_sqlite_put(db, &a, 1, false), 0);
	assert_int_equal(users_sqlite_put(db, &b, 2, false), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	users_sqlite_close(db);

	db = open_db();
	assert_int_equal(users_sqlite_load(db, 1, &u), 0);
	assert_int_equal(users_count(u), 2);
	found = users_find(u, a.name, a.domain);
	assert_true(found->has_md5 && found->has_sha256);
	assert_memory_equal(found->ha1_md5, a.ha1_md5, sizeof(a.ha1_md5));
	assert_memory_equal(found->ha1_sha256, a.ha1_sha256, sizeof(a.ha1_sha256));
	found = users_find(u, b.name, b.domain);
	assert_true(found->has_md5 && !found->has_sha256);
	users_free(u);
	tear_down(db);
}

static void adding_twice_and_changing_or_removing_nobody_are_errors(void **state)
{
	struct users_sqlite *db = set_up();
	struct user a = make("alice", "example.com");

	(void)state;
	assert_int_equal(users_sqlite_put(db, &a, 1, true), -ENOENT);
	assert_int_equal(users_sqlite_del(db, a.name, a.domain), -ENOENT);
	assert_int_equal(users_sqlite_put(db, &a, 1, false), 0);
	assert_int_equal(users_sqlite_put(db, &a, 1, false), -EEXIST);
	assert_int_equal(users_sqlite_put(db, &a, 1, true), 0);
	assert_int_equal(users_sqlite_del(db, a.name, a.domain), 0);
	assert_int_equal(users_sqlite_del(db, a.name, a.domain), -ENOENT);
	tear_down(db);
}

static void a_change_is_noticed_whoever_made_it_and_only_of_users(void **state)
{
	struct users_sqlite *db = set_up(), *tool = open_db();
	struct user a = make("alice", "example.com");
	struct users *u;
	sqlite3 *other;

	(void)state;
	assert_true(users_sqlite_changed(db)); /* nothing was loaded yet */
	assert_int_equal(users_sqlite_load(db, 1, &u), 0);
	users_free(u);
	assert_false(users_sqlite_changed(db));

	assert_int_equal(users_sqlite_put(tool, &a, 1, false), 0);
	assert_true(users_sqlite_changed(db));
	assert_true(users_sqlite_changed(db)); /* until it is loaded */
	assert_int_equal(users_sqlite_load(db, 1, &u), 0);
	assert_int_equal(users_count(u), 1);
	users_free(u);
	assert_false(users_sqlite_changed(db));

	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "CREATE TABLE elsewhere (x)", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_false(users_sqlite_changed(db));
	assert_int_equal(sqlite3_exec(other, "DELETE FROM users", NULL, NULL, NULL), SQLITE_OK);
	assert_true(users_sqlite_changed(db));
	assert_int_equal(sqlite3_close(other), SQLITE_OK);

	assert_int_equal(users_sqlite_load(db, 1, &u), 0);
	users_free(u);
	assert_int_equal(users_sqlite_put(db, &a, 1, false), 0); /* by itself */
	assert_true(users_sqlite_changed(db));
	users_sqlite_close(tool);
	tear_down(db);
}

static int append(void *arg, const struct user *user, int64_t created)
{
	struct buf *out = arg;

	buf_printf(out, "%.*s@%.*s %lld\n", SLICE_FMT(user->name), SLICE_FMT(user->domain),
		   (long long)created);
	return 0;
}

static int stop(void *arg, const struct user *user, int64_t created)
{
	(void)arg;
	(void)user;
	(void)created;
	return 42;
}

static void users_are_listed_in_order_all_or_of_a_domain(void **state)
{
	struct users_sqlite *db = set_up();
	static const char *const names[][2] = { { "zoe", "a.example" },
						{ "bob", "b.example" },
						{ "amy", "a.example" } };
	AUTO_BUF all = BUF_INIT, some = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct user u = make(names[i][0], names[i][1]);

		assert_int_equal(users_sqlite_put(db, &u, 5, false), 0);
	}
	assert_int_equal(users_sqlite_each(db, SLICE_EMPTY, append, &all), 0);
	assert_true(slice_eq(buf_view(&all),
			     SLICE("amy@a.example 5\nzoe@a.example 5\nbob@b.example 5\n")));
	assert_int_equal(users_sqlite_each(db, SLICE("a.example"), append, &some), 0);
	assert_true(slice_eq(buf_view(&some), SLICE("amy@a.example 5\nzoe@a.example 5\n")));
	assert_int_equal(users_sqlite_each(db, SLICE_EMPTY, stop, NULL), 42);
	tear_down(db);
}

static void what_is_begun_and_not_committed_did_not_happen(void **state)
{
	struct users_sqlite *db = set_up();
	struct user a = make("alice", "example.com");
	struct users *u;

	(void)state;
	assert_int_equal(users_sqlite_begin(db), 0);
	assert_int_equal(users_sqlite_put(db, &a, 1, false), 0);
	assert_int_equal(users_sqlite_end(db, false), 0);
	assert_int_equal(users_sqlite_load(db, 1, &u), 0);
	assert_int_equal(users_count(u), 0);
	users_free(u);
	tear_down(db);
}

static void hashes_are_hexadecimal_of_their_length(void **state)
{
	static const struct {
		const char *in;
		bool ok;
	} rows[] = { { "00ff", true },   { "00FF", true },  { "00f", false },
		     { "00ffa", false }, { "00fg", false }, { "", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		uint8_t out[2] = { 1, 1 };

		assert_int_equal(users_parse_hash(in, out, sizeof(out)), rows[i].ok);
		assert_int_equal(out[0], rows[i].ok ? 0 : 1);
		assert_int_equal(out[1], rows[i].ok ? 255 : 1);
		exact_free(in);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_user_comes_back_with_the_hashes_it_has),
		HARNESS_TEST(adding_twice_and_changing_or_removing_nobody_are_errors),
		HARNESS_TEST(a_change_is_noticed_whoever_made_it_and_only_of_users),
		HARNESS_TEST(users_are_listed_in_order_all_or_of_a_domain),
		HARNESS_TEST(what_is_begun_and_not_committed_did_not_happen),
		HARNESS_TEST(hashes_are_hexadecimal_of_their_length),
	};

	return harness_run("users_sqlite", tests, ARRAY_LEN(tests));
}
