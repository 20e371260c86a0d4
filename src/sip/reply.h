/* Responses of our own to a request: RFC 3261 8.2.6. */
#ifndef SIPCGID_SIP_REPLY_H
#define SIPCGID_SIP_REPLY_H

#include "base/packet.h"
#include "sip/msg.h"

struct sip_reply {
	unsigned status;
	struct slice reason;        /* empty: the registered phrase */
	struct slice to_tag;        /* added if the request's To has none; empty: never (100) */
	const struct slice *fields; /* "Name: value" without CRLF, behind the copied ones */
	size_t n_fields;
	struct slice body; /* Content-Type is among the fields */
	bool record_route; /* copy Record-Route: dialog-creating responses (12.1.1) */
};

/*
 * Copies Via (the top one as @via_top if not empty: stamped), From, To, Call-ID, CSeq, and in a
 * 100 Timestamp. Fields a faulty request lacks are left out. One reference for the caller.
 * -ENOMEM; -EMSGSIZE above SIP_MSG_MAX.
 */
int sip_reply_render(const struct sip_msg *req, struct slice via_top, const struct sip_reply *r,
		     struct packet **ret);

#endif
