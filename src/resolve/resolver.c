/*
 * Questions, and the cache of names: each name is asked for once at a time, whoever wants it, and
 * its addresses are kept as long as DNS allows. RFC 3263; which address comes first is in plan.c.
 */
#include "resolve/resolver.h"

#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "resolve/cares.h"
#include "resolve/plan.h"

#define NAME_LEN_MAX 253 /* RFC 1035 2.3.4, in text */
#define ADDRS_MAX (2 * RT_TARGETS_MAX)

struct name {
	struct map_node node;
	struct list link; /* resolver.names, the last used first */
	struct resolver *r;
	struct list waiting; /* struct rt_resolve */
	bool pending;        /* c-ares has it */
	bool telling;        /* must not go away */
	int err;             /* as for rt_resolved_fn */
	uint64_t expires;    /* runtime.now */
	size_t n;
	struct net_addr addrs[ADDRS_MAX];
	char text[NAME_LEN_MAX + 1]; /* lower case, no final dot */
};

struct rt_resolve {
	struct list link;
	struct name *name;
	struct rt_query query; /* without the host */
	rt_resolved_fn *fn;
	void *arg;
};

struct resolver {
	struct runtime *rt;
	struct resolver_config config;
	struct cares *cares;
	struct map map;
	struct list names;
	size_t n_pending;
	bool freed;
};

int resolver_new(uv_loop_t *loop, struct runtime *rt, const struct resolver_config *config,
		 struct resolver **ret)
{
	AUTO_FREE struct resolver *r = NULL;
	int rc;

	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->rt = rt;
	r->config = *config;
	r->config.servers = NULL;
	map_init(&r->map);
	list_init(&r->names);
	rc = cares_new(loop, rt, config->servers, config->timeout_ms, config->tries, &r->cares);
	if (rc)
		return rc;
	*ret = TAKE_PTR(r);
	return 0;
}

static void name_free(struct name *n)
{
	map_del(&n->r->map, &n->node);
	list_del(&n->link);
	free(n);
}

void resolver_flush(struct resolver *r)
{
	LIST_EACH_SAFE (&r->names, it) {
		struct name *n = LIST_ENTRY(it, struct name, link);

		if (!n->pending && !n->telling)
			name_free(n);
	}
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	r->freed = true;
	LIST_EACH (&r->names, it) {
		struct name *n = LIST_ENTRY(it, struct name, link);

		for (struct list *w; (w = list_pop(&n->waiting));)
			free(LIST_ENTRY(w, struct rt_resolve, link));
	}
	cares_free(r->cares);
	resolver_flush(r);
	map_fini(&r->map);
	free(r);
}

size_t resolver_cached(const struct resolver *r)
{
	return r->map.count;
}

/* What DNS can carry, in lower case and without a final dot: *ret_len bytes and a NUL. */
static int name_text(struct slice host, char text[NAME_LEN_MAX + 1])
{
	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n == 0 || host.n > NAME_LEN_MAX)
		return -ENOENT;
	for (size_t i = 0; i < host.n; i++) {
		char ch = slice_lower(host.p[i]);

		if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && ch != '-' &&
		    ch != '_' && ch != '.')
			return -ENOENT;
		text[i] = ch;
	}
	text[host.n] = '\0';
	return 0;
}

static struct name *name_find(const struct resolver *r, const char *text, uint64_t hash)
{
	for (struct map_node *m = map_first(&r->map, hash); m; m = map_next(m)) {
		struct name *n = CONTAINER_OF(m, struct name, node);

		if (strcmp(n->text, text) == 0)
			return n;
	}
	return NULL;
}

/* Room for one more: the longest unused name goes. */
static int make_room(struct resolver *r)
{
	if (r->n_pending >= r->config.pending_max)
		return -EAGAIN;
	if (r->map.count < r->config.cache_max)
		return 0;
	for (struct list *it = r->names.prev; it != &r->names; it = it->prev) {
		struct name *n = LIST_ENTRY(it, struct name, link);

		if (!n->pending && !n->telling) {
			name_free(n);
			return 0;
		}
	}
	return -EAGAIN;
}

static int name_new(struct resolver *r, const char *text, uint64_t hash, struct name **ret)
{
	struct name *n;
	int rc;

	rc = make_room(r);
	if (rc)
		return rc;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->r = r;
	list_init(&n->waiting);
	memcpy(n->text, text, strlen(text) + 1);
	if (map_add(&r->map, &n->node, hash)) {
		free(n);
		return -ENOMEM;
	}
	list_push_front(&r->names, &n->link);
	*ret = n;
	return 0;
}

