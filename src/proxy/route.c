/* Route information preprocessing: RFC 3261 16.4. */
#include "proxy/proxy.h"

#include <errno.h>

#include "sip/addr.h"

static int collect(const struct sip_msg *req, struct arena *arena, struct slice **ret,
		   size_t *ret_n)
{
	struct slice *route, element;
	struct sip_values it;
	size_t n = 0;

	sip_values_init(&it, req, SIP_H_ROUTE);
	while (sip_values_next(&it, &element))
		n++;
	route = n ? arena_alloc(arena, n * sizeof(*route)) : NULL;
	if (n && !route)
		return -ENOMEM;
	sip_values_init(&it, req, SIP_H_ROUTE);
	for (size_t i = 0; i < n && sip_values_next(&it, &route[i]); i++)
		;
	*ret = route;
	*ret_n = n;
	return 0;
}

/* A Request-URI that we put into Record-Route ourselves: our address, no user, lr. */
static bool own_record_route(const struct proxy *p, const struct sip_uri *uri)
{
	struct slice value;

	return !uri->user.p && sip_uri_param(uri, SLICE("lr"), &value) && proxy_is_self(p, uri);
}

/* The Request-URI without an maddr that names us, with the port and transport that go with it. */
static int strip_maddr(const struct proxy *p, struct arena *arena, struct proxy_routing *r)
{
	AUTO_BUF text = BUF_INIT;
	struct slice maddr, rest = r->parsed.params, name, value;
	struct sip_uri as_maddr = r->parsed;
	const char *reason;
	int rc;

	if (!sip_uri_param(&r->parsed, SLICE("maddr"), &maddr))
		return 0;
	as_maddr.host = maddr;
	if (!proxy_is_self(p, &as_maddr))
		return 0;
	buf_put(&text, r->uri.p, (size_t)(r->parsed.host.p + r->parsed.host.n - r->uri.p));
	while (sip_take_param(&rest, &name, &value) > 0) {
		if (slice_ieq(name, SLICE("maddr")) || slice_ieq(name, SLICE("transport")))
			continue;
		buf_char(&text, ';');
		buf_slice(&text, name);
		if (value.p) {
			buf_char(&text, '=');
			buf_slice(&text, value);
		}
	}
	if (text.err)
		return text.err;
	rc = arena_dup(arena, buf_view(&text), &r->uri);
	return rc < 0 ? rc : sip_uri_parse(r->uri, &r->parsed, &reason);
}

int proxy_preprocess(const struct proxy *p, const struct sip_msg *req, struct arena *arena,
		     struct proxy_routing *ret)
{
	struct proxy_routing r = { .uri = req->uri, .parsed = req->request_uri };
	struct sip_addr addr;
	struct slice *route;
	const char *reason;
	int rc;

	rc = collect(req, arena, &route, &r.n_route);
	if (rc < 0)
		return rc;
	if (r.n_route && own_record_route(p, &r.parsed)) {
		rc = sip_addr_parse(route[r.n_route - 1], &addr, &reason);
		if (rc < 0)
			return rc;
		r.uri = addr.uri_text;
		r.parsed = addr.uri;
		r.n_route--;
		r.strict = true;
	}
	if (r.parsed.params.n) {
		rc = strip_maddr(p, arena, &r);
		if (rc < 0)
			return rc;
	}
	/* More than one: we put one for each side when they differ (RFC 5658). */
	while (r.n_route) {
		rc = sip_addr_parse(route[0], &addr, &reason);
		if (rc < 0)
			return rc;
		if (!proxy_is_self(p, &addr.uri))
			break;
		route++;
		r.n_route--;
		r.popped = true;
	}
	r.route = route;
	*ret = r;
	return 0;
}
