/* One request on its way out: RFC 3261 16.6 steps 1 to 10, RFC 5393 5.3.3, RFC 5658. */
#include "proxy/proxy.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "sip/addr.h"

/* The edits of one rendering and the memory they need. */
struct draft {
	const struct proxy_forward *f;
	const struct sip_msg *req;
	struct arena arena;
	struct sip_edits edits;
	uint16_t after_via; /* first field behind the leading Via fields */
	int rc;             /* first error */
};

static void keep(struct draft *d, int rc)
{
	if (rc < 0 && d->rc == 0)
		d->rc = rc;
}

static void insert(struct draft *d, uint16_t at, struct slice field)
{
	keep(d, sip_edits_insert(&d->edits, at, field));
}

static void replace_or_insert(struct draft *d, enum sip_header id, struct slice field)
{
	if (d->req->first[id] != SIP_NO_FIELD)
		keep(d, sip_edits_replace(&d->edits, d->req->first[id], field));
	else
		insert(d, d->after_via, field);
}

static uint16_t behind_vias(const struct sip_msg *req)
{
	uint16_t i = 0;

	while (i < req->n_fields && req->fields[i].id == SIP_H_VIA)
		i++;
	return i;
}

/* The target without what may not stand in a Request-URI (19.1.1): headers, method. */
static int request_uri(struct draft *d, struct slice text, struct slice *ret)
{
	struct slice rest, name, value;
	struct sip_uri uri;
	const char *reason;
	AUTO_BUF out = BUF_INIT;

	*ret = text;
	if (slice_find(text, '?') < 0 && slice_find(text, ';') < 0)
		return 0;
	if (sip_uri_parse(text, &uri, &reason) < 0)
		return -EBADMSG;
	if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
		return 0;
	if (!uri.headers.p && !sip_uri_param(&uri, SLICE("method"), &value))
		return 0;
	rest = uri.params.n ? uri.params : SLICE_EMPTY;
	buf_put(&out, text.p, text.n - uri.params.n - (uri.headers.p ? uri.headers.n + 1 : 0));
	while (sip_take_param(&rest, &name, &value) > 0) {
		if (slice_ieq(name, SLICE("method")))
			continue;
		buf_char(&out, ';');
		buf_slice(&out, name);
		if (value.p) {
			buf_char(&out, '=');
			buf_slice(&out, value);
		}
	}
	return out.err ? out.err : arena_dup(&d->arena, buf_view(&out), ret);
}

/* Route and Request-URI: 16.6 step 6. A first hop without lr wants itself as Request-URI. */
static void put_target(struct draft *d)
{
	const struct proxy_forward *f = d->f;
	struct slice uri, line, lr;
	struct sip_addr first;
	const char *reason;
	size_t from = 0;
	bool strict = false;
	AUTO_BUF text = BUF_INIT;
	int rc;

	rc = request_uri(d, f->uri, &uri);
	if (rc == 0 && f->n_route) {
		rc = sip_addr_parse(f->route[0], &first, &reason);
		strict = rc == 0 && !sip_uri_param(&first.uri, SLICE("lr"), &lr);
	}
	keep(d, rc);
	if (rc < 0)
		return;
	if (strict || f->route_changed) {
		keep(d, sip_edits_remove_all(&d->edits, d->req, SIP_H_ROUTE));
		buf_str(&text, "Route: ");
		for (from = strict; from < f->n_route; from++) {
			buf_str(&text, from > strict ? ", " : "");
			buf_slice(&text, f->route[from]);
		}
		if (strict) {
			buf_str(&text, f->n_route > 1 ? ", <" : "<");
			buf_slice(&text, uri);
			buf_char(&text, '>');
			keep(d, request_uri(d, first.uri_text, &uri));
		}
		keep(d, text.err);
		keep(d, arena_dup(&d->arena, buf_view(&text), &line));
		if (f->n_route && d->rc == 0)
			insert(d,
			       d->req->first[SIP_H_ROUTE] != SIP_NO_FIELD
				       ? d->req->first[SIP_H_ROUTE]
				       : d->after_via,
			       line);
	}
	if (d->rc == 0 && !slice_eq(uri, d->req->uri)) {
		keep(d, arena_printf(&d->arena, &line, "%.*s %.*s SIP/2.0",
				     SLICE_FMT(d->req->method_name), SLICE_FMT(uri)));
		if (d->rc == 0)
			sip_edits_start(&d->edits, line);
	}
}

/* Where a sips: URI asked for security all the way, the way back has it too: 16.6 step 4. */
static bool is_secure(const struct proxy_forward *f)
{
	struct sip_addr first;
	const char *reason;

	return slice_istarts(f->uri, SLICE("sips:")) ||
	       (f->n_route && sip_addr_parse(f->route[0], &first, &reason) == 0 &&
		first.uri.scheme == SIP_SCHEME_SIPS);
}

static void put_record_route(struct draft *d, const struct rt_listener *l, uint16_t at)
{
	struct slice field;
	char transport[24] = "";

	if (l->transport != RT_UDP)
		snprintf(transport, sizeof(transport), ";transport=%s",
			 rt_transport_name(l->transport));
	keep(d, arena_printf(&d->arena, &field, "Record-Route: <%s:%.*s:%u%s;lr>",
			     is_secure(d->f) ? "sips" : "sip", SLICE_FMT(l->host), l->port,
			     transport));
	if (d->rc == 0)
		insert(d, at, field);
}

