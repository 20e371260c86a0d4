/*
 * Hosts: names, IPv4 addresses and IPv6 references, and the ports behind them. RFC 3261 25.1,
 * with RFC 4291 (and the tolerance of RFC 5118 4.10) for IPv6.
 *
 * Wider than the grammar in two points, both seen in the field: a label may contain "_", and the
 * last label may begin with a digit as long as it is not a number (RFC 1123 2.1).
 */
#include <errno.h>

#include "sip/host.h"

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_alnum(char c)
{
	return is_digit(c) || (slice_lower(c) >= 'a' && slice_lower(c) <= 'z');
}

static inline int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = slice_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Leading zeros are refused: half of the world reads them as octal. */
static bool parse_ip4(const char *p, const char *end, uint8_t out[4])
{
	for (unsigned i = 0; i < 4; i++) {
		const char *first = p;
		unsigned v = 0;

		while (p < end && is_digit(*p) && p - first < 4)
			v = v * 10 + (unsigned)(*p++ - '0');
		if (p == first || v > 255 || (*first == '0' && p - first > 1))
			return false;
		out[i] = (uint8_t)v;
		if (i < 3 && (p == end || *p++ != '.'))
			return false;
	}
	return p == end;
}

bool sip_host_ip6(struct slice s, uint8_t out[SIP_IP6_LEN])
{
	const char *p, *end;
	uint8_t b[SIP_IP6_LEN];
	size_t n = 0;
	size_t gap = SIZE_MAX;
	bool ip4_must_follow = false;

	if (s.n < 2)
		return false;
	p = s.p;
	end = p + s.n;
	if (p[0] == '[' && end[-1] == ']') {
		p++;
		end--;
	}
	if (end - p < 2)
		return false;
	if (*p == ':' && *++p != ':')
		return false;

	/* Here p is at a group, or at the second colon of "::". */
	for (;;) {
		const char *first;
		unsigned v = 0;

		if (*p == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = n;
			if (++p == end)
				break;
			/* "2001:db8:::192.0.2.1", which the grammar of RFC 3261 asks for. */
			if (*p == ':') {
				ip4_must_follow = true;
				if (++p == end)
					return false;
			}
		}
		first = p;
		while (p < end && hex_value(*p) >= 0 && p - first < 5)
			v = v << 4 | (unsigned)hex_value(*p++);
		if (p < end && *p == '.') {
			if (n > SIP_IP6_LEN - 4 || !parse_ip4(first, end, b + n))
				return false;
			n += 4;
			ip4_must_follow = false;
			break;
		}
		if (p == first || p - first > 4 || n > SIP_IP6_LEN - 2)
			return false;
		b[n++] = (uint8_t)(v >> 8);
		b[n++] = (uint8_t)v;
		if (p == end)
			break;
		if (*p++ != ':' || p == end)
			return false;
	}

	if (ip4_must_follow || (gap == SIZE_MAX ? n != SIP_IP6_LEN : n > SIP_IP6_LEN - 2))
		return false;
	memset(out, 0, SIP_IP6_LEN);
	if (gap == SIZE_MAX)
		gap = n;
	memcpy(out, b, gap);
	memcpy(out + SIP_IP6_LEN - (n - gap), b + gap, n - gap);
	return true;
}

/* A host name or an IPv4 address. */
static bool is_name(const char *p, const char *end)
{
	bool number = false;
	uint8_t ip4[4];

	if (p == end || end - p > SIP_HOST_MAX)
		return false;
	for (const char *q = p; q < end;) {
		const char *label = q;

		number = true;
		for (; q < end && *q != '.'; q++) {
			if (!is_alnum(*q) && *q != '-' && *q != '_')
				return false;
			number = number && is_digit(*q);
		}
		if (q == label || q - label > 63 || *label == '-' || q[-1] == '-')
			return false;
		q += q < end; /* the dot; one may end the name */
	}
	return !number || parse_ip4(p, end, ip4);
}

bool sip_is_host(struct slice host)
{
	uint8_t ip6[SIP_IP6_LEN];

	if (host.n == 0)
		return false;
	if (host.p[0] == '[')
		return host.p[host.n - 1] == ']' && sip_host_ip6(host, ip6);
	return is_name(host.p, host.p + host.n);
}

bool sip_host_eq(struct slice a, struct slice b)
{
	uint8_t x[SIP_IP6_LEN], y[SIP_IP6_LEN];

	if (slice_ieq(a, b))
		return true;
	/* Only an IPv6 address has a colon in it, and two of them may be written differently. */
	if (slice_find(a, ':') < 0 || slice_find(b, ':') < 0)
		return false;
	return sip_host_ip6(a, x) && sip_host_ip6(b, y) && memcmp(x, y, sizeof(x)) == 0;
}

int sip_take_hostport(struct slice *rest, bool lws, struct slice *ret_host, uint16_t *ret_port)
{
	struct slice s = *rest, host, after;
	const char *p = s.p, *end;
	unsigned port = 0;

	if (s.n == 0)
		return -EBADMSG;
	end = p + s.n;
	if (*p == '[') {
		p = memchr(p, ']', s.n);
		if (!p)
			return -EBADMSG;
		p++;
	} else {
		while (p < end && (is_alnum(*p) || *p == '.' || *p == '-' || *p == '_'))
			p++;
	}
	host = slice_of(s.p, (size_t)(p - s.p));
	if (!sip_is_host(host))
		return -EBADMSG;

	after = slice_skip(s, host.n);
	if (lws)
		sip_skip_lws(&after);
	if (after.n > 0 && after.p[0] == ':') {
		after = slice_skip(after, 1);
		if (lws)
			sip_skip_lws(&after);
		p = after.p;
		while (p < end && is_digit(*p) && port <= UINT16_MAX)
			port = port * 10 + (unsigned)(*p++ - '0');
		/* Nothing can be sent to port 0, and here it would mean "none given". */
		if (port == 0 || port > UINT16_MAX)
			return -EBADMSG;
		s = slice_of(p, (size_t)(end - p));
	} else {
		s = slice_skip(s, host.n);
	}

	*ret_host = host;
	*ret_port = (uint16_t)port;
	*rest = s;
	return 0;
}
