/* The runtime of unit tests: harness.h says what it does. Its own memory never fails. */
#include "harness.h"

#include <errno.h>

#define FAKE_NOW UINT64_C(1000000)
#define FAKE_WALL INT64_C(1700000000000) /* Tue, 14 Nov 2023 22:13:20 GMT */

struct rt_resolve {
	struct list link;
	int err;
	struct rt_targets targets;
	rt_resolved_fn *fn;
	void *arg;
};

struct rt_run {
	struct list link;
	struct rt_job job;
	struct rt_run_events ev;
	void *arg;
	bool stopped;
};

static struct fake_runtime *fake_of(struct runtime *rt)
{
	return CONTAINER_OF(rt, struct fake_runtime, rt);
}

static int fake_send(struct runtime *rt, const struct rt_flow *to, struct packet *p,
		     uint64_t sender)
{
	struct fake_runtime *f = fake_of(rt);
	struct fake_sent *s;

	if (f->send_error)
		return f->send_error;
	s = harness_calloc(sizeof(*s));
	s->to = *to;
	s->packet = packet_ref(p);
	s->sender = sender;
	s->at = rt->now;
	list_push_back(&f->sent, &s->link);
	return 0;
}

/* A numeric host is its own answer: RFC 3263 4.2. */
static bool resolve_numeric(const struct rt_query *q, struct rt_targets *ret)
{
	enum rt_transport t = q->secure ? RT_TLS : RT_UDP;
	struct net_addr addr;

	if (q->transport >= 0)
		t = (enum rt_transport)q->transport;
	if (net_addr_parse(q->host, q->port ? q->port : rt_transport_port(t), &addr))
		return false;
	*ret = (struct rt_targets){ .n = 1, .v = { { t, addr } } };
	return true;
}

static int resolve_name(const struct fake_runtime *f, struct slice host, struct rt_targets *ret)
{
	for (size_t i = 0; i < f->n_names; i++)
		if (slice_ieq(host, slice_str(f->names[i].host))) {
			*ret = f->names[i].targets;
			return 0;
		}
	return -ENOENT;
}

static int fake_resolve(struct runtime *rt, const struct rt_query *q, struct rt_targets *ret,
			rt_resolved_fn *fn, void *arg, struct rt_resolve **ret_query)
{
	struct fake_runtime *f = fake_of(rt);
	struct rt_resolve *r;

	if (resolve_numeric(q, ret))
		return 0;
	if (!f->resolve_later)
		return resolve_name(f, q->host, ret);
	r = harness_calloc(sizeof(*r));
	r->err = resolve_name(f, q->host, &r->targets);
	r->fn = fn;
	r->arg = arg;
	list_push_back(&f->resolving, &r->link);
	*ret_query = r;
	return -EINPROGRESS;
}

static void fake_resolve_cancel(struct runtime *rt UNUSED, struct rt_resolve *query)
{
	list_del(&query->link);
	free(query);
}

void fake_resolve_all(struct fake_runtime *f)
{
	for (struct list *n; (n = list_pop(&f->resolving));) {
		struct rt_resolve *r = LIST_ENTRY(n, struct rt_resolve, link);

		r->fn(r->arg, r->err, r->err ? NULL : &r->targets);
		free(r);
	}
}

static int fake_run(struct runtime *rt, const struct rt_job *job, const struct rt_run_events *ev,
		    void *arg, struct rt_run **ret_run)
{
	struct fake_runtime *f = fake_of(rt);
	struct rt_run *run;

	if (f->run_error)
		return f->run_error;
	run = harness_calloc(sizeof(*run));
	run->job = *job;
	run->ev = *ev;
	run->arg = arg;
	list_push_back(&f->runs, &run->link);
	*ret_run = run;
	return 0;
}

static void fake_run_stop(struct runtime *rt UNUSED, struct rt_run *run)
{
	run->stopped = true;
}

static struct rt_run *oldest_run(struct fake_runtime *f)
{
	return list_empty(&f->runs) ? NULL : LIST_ENTRY(f->runs.next, struct rt_run, link);
}

const struct rt_job *fake_run_job(struct fake_runtime *f)
{
	struct rt_run *run = oldest_run(f);

	return run ? &run->job : NULL;
}

bool fake_run_stopped(struct fake_runtime *f)
{
	struct rt_run *run = oldest_run(f);

	return run && run->stopped;
}

void fake_run_output(struct fake_runtime *f, struct slice bytes)
{
	struct rt_run *run = oldest_run(f);
	struct slice copy;

	assert_non_null(run);
	copy = exact_bytes(bytes.p, bytes.n);
	run->ev.output(run->arg, copy);
	exact_free(copy);
}

