/*
 * Parsing URIs: RFC 3261 19.1.1 and 25.1, RFC 3966 3. One pass over the bytes; every component is
 * checked against its own set of characters, so what is accepted may be copied anywhere a URI may
 * stand. Comparing them is in uri_eq.c, hosts are in host.c.
 *
 * A tel: number without "+" is accepted without the phone-context that RFC 3966 asks for: "tel:911"
 * is what telephones send.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "base/runtime.h"
#include "sip/host.h"

enum {
	C_USER = 1, /* user: unreserved and user-unreserved */
	C_PASSWORD = 2,
	C_PARAM = 4,  /* paramchar */
	C_HEADER = 8, /* hnv-unreserved and unreserved */
	C_URIC = 16,  /* anything a URI of a scheme we do not know may hold: RFC 3986 2 */
	C_UNRESERVED = 32,
	C_DIGIT = 64,  /* phonedigit */
	C_LOCAL = 128, /* phonedigit-hex */
};

#define ALL (C_USER | C_PASSWORD | C_PARAM | C_HEADER | C_URIC | C_UNRESERVED)

static const uint8_t classes[256] = {
	['0' ... '9'] = ALL | C_DIGIT | C_LOCAL,
	['a' ... 'f'] = ALL | C_LOCAL,
	['g' ... 'z'] = ALL,
	['A' ... 'F'] = ALL | C_LOCAL,
	['G' ... 'Z'] = ALL,
	['-'] = ALL | C_DIGIT | C_LOCAL,
	['.'] = ALL | C_DIGIT | C_LOCAL,
	['('] = ALL | C_DIGIT | C_LOCAL,
	[')'] = ALL | C_DIGIT | C_LOCAL,
	['*'] = ALL | C_LOCAL,
	['_'] = ALL,
	['!'] = ALL,
	['~'] = ALL,
	['\''] = ALL,
	['#'] = C_URIC | C_LOCAL,
	['&'] = C_USER | C_PASSWORD | C_PARAM | C_URIC,
	['='] = C_USER | C_PASSWORD | C_URIC,
	['+'] = C_USER | C_PASSWORD | C_PARAM | C_HEADER | C_URIC,
	['$'] = C_USER | C_PASSWORD | C_PARAM | C_HEADER | C_URIC,
	[','] = C_USER | C_PASSWORD | C_URIC,
	[';'] = C_USER | C_URIC,
	['?'] = C_USER | C_HEADER | C_URIC,
	['/'] = C_USER | C_PARAM | C_HEADER | C_URIC,
	[':'] = C_PARAM | C_HEADER | C_URIC,
	['['] = C_PARAM | C_HEADER | C_URIC,
	[']'] = C_PARAM | C_HEADER | C_URIC,
	['@'] = C_URIC,
};

static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = slice_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The first byte at or behind @p that is neither in @cls nor part of a good escape. */
static const char *span(const char *p, const char *end, unsigned cls)
{
	for (; p < end; p++) {
		if (classes[(unsigned char)*p] & cls)
			continue;
		if (*p != '%' || end - p < 3 || hex_value(p[1]) < 0 || hex_value(p[2]) < 0)
			break;
		p += 2;
	}
	return p;
}

static inline struct slice between(const char *p, const char *end)
{
	return (struct slice){ p, (size_t)(end - p) };
}

static int bad(const char *reason, const char **reterr_reason)
{
	if (reterr_reason)
		*reterr_reason = reason;
	return -EBADMSG;
}

/* *( ";" pname [ "=" pvalue ] ) from *@pp on; *@pp is moved behind them. */
static int parse_params(const char **pp, const char *end, struct slice *ret,
			const char **reterr_reason)
{
	const char *p = *pp;

	for (unsigned n = 0; p < end && *p == ';'; n++) {
		const char *q = span(p + 1, end, C_PARAM);

		if (q == p + 1)
			return bad("empty or bad URI parameter name", reterr_reason);
		if (n == SIP_URI_PARAMS_MAX)
			return bad("too many URI parameters", reterr_reason);
		p = q;
		if (p < end && *p == '=') {
			q = span(p + 1, end, C_PARAM);
			if (q == p + 1)
				return bad("empty or bad URI parameter value", reterr_reason);
			p = q;
		}
	}
	*ret = between(*pp, p);
	*pp = p;
	return 0;
}

