/*
 * Who is where: bindings by canonical address-of-record (as sip_uri_aor() makes it). A memory
 * index that is asked synchronously and without allocation, in front of a store that has every
 * binding before anybody is told of it.
 *
 * Changes of one address-of-record are carried out one after the other in the order they were
 * asked for, each on what the one before it left. The index shows a change when it is committed,
 * not before, so index and disk never differ for longer than the commit takes.
 */
#ifndef SIPCGID_LOCATION_LOCATION_H
#define SIPCGID_LOCATION_LOCATION_H

#include "base/buf.h"
#include "base/runtime.h"
#include "location/binding.h"

struct location;

/* An empty index. -ENOMEM. */
int location_new(struct runtime *rt, struct location **ret);
/* The owners of changes under way have called location_change_forget() on them before. */
void location_free(struct location *loc);

/*
 * The bindings of @aor, or NULL if it has none. Borrowed until the event being handled is over;
 * take a reference to keep them. Walk them with location_iter_init(.., rt->wall): some of them
 * may have expired.
 */
struct location_set *location_find(const struct location *loc, struct slice aor);
/* Addresses-of-record that have bindings, *ret_bindings how many (expired ones may be in it). */
size_t location_count(const struct location *loc, size_t *ret_bindings);
/* Puts what was loaded from the store into the index; replaces. -ENOMEM. Keeps a reference. */
int location_load(struct location *loc, struct location_set *set);

/*
 * What rt->ops->commit() is given by this module, and nothing else is: replace all rows of @aor
 * by those of @set. The store may read both from another thread until it calls commit.done.
 */
struct location_write {
	struct rt_commit commit;
	struct slice aor;
	const struct location_set *set; /* NULL or empty: no bindings are left */
};

static inline struct location_write *location_write_of(struct rt_commit *c)
{
	return CONTAINER_OF(c, struct location_write, commit);
}

/*
 * One change, embedded by who wants it. Set aor, apply and done; the rest is the index's. The
 * memory and the bytes of @aor must live until @done returns.
 */
struct location_change {
	struct slice aor;
	/*
	 * Its turn has come: @now are the present bindings (NULL: none). 0 with *ret_next (a
	 * reference for the index, NULL for none at all) to commit it, or -ECANCELED to change
	 * nothing (done is called with it), or another negative errno, with the same effect. May be
	 * called from within location_change_start().
	 */
	int (*apply)(struct location_change *c, struct location_set *now,
		     struct location_set **ret_next);
	/*
	 * Exactly once: 0 with the bindings as they are now (borrowed, NULL: none), or what apply
	 * said, or why the commit failed; then nothing changed. May free @c. May be called from
	 * within location_change_start() if apply refused.
	 */
	void (*done)(struct location_change *c, int err, struct location_set *set);

	struct location_entry *entry;
	struct list link;
	struct location_set *next;
	struct location_write write;
};

/* -ENOMEM: neither callback comes. */
int location_change_start(struct location *loc, struct location_change *c);

/*
 * Takes back a change without any callback, at the end of everything: the runtime must have let go
 * of it. Nothing happens if it is not under way.
 */
void location_change_forget(struct location_change *c);

/* One line per binding: AoR, contact, seconds left, source. */
void location_show(const struct location *loc, struct buf *out);

#endif