void fake_run_error_output(struct fake_runtime *f, struct slice bytes)
{
	struct rt_run *run = oldest_run(f);
	struct slice copy;

	assert_non_null(run);
	copy = exact_bytes(bytes.p, bytes.n);
	run->ev.error_output(run->arg, copy);
	exact_free(copy);
}

void fake_run_end(struct fake_runtime *f, enum rt_run_end how, int status)
{
	struct rt_run *run = oldest_run(f);

	assert_non_null(run);
	list_del(&run->link);
	run->ev.ended(run->arg, how, status);
	free(run);
}

static void fake_commit(struct runtime *rt, struct rt_commit *c)
{
	list_push_back(&fake_of(rt)->commits, &c->link);
}

bool fake_commit_end(struct fake_runtime *f, int err)
{
	struct list *n = list_pop(&f->commits);
	struct rt_commit *c;

	if (!n)
		return false;
	c = LIST_ENTRY(n, struct rt_commit, link);
	c->done(c, err);
	return true;
}

/* splitmix64: good enough to look random, the same in every run. */
static void fake_random(struct runtime *rt, void *p, size_t n)
{
	struct fake_runtime *f = fake_of(rt);
	unsigned char *to = p;

	while (n) {
		uint64_t x = f->random_state += UINT64_C(0x9e3779b97f4a7c15);
		size_t part = n < sizeof(x) ? n : sizeof(x);

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		x ^= x >> 31;
		memcpy(to, &x, part);
		to += part;
		n -= part;
	}
}

static const struct rt_ops fake_ops = {
	.send = fake_send,
	.resolve = fake_resolve,
	.resolve_cancel = fake_resolve_cancel,
	.run = fake_run,
	.run_stop = fake_run_stop,
	.commit = fake_commit,
	.random = fake_random,
};

void fake_runtime_init(struct fake_runtime *f)
{
	static const struct slice v4 = SLICE_INIT("192.0.2.1");
	static const struct slice v6 = SLICE_INIT("[2001:db8::1]");

	*f = (struct fake_runtime){ .rt = { .ops = &fake_ops,
					    .now = FAKE_NOW,
					    .wall = FAKE_WALL,
					    .seed = UINT64_C(0x5eed5eed5eed5eed) } };
	wheel_init(&f->rt.wheel, FAKE_NOW);
	list_init(&f->sent);
	list_init(&f->commits);
	list_init(&f->resolving);
	list_init(&f->runs);
	for (size_t i = 0; i < ARRAY_LEN(f->listeners); i++) {
		struct rt_listener *l = &f->listeners[i];

		l->transport = i % 2 ? RT_TCP : RT_UDP;
		l->host = i < 2 ? v4 : v6;
		l->port = 5060;
		assert_int_equal(net_addr_parse(l->host, l->port, &l->addr), 0);
	}
	f->rt.listeners = f->listeners;
	f->rt.n_listeners = ARRAY_LEN(f->listeners);
}

void fake_runtime_fini(struct fake_runtime *f)
{
	bool asked = !list_empty(&f->resolving);

	for (struct fake_sent *s; (s = fake_runtime_take(f));)
		fake_sent_free(s);
	for (struct list *n; (n = list_pop(&f->resolving));)
		free(LIST_ENTRY(n, struct rt_resolve, link));
	for (struct list *n; (n = list_pop(&f->runs));)
		free(LIST_ENTRY(n, struct rt_run, link));
	if (f->rt.wheel.count)
		fail_msg("%zu timers are still set", f->rt.wheel.count);
	if (asked)
		fail_msg("a question to resolve was not cancelled");
}

void fake_runtime_advance(struct fake_runtime *f, uint64_t ms)
{
	uint64_t end = f->rt.now + ms;

	while (f->rt.now < end) {
		uint64_t next = wheel_next(&f->rt.wheel);

		if (next > end)
			next = end;
		if (next > f->rt.now) {
			f->rt.wall += (int64_t)(next - f->rt.now);
			f->rt.now = next;
		}
		wheel_advance(&f->rt.wheel, next);
	}
}

struct fake_sent *fake_runtime_take(struct fake_runtime *f)
{
	struct list *n = list_pop(&f->sent);

	return n ? LIST_ENTRY(n, struct fake_sent, link) : NULL;
}

void fake_sent_free(struct fake_sent *s)
{
	if (!s)
		return;
	packet_unref(s->packet);
	free(s);
}

size_t fake_runtime_sent(const struct fake_runtime *f)
{
	size_t n = 0;

	LIST_EACH (&f->sent, it)
		n++;
	return n;
}
