/*
 * The server side: requests in (RFC 3261 17.2, 9.2), responses out. A request that cannot have a
 * transaction (limit, memory) gets a stateless 503; a CANCEL cancels even then. Which responses
 * are allowed is in ist.c and nist.c. Merged requests (8.2.2.2) are the user's to detect.
 */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "transaction/layer.h"

int txn_stamp(struct txn_layer *l, const struct sip_msg *req, struct slice *ret)
{
	buf_reset(&l->scratch);
	if (!sip_via_stamp(&req->via, &req->flow.peer, &l->scratch)) {
		*ret = req->via.text;
		return 0;
	}
	if (l->scratch.err)
		return l->scratch.err;
	*ret = buf_view(&l->scratch);
	return 0;
}

/* A new transaction for @req; nobody has been told. -ENOMEM. */
static int server_new(struct txn_layer *l, struct sip_msg *req, struct txn **ret)
{
	enum txn_machine m = req->method == SIP_INVITE ? TXN_IST : TXN_NIST;
	struct slice via;
	struct txn *st;
	bool stamped;

	if (txn_stamp(l, req, &via) < 0)
		return -ENOMEM;
	stamped = via.p != req->via.text.p;
	st = txn_alloc(l, m, stamped ? via.n : 0);
	if (!st)
		return -ENOMEM;
	if (map_add(&l->servers, &st->by_key, txn_server_hash(l, req, req->method)) < 0) {
		txn_discard(st);
		return -ENOMEM;
	}
	st->linked = true;
	st->method = (uint8_t)req->method;
	st->reliable = rt_is_reliable(req->flow.transport);
	st->server.req = sip_msg_ref(req);
	if (stamped) {
		memcpy(st->tail, via.p, via.n);
		via.p = st->tail;
	}
	st->server.via_top = via;
	txn_route_init(st);
	METRIC_INC(l->rt, TXN_SERVER);
	*ret = st;
	return 0;
}

static void refuse_overload(struct txn_layer *l, const struct sip_msg *req)
{
	static const struct slice fields[] = { SLICE_INIT(TXN_RETRY_AFTER) };
	struct sip_reply reply = { .status = 503, .fields = fields, .n_fields = 1 };

	METRIC_INC(l->rt, REFUSED);
	/* If not even that can be sent, silence says the same. */
	(void)txn_reply_stateless(l, req, &reply);
}

static bool may_have_transaction(const struct txn_layer *l)
{
	return l->servers.count < l->config.max;
}

static void receive_request(struct txn_layer *l, struct sip_msg *req)
{
	struct txn *st;

	if (may_have_transaction(l) && server_new(l, req, &st) == 0)
		(void)txn_step(st, EV_START, req); /* TXN_NEW has that row */
	else
		refuse_overload(l, req);
}

/* 200 with the To tag of the cancelled transaction's responses: RFC 3261 9.2. */
static struct txn *answer_cancel(struct txn_layer *l, struct txn *cancelled, struct sip_msg *cancel)
{
	struct slice tag = txn_to_tag(cancelled);
	struct sip_reply reply = { .status = 200, .to_tag = tag };
	struct txn *st;

	if (!may_have_transaction(l) || server_new(l, cancel, &st) < 0) {
		(void)txn_reply_stateless(l, cancel, &reply);
		return NULL;
	}
	st->internal = true;
	/* Had the INVITE a To tag of its own, so has the CANCEL, and this one is not used. */
	if (tag.n == TXN_TAG_LEN) {
		memcpy(st->server.tag, tag.p, TXN_TAG_LEN);
		st->has_tag = true;
	}
	(void)txn_step(st, EV_START, cancel);
	/* Without memory for it, the CANCEL that comes next starts anew. */
	if (txn_reply(st, &reply) < 0)
		txn_abandon(st);
	return st;
}

static void receive_cancel(struct txn_layer *l, struct sip_msg *cancel)
{
	struct txn *invite = txn_server_find(l, cancel, SIP_INVITE);
	struct txn *st;

	if (invite) {
		st = answer_cancel(l, invite, cancel);
		l->user->cancel(l->arg, invite, st, cancel);
		return;
	}
	/* Of another method there is nothing left to cancel, but the answer is the same. */
	invite = txn_server_find_other(l, cancel);
	if (invite)
		(void)answer_cancel(l, invite, cancel);
	else
		receive_request(l, cancel);
}

/* RFC 3261 8.2.7: the same tag for every copy of a request, unknown to others before. */
static void stateless_tag(const struct txn_layer *l, const struct sip_msg *req,
			  char out[static TXN_TAG_LEN + 1])
{
	uint64_t h = slice_hash(req->call_id, l->tag_key);

	h = slice_hash(req->via.text, h);
	h = slice_hash(req->from_tag, h ^ req->cseq.number);
	(void)snprintf(out, TXN_TAG_LEN + 1, "%016llx", (unsigned long long)h);
}

/* An answer without a transaction was a final one: its ACK ends here as any hop's (17.1.1.3). It
 * has the Via of the INVITE, and a tag that only we could have made of it. */
