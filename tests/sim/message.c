/* What agents write: requests, responses, ACK and CANCEL, credentials, and damaged copies. */
#include "agent.h"
#include "auth/digest.h"
#include "sip/cred.h"
#include "sip/status.h"

static struct packet *finish(struct sim *w)
{
	struct packet *p = packet_from(buf_view(&w->scratch));

	if (!p || w->scratch.err)
		abort();
	return p;
}

static struct buf *start(struct sim *w)
{
	buf_reset(&w->scratch);
	return &w->scratch;
}

struct slice message_branch(const struct agent *a, unsigned id)
{
	return sim_printf(a->w, "%s%u", a->old ? "1-sims-" : "z9hG4bKs", id);
}

static void put_end(struct buf *b, struct slice type, struct slice body)
{
	if (body.n)
		buf_printf(b, "Content-Type: %.*s\r\n", SLICE_FMT(type));
	buf_printf(b, "Content-Length: %zu\r\n\r\n", body.n);
	buf_slice(b, body);
}

static void put_via(struct buf *b, const struct agent *a, enum rt_transport t, struct slice branch)
{
	buf_printf(b, "Via: SIP/2.0/%s %.*s;branch=%.*s\r\n", rt_transport_via(t),
		   SLICE_FMT(a->via), SLICE_FMT(branch));
}

/* Sometimes names are short, fields folded, values in one line or several: it is all one. */
struct packet *message_request(struct uac *u, const struct call *c)
{
	struct agent *a = u->a;
	struct sim *w = a->w;
	struct slice method = sip_method_name(u->method);
	struct buf *b = start(w);
	bool compact = rng_percent(&w->chance, 20);

	buf_printf(b, "%.*s %.*s SIP/2.0\r\n", SLICE_FMT(method), SLICE_FMT(c->uri));
	put_via(b, a, u->hop.transport, u->branch);
	if (!rng_percent(&w->chance, 5))
		buf_printf(b, "Max-Forwards: %u\r\n",
			   rng_percent(&w->chance, 95) ? 70 : rng_below(&w->chance, 3));
	buf_printf(b, "%s: <%.*s>;tag=%.*s\r\n", compact ? "f" : "From", SLICE_FMT(c->from_uri),
		   SLICE_FMT(c->from_tag));
	/* A To with a tag brings its own end. */
	buf_printf(b, "%s: <%.*s%s\r\n", compact ? "t" : "To", SLICE_FMT(c->to_uri),
		   slice_find(c->to_uri, '>') < 0 ? ">" : "");
	buf_printf(b, "%s: %.*s\r\nCSeq: %u %.*s\r\n", compact ? "i" : "Call-ID",
		   SLICE_FMT(c->call_id), u->cseq, SLICE_FMT(method));
	if (u->method == SIP_INVITE)
		buf_printf(b, "Contact: <%.*s>\r\n", SLICE_FMT(a->contact));
	buf_printf(b, "X-Sim: %.*s\r\n\t%u\r\n", SLICE_FMT(c->call_id), u->id);
	buf_slice(b, c->fields);
	buf_slice(b, u->more);
	put_end(b, SLICE("application/sdp"), c->body);
	return finish(w);
}

struct packet *message_in_dialog(struct dialog *d, enum sip_method method, unsigned cseq,
				 struct slice branch)
{
	struct agent *a = d->a;
	struct sim *w = a->w;
	struct slice name = sip_method_name(method);
	struct buf *b = start(w);

	buf_printf(b, "%.*s %.*s SIP/2.0\r\n", SLICE_FMT(name), SLICE_FMT(d->uri));
	put_via(b, a, d->hop.transport, branch);
	buf_slice(b, d->routes);
	buf_printf(b, "Max-Forwards: 70\r\nFrom: <%.*s>;tag=%.*s\r\nTo: <%.*s>;tag=%.*s\r\n",
		   SLICE_FMT(d->local_uri), SLICE_FMT(d->local_tag), SLICE_FMT(d->remote_uri),
		   SLICE_FMT(d->remote_tag));
	buf_printf(b, "Call-ID: %.*s\r\nCSeq: %u %.*s\r\n", SLICE_FMT(d->call_id), cseq,
		   SLICE_FMT(name));
	if (method == SIP_INVITE)
		buf_printf(b, "Contact: <%.*s>\r\n", SLICE_FMT(a->contact));
	put_end(b, SLICE_EMPTY, SLICE_EMPTY);
	return finish(w);
}

