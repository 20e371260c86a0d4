/* The world of fuzz_service.c: a runtime, a configuration, and what must hold of all that is sent.
 */
#include "stage.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

#define NOW UINT64_C(1000000)
#define WALL INT64_C(1700000000000)
#define SENT_PER_MESSAGE 400 /* copies and forks of one: far beyond is a storm */
#define ADDED 512            /* bytes that a hop adds to a field at the most */

enum {
	AUTH_REGISTER = 1,
	AUTH_CALLS = 2,
	OPEN = 4, /* all are trusted */
	SCRIPTS = 8,
	RESOLVE_LATE = 16,
	LENIENT = 32, /* fail_open, http_compat */
	TIGHT = 64,   /* small limits */
};

struct rt_resolve {
	struct list link;
	struct slice host;
	rt_resolved_fn *fn;
	void *arg;
};

struct rt_run {
	struct list link;
	struct rt_run_events ev;
	void *arg;
	bool stopped;
};

static struct stage *stage_of(struct runtime *rt)
{
	return CONTAINER_OF(rt, struct stage, rt);
}

static void *must_alloc(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		abort();
	return p;
}

/* ---- what must hold of all that leaves ---- */

/* No control characters but CRLF and blanks: nobody smuggles a line through us. */
static void check_lines(struct slice head)
{
	for (size_t i = 0; i < head.n; i++) {
		char c = head.p[i];

		/* A NUL is legal as a quoted pair: RFC 4475 3.1.1.2. */
		FUZZ_ASSERT(c != '\0' || (i > 0 && head.p[i - 1] == '\\'));
		FUZZ_ASSERT(c != '\r' || (i + 1 < head.n && head.p[i + 1] == '\n'));
		FUZZ_ASSERT(c != '\n' || (i > 0 && head.p[i - 1] == '\r'));
	}
}

/* Ours, and that of who sent it to us, which the answer will need. */
static void check_vias(const struct sip_msg *m)
{
	struct sip_values it;
	struct slice element;
	struct sip_via via;
	const char *reason;

	sip_values_init(&it, m, SIP_H_VIA);
	for (int i = 0; i < 2 && sip_values_next(&it, &element); i++)
		FUZZ_ASSERT(sip_via_parse(element, &via, &reason) == 0);
}

static void check_packet(struct stage *g, const struct rt_flow *to, struct packet *p)
{
	struct sip_error error;
	struct sip_msg *m = NULL;
	int rc = sip_msg_parse(p, &m, &error);

	FUZZ_ASSERT(rc == 0);
	FUZZ_ASSERT(m->packet == p); /* no bare line ends that were made good */
	if (m->fault.reason)
		FUZZ_ASSERT(g->full_in || (g->faulty_in && !m->is_request && m->status >= 300));
	check_lines(slice_of(p->data, m->head_len));
	if (m->is_request && !m->fault.reason) {
		const struct rt_listener *l = &g->listeners[to->listener];

		FUZZ_ASSERT(slice_ieq(m->via.host, l->host) && m->via.port == l->port);
		FUZZ_ASSERT(slice_istarts(m->via.branch, SLICE("z9hG4bK")));
		FUZZ_ASSERT(m->max_forwards >= 0);
		check_vias(m);
	}
	sip_msg_unref(m);
}

static int stage_send(struct runtime *rt, const struct rt_flow *to, struct packet *p,
		      uint64_t sender)
{
	struct stage *g = stage_of(rt);
	struct stage_sent *s = &g->sent[g->n_sent % STAGE_SENT];

	FUZZ_ASSERT(to->listener < ARRAY_LEN(g->listeners));
	FUZZ_ASSERT(g->listeners[to->listener].transport == to->transport);
	if (g->send_error)
		return g->send_error;
	check_packet(g, to, p);
	packet_unref(s->packet);
	*s = (struct stage_sent){ *to, packet_ref(p), sender };
	g->n_sent++;
	FUZZ_ASSERT(g->n_sent <= (g->n_in + 1) * SENT_PER_MESSAGE);
	return 0;
}

/* A line of the log is one line, and what strangers wrote is not taken for its fields. */
static void sink(void *arg, enum log_level level, const char *msg, const struct log_field *fields,
		 size_t n)
{
	AUTO_BUF text = BUF_INIT;

	(void)arg;
	log_format_text(&text, level, msg, fields, n);
	log_format_json(&text, level, msg, fields, n);
	for (size_t i = 0; i < text.len; i++)
		FUZZ_ASSERT((unsigned char)buf_view(&text).p[i] >= ' ');
}

