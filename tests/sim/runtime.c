/* What the core asks for, but sending and scripts: names, commits and their store, random bytes. */
#include <errno.h>
#include <stdlib.h>

#include "sim.h"

struct rt_resolve {
	struct list link;
	struct wheel_timer timer;
	struct sim *w;
	const struct name *name;
	int err;
	rt_resolved_fn *fn;
	void *arg;
};

/* A commit on its way; the core's struct has no timer. */
struct writing {
	struct list link;
	struct wheel_timer timer;
	struct sim *w;
	struct rt_commit *commit;
};

static int resolve_numeric(const struct rt_query *q, struct rt_targets *ret)
{
	enum rt_transport t = q->secure ? RT_TLS : RT_UDP;
	struct net_addr addr;

	if (q->transport >= 0)
		t = (enum rt_transport)q->transport;
	if (net_addr_parse(q->host, q->port ? q->port : rt_transport_port(t), &addr) < 0)
		return -EINVAL;
	*ret = (struct rt_targets){ .n = 1, .v = { { t, addr } } };
	return 0;
}

static void resolved(struct wheel_timer *timer)
{
	struct rt_resolve *r = CONTAINER_OF(timer, struct rt_resolve, timer);
	struct sim *w = r->w;

	list_del(&r->link);
	w->n_events++;
	sim_log(w, "resolved %.*s: %d", SLICE_FMT(r->name->host), r->err);
	r->fn(r->arg, r->err, r->err ? NULL : &r->name->targets);
	check_live(w);
}

static int sim_resolve(struct runtime *rt, const struct rt_query *q, struct rt_targets *ret,
		       rt_resolved_fn *fn, void *arg, struct rt_resolve **ret_query)
{
	struct sim *w = sim_of(rt);
	const struct name *name = NULL;
	struct rt_resolve *r;
	int err = -ENOENT;

	if (resolve_numeric(q, ret) == 0)
		return 0;
	for (size_t i = 0; i < SIM_NAMES; i++)
		if (slice_ieq(w->names[i].host, q->host))
			name = &w->names[i];
	if (!name)
		return -ENOENT;
	err = name->err;
	if (err == 0 && rng_percent(&w->chance, w->p.dns_fail))
		err = rng_percent(&w->chance, 50) ? -ETIMEDOUT : -EAGAIN;
	if (!rng_percent(&w->chance, w->p.dns_late)) {
		if (err == 0)
			*ret = name->targets;
		return err;
	}
	r = sim_alloc(w, sizeof(*r));
	*r = (struct rt_resolve){ .w = w, .name = name, .err = err, .fn = fn, .arg = arg };
	r->timer.fire = resolved;
	list_push_back(&w->resolves, &r->link);
	sim_timer(w, &r->timer, 1 + rng_below(&w->chance, err == -ETIMEDOUT ? 10000 : 400));
	*ret_query = r;
	return -EINPROGRESS;
}

static void sim_resolve_cancel(struct runtime *rt, struct rt_resolve *query)
{
	struct sim *w = sim_of(rt);

	if (!list_linked(&query->link))
		sim_fail(w, "resolve", "a question is cancelled that is not under way");
	list_del(&query->link);
	wheel_cancel(&w->wheel, &query->timer);
}

static struct stored *store_entry(const struct sim *w, struct slice aor)
{
	LIST_EACH (&w->store, it) {
		struct stored *s = LIST_ENTRY(it, struct stored, link);

		if (slice_eq(location_set_aor(s->set), aor))
			return s;
	}
	return NULL;
}

const struct location_set *store_find(const struct sim *w, struct slice aor)
{
	struct stored *s = store_entry(w, aor);

	return s ? s->set : NULL;
}

/* A copy that shares nothing with the core's: connections do not survive either. */
static struct location_set *copy_set(struct sim *w, struct slice aor,
				     const struct location_set *set)
{
	size_t max = location_set_count(set), n = 0;
	struct location_binding *v = sim_alloc(w, (max + 1) * sizeof(*v));
	struct location_set *copy;
	struct location_iter it;

	location_iter_init(&it, set, INT64_MIN);
	while (n < max && location_iter_next(&it, &v[n]))
		v[n++].conn = 0;
	if (location_set_new(aor, v, n, &copy) < 0)
		abort();
	return copy;
}

static void store_put(struct sim *w, struct slice aor, const struct location_set *set)
{
	struct stored *s = store_entry(w, aor);
	struct location_set *copy = copy_set(w, aor, set);

	if (!s) {
		s = sim_alloc(w, sizeof(*s));
		list_push_back(&w->store, &s->link);
	} else {
		location_set_unref(s->set);
	}
	s->set = copy;
}

