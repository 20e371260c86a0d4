/*
 * A received message: immutable, reference-counted, an index of slices into the bytes it came
 * as. RFC 3261 7. Typed header values are parsed on demand from their slice, except the few that
 * every element needs, which are parsed once, at intake.
 *
 * A reference may be held by a transaction, by each branch, by each stored response and by each
 * script run. A message belongs to one worker.
 */
#ifndef SIPCGID_SIP_MSG_H
#define SIPCGID_SIP_MSG_H

#include "base/packet.h"
#include "base/runtime.h"
#include "sip/cseq.h"
#include "sip/header.h"
#include "sip/method.h"
#include "sip/scan.h"
#include "sip/uri.h"
#include "sip/via.h"

#define SIP_MSG_MAX 65535   /* bytes, head and body */
#define SIP_HEADERS_MAX 256 /* fields in one message */
#define SIP_FIELD_MAX 8192  /* bytes of one field, folds included */

/* No such field. */
#define SIP_NO_FIELD UINT16_MAX

struct sip_field {
	struct slice name;  /* as written */
	struct slice value; /* trimmed at both ends; folds are still in it */
	uint32_t start;     /* offset of the field, from the first byte of the start line */
	uint32_t end;       /* offset behind its CRLF */
	uint16_t next; /* the next field with the same id; SIP_H_OTHER fields are not chained */
	uint8_t id;    /* enum sip_header */
};

struct sip_msg {
	uint32_t refs;
	bool is_request;
	/* Of a request its own, of a response that of its CSeq. */
	enum sip_method method;
	/* The bytes: those given, or, if lines ended with bare LFs, a copy with CRLFs. */
	struct packet *packet;
	size_t head_len; /* start line, fields and the blank line */

	struct slice start_line;  /* without CRLF */
	struct slice method_name; /* request only */
	struct slice uri;         /* request only: the Request-URI */
	struct slice version;
	struct slice reason; /* response only */
	unsigned status;     /* response only: 100..699 */

	uint16_t n_fields;
	struct sip_field *fields;
	uint16_t first[SIP_H_COUNT]; /* index of the first field with that id, or SIP_NO_FIELD */

	struct slice body; /* Content-Length applied; p NULL: none */

	/*
	 * Parsed at intake from the first field of each name. When one is missing or malformed,
	 * the members it fills are zero or empty.
	 */
	struct sip_uri request_uri; /* request only: the Request-URI, parsed */
	struct sip_via via;
	struct sip_cseq cseq;
	struct slice call_id;
	struct slice from_tag;
	struct slice to_tag;
	int max_forwards; /* -1: none */

	/*
	 * The first thing wrong with it, with the status a request deserves: 400, 505, 513, 414.
	 * fault.reason NULL: nothing is. A faulty message is never forwarded.
	 */
	struct sip_error fault;
	unsigned fault_status;

	struct rt_flow flow;  /* set by who received it */
	uint64_t received_at; /* rt.now at arrival, ms */
};

/*
 * Parses one whole message: a datagram, or what sip_frame() cut from a stream. Takes a reference
 * on @p. Leading CRLFs are skipped. In a datagram bytes behind Content-Length are ignored and a
 * missing Content-Length means to its end (RFC 3261 18.3).
 *
 * 0: *ret is the caller's; look at ret->fault before use. -EBADMSG: it cannot be indexed at all
 * (no start line, no end of the head, ...): *reterr says where and why. -ENOMEM.
 */
int sip_msg_parse(struct packet *p, struct sip_msg **ret, struct sip_error *reterr);
struct sip_msg *sip_msg_ref(struct sip_msg *m);
void sip_msg_unref(struct sip_msg *m);

static inline void sip_msg_cleanup(struct sip_msg **m)
{
	sip_msg_unref(*m);
}
#define AUTO_MSG AUTO(sip_msg_cleanup) struct sip_msg

static inline const struct sip_field *sip_msg_field(const struct sip_msg *m, enum sip_header id)
{
	return m->first[id] == SIP_NO_FIELD ? NULL : &m->fields[m->first[id]];
}

static inline const struct sip_field *sip_msg_next(const struct sip_msg *m,
						   const struct sip_field *f)
{
	return f->next == SIP_NO_FIELD ? NULL : &m->fields[f->next];
}

/* The first value of that header, folds included; empty with p NULL when it is not there. */
struct slice sip_msg_value(const struct sip_msg *m, enum sip_header id);
/* The first field of that name, full or compact, any case; NULL. */
const struct sip_field *sip_msg_find(const struct sip_msg *m, struct slice name);
/* Does a list header (Supported, Require, ...) contain @token, in any of its fields? */
bool sip_msg_lists(const struct sip_msg *m, enum sip_header id, struct slice token);

/* Walks the elements of all fields of a list header (Route, Contact, Via) in order. */
struct sip_values {
	const struct sip_msg *msg;
	const struct sip_field *field; /* of the element last returned */
	struct slice rest;
	enum sip_header id;
};
void sip_values_init(struct sip_values *it, const struct sip_msg *m, enum sip_header id);
bool sip_values_next(struct sip_values *it, struct slice *ret_element);

/* How much of the head's memory and index the message holds, bytes, for accounting. */
size_t sip_msg_size(const struct sip_msg *m);

#endif
