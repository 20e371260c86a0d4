/*
 * "SIP/2.0 NNN reason": a response of the script's own. RFC 3050 5.6.1.1, RFC 3261 8.2.6, 12.1.1.
 * The server brings Via, From, To with its tag, Call-ID, CSeq and Record-Route.
 */
#include <errno.h>

#include "base/log.h"
#include "cgi/run.h"
#include "sip/addr.h"

static void ignored(const struct cgi_run *run, struct slice name, unsigned line)
{
	LOG(LOG_WARN, "script's header field ignored", LOG_SLICE("call-id", run->call_id),
	    LOG_SLICE("script", run->script->name), LOG_SLICE("name", name), LOG_INT("line", line),
	    LOG_STR("reason", "not the script's to change"));
}

static bool is_ours(enum sip_header id)
{
	return id == SIP_H_VIA || id == SIP_H_CALL_ID || id == SIP_H_CSEQ;
}

/* The script's fields, and what a response must have and the script left out. */
static int collect(struct cgi_run *run, const struct cgi_message *m, struct arena *arena,
		   struct slice *fields, size_t *ret_n)
{
	struct session *ss = run->ss;
	const struct rt_listener *l = &ss->svc->rt->listeners[ss->ctx->req->flow.listener];
	AUTO_BUF contacts = BUF_INIT;
	struct location_set *set;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < m->n_headers && rc == 0; i++) {
		const struct cgi_header *h = &m->headers[i];

		if (is_ours(h->id))
			ignored(run, h->name, h->line);
		if (h->is_cgi || is_ours(h->id) || h->id == SIP_H_CONTENT_LENGTH ||
		    h->id == SIP_H_FROM || h->id == SIP_H_TO)
			continue;
		rc = arena_printf(arena, &fields[n++], "%.*s: %.*s", SLICE_FMT(h->name),
				  SLICE_FMT(h->value));
	}
	if (rc < 0 || cgi_message_find(m, SLICE("Contact")))
		goto done;
	if (m->status / 100 == 2 && ss->ctx->req->method == SIP_INVITE) {
		rc = arena_printf(arena, &fields[n++], "Contact: <sip:%.*s:%u%s%s>",
				  SLICE_FMT(l->host), l->port,
				  l->transport == RT_UDP ? "" : ";transport=",
				  l->transport == RT_UDP ? "" : rt_transport_name(l->transport));
	} else if (m->status / 100 == 3 && ss->routing.parsed.user.p &&
		   proxy_is_self(&ss->svc->proxy, &ss->routing.parsed) &&
		   lookup_bindings(ss->svc, &ss->routing.parsed, &set) == LOOKUP_FOUND) {
		buf_str(&contacts, "Contact: ");
		rc = lookup_contacts(set, ss->svc->rt->wall, &contacts);
		if (rc == 0)
			rc = arena_dup(arena, buf_view(&contacts), &fields[n++]);
	}
done:
	*ret_n = n;
	return rc;
}

/* From or To with another URI or name; the tag stays. Empty: as it was. */
static int party(struct cgi_run *run, const struct cgi_message *m, enum sip_header id,
		 struct slice tag, struct arena *arena, struct slice *ret)
{
	const struct cgi_header *h = cgi_message_find(m, sip_header_name(id));
	struct slice given = SLICE_EMPTY;
	struct sip_addr addr;
	const char *reason;

	*ret = SLICE_EMPTY;
	if (!h)
		return 0;
	if (sip_addr_parse(h->value, &addr, &reason) < 0)
		return -EBADMSG;
	/* A caller of RFC 2543 may have none. */
	if (!sip_addr_param(&addr, SLICE("tag"), &given) && tag.n)
		return arena_printf(arena, ret, "%.*s: %.*s;tag=%.*s", SLICE_FMT(h->name),
				    SLICE_FMT(h->value), SLICE_FMT(tag));
	if (!slice_eq(given, tag)) {
		ignored(run, h->name, h->line);
		return 0;
	}
	return arena_printf(arena, ret, "%.*s: %.*s", SLICE_FMT(h->name), SLICE_FMT(h->value));
}

/* The same response with other parties: read again, edited. Rare. */
static int change(struct packet *packet, struct slice from, struct slice to, struct arena *arena,
		  struct packet **ret)
{
	struct sip_edits edits;
	struct sip_error error;
	AUTO_MSG *msg = NULL;
	int rc;

	rc = sip_msg_parse(packet, &msg, &error);
	if (rc < 0)
		return rc;
	sip_edits_init(&edits, arena);
	if (from.n && msg->first[SIP_H_FROM] != SIP_NO_FIELD)
		rc = sip_edits_replace(&edits, msg->first[SIP_H_FROM], from);
	if (rc == 0 && to.n && msg->first[SIP_H_TO] != SIP_NO_FIELD)
		rc = sip_edits_replace(&edits, msg->first[SIP_H_TO], to);
	return rc < 0 ? rc : sip_render(msg, &edits, ret);
}

/* What could not be read by the next one must not leave: it is the server that would be blamed. */
static int check_readable(struct packet *packet)
{
	struct sip_error error;
	AUTO_MSG *msg = NULL;
	int rc = sip_msg_parse(packet, &msg, &error);

	return rc == 0 && msg->fault.reason ? -EBADMSG : rc;
}

static int send_reply(struct cgi_run *run, struct sip_reply *reply, struct slice from,
		      struct slice to, struct arena *arena)
{
	struct proxy_ctx *ctx = run->ss->ctx;
	struct packet *packet, *changed;
	int rc;

	if (reply->status > 100)
		reply->to_tag = txn_to_tag(ctx->st);
	rc = sip_reply_render(ctx->req, txn_via_top(ctx->st), reply, &packet);
	if (rc < 0)
		return rc;
	if (from.n || to.n) {
		rc = change(packet, from, to, arena, &changed);
		packet_unref(packet);
		if (rc < 0)
			return rc;
		packet = changed;
	}
	rc = check_readable(packet);
	if (rc == 0 && reply->status / 100 == 2 && ctx->req->method == SIP_INVITE)
		rc = accept_send(run->ss, packet, reply->status);
	else if (rc == 0)
		rc = txn_respond(ctx->st, packet, reply->status);
	packet_unref(packet);
	return rc;
}

int answer_send(struct cgi_run *run, const struct cgi_message *m)
{
	struct proxy_ctx *ctx = run->ss->ctx;
	struct slice from, to, to_tag = ctx->req->to_tag;
	struct sip_reply reply = { .status = m->status,
				   .reason = m->reason,
				   .body = m->body_is == CGI_BODY_GIVEN ? m->body : SLICE_EMPTY,
				   .record_route = m->status > 100 && m->status < 300 };
	struct slice *fields;
	struct arena arena;
	int rc;

	arena_init(&arena, 2048);
	fields = arena_alloc(&arena, (m->n_headers + 1) * sizeof(*fields));
	rc = fields ? collect(run, m, &arena, fields, &reply.n_fields) : -ENOMEM;
	reply.fields = fields;
	if (!to_tag.n)
		to_tag = txn_to_tag(ctx->st);
	if (rc == 0)
		rc = party(run, m, SIP_H_FROM, ctx->req->from_tag, &arena, &from);
	if (rc == 0)
		rc = party(run, m, SIP_H_TO, to_tag, &arena, &to);
	if (rc == 0)
		rc = send_reply(run, &reply, from, to, &arena);
	/* Not before it is sent: without memory for it, a 500 must still be possible. */
	if (rc == 0 && m->status >= 200)
		proxy_ctx_close(ctx);
	arena_fini(&arena);
	return rc;
}
