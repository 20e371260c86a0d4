/*
 * The timer wheel. A timer's place follows from its time and now alone: the level is that of the
 * highest byte in which they differ, the slot is that byte of its time. So on every level only
 * slots after the current one are in use, the first level in use holds the earliest timer, and a
 * slot is spread over the levels below exactly when now reaches its first millisecond, before
 * anything can be set there directly. That keeps timers of one millisecond in the order in which
 * they were set.
 */
#include "base/wheel.h"

#define WHEEL_SPAN (WHEEL_BITS * WHEEL_LEVELS)

void wheel_init(struct wheel *w, uint64_t now)
{
	*w = (struct wheel){ .now = now, .far_first = WHEEL_NEVER };
	for (unsigned level = 0; level < WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&w->slots[level][slot]);
	list_init(&w->far);
}

static void mark(struct wheel *w, unsigned level, unsigned slot)
{
	w->used[level][slot / 64] |= UINT64_C(1) << (slot % 64);
}

static void unmark(struct wheel *w, unsigned level, unsigned slot)
{
	w->used[level][slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

static unsigned slot_of(uint64_t at, unsigned level)
{
	return (unsigned)(at >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1);
}

/* t->at is not before now. */
static void place(struct wheel *w, struct wheel_timer *t)
{
	uint64_t differ = t->at ^ w->now;
	unsigned level, slot;

	if (differ >> WHEEL_SPAN) {
		list_push_back(&w->far, &t->link);
		if (t->at < w->far_first)
			w->far_first = t->at;
		return;
	}
	level = differ ? (63 - (unsigned)__builtin_clzll(differ)) / WHEEL_BITS : 0;
	slot = slot_of(t->at, level);
	list_push_back(&w->slots[level][slot], &t->link);
	mark(w, level, slot);
}

void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t at)
{
	wheel_cancel(w, t);
	t->at = at > w->now ? at : w->now + 1;
	w->count++;
	place(w, t);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	struct list *head = t->link.next;
	bool last = head == t->link.prev;
	uintptr_t place_of, first = (uintptr_t)w->slots;

	if (!wheel_is_set(t))
		return;
	list_del(&t->link);
	w->count--;
	/* A lone node's neighbour is the head, and the head's address tells which slot it is. */
	place_of = (uintptr_t)head;
	if (last && place_of >= first && place_of < first + sizeof(w->slots)) {
		size_t i = (place_of - first) / sizeof(struct list);

		unmark(w, (unsigned)(i / WHEEL_SLOTS), (unsigned)(i % WHEEL_SLOTS));
	}
}

/* The lowest used slot of a level, or WHEEL_SLOTS. */
static unsigned first_used(const struct wheel *w, unsigned level)
{
	for (unsigned i = 0; i < WHEEL_SLOTS / 64; i++)
		if (w->used[level][i])
			return i * 64 + (unsigned)__builtin_ctzll(w->used[level][i]);
	return WHEEL_SLOTS;
}

uint64_t wheel_next(const struct wheel *w)
{
	if (w->count == 0)
		return WHEEL_NEVER;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned slot = first_used(w, level);
		unsigned shift = level * WHEEL_BITS;

		if (slot < WHEEL_SLOTS)
			return w->now >> (shift + WHEEL_BITS) << (shift + WHEEL_BITS) |
			       (uint64_t)slot << shift;
	}
	return w->far_first >> WHEEL_SPAN << WHEEL_SPAN;
}

/* Spreads the timers of a slot that now has been reached; they go to lower levels. */
static void cascade(struct wheel *w, unsigned level)
{
	unsigned slot = slot_of(w->now, level);
	struct list moving;

	list_init(&moving);
	list_splice(&moving, &w->slots[level][slot]);
	unmark(w, level, slot);
	for (struct list *n; (n = list_pop(&moving));)
		place(w, LIST_ENTRY(n, struct wheel_timer, link));
}

/* The same for the far ones; those still far stay, in their order. */
static void cascade_far(struct wheel *w)
{
	struct list moving;

	list_init(&moving);
	list_splice(&moving, &w->far);
	w->far_first = WHEEL_NEVER;
	for (struct list *n; (n = list_pop(&moving));)
		place(w, LIST_ENTRY(n, struct wheel_timer, link));
}

static void fire(struct wheel *w)
{
	struct list *due = &w->slots[0][slot_of(w->now, 0)];

	/* Nothing is added here meanwhile: what is set now is due after now. */
	while (!list_empty(due)) {
		struct wheel_timer *t = LIST_ENTRY(due->next, struct wheel_timer, link);

		wheel_cancel(w, t);
		t->fire(t);
	}
}

void wheel_advance(struct wheel *w, uint64_t now)
{
	while (w->now < now) {
		uint64_t next = wheel_next(w);

		if (next > now || w->count == 0) {
			w->now = now;
			return;
		}
		w->now = next;
		if (w->far_first >> WHEEL_SPAN == next >> WHEEL_SPAN)
			cascade_far(w);
		for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--)
			if (!list_empty(&w->slots[level][slot_of(next, level)]))
				cascade(w, level);
		fire(w);
	}
}
