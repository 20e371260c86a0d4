/*
 * Bytes on their way out, or just in: written once, then shared. A reference may be held by a
 * transaction (to retransmit), by a transport's send queue and by a message parsed from it.
 * Not thread-safe: a packet belongs to one worker.
 */
#ifndef SIPCGID_BASE_PACKET_H
#define SIPCGID_BASE_PACKET_H

#include <stdint.h>

#include "base/slice.h"

struct packet {
	uint32_t refs;
	uint32_t len;
	char data[];
};

/* One reference for the caller; contents undefined. NULL when out of memory. */
struct packet *packet_new(size_t len);
struct packet *packet_from(struct slice bytes);
struct packet *packet_ref(struct packet *p);
void packet_unref(struct packet *p);

static inline struct slice packet_view(const struct packet *p)
{
	return (struct slice){ p->data, p->len };
}

#endif
