/* What udp.c and udp_error.c share. */
#ifndef SIPCGID_TRANSPORT_UDP_H
#define SIPCGID_TRANSPORT_UDP_H

#include "transport/internal.h"

#define UDP_BATCH 64
#define UDP_RECENT 512     /* a power of two */
#define UDP_RECENT_MS 5000 /* an ICMP error later than that is about nothing of ours */
#define UDP_HEAD 256       /* bytes by which a datagram quoted in an ICMP error is known again */
#define UDP_LOCALS 64

struct udp_out {
	struct packet *packet;
	uint64_t sender;
	struct net_addr to;
	uint8_t local; /* 1 + index of the address it is to leave from; 0: the kernel's choice */
	bool again;    /* has failed once, perhaps by an error that was another's */
};

struct udp_recent {
	uint64_t sender; /* 0: empty, or told */
	uint64_t head;   /* hash of the first UDP_HEAD bytes */
	uint64_t at;
	uint32_t len;
	struct net_addr to;
};

/* One socket. */
struct udp {
	struct udp_out *ring;
	unsigned cap, head, count; /* cap is a power of two */
	bool blocked;              /* the socket takes no more: wait until it does */
	bool wildcard;
	unsigned n_locals, last_local;
	struct net_addr locals[UDP_LOCALS];
	unsigned recent_pos;
	struct udp_recent recent[UDP_RECENT];
};

/* Remembers who sent what where, to know it again in an ICMP error. */
void udp_remember(struct listener *l, const struct udp_out *out);
/* Reads all that the kernel has to say about datagrams sent earlier. */
void udp_read_errors(struct listener *l);

#endif
