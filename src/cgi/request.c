/* From a new request to what is done with it: RFC 3261 16.3, 16.4, then a script or not. */
#include "cgi/session.h"

#include <errno.h>

#include "base/log.h"
#include "cgi/queue.h"
#include "sip/addr.h"

/* Dialogs are kept on our path only where one can begin: RFC 3261 16.6 step 4. */
static bool makes_dialog(const struct sip_msg *req)
{
	return !req->to_tag.n && (req->method == SIP_INVITE || req->method == SIP_SUBSCRIBE ||
				  req->method == SIP_REFER || req->method == SIP_NOTIFY);
}

/* The registrar will want to know all about who it is. */
static int keep_identity(struct session *ss, const struct auth_identity *from)
{
	struct arena *arena = &ss->ctx->arena;
	struct auth_identity *id = arena_alloc(arena, sizeof(*id));

	if (!id)
		return -ENOMEM;
	*id = *from;
	ss->identity = id;
	return arena_dup(arena, from->realm, &id->realm);
}

/* The session keeps what the caller found out, in its own arena. */
static int keep_findings(struct session *ss, const struct sender *sender)
{
	const struct auth_identity *id = &sender->id;
	struct proxy_ctx *ctx = ss->ctx;
	int rc;

	rc = proxy_preprocess(&ss->svc->proxy, ctx->req, &ctx->arena, &ss->routing);
	if (rc < 0 || !sender->authenticated)
		return rc;
	/* Credentials that were for us stay with us: RFC 3261 22.3. */
	if (ctx->req->fields[id->field].id == SIP_H_PROXY_AUTHORIZATION)
		ctx->drop_field = id->field;
	if (ctx->req->method == SIP_REGISTER)
		rc = keep_identity(ss, id);
	return rc < 0 ? rc : arena_dup(&ctx->arena, auth_name(id), &ss->user);
}

static void serve(struct service *s, struct txn *st, struct sip_msg *req,
		  const struct cgi_script *script, bool in_dialog, const struct sender *sender)
{
	struct session *ss;

	if (session_new(s, st, req, &ss) < 0) {
		policy_refuse(s, st, req, 500, SLICE_EMPTY, "out of memory");
		return;
	}
	if (keep_findings(ss, sender) < 0) {
		session_answer(ss, 500, SLICE_EMPTY);
		return;
	}
	ss->in_dialog = in_dialog;
	ss->may_relay = policy_may_relay(sender, in_dialog);
	ss->ctx->record_route = ss->config->proxy.record_route && makes_dialog(req);
	ss->script = script;
	if (script)
		run_begin(ss);
	else
		default_action(ss);
}

static bool validate(struct service *s, struct txn *st, struct sip_msg *req, struct arena *arena)
{
	struct proxy_refusal no;

	if (proxy_validate(&s->proxy, req, arena, &no) < 0)
		no = (struct proxy_refusal){ .status = 500 };
	if (!no.status)
		return true;
	policy_refuse(s, st, req, no.status, no.field, "request validation");
	return false;
}

static void handle(struct service *s, struct txn *st, struct sip_msg *req, struct arena *arena)
{
	struct proxy_routing routing;
	struct sender sender;
	const struct cgi_script *script;
	bool in_dialog;
	int rc;

	if (!validate(s, st, req, arena) || !policy_identify(s, st, req, &sender))
		return;
	rc = proxy_preprocess(&s->proxy, req, arena, &routing);
	if (rc < 0) {
		policy_refuse(s, st, req, rc == -ENOMEM ? 500 : 400, SLICE_EMPTY, "Route");
		return;
	}
	in_dialog = req->to_tag.n && (routing.popped || routing.strict);
	script = cgi_route_find(
		s->config->routes, s->config->n_routes,
		&(struct cgi_route_input){
			.req = req,
			.uri = routing.uri,
			.user = sender.authenticated ? auth_name(&sender.id) : SLICE_EMPTY,
			.in_dialog = in_dialog,
		});
	if (!script &&
	    default_local(s, st, req, &routing, sender.authenticated ? &sender.id : NULL))
		return;
	serve(s, st, req, script, in_dialog, &sender);
}

