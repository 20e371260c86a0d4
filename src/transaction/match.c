/*
 * Which transaction a message belongs to: RFC 3261 17.1.3 (responses) and 17.2.3 (requests).
 *
 * A request with a branch of RFC 3261 is known by branch, sent-by and method; one of RFC 2543 by
 * Request-URI, tags, Call-ID, CSeq and the whole top Via. An ACK or CANCEL is looked up as the
 * INVITE it goes with. Branches are compared byte for byte: retransmissions are copies. All of a
 * key that can differ is in the hash, so that nobody can make long chains.
 */
#include "transaction/layer.h"

/* Puts numbers that are not hashed as bytes in. */
static uint64_t mix(uint64_t h, uint64_t n)
{
	h ^= n + UINT64_C(0x9e3779b97f4a7c15) + (h << 6) + (h >> 2);
	h *= UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 33;
}

uint64_t txn_server_hash(const struct txn_layer *l, const struct sip_msg *req, enum sip_method m)
{
	const struct sip_via *via = &req->via;
	uint64_t seed = l->rt->seed, h;

	if (sip_via_is_3261(via)) {
		h = slice_hash(via->branch, seed);
		h = mix(h, slice_ihash(via->host, seed));
		return mix(h, (uint64_t)via->port << 8 | m);
	}
	h = slice_hash(req->call_id, seed);
	h = mix(h, slice_hash(via->text, seed));
	h = mix(h, slice_hash(req->from_tag, seed));
	return mix(h, (uint64_t)req->cseq.number << 8 | m);
}

static bool same_3261(const struct sip_via *a, const struct sip_via *b)
{
	return slice_eq(a->branch, b->branch) && a->port == b->port && slice_ieq(a->host, b->host);
}

/* An ACK has the To tag of the response: 17.2.3 compares it with that, txn_ack_is_for(). */
static bool same_2543(const struct sip_msg *a, const struct sip_msg *b)
{
	return a->cseq.number == b->cseq.number && slice_eq(a->call_id, b->call_id) &&
	       slice_eq(a->from_tag, b->from_tag) && slice_eq(a->via.text, b->via.text) &&
	       slice_eq(a->uri, b->uri) && (b->method == SIP_ACK || slice_eq(a->to_tag, b->to_tag));
}

static bool same_server(const struct txn *st, const struct sip_msg *msg, enum sip_method as)
{
	const struct sip_msg *req = st->server.req;
	bool is_3261 = sip_via_is_3261(&msg->via);

	if (st->method != as || is_3261 != sip_via_is_3261(&req->via))
		return false;
	if (as == SIP_OTHER_METHOD && !slice_eq(req->method_name, msg->method_name))
		return false;
	return is_3261 ? same_3261(&req->via, &msg->via) : same_2543(req, msg);
}

struct txn *txn_server_find(const struct txn_layer *l, const struct sip_msg *msg,
			    enum sip_method as)
{
	uint64_t h = txn_server_hash(l, msg, as);

	for (struct map_node *n = map_first(&l->servers, h); n; n = map_next(n)) {
		struct txn *st = CONTAINER_OF(n, struct txn, by_key);

		if (same_server(st, msg, as))
			return st;
	}
	return NULL;
}

struct txn *txn_server_find_other(const struct txn_layer *l, const struct sip_msg *cancel)
{
	for (enum sip_method m = SIP_OTHER_METHOD + 1; m < SIP_METHOD_COUNT; m++) {
		struct txn *st;

		if (m == SIP_INVITE || m == SIP_ACK || m == SIP_CANCEL)
			continue;
		st = txn_server_find(l, cancel, m);
		if (st)
			return st;
	}
	return NULL;
}

bool txn_ack_is_for(const struct txn *st, const struct sip_msg *ack)
{
	AUTO_MSG *resp = NULL;
	struct sip_error error;

	/* Of many 2xx any may be meant; a branch of RFC 3261 says enough. */
	if (st->state == IST_ACCEPTED || sip_via_is_3261(&ack->via) || !st->packet)
		return true;
	if (sip_msg_parse(st->packet, &resp, &error) < 0)
		return false;
	return slice_eq(resp->to_tag, ack->to_tag);
}

uint64_t txn_client_hash(const struct txn_layer *l, struct slice branch, enum sip_method m)
{
	return mix(slice_hash(branch, l->rt->seed), m);
}

/* The method of a request as it was rendered. */
static struct slice packet_method(const struct packet *p)
{
	struct slice line = packet_view(p);
	ptrdiff_t end = slice_find(line, ' ');

	return end < 0 ? SLICE_EMPTY : slice_head(line, (size_t)end);
}

struct txn *txn_client_find(const struct txn_layer *l, const struct sip_msg *resp)
{
	uint64_t h = txn_client_hash(l, resp->via.branch, resp->method);

	for (struct map_node *n = map_first(&l->clients, h); n; n = map_next(n)) {
		struct txn *ct = CONTAINER_OF(n, struct txn, by_key);

		if (ct->method != resp->method || !slice_eq(ct->client.branch, resp->via.branch))
			continue;
		if (ct->method == SIP_OTHER_METHOD &&
		    !slice_eq(packet_method(ct->packet), resp->cseq.method_name))
			continue;
		return ct;
	}
	return NULL;
}

bool txn_via_is_ours(const struct runtime *rt, const struct sip_via *via)
{
	enum rt_transport transport = via->transport < 0 ? RT_UDP
							 : (enum rt_transport)via->transport;
	uint16_t port = via->port ? via->port : rt_transport_port(transport);
	struct net_addr addr;

	for (size_t i = 0; i < rt->n_listeners; i++) {
		const struct rt_listener *at = &rt->listeners[i];

		if (port == at->port && slice_ieq(via->host, at->host))
			return true;
	}
	if (net_addr_parse(via->host, port, &addr) < 0)
		return false;
	for (size_t i = 0; i < rt->n_listeners; i++) {
		const struct rt_listener *at = &rt->listeners[i];

		if (net_addr_eq(&addr, &at->addr) ||
		    (port == at->port && sip_host_eq(via->host, at->host)))
			return true;
	}
	return false;
}
