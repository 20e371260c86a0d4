/* Routes: RFC 3050 3.4 leaves to local policy which script runs; this is that policy. */
#include "cgi/route.h"

#include "sip/addr.h"

bool cgi_pattern_match(struct slice pattern, struct slice text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.n && (pattern.p[p] == '?' ||
					     slice_lower(pattern.p[p]) == slice_lower(text.p[t]))) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			/* The last star takes one character more. */
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* The URI as one would write it: without parameters and headers. */
static struct slice bare_uri(struct slice text)
{
	struct sip_uri uri;
	const char *reason;

	if (sip_uri_parse(text, &uri, &reason) < 0)
		return text;
	if (uri.params.n)
		return slice_head(text, (size_t)(uri.params.p - text.p));
	if (uri.headers.p)
		return slice_head(text, (size_t)(uri.headers.p - text.p) - 1);
	return text;
}

/* A pattern with a parameter in it is meant for the whole URI. */
static bool uri_matches(struct slice pattern, struct slice uri)
{
	return cgi_pattern_match(pattern, uri) || cgi_pattern_match(pattern, bare_uri(uri));
}

static bool address_matches(struct slice pattern, const struct sip_msg *req, enum sip_header id)
{
	struct sip_addr addr;
	const char *reason;

	return sip_addr_parse(sip_msg_value(req, id), &addr, &reason) == 0 &&
	       uri_matches(pattern, addr.uri_text);
}

static bool method_matches(const struct cgi_route *r, const struct sip_msg *req)
{
	if (!r->n_methods)
		return true;
	for (size_t i = 0; i < r->n_methods; i++)
		if (slice_eq(r->methods[i], req->method_name))
			return true;
	return false;
}

static bool source_matches(const struct cgi_route *r, const struct sip_msg *req)
{
	if (!r->n_sources)
		return true;
	for (size_t i = 0; i < r->n_sources; i++)
		if (net_prefix_has(&r->sources[i], &req->flow.peer))
			return true;
	return false;
}

static bool matches(const struct cgi_route *r, const struct cgi_route_input *in)
{
	const struct sip_msg *req = in->req;

	if (in->in_dialog && !r->in_dialog)
		return false;
	if (r->transports && !(r->transports & 1u << req->flow.transport))
		return false;
	if (!method_matches(r, req) || !source_matches(r, req))
		return false;
	if (r->request_uri.n && !uri_matches(r->request_uri, in->uri))
		return false;
	if (r->from.n && !address_matches(r->from, req, SIP_H_FROM))
		return false;
	if (r->to.n && !address_matches(r->to, req, SIP_H_TO))
		return false;
	return !r->user.n || (in->user.n && cgi_pattern_match(r->user, in->user));
}

const struct cgi_script *cgi_route_find(const struct cgi_route *routes, size_t n,
					const struct cgi_route_input *in)
{
	for (size_t i = 0; i < n; i++)
		if (matches(&routes[i], in))
			return routes[i].script;
	return NULL;
}
