/*
 * Builds a CANCEL from the INVITE that was sent: RFC 3261 9.1. Also what CANCEL and ACK have in
 * common: request line, top Via only, Route, From, Call-ID and the number of CSeq are copies.
 */
#include <errno.h>

#include "transaction/layer.h"

void txn_hop_field(struct buf *out, const struct sip_msg *m, enum sip_header id)
{
	for (const struct sip_field *f = sip_msg_field(m, id); f; f = sip_msg_next(m, f)) {
		buf_slice(out, sip_header_name(id));
		buf_str(out, ": ");
		buf_slice(out, f->value);
		buf_str(out, "\r\n");
	}
}

void txn_hop_begin(struct buf *out, const struct sip_msg *invite, struct slice method)
{
	buf_slice(out, method);
	buf_char(out, ' ');
	buf_slice(out, invite->uri);
	buf_str(out, " SIP/2.0\r\nVia: ");
	buf_slice(out, invite->via.text);
	/* A request of our own: it does not inherit what is left of the INVITE's hops. */
	buf_str(out, "\r\nMax-Forwards: 70\r\n");
	txn_hop_field(out, invite, SIP_H_ROUTE);
	txn_hop_field(out, invite, SIP_H_FROM);
}

int txn_hop_end(struct buf *out, const struct sip_msg *invite, struct slice method,
		struct packet **ret)
{
	struct packet *p;

	txn_hop_field(out, invite, SIP_H_CALL_ID);
	buf_str(out, "CSeq: ");
	buf_u64(out, invite->cseq.number);
	buf_char(out, ' ');
	buf_slice(out, method);
	buf_str(out, "\r\nContent-Length: 0\r\n\r\n");
	if (out->err)
		return out->err;
	p = packet_from(buf_view(out));
	if (!p)
		return -ENOMEM;
	*ret = p;
	return 0;
}

int txn_cancel_build(struct packet *invite, const struct slice *fields, size_t n_fields,
		     struct packet **ret)
{
	AUTO_MSG *msg = NULL;
	AUTO_BUF out = BUF_INIT;
	struct sip_error error;
	int rc;

	rc = sip_msg_parse(invite, &msg, &error);
	if (rc < 0)
		return rc;
	txn_hop_begin(&out, msg, SLICE("CANCEL"));
	txn_hop_field(&out, msg, SIP_H_TO);
	for (size_t i = 0; i < n_fields; i++) {
		buf_slice(&out, fields[i]);
		buf_str(&out, "\r\n");
	}
	return txn_hop_end(&out, msg, SLICE("CANCEL"), ret);
}
