#include "harness.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "location/sqlite.h"

static struct fake_runtime fake;
static char dir[64], path[96];

static void set_up(void)
{
	fake_runtime_init(&fake);
	(void)snprintf(dir, sizeof(dir), "/tmp/sipcgid-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/db", dir);
}

static void tear_down(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char file[128];

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		(void)unlink(file);
	}
	assert_int_equal(rmdir(dir), 0);
	fake_runtime_fini(&fake);
}

static struct location_sqlite *open_db(void)
{
	struct location_sqlite *db = NULL;

	assert_int_equal(location_sqlite_open(path, &db, NULL), 0);
	return db;
}

/* Writes @n bindings (0: none are left) for @aor; what location_sqlite_write() says. */
static int write_n(struct location_sqlite *db, const char *aor, size_t n, int64_t expires_at)
{
	struct location_binding v[3];
	struct location_set *set = NULL;
	struct location_write w = { .aor = slice_str(aor) };
	struct list writes = LIST_INIT(writes);
	int err;

	for (size_t i = 0; i < n; i++) {
		static const struct slice contacts[] = { SLICE_INIT("sip:a@x"),
							 SLICE_INIT("sip:b@x"),
							 SLICE_INIT("sip:c@x") };

		v[i] = (struct location_binding){
			.contact = contacts[i],
			.display = SLICE("\"J\xc3\xbcrg\""),
			.params = SLICE(";q=0.7;+sip.instance=\"<urn:uuid:7>\""),
			.call_id = SLICE("call'; DROP TABLE bindings; --"),
			.path = SLICE("<sip:p1;lr>, <sip:p2;lr>"),
			.received = SLICE("tcp:[2001:db8::7]:49152"),
			.conn = 12,
			.expires_at = expires_at,
			.cseq = 4294967295u,
			.reg_id = 4294967295u,
			.q = 700,
		};
	}
	if (n)
		assert_int_equal(location_set_new(w.aor, v, n, &set), 0);
	w.set = set;
	list_push_back(&writes, &w.commit.link);
	err = location_sqlite_write(db, &writes, fake.rt.wall);
	location_set_unref(set);
	return err;
}

/* How many bindings a restarted server finds. */
static size_t reload(struct location_sqlite *db, size_t *ret_aors)
{
	struct location *loc;
	size_t n;

	assert_int_equal(location_new(&fake.rt, &loc), 0);
	assert_int_equal(location_sqlite_load(db, loc, fake.rt.wall), 0);
	*ret_aors = location_count(loc, &n);
	location_free(loc);
	return n;
}

static void a_binding_comes_back_after_a_restart_as_it_was(void **state)
{
	struct location_sqlite *db;
	struct location_binding b;
	struct location_iter it;
	struct location *loc;

	(void)state;
	set_up();
	db = open_db();
	assert_int_equal(write_n(db, "sip:alice@example.com", 2, fake.rt.wall + 60000), 0);
	location_sqlite_close(db);

	db = open_db();
	assert_int_equal(location_new(&fake.rt, &loc), 0);
	assert_int_equal(location_sqlite_load(db, loc, fake.rt.wall), 0);
	location_iter_init(&it, location_find(loc, SLICE("sip:alice@example.com")), fake.rt.wall);
	assert_true(location_iter_next(&it, &b));
	assert_true(slice_eq(b.contact, SLICE("sip:a@x")));
	assert_true(slice_eq(b.display, SLICE("\"J\xc3\xbcrg\"")));
	assert_true(slice_eq(b.params, SLICE(";q=0.7;+sip.instance=\"<urn:uuid:7>\"")));
	assert_true(slice_eq(b.instance, SLICE("\"<urn:uuid:7>\"")));
	assert_true(slice_eq(b.call_id, SLICE("call'; DROP TABLE bindings; --")));
	assert_true(slice_eq(b.path, SLICE("<sip:p1;lr>, <sip:p2;lr>")));
	assert_true(slice_eq(b.received, SLICE("tcp:[2001:db8::7]:49152")));
	assert_int_equal(b.conn, 0); /* connections do not survive */
	assert_int_equal(b.expires_at, fake.rt.wall + 60000);
	assert_int_equal(b.cseq, 4294967295u);
	assert_int_equal(b.reg_id, 4294967295u);
	assert_int_equal(b.q, 700);
	assert_true(location_iter_next(&it, &b));
	assert_true(slice_eq(b.contact, SLICE("sip:b@x")));
	assert_false(location_iter_next(&it, &b));
	location_free(loc);
	location_sqlite_close(db);
	tear_down();
}

static void a_write_replaces_all_rows_of_its_aor_and_no_others(void **state)
{
	struct location_sqlite *db;
	int64_t later;
	size_t aors;

	(void)state;
	set_up();
	later = fake.rt.wall + 60000;
	db = open_db();
	assert_int_equal(write_n(db, "sip:alice@example.com", 3, later), 0);
	assert_int_equal(write_n(db, "sip:bob@example.com", 2, later), 0);
	assert_int_equal(reload(db, &aors), 5);
	assert_int_equal(aors, 2);
	assert_int_equal(write_n(db, "sip:alice@example.com", 1, later), 0);
	assert_int_equal(reload(db, &aors), 3);
	assert_int_equal(write_n(db, "sip:alice@example.com", 0, later), 0);
	assert_int_equal(reload(db, &aors), 2);
	assert_int_equal(aors, 1);
	location_sqlite_close(db);
	tear_down();
}