static bool acks_stateless(const struct txn_layer *l, const struct sip_msg *ack)
{
	char tag[TXN_TAG_LEN + 1];

	if (ack->to_tag.n != TXN_TAG_LEN)
		return false;
	stateless_tag(l, ack, tag);
	return slice_eq(ack->to_tag, slice_of(tag, TXN_TAG_LEN));
}

static void receive_ack(struct txn_layer *l, struct sip_msg *ack)
{
	struct txn *st = txn_server_find(l, ack, SIP_INVITE);

	if (st && txn_ack_is_for(st, ack))
		(void)txn_step(st, EV_ACK, ack); /* nothing to acknowledge yet: ignored */
	else if (!acks_stateless(l, ack))
		l->user->ack(l->arg, NULL, ack);
}

void txn_server_receive(struct txn_layer *l, struct sip_msg *req)
{
	struct txn *st;

	if (req->method == SIP_ACK) {
		receive_ack(l, req);
		return;
	}
	st = txn_server_find(l, req, req->method);
	if (st) {
		METRIC_INC(l->rt, TXN_RETRANSMIT_IN);
		(void)txn_step(st, EV_REQUEST, req);
	} else if (req->method == SIP_CANCEL) {
		receive_cancel(l, req);
	} else {
		receive_request(l, req);
	}
}

/* RFC 4320 4.1: sooner a 100 does more harm than good, and the timer sends it in time. */
static bool is_early_trying(const struct txn *st, unsigned status)
{
	return st->machine == TXN_NIST && status == 100 && !st->reliable &&
	       st->layer->rt->now < st->born + txn_trying_delay(st);
}

int txn_respond(struct txn *st, struct packet *packet, unsigned status)
{
	enum txn_event e = status < 200 ? EV_TU_1XX : status < 300 ? EV_TU_2XX : EV_TU_FINAL;

	if (!txn_is_server(st) || status < 100 || status > 699)
		return -EINVAL;
	/* RFC 4320 4.1: no provisional response but 100. */
	if (st->machine == TXN_NIST && status > 100 && status < 200)
		return -EINVAL;
	if (!txn_row_find(st->machine, st->state, e)) {
		(void)txn_step(st, e, NULL); /* counted there */
		return -EALREADY;
	}
	if (st->machine == TXN_NIST && status == 408) {
		txn_abandon(st);
		return 0;
	}
	if (is_early_trying(st, status))
		return 0;

	txn_set_packet(st, packet);
	if (status > st->status)
		st->status = (uint16_t)status;
	(void)txn_step(st, e, NULL);
	return 0;
}

int txn_reply(struct txn *st, const struct sip_reply *r)
{
	struct sip_reply reply = *r;
	struct packet *p;
	int rc;

	if (!txn_is_server(st))
		return -EINVAL;
	reply.to_tag = r->status == 100 ? SLICE_EMPTY : txn_to_tag(st);
	rc = sip_reply_render(st->server.req, st->server.via_top, &reply, &p);
	if (rc < 0)
		return rc;
	rc = txn_respond(st, p, r->status);
	packet_unref(p);
	return rc;
}

/* Not through txn_reply(): it is the timer's event that brought us here, not the user's. */
void txn_trying(struct txn *st)
{
	static const struct sip_reply reply = { .status = 100 };
	struct packet *p;

	if (sip_reply_render(st->server.req, st->server.via_top, &reply, &p) < 0)
		return; /* the next retransmission tries again */
	txn_set_packet(st, p);
	packet_unref(p);
	st->status = 100;
	txn_route_send(st);
}

void txn_abandon(struct txn *st)
{
	if (txn_is_server(st))
		(void)txn_step(st, EV_TU_ABANDON, NULL); /* too late: ignored */
}

int txn_reply_stateless(struct txn_layer *l, const struct sip_msg *req, const struct sip_reply *r)
{
	struct sip_reply reply = *r;
	char tag[TXN_TAG_LEN + 1];
	struct packet *p;
	struct slice via;
	int rc;

	rc = txn_stamp(l, req, &via);
	if (rc < 0)
		return rc;
	if (r->status == 100) {
		reply.to_tag = SLICE_EMPTY;
	} else if (!r->to_tag.n) {
		stateless_tag(l, req, tag);
		reply.to_tag = slice_of(tag, TXN_TAG_LEN);
	}
	rc = sip_reply_render(req, via, &reply, &p);
	if (rc < 0)
		return rc;
	rc = txn_route_stateless(l, req, p);
	packet_unref(p);
	return rc;
}

struct sip_msg *txn_request_msg(const struct txn *st)
{
	return txn_is_server(st) ? st->server.req : NULL;
}

struct slice txn_to_tag(struct txn *st)
{
	char text[TXN_TAG_LEN + 1];

	if (!txn_is_server(st))
		return SLICE_EMPTY;
	if (st->server.req->to_tag.n)
		return st->server.req->to_tag;
	if (!st->has_tag) {
		(void)snprintf(text, sizeof(text), "%016llx",
			       (unsigned long long)rt_random64(st->layer->rt));
		memcpy(st->server.tag, text, TXN_TAG_LEN);
		st->has_tag = true;
	}
	return slice_of(st->server.tag, TXN_TAG_LEN);
}

struct slice txn_via_top(const struct txn *st)
{
	return txn_is_server(st) ? st->server.via_top : SLICE_EMPTY;
}