/* Ours stands above what is there. Where the two sides differ each gets its own: RFC 5658. */
static void put_record_routes(struct draft *d, const struct proxy *p, const struct rt_flow *to)
{
	uint16_t at = d->req->first[SIP_H_RECORD_ROUTE];
	const struct rt_listener *out = &p->rt->listeners[to->listener];

	if (at == SIP_NO_FIELD)
		at = d->after_via;
	put_record_route(d, out, at);
	if (d->f->listener_in >= 0 && d->f->listener_in != to->listener)
		put_record_route(d, &p->rt->listeners[d->f->listener_in], at);
}

static void put_hops(struct draft *d)
{
	struct slice field;

	if (!d->f->keep_max_forwards) {
		keep(d, arena_printf(&d->arena, &field, "Max-Forwards: %d",
				     d->req->max_forwards >= 0 ? d->req->max_forwards - 1
							       : PROXY_MAX_FORWARDS));
		if (d->rc == 0)
			replace_or_insert(d, SIP_H_MAX_FORWARDS, field);
	}
	keep(d, arena_printf(&d->arena, &field, "Max-Breadth: %u", d->f->max_breadth));
	if (d->rc == 0)
		replace_or_insert(d, SIP_H_MAX_BREADTH, field);
}

/* Our Via above the others, and the one below it as it was stamped on arrival. */
static void put_vias(struct draft *d, const struct rt_listener *l, struct slice branch)
{
	const struct sip_field *top = sip_msg_field(d->req, SIP_H_VIA);
	struct slice field, below;

	keep(d, arena_printf(&d->arena, &field, "Via: SIP/2.0/%s %.*s:%u;branch=%.*s",
			     rt_transport_via(l->transport), SLICE_FMT(l->host), l->port,
			     SLICE_FMT(branch)));
	if (d->rc == 0)
		insert(d, 0, field);
	if (!top || !d->f->via_top.n || slice_eq(d->f->via_top, d->req->via.text))
		return;
	/* What follows the first element in the same field: its comma first. */
	below = slice_skip(top->value,
			   (size_t)(d->req->via.text.p + d->req->via.text.n - top->value.p));
	keep(d, ARENA_JOIN(&d->arena, &field, SLICE("Via: "), d->f->via_top, below));
	if (d->rc == 0)
		keep(d, sip_edits_replace(&d->edits, d->req->first[SIP_H_VIA], field));
}

int proxy_render(const struct proxy *p, const struct proxy_forward *f, const struct rt_flow *to,
		 struct slice branch, struct packet **ret)
{
	struct draft d = { .f = f, .req = f->req, .after_via = behind_vias(f->req) };

	arena_init(&d.arena, 2048);
	if (f->edits)
		keep(&d, sip_edits_copy(&d.edits, f->edits, &d.arena));
	else
		sip_edits_init(&d.edits, &d.arena);

	if (d.rc == 0)
		put_vias(&d, &p->rt->listeners[to->listener], branch);
	if (d.rc == 0 && f->record_route)
		put_record_routes(&d, p, to);
	if (d.rc == 0)
		put_hops(&d);
	if (d.rc == 0)
		put_target(&d);
	if (d.rc == 0 && f->drop_field != SIP_NO_FIELD)
		keep(&d, sip_edits_remove(&d.edits, f->drop_field));
	if (d.rc == 0)
		keep(&d, sip_render(f->req, &d.edits, ret));
	arena_fini(&d.arena);
	return d.rc;
}

int proxy_next_hop(const struct proxy *p, const struct proxy_forward *f, struct sip_uri *ret_uri,
		   struct rt_query *ret_query)
{
	struct sip_addr addr;
	struct sip_uri uri;
	struct slice maddr;
	const char *reason;
	int rc, transport;

	if (f->n_route) {
		rc = sip_addr_parse(f->route[0], &addr, &reason);
		if (rc == 0)
			uri = addr.uri;
	} else {
		rc = sip_uri_parse(f->uri, &uri, &reason);
		if (rc == 0 && uri.scheme == SIP_SCHEME_TEL && p->config.tel_gateway.n)
			rc = sip_uri_parse(p->config.tel_gateway, &uri, &reason);
	}
	if (rc < 0)
		return -EBADMSG;
	if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
		return -ENOTSUP;
	transport = sip_uri_transport(&uri);
	if (transport == -EINVAL)
		return -ENOTSUP;
	*ret_uri = uri;
	*ret_query = (struct rt_query){ .host = uri.host,
					.port = uri.port,
					.transport = transport,
					.secure = uri.scheme == SIP_SCHEME_SIPS };
	if (sip_uri_param(&uri, SLICE("maddr"), &maddr) && maddr.n)
		ret_query->host = maddr;
	return 0;
}

static bool is_loopback(const struct net_addr *a)
{
	return a->sa.sa_family == AF_INET ? ntohl(a->in4.sin_addr.s_addr) >> 24 == 127
					  : IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

static bool can_reach(const struct rt_listener *l, enum rt_transport transport,
		      const struct net_addr *peer)
{
	return l->transport == transport && l->addr.sa.sa_family == peer->sa.sa_family &&
	       (!is_loopback(&l->addr) || is_loopback(peer));
}

int proxy_listener(const struct proxy *p, enum rt_transport transport, const struct net_addr *peer,
		   int prefer)
{
	const struct rt_listener *in = prefer >= 0 && (size_t)prefer < p->rt->n_listeners
					       ? &p->rt->listeners[prefer]
					       : NULL;
	int found = -EHOSTUNREACH;

	if (in && can_reach(in, transport, peer))
		return prefer;
	for (size_t i = 0; i < p->rt->n_listeners; i++) {
		const struct rt_listener *l = &p->rt->listeners[i];

		if (!can_reach(l, transport, peer))
			continue;
		/* The same name on the other transport keeps the two sides alike. */
		if (in && slice_ieq(in->host, l->host))
			return (int)i;
		if (found < 0)
			found = (int)i;
	}
	return found;
}
