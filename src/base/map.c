/*
 * Hash table with chains. It grows by doubling once there is a node per bucket; every node keeps
 * its whole hash, so growing touches no keys and a lookup compares keys only on equal hashes.
 */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#define MAP_MIN 16

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_fini(struct map *m)
{
	if (!m)
		return;
	free(m->buckets);
	*m = (struct map){ 0 };
}

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
	return &m->buckets[hash & (m->n_buckets - 1)];
}

static int map_grow(struct map *m)
{
	size_t n = m->n_buckets ? m->n_buckets * 2 : MAP_MIN;
	struct map bigger = { .n_buckets = n, .count = m->count };

	bigger.buckets = calloc(n, sizeof(struct map_node *));
	if (!bigger.buckets)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_buckets; i++) {
		struct map_node *node = m->buckets[i];

		while (node) {
			struct map_node *next = node->next;
			struct map_node **to = bucket_of(&bigger, node->hash);

			node->next = *to;
			*to = node;
			node = next;
		}
	}
	free(m->buckets);
	*m = bigger;
	return 0;
}

int map_add(struct map *m, struct map_node *node, uint64_t hash)
{
	struct map_node **to;

	if (m->count >= m->n_buckets && map_grow(m) && !m->n_buckets)
		return -ENOMEM;
	to = bucket_of(m, hash);
	node->hash = hash;
	node->next = *to;
	*to = node;
	m->count++;
	return 0;
}

void map_del(struct map *m, struct map_node *node)
{
	struct map_node **at = bucket_of(m, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = NULL;
	m->count--;
}

struct map_node *map_first(const struct map *m, uint64_t hash)
{
	struct map_node *node;

	if (!m->n_buckets)
		return NULL;
	node = *bucket_of(m, hash);
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct map_node *map_next(const struct map_node *node)
{
	struct map_node *next = node->next;

	while (next && next->hash != node->hash)
		next = next->next;
	return next;
}

bool map_walk(const struct map *m, size_t *pos, struct map_node **node)
{
	struct map_node *next = *node ? (*node)->next : NULL;

	while (!next && *pos < m->n_buckets)
		next = m->buckets[(*pos)++];
	*node = next;
	return next != NULL;
}
