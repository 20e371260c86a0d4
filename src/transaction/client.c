/*
 * The client side: requests out (RFC 3261 17.1), responses in, and the CANCEL and ACK that belong
 * to an INVITE (9.1, 17.1.1.3). The CANCEL is a transaction of its own that nobody hears of.
 */
#include <errno.h>

#include "base/log.h"
#include "transaction/layer.h"

/* A transaction that has sent nothing yet. */
static int client_new(struct txn_layer *l, const struct rt_flow *to, struct packet *packet,
		      enum sip_method method, struct slice branch, struct txn **ret)
{
	struct txn *ct;

	ct = txn_alloc(l, method == SIP_INVITE ? TXN_ICT : TXN_NICT, branch.n);
	if (!ct)
		return -ENOMEM;
	if (map_add(&l->clients, &ct->by_key, txn_client_hash(l, branch, method)) < 0) {
		txn_discard(ct);
		return -ENOMEM;
	}
	ct->linked = true;
	ct->method = (uint8_t)method;
	ct->to = *to;
	ct->reliable = rt_is_reliable(to->transport);
	memcpy(ct->tail, branch.p, branch.n);
	ct->client.branch = slice_of(ct->tail, branch.n);
	txn_set_packet(ct, packet);
	METRIC_INC(l->rt, TXN_CLIENT);
	*ret = ct;
	return 0;
}

int txn_client_new(struct txn_layer *l, const struct rt_flow *to, struct packet *packet,
		   enum sip_method method, struct slice branch, const struct txn_client_events *ev,
		   void *arg, struct txn **ret)
{
	struct txn *ct;
	int rc;

	if (method == SIP_ACK || method == SIP_CANCEL || !branch.n)
		return -EINVAL;
	rc = client_new(l, to, packet, method, branch, &ct);
	if (rc < 0)
		return rc;
	ct->client.ev = ev;
	ct->client.arg = arg;
	(void)txn_step(ct, EV_START, NULL); /* TXN_NEW has that row */
	if (ct->send_error < 0) {
		rc = ct->send_error;
		txn_discard(ct);
		return rc;
	}
	*ret = ct;
	return 0;
}

int txn_client_cancel(struct txn *ct, const struct slice *fields, size_t n_fields)
{
	int rc;

	if (ct->machine != TXN_ICT)
		return -EINVAL;
	for (size_t i = 0; i < n_fields; i++)
		if (slice_find(fields[i], '\r') >= 0 || slice_find(fields[i], '\n') >= 0 ||
		    slice_find(fields[i], ':') < 1)
			return -EINVAL;
	if (ct->cancelled)
		return 0;
	if (ct->state == ICT_CALLING || ct->state == ICT_PROCEEDING) {
		rc = txn_cancel_build(ct->packet, fields, n_fields, &ct->client.extra);
		if (rc < 0)
			return rc;
	}
	ct->cancelled = true;
	(void)txn_step(ct, EV_TU_CANCEL, NULL);
	return 0;
}

void txn_cancel_send(struct txn *ct)
{
	struct txn_layer *l = ct->layer;
	struct packet *p = TAKE_PTR(ct->client.extra);
	struct txn *cancel;

	if (client_new(l, &ct->to, p, SIP_CANCEL, ct->client.branch, &cancel) == 0) {
		cancel->internal = true;
		(void)txn_step(cancel, EV_START, NULL);
	} else {
		/* Once at least. If it is lost, 64*T1 end the INVITE. */
		(void)l->rt->ops->send(l->rt, &ct->to, p, 0);
	}
	packet_unref(p);
}

void txn_ack_send(struct txn *ct, const struct sip_msg *resp)
{
	if (ct->status < 300) {
		/* The first final response: a CANCEL that waited for a provisional one is moot. */
		packet_unref(ct->client.extra);
		ct->client.extra = NULL;
	}
	if (!ct->client.extra && txn_ack_build(ct->packet, resp, &ct->client.extra) < 0)
		return;                       /* the response will come again */
	(void)txn_send(ct, ct->client.extra); /* a failure comes back as EV_ERROR */
}

void txn_client_detach(struct txn *ct)
{
	if (txn_is_server(ct) || ct->detached)
		return;
	ct->detached = true;
	(void)txn_step(ct, EV_TU_DETACH, NULL);
}

void txn_client_receive(struct txn_layer *l, struct sip_msg *resp)
{
	enum txn_event e = resp->status < 200 ? EV_1XX : resp->status < 300 ? EV_2XX : EV_FINAL;
	struct txn *ct = txn_client_find(l, resp);

	/* RFC 3261 18.1.2, RFC 6026 8.9. */
	if (!ct || !txn_via_is_ours(l->rt, &resp->via)) {
		METRIC_INC(l->rt, STRAY_RESPONSE);
		LOG(LOG_DEBUG, "stray response dropped", LOG_SLICE("call-id", resp->call_id),
		    LOG_ADDR("source", &resp->flow.peer), LOG_INT("status", resp->status),
		    LOG_SLICE("branch", resp->via.branch));
		return;
	}
	(void)txn_step(ct, e, resp); /* too late, as a 1xx after a final: ignored */
}
