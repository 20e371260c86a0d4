/*
 * Memory that is freed at once. What lives as long as a transaction comes from its arena.
 * Blocks are aligned for any type. Not thread-safe.
 */
#ifndef SIPCGID_BASE_ARENA_H
#define SIPCGID_BASE_ARENA_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/slice.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk; /* newest first */
	size_t chunk_size;         /* bytes asked from malloc at a time */
	size_t total;              /* bytes held, for accounting */
};

/* Allocates nothing yet. @chunk_size 0 means 1 KiB. */
void arena_init(struct arena *a, size_t chunk_size);
void arena_fini(struct arena *a);
/* NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
/* Copies; -ENOMEM leaves *ret untouched. An empty slice is copied as empty. */
int arena_dup(struct arena *a, struct slice s, struct slice *ret);
/* The parts behind one another; -ENOMEM leaves *ret untouched. */
int arena_join(struct arena *a, struct slice *ret, const struct slice *parts, size_t n);
#define ARENA_JOIN(a, ret, ...)                                                                    \
	arena_join((a), (ret), (const struct slice[]){ __VA_ARGS__ },                              \
		   ARRAY_LEN(((const struct slice[]){ __VA_ARGS__ })))
/* printf into the arena; -ENOMEM leaves *ret untouched. A %s ends at a NUL: what came from the
 * network may have one (RFC 4475 3.1.1.2) and is joined instead. */
int arena_printf(struct arena *a, struct slice *ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
