/*
 * The memory index: address-of-record to its set of bindings, and the queue of changes to each.
 *
 * A change becomes visible when the store has it. Doing it earlier would need undoing when a commit
 * fails, on top of which later changes may have been built already; waiting costs a registering
 * phone a few milliseconds and nobody else anything. The queue per address-of-record is what keeps
 * Call-ID/CSeq ordering right (RFC 3261 10.3: requests are processed in the order received).
 *
 * Expired bindings are skipped by whoever walks a set. Their memory goes with the next change of
 * their address-of-record or, by a timer, when all of its bindings have expired; their rows go when
 * the store next tidies up. So expiry never waits for a disk.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "location/location.h"

struct location_entry {
	struct map_node node;
	struct wheel_timer timer; /* when the last binding expires */
	struct location *loc;
	struct location_set *set; /* NULL: no bindings, only changes */
	struct list changes;      /* the first is the one under way */
	bool busy;                /* a change is applied, committed or reported */
};

struct location {
	struct runtime *rt;
	struct map map; /* struct location_entry */
	size_t n_aors;  /* with bindings */
	size_t n_bindings;
};

int location_new(struct runtime *rt, struct location **ret)
{
	struct location *loc = calloc(1, sizeof(*loc));

	if (!loc)
		return -ENOMEM;
	loc->rt = rt;
	map_init(&loc->map);
	*ret = loc;
	return 0;
}

static void entry_free(struct location_entry *e)
{
	rt_timer_stop(e->loc->rt, &e->timer);
	location_set_unref(e->set);
	free(e);
}

void location_free(struct location *loc)
{
	struct map_node *n = NULL, *last = NULL;
	size_t pos = 0;

	if (!loc)
		return;
	while (map_walk(&loc->map, &pos, &n)) {
		if (last)
			entry_free(CONTAINER_OF(last, struct location_entry, node));
		last = n;
	}
	if (last)
		entry_free(CONTAINER_OF(last, struct location_entry, node));
	map_fini(&loc->map);
	free(loc);
}

static struct slice entry_aor(const struct location_entry *e)
{
	if (e->set)
		return location_set_aor(e->set);
	return LIST_ENTRY(e->changes.next, struct location_change, link)->aor;
}

static struct location_entry *entry_find(const struct location *loc, struct slice aor,
					 uint64_t hash)
{
	for (struct map_node *n = map_first(&loc->map, hash); n; n = map_next(n)) {
		struct location_entry *e = CONTAINER_OF(n, struct location_entry, node);

		if (slice_eq(entry_aor(e), aor))
			return e;
	}
	return NULL;
}

static int64_t last_expiry(const struct location_set *set)
{
	struct location_iter it;
	struct location_binding b;
	int64_t last = INT64_MIN;

	location_iter_init(&it, set, INT64_MIN);
	while (location_iter_next(&it, &b)) {
		if (b.expires_at > last)
			last = b.expires_at;
	}
	return last;
}

/* Takes over the reference to @set. An empty set is none. */
static void entry_set(struct location_entry *e, struct location_set *set)
{
	struct location *loc = e->loc;
	int64_t left;

	if (set && location_set_count(set) == 0) {
		location_set_unref(set);
		set = NULL;
	}
	if (e->set) {
		loc->n_aors--;
		loc->n_bindings -= location_set_count(e->set);
		location_set_unref(e->set);
	}
	e->set = set;
	if (!set) {
		rt_timer_stop(loc->rt, &e->timer);
		return;
	}
	loc->n_aors++;
	loc->n_bindings += location_set_count(set);
	left = last_expiry(set) - loc->rt->wall;
	rt_timer_in(loc->rt, &e->timer, left > 0 ? (uint64_t)left : 0);
}

/* An entry that says nothing goes. Its key may be gone already, so only the node is used. */
static void entry_settle(struct location_entry *e)
{
	if (e->set || e->busy || !list_empty(&e->changes))
		return;
	map_del(&e->loc->map, &e->node);
	entry_free(e);
}

static void entry_expired(struct wheel_timer *t)
{
	struct location_entry *e = CONTAINER_OF(t, struct location_entry, timer);
	int64_t left = last_expiry(e->set) - e->loc->rt->wall;

	/* The wall clock may have been set back meanwhile. */
	if (left > 0) {
		rt_timer_in(e->loc->rt, t, (uint64_t)left);
		return;
	}
	/* With a change under way the key must stay readable: the change has it. */
	entry_set(e, NULL);
	entry_settle(e);
}

