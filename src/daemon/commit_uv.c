/*
 * Group commit on libuv's thread pool. The pool thread sees only the batch, which nobody else
 * touches meanwhile, and the database, which only batches use.
 *
 * The batch's end is told twice: by a flag under a mutex, for commit_uv_flush(), which must not
 * depend on a running loop, and by libuv's callback. Whoever comes first delivers.
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/commit_uv.h"

struct commit_uv {
	uv_loop_t *loop;
	struct runtime *rt;
	struct location_sqlite *db;
	struct list waiting;
	struct list batch; /* while under way: the pool thread's */
	bool under_way;    /* from queueing to delivery */
	bool work_pending; /* from queueing to libuv's callback */
	bool freed;        /* commit_uv_free() was called: the callback frees */
	int64_t wall;      /* when the batch was queued */
	uv_work_t work;
	void (*before)(void *arg);
	void (*after)(void *arg);
	void *arg;

	uv_mutex_t lock;
	uv_cond_t ended_cond;
	bool ended; /* under the lock */
	int result; /* under the lock */
};

int commit_uv_new(uv_loop_t *loop, struct runtime *rt, struct location_sqlite *db,
		  struct commit_uv **ret)
{
	struct commit_uv *cu = calloc(1, sizeof(*cu));

	if (!cu)
		return -ENOMEM;
	if (uv_mutex_init(&cu->lock) < 0) {
		free(cu);
		return -ENOMEM;
	}
	if (uv_cond_init(&cu->ended_cond) < 0) {
		uv_mutex_destroy(&cu->lock);
		free(cu);
		return -ENOMEM;
	}
	cu->loop = loop;
	cu->rt = rt;
	cu->db = db;
	cu->work.data = cu;
	list_init(&cu->waiting);
	list_init(&cu->batch);
	*ret = cu;
	return 0;
}

void commit_uv_set_hooks(struct commit_uv *cu, void (*before)(void *arg), void (*after)(void *arg),
			 void *arg)
{
	cu->before = before;
	cu->after = after;
	cu->arg = arg;
}

bool commit_uv_idle(const struct commit_uv *cu)
{
	return !cu->under_way && list_empty(&cu->waiting);
}

static int carry_out(struct commit_uv *cu)
{
	return cu->db ? location_sqlite_write(cu->db, &cu->batch, cu->wall) : 0;
}

/* On a pool thread. */
static void work(uv_work_t *w)
{
	struct commit_uv *cu = w->data;
	int result = carry_out(cu);

	uv_mutex_lock(&cu->lock);
	cu->result = result;
	cu->ended = true;
	uv_cond_signal(&cu->ended_cond);
	uv_mutex_unlock(&cu->lock);
}

/* The batch is over: everybody in it is told. They may ask for the next commit meanwhile. */
static void deliver(struct commit_uv *cu, int result)
{
	struct list done = LIST_INIT(done);
	struct list *n;

	list_splice(&done, &cu->batch);
	cu->under_way = false;
	if (!result)
		METRIC_INC(cu->rt, COMMITS);
	if (cu->before)
		cu->before(cu->arg);
	while ((n = list_pop(&done))) {
		struct rt_commit *c = LIST_ENTRY(n, struct rt_commit, link);

		c->done(c, result);
	}
	if (cu->after)
		cu->after(cu->arg);
}

static void start(struct commit_uv *cu);

/* On the loop. */
static void after_work(uv_work_t *w, int status)
{
	struct commit_uv *cu = w->data;

	cu->work_pending = false;
	if (cu->freed) {
		uv_cond_destroy(&cu->ended_cond);
		uv_mutex_destroy(&cu->lock);
		free(cu);
		return;
	}
	if (cu->under_way)
		deliver(cu, status < 0 ? status : cu->result);
	start(cu);
}

static void start(struct commit_uv *cu)
{
	int err;

	if (cu->under_way || cu->work_pending || list_empty(&cu->waiting))
		return;
	list_splice(&cu->batch, &cu->waiting);
	cu->wall = cu->rt->wall;
	cu->ended = false;
	cu->under_way = true;
	err = uv_queue_work(cu->loop, &cu->work, work, after_work);
	/* Only for a missing callback, says libuv: not a case to design for, but not one to hang
	 * in. */
	if (err < 0) {
		deliver(cu, err);
		return;
	}
	cu->work_pending = true;
}

void commit_uv_add(struct commit_uv *cu, struct rt_commit *c)
{
	list_push_back(&cu->waiting, &c->link);
	start(cu);
}

void commit_uv_flush(struct commit_uv *cu)
{
	if (cu->under_way) {
		uv_mutex_lock(&cu->lock);
		while (!cu->ended)
			uv_cond_wait(&cu->ended_cond, &cu->lock);
		uv_mutex_unlock(&cu->lock);
		deliver(cu, cu->result);
	}
	/* Here, without the pool: its thread has let go of the database. */
	while (!list_empty(&cu->waiting)) {
		list_splice(&cu->batch, &cu->waiting);
		cu->wall = cu->rt->wall;
		cu->under_way = true;
		deliver(cu, carry_out(cu));
	}
}

void commit_uv_free(struct commit_uv *cu)
{
	if (!cu)
		return;
	commit_uv_flush(cu);
	if (cu->work_pending) {
		cu->freed = true;
		return;
	}
	uv_cond_destroy(&cu->ended_cond);
	uv_mutex_destroy(&cu->lock);
	free(cu);
}
