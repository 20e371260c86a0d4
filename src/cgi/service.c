/* The service as the runtime sees it: made, told of events, reconfigured, drained, freed. */
#include "cgi/service.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "cgi/run.h"

struct service_config *service_config_ref(struct service_config *c)
{
	c->refs++;
	return c;
}

void service_config_unref(struct service_config *c)
{
	if (c && --c->refs == 0)
		c->free(c);
}

/* A host may stand in the To of a REGISTER with a port: one of ours, or none. */
static bool is_domain(void *arg, struct slice host, uint16_t port)
{
	struct service *s = arg;
	struct sip_uri uri = { .scheme = SIP_SCHEME_SIP, .host = host, .port = port };

	return proxy_is_domain(&s->proxy, host) && (!port || proxy_is_self(&s->proxy, &uri));
}

static int canonical_aor(void *arg, const struct sip_uri *uri, struct buf *out)
{
	struct service *s = arg;

	return lookup_aor(&s->proxy, uri, out);
}

static bool is_user(void *arg, struct slice user, struct slice domain)
{
	struct service *s = arg;

	/* Where nobody needs a password, users need not be known beforehand. */
	return !s->config->authenticate_register ||
	       (s->users && users_find(s->users, user, lookup_domain(&s->proxy, domain)));
}

int service_new(struct runtime *rt, struct service_config *config, struct location *loc,
		struct service **ret)
{
	struct service *s = calloc(1, sizeof(*s));
	struct registrar_policy policy;
	int rc;

	if (!s)
		return -ENOMEM;
	s->rt = rt;
	s->location = loc;
	s->config = service_config_ref(config);
	list_init(&s->sessions);
	list_init(&s->lanes);
	list_init(&s->runs);
	map_init(&s->accepts);
	policy = (struct registrar_policy){
		.domain = is_domain, .user = is_user, .aor = canonical_aor, .arg = s
	};
	rc = txn_layer_new(rt, &config->txn, &service_txn_user, s, &s->txns);
	if (rc == 0)
		rc = registrar_new(rt, loc, &config->registrar, &policy, &s->registrar);
	if (rc == 0)
		rc = auth_new(rt, &config->auth, &s->auth);
	if (rc < 0) {
		service_free(s);
		return rc;
	}
	proxy_init(&s->proxy, rt, s->txns, &config->proxy);
	*ret = s;
	return 0;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	/* Contexts first: they let go of their client transactions. */
	while (!list_empty(&s->sessions)) {
		struct session *ss = LIST_ENTRY(s->sessions.next, struct session, link);

		run_forget(ss);
		accept_end(ss);
		proxy_ctx_abort(ss->ctx);
	}
	run_stop_all(s);
	proxy_fini(&s->proxy);
	registrar_free(s->registrar);
	txn_layer_free(s->txns);
	auth_free(s->auth);
	run_lanes_free(s);
	map_fini(&s->accepts);
	service_config_unref(s->config);
	free(s);
}

int service_configure(struct service *s, struct service_config *config)
{
	int rc = auth_configure(s->auth, &config->auth);

	if (rc < 0)
		return rc;
	service_config_ref(config);
	service_config_unref(s->config);
	s->config = config;
	s->proxy.config = config->proxy;
	txn_layer_configure(s->txns, &config->txn);
	registrar_configure(s->registrar, &config->registrar);
	return 0;
}

void service_set_users(struct service *s, const struct users *users)
{
	s->users = users;
	auth_set_users(s->auth, users);
}

static void malformed(struct service *s, const struct rt_flow *flow, const struct sip_error *error)
{
	METRIC_INC(s->rt, MALFORMED);
	LOG(LOG_INFO, "message dropped", LOG_ADDR("source", &flow->peer),
	    LOG_STR("transport", rt_transport_name(flow->transport)), LOG_INT("line", error->line),
	    LOG_INT("column", error->column), LOG_STR("reason", error->reason));
}

void service_receive(struct service *s, struct packet *p, const struct rt_flow *flow)
{
	struct sip_error error = { 0 };
	AUTO_MSG *msg = NULL;
	int rc;

	rc = sip_msg_parse(p, &msg, &error);
	if (rc == -ENOMEM)
		error.reason = "out of memory";
	if (rc < 0) {
		malformed(s, flow, &error);
		return;
	}
	msg->flow = *flow;
	msg->received_at = s->rt->now;
	txn_layer_receive(s->txns, msg);
}

void service_bad_frame(struct service *s, struct slice head, const struct rt_flow *flow,
		       bool too_large)
{
	struct sip_error error = { 1, 1, too_large ? "message too large" : "Content-Length" };
	AUTO_MSG *msg = NULL;
	struct packet *p = head.n ? packet_from(head) : NULL;

	if (!p || sip_msg_parse(p, &msg, &error) < 0) {
		malformed(s, flow, &error);
		packet_unref(p);
		return;
	}
	packet_unref(p);
	msg->flow = *flow;
	msg->received_at = s->rt->now;
	/* Without its body it must not be taken for a good one. */
	if (!msg->fault.reason || too_large) {
		msg->fault = error;
		msg->fault_status = too_large ? 513 : 400;
	}
	txn_layer_receive(s->txns, msg);
}

void service_send_failed(struct service *s, uint64_t sender, int err)
{
	METRIC_INC(s->rt, SEND_FAILED);
	txn_layer_send_failed(s->txns, sender, err);
}

void service_runner_ready(struct service *s)
{
	lanes_next(s);
}

size_t service_busy(const struct service *s)
{
	size_t n = registrar_pending(s->registrar);

	LIST_EACH (&s->sessions, it) {
		const struct session *ss = LIST_ENTRY(it, struct session, link);

		n += !ss->ctx->answered || proxy_ctx_pending(ss->ctx);
	}
	return n;
}

void service_drain(struct service *s)
{
	s->draining = true;
}

void service_show(const struct service *s, struct buf *out)
{
	buf_printf(out, "sessions %zu\n", s->n_sessions);
	txn_layer_show(s->txns, out);
	location_show(s->location, out);
}
