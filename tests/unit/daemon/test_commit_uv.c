/* Group commit on a real loop, thread pool and database; nothing waits for time to pass. */
#include "harness.h"

#include <sqlite3.h>
#include <stdio.h>

#include "daemon/commit_uv.h"

static struct fake_runtime fake;
static uv_loop_t loop;
static char dir[64], path[96];
static struct location_sqlite *db;
static struct commit_uv *cu;
static int hooks_before, hooks_after;

struct one {
	struct location_write w;
	struct location_set *set;
	char aor[40];
	int done, err;
	struct one *then; /* asked for when this one is done */
};

static void before(void *arg)
{
	(void)arg;
	hooks_before++;
}

static void after(void *arg)
{
	(void)arg;
	hooks_after++;
}

static void done(struct rt_commit *c, int err)
{
	struct one *o = CONTAINER_OF(location_write_of(c), struct one, w);

	assert_int_equal(hooks_before, hooks_after + 1);
	o->done++;
	o->err = err;
	if (o->then)
		commit_uv_add(cu, &o->then->w.commit);
}

static void make(struct one *o, size_t i)
{
	struct location_binding b = { .contact = SLICE_INIT("sip:a@x"),
				      .expires_at = fake.rt.wall + 60000 };

	*o = (struct one){ 0 };
	(void)snprintf(o->aor, sizeof(o->aor), "sip:user%zu@example.com", i);
	o->w.aor = slice_str(o->aor);
	o->w.commit.done = done;
	assert_int_equal(location_set_new(o->w.aor, &b, 1, &o->set), 0);
	o->w.set = o->set;
}

static void set_up(bool with_db)
{
	fake_runtime_init(&fake);
	hooks_before = hooks_after = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	(void)snprintf(dir, sizeof(dir), "/tmp/sipcgid-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/db", dir);
	db = NULL;
	if (with_db)
		assert_int_equal(location_sqlite_open(path, &db, NULL), 0);
	assert_int_equal(commit_uv_new(&loop, &fake.rt, db, &cu), 0);
	commit_uv_set_hooks(cu, before, after, NULL);
}

static void tear_down(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char file[128];

	commit_uv_free(cu);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	location_sqlite_close(db);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		(void)unlink(file);
	}
	assert_int_equal(rmdir(dir), 0);
	fake_runtime_fini(&fake);
}

/* What a restarted server would find. */
static size_t on_disk(void)
{
	struct location *loc;
	size_t n;

	assert_int_equal(location_new(&fake.rt, &loc), 0);
	assert_int_equal(location_sqlite_load(db, loc, fake.rt.wall), 0);
	n = location_count(loc, NULL);
	location_free(loc);
	return n;
}

static void what_comes_while_a_batch_is_under_way_is_the_next_batch(void **state)
{
	struct one v[100];

	(void)state;
	set_up(true);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		make(&v[i], i);
		commit_uv_add(cu, &v[i].w.commit);
		assert_int_equal(v[i].done, 0);
	}
	assert_false(commit_uv_idle(cu));
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(commit_uv_idle(cu));
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(v[i].done, 1);
		assert_int_equal(v[i].err, 0);
		location_set_unref(v[i].set);
	}
	/* The first alone, then all the others together. */
	assert_int_equal(hooks_before, 2);
	assert_int_equal(hooks_after, 2);
	assert_int_equal(fake.rt.metrics.count[METRIC_COMMITS], 2);
	assert_int_equal(on_disk(), ARRAY_LEN(v));
	tear_down();
}

static void a_commit_may_be_asked_for_when_another_is_done(void **state)
{
	struct one v[3];

	(void)state;
	set_up(true);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		make(&v[i], i);
	v[0].then = &v[1];
	v[1].then = &v[2];
	commit_uv_add(cu, &v[0].w.commit);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(v[i].done, 1);
		location_set_unref(v[i].set);
	}
	assert_int_equal(on_disk(), 3);
	tear_down();
}

static void a_flush_leaves_nothing_and_needs_no_loop(void **state)
{
	struct one v[50], late;

	(void)state;
	set_up(true);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		make(&v[i], i);
		commit_uv_add(cu, &v[i].w.commit);
	}
	make(&late, ARRAY_LEN(v));
	v[10].then = &late;
	commit_uv_flush(cu);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(v[i].done, 1);
		location_set_unref(v[i].set);
	}
	assert_int_equal(late.done, 1);
	assert_true(commit_uv_idle(cu));
	assert_int_equal(on_disk(), ARRAY_LEN(v) + 1);

	/* And it works on afterwards. */
	late.done = 0;
	commit_uv_add(cu, &late.w.commit);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(late.done, 1);
	location_set_unref(late.set);
	tear_down();
}

static void everybody_in_a_failed_batch_is_told(void **state)
{
	struct one v[10];
	sqlite3 *other;

	(void)state;
	set_up(true);
	/* Somebody makes the database refuse what we write. */
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other,
				      "CREATE TRIGGER no BEFORE INSERT ON bindings"
				      " WHEN NEW.aor = 'sip:user5@example.com'"
				      " BEGIN SELECT RAISE(ABORT, 'no'); END",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		make(&v[i], i);
		commit_uv_add(cu, &v[i].w.commit);
	}
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(v[i].done, 1);
		if (i == 0) /* a batch of its own */
			assert_int_equal(v[i].err, 0);
		else
			assert_true(v[i].err < 0);
		location_set_unref(v[i].set);
	}
	assert_int_equal(on_disk(), 1);
	tear_down();
}

static void without_a_database_every_commit_succeeds(void **state)
{
	struct one v[3];

	(void)state;
	set_up(false);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		make(&v[i], i);
		commit_uv_add(cu, &v[i].w.commit);
	}
	assert_int_equal(v[0].done, 0); /* not from within */
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(v[i].done, 1);
		assert_int_equal(v[i].err, 0);
		location_set_unref(v[i].set);
	}
	tear_down();
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(what_comes_while_a_batch_is_under_way_is_the_next_batch),
		HARNESS_TEST(a_commit_may_be_asked_for_when_another_is_done),
		HARNESS_TEST(a_flush_leaves_nothing_and_needs_no_loop),
		HARNESS_TEST(everybody_in_a_failed_batch_is_told),
		HARNESS_TEST(without_a_database_every_commit_succeeds),
	};

	return harness_run("commit_uv", tests, ARRAY_LEN(tests));
}
