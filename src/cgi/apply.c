/* What one message of a script does: RFC 3050 5.6.1, each as soon as it is complete. */
#include <errno.h>

#include "base/log.h"
#include "cgi/run.h"

static int script_error(const struct cgi_message *m, const char *reason, const char *clause,
			struct cgi_output_error *reterr)
{
	*reterr = (struct cgi_output_error){ m->line, reason, clause };
	return -EBADMSG;
}

/* Not an error of the script's: it could not know. */
static void refused(const struct cgi_run *run, const struct cgi_message *m, const char *why)
{
	LOG(LOG_INFO, "script's action refused", LOG_SLICE("call-id", run->call_id),
	    LOG_SLICE("script", run->script->name), LOG_INT("line", m->line),
	    LOG_STR("reason", why));
}

/* Once something final went up, or the caller hung up, there is nothing left to decide. */
static bool is_over(const struct cgi_run *run, const struct cgi_message *m)
{
	const struct proxy_ctx *ctx = run->ss->ctx;

	if (ctx->cancelled)
		refused(run, m, "the request was cancelled");
	else if (ctx->answered || !ctx->st)
		refused(run, m, "a final response has been sent");
	return ctx->cancelled || ctx->answered || !ctx->st;
}

static int apply_status(struct cgi_run *run, const struct cgi_message *m,
			struct cgi_output_error *reterr)
{
	struct proxy_ctx *ctx = run->ss->ctx;
	int rc;

	run->acted = true;
	if (is_over(run, m))
		return 0;
	if (m->status == 100 && txn_status(ctx->st) >= 100)
		return 0;
	/* Targets named before it have been called by then, however the output was cut. */
	if (m->status >= 200)
		proxy_ctx_start(ctx, true);
	rc = answer_send(run, m);
	if (rc == -ENOMEM || rc == -EBADMSG || rc == -EMSGSIZE)
		return rc == -ENOMEM ? rc
				     : script_error(m, "the response cannot be made",
						    "RFC 3050 5.6.1.1", reterr);
	if (rc < 0)
		refused(run, m, "not possible for this request");
	return 0;
}

/* RFC 3050 5.6.1.3. */
static int apply_forward(struct cgi_run *run, const struct cgi_message *m,
			 struct cgi_output_error *reterr)
{
	struct session *ss = run->ss;
	struct cgi_response *r = m->token.n ? queue_find(ss, m->token) : run->resp;
	struct packet *sent;
	struct proxy_edit edit;
	int rc;

	if (!r)
		return script_error(m,
				    m->token.n ? "no response has this token"
					       : "\"this\" outside a run for a response",
				    "RFC 3050 5.6.1.3", reterr);
	run->acted = true;
	if (is_over(run, m))
		return 0;
	if (r->msg->status >= 200)
		proxy_ctx_start(ss->ctx, true);
	rc = fields_to_response(run, m, r->msg, &edit);
	if (rc == 0)
		rc = proxy_ctx_forward(r->branch, r->msg, r->local, &edit, &sent);
	if (rc == -ENOMEM)
		return rc;
	if (rc == -EBADMSG || rc == -EMSGSIZE)
		return script_error(m, "a header field does not fit the response",
				    "RFC 3050 5.6.1.3", reterr);
	if (rc < 0) {
		refused(run, m, "not possible for this request");
		return 0;
	}
	packet_unref(r->sent);
	r->sent = sent;
	r->fate = CGI_RESPONSE_SENT;
	return 0;
}

/* A URI of ours is looked up there and then, and no script is run for it again. */
static int add_own(struct session *ss, const struct sip_uri *uri, const struct proxy_target *target)
{
	struct location_set *set;

	if (!uri->user.p)
		return proxy_ctx_add_failed(ss->ctx, target, 404);
	switch (lookup_bindings(ss->svc, uri, &set)) {
	case LOOKUP_FOUND:
		return lookup_add_targets(ss, set, target);
	case LOOKUP_AWAY:
		return proxy_ctx_add_failed(ss->ctx, target, 480);
	case LOOKUP_UNKNOWN:
		return proxy_ctx_add_failed(ss->ctx, target, 404);
	}
	return -ENOMEM;
}

static int apply_proxy(struct cgi_run *run, const struct cgi_message *m,
		       struct cgi_output_error *reterr)
{
	struct session *ss = run->ss;
	struct proxy_target target = { .route = ss->routing.route,
				       .n_route = ss->routing.n_route,
				       .route_changed = ss->routing.popped || ss->routing.strict,
				       .q = 1000 };
	int rc;

	run->acted = true;
	if (m->uri.scheme == SIP_SCHEME_OTHER)
		return script_error(m, "expected a sip:, sips: or tel: URI", "RFC 3050 5.6.1.2",
				    reterr);
	if (is_over(run, m))
		return 0;
	if (ss->n_branches >= ss->script->max_branches)
		return script_error(m, "more than max-branches", "RFC 3050 5.6", reterr);
	ss->n_branches++;
	rc = arena_dup(&ss->ctx->arena, m->uri.text, &target.uri);
	if (rc == 0 && m->request_token.p)
		rc = arena_dup(&ss->ctx->arena, m->request_token, &target.token);
	if (rc == 0)
		rc = fields_to_target(run, m, &target);
	if (rc < 0)
		return rc == -EBADMSG ? script_error(m, "a header field does not fit the request",
						     "RFC 3050 5.6.1.2", reterr)
				      : rc;
	if (!target.n_route && proxy_is_self(&ss->svc->proxy, &m->uri))
		rc = add_own(ss, &m->uri, &target);
	else
		rc = proxy_ctx_add(ss->ctx, &target, 1);
	if (rc == -EALREADY) {
		refused(run, m, "the request has been answered");
		return 0;
	}
	return rc;
}

int apply_message(struct cgi_run *run, const struct cgi_message *m, struct cgi_output_error *reterr)
{
	/* For a CANCEL there is nothing left to do but to clean up: RFC 3050 5.10. */
	if (run->event == CGI_CANCEL_EVENT && m->action != CGI_COOKIE && m->action != CGI_AGAIN) {
		refused(run, m, "the request was cancelled");
		return 0;
	}
	switch (m->action) {
	case CGI_STATUS:
		return apply_status(run, m, reterr);
	case CGI_PROXY:
		return apply_proxy(run, m, reterr);
	case CGI_FORWARD:
		return apply_forward(run, m, reterr);
	case CGI_COOKIE:
		return arena_dup(&run->ss->ctx->arena, m->token, &run->ss->cookie);
	case CGI_AGAIN:
		run->again = m->again;
		return 0;
	case CGI_REQUEST:
		return script_error(m, "requests of a script's own are not supported",
				    "RFC 3050 5.11.2", reterr);
	}
	return -EBADMSG;
}
