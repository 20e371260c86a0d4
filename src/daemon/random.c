/*
 * Random bytes: getrandom(2) in portions, since branches, tags and identifiers want eight bytes at
 * a time and a system call for each would be felt. Bytes handed out are erased from the pool.
 */
#include "daemon/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void fetch(unsigned char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got == -1 && errno != EINTR)
			abort();
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

void random_fill(struct random_pool *pool, void *p, size_t n)
{
	unsigned char *from;

	if (n > sizeof(pool->bytes)) {
		fetch(p, n);
		return;
	}
	if (n > pool->left) {
		fetch(pool->bytes, sizeof(pool->bytes));
		pool->left = sizeof(pool->bytes);
	}
	from = pool->bytes + sizeof(pool->bytes) - pool->left;
	memcpy(p, from, n);
	explicit_bzero(from, n);
	pool->left -= n;
}
