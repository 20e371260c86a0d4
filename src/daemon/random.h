/* Unpredictable bytes for one worker, fetched from the kernel in portions. Not thread-safe. */
#ifndef SIPCGID_DAEMON_RANDOM_H
#define SIPCGID_DAEMON_RANDOM_H

#include <stddef.h>

#define RANDOM_POOL 4096

/* Zero it to begin. */
struct random_pool {
	size_t left; /* unused bytes, at the end of @bytes */
	unsigned char bytes[RANDOM_POOL];
};

/* Ends the process if the kernel has none: nothing that we sign or name would be safe. */
void random_fill(struct random_pool *pool, void *p, size_t n);

#endif