static void on_request(void *arg, struct txn *st, struct sip_msg *req)
{
	struct service *s = arg;
	struct arena arena;

	/* What belongs to a dialog under way may end it properly. */
	if (s->draining && !req->to_tag.n) {
		policy_refuse(s, st, req, 503, SLICE("Retry-After: 30"), "draining");
		return;
	}
	arena_init(&arena, 0);
	handle(s, st, req, &arena);
	arena_fini(&arena);
}

/*
 * An ACK for a 2xx goes where its dialog goes, without a transaction: RFC 3261 16.11, 13.2.2.4.
 * One of no dialog, or that does not follow a route set through us, is only forwarded for those we
 * relay for.
 */
static void on_ack(void *arg, struct txn *st, struct sip_msg *ack)
{
	struct service *s = arg;
	struct proxy_forward f = { .req = ack, .drop_field = SIP_NO_FIELD };
	struct proxy_routing routing;
	struct location_set *set = NULL;
	AUTO_BUF via = BUF_INIT;
	struct session *ss = accept_acked(s, ack);
	struct arena arena;

	(void)st;
	if (ss) {
		queue_ack(ss, ack);
		return;
	}
	arena_init(&arena, 0);
	if (ack->max_forwards == 0 || proxy_preprocess(&s->proxy, ack, &arena, &routing) < 0)
		goto drop;
	f.uri = routing.uri;
	if (!routing.n_route && proxy_is_self(&s->proxy, &routing.parsed)) {
		struct location_iter it;
		struct location_binding b;

		if (!routing.parsed.user.p ||
		    lookup_bindings(s, &routing.parsed, &set) != LOOKUP_FOUND)
			goto drop;
		location_iter_init(&it, set, s->rt->wall);
		if (!location_iter_next(&it, &b) || arena_dup(&arena, b.contact, &f.uri) < 0)
			goto drop;
	} else if (!(ack->to_tag.n && (routing.popped || routing.strict)) &&
		   !trust_has(&s->config->trusted, &ack->flow.peer)) {
		goto drop;
	}
	f.route = routing.route;
	f.n_route = routing.n_route;
	f.route_changed = routing.popped || routing.strict;
	f.loop_hash = proxy_loop_hash(&s->proxy, ack);
	f.max_breadth = proxy_breadth(&s->proxy, ack);
	f.listener_in = ack->flow.listener;
	if (sip_via_stamp(&ack->via, &ack->flow.peer, &via) &&
	    (via.err || arena_dup(&arena, buf_view(&via), &f.via_top) < 0))
		goto drop;
	proxy_forward_stateless(&s->proxy, &f, &arena);
	return;
drop:
	LOG(LOG_DEBUG, "ACK dropped", LOG_SLICE("call-id", ack->call_id),
	    LOG_ADDR("source", &ack->flow.peer));
	arena_fini(&arena);
}

static void on_cancel(void *arg, struct txn *invite, struct txn *st, struct sip_msg *cancel)
{
	struct service *s = arg;
	struct sip_reply reply = { .status = 481 };
	struct session *ss = invite ? session_of(invite) : NULL;

	if (!invite) {
		/* All we forward we remember: there is nothing this could be for (16.10). */
		METRIC_INC(s->rt, REFUSED);
		if (txn_reply(st, &reply) < 0)
			txn_abandon(st);
		return;
	}
	if (ss)
		queue_cancel(ss, cancel);
}

static void on_failed(void *arg, struct txn *st, enum txn_failure why)
{
	const struct sip_msg *req = txn_request_msg(st);

	(void)arg;
	LOG(LOG_INFO, "response not delivered", LOG_SLICE("call-id", req->call_id),
	    LOG_ADDR("source", &req->flow.peer),
	    LOG_STR("reason", why == TXN_TIMEOUT ? "no ACK came" : "transport"));
}

static void on_terminated(void *arg, struct txn *st)
{
	struct service *s = arg;
	struct session *ss = session_of(st);

	if (ss) {
		queue_release(ss);
		accept_end(ss);
		proxy_ctx_release(ss->ctx);
	}
	if (txn_request_msg(st)->method == SIP_REGISTER)
		registrar_txn_gone(s->registrar, st);
}

const struct txn_user service_txn_user = {
	.request = on_request,
	.ack = on_ack,
	.cancel = on_cancel,
	.failed = on_failed,
	.terminated = on_terminated,
};
