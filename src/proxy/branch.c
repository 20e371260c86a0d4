/*
 * One branch: RFC 3261 16.6 steps 7 to 11, RFC 3263 4.3 (the next place when one fails), 18.1.1
 * (TCP for large requests, UDP if nobody listens there), Timer C (16.8).
 */
#include "proxy/branch.h"

#include <errno.h>

#include "base/log.h"

static void try_places(struct proxy_branch *b);

static struct proxy_forward forward_of(const struct proxy_branch *b)
{
	const struct proxy_ctx *ctx = b->ctx;
	const struct proxy_target *t = &b->target;

	return (struct proxy_forward){
		.req = ctx->req,
		.edits = t->edits,
		.via_top = ctx->st ? txn_via_top(ctx->st) : SLICE_EMPTY,
		.uri = t->uri,
		.route = t->route,
		.n_route = t->n_route,
		.route_changed = t->route_changed,
		.max_breadth = b->breadth,
		.loop_hash = ctx->loop_hash,
		.record_route = ctx->record_route && !t->keep_record_route,
		.keep_max_forwards = t->keep_max_forwards,
		.listener_in = ctx->req->flow.listener,
		.drop_field = ctx->drop_field,
	};
}

static void start_timer_c(struct proxy_branch *b)
{
	struct proxy *p = b->ctx->proxy;

	if (b->ctx->req->method == SIP_INVITE)
		rt_timer_in(p->rt, &b->timer_c, p->config.timer_c_ms);
}

/* 16.8: with a provisional response the branch is cancelled, without one it is as if it had
 * answered 408. */
static void timer_c_fired(struct wheel_timer *t)
{
	struct proxy_branch *b = CONTAINER_OF(t, struct proxy_branch, timer_c);

	if (b->state == BRANCH_PROCEEDING && b->ct) {
		if (txn_client_cancel(b->ct, NULL, 0) < 0)
			start_timer_c(b);
		return;
	}
	proxy_branch_stop(b);
	proxy_branch_failed(b, 408);
}

/* The client's own connection is gone: its Contact is what is left. */
static bool fall_back(struct proxy_branch *b)
{
	if (!b->target.flow || b->ctx->cancelled || b->ctx->closed)
		return false;
	b->target.flow = NULL;
	proxy_branch_start(b);
	return true;
}

/* RFC 3050 5.7. The INVITE is cancelled as soon as that can be; a 2xx may still win the race. */
static void expired(struct wheel_timer *t)
{
	struct proxy_branch *b = CONTAINER_OF(t, struct proxy_expires, timer)->branch;

	if (b->state == BRANCH_ENDED || b->final)
		return;
	rt_timer_stop(b->ctx->proxy->rt, &b->timer_c);
	/* Any other request goes on: its answer is still an answer. */
	if (!b->ct || txn_client_cancel(b->ct, NULL, 0) == -ENOMEM)
		proxy_branch_stop(b);
	LOG(LOG_DEBUG, "branch expired", LOG_SLICE("call-id", b->ctx->req->call_id),
	    LOG_SLICE("uri", b->target.uri));
	proxy_branch_failed(b, 408);
}

