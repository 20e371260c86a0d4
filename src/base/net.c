/* Network addresses and prefixes, as numbers and as text. Resolves nothing. */
#include "base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

/* ::ffff:192.0.2.1 is 192.0.2.1 everywhere in the program: RFC 4291 2.5.5.2. */
static void unmap(struct net_addr *a)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = a->in6.sin6_port };

	if (!IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return;
	memcpy(&in4.sin_addr, &a->in6.sin6_addr.s6_addr[12], sizeof(in4.sin_addr));
	memset(a, 0, sizeof(*a));
	a->in4 = in4;
}

static int parse_v6(struct slice host, uint16_t port, struct net_addr *ret)
{
	struct net_addr a = { .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
	ptrdiff_t zone = slice_find(host, '%');
	char text[INET6_ADDRSTRLEN];

	/* A zone by number only: names would have to be looked up. RFC 4007 11. */
	if (zone >= 0) {
		if (slice_u32(slice_skip(host, (size_t)zone + 1), &a.in6.sin6_scope_id))
			return -EINVAL;
		host = slice_head(host, (size_t)zone);
	}
	if (host.n >= sizeof(text) || slice_find(host, '\0') >= 0)
		return -EINVAL;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) != 1)
		return -EINVAL;
	unmap(&a);
	*ret = a;
	return 0;
}

int net_addr_parse(struct slice host, uint16_t port, struct net_addr *ret)
{
	struct net_addr a = { .in4 = { .sin_family = AF_INET, .sin_port = htons(port) } };
	char text[INET_ADDRSTRLEN];

	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		return parse_v6(slice_of(host.p + 1, host.n - 2), port, ret);
	if (slice_find(host, ':') >= 0)
		return parse_v6(host, port, ret);
	if (host.n == 0 || host.n >= sizeof(text) || slice_find(host, '\0') >= 0)
		return -EINVAL;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (inet_pton(AF_INET, text, &a.in4.sin_addr) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

int net_addr_from(const struct sockaddr *sa, socklen_t len, struct net_addr *ret)
{
	struct net_addr a = { .in6 = { 0 } };
	sa_family_t family;

	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, &sa->sa_family, sizeof(family));
	if (family == AF_INET && len >= sizeof(a.in4)) {
		memcpy(&a.in4, sa, sizeof(a.in4));
		memset(a.in4.sin_zero, 0, sizeof(a.in4.sin_zero));
	} else if (family == AF_INET6 && len >= sizeof(a.in6)) {
		memcpy(&a.in6, sa, sizeof(a.in6));
		a.in6.sin6_flowinfo = 0;
		unmap(&a);
	} else {
		return -EINVAL;
	}
	*ret = a;
	return 0;
}

socklen_t net_addr_len(const struct net_addr *a)
{
	switch (a->sa.sa_family) {
	case AF_INET:
		return sizeof(a->in4);
	case AF_INET6:
		return sizeof(a->in6);
	default:
		return 0;
	}
}

uint16_t net_addr_port(const struct net_addr *a)
{
	switch (a->sa.sa_family) {
	case AF_INET:
		return ntohs(a->in4.sin_port);
	case AF_INET6:
		return ntohs(a->in6.sin6_port);
	default:
		return 0;
	}
}

void net_addr_set_port(struct net_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in4.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

bool net_addr_is_any(const struct net_addr *a)
{
	switch (a->sa.sa_family) {
	case AF_INET:
		return a->in4.sin_addr.s_addr == htonl(INADDR_ANY);
	case AF_INET6:
		return IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
	default:
		return false;
	}
}

bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	switch (a->sa.sa_family) {
	case AF_INET:
		return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	case AF_INET6:
		return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(struct in6_addr)) == 0 &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
	default:
		return true;
	}
}

bool net_addr_eq(const struct net_addr *a, const struct net_addr *b)
{
	return net_addr_same_host(a, b) && net_addr_port(a) == net_addr_port(b);
}

uint64_t net_addr_hash(const struct net_addr *a, uint64_t seed)
{
	char key[sizeof(struct in6_addr) + sizeof(uint16_t)];
	uint16_t port = net_addr_port(a);
	size_t n = 0;

	if (a->sa.sa_family == AF_INET) {
		n = sizeof(a->in4.sin_addr);
		memcpy(key, &a->in4.sin_addr, n);
	} else if (a->sa.sa_family == AF_INET6) {
		n = sizeof(a->in6.sin6_addr);
		memcpy(key, &a->in6.sin6_addr, n);
	}
	memcpy(key + n, &port, sizeof(port));
	return slice_hash(slice_of(key, n + sizeof(port)), seed);
}

static const char *host_text(const struct net_addr *a, const char *open, const char *close,
			     char text[NET_ADDR_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "-";

	if (a->sa.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a->in4.sin_addr, host, sizeof(host));
		open = close = "";
	} else if (a->sa.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
	} else {
		open = close = "";
	}
	if (a->sa.sa_family == AF_INET6 && a->in6.sin6_scope_id)
		(void)snprintf(text, NET_ADDR_TEXT, "%s%s%%%u%s", open, host, a->in6.sin6_scope_id,
			       close);
	else
		(void)snprintf(text, NET_ADDR_TEXT, "%s%s%s", open, host, close);
	return text;
}

const char *net_host_text(const struct net_addr *a, char text[NET_ADDR_TEXT])
{
	return host_text(a, "", "", text);
}

const char *net_host_uri(const struct net_addr *a, char text[NET_ADDR_TEXT])
{
	return host_text(a, "[", "]", text);
}

const char *net_addr_text(const struct net_addr *a, char text[NET_ADDR_TEXT])
{
	size_t n = strlen(host_text(a, "[", "]", text));

	if (a->sa.sa_family != AF_UNSPEC)
		(void)snprintf(text + n, NET_ADDR_TEXT - n, ":%u", net_addr_port(a));
	return text;
}

int net_prefix_parse(struct slice s, struct net_prefix *ret)
{
	ptrdiff_t slash = slice_find(s, '/');
	struct slice host = slash < 0 ? s : slice_head(s, (size_t)slash);
	struct net_prefix p;
	uint64_t bits;
	bool mapped;

	if (net_addr_parse(host, 0, &p.addr))
		return -EINVAL;
	p.bits = p.addr.sa.sa_family == AF_INET ? 32 : 128;
	if (slash < 0) {
		*ret = p;
		return 0;
	}
	if (slice_u64(slice_skip(s, (size_t)slash + 1), 128, &bits))
		return -EINVAL;
	/* ::ffff:10.0.0.0/104 has become 10.0.0.0: the length loses the 96 bits too. */
	mapped = p.addr.sa.sa_family == AF_INET && slice_find(host, ':') >= 0;
	if (mapped) {
		if (bits < 96)
			return -EINVAL;
		bits -= 96;
	}
	if (bits > p.bits)
		return -EINVAL;
	p.bits = (unsigned)bits;
	*ret = p;
	return 0;
}

bool net_prefix_has(const struct net_prefix *p, const struct net_addr *a)
{
	const unsigned char *x, *y;
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (p->addr.sa.sa_family != a->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET) {
		x = (const unsigned char *)&p->addr.in4.sin_addr;
		y = (const unsigned char *)&a->in4.sin_addr;
	} else if (a->sa.sa_family == AF_INET6) {
		x = p->addr.in6.sin6_addr.s6_addr;
		y = a->in6.sin6_addr.s6_addr;
	} else {
		return false;
	}
	if (memcmp(x, y, whole) != 0)
		return false;
	return rest == 0 || (x[whole] ^ y[whole]) >> (8 - rest) == 0;
}