static int targets_of(const struct resolver *r, const struct rt_query *q,
		      const struct net_addr *addrs, size_t n, struct rt_targets *ret)
{
	struct rt_targets targets;
	enum rt_transport transport;
	struct plan_reach reach;

	plan_reach(r->rt->listeners, r->rt->n_listeners, &reach);
	transport = plan_transport(q, &reach);
	targets.n = 0;
	plan_host(addrs, n, transport, plan_port(q, transport), &reach, &targets);
	if (targets.n == 0)
		return -ENOENT;
	ret->n = targets.n;
	memcpy(ret->v, targets.v, targets.n * sizeof(*targets.v));
	return 0;
}

static int answer(struct name *n, const struct rt_query *q, struct rt_targets *ret)
{
	return n->err ? n->err : targets_of(n->r, q, n->addrs, n->n, ret);
}

/* Takes over what c-ares found; how long it holds, in ms. */
static uint64_t take_addresses(struct name *n, const struct ares_addrinfo *info)
{
	const struct resolver_config *config = &n->r->config;
	uint64_t ttl = config->ttl_max_ms;

	n->n = 0;
	for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
		if ((uint64_t)c->ttl * 1000 < ttl)
			ttl = (uint64_t)c->ttl * 1000;
	for (const struct ares_addrinfo_node *a = info->nodes; a; a = a->ai_next) {
		if (n->n == ADDRS_MAX)
			break;
		if (net_addr_from(a->ai_addr, a->ai_addrlen, &n->addrs[n->n]))
			continue;
		if ((uint64_t)a->ai_ttl * 1000 < ttl)
			ttl = (uint64_t)a->ai_ttl * 1000;
		n->n++;
	}
	if (n->n == 0)
		n->err = -ENOENT;
	return ttl < config->ttl_min_ms ? config->ttl_min_ms : ttl;
}

static void tell(struct name *n)
{
	n->telling = true;
	for (struct list *it; (it = list_pop(&n->waiting));) {
		struct rt_resolve *w = LIST_ENTRY(it, struct rt_resolve, link);
		struct rt_targets targets = { 0 };
		rt_resolved_fn *fn = w->fn;
		void *arg = w->arg;
		int rc = answer(n, &w->query, &targets);

		free(w);
		fn(arg, rc, rc ? NULL : &targets);
	}
	n->telling = false;
}

static uint64_t how_long_wrong(const struct resolver *r, int err)
{
	if (err == -ENOMEM)
		return 0;
	return err == -ENOENT ? r->config.missing_ms : r->config.failure_ms;
}

static void resolved(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct name *n = arg;
	struct resolver *r = n->r;

	(void)timeouts;
	n->pending = false;
	r->n_pending--;
	if (!r->freed) {
		n->err = cares_error(status);
		n->expires = r->rt->now + (n->err ? 0 : take_addresses(n, info));
		if (n->err)
			n->expires = r->rt->now + how_long_wrong(r, n->err);
		tell(n);
	}
	if (info)
		ares_freeaddrinfo(info);
}

/* Only families that some listener has are worth asking for. */
static int family_wanted(const struct resolver *r)
{
	bool v4 = false;
	bool v6 = false;

	for (size_t i = 0; i < r->rt->n_listeners; i++) {
		if (r->rt->listeners[i].addr.sa.sa_family == AF_INET6)
			v6 = true;
		else
			v4 = true;
	}
	return v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
}

static int wait_for(struct name *n, const struct rt_query *q, rt_resolved_fn *fn, void *arg,
		    struct rt_resolve **ret_query)
{
	struct rt_resolve *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->name = n;
	w->query = *q;
	w->query.host = SLICE_EMPTY;
	w->fn = fn;
	w->arg = arg;
	list_push_back(&n->waiting, &w->link);
	*ret_query = w;
	return -EINPROGRESS;
}

int resolver_query(struct resolver *r, const struct rt_query *q, struct rt_targets *ret,
		   rt_resolved_fn *fn, void *arg, struct rt_resolve **ret_query)
{
	char text[NAME_LEN_MAX + 1];
	struct net_addr addr;
	struct name *n;
	uint64_t hash;
	int rc;

	if (net_addr_parse(q->host, 0, &addr) == 0)
		return targets_of(r, q, &addr, 1, ret);
	rc = name_text(q->host, text);
	if (rc)
		return rc;
	hash = slice_hash(slice_str(text), r->rt->seed);
	n = name_find(r, text, hash);
	if (n && !n->pending && !n->telling && n->expires <= r->rt->now) {
		name_free(n);
		n = NULL;
	}
	if (!n) {
		rc = name_new(r, text, hash, &n);
		if (rc)
			return rc;
		n->pending = true;
		r->n_pending++;
		cares_addresses(r->cares, n->text, family_wanted(r), resolved, n);
	}
	list_del(&n->link);
	list_push_front(&r->names, &n->link);
	return n->pending ? wait_for(n, q, fn, arg, ret_query) : answer(n, q, ret);
}

void resolver_cancel(struct rt_resolve *query)
{
	if (!query)
		return;
	list_del(&query->link);
	free(query);
}
