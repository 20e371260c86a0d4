/*
 * Users in SQLite. The daemon shares the file with the bindings it writes itself, so "somebody
 * else changed the file" (PRAGMA data_version) is no more than a hint: a serial number, kept by
 * triggers so that changes made by hand count too, says whether it was the users.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/users_sqlite.h"
#include "base/cleanup.h"

#define SCHEMA_VERSION 1
#define BUSY_TIMEOUT_MS 5000

enum { Q_DATA_VERSION, Q_SERIAL, Q_EACH, Q_EACH_OF, Q_INSERT, Q_UPDATE, Q_DELETE, Q_COUNT };

#define COLUMNS "name, domain, ha1_md5, ha1_sha256, created"

static const char *const queries[Q_COUNT] = {
	[Q_DATA_VERSION] = "PRAGMA data_version",
	[Q_SERIAL] = "SELECT serial FROM users_serial",
	[Q_EACH] = ("SELECT " COLUMNS " FROM users ORDER BY domain, name"),
	[Q_EACH_OF] = ("SELECT " COLUMNS " FROM users WHERE domain = ?1 ORDER BY name"),
	[Q_INSERT] = "INSERT INTO users (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)",
	[Q_UPDATE] = ("UPDATE users SET ha1_md5 = ?3, ha1_sha256 = ?4"
		      " WHERE name = ?1 AND domain = ?2"),
	[Q_DELETE] = "DELETE FROM users WHERE name = ?1 AND domain = ?2",
};

/* Hashes are lower-case hexadecimal, NULL when there is none. schema_version is shared with the
 * tables of the bindings: a row for each component. */
static const char schema[] =
	"CREATE TABLE IF NOT EXISTS schema_version ("
	" component TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS users ("
	" name TEXT NOT NULL, domain TEXT NOT NULL, ha1_md5 TEXT, ha1_sha256 TEXT,"
	" created INTEGER NOT NULL, PRIMARY KEY (domain, name)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS users_serial (serial INTEGER NOT NULL);"
	"INSERT INTO users_serial SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM users_serial);"
	"CREATE TRIGGER IF NOT EXISTS users_inserted AFTER INSERT ON users"
	" BEGIN UPDATE users_serial SET serial = serial + 1; END;"
	"CREATE TRIGGER IF NOT EXISTS users_updated AFTER UPDATE ON users"
	" BEGIN UPDATE users_serial SET serial = serial + 1; END;"
	"CREATE TRIGGER IF NOT EXISTS users_deleted AFTER DELETE ON users"
	" BEGIN UPDATE users_serial SET serial = serial + 1; END;"
	"INSERT OR IGNORE INTO schema_version VALUES ('users', 1);";

struct users_sqlite {
	sqlite3 *db;
	sqlite3_stmt *q[Q_COUNT];
	int64_t data_version; /* when last looked at; 0: never */
	int64_t serial;       /* when last loaded; 0: never */
};

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
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	default:
		return -EIO;
	}
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* The first column of the only row. */
static int number(sqlite3_stmt *q, int64_t *ret)
{
	int rc = sqlite3_step(q);
	int err = rc == SQLITE_DONE ? -EBADMSG : sqlite_errno(rc);

	if (!err)
		*ret = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return err;
}

static int check_version(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	int64_t version = 0;
	int rc = sqlite3_prepare_v2(
		db, "SELECT version FROM schema_version WHERE component = 'users'", -1, &st, NULL);
	int err = rc == SQLITE_OK ? number(st, &version) : sqlite_errno(rc);

	sqlite3_finalize(st);
	if (!err && version > SCHEMA_VERSION)
		err = -EPROTONOSUPPORT;
	return err;
}

static int set_up(struct users_sqlite *s)
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
	for (size_t i = 0; !err && i < Q_COUNT; i++)
		err = sqlite_errno(sqlite3_prepare_v3(s->db, queries[i], -1,
						      SQLITE_PREPARE_PERSISTENT, &s->q[i], NULL));
	return err;
}

/* SQLite would create it readable for everybody, and there are secrets in it. What goes wrong here
 * SQLite will say better. Its other files get the mode and, made by root, the owner of this one. */
static void create_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
}

int users_sqlite_open(const char *path, struct users_sqlite **ret, char **reterr_text)
{
	struct users_sqlite *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	create_private(path);
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
		users_sqlite_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

void users_sqlite_close(struct users_sqlite *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < Q_COUNT; i++)
		sqlite3_finalize(s->q[i]);
	sqlite3_close(s->db);
	free(s);
}

const char *users_sqlite_error(const struct users_sqlite *s)
{
	return sqlite3_errmsg(s->db);
}

bool users_sqlite_changed(struct users_sqlite *s)
{
	int64_t data_version = 0, serial = 0;

	if (number(s->q[Q_DATA_VERSION], &data_version) < 0)
		return true;
	/* Changes through this very connection do not show in data_version: whoever makes them
	 * resets it. */
	if (data_version == s->data_version)
		return false;
	if (number(s->q[Q_SERIAL], &serial) < 0 || serial != s->serial)
		return true;
	s->data_version = data_version;
	return false;
}

static struct slice column(sqlite3_stmt *q, int at)
{
	const char *p = (const char *)sqlite3_column_text(q, at);

