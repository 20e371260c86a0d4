/*
 * A 2xx to INVITE of a script's own is repeated until the ACK for it comes, over any transport:
 * RFC 3261 13.3.1.4, SIPCGI.md 3. It ends at the latest with the server transaction, after 64*T1.
 * The ACK has a transaction of its own and is told by its dialog and CSeq (13.2.2.4).
 */
#include "cgi/session.h"

static uint64_t hash_of(const struct service *s, const struct sip_msg *msg)
{
	uint64_t h = slice_hash(msg->call_id, s->rt->seed);

	return slice_hash(msg->from_tag, h ^ msg->cseq.number);
}

static void repeat(struct wheel_timer *t)
{
	struct session *ss = CONTAINER_OF(t, struct session, accept.timer);
	struct cgi_accept *a = &ss->accept;

	if (txn_respond(ss->ctx->st, a->packet, a->status) < 0) {
		accept_end(ss);
		return;
	}
	a->interval *= 2;
	if (a->interval > ss->config->txn.t2)
		a->interval = ss->config->txn.t2;
	rt_timer_in(ss->svc->rt, &a->timer, a->interval);
}

int accept_send(struct session *ss, struct packet *packet, unsigned status)
{
	struct cgi_accept *a = &ss->accept;
	int rc;

	rc = map_add(&ss->svc->accepts, &a->node, hash_of(ss->svc, ss->ctx->req));
	if (rc < 0)
		return rc;
	a->packet = packet_ref(packet);
	a->status = status;
	a->interval = ss->config->txn.t1;
	a->timer.fire = repeat;
	rc = txn_respond(ss->ctx->st, packet, status);
	if (rc < 0)
		accept_end(ss);
	else
		rt_timer_in(ss->svc->rt, &a->timer, a->interval);
	return rc;
}

void accept_end(struct session *ss)
{
	struct cgi_accept *a = &ss->accept;

	if (!a->packet)
		return;
	map_del(&ss->svc->accepts, &a->node);
	rt_timer_stop(ss->svc->rt, &a->timer);
	packet_unref(a->packet);
	a->packet = NULL;
}

struct session *accept_acked(struct service *s, const struct sip_msg *ack)
{
	struct map_node *node = map_first(&s->accepts, hash_of(s, ack));

	for (; node; node = map_next(node)) {
		struct session *ss = CONTAINER_OF(node, struct session, accept.node);
		const struct sip_msg *invite = ss->ctx->req;

		if (slice_eq(invite->call_id, ack->call_id) &&
		    slice_eq(invite->from_tag, ack->from_tag) &&
		    invite->cseq.number == ack->cseq.number &&
		    slice_eq(txn_to_tag(ss->ctx->st), ack->to_tag)) {
			accept_end(ss);
			return ss;
		}
	}
	return NULL;
}