/* ---- the rest of the runtime ---- */

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

/* Every name has an address over UDP and one over TCP, but those that begin with "no". */
static int resolve_name(struct slice host, struct rt_targets *ret)
{
	static const struct slice v4 = SLICE_INIT("203.0.113.77"), v6 = SLICE_INIT("2001:db8::77");

	if (slice_istarts(host, SLICE("no")))
		return -ENOENT;
	*ret = (struct rt_targets){ .n = 2, .v = { { RT_UDP }, { RT_TCP } } };
	if (net_addr_parse(v4, 5060, &ret->v[0].addr) < 0 ||
	    net_addr_parse(v6, 5060, &ret->v[1].addr) < 0)
		abort();
	return 0;
}

static int stage_resolve(struct runtime *rt, const struct rt_query *q, struct rt_targets *ret,
			 rt_resolved_fn *fn, void *arg, struct rt_resolve **ret_query)
{
	struct stage *g = stage_of(rt);
	struct rt_resolve *r;

	FUZZ_ASSERT(q->host.n > 0 && q->host.n <= 255);
	if (resolve_numeric(q, ret) == 0)
		return 0;
	if (!g->resolve_late)
		return resolve_name(q->host, ret);
	r = must_alloc(sizeof(*r));
	r->fn = fn;
	r->arg = arg;
	list_push_back(&g->resolving, &r->link);
	*ret_query = r;
	return -EINPROGRESS;
}

static void stage_resolve_cancel(struct runtime *rt, struct rt_resolve *query)
{
	(void)rt;
	list_del(&query->link);
	free(query);
}

bool stage_resolved(struct stage *g, int err)
{
	struct list *n = list_pop(&g->resolving);
	struct rt_targets targets;
	struct rt_resolve *r;

	if (!n)
		return false;
	r = LIST_ENTRY(n, struct rt_resolve, link);
	if (err == 0)
		err = resolve_name(SLICE("yes"), &targets);
	r->fn(r->arg, err, err ? NULL : &targets);
	free(r);
	return true;
}

static int stage_start_run(struct runtime *rt, const struct rt_job *job,
			   const struct rt_run_events *ev, void *arg, struct rt_run **ret_run)
{
	struct stage *g = stage_of(rt);
	struct slice env = job->env, one;
	struct rt_run *run;
	size_t n = 0;

	/* What a script is told cannot be more variables than were meant. */
	while (env.n && slice_split(&env, '\0', &one)) {
		FUZZ_ASSERT(slice_find(one, '=') > 0);
		n++;
	}
	FUZZ_ASSERT(n == job->n_env);
	if (g->run_error)
		return g->run_error;
	run = must_alloc(sizeof(*run));
	run->ev = *ev;
	run->arg = arg;
	list_push_back(&g->runs, &run->link);
	*ret_run = run;
	return 0;
}

static void stage_run_stop(struct runtime *rt, struct rt_run *run)
{
	(void)rt;
	run->stopped = true;
}

struct rt_run *stage_run(struct stage *g, bool newest)
{
	if (list_empty(&g->runs))
		return NULL;
	return LIST_ENTRY(newest ? g->runs.prev : g->runs.next, struct rt_run, link);
}

void stage_run_output(struct rt_run *run, struct slice bytes, bool error)
{
	/* In a block of its own size. */
	char *copy = must_alloc(bytes.n ? bytes.n : 1);

	if (bytes.n)
		memcpy(copy, bytes.p, bytes.n);
	if (error)
		run->ev.error_output(run->arg, slice_of(copy, bytes.n));
	else
		run->ev.output(run->arg, slice_of(copy, bytes.n));
	free(copy);
}

void stage_run_end(struct rt_run *run, enum rt_run_end how, int status)
{
	if (run->stopped)
		how = RT_RUN_CANCELLED;
	list_del(&run->link);
	run->ev.ended(run->arg, how, status);
	free(run);
}

static void stage_commit(struct runtime *rt, struct rt_commit *c)
{
	list_push_back(&stage_of(rt)->commits, &c->link);
}

bool stage_commit_end(struct stage *g, int err)
{
	struct list *n = list_pop(&g->commits);

	if (!n)
		return false;
	LIST_ENTRY(n, struct rt_commit, link)->done(LIST_ENTRY(n, struct rt_commit, link), err);
	return true;
}

static void stage_random(struct runtime *rt, void *p, size_t n)
{
	struct stage *g = stage_of(rt);
	unsigned char *to = p;

	while (n--) {
		uint64_t x = g->random_state += UINT64_C(0x9e3779b97f4a7c15);

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		*to++ = (unsigned char)(x >> 56);
	}
}