static int start_expires(struct proxy_branch *b)
{
	struct proxy_expires *e = arena_zalloc(&b->ctx->arena, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->timer.fire = expired;
	e->branch = b;
	b->expires = e;
	rt_timer_in(b->ctx->proxy->rt, &e->timer, b->target.expires_ms);
	return 0;
}

void proxy_branch_no_expires(struct proxy_branch *b)
{
	if (b->expires)
		rt_timer_stop(b->ctx->proxy->rt, &b->expires->timer);
}

static bool can_retry(const struct proxy_branch *b)
{
	return !b->ctx->cancelled && !b->ctx->closed && b->place < b->n_places;
}

static void ct_response(void *arg, struct txn *ct, struct sip_msg *resp)
{
	struct proxy_branch *b = arg;
	struct proxy *p = b->ctx->proxy;

	/* A place we gave up on: only a 2xx still means something. */
	if (ct != b->ct && !(resp->status / 100 == 2 && resp->method == SIP_INVITE))
		return;
	if (resp->status < 200) {
		if (b->state == BRANCH_ENDED || b->final)
			return;
		b->state = BRANCH_PROCEEDING;
		if (resp->status == 100)
			return;
		start_timer_c(b);
	} else {
		rt_timer_stop(p->rt, &b->timer_c);
		if (resp->status == 503 && can_retry(b) && !b->final) {
			b->ct = NULL;
			try_places(b);
			return;
		}
	}
	proxy_branch_received(b, resp, false);
}

static void ct_failed(void *arg, struct txn *ct, enum txn_failure why)
{
	struct proxy_branch *b = arg;

	if (ct != b->ct || b->state == BRANCH_ENDED)
		return;
	b->ct = NULL;
	if (b->final)
		return;
	rt_timer_stop(b->ctx->proxy->rt, &b->timer_c);
	if (why == TXN_TRANSPORT && b->by_mtu) {
		b->udp_next = true;
		b->place--;
	}
	if (fall_back(b))
		return;
	if (can_retry(b))
		try_places(b);
	else
		proxy_branch_failed(b, why == TXN_TIMEOUT ? 408 : 503);
}

static void ct_terminated(void *arg, struct txn *ct)
{
	struct proxy_branch *b = arg;

	if (b->ct == ct)
		b->ct = NULL;
	proxy_ctx_unref(b->ctx);
}

static const struct txn_client_events events = {
	.response = ct_response,
	.failed = ct_failed,
	.terminated = ct_terminated,
};

/* @any_size: also what is too large for a datagram. */
static int send_by(struct proxy_branch *b, const struct proxy_forward *f, struct rt_flow *to,
		   bool any_size)
{
	struct proxy *p = b->ctx->proxy;
	char text[PROXY_BRANCH_LEN];
	struct packet *packet;
	struct slice id;
	int rc;

	/* A connection has its listener already. */
	if (!to->conn || to->listener >= p->rt->n_listeners) {
		rc = proxy_listener(p, to->transport, &to->peer, f->listener_in);
		if (rc < 0)
			return rc;
		to->listener = (uint16_t)rc;
	}
	proxy_branch_make(p, f->loop_hash, text);
	id = slice_of(text, sizeof(text));
	rc = proxy_render(p, f, to, id, &packet);
	if (rc < 0)
		return rc;
	/* Too large for a datagram, if there is another way: 18.1.1. */
	if (to->transport == RT_UDP && packet->len > p->config.mtu && !any_size) {
		packet_unref(packet);
		return -EMSGSIZE;
	}
	rc = txn_client_new(p->txns, to, packet, b->ctx->req->method, id, &events, b, &b->ct);
	packet_unref(packet);
	return rc;
}

static int send_to(struct proxy_branch *b, const struct rt_target *place, bool any_size)
{
	struct proxy_forward f = forward_of(b);
	struct rt_flow to = { .transport = place->transport, .peer = place->addr };
	int rc;

	if (b->target.flow)
		to = *b->target.flow;
	rc = send_by(b, &f, &to, any_size);
	if (rc != -EMSGSIZE || to.transport != RT_UDP || any_size)
		return rc;
	to.transport = RT_TCP;
	rc = send_by(b, &f, &to, true);
	b->by_mtu = rc == 0;
	if (rc < 0 && rc != -ENOMEM) {
		to.transport = RT_UDP;
		rc = send_by(b, &f, &to, true);
	}
	return rc;
}

/* Sends to the next place that takes it; a failed branch when there is none left. */
static void try_places(struct proxy_branch *b)
{
	int rc = -ENOENT;

	b->state = BRANCH_CALLING;
	while (b->place < b->n_places) {
		bool any_size = b->udp_next;

		b->udp_next = b->by_mtu = false;
		rc = send_to(b, &b->places[b->place++], any_size);
		if (rc == 0) {
			b->ctx->refs++;
			METRIC_INC(b->ctx->proxy->rt, BRANCHES);
			start_timer_c(b);
			return;
		}
	}
	if (fall_back(b))
		return;
	LOG(LOG_INFO, "branch could not be sent", LOG_SLICE("call-id", b->ctx->req->call_id),
	    LOG_SLICE("uri", b->target.uri), LOG_INT("error", -rc));
	proxy_branch_failed(b, rc == -ENOMEM ? 500 : rc == -EMSGSIZE ? 513 : 503);
}

/* Keeps as many as there are: a name has one as a rule. */
static void try_resolved(struct proxy_branch *b, int err, const struct rt_targets *targets)
{
	struct rt_target *places = NULL;
	size_t n = err == 0 ? targets->n : 0;

	if (n)
		places = arena_alloc(&b->ctx->arena, n * sizeof(*places));
	if (places)
		memcpy(places, targets->v, n * sizeof(*places));
	b->places = places;
	b->n_places = places ? (uint8_t)n : 0;
	b->place = 0;
	try_places(b);
}

static void resolved(void *arg, int err, const struct rt_targets *targets)
{
	struct proxy_branch *b = arg;
	struct proxy_ctx *ctx = b->ctx;

	b->resolve = NULL;
	try_resolved(b, err, targets);
	proxy_ctx_unref(ctx);
}

void proxy_branch_start(struct proxy_branch *b)
{
	struct proxy *p = b->ctx->proxy;
	struct proxy_forward f = forward_of(b);
	struct rt_targets targets = { .n = 1 };
	struct rt_query query;
	struct sip_uri uri;
	int rc;

	b->timer_c.fire = timer_c_fired;
	b->state = BRANCH_RESOLVING;
	/* Not anew when it is sent another way. */
	if (b->target.expires_ms && !b->expires && start_expires(b) < 0) {
		proxy_branch_failed(b, 500);
		return;
	}
	/* It came to the server itself, and a script wants it elsewhere: 16.3 step 3. */
	if (b->ctx->req->max_forwards == 0 && !b->target.keep_max_forwards) {
		proxy_branch_failed(b, 483);
		return;
	}
	if (b->target.flow) {
		targets.v[0] =
			(struct rt_target){ b->target.flow->transport, b->target.flow->peer };
		try_resolved(b, 0, &targets);
		return;
	}
	rc = proxy_next_hop(p, &f, &uri, &query);
	if (rc < 0) {
		proxy_branch_failed(b, rc == -ENOTSUP ? 416 : 400);
		return;
	}
	rc = p->rt->ops->resolve(p->rt, &query, &targets, resolved, b, &b->resolve);
	if (rc == -EINPROGRESS)
		b->ctx->refs++;
	else
		try_resolved(b, rc, &targets);
}

void proxy_branch_stop(struct proxy_branch *b)
{
	struct proxy *p = b->ctx->proxy;

	rt_timer_stop(p->rt, &b->timer_c);
	proxy_branch_no_expires(b);
	if (b->ct) {
		txn_client_detach(b->ct);
		b->ct = NULL;
	}
	if (b->resolve) {
		p->rt->ops->resolve_cancel(p->rt, b->resolve);
		b->resolve = NULL;
		proxy_ctx_unref(b->ctx);
	}
}

void proxy_branch_cancel(struct proxy_branch *b)
{
	if (b->state == BRANCH_ENDED)
		return;
	proxy_branch_no_expires(b);
	/* A request other than INVITE cannot be cancelled: it just goes on. */
	if (b->ct && txn_client_cancel(b->ct, NULL, 0) != -ENOMEM)
		return;
	/* Without memory for a CANCEL nobody waits for its outcome. */
	if (b->final)
		return;
	proxy_branch_stop(b);
	b->state = BRANCH_ENDED;
}
