/*
 * name-addr and addr-spec with parameters: From, To, Contact, Route, Record-Route, Path and the
 * like. RFC 3261 20.10, 25.1. Slices point into the text parsed.
 */
#ifndef SIPCGID_SIP_ADDR_H
#define SIPCGID_SIP_ADDR_H

#include "sip/uri.h"

struct sip_addr {
	struct slice text;    /* the whole element */
	struct slice display; /* as written, quotes included; empty: none */
	struct slice uri_text;
	struct sip_uri uri;
	struct slice params; /* header parameters, with the first semicolon; or empty */
	bool brackets;       /* <> were there */
};

/* The whole of @s is one element; -EBADMSG with a reason when it is not. */
int sip_addr_parse(struct slice s, struct sip_addr *ret, const char **reterr_reason);
/* "tag", "q", "expires", ...: as sip_find_param(). */
bool sip_addr_param(const struct sip_addr *a, struct slice name, struct slice *ret_value);
/* A q value in thousandths, 0..1000: RFC 3261 25.1 qvalue. -EBADMSG. */
int sip_qvalue_parse(struct slice s, unsigned *ret_q);

#endif
