/*
 * Via: RFC 3261 20.42 and 25.1; what a server writes into it on arrival (18.2.1, RFC 3581 4) and
 * where it says that responses go (18.2.2). Which transport sends them is decided elsewhere.
 */
#include "sip/via.h"

#include <errno.h>

#include "sip/uri.h"

static int bad(const char *reason, const char **reterr_reason)
{
	if (reterr_reason)
		*reterr_reason = reason;
	return -EBADMSG;
}

/* "SIP" SLASH "2.0" SLASH transport LWS */
static int take_protocol(struct slice *rest, struct sip_via *v, const char **reterr_reason)
{
	struct slice name, version;
	enum rt_transport t;
	size_t before;

	if (!sip_take_token(rest, &name) || !sip_take_char(rest, '/') ||
	    !sip_take_token(rest, &version) || !sip_take_char(rest, '/') ||
	    !sip_take_token(rest, &v->protocol))
		return bad("bad protocol in Via", reterr_reason);
	if (!slice_ieq(name, SLICE("SIP")) || !slice_eq(version, SLICE("2.0")))
		return bad("Via is not of SIP/2.0", reterr_reason);
	before = rest->n;
	sip_skip_lws(rest);
	if (rest->n == before)
		return bad("no sent-by in Via", reterr_reason);
	v->transport = rt_transport_parse(v->protocol, &t) == 0 ? (int)t : -1;
	return 0;
}

/* One of each at most: two would be read differently by different elements on the way. */
enum { SEEN_BRANCH = 1, SEEN_RECEIVED = 2, SEEN_RPORT = 4, SEEN_MADDR = 8, SEEN_TTL = 16 };

static unsigned param_kind(struct slice name)
{
	switch (name.n) {
	case 3:
		return slice_ieq(name, SLICE("ttl")) ? SEEN_TTL : 0;
	case 5:
		if (slice_ieq(name, SLICE("rport")))
			return SEEN_RPORT;
		return slice_ieq(name, SLICE("maddr")) ? SEEN_MADDR : 0;
	case 6:
		return slice_ieq(name, SLICE("branch")) ? SEEN_BRANCH : 0;
	case 8:
		return slice_ieq(name, SLICE("received")) ? SEEN_RECEIVED : 0;
	default:
		return 0;
	}
}

static int set_param(struct sip_via *v, unsigned kind, struct slice value,
		     const char **reterr_reason)
{
	uint64_t n = 0;

	switch (kind) {
	case SEEN_BRANCH:
		if (value.n == 0)
			return bad("empty branch in Via", reterr_reason);
		v->branch = value;
		break;
	case SEEN_RECEIVED:
		if (value.n == 0)
			return bad("empty received in Via", reterr_reason);
		v->received = value;
		break;
	case SEEN_RPORT:
		if (value.p && slice_u64(value, UINT16_MAX, &n) < 0)
			return bad("bad rport in Via", reterr_reason);
		v->rport = true;
		v->rport_value = (uint16_t)n;
		break;
	case SEEN_MADDR:
		if (!sip_is_host(value))
			return bad("bad maddr in Via", reterr_reason);
		v->maddr = value;
		break;
	case SEEN_TTL:
		if (slice_u64(value, 255, &n) < 0)
			return bad("bad ttl in Via", reterr_reason);
		v->ttl = (int)n;
		break;
	default:
		break;
	}
	return 0;
}

int sip_via_parse(struct slice s, struct sip_via *ret, const char **reterr_reason)
{
	struct sip_via v = { .ttl = -1, .transport = -1 };
	struct slice rest, name, value;
	unsigned seen = 0;
	int rc;

	s = slice_trim(s);
	v.text = s;
	rest = s;
	rc = take_protocol(&rest, &v, reterr_reason);
	if (rc < 0)
		return rc;
	if (sip_take_hostport(&rest, true, &v.host, &v.port) < 0)
		return bad("bad host or port in Via", reterr_reason);
	sip_skip_lws(&rest);
	v.params = rest;
	while ((rc = sip_take_param(&rest, &name, &value)) > 0) {
		unsigned kind = param_kind(name);

		if (seen & kind)
			return bad("parameter given twice in Via", reterr_reason);
		seen |= kind;
		rc = set_param(&v, kind, value, reterr_reason);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return bad("bad parameter in Via", reterr_reason);
	*ret = v;
	return 0;
}

bool sip_via_is_3261(const struct sip_via *v)
{
	/* With nothing behind the cookie it identifies nothing: RFC 4475 3.2.1 */
	return v->branch.n > strlen(SIP_BRANCH_COOKIE) &&
	       slice_starts(v->branch, SLICE(SIP_BRANCH_COOKIE));
}

bool sip_via_stamp(const struct sip_via *v, const struct net_addr *source, struct buf *out)
{
	char host[NET_ADDR_TEXT];
	struct net_addr sent_by;
	struct slice rest = v->params, name, value;
	const char *from = v->text.p; /* not yet copied */
	bool same = net_addr_parse(v->host, 0, &sent_by) == 0 &&
		    net_addr_same_host(&sent_by, source);

	/* There is none that could be read: what is wrong is answered as it is. */
	if (!v->text.n)
		return false;
	/* A received that came along is the sender's word about itself: it never stays. */
	if (same && !v->rport && !v->received.p)
		return false;
	for (;;) {
		const char *start = rest.p;
		unsigned kind;

		if (sip_take_param(&rest, &name, &value) <= 0)
			break;
		kind = param_kind(name);
		if (kind != SEEN_RECEIVED && kind != SEEN_RPORT)
			continue;
		buf_put(out, from, (size_t)(start - from));
		from = rest.p;
		if (kind == SEEN_RPORT)
			buf_printf(out, ";rport=%u", net_addr_port(source));
	}
	buf_put(out, from, (size_t)(v->text.p + v->text.n - from));
	if (!same || v->rport) {
		/* Without brackets also for IPv6: RFC 5118 4.5. */
		buf_str(out, ";received=");
		buf_str(out, net_host_text(source, host));
	}
	return true;
}

void sip_via_reply_to(const struct sip_via *v, struct slice *ret_host, uint16_t *ret_port)
{
	bool reliable = v->transport > RT_UDP;
	uint16_t port = v->port;

	/* A name without a port is looked up as RFC 3263 5 says; an address has the default. */
	if (port == 0 && (v->maddr.n > 0 || v->received.n > 0))
		port = rt_transport_port(v->transport < 0 ? RT_UDP
							  : (enum rt_transport)v->transport);
	if (!reliable && v->maddr.n > 0) {
		*ret_host = v->maddr;
		*ret_port = port;
	} else if (v->received.n > 0) {
		*ret_host = v->received;
		*ret_port = !reliable && v->rport_value ? v->rport_value : port;
	} else {
		*ret_host = v->host;
		*ret_port = v->port;
	}
}
