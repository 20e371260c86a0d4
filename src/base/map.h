/*
 * Intrusive hash table, chained. The caller embeds a node, brings the (keyed) hash and compares
 * the keys of nodes that share a hash:
 *
 *     for (struct map_node *n = map_first(&m, hash); n; n = map_next(n)) { ... }
 */
#ifndef SIPCGID_BASE_MAP_H
#define SIPCGID_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t n_buckets; /* a power of two, or 0 before the first node */
	size_t count;
};

/* Allocates nothing. map_fini() frees the table, never the nodes. */
void map_init(struct map *m);
void map_fini(struct map *m);
/*
 * -ENOMEM only if the very first table cannot be had; a table that cannot grow gets longer
 * chains instead.
 */
int map_add(struct map *m, struct map_node *node, uint64_t hash);
/* The node must be in @m. */
void map_del(struct map *m, struct map_node *node);
struct map_node *map_first(const struct map *m, uint64_t hash);
struct map_node *map_next(const struct map_node *node);
/* All nodes, in no order: start with *@pos = 0 and *@node = NULL. The node may be deleted by
 * the caller once map_walk() has moved past it. */
bool map_walk(const struct map *m, size_t *pos, struct map_node **node);

#endif
