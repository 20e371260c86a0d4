/*
 * The users in SQLite: `sipcgi user` writes, the daemon reads and notices. All functions block; a
 * store is used by one thread at a time.
 */
#ifndef SIPCGID_AUTH_USERS_SQLITE_H
#define SIPCGID_AUTH_USERS_SQLITE_H

#include "auth/users.h"

struct users_sqlite;

/*
 * Opens or creates the file and its tables. -EPROTONOSUPPORT: the file is from a newer program;
 * -EBADMSG: no database or a broken one; -EACCES, -ENOENT, -EIO, -ENOSPC, -ENOMEM.
 * *reterr_text (may be NULL) says why; free() it.
 */
int users_sqlite_open(const char *path, struct users_sqlite **ret, char **reterr_text);
void users_sqlite_close(struct users_sqlite *db);
/* Why the last call failed; valid until the next call. */
const char *users_sqlite_error(const struct users_sqlite *db);

/* Has anything changed since the last load? Costs a few microseconds: call it every second or
 * so. True also when it cannot be told. */
bool users_sqlite_changed(struct users_sqlite *db);
/* All users, in a new index for the caller (users_free). */
int users_sqlite_load(struct users_sqlite *db, uint64_t seed, struct users **ret);

/* @replace false: -EEXIST if there is one of that name; true: -ENOENT if there is none. */
int users_sqlite_put(struct users_sqlite *db, const struct user *user, int64_t now, bool replace);
int users_sqlite_del(struct users_sqlite *db, struct slice name, struct slice domain); /* -ENOENT */
/* One transaction around several calls; ended with @commit false, none of them happened. */
int users_sqlite_begin(struct users_sqlite *db);
int users_sqlite_end(struct users_sqlite *db, bool commit);
/* A hash written in hexadecimal, exactly @len bytes of it (32 at most); false, @out untouched, if
 * it is not. */
bool users_parse_hash(struct slice hex, uint8_t *out, size_t len);
/* Those of @domain, or all when it is empty, in the order of domain and name; @fn returns not 0 to
 * stop, which is returned. */
typedef int users_each_fn(void *arg, const struct user *user, int64_t created);
int users_sqlite_each(struct users_sqlite *db, struct slice domain, users_each_fn *fn, void *arg);

#endif