/* RFC 3261 9.1 and 17.1.1.3, from the INVITE as it was sent. */
struct packet *message_hop_by_hop(const struct uac *invite, enum sip_method method,
				  const struct sip_msg *resp)
{
	struct sim *w = invite->a->w;
	struct slice name = sip_method_name(method);
	struct buf *b = start(w);
	AUTO_MSG *m = NULL;
	struct sip_error error;
	struct slice to;

	if (sip_msg_parse(invite->packet, &m, &error) < 0)
		abort();
	to = sip_msg_value(resp ? resp : m, SIP_H_TO);
	buf_printf(b, "%.*s %.*s SIP/2.0\r\nVia: %.*s\r\n", SLICE_FMT(name), SLICE_FMT(m->uri),
		   SLICE_FMT(m->via.text));
	for (const struct sip_field *f = sip_msg_field(m, SIP_H_ROUTE); f; f = sip_msg_next(m, f))
		buf_printf(b, "Route: %.*s\r\n", SLICE_FMT(f->value));
	buf_printf(b, "Max-Forwards: 70\r\nFrom: %.*s\r\nTo: %.*s\r\nCall-ID: %.*s\r\n",
		   SLICE_FMT(sip_msg_value(m, SIP_H_FROM)), SLICE_FMT(to), SLICE_FMT(m->call_id));
	buf_printf(b, "CSeq: %u %.*s\r\nContent-Length: 0\r\n\r\n", m->cseq.number,
		   SLICE_FMT(name));
	return finish(w);
}

struct packet *message_response(struct uas *u, unsigned status, struct slice more,
				struct slice body)
{
	struct sim *w = u->a->w;
	const struct sip_msg *req = u->req;
	struct buf *b = start(w);
	struct slice to = sip_msg_value(req, SIP_H_TO);

	buf_printf(b, "SIP/2.0 %u Sim\r\n", status);
	for (const struct sip_field *f = sip_msg_field(req, SIP_H_VIA); f; f = sip_msg_next(req, f))
		buf_printf(b, "Via: %.*s\r\n", SLICE_FMT(f->value));
	for (const struct sip_field *f = sip_msg_field(req, SIP_H_RECORD_ROUTE);
	     f && status > 100 && status < 300; f = sip_msg_next(req, f))
		buf_printf(b, "Record-Route: %.*s\r\n", SLICE_FMT(f->value));
	buf_printf(b, "From: %.*s\r\nTo: %.*s", SLICE_FMT(sip_msg_value(req, SIP_H_FROM)),
		   SLICE_FMT(to));
	if (!req->to_tag.n && status > 100)
		buf_printf(b, ";tag=%.*s", SLICE_FMT(u->tag));
	buf_printf(b, "\r\nCall-ID: %.*s\r\nCSeq: %u %.*s\r\n", SLICE_FMT(req->call_id),
		   req->cseq.number, SLICE_FMT(req->method_name));
	if (req->method == SIP_INVITE && status > 100 && status < 300)
		buf_printf(b, "Contact: <%.*s>\r\n", SLICE_FMT(u->a->contact));
	buf_printf(b, "X-Resp: %llu\r\n", (unsigned long long)++w->next_id);
	buf_slice(b, more);
	put_end(b, SLICE("application/sdp"), body);
	return finish(w);
}

static struct slice hex(struct sim *w, const uint8_t *p, size_t n)
{
	AUTO_BUF b = BUF_INIT;

	buf_hex(&b, p, n);
	return sim_printf(w, "%.*s", SLICE_FMT(buf_view(&b)));
}

struct slice message_credentials(struct agent *a, const struct sip_msg *resp, struct slice method,
				 struct slice uri, struct slice password)
{
	struct sim *w = a->w;
	enum sip_header id = resp->status == 401 ? SIP_H_WWW_AUTHENTICATE
						 : SIP_H_PROXY_AUTHENTICATE;
	const struct sip_field *f = sip_msg_field(resp, id);
	uint8_t ha1[DIGEST_MAX], cnonce[8];
	char out[2 * DIGEST_MAX];
	enum digest_algorithm algorithm;
	struct sip_challenge ch;
	struct sip_cred cred = { 0 };
	const char *reason;