static const struct rt_ops ops = {
	.send = stage_send,
	.resolve = stage_resolve,
	.resolve_cancel = stage_resolve_cancel,
	.run = stage_start_run,
	.run_stop = stage_run_stop,
	.commit = stage_commit,
	.random = stage_random,
};

static void runtime_init(struct stage *g)
{
	static const struct slice v4 = SLICE_INIT("192.0.2.1"), v6 = SLICE_INIT("[2001:db8::1]");

	g->rt = (struct runtime){ .ops = &ops, .now = NOW, .wall = WALL, .seed = 0x5eed };
	wheel_init(&g->rt.wheel, NOW);
	list_init(&g->runs);
	list_init(&g->resolving);
	list_init(&g->commits);
	for (size_t i = 0; i < ARRAY_LEN(g->listeners); i++) {
		struct rt_listener *l = &g->listeners[i];

		*l = (struct rt_listener){ .transport = i % 2 ? RT_TCP : RT_UDP,
					   .host = i < 2 ? v4 : v6,
					   .port = 5060 };
		if (net_addr_parse(l->host, l->port, &l->addr) < 0)
			abort();
	}
	g->rt.listeners = g->listeners;
	g->rt.n_listeners = ARRAY_LEN(g->listeners);
}

/* ---- the configuration ---- */

struct owned {
	struct service_config c;
	struct cgi_script scripts[2];
	struct cgi_route routes[3];
};

static void config_free(struct service_config *c)
{
	trust_fini(&c->trusted);
	free(CONTAINER_OF(c, struct owned, c));
}

static void routes_init(struct owned *o, unsigned flags)
{
	static const struct slice methods[] = { SLICE_INIT("INVITE"), SLICE_INIT("MESSAGE") };

	o->scripts[0] = (struct cgi_script){
		.name = SLICE("one"),
		.path = SLICE("/scripts/one"),
		.dir = SLICE("/scripts"),
		.env = SLICE("PATH=/bin\0"),
		.n_env = 1,
		.timeout_ms = 5000,
		.max_output = flags & TIGHT ? 200 : 65536,
		.max_actions = flags & TIGHT ? 2 : 64,
		.max_branches = flags & TIGHT ? 2 : 16,
		.concurrency = flags & TIGHT ? 1 : 4,
		.queue = 2,
		.queue_age_ms = 1000,
		.fail_open = flags & LENIENT,
		.http_compat = flags & LENIENT,
		.pass_authorization = flags & LENIENT,
		.uid = UINT32_MAX,
		.gid = UINT32_MAX,
	};
	o->scripts[1] = o->scripts[0];
	o->scripts[1].name = SLICE("two");
	o->routes[0] = (struct cgi_route){ .request_uri = SLICE("sip:plain*") };
	o->routes[1] = (struct cgi_route){ .methods = methods,
					   .n_methods = ARRAY_LEN(methods),
					   .script = &o->scripts[0] };
	o->routes[2] = (struct cgi_route){ .from = SLICE("*in*"),
					   .in_dialog = true,
					   .script = &o->scripts[1] };
	o->c.routes = o->routes;
	o->c.n_routes = flags & SCRIPTS ? ARRAY_LEN(o->routes) : 0;
}

static struct service_config *config_new(unsigned flags)
{
	static const struct slice domains[] = { SLICE_INIT("example.test"),
						SLICE_INIT("192.0.2.1") };
	struct owned *o = must_alloc(sizeof(*o));

	o->c = (struct service_config){
		.refs = 1,
		.free = config_free,
		.proxy = PROXY_CONFIG_DEFAULT,
		.txn = TXN_CONFIG_DEFAULT,
		.registrar = REGISTRAR_CONFIG_DEFAULT,
		.auth = AUTH_CONFIG_DEFAULT,
		.server_name = SLICE("example.test"),
		.authenticate_register = flags & AUTH_REGISTER,
		.authenticate_calls = flags & AUTH_CALLS,
		.max_branches = 8,
	};
	o->c.proxy.domains = domains;
	o->c.proxy.n_domains = ARRAY_LEN(domains);
	o->c.proxy.tel_gateway = SLICE("sip:gw.test");
	if (flags & TIGHT) {
		o->c.txn.max = 4;
		o->c.registrar.max_contacts = 2;
		o->c.proxy.max_breadth = 2;
	}
	trust_init(&o->c.trusted);
	if ((flags & OPEN && trust_add(&o->c.trusted, SLICE("0.0.0.0/0")) < 0) ||
	    trust_add(&o->c.trusted, SLICE("203.0.113.9")) < 0)
		abort();
	routes_init(o, flags);
	return &o->c;
}

