/*
 * Bindings in SQLite. Write-ahead log with synchronous=FULL: a COMMIT returns when the log is on
 * disk, so what was acknowledged survives kill -9 and a power failure alike.
 *
 * Writing an address-of-record means deleting its rows and inserting the new ones: it has a handful
 * at most, and so a row can never be left over from an older set.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "location/sqlite.h"

#define SCHEMA_VERSION 1
#define BUSY_TIMEOUT_MS 5000 /* the companion tool may be writing users into the same file */
#define PURGE_EVERY_MS 60000

enum { Q_DELETE, Q_INSERT, Q_PURGE, Q_LOAD, Q_COUNT };

static const char *const queries[Q_COUNT] = {
	[Q_DELETE] = "DELETE FROM bindings WHERE aor = ?1",
	[Q_INSERT] = ("INSERT INTO bindings (aor, pos, contact, display, params, call_id, cseq,"
		      " path, received, q, reg_id, expires_at)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"),
	[Q_PURGE] = "DELETE FROM bindings WHERE expires_at <= ?1",
	[Q_LOAD] =
		("SELECT aor, contact, display, params, call_id, path, received, cseq, q, reg_id,"
		 " expires_at FROM bindings ORDER BY aor, pos"),
};

/* schema_version is shared with the tables of the users: a row for each component. */
static const char schema[] =
	"CREATE TABLE IF NOT EXISTS schema_version ("
	" component TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS bindings ("
	" aor TEXT NOT NULL, pos INTEGER NOT NULL, contact TEXT NOT NULL, display TEXT NOT NULL,"
	" params TEXT NOT NULL, call_id TEXT NOT NULL, cseq INTEGER NOT NULL, path TEXT NOT NULL,"
	" received TEXT NOT NULL, q INTEGER NOT NULL, reg_id INTEGER NOT NULL,"
	" expires_at INTEGER NOT NULL, PRIMARY KEY (aor, pos)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS bindings_expiry ON bindings (expires_at);"
	"INSERT OR IGNORE INTO schema_version VALUES ('bindings', 1);";

struct location_sqlite {
	sqlite3 *db;
	sqlite3_stmt *q[Q_COUNT];
	int64_t purged_at; /* wall, ms */
};

/* What an SQLite result means to a caller who knows nothing of SQLite. */
static int sqlite_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		return -EIO;
	}
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int check_version(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		db, "SELECT version FROM schema_version WHERE component = 'bindings'", -1, &st,
		NULL);
	int err;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	err = sqlite_errno(rc);
	if (rc == SQLITE_ROW && sqlite3_column_int(st, 0) > SCHEMA_VERSION)
		err = -EPROTONOSUPPORT;
	sqlite3_finalize(st);
	return err;
}

static int prepare(struct location_sqlite *s)
{
	for (size_t i = 0; i < Q_COUNT; i++) {
		int rc = sqlite3_prepare_v3(s->db, queries[i], -1, SQLITE_PREPARE_PERSISTENT,
					    &s->q[i], NULL);

		if (rc != SQLITE_OK)
			return sqlite_errno(rc);
	}
	return 0;
}

static int set_up(struct location_sqlite *s)
{
	int err;

	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	err = run(s->db, "PRAGMA journal_mode = WAL");
	if (!err)
		err = run(s->db, "PRAGMA synchronous = FULL");
	if (!err)
		err = run(s->db, "BEGIN IMMEDIATE");
	if (err)
		return err;
	err = run(s->db, schema);
	if (!err)
		err = check_version(s->db);
	if (err) {
		(void)run(s->db, "ROLLBACK");
		return err;
	}
	err = run(s->db, "COMMIT");
	return err ? err : prepare(s);
}

/* SQLite would create it readable for everybody, and there are secrets in it. What goes wrong here
 * SQLite will say better. Its other files get the mode and, made by root, the owner of this one. */
static void create_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
}

