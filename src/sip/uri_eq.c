/*
 * Are two URIs the same? RFC 3261 19.1.4 for sip and sips, RFC 3966 4 for tel. Nothing is copied
 * but the From and To headers of a URI, which are addresses in their own right.
 */
#include <errno.h>

#include "sip/addr.h"
#include "sip/header.h"
#include "sip/host.h"

/* One character of a URI: with its escape undone, but remembered where it makes a difference. */
static unsigned take_char(const char **pp, const char *end)
{
	static const char reserved[] = ";/?:@&=+$,";
	const char *p = *pp;
	unsigned c = (unsigned char)*p++;

	if (c == '%' && end - p >= 2) {
		c = 0;
		for (unsigned i = 0; i < 2; i++) {
			unsigned d = (unsigned char)slice_lower(*p++);

			c = c << 4 | (d <= '9' ? d - '0' : d - 'a' + 10);
		}
		/* "%3B" is not ";", for only the latter can mean something. */
		if (c != 0 && c < 128 && strchr(reserved, (int)c))
			c |= 0x100;
	}
	*pp = p;
	return c;
}

static unsigned fold(unsigned c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool sip_uri_text_eq(struct slice a, struct slice b, bool exact_case)
{
	const char *p = a.p, *p_end, *q = b.p, *q_end;

	if (a.n == 0 || b.n == 0)
		return a.n == b.n;
	p_end = p + a.n;
	q_end = q + b.n;
	while (p < p_end && q < q_end) {
		unsigned c = take_char(&p, p_end);
		unsigned d = take_char(&q, q_end);

		if (c != d && (exact_case || fold(c) != fold(d)))
			return false;
	}
	return p == p_end && q == q_end;
}

/* Both missing, or both there and equal with regard to case. */
static bool userinfo_eq(struct slice a, struct slice b)
{
	return !a.p == !b.p && sip_uri_text_eq(a, b, true);
}

/* A parameter that one URI cannot have without the other. */
static bool is_significant(struct slice name)
{
	static const struct slice names[] = {
		SLICE_INIT("user"),  SLICE_INIT("ttl"),       SLICE_INIT("method"),
		SLICE_INIT("maddr"), SLICE_INIT("transport"),
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (sip_uri_text_eq(name, names[i], false))
			return true;
	}
	return false;
}

static bool param_value_eq(struct slice name, struct slice a, struct slice b)
{
	if (!a.p != !b.p)
		return false;
	if (sip_uri_text_eq(name, SLICE("maddr"), false))
		return sip_host_eq(a, b) || sip_uri_text_eq(a, b, false);
	/* Methods are case-sensitive: RFC 3261 7.1. */
	return sip_uri_text_eq(a, b, sip_uri_text_eq(name, SLICE("method"), false));
}

/* Does @b allow for every parameter of @a? A name given twice needs one of the values. */
static bool params_match(struct slice a, struct slice b)
{
	struct slice name, value;

	while (sip_uri_next_param(&a, &name, &value)) {
		struct slice rest = b, n, v;
		bool found = false, equal = false;

		while (!equal && sip_uri_next_param(&rest, &n, &v)) {
			if (!sip_uri_text_eq(n, name, false))
				continue;
			found = true;
			equal = param_value_eq(name, value, v);
		}
		if (!equal && (found || is_significant(name)))
			return false;
	}
	return true;
}

/*
 * The header components: never ignored. Values are compared as RFC 3261 7.3.1 and 20 say:
 * without case, but for Call-ID, the body and quoted strings; From and To by URI and tag.
 */
static bool next_header(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
	struct slice part;

	if (!slice_split(rest, '&', &part))
		return false;
	(void)slice_split(&part, '=', ret_name);
	*ret_value = part;
	return true;
}

static size_t decode(struct slice s, char out[SIP_URI_MAX])
{
	const char *p = s.p, *end = s.n ? p + s.n : p;
	size_t n = 0;

	while (p < end && n < SIP_URI_MAX)
		out[n++] = (char)take_char(&p, end);
	return n;
}

static bool tag_eq(const struct sip_addr *a, const struct sip_addr *b)
{
	struct slice x = SLICE_EMPTY, y = SLICE_EMPTY;
	bool has_x = sip_addr_param(a, SLICE("tag"), &x);
	bool has_y = sip_addr_param(b, SLICE("tag"), &y);

	return has_x == has_y && slice_ieq(x, y);
}

static bool quoted_eq(struct slice a, struct slice b)
{
	bool quoted = false;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (a.p[i] != b.p[i] && (quoted || slice_lower(a.p[i]) != slice_lower(b.p[i])))
			return false;
		if (quoted && a.p[i] == '\\' && i + 1 < a.n) {
			i++;
			if (a.p[i] != b.p[i])
				return false;
		} else if (a.p[i] == '"') {
			quoted = !quoted;
		}
	}
	return true;
}

