/*
 * From records to the ordered list of RFC 3263. Pure functions: no name is asked for here.
 */
#ifndef SIPCGID_RESOLVE_PLAN_H
#define SIPCGID_RESOLVE_PLAN_H

#include "base/runtime.h"

/* What we can reach at all: a message needs a listener of its transport and family. */
struct plan_reach {
	struct {
		bool v4, v6;
		bool v6_first; /* its listener comes before that of IPv4 */
	} by[RT_TRANSPORTS];
};

void plan_reach(const struct rt_listener *listeners, size_t n, struct plan_reach *ret);

/* The transport and port of a question that no NAPTR or SRV record answers: RFC 3263 4.1, 4.2. */
enum rt_transport plan_transport(const struct rt_query *q, const struct plan_reach *reach);
uint16_t plan_port(const struct rt_query *q, enum rt_transport transport);

/*
 * Appends the addresses of one host that can be reached, with @port, in the family order of the
 * listeners and else as they stand; what does not fit is left out.
 */
void plan_host(const struct net_addr *addrs, size_t n, enum rt_transport transport, uint16_t port,
	       const struct plan_reach *reach, struct rt_targets *targets);

#endif
