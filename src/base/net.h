/* Network addresses: IPv4 or IPv6 with a port. IPv4-mapped IPv6 addresses are made IPv4. */
#ifndef SIPCGID_BASE_NET_H
#define SIPCGID_BASE_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"

struct net_addr {
	union {
		struct sockaddr sa; /* sa_family is AF_UNSPEC (0), AF_INET or AF_INET6 */
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

/* "2001:db8::1" in brackets, port and scope fit: NET_ADDR_TEXT bytes with the final NUL. */
#define NET_ADDR_TEXT 72

/* A numeric host, "192.0.2.1", "::1" or "[::1]"; anything else is -EINVAL. */
int net_addr_parse(struct slice host, uint16_t port, struct net_addr *ret);
int net_addr_from(const struct sockaddr *sa, socklen_t len, struct net_addr *ret);
socklen_t net_addr_len(const struct net_addr *a);
uint16_t net_addr_port(const struct net_addr *a);
void net_addr_set_port(struct net_addr *a, uint16_t port);
bool net_addr_is_any(const struct net_addr *a);
bool net_addr_eq(const struct net_addr *a, const struct net_addr *b); /* with port */
bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b);
uint64_t net_addr_hash(const struct net_addr *a, uint64_t seed); /* with port */
/* "192.0.2.1", "2001:db8::1" without brackets; returns @text. */
const char *net_host_text(const struct net_addr *a, char text[NET_ADDR_TEXT]);
/* The same as it stands in a URI or Via: IPv6 in brackets. */
const char *net_host_uri(const struct net_addr *a, char text[NET_ADDR_TEXT]);
/* "192.0.2.1:5060", "[2001:db8::1]:5060". */
const char *net_addr_text(const struct net_addr *a, char text[NET_ADDR_TEXT]);

/* An address prefix such as 10.0.0.0/8 or 2001:db8::/32; a bare address is its own prefix. */
struct net_prefix {
	struct net_addr addr;
	unsigned bits;
};

int net_prefix_parse(struct slice s, struct net_prefix *ret); /* -EINVAL */
bool net_prefix_has(const struct net_prefix *p, const struct net_addr *a);

#endif