static void expired_rows_are_not_loaded_and_go(void **state)
{
	struct location_sqlite *db;
	size_t aors;

	(void)state;
	set_up();
	db = open_db();
	assert_int_equal(write_n(db, "sip:alice@example.com", 2, fake.rt.wall + 1000), 0);
	assert_int_equal(write_n(db, "sip:bob@example.com", 1, fake.rt.wall + 60000), 0);
	fake.rt.wall += 1000;
	assert_int_equal(reload(db, &aors), 1);
	fake.rt.wall -= 1000; /* they are not only hidden */
	assert_int_equal(reload(db, &aors), 1);
	location_sqlite_close(db);
	tear_down();
}

static void a_batch_is_carried_out_whole_and_in_order(void **state)
{
	struct location_write w[200] = { 0 };
	struct location_set *sets[200] = { 0 };
	struct list writes = LIST_INIT(writes);
	struct location_sqlite *db;
	char aor[200][40];
	size_t aors;

	(void)state;
	set_up();
	db = open_db();
	for (size_t i = 0; i < ARRAY_LEN(w); i++) {
		struct location_binding b = { .contact = SLICE_INIT("sip:a@x"),
					      .expires_at = fake.rt.wall + 60000 };

		/* Every address-of-record twice: registered, then every other one removed. */
		(void)snprintf(aor[i], sizeof(aor[i]), "sip:user%zu@example.com", i % 100);
		w[i].aor = slice_str(aor[i]);
		if (i < 100 || i % 2)
			assert_int_equal(location_set_new(w[i].aor, &b, 1, &sets[i]), 0);
		w[i].set = sets[i];
		list_push_back(&writes, &w[i].commit.link);
	}
	assert_int_equal(location_sqlite_write(db, &writes, fake.rt.wall), 0);
	assert_int_equal(reload(db, &aors), 50);
	for (size_t i = 0; i < ARRAY_LEN(w); i++)
		location_set_unref(sets[i]);
	location_sqlite_close(db);
	tear_down();
}

static void a_batch_that_fails_changes_nothing(void **state)
{
	struct location_sqlite *db;
	sqlite3 *other;
	size_t aors;

	(void)state;
	set_up();
	db = open_db();
	assert_int_equal(write_n(db, "sip:alice@example.com", 2, fake.rt.wall + 60000), 0);
	/* Somebody makes the database refuse what we write. */
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other,
				      "CREATE TRIGGER no BEFORE INSERT ON bindings"
				      " BEGIN SELECT RAISE(ABORT, 'no'); END",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_true(write_n(db, "sip:alice@example.com", 1, fake.rt.wall + 60000) < 0);
	assert_int_equal(reload(db, &aors), 2);
	assert_int_equal(sqlite3_exec(other, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(write_n(db, "sip:alice@example.com", 1, fake.rt.wall + 60000), 0);
	assert_int_equal(reload(db, &aors), 1);
	location_sqlite_close(db);
	tear_down();
}

static void the_file_is_private_logged_ahead_and_synchronised(void **state)
{
	struct location_sqlite *db;
	struct stat st;
	sqlite3 *other;
	sqlite3_stmt *q;

	(void)state;
	set_up();
	db = open_db();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(other, "PRAGMA journal_mode", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(q, 0), "wal");
	sqlite3_finalize(q);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	location_sqlite_close(db);
	tear_down();
}

static void what_cannot_be_opened_is_told_apart(void **state)
{
	struct location_sqlite *db = NULL;
	char *why = NULL;
	sqlite3 *other;
	FILE *f;

	(void)state;
	set_up();
	assert_int_equal(location_sqlite_open("/nonexistent/dir/db", &db, &why), -ENOENT);
	assert_non_null(why);
	free(why);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 100; i++)
		fputs("this is no database\n", f);
	(void)fclose(f);
	assert_int_equal(location_sqlite_open(path, &db, NULL), -EBADMSG);
	assert_int_equal(unlink(path), 0);

	location_sqlite_close(open_db());
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other,
				      "UPDATE schema_version SET version = 99"
				      " WHERE component = 'bindings'",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(location_sqlite_open(path, &db, &why), -EPROTONOSUPPORT);
	assert_string_equal(why, "made by a newer version of sipcgid");
	free(why);
	assert_null(db);
	tear_down();
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_binding_comes_back_after_a_restart_as_it_was),
		HARNESS_TEST(a_write_replaces_all_rows_of_its_aor_and_no_others),
		HARNESS_TEST(expired_rows_are_not_loaded_and_go),
		HARNESS_TEST(a_batch_is_carried_out_whole_and_in_order),
		HARNESS_TEST(a_batch_that_fails_changes_nothing),
		HARNESS_TEST(the_file_is_private_logged_ahead_and_synchronised),
		HARNESS_TEST(what_cannot_be_opened_is_told_apart),
	};

	return harness_run("sqlite", tests, ARRAY_LEN(tests));
}