	return slice_of(p, p ? (size_t)sqlite3_column_bytes(q, at) : 0);
}

/* Value of a hexadecimal digit plus one; 0: it is none. A table, because every user has 96. */
static const uint8_t hex_value[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool users_parse_hash(struct slice hex, uint8_t *out, size_t len)
{
	uint8_t raw[USERS_SHA256_LEN];

	if (len > sizeof(raw) || hex.n != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t hi = hex_value[(uint8_t)hex.p[2 * i]];
		uint8_t lo = hex_value[(uint8_t)hex.p[2 * i + 1]];

		if (!hi || !lo)
			return false;
		raw[i] = (uint8_t)((hi - 1) << 4 | (lo - 1));
	}
	memcpy(out, raw, len);
	return true;
}

static int each(sqlite3_stmt *q, users_each_fn *fn, void *arg)
{
	int rc = SQLITE_DONE, err = 0;

	while (!err && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct user u = { .name = column(q, 0), .domain = column(q, 1) };

		u.has_md5 = users_parse_hash(column(q, 2), u.ha1_md5, sizeof(u.ha1_md5));
		u.has_sha256 = users_parse_hash(column(q, 3), u.ha1_sha256, sizeof(u.ha1_sha256));
		err = fn(arg, &u, sqlite3_column_int64(q, 4));
	}
	if (!err)
		err = sqlite_errno(rc);
	sqlite3_reset(q);
	return err;
}

int users_sqlite_each(struct users_sqlite *s, struct slice domain, users_each_fn *fn, void *arg)
{
	if (domain.n == 0)
		return each(s->q[Q_EACH], fn, arg);
	sqlite3_bind_text(s->q[Q_EACH_OF], 1, domain.p, (int)domain.n, SQLITE_STATIC);
	return each(s->q[Q_EACH_OF], fn, arg);
}

static int add_user(void *arg, const struct user *user, int64_t created)
{
	(void)created;
	return users_add(arg, user);
}

int users_sqlite_load(struct users_sqlite *s, uint64_t seed, struct users **ret)
{
	struct users *u = NULL;
	int64_t data_version = 0, serial = 0;
	int err = users_new(seed, &u);

	if (err)
		return err;
	/* One snapshot for the serial number and the rows. data_version is read first: if something
	 * changes right after, it is looked at once too often, never once too rarely. */
	err = number(s->q[Q_DATA_VERSION], &data_version);
	if (!err)
		err = run(s->db, "BEGIN");
	if (err) {
		users_free(u);
		return err;
	}
	err = number(s->q[Q_SERIAL], &serial);
	if (!err)
		err = each(s->q[Q_EACH], add_user, u);
	(void)run(s->db, "COMMIT");
	if (err) {
		users_free(u);
		return err;
	}
	s->data_version = data_version;
	s->serial = serial;
	*ret = u;
	return 0;
}

static void hex_text(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
}

static int bind_key(sqlite3_stmt *q, struct slice name, struct slice domain)
{
	int rc = sqlite3_bind_text(q, 1, name.n ? name.p : "", (int)name.n, SQLITE_STATIC);

	rc |= sqlite3_bind_text(q, 2, domain.n ? domain.p : "", (int)domain.n, SQLITE_STATIC);
	return rc ? -ENOMEM : 0;
}

static int change(struct users_sqlite *s, sqlite3_stmt *q)
{
	int rc = sqlite3_step(q);

	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	s->data_version = 0;
	if (rc != SQLITE_DONE)
		return sqlite_errno(rc);
	return sqlite3_changes(s->db) ? 0 : -ENOENT;
}

int users_sqlite_put(struct users_sqlite *s, const struct user *user, int64_t now, bool replace)
{
	sqlite3_stmt *q = s->q[replace ? Q_UPDATE : Q_INSERT];
	char md5[2 * USERS_MD5_LEN], sha256[2 * USERS_SHA256_LEN];
	int err = bind_key(q, user->name, user->domain);
	int rc = SQLITE_OK;

	if (err)
		return err;
	hex_text(user->ha1_md5, USERS_MD5_LEN, md5);
	hex_text(user->ha1_sha256, USERS_SHA256_LEN, sha256);
	if (user->has_md5)
		rc |= sqlite3_bind_text(q, 3, md5, sizeof(md5), SQLITE_STATIC);
	if (user->has_sha256)
		rc |= sqlite3_bind_text(q, 4, sha256, sizeof(sha256), SQLITE_STATIC);
	if (!replace)
		rc |= sqlite3_bind_int64(q, 5, now);
	return rc ? -ENOMEM : change(s, q);
}

int users_sqlite_del(struct users_sqlite *s, struct slice name, struct slice domain)
{
	int err = bind_key(s->q[Q_DELETE], name, domain);

	return err ? err : change(s, s->q[Q_DELETE]);
}

int users_sqlite_begin(struct users_sqlite *s)
{
	return run(s->db, "BEGIN IMMEDIATE");
}

int users_sqlite_end(struct users_sqlite *s, bool commit)
{
	int err = run(s->db, commit ? "COMMIT" : "ROLLBACK");

	if (err && !sqlite3_get_autocommit(s->db))
		(void)run(s->db, "ROLLBACK");
	return err;
}
