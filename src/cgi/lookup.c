/* From a URI in a domain of ours to the places where its user is: RFC 3261 16.5, RFC 3327 5.1. */
#include "cgi/session.h"

#include <errno.h>

#include "sip/addr.h"

struct slice lookup_domain(const struct proxy *p, struct slice host)
{
	struct net_addr addr;

	if (net_addr_parse(host, 0, &addr) < 0)
		return host;
	for (size_t i = 0; i < p->config.n_domains; i++)
		if (net_addr_parse(p->config.domains[i], 0, &addr) < 0)
			return p->config.domains[i];
	return host;
}

int lookup_aor(const struct proxy *p, const struct sip_uri *uri, struct buf *out)
{
	struct sip_uri key = *uri;

	if (proxy_is_self(p, uri))
		key.port = 0;
	key.host = lookup_domain(p, uri->host);
	return sip_uri_aor(&key, out);
}

int lookup_bindings(struct service *s, const struct sip_uri *uri, struct location_set **ret_set)
{
	AUTO_BUF aor = BUF_INIT, name = BUF_INIT;
	struct location_iter it;
	struct location_binding b;
	struct location_set *set;
	int rc;

	rc = lookup_aor(&s->proxy, uri, &aor);
	if (rc < 0)
		return rc == -ENOMEM ? rc : LOOKUP_UNKNOWN;
	/* A name with %00 can be registered, but is no user's: it stays empty. */
	(void)sip_uri_unescape(uri->user, &name);
	if (aor.err || name.err)
		return -ENOMEM;
	set = location_find(s->location, buf_view(&aor));
	location_iter_init(&it, set, s->rt->wall);
	if (set && location_iter_next(&it, &b)) {
		*ret_set = set;
		return LOOKUP_FOUND;
	}
	if (s->users && users_find(s->users, buf_view(&name), lookup_domain(&s->proxy, uri->host)))
		return LOOKUP_AWAY;
	return LOOKUP_UNKNOWN;
}

/* Path values become the Route of the request, before what the request itself brought. */
static int path_route(struct session *ss, struct slice path, const struct proxy_target *like,
		      struct proxy_target *t)
{
	struct slice rest = path, element, *route;
	size_t n = 0;

	while (sip_list_next(&rest, &element))
		n++;
	route = arena_alloc(&ss->ctx->arena, (n + like->n_route) * sizeof(*route));
	if (!route)
		return -ENOMEM;
	rest = path;
	for (size_t i = 0; i < n && sip_list_next(&rest, &route[i]); i++)
		;
	if (like->n_route)
		memcpy(route + n, like->route, like->n_route * sizeof(*route));
	t->route = route;
	t->n_route = n + like->n_route;
	t->route_changed = true;
	return 0;
}

/* The connection the client registered over, as long as it lives: nobody can call a client behind
 * a NAT otherwise. */
static int registered_flow(struct session *ss, const struct location_binding *b,
			   struct proxy_target *t)
{
	struct slice rest = b->received, transport, host;
	struct rt_flow *flow;
	enum rt_transport id;
	uint16_t port;

	if (!b->conn || b->path.n || !slice_split(&rest, ':', &transport) ||
	    rt_transport_parse(transport, &id) < 0 || !rt_is_reliable(id) ||
	    sip_take_hostport(&rest, false, &host, &port) < 0)
		return 0;
	flow = arena_zalloc(&ss->ctx->arena, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	if (net_addr_parse(host, port, &flow->peer) < 0)
		return 0;
	flow->transport = (uint8_t)id;
	flow->listener = b->listener;
	flow->conn = b->conn;
	t->flow = flow;
	return 0;
}

int lookup_add_targets(struct session *ss, const struct location_set *set,
		       const struct proxy_target *like)
{
	struct arena *arena = &ss->ctx->arena;
	unsigned limit = ss->script ? ss->script->max_branches : ss->config->max_branches;
	size_t max = location_set_count(set), n = 0;
	struct proxy_target *t;
	struct location_iter it;
	struct location_binding b;
	int rc;

	if (max > limit)
		max = limit;
	t = arena_alloc(arena, max * sizeof(*t));
	if (!t)
		return -ENOMEM;
	location_iter_init(&it, set, ss->svc->rt->wall);
	while (n < max && location_iter_next(&it, &b)) {
		t[n] = *like;
		t[n].q = b.q;
		rc = arena_dup(arena, b.contact, &t[n].uri);
		if (rc == 0 && b.path.n) {
			struct slice path;

			rc = arena_dup(arena, b.path, &path);
			if (rc == 0)
				rc = path_route(ss, path, like, &t[n]);
		}
		if (rc == 0)
			rc = registered_flow(ss, &b, &t[n]);
		if (rc < 0)
			return rc;
		n++;
	}
	return proxy_ctx_add(ss->ctx, t, n);
}

int lookup_contacts(const struct location_set *set, int64_t wall, struct buf *out)
{
	struct location_iter it;
	struct location_binding b;

	location_iter_init(&it, set, wall);
	for (bool first = true; location_iter_next(&it, &b); first = false) {
		if (!first)
			buf_str(out, ", ");
		location_contact_text(&b, wall, out);
	}
	return out->err;
}
