/*
 * Group commit: at most one batch of writes is under way, on a thread of libuv's pool; all that
 * arrives meanwhile is the next batch. So a commit costs latency, but next to no throughput.
 */
#ifndef SIPCGID_DAEMON_COMMIT_UV_H
#define SIPCGID_DAEMON_COMMIT_UV_H

#include <uv.h>

#include "location/sqlite.h"

struct commit_uv;

/* @rt: whose wall clock is taken and whose metrics count; @db must live until commit_uv_free();
 * NULL: nothing is written and every commit succeeds (a server without a database). */
int commit_uv_new(uv_loop_t *loop, struct runtime *rt, struct location_sqlite *db,
		  struct commit_uv **ret);
/* For rt_ops.commit: @c is a struct location_write. */
void commit_uv_add(struct commit_uv *cu, struct rt_commit *c);
/*
 * Called on the loop's thread before any done callback of a batch and after the last one, so that
 * the owner can set rt->now and flush what was sent. May be NULL.
 */
void commit_uv_set_hooks(struct commit_uv *cu, void (*before)(void *arg), void (*after)(void *arg),
			 void *arg);
bool commit_uv_idle(const struct commit_uv *cu);
/* Waits for the batch under way and carries out what still waits; all done callbacks are called
 * before it returns. Does not run the loop. */
void commit_uv_flush(struct commit_uv *cu);
/* Flushes first. The loop must run once more afterwards: the last memory is freed there. */
void commit_uv_free(struct commit_uv *cu);

#endif
