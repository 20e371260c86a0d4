/* Via: RFC 3261 20.42, 18.2; RFC 3581 (rport). Slices point into the text parsed. */
#ifndef SIPCGID_SIP_VIA_H
#define SIPCGID_SIP_VIA_H

#include "base/buf.h"
#include "base/runtime.h"
#include "sip/scan.h"

#define SIP_BRANCH_COOKIE "z9hG4bK"

struct sip_via {
	struct slice text;     /* the whole element */
	struct slice protocol; /* "UDP" as written */
	int transport;         /* enum rt_transport, or -1 for one we do not know */
	struct slice host;     /* sent-by, brackets included */
	uint16_t port;         /* 0: none given */
	struct slice params;   /* with the first semicolon; or empty */
	struct slice branch;   /* empty: none (RFC 2543) */
	struct slice received; /* empty: none */
	bool rport;            /* is the parameter there? */
	uint16_t rport_value;  /* 0: without a value */
	struct slice maddr;
	int ttl; /* -1: none */
};

/* The whole of @s is one element. */
int sip_via_parse(struct slice s, struct sip_via *ret, const char **reterr_reason);
/* Does the branch begin with the magic cookie of RFC 3261? */
bool sip_via_is_3261(const struct sip_via *v);
/*
 * The element as it is stored on arrival (RFC 3261 18.2.1, RFC 3581 4): @out gets the text with
 * received (always, when rport was asked; else when sent-by differs from the source) and the
 * value of rport filled in. False, with nothing written, when it stays as it is.
 */
bool sip_via_stamp(const struct sip_via *v, const struct net_addr *source, struct buf *out);
/*
 * Where a response goes when the connection is not there any more or there is none: RFC 3261
 * 18.2.2, RFC 3581 4. @v is the stored (stamped) element. *ret_host may be a name, to be resolved.
 */
void sip_via_reply_to(const struct sip_via *v, struct slice *ret_host, uint16_t *ret_port);

#endif
