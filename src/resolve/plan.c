/*
 * Transport, port and order of the places to try: RFC 3263 4.1 and 4.2, without NAPTR and SRV
 * records, whose targets will each be appended by plan_host() in the order of RFC 2782.
 */
#include "resolve/plan.h"

void plan_reach(const struct rt_listener *listeners, size_t n, struct plan_reach *ret)
{
	*ret = (struct plan_reach){ 0 };
	for (size_t i = 0; i < n; i++) {
		bool v6 = listeners[i].addr.sa.sa_family == AF_INET6;

		if (v6 && !ret->by[listeners[i].transport].v4)
			ret->by[listeners[i].transport].v6_first = true;
		if (v6)
			ret->by[listeners[i].transport].v6 = true;
		else
			ret->by[listeners[i].transport].v4 = true;
	}
}

static bool reachable(const struct plan_reach *reach, enum rt_transport t)
{
	return reach->by[t].v4 || reach->by[t].v6;
}

enum rt_transport plan_transport(const struct rt_query *q, const struct plan_reach *reach)
{
	/* RFC 3261 26.2.2: sips means TLS under whatever transport is named. */
	if (q->secure)
		return q->transport == RT_WS || q->transport == RT_WSS ? RT_WSS : RT_TLS;
	if (q->transport >= 0 && q->transport < RT_TRANSPORTS)
		return (enum rt_transport)q->transport;
	/* RFC 3263 4.1: UDP. A server that has none says what it has. */
	return !reachable(reach, RT_UDP) && reachable(reach, RT_TCP) ? RT_TCP : RT_UDP;
}

uint16_t plan_port(const struct rt_query *q, enum rt_transport transport)
{
	return q->port ? q->port : rt_transport_port(transport);
}

static void append(const struct net_addr *addrs, size_t n, int family, enum rt_transport transport,
		   uint16_t port, struct rt_targets *targets)
{
	for (size_t i = 0; i < n && targets->n < RT_TARGETS_MAX; i++) {
		struct rt_target *to = &targets->v[targets->n];

		if (addrs[i].sa.sa_family != family)
			continue;
		to->transport = transport;
		to->addr = addrs[i];
		net_addr_set_port(&to->addr, port);
		targets->n++;
	}
}

void plan_host(const struct net_addr *addrs, size_t n, enum rt_transport transport, uint16_t port,
	       const struct plan_reach *reach, struct rt_targets *targets)
{
	if (reach->by[transport].v6 && reach->by[transport].v6_first)
		append(addrs, n, AF_INET6, transport, port, targets);
	if (reach->by[transport].v4)
		append(addrs, n, AF_INET, transport, port, targets);
	if (reach->by[transport].v6 && !reach->by[transport].v6_first)
		append(addrs, n, AF_INET6, transport, port, targets);
}
