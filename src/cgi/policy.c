/*
 * Who may do what: RFC 3261 16.3 step 6, 22; RFC 3050 5.5.1.1. REGISTER for our domains is
 * challenged as a registrar does (401), other requests whose From is in our domains as a proxy
 * does (407). What is under way between two parties, and OPTIONS to the server itself, is not.
 */
#include "cgi/session.h"

#include "base/log.h"
#include "sip/addr.h"

void policy_refuse(struct service *s, struct txn *st, struct sip_msg *req, unsigned status,
		   struct slice field, const char *why)
{
	struct sip_reply reply = { .status = status,
				   .fields = &field,
				   .n_fields = field.n ? 1 : 0 };

	METRIC_INC(s->rt, REFUSED);
	LOG(LOG_INFO, "request refused", LOG_SLICE("call-id", req->call_id),
	    LOG_ADDR("source", &req->flow.peer), LOG_SLICE("method", req->method_name),
	    LOG_SLICE("uri", req->uri), LOG_INT("status", status), LOG_STR("reason", why));
	/* Without memory even for that: if it comes again it starts anew. */
	if (txn_reply(st, &reply) < 0)
		txn_abandon(st);
}

/*
 * A challenge to an INVITE over UDP is sent once, without a transaction that would repeat it: where
 * it goes is the word of somebody nobody knows yet (RFC 3261 26.3.2.4). If it does not get out, the
 * request will come again.
 */
static int send_challenge(struct service *s, struct txn *st, const struct sip_msg *req,
			  const struct sip_reply *reply)
{
	if (req->method != SIP_INVITE || rt_is_reliable(req->flow.transport))
		return txn_reply(st, reply);
	(void)txn_reply_stateless(s->txns, req, reply);
	txn_abandon(st);
	return 0;
}

static void challenge(struct service *s, struct txn *st, struct sip_msg *req, enum auth_result why,
		      const struct auth_identity *id, enum auth_kind kind)
{
	struct slice fields[AUTH_CHALLENGES_MAX];
	struct sip_reply reply = { .status = kind == AUTH_REGISTRAR ? 401 : 407, .fields = fields };
	struct arena arena;

	arena_init(&arena, 0);
	if (auth_challenge_after(s->auth, req, why, id, kind, &arena, fields, &reply.n_fields) ==
		    0 &&
	    send_challenge(s, st, req, &reply) == 0) {
		METRIC_INC(s->rt, AUTH_CHALLENGED);
	} else {
		policy_refuse(s, st, req, 500, SLICE_EMPTY, "out of memory");
	}
	arena_fini(&arena);
}

/* The user part without escapes equals @name. */
static bool user_is(const struct sip_uri *uri, struct slice name)
{
	AUTO_BUF user = BUF_INIT;

	return sip_uri_unescape(uri->user, &user) == 0 && !user.err &&
	       slice_eq(buf_view(&user), name);
}

/* Checks the credentials for @realm; false: answered. */
static bool verify(struct service *s, struct txn *st, struct sip_msg *req, struct slice realm,
		   enum auth_kind kind, struct sender *sender)
{
	enum auth_result result = auth_check(s->auth, req, realm, kind, &sender->id);

	switch (result) {
	case AUTH_OK:
		sender->authenticated = true;
		return true;
	case AUTH_MISSING:
	case AUTH_STALE:
		challenge(s, st, req, result, &sender->id, kind);
		return false;
	case AUTH_BAD:
		METRIC_INC(s->rt, AUTH_FAILED);
		LOG(LOG_WARN, "credentials refused", LOG_SLICE("call-id", req->call_id),
		    LOG_ADDR("source", &req->flow.peer), LOG_SLICE("method", req->method_name),
		    LOG_STR("reason", sender->id.reason));
		challenge(s, st, req, result, &sender->id, kind);
		return false;
	case AUTH_MALFORMED:
		policy_refuse(s, st, req, 400, SLICE_EMPTY, sender->id.reason);
		return false;
	case AUTH_ERROR:
		break;
	}
	policy_refuse(s, st, req, 500, SLICE_EMPTY, "out of memory");
	return false;
}

static bool must_authenticate(const struct service *s, const struct sip_msg *req,
			      const struct sip_uri *uri, const struct sender *sender)
{
	bool to_us = proxy_is_self(&s->proxy, uri);

	if (sender->trusted)
		return false;
	if (req->method == SIP_REGISTER && to_us)
		return s->config->authenticate_register;
	if (!s->config->authenticate_calls || !sender->own_domain)
		return false;
	/* A dialog's parties agreed already; RFC 3261 22.3 leaves it to the proxy. */
	if (req->to_tag.n && sip_msg_field(req, SIP_H_ROUTE))
		return false;
	return req->method != SIP_OPTIONS || !to_us || uri->user.p;
}

bool policy_identify(struct service *s, struct txn *st, struct sip_msg *req, struct sender *ret)
{
	struct sender sender = { .trusted = trust_has(&s->config->trusted, &req->flow.peer) };
	enum auth_kind kind = AUTH_PROXY;
	const struct sip_uri *uri = &req->request_uri;
	struct sip_addr from;
	struct slice realm;
	const char *reason;
	bool from_ok;

	from_ok = sip_addr_parse(sip_msg_value(req, SIP_H_FROM), &from, &reason) == 0;
	/* By an address of ours too: it stands for the domain (lookup_domain()). */
	sender.own_domain = from_ok && (proxy_is_domain(&s->proxy, from.uri.host) ||
					proxy_is_self(&s->proxy, &from.uri));
	if (req->method == SIP_REGISTER && proxy_is_self(&s->proxy, uri))
		kind = AUTH_REGISTRAR;
	realm = s->config->realm;
	if (!realm.n)
		realm = lookup_domain(&s->proxy, kind == AUTH_PROXY && sender.own_domain
							 ? from.uri.host
							 : uri->host);
	if (!must_authenticate(s, req, uri, &sender)) {
		/* Credentials nobody asked for still say who it is, if they are good. */
		if (!sender.trusted && kind == AUTH_PROXY && !req->to_tag.n &&
		    sip_msg_field(req, SIP_H_PROXY_AUTHORIZATION))
			sender.authenticated = auth_check(s->auth, req, realm, kind, &sender.id) ==
					       AUTH_OK;
		*ret = sender;
		return true;
	}
	if (!verify(s, st, req, realm, kind, &sender))
		return false;
	if (kind == AUTH_PROXY && !user_is(&from.uri, auth_name(&sender.id))) {
		policy_refuse(s, st, req, 403, SLICE_EMPTY, "From is not the authenticated user");
		return false;
	}
	*ret = sender;
	return true;
}

bool policy_may_relay(const struct sender *sender, bool in_dialog)
{
	return sender->trusted || sender->authenticated || in_dialog;
}