static bool header_value_eq(struct slice name, struct slice a, struct slice b, bool nested)
{
	enum sip_header id = sip_header_find(name);
	char x[SIP_URI_MAX], y[SIP_URI_MAX];
	struct sip_addr m, n;
	struct slice v, w;

	if (sip_uri_text_eq(a, b, true))
		return true;
	if (id == SIP_H_CALL_ID || slice_ieq(name, SLICE("body")))
		return false;
	v = slice_of(x, decode(a, x));
	w = slice_of(y, decode(b, y));
	/* A URI inside the headers of a URI is enough: its own headers are compared as text. */
	if (!nested && (id == SIP_H_FROM || id == SIP_H_TO) && sip_addr_parse(v, &m, NULL) == 0 &&
	    sip_addr_parse(w, &n, NULL) == 0)
		return sip_uri_eq_nested(&m.uri, &n.uri, true) && tag_eq(&m, &n);
	return quoted_eq(v, w);
}

static bool header_name_eq(struct slice a, struct slice b)
{
	enum sip_header id = sip_header_find(a);

	return sip_uri_text_eq(a, b, false) || (id != SIP_H_OTHER && id == sip_header_find(b));
}

static bool headers_eq(struct slice a, struct slice b, bool nested)
{
	uint64_t taken = 0; /* of @b, by position */
	size_t n_a = 0, n_b = 0;
	struct slice rest, name, value, n, v;

	for (rest = b; next_header(&rest, &n, &v);)
		n_b++;
	while (next_header(&a, &name, &value)) {
		bool equal = false;
		unsigned i = 0;

		n_a++;
		for (rest = b; !equal && next_header(&rest, &n, &v); i++) {
			if (taken >> i & 1 || !header_name_eq(name, n) ||
			    !header_value_eq(name, value, v, nested))
				continue;
			taken |= UINT64_C(1) << i;
			equal = true;
		}
		if (!equal)
			return false;
	}
	return n_a == n_b;
}

/* The digits of two numbers, visual separators aside. */
static bool number_eq(struct slice a, struct slice b)
{
	static const char separators[] = "-.()";
	size_t i = 0, j = 0;

	for (;; i++, j++) {
		while (i < a.n && a.p[i] && strchr(separators, a.p[i]))
			i++;
		while (j < b.n && b.p[j] && strchr(separators, b.p[j]))
			j++;
		if (i == a.n || j == b.n)
			return i == a.n && j == b.n;
		if (slice_lower(a.p[i]) != slice_lower(b.p[j]))
			return false;
	}
}

/* Does @b have each parameter of @a, with the same value? */
static bool tel_params_match(struct slice a, struct slice b)
{
	struct slice name, value;

	while (sip_uri_next_param(&a, &name, &value)) {
		struct slice rest = b, n, v;
		bool equal = false;

		while (!equal && sip_uri_next_param(&rest, &n, &v)) {
			if (!sip_uri_text_eq(n, name, false) || !v.p != !value.p)
				continue;
			equal = sip_uri_text_eq(v, value, false);
			if (equal || !value.p)
				continue;
			/* A context that is a number, and an extension, are numbers. */
			if (slice_ieq(name, SLICE("ext")) ||
			    (slice_ieq(name, SLICE("phone-context")) && value.n > 0 &&
			     value.p[0] == '+'))
				equal = number_eq(v, value);
		}
		if (!equal)
			return false;
	}
	return true;
}

bool sip_uri_eq_nested(const struct sip_uri *a, const struct sip_uri *b, bool nested)
{
	if (a->scheme != b->scheme)
		return false;
	switch (a->scheme) {
	case SIP_SCHEME_SIP:
	case SIP_SCHEME_SIPS:
		return a->port == b->port && userinfo_eq(a->user, b->user) &&
		       userinfo_eq(a->password, b->password) && sip_host_eq(a->host, b->host) &&
		       params_match(a->params, b->params) && params_match(b->params, a->params) &&
		       headers_eq(a->headers, b->headers, nested);
	case SIP_SCHEME_TEL:
		return number_eq(a->user, b->user) && tel_params_match(a->params, b->params) &&
		       tel_params_match(b->params, a->params);
	case SIP_SCHEME_OTHER:
		break;
	}
	return slice_eq(a->text, b->text);
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	return slice_eq(a->text, b->text) || sip_uri_eq_nested(a, b, false);
}