int location_sqlite_open(const char *path, struct location_sqlite **ret, char **reterr_text)
{
	struct location_sqlite *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	create_private(path);
	/* One thread at a time, but not always the same one: SQLite needs no mutex of its own. */
	err = sqlite_errno(sqlite3_open_v2(
		path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL));
	if (!err)
		err = set_up(s);
	if (err) {
		if (reterr_text) {
			struct slice text = err == -EPROTONOSUPPORT
						    ? SLICE("made by a newer version of sipcgid")
						    : slice_str(sqlite3_errmsg(s->db));

			*reterr_text = slice_dup(text);
		}
		location_sqlite_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

void location_sqlite_close(struct location_sqlite *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < Q_COUNT; i++)
		sqlite3_finalize(s->q[i]);
	sqlite3_close(s->db);
	free(s);
}

static int bind_text(sqlite3_stmt *q, int at, struct slice s)
{
	return sqlite3_bind_text(q, at, s.n ? s.p : "", (int)s.n, SQLITE_STATIC);
}

/* Runs a statement that returns no rows, and makes it ready for the next time. */
static int step(sqlite3_stmt *q)
{
	int rc = sqlite3_step(q);

	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : sqlite_errno(rc);
}

static int insert(struct location_sqlite *s, struct slice aor, int pos,
		  const struct location_binding *b)
{
	sqlite3_stmt *q = s->q[Q_INSERT];
	int rc = 0;

	rc |= bind_text(q, 1, aor);
	rc |= sqlite3_bind_int(q, 2, pos);
	rc |= bind_text(q, 3, b->contact);
	rc |= bind_text(q, 4, b->display);
	rc |= bind_text(q, 5, b->params);
	rc |= bind_text(q, 6, b->call_id);
	rc |= sqlite3_bind_int64(q, 7, b->cseq);
	rc |= bind_text(q, 8, b->path);
	rc |= bind_text(q, 9, b->received);
	rc |= sqlite3_bind_int(q, 10, b->q);
	rc |= sqlite3_bind_int64(q, 11, b->reg_id);
	rc |= sqlite3_bind_int64(q, 12, b->expires_at);
	return rc ? -ENOMEM : step(q);
}

static int write_one(struct location_sqlite *s, const struct location_write *w)
{
	struct location_iter it;
	struct location_binding b;
	int pos = 0, err;

	if (bind_text(s->q[Q_DELETE], 1, w->aor) != SQLITE_OK)
		return -ENOMEM;
	err = step(s->q[Q_DELETE]);
	location_iter_init(&it, w->set, INT64_MIN);
	while (!err && location_iter_next(&it, &b))
		err = insert(s, w->aor, pos++, &b);
	return err;
}

static int purge(struct location_sqlite *s, int64_t wall)
{
	int err;

	if (wall >= s->purged_at && wall - s->purged_at < PURGE_EVERY_MS)
		return 0;
	sqlite3_bind_int64(s->q[Q_PURGE], 1, wall);
	err = step(s->q[Q_PURGE]);
	if (!err)
		s->purged_at = wall;
	return err;
}

int location_sqlite_write(struct location_sqlite *s, const struct list *writes, int64_t wall)
{
	int err = run(s->db, "BEGIN IMMEDIATE");

	if (err)
		return err;
	LIST_EACH (writes, it) {
		err = write_one(s, location_write_of(LIST_ENTRY(it, struct rt_commit, link)));
		if (err)
			break;
	}
	if (!err)
		err = purge(s, wall);
	if (!err)
		err = run(s->db, "COMMIT");
	if (err && !sqlite3_get_autocommit(s->db))
		(void)run(s->db, "ROLLBACK");
	return err;
}

/* The bindings of one address-of-record while its rows are read. */
struct loading {
	struct location *loc;
	struct arena arena; /* their texts */
	struct slice aor;
	struct location_binding *v;
	size_t n, cap;
};

static int loaded(struct loading *l)
{
	struct location_set *set;
	int err;

	if (l->n == 0)
		return 0;
	err = location_set_new(l->aor, l->v, l->n, &set);
	if (err)
		return err;
	err = location_load(l->loc, set);
	location_set_unref(set);
	l->n = 0;
	arena_fini(&l->arena);
	arena_init(&l->arena, 0);
	return err;
}

static struct slice column(sqlite3_stmt *q, int at)
{
	const char *p = (const char *)sqlite3_column_text(q, at);

	return slice_of(p, p ? (size_t)sqlite3_column_bytes(q, at) : 0);
}

static uint32_t column_u32(sqlite3_stmt *q, int at)
{
	return (uint32_t)sqlite3_column_int64(q, at);
}

static int load_row(struct loading *l, sqlite3_stmt *q)
{
	struct slice aor = column(q, 0);
	struct location_binding *b;
	int err = 0;

	if (l->n && !slice_eq(aor, l->aor))
		err = loaded(l);
	if (err)
		return err;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		struct location_binding *v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	b = &l->v[l->n];
	*b = (struct location_binding){
		.cseq = column_u32(q, 7),
		.q = (uint16_t)column_u32(q, 8),
		.reg_id = column_u32(q, 9),
		.expires_at = sqlite3_column_int64(q, 10),
	};
	if (l->n == 0)
		err = arena_dup(&l->arena, aor, &l->aor);
	for (int i = 0; !err && i < 6; i++) {
		struct slice *const texts[] = { &b->contact, &b->display, &b->params,
						&b->call_id, &b->path,    &b->received };

		err = arena_dup(&l->arena, column(q, 1 + i), texts[i]);
	}
	if (!err)
		l->n++;
	return err;
}

int location_sqlite_load(struct location_sqlite *s, struct location *loc, int64_t wall)
{
	struct loading l = { .loc = loc };
	sqlite3_stmt *q = s->q[Q_LOAD];
	int rc = SQLITE_DONE, err;

	sqlite3_bind_int64(s->q[Q_PURGE], 1, wall);
	err = step(s->q[Q_PURGE]);
	if (err)
		return err;
	s->purged_at = wall;

	arena_init(&l.arena, 0);
	while (!err && (rc = sqlite3_step(q)) == SQLITE_ROW)
		err = load_row(&l, q);
	if (!err)
		err = rc == SQLITE_DONE ? loaded(&l) : sqlite_errno(rc);
	sqlite3_reset(q);
	arena_fini(&l.arena);
	free(l.v);
	return err;
}