/* "?" hname "=" hvalue *( "&" hname "=" hvalue ), the question mark already passed. */
static int parse_headers(const char **pp, const char *end, struct slice *ret,
			 const char **reterr_reason)
{
	const char *p = *pp;

	for (unsigned n = 0;; n++) {
		const char *q = span(p, end, C_HEADER);

		if (q == p || q == end || *q != '=')
			return bad("bad header in a URI", reterr_reason);
		if (n == SIP_URI_HEADERS_MAX)
			return bad("too many headers in a URI", reterr_reason);
		p = span(q + 1, end, C_HEADER);
		if (p == end || *p != '&')
			break;
		p++;
	}
	*ret = between(*pp, p);
	*pp = p;
	return 0;
}

static int parse_sip(const char *p, const char *end, struct sip_uri *u, const char **reterr_reason)
{
	const char *at = p < end ? memchr(p, '@', (size_t)(end - p)) : NULL;
	struct slice rest;
	int rc;

	/* Nothing behind the user part may hold an "@": the first one ends it. */
	if (at) {
		const char *q = span(p, at, C_USER);

		if (q == p)
			return bad("empty user part or a bad character in it", reterr_reason);
		u->user = between(p, q);
		if (*q == ':') {
			p = q + 1;
			q = span(p, at, C_PASSWORD);
			u->password = between(p, q);
		}
		if (q != at)
			return bad("bad character in the user part", reterr_reason);
		p = at + 1;
	}

	rest = between(p, end);
	if (sip_take_hostport(&rest, false, &u->host, &u->port) < 0)
		return bad("bad host or port in a URI", reterr_reason);
	p = rest.p;
	rc = parse_params(&p, end, &u->params, reterr_reason);
	if (rc < 0)
		return rc;
	if (p < end && *p == '?') {
		p++;
		rc = parse_headers(&p, end, &u->headers, reterr_reason);
		if (rc < 0)
			return rc;
	}
	return p == end ? 0 : bad("bad character in a URI", reterr_reason);
}

static int parse_tel(const char *p, const char *end, struct sip_uri *u, const char **reterr_reason)
{
	const char *first = p;
	unsigned cls = C_LOCAL;
	bool digit = false;
	int rc;

	if (p < end && *p == '+') {
		cls = C_DIGIT;
		p++;
	}
	for (; p < end && classes[(unsigned char)*p] & cls; p++)
		digit = digit || (*p != '-' && *p != '.' && *p != '(' && *p != ')');
	if (!digit)
		return bad("no digits in a tel URI", reterr_reason);
	u->user = between(first, p);
	rc = parse_params(&p, end, &u->params, reterr_reason);
	if (rc < 0)
		return rc;
	return p == end ? 0 : bad("bad character in a tel URI", reterr_reason);
}

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ); the colon, or NULL. */
static const char *find_colon(const char *p, const char *end)
{
	for (const char *q = p; q < end; q++) {
		char c = slice_lower(*q);

		if (*q == ':')
			return q > p ? q : NULL;
		if (c >= 'a' && c <= 'z')
			continue;
		if (q == p || ((c < '0' || c > '9') && c != '+' && c != '-' && c != '.'))
			return NULL;
	}
	return NULL;
}

int sip_uri_parse(struct slice s, struct sip_uri *ret, const char **reterr_reason)
{
	struct sip_uri u = { .text = s };
	const char *p, *end;
	int rc = 0;

	if (s.n == 0)
		return bad("empty URI", reterr_reason);
	if (s.n > SIP_URI_MAX)
		return bad("URI too long", reterr_reason);
	end = s.p + s.n;
	p = find_colon(s.p, end);
	if (!p)
		return bad("no scheme in a URI", reterr_reason);
	u.scheme_name = between(s.p, p);
	p++;

	if (slice_ieq(u.scheme_name, SLICE("sip")))
		u.scheme = SIP_SCHEME_SIP;
	else if (slice_ieq(u.scheme_name, SLICE("sips")))
		u.scheme = SIP_SCHEME_SIPS;
	else if (slice_ieq(u.scheme_name, SLICE("tel")))
		u.scheme = SIP_SCHEME_TEL;

	switch (u.scheme) {
	case SIP_SCHEME_SIP:
	case SIP_SCHEME_SIPS:
		rc = parse_sip(p, end, &u, reterr_reason);
		break;
	case SIP_SCHEME_TEL:
		rc = parse_tel(p, end, &u, reterr_reason);
		break;
	case SIP_SCHEME_OTHER:
		u.opaque = between(p, end);
		if (p == end || span(p, end, C_URIC) != end)
			rc = bad("empty URI or a bad character in it", reterr_reason);
		break;
	}
	if (rc == 0)
		*ret = u;
	return rc;
}