static struct location_entry *entry_new(struct location *loc, uint64_t hash)
{
	struct location_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->loc = loc;
	e->timer.fire = entry_expired;
	list_init(&e->changes);
	if (map_add(&loc->map, &e->node, hash) < 0) {
		free(e);
		return NULL;
	}
	return e;
}

struct location_set *location_find(const struct location *loc, struct slice aor)
{
	struct location_entry *e = entry_find(loc, aor, slice_hash(aor, loc->rt->seed));

	return e ? e->set : NULL;
}

size_t location_count(const struct location *loc, size_t *ret_bindings)
{
	if (ret_bindings)
		*ret_bindings = loc->n_bindings;
	return loc->n_aors;
}

int location_load(struct location *loc, struct location_set *set)
{
	struct slice aor = location_set_aor(set);
	uint64_t hash = slice_hash(aor, loc->rt->seed);
	struct location_entry *e = entry_find(loc, aor, hash);

	if (!e)
		e = entry_new(loc, hash);
	if (!e)
		return -ENOMEM;
	entry_set(e, location_set_ref(set));
	entry_settle(e);
	return 0;
}

static void change_committed(struct rt_commit *commit, int err);

/* Carries out what is queued until one has to wait for the store. */
static void entry_run(struct location_entry *e)
{
	while (!list_empty(&e->changes)) {
		struct location_change *c =
			LIST_ENTRY(e->changes.next, struct location_change, link);
		int err;

		c->next = NULL;
		err = c->apply(c, e->set, &c->next);
		if (!err) {
			c->write = (struct location_write){
				.commit.done = change_committed,
				.aor = c->aor,
				.set = c->next,
			};
			e->loc->rt->ops->commit(e->loc->rt, &c->write.commit);
			return;
		}
		/* The node's key is only looked at by entry_find(), which done may cause: without
		 * bindings and with nothing else queued the entry must not be found by then. */
		list_del(&c->link);
		c->entry = NULL;
		if (!e->set && list_empty(&e->changes)) {
			map_del(&e->loc->map, &e->node);
			entry_free(e);
			c->done(c, err, NULL);
			return;
		}
		c->done(c, err, e->set);
	}
	e->busy = false;
	entry_settle(e);
}

static void change_committed(struct rt_commit *commit, int err)
{
	struct location_change *c =
		CONTAINER_OF(location_write_of(commit), struct location_change, write);
	struct location_entry *e = c->entry;
	struct location_set *next = TAKE_PTR(c->next);

	if (err)
		location_set_unref(next);
	else
		entry_set(e, next);
	list_del(&c->link);
	c->entry = NULL;
	if (!e->set && list_empty(&e->changes)) {
		map_del(&e->loc->map, &e->node);
		entry_free(e);
		c->done(c, err, NULL);
		return;
	}
	c->done(c, err, e->set);
	entry_run(e);
}

int location_change_start(struct location *loc, struct location_change *c)
{
	uint64_t hash = slice_hash(c->aor, loc->rt->seed);
	struct location_entry *e = entry_find(loc, c->aor, hash);

	if (!e)
		e = entry_new(loc, hash);
	if (!e)
		return -ENOMEM;
	c->entry = e;
	list_push_back(&e->changes, &c->link);
	if (!e->busy) {
		e->busy = true;
		entry_run(e);
	}
	return 0;
}

void location_change_forget(struct location_change *c)
{
	struct location_entry *e = c->entry;

	if (!e)
		return;
	if (e->changes.next == &c->link)
		e->busy = false;
	list_del(&c->link);
	c->entry = NULL;
	location_set_unref(TAKE_PTR(c->next));
	entry_settle(e);
}

void location_show(const struct location *loc, struct buf *out)
{
	struct map_node *n = NULL;
	size_t pos = 0;

	while (map_walk(&loc->map, &pos, &n)) {
		struct location_entry *e = CONTAINER_OF(n, struct location_entry, node);
		struct location_iter it;
		struct location_binding b;

		location_iter_init(&it, e->set, loc->rt->wall);
		while (location_iter_next(&it, &b)) {
			buf_slice(out, location_set_aor(e->set));
			buf_char(out, ' ');
			location_contact_text(&b, loc->rt->wall, out);
			buf_str(out, " source=");
			buf_slice(out, b.received.n ? b.received : SLICE("unknown"));
			buf_char(out, '\n');
		}
	}
}
