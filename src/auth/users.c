/* The users in memory: a hash table by name and domain, built once and then only read. */
#include <errno.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "auth/users.h"
#include "base/cleanup.h"
#include "base/map.h"

struct node {
	struct map_node node;
	struct user user;
	char text[]; /* name, domain */
};

struct users {
	struct map map; /* struct node */
	uint64_t seed;
};

int users_new(uint64_t seed, struct users **ret)
{
	struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->seed = seed;
	map_init(&u->map);
	*ret = u;
	return 0;
}

void users_free(struct users *u)
{
	struct map_node *n = NULL, *last = NULL;
	size_t pos = 0;

	if (!u)
		return;
	while (map_walk(&u->map, &pos, &n)) {
		if (last)
			free(CONTAINER_OF(last, struct node, node));
		last = n;
	}
	if (last)
		free(CONTAINER_OF(last, struct node, node));
	map_fini(&u->map);
	free(u);
}

static uint64_t user_hash(const struct users *u, struct slice name, struct slice domain)
{
	return slice_hash(name, slice_ihash(domain, u->seed));
}

static struct node *node_find(const struct users *u, struct slice name, struct slice domain,
			      uint64_t hash)
{
	for (struct map_node *n = map_first(&u->map, hash); n; n = map_next(n)) {
		struct node *node = CONTAINER_OF(n, struct node, node);

		if (slice_eq(node->user.name, name) && slice_ieq(node->user.domain, domain))
			return node;
	}
	return NULL;
}

int users_add(struct users *u, const struct user *user)
{
	uint64_t hash = user_hash(u, user->name, user->domain);
	struct node *old = node_find(u, user->name, user->domain, hash);
	struct node *n = malloc(sizeof(*n) + user->name.n + user->domain.n);
	char *domain;

	if (!n)
		return -ENOMEM;
	*n = (struct node){ .user = *user };
	domain = n->text + user->name.n;
	if (user->name.n)
		memcpy(n->text, user->name.p, user->name.n);
	for (size_t i = 0; i < user->domain.n; i++)
		domain[i] = slice_lower(user->domain.p[i]);
	n->user.name = slice_of(n->text, user->name.n);
	n->user.domain = slice_of(domain, user->domain.n);
	if (map_add(&u->map, &n->node, hash) < 0) {
		free(n);
		return -ENOMEM;
	}
	if (old) {
		map_del(&u->map, &old->node);
		free(old);
	}
	return 0;
}

const struct user *users_find(const struct users *u, struct slice name, struct slice domain)
{
	struct node *n = node_find(u, name, domain, user_hash(u, name, domain));

	return n ? &n->user : NULL;
}

size_t users_count(const struct users *u)
{
	return u->map.count;
}

int user_set_password(struct user *user, struct slice password)
{
	uint8_t md5[DIGEST_MAX], sha256[DIGEST_MAX];
	int err = digest_ha1(DIGEST_MD5, user->name, user->domain, password, md5);

	if (!err)
		err = digest_ha1(DIGEST_SHA256, user->name, user->domain, password, sha256);
	if (err)
		return err;
	memcpy(user->ha1_md5, md5, sizeof(user->ha1_md5));
	memcpy(user->ha1_sha256, sha256, sizeof(user->ha1_sha256));
	user->has_md5 = user->has_sha256 = true;
	return 0;
}