	/* Which of several it takes is the client's affair. */
	while (f && sip_msg_next(resp, f) && rng_percent(&w->chance, 40))
		f = sip_msg_next(resp, f);
	if (!f || sip_challenge_parse(f->value, &ch, &reason) < 0 ||
	    digest_parse(ch.algorithm, &algorithm) < 0)
		return SLICE_EMPTY;
	for (size_t i = 0; i < sizeof(cnonce); i++)
		cnonce[i] = (uint8_t)rng_next(&w->chance);
	cred.nonce = ch.nonce;
	cred.uri = uri;
	cred.cnonce = hex(w, cnonce, sizeof(cnonce));
	cred.qop = SLICE("auth");
	cred.nc = SLICE("00000001");
	if (digest_ha1(algorithm, a->user, ch.realm, password, ha1) < 0 ||
	    digest_response(algorithm, ha1, method, &cred, out) < 0)
		abort();
	return sim_printf(w,
			  "%s: Digest username=\"%.*s\", realm=\"%.*s\", nonce=\"%.*s\", "
			  "uri=\"%.*s\", response=\"%.*s\", algorithm=%.*s, cnonce=\"%.*s\", "
			  "qop=auth, nc=00000001%s%.*s%s\r\n",
			  resp->status == 401 ? "Authorization" : "Proxy-Authorization",
			  SLICE_FMT(a->user), SLICE_FMT(ch.realm), SLICE_FMT(ch.nonce),
			  SLICE_FMT(uri), (int)(2 * digest_len(algorithm)), out,
			  SLICE_FMT(digest_name(algorithm)), SLICE_FMT(cred.cnonce),
			  ch.opaque.n ? ", opaque=\"" : "", SLICE_FMT(ch.opaque),
			  ch.opaque.n ? "\"" : "");
}

/* Where a line of the head begins, one of them by chance. */
static size_t some_line(struct sim *w, const struct packet *p)
{
	size_t at = rng_below(&w->chance, p->len);

	while (at > 0 && p->data[at - 1] != '\n')
		at--;
	return at;
}

struct packet *message_mutate(struct sim *w, struct packet *p)
{
	static const char nasty[] = "\0\r\n\t :;,<>\"@=%\xff(){}0A";
	struct slice all = packet_view(p);
	unsigned n = 1 + rng_below(&w->chance, 3);
	struct packet *out = packet_from(all);
	struct buf *b = start(w);
	size_t at, len;

	if (!out)
		abort();
	for (unsigned i = 0; i < n; i++) {
		at = rng_below(&w->chance, out->len);
		len = 1 + rng_below(&w->chance, 20);
		switch (rng_below(&w->chance, 6)) {
		case 0: /* another byte */
			out->data[at] = nasty[rng_below(&w->chance, sizeof(nasty) - 1)];
			continue;
		case 1: /* cut short */
			buf_slice(b, slice_head(packet_view(out), at + 1));
			break;
		case 2: /* a hole */
			buf_slice(b, slice_head(packet_view(out), at));
			buf_slice(b, slice_skip(packet_view(out), at + len));
			break;
		case 3: /* a piece twice */
			buf_slice(b, slice_head(packet_view(out), at));
			buf_slice(b, slice_head(slice_skip(packet_view(out), at), len));
			buf_slice(b, slice_skip(packet_view(out), at));
			break;
		case 4: /* a line twice */
			at = some_line(w, out);
			buf_slice(b, packet_view(out));
			buf_reset(b);
			buf_slice(b, slice_head(packet_view(out), at));
			len = (size_t)(slice_find(slice_skip(packet_view(out), at), '\n') + 1);
			buf_slice(b, slice_head(slice_skip(packet_view(out), at), len));
			buf_slice(b, slice_skip(packet_view(out), at));
			break;
		default: /* a line less */
			at = some_line(w, out);
			len = (size_t)(slice_find(slice_skip(packet_view(out), at), '\n') + 1);
			buf_slice(b, slice_head(packet_view(out), at));
			buf_slice(b, slice_skip(packet_view(out), at + len));
			break;
		}
		packet_unref(out);
		if (!b->len)
			buf_char(b, ' ');
		out = finish(w);
		start(w);
	}
	return out;
}
