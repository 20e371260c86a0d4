/*
 * The core's runtime on libuv. Three things happen per turn of the loop, whatever the number of
 * messages: the time is read once, the timer wheel is driven by a single libuv timer, and what was
 * sent is handed to the kernel just before the loop sleeps.
 */
#include "daemon/runtime_uv.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/random.h"
#include "resolve/resolver.h"
#include "transport/transport.h"

struct runtime_uv {
	struct runtime rt;
	uv_loop_t *loop;
	uv_prepare_t prepare;
	uv_timer_t timer;
	uint64_t armed; /* when the timer fires; WHEEL_NEVER: not set */
	unsigned handles;
	bool freed;
	struct list refused; /* commits that came without a store */
	struct transport *transport;
	struct resolver *resolver;
	runtime_uv_run_fn *run;
	runtime_uv_run_stop_fn *run_stop;
	void *run_arg;
	runtime_uv_commit_fn *commit;
	void *commit_arg;
	struct random_pool random;
};

static struct runtime_uv *of(struct runtime *rt)
{
	return CONTAINER_OF(rt, struct runtime_uv, rt);
}

static int64_t wall_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* libuv has read the clock when it woke; asking it costs nothing. */
static void op_awake(struct runtime *rt)
{
	uint64_t now = uv_now(of(rt)->loop);

	if (now == rt->now)
		return;
	rt->now = now;
	rt->wall = wall_ms();
}

static int op_send(struct runtime *rt, const struct rt_flow *to, struct packet *p, uint64_t sender)
{
	struct runtime_uv *u = of(rt);

	return u->transport ? transport_send(u->transport, to, p, sender) : -ENETDOWN;
}

static int op_resolve(struct runtime *rt, const struct rt_query *q, struct rt_targets *ret,
		      rt_resolved_fn *fn, void *arg, struct rt_resolve **ret_query)
{
	struct runtime_uv *u = of(rt);

	return u->resolver ? resolver_query(u->resolver, q, ret, fn, arg, ret_query) : -EAGAIN;
}

static void op_resolve_cancel(struct runtime *rt, struct rt_resolve *query)
{
	(void)rt;
	resolver_cancel(query);
}

static int op_run(struct runtime *rt, const struct rt_job *job, const struct rt_run_events *ev,
		  void *arg, struct rt_run **ret_run)
{
	struct runtime_uv *u = of(rt);

	return u->run ? u->run(u->run_arg, job, ev, arg, ret_run) : -EPIPE;
}

static void op_run_stop(struct runtime *rt, struct rt_run *run)
{
	struct runtime_uv *u = of(rt);

	if (u->run_stop)
		u->run_stop(u->run_arg, run);
}

static void op_commit(struct runtime *rt, struct rt_commit *c)
{
	struct runtime_uv *u = of(rt);

	if (u->commit)
		u->commit(u->commit_arg, c);
	else
		list_push_back(&u->refused, &c->link); /* told from the loop, as promised */
}

static void op_random(struct runtime *rt, void *p, size_t n)
{
	random_fill(&of(rt)->random, p, n);
}

static const struct rt_ops ops = {
	.send = op_send,
	.resolve = op_resolve,
	.resolve_cancel = op_resolve_cancel,
	.run = op_run,
	.run_stop = op_run_stop,
	.commit = op_commit,
	.random = op_random,
	.awake = op_awake,
};

static void on_timer(uv_timer_t *timer)
{
	struct runtime_uv *u = timer->data;

	u->armed = WHEEL_NEVER;
	op_awake(&u->rt);
	wheel_advance(&u->rt.wheel, u->rt.now);
}

/*
 * The timer is only ever moved forward in time: when what it was set for is cancelled it fires for
 * nothing, once, which is cheaper than setting it anew in each turn.
 */
static void arm(struct runtime_uv *u, bool at_once)
{
	uint64_t now = uv_now(u->loop);
	uint64_t next;

	/* Nothing to fire, but the next timer shall find its place near the bottom. */
	if (u->rt.wheel.count == 0 && u->rt.wheel.now < u->rt.now)
		wheel_advance(&u->rt.wheel, u->rt.now);
	next = at_once ? now : wheel_next(&u->rt.wheel);
	if (next >= u->armed)
		return;
	u->armed = next;
	(void)uv_timer_start(&u->timer, on_timer, next > now ? next - now : 0, 0);
}

static void refuse_commits(struct runtime_uv *u)
{
	struct list refused;

	list_init(&refused);
	list_splice(&refused, &u->refused);
	for (struct list *n; (n = list_pop(&refused));) {
		struct rt_commit *c = LIST_ENTRY(n, struct rt_commit, link);

		c->done(c, -EROFS);
	}
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct runtime_uv *u = prepare->data;
	bool more = false;

	op_awake(&u->rt);
	refuse_commits(u);
	if (u->transport)
		more = transport_flush(u->transport);
	arm(u, more || !list_empty(&u->refused));
}

int runtime_uv_new(uv_loop_t *loop, struct runtime_uv **ret)
{
	struct runtime_uv *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	u->armed = WHEEL_NEVER;
	list_init(&u->refused);
	u->rt.ops = &ops;
	uv_update_time(loop);
	u->rt.now = uv_now(loop);
	u->rt.wall = wall_ms();
	u->rt.seed = rt_random64(&u->rt);
	wheel_init(&u->rt.wheel, u->rt.now);

	/* None of these can fail. */
	(void)uv_prepare_init(loop, &u->prepare);
	(void)uv_timer_init(loop, &u->timer);
	u->prepare.data = u->timer.data = u;
	u->handles = 2;
	(void)uv_prepare_start(&u->prepare, on_prepare);
	*ret = u;
	return 0;
}

static void closed(uv_handle_t *handle)
{
	struct runtime_uv *u = handle->data;

	if (--u->handles == 0)
		free(u);
}

void runtime_uv_free(struct runtime_uv *u)
{
	if (!u || u->freed)
		return;
	u->freed = true;
	uv_close((uv_handle_t *)&u->prepare, closed);
	uv_close((uv_handle_t *)&u->timer, closed);
}

struct runtime *runtime_uv_rt(struct runtime_uv *u)
{
	return &u->rt;
}

void runtime_uv_attach(struct runtime_uv *u, struct transport *t, struct resolver *r)
{
	u->transport = t;
	u->resolver = r;
}

void runtime_uv_set_runner(struct runtime_uv *u, runtime_uv_run_fn *run,
			   runtime_uv_run_stop_fn *stop, void *arg)
{
	u->run = run;
	u->run_stop = stop;
	u->run_arg = arg;
}

void runtime_uv_set_commit(struct runtime_uv *u, runtime_uv_commit_fn *commit, void *arg)
{
	u->commit = commit;
	u->commit_arg = arg;
}
