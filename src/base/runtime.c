/* Names and default ports of the transports: RFC 3261 18 and 19.1.2, RFC 7118 5. */
#include "base/runtime.h"

#include <errno.h>

static const struct {
	const char *name;
	const char *via;
	uint16_t port;
} transports[RT_TRANSPORTS] = {
	[RT_UDP] = { "udp", "UDP", 5060 }, [RT_TCP] = { "tcp", "TCP", 5060 },
	[RT_TLS] = { "tls", "TLS", 5061 }, [RT_WS] = { "ws", "WS", 80 },
	[RT_WSS] = { "wss", "WSS", 443 },
};

const char *rt_transport_name(enum rt_transport t)
{
	return transports[t].name;
}

const char *rt_transport_via(enum rt_transport t)
{
	return transports[t].via;
}

int rt_transport_parse(struct slice name, enum rt_transport *ret)
{
	for (unsigned t = 0; t < RT_TRANSPORTS; t++)
		if (slice_ieq(name, slice_str(transports[t].name))) {
			*ret = (enum rt_transport)t;
			return 0;
		}
	return -EINVAL;
}

uint16_t rt_transport_port(enum rt_transport t)
{
	return transports[t].port;
}
