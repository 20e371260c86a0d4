/*
 * Bindings in SQLite: what is on disk is what was acknowledged. All functions block; a store is
 * used by one thread at a time, not always the same.
 */
#ifndef SIPCGID_LOCATION_SQLITE_H
#define SIPCGID_LOCATION_SQLITE_H

#include "location/location.h"

struct location_sqlite;

/*
 * Opens or creates the file with write-ahead log and full synchronisation, and its tables.
 * -EPROTONOSUPPORT: the file is from a newer program; -EBADMSG: no database or a broken one;
 * -EACCES, -ENOENT, -EIO, -ENOSPC, -ENOMEM. *reterr_text (may be NULL) says why; free() it.
 */
int location_sqlite_open(const char *path, struct location_sqlite **ret, char **reterr_text);
void location_sqlite_close(struct location_sqlite *db);

/* Puts every binding that has not expired at @wall into @loc, and deletes the others. */
int location_sqlite_load(struct location_sqlite *db, struct location *loc, int64_t wall);

/*
 * Carries out all writes (struct location_write, linked by commit.link) in their order, in one
 * transaction: all are on disk when it returns 0, none is after a negative errno. Calls no
 * callbacks. Deletes expired rows (at @wall) now and then.
 */
int location_sqlite_write(struct location_sqlite *db, const struct list *writes, int64_t wall);

#endif