bool sip_uri_next_param(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
	const char *p, *q, *end;

	if (rest->n == 0)
		return false;
	end = rest->p + rest->n;
	p = q = rest->p + 1; /* behind the semicolon */
	while (q < end && *q != ';' && *q != '=')
		q++;
	*ret_name = between(p, q);
	*ret_value = SLICE_EMPTY;
	if (q < end && *q == '=') {
		p = ++q;
		while (q < end && *q != ';')
			q++;
		*ret_value = between(p, q);
	}
	*rest = between(q, end);
	return true;
}

bool sip_uri_param(const struct sip_uri *u, struct slice name, struct slice *ret_value)
{
	struct slice rest = u->params, n, v;

	while (sip_uri_next_param(&rest, &n, &v)) {
		if (sip_uri_text_eq(n, name, false)) {
			*ret_value = v;
			return true;
		}
	}
	return false;
}

int sip_uri_transport(const struct sip_uri *u)
{
	enum rt_transport t;
	struct slice v;

	if (!sip_uri_param(u, SLICE("transport"), &v))
		return -1;
	return rt_transport_parse(v, &t) < 0 ? -EINVAL : (int)t;
}

/* RFC 3261 19.1.4: a character outside the reserved set equals its escape. */
static bool is_unreserved(unsigned c)
{
	return c < 128 && classes[c] & C_UNRESERVED;
}

static void put_user(struct slice user, struct buf *out)
{
	const char *p = user.p, *end = p + user.n;
	const char *from = p; /* not yet copied */

	for (; p < end; p++) {
		unsigned c;

		if (*p != '%')
			continue;
		c = (unsigned)hex_value(p[1]) << 4 | (unsigned)hex_value(p[2]);
		buf_put(out, from, (size_t)(p - from));
		if (is_unreserved(c))
			buf_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
		p += 2;
		from = p + 1;
	}
	buf_put(out, from, (size_t)(p - from));
}

int sip_uri_aor(const struct sip_uri *u, struct buf *out)
{
	uint8_t ip6[SIP_IP6_LEN];
	char text[INET6_ADDRSTRLEN];

	if (u->scheme != SIP_SCHEME_SIP && u->scheme != SIP_SCHEME_SIPS)
		return -EINVAL;
	buf_str(out, "sip:");
	if (u->user.p) {
		put_user(u->user, out);
		buf_char(out, '@');
	}
	if (u->host.n > 0 && u->host.p[0] == '[' && sip_host_ip6(u->host, ip6) &&
	    inet_ntop(AF_INET6, ip6, text, sizeof(text))) {
		/* One address has many spellings; the binding has one key. */
		buf_char(out, '[');
		buf_str(out, text);
		buf_char(out, ']');
	} else {
		for (size_t i = 0; i < u->host.n; i++)
			buf_char(out, slice_lower(u->host.p[i]));
	}
	if (u->port) {
		buf_char(out, ':');
		buf_u64(out, u->port);
	}
	return out->err;
}

int sip_uri_unescape(struct slice s, struct buf *out)
{
	const char *p = s.p, *end = s.n ? p + s.n : p;
	size_t before = out->len;

	for (; p < end; p++) {
		int hi, lo;

		if (*p != '%') {
			buf_char(out, *p);
			continue;
		}
		hi = end - p >= 3 ? hex_value(p[1]) : -1;
		lo = end - p >= 3 ? hex_value(p[2]) : -1;
		if (hi < 0 || lo < 0 || hi + lo == 0) {
			out->len = before;
			return -EBADMSG;
		}
		buf_char(out, (char)(hi << 4 | lo));
		p += 2;
	}
	return out->err;
}
