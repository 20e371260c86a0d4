/* Packets: a counted block of bytes in one allocation. */
#include "base/packet.h"

#include <stdlib.h>

struct packet *packet_new(size_t len)
{
	struct packet *p;

	if (len > UINT32_MAX - sizeof(*p))
		return NULL;
	p = malloc(sizeof(*p) + len);
	if (!p)
		return NULL;
	p->refs = 1;
	p->len = (uint32_t)len;
	return p;
}

struct packet *packet_from(struct slice bytes)
{
	struct packet *p = packet_new(bytes.n);

	if (p && bytes.n)
		memcpy(p->data, bytes.p, bytes.n);
	return p;
}

struct packet *packet_ref(struct packet *p)
{
	if (p)
		p->refs++;
	return p;
}

void packet_unref(struct packet *p)
{
	if (p && --p->refs == 0)
		free(p);
}
