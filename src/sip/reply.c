/*
 * Responses of our own: RFC 3261 8.2.6. What is copied from the request is copied byte for byte,
 * name and all; only the top Via (stamped, 18.2.1) and To (a tag, 8.2.6.2) may differ.
 */
#include "sip/reply.h"

#include <errno.h>

#include "sip/out.h"
#include "sip/status.h"

static struct slice field_bytes(const struct sip_msg *m, const struct sip_field *f)
{
	return slice_of(m->start_line.p + f->start, f->end - f->start);
}

static void put_all(struct sip_out *o, const struct sip_msg *m, const struct sip_field *f)
{
	for (; f; f = sip_msg_next(m, f))
		sip_out_put(o, field_bytes(m, f));
}

/* A faulty request may have a field twice: the first one is the one that was parsed. */
static void put_first(struct sip_out *o, const struct sip_msg *m, enum sip_header id)
{
	const struct sip_field *f = sip_msg_field(m, id);

	if (f)
		sip_out_put(o, field_bytes(m, f));
}

static void put_via(struct sip_out *o, const struct sip_msg *m, struct slice via_top)
{
	const struct sip_field *f = sip_msg_field(m, SIP_H_VIA);
	struct slice top = m->via.text;

	if (f && via_top.n && top.n) {
		struct slice all = field_bytes(m, f);
		const char *behind = top.p + top.n;

		sip_out_put(o, slice_of(all.p, (size_t)(top.p - all.p)));
		sip_out_put(o, via_top);
		sip_out_put(o, slice_of(behind, (size_t)(all.p + all.n - behind)));
		f = sip_msg_next(m, f);
	}
	put_all(o, m, f);
}

static void put_to(struct sip_out *o, const struct sip_msg *m, struct slice tag)
{
	const struct sip_field *f = sip_msg_field(m, SIP_H_TO);
	const char *start;

	if (!f)
		return;
	if (!tag.n || m->to_tag.n) {
		sip_out_put(o, field_bytes(m, f));
		return;
	}
	start = m->start_line.p + f->start;
	sip_out_put(o, slice_of(start, (size_t)(f->value.p + f->value.n - start)));
	sip_out_put(o, SLICE(";tag="));
	sip_out_line(o, tag);
}

static void emit(struct sip_out *o, const struct sip_msg *req, struct slice via_top,
		 const struct sip_reply *r)
{
	char code[4] = { (char)('0' + r->status / 100 % 10), (char)('0' + r->status / 10 % 10),
			 (char)('0' + r->status % 10), ' ' };

	sip_out_put(o, SLICE("SIP/2.0 "));
	sip_out_put(o, slice_of(code, sizeof(code)));
	sip_out_line(o, r->reason.n ? r->reason : sip_status_reason(r->status));

	put_via(o, req, via_top);
	if (r->record_route)
		put_all(o, req, sip_msg_field(req, SIP_H_RECORD_ROUTE));
	put_first(o, req, SIP_H_FROM);
	/* A 100 says nothing about a dialog: 8.2.6.2. */
	put_to(o, req, r->status == 100 ? SLICE_EMPTY : r->to_tag);
	put_first(o, req, SIP_H_CALL_ID);
	put_first(o, req, SIP_H_CSEQ);
	if (r->status == 100)
		put_first(o, req, SIP_H_TIMESTAMP); /* 8.2.6.1 */
	for (size_t i = 0; i < r->n_fields; i++)
		sip_out_line(o, r->fields[i]);
	sip_out_content_length(o, r->body.n);
	sip_out_put(o, SLICE("\r\n"));
	sip_out_put(o, r->body);
}

/*
 * What a faulty request brought is repeated, but no CR alone and no NUL: who reads a line end into
 * them would see fields that are not ours. @head: of the response.
 */
static void clean(char *head, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!head[i] || (head[i] == '\r' && (i + 1 == n || head[i + 1] != '\n')))
			head[i] = ' ';
}

int sip_reply_render(const struct sip_msg *req, struct slice via_top, const struct sip_reply *r,
		     struct packet **ret)
{
	struct sip_out o = { NULL, 0 };
	struct packet *p;

	emit(&o, req, via_top, r);
	if (o.n > SIP_MSG_MAX)
		return -EMSGSIZE;
	p = packet_new(o.n);
	if (!p)
		return -ENOMEM;
	o = (struct sip_out){ p->data, 0 };
	emit(&o, req, via_top, r);
	if (req->fault.reason)
		clean(p->data, o.n - r->body.n);
	*ret = p;
	return 0;
}
