/*
 * Hierarchical timer wheel: set and cancel in O(1), resolution 1 ms, range any uint64_t.
 * Holds no clock: the owner says what time it is. Times are milliseconds on a clock that only
 * goes forward. A timer fires never before its time; timers of the same millisecond fire in the
 * order they were set.
 */
#ifndef SIPCGID_BASE_WHEEL_H
#define SIPCGID_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define WHEEL_BITS 8
#define WHEEL_SLOTS (1u << WHEEL_BITS)
#define WHEEL_LEVELS 4

struct wheel_timer {
	struct list link; /* zeroed when not set */
	uint64_t at;      /* ms */
	/* May set, cancel or free any timer, this one too (it is no longer set when called). */
	void (*fire)(struct wheel_timer *t);
};

struct wheel {
	uint64_t now; /* every timer due at or before this has fired */
	size_t count;
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
	uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit per slot that is not empty */
	struct list far;    /* beyond the last level: another 2^32 ms than now */
	uint64_t far_first; /* not after the earliest of them */
};

#define WHEEL_NEVER UINT64_MAX

void wheel_init(struct wheel *w, uint64_t now);
/* (Re)arms @t, with t->fire set, for @at; a time not after w->now becomes the millisecond after it.
 */
void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t at);
/* Nothing happens if it is not set. */
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
/* Fires everything due up to and including @now. Must not be called from a timer. */
void wheel_advance(struct wheel *w, uint64_t now);
/* A time not after the earliest timer and after w->now: how long the loop may sleep; WHEEL_NEVER
 * if none is set. May be early (a cascade), never late. */
uint64_t wheel_next(const struct wheel *w);

static inline bool wheel_is_set(const struct wheel_timer *t)
{
	return list_linked(&t->link);
}

#endif
