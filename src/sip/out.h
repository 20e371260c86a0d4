/* Writing a message twice: once to learn its size, once into its packet. Used by edit.c, reply.c.
 */
#ifndef SIPCGID_SIP_OUT_H
#define SIPCGID_SIP_OUT_H

#include "base/slice.h"

struct sip_out {
	char *p; /* NULL: only count */
	size_t n;
};

static inline void sip_out_put(struct sip_out *o, struct slice s)
{
	if (o->p && s.n)
		memcpy(o->p + o->n, s.p, s.n);
	o->n += s.n;
}

static inline void sip_out_line(struct sip_out *o, struct slice s)
{
	sip_out_put(o, s);
	sip_out_put(o, SLICE("\r\n"));
}

static inline void sip_out_content_length(struct sip_out *o, size_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	sip_out_put(o, SLICE("Content-Length: "));
	sip_out_line(o, slice_of(digits + i, sizeof(digits) - i));
}

#endif