void store_load(struct sim *w)
{
	LIST_EACH (&w->store, it) {
		struct stored *s = LIST_ENTRY(it, struct stored, link);
		struct location_set *copy = copy_set(w, location_set_aor(s->set), s->set);

		if (location_load(w->loc, copy) < 0)
			abort();
		location_set_unref(copy);
	}
}

static void written(struct wheel_timer *timer)
{
	struct writing *wr = CONTAINER_OF(timer, struct writing, timer);
	struct sim *w = wr->w;
	struct location_write *write = location_write_of(wr->commit);
	int err = sim_chance(w, w->p.commit_fail) ? -EIO : 0;

	list_del(&wr->link);
	w->n_events++;
	sim_log(w, "commit %.*s: %d", SLICE_FMT(write->aor), err);
	if (err == 0 && w->opt.brk != BREAK_LOSE_COMMIT)
		store_put(w, write->aor, write->set);
	wr->commit->done(wr->commit, err);
	check_live(w);
}

/* In the order given, whatever each of them takes. */
static void sim_commit(struct runtime *rt, struct rt_commit *c)
{
	struct sim *w = sim_of(rt);
	struct writing *wr = sim_alloc(w, sizeof(*wr));
	uint64_t at = w->rt.now + 1 + rng_below(&w->chance, w->p.commit_ms);

	if (at < w->last_commit_at)
		at = w->last_commit_at;
	w->last_commit_at = at;
	*wr = (struct writing){ .w = w, .commit = c };
	wr->timer.fire = written;
	list_push_back(&w->commits, &wr->link);
	wheel_set(&w->wheel, &wr->timer, at);
}

static void sim_random(struct runtime *rt, void *p, size_t n)
{
	struct sim *w = sim_of(rt);
	unsigned char *to = p;

	while (n) {
		uint64_t x = rng_next(&w->core_random);
		size_t part = n < sizeof(x) ? n : sizeof(x);

		memcpy(to, &x, part);
		to += part;
		n -= part;
	}
}

static int sim_send(struct runtime *rt, const struct rt_flow *to, struct packet *p, uint64_t sender)
{
	return net_from_core(sim_of(rt), to, p, sender);
}

static const struct rt_ops sim_ops = {
	.send = sim_send,
	.resolve = sim_resolve,
	.resolve_cancel = sim_resolve_cancel,
	.run = script_run,
	.run_stop = script_run_stop,
	.commit = sim_commit,
	.random = sim_random,
};

static void listener(struct sim *w, size_t i, enum rt_transport t, struct slice host)
{
	struct rt_listener *l = &w->listeners[i];

	*l = (struct rt_listener){ .transport = t, .host = host, .port = 5060 };
	if (net_addr_parse(host, 5060, &l->addr) < 0)
		abort();
}

void runtime_init(struct sim *w)
{
	list_init(&w->resolves);
	list_init(&w->commits);
	list_init(&w->store);
	listener(w, 0, RT_UDP, SLICE("192.0.2.1"));
	listener(w, 1, RT_TCP, SLICE("192.0.2.1"));
	listener(w, 2, RT_UDP, SLICE("[2001:db8::1]"));
	listener(w, 3, RT_TCP, SLICE("[2001:db8::1]"));
	w->rt = (struct runtime){
		.ops = &sim_ops,
		.now = 1000000,
		.wall = INT64_C(1700000000000),
		.seed = rng_next(&w->core_random),
		.listeners = w->listeners,
		.n_listeners = ARRAY_LEN(w->listeners),
	};
	wheel_init(&w->rt.wheel, w->rt.now);
	wheel_init(&w->wheel, w->rt.now);
}

void runtime_forget_commits(struct sim *w)
{
	for (struct list *n; (n = list_pop(&w->commits));)
		wheel_cancel(&w->wheel, &LIST_ENTRY(n, struct writing, link)->timer);
}

void runtime_check_idle(struct sim *w)
{
	if (!list_empty(&w->resolves))
		sim_fail(w, "resolve", "a question outlives who asked it");
	if (!list_empty(&w->commits))
		sim_fail(w, "commit", "a commit outlives who asked for it");
	if (!list_empty(&w->runs))
		sim_fail(w, "run", "a script outlives who started it");
}

void runtime_fini(struct sim *w)
{
	for (struct list *n; (n = list_pop(&w->store));)
		location_set_unref(LIST_ENTRY(n, struct stored, link)->set);
}
