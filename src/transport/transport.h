/*
 * Messages in and out: UDP and TCP over IPv4 and IPv6, any number of listeners. RFC 3261 18,
 * keep-alives of RFC 5626 3.5.1. Cuts streams into messages; knows nothing of their content.
 *
 * Where a request goes and when TCP replaces UDP (18.1.1) is decided by others: the path MTU is
 * never known here, so the rule is 1,300 bytes, and a datagram that the host refuses to send for
 * its size comes back as a failure with -EMSGSIZE.
 *
 * One transport belongs to one worker. It calls rt_awake() before it tells of anything, and is
 * told by transport_flush() when the loop is about to sleep. The process must ignore SIGPIPE.
 */
#ifndef SIPCGID_TRANSPORT_TRANSPORT_H
#define SIPCGID_TRANSPORT_TRANSPORT_H

#include <uv.h>

#include "base/buf.h"
#include "base/runtime.h"

struct transport;

/* Times in milliseconds, sizes in bytes. */
struct transport_config {
	size_t udp_rcvbuf;     /* SO_RCVBUF of each socket; the kernel may give less. 0: as it is */
	size_t udp_sndbuf;     /* SO_SNDBUF */
	size_t udp_queue_max;  /* datagrams waiting until a socket takes them */
	size_t conn_queue_max; /* bytes waiting on one connection */
	size_t queue_max;      /* bytes waiting on all connections */
	size_t conn_max;       /* connections in all */
	size_t conn_max_source; /* accepted connections of one IPv4 address or IPv6 /64 */
	uint32_t connect_ms;    /* until a connection is established */
	uint32_t idle_ms;       /* nothing sent or received: closed */
	uint32_t message_ms; /* to the last byte of a message, from its first or from accepting */
	uint32_t stall_ms;   /* bytes wait and the peer takes none */
	uint32_t half_ms;    /* the peer has ended, answers may still go to it */
	uint32_t accept_pause_ms; /* no descriptors: until accepting is tried again */
	int backlog;              /* listen(2) */
	bool reuse_port;          /* SO_REUSEPORT: several workers on one address */
};
#define TRANSPORT_CONFIG_DEFAULT                                                                   \
	((struct transport_config){ .udp_rcvbuf = 4 << 20,                                         \
				    .udp_sndbuf = 1 << 20,                                         \
				    .udp_queue_max = 8192,                                         \
				    .conn_queue_max = 1 << 20,                                     \
				    .queue_max = 256 << 20,                                        \
				    .conn_max = 16384,                                             \
				    .conn_max_source = 1024,                                       \
				    .connect_ms = 10000,                                           \
				    .idle_ms = 15 * 60 * 1000,                                     \
				    .message_ms = 30000,                                           \
				    .stall_ms = 30000,                                             \
				    .half_ms = 32000,                                              \
				    .accept_pause_ms = 1000,                                       \
				    .backlog = 1024 })

/*
 * All are called from the loop, never from within a call into the transport. They may send; they
 * must not free the transport.
 */
struct transport_events {
	/* One message; @p is borrowed: whoever keeps it takes a reference. */
	void (*message)(void *arg, struct packet *p, const struct rt_flow *flow);
	/*
	 * A stream cannot be followed any more. @head is the head of the message at fault, so that
	 * a request can be answered (empty if not even its end was found). What is sent to @flow
	 * from within this call still goes out, then the connection is closed. @err: -EBADMSG for
	 * a missing or wrong Content-Length, -EMSGSIZE. Not counted as METRIC_MALFORMED here.
	 */
	void (*malformed)(void *arg, struct packet *head, const struct rt_flow *flow, int err);
	/* What was sent as @sender (never 0) did not get out, or nobody listens there. */
	void (*send_failed)(void *arg, uint64_t sender, int err);
};

/* @events and @config are copied. @loop and @rt must outlive it. -ENOMEM, -EMFILE. */
int transport_new(uv_loop_t *loop, struct runtime *rt, const struct transport_config *config,
		  const struct transport_events *events, void *arg, struct transport **ret);

/*
 * Closes everything, without events, and empties rt->listeners. Memory goes when the loop has
 * run the closing callbacks: run it until no handle is left.
 */
void transport_free(struct transport *t);

/* New limits hold for what begins from now on. */
void transport_configure(struct transport *t, const struct transport_config *config);

/*
 * Receives on @addr (port 0: any free one). The listener is appended to rt->listeners, which may
 * move. @host is its advertised name, copied; an IPv6 address may come without brackets. Empty:
 * the bound address, or for a wildcard the address of this host that a packet to the world would
 * bear. @port 0: the bound port.
 * -EPROTONOSUPPORT for a transport that is not built in, or what socket(2), bind(2) and listen(2)
 * say.
 */
int transport_listen(struct transport *t, enum rt_transport transport, const struct net_addr *addr,
		     struct slice host, uint16_t port, size_t *ret_index);

/*
 * As rt_ops.send. UDP: to->conn, if not 0, names the local address that the message came to which
 * is being answered: a wildcard socket answers from there. Streams: to->conn if it is alive, else
 * a connection to to->peer, else a new one.
 * -ENOBUFS: the queue, or the number of connections, is at its limit. -EAFNOSUPPORT: no listener
 * fits. -EMSGSIZE: too large for a datagram. -ENOMEM, or what socket(2) and connect(2) say.
 */
int transport_send(struct transport *t, const struct rt_flow *to, struct packet *p,
		   uint64_t sender);

/*
 * To be called whenever the loop is about to sleep: hands what was sent to the kernel and reports
 * failures. True if there is more to do: call it again without sleeping.
 */
bool transport_flush(struct transport *t);

/* No new connections from outside; all else goes on. */
void transport_stop_accepting(struct transport *t);

/* Stream connections, established or not. */
size_t transport_connections(const struct transport *t);
/* Bytes and datagrams not yet handed to the kernel: for draining before exit. */
size_t transport_pending(const struct transport *t);
/* One line per connection: id, transport, peer, state, idle time, bytes waiting. */
void transport_show(const struct transport *t, struct buf *out);

#endif