static struct users *users_make(void)
{
	static struct user alice = { .name = SLICE_INIT("alice"),
				     .domain = SLICE_INIT("example.test") };
	struct users *users;

	if (!alice.has_md5 && user_set_password(&alice, SLICE("secret")) < 0)
		abort();
	alice.has_md5 = alice.has_sha256 = true;
	if (users_new(1, &users) < 0 || users_add(users, &alice) < 0)
		abort();
	return users;
}

/* ---- a run ---- */

void stage_init(struct stage *g, unsigned flags)
{
	struct service_config *config = config_new(flags);

	log_sink_set(sink, NULL);
	log_level_set(LOG_DEBUG);
	*g = (struct stage){ .random_state = flags, .resolve_late = flags & RESOLVE_LATE };
	runtime_init(g);
	g->users = users_make();
	if (location_new(&g->rt, &g->loc) < 0 || service_new(&g->rt, config, g->loc, &g->svc) < 0)
		abort();
	service_config_unref(config);
	service_set_users(g->svc, g->users);
}

void stage_configure(struct stage *g, unsigned flags)
{
	struct service_config *config = config_new(flags);

	g->resolve_late = flags & RESOLVE_LATE;
	if (service_configure(g->svc, config) < 0)
		abort();
	service_config_unref(config);
}

void stage_receive(struct stage *g, struct packet *p, const struct rt_flow *flow)
{
	struct sip_error error;
	struct sip_msg *m = NULL;

	if (!p)
		abort();
	if (sip_msg_parse(p, &m, &error) == 0) {
		g->faulty_in |= m->fault.reason != NULL;
		g->full_in |= m->n_fields + 32 > SIP_HEADERS_MAX || p->len > SIP_MSG_MAX - 4096;
		for (unsigned i = 0; i < m->n_fields; i++)
			g->full_in |= m->fields[i].end - m->fields[i].start > SIP_FIELD_MAX - ADDED;
		sip_msg_unref(m);
	}
	g->n_in++;
	service_receive(g->svc, p, flow);
	packet_unref(p);
}

void stage_advance(struct stage *g, uint64_t ms)
{
	const uint64_t end = g->rt.now + ms;

	while (g->rt.now < end) {
		uint64_t next = wheel_next(&g->rt.wheel);

		if (next > end)
			next = end;
		if (next > g->rt.now) {
			g->rt.wall += (int64_t)(next - g->rt.now);
			g->rt.now = next;
		}
		wheel_advance(&g->rt.wheel, next);
	}
}

const struct stage_sent *stage_sent(const struct stage *g, size_t back)
{
	if (back >= g->n_sent || back >= STAGE_SENT)
		return NULL;
	return &g->sent[(g->n_sent - 1 - back) % STAGE_SENT];
}

void stage_drain(struct stage *g)
{
	size_t n_client, n;

	g->send_error = g->run_error = 0;
	service_runner_ready(g->svc);
	for (int i = 0; i < 12; i++) {
		for (struct rt_run *run; (run = stage_run(g, false));)
			stage_run_end(run, RT_RUN_EXITED, 0);
		while (stage_commit_end(g, 0) || stage_resolved(g, -ENOENT))
			;
		stage_advance(g, 100000);
	}
	FUZZ_ASSERT(service_busy(g->svc) == 0 && g->svc->n_sessions == 0);
	n = txn_layer_count(g->svc->txns, &n_client);
	FUZZ_ASSERT(n + n_client == 0);
	/* Bindings and nonces are what may have outlived that. */
	stage_advance(g, UINT64_C(10000) * 1000);
	FUZZ_ASSERT(location_count(g->loc, NULL) == 0);
	FUZZ_ASSERT(g->rt.wheel.count == 0);
}

void stage_fini(struct stage *g)
{
	/* What is being written is let go of before its owner goes. */
	while (list_pop(&g->commits))
		;
	service_free(g->svc);
	for (struct rt_run *run; (run = stage_run(g, false));)
		stage_run_end(run, RT_RUN_EXITED, 0);
	location_free(g->loc);
	users_free(g->users);
	FUZZ_ASSERT(list_empty(&g->resolving));
	FUZZ_ASSERT(g->rt.wheel.count == 0);
	for (size_t i = 0; i < STAGE_SENT; i++)
		packet_unref(g->sent[i].packet);
}
