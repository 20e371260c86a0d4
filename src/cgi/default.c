/* The default action for a request: RFC 3050 5.6.1.6, RFC 3261 16.5, 10, 11.2. */
#include "cgi/session.h"

#include <errno.h>

#include "sip/reply.h"

#define ALLOW                                                                                      \
	"INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, INFO, SUBSCRIBE, NOTIFY, "          \
	"REFER, PRACK, UPDATE, PUBLISH"

/* What we are able to do, asked of the server itself. */
static void answer_options(struct txn *st)
{
	static const struct slice fields[] = {
		SLICE_INIT("Allow: " ALLOW),
		SLICE_INIT("Accept: */*"),
		SLICE_INIT("Supported: path"),
	};
	struct sip_reply reply = { .status = 200, .fields = fields, .n_fields = ARRAY_LEN(fields) };

	if (txn_reply(st, &reply) < 0)
		txn_abandon(st);
}

bool default_local(struct service *s, struct txn *st, struct sip_msg *req,
		   const struct proxy_routing *routing, const struct auth_identity *who)
{
	if (routing->n_route || !proxy_is_self(&s->proxy, &routing->parsed))
		return false;
	if (req->method == SIP_REGISTER) {
		registrar_handle(s->registrar, st, req, who);
		return true;
	}
	if (routing->parsed.user.p)
		return false;
	if (req->method == SIP_OPTIONS)
		answer_options(st);
	else
		policy_refuse(s, st, req, 404, SLICE_EMPTY, "no user in the Request-URI");
	return true;
}

static bool redirects(const struct session *ss)
{
	struct slice host = lookup_domain(&ss->svc->proxy, ss->routing.parsed.host);

	for (size_t i = 0; i < ss->config->n_redirect_domains; i++)
		if (sip_host_eq(ss->config->redirect_domains[i], host))
			return true;
	return false;
}

/* A user may ask in the registration to be redirected to: RFC 2543 6.14, RFC 3050 5.6.1.6. */
static bool wants_redirect(const struct location_set *set, int64_t wall)
{
	struct location_iter it;
	struct location_binding b;
	struct slice action;

	location_iter_init(&it, set, wall);
	while (location_iter_next(&it, &b))
		if (sip_find_param(b.params, SLICE("action"), &action) &&
		    slice_ieq(action, SLICE("redirect")))
			return true;
	return false;
}

static void redirect(struct session *ss, const struct location_set *set)
{
	AUTO_BUF field = BUF_INIT;

	buf_str(&field, "Contact: ");
	if (lookup_contacts(set, ss->svc->rt->wall, &field) < 0)
		session_answer(ss, 500, SLICE_EMPTY);
	else
		session_answer(ss, 302, buf_view(&field));
}

static void refuse(struct session *ss, unsigned status, const char *why)
{
	struct proxy_ctx *ctx = ss->ctx;

	if (!ctx->st)
		return;
	proxy_ctx_close(ctx);
	policy_refuse(ss->svc, ctx->st, ctx->req, status, SLICE_EMPTY, why);
}

static void to_user(struct session *ss, const struct proxy_target *like)
{
	struct location_set *set;

	switch (lookup_bindings(ss->svc, &ss->routing.parsed, &set)) {
	case LOOKUP_FOUND:
		break;
	case LOOKUP_AWAY:
		refuse(ss, 480, "no bindings");
		return;
	case LOOKUP_UNKNOWN:
		refuse(ss, 404, "no such user");
		return;
	default:
		refuse(ss, 500, "out of memory");
		return;
	}
	if (redirects(ss) || wants_redirect(set, ss->svc->rt->wall)) {
		redirect(ss, set);
		return;
	}
	if (lookup_add_targets(ss, set, like) < 0)
		refuse(ss, 500, "out of memory");
	else
		proxy_ctx_start(ss->ctx, false);
}

void default_action(struct session *ss)
{
	struct proxy_target target = {
		.uri = ss->routing.uri,
		.route = ss->routing.route,
		.n_route = ss->routing.n_route,
		.route_changed = ss->routing.popped || ss->routing.strict,
		.q = 1000,
	};

	if (!ss->ctx->st)
		return;
	if (default_local(ss->svc, ss->ctx->st, ss->ctx->req, &ss->routing, ss->identity)) {
		proxy_ctx_close(ss->ctx);
		return;
	}
	if (!ss->routing.n_route && proxy_is_self(&ss->svc->proxy, &ss->routing.parsed)) {
		to_user(ss, &target);
		return;
	}
	if (!ss->may_relay) {
		refuse(ss, 403, "not allowed to relay to this domain");
		return;
	}
	if (proxy_ctx_add(ss->ctx, &target, 1) < 0)
		refuse(ss, 500, "out of memory");
	else
		proxy_ctx_start(ss->ctx, false);
}
