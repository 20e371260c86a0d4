/*
 * Who this proxy is: its domains, its own addresses, its own Via fields. RFC 3261 16.4, 16.5,
 * 18.1.2. The paths of requests are in validate, route, forward and context.
 */
#include "proxy/proxy.h"

#include <errno.h>

void proxy_init(struct proxy *p, struct runtime *rt, struct txn_layer *txns,
		const struct proxy_config *config)
{
	*p = (struct proxy){ .rt = rt, .txns = txns, .config = *config };
	p->loop_key = rt_random64(rt);
	list_init(&p->asking);
}

/* Is this the advertised or bound host of a listener? @wildcard: does a listener on every
 * address count for a loopback host? It is the one address we know it has. */
static bool listener_host(const struct rt_listener *l, struct slice host,
			  const struct net_addr *numeric)
{
	if (slice_ieq(l->host, host))
		return true;
	if (!numeric)
		return false;
	if (net_addr_same_host(&l->addr, numeric))
		return true;
	if (!net_addr_is_any(&l->addr) || l->addr.sa.sa_family != numeric->sa.sa_family)
		return false;
	if (numeric->sa.sa_family == AF_INET)
		return ntohl(numeric->in4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&numeric->in6.sin6_addr);
}

static bool own_host(const struct proxy *p, struct slice host, uint16_t port, int transport)
{
	struct net_addr addr;
	const struct net_addr *numeric = net_addr_parse(host, 0, &addr) == 0 ? &addr : NULL;

	for (size_t i = 0; i < p->rt->n_listeners; i++) {
		const struct rt_listener *l = &p->rt->listeners[i];

		if (transport >= 0 && (int)l->transport != transport)
			continue;
		if (port && port != l->port && port != net_addr_port(&l->addr))
			continue;
		if (listener_host(l, host, numeric))
			return true;
	}
	return false;
}

static bool configured_domain(const struct proxy *p, struct slice host)
{
	for (size_t i = 0; i < p->config.n_domains; i++)
		if (sip_host_eq(p->config.domains[i], host))
			return true;
	return false;
}

bool proxy_is_domain(const struct proxy *p, struct slice host)
{
	if (p->config.n_domains)
		return configured_domain(p, host);
	return own_host(p, host, 0, -1);
}

bool proxy_is_self(const struct proxy *p, const struct sip_uri *uri)
{
	uint16_t port = uri->port;
	int transport;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return false;
	if (configured_domain(p, uri->host)) {
		if (!port)
			return true;
		for (size_t i = 0; i < p->rt->n_listeners; i++)
			if (p->rt->listeners[i].port == port ||
			    net_addr_port(&p->rt->listeners[i].addr) == port)
				return true;
		return false;
	}
	if (!port) {
		transport = sip_uri_transport(uri);
		if (transport < 0)
			transport = uri->scheme == SIP_SCHEME_SIPS ? RT_TLS : RT_UDP;
		port = rt_transport_port(transport);
	}
	return own_host(p, uri->host, port, -1);
}

bool proxy_is_own_via(const struct proxy *p, const struct sip_via *via)
{
	uint16_t port = via->port;

	if (!port)
		port = rt_transport_port(via->transport < 0 ? RT_UDP : via->transport);
	for (size_t i = 0; i < p->rt->n_listeners; i++) {
		const struct rt_listener *l = &p->rt->listeners[i];

		if (l->port == port && slice_ieq(l->host, via->host))
			return true;
	}
	return false;
}
