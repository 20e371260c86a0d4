/*
 * Where responses go: RFC 3261 18.2.2 with RFC 3581 4. Over a stream: the connection the request
 * came on, or, when it is gone, a new one to the source and the port of sent-by. Else maddr, else
 * the source with the port it sent from (rport) or that of sent-by. What was stamped as received
 * is the source, so a name is looked up only for maddr, or as the other way to try when sending
 * has failed (17.2.4, RFC 3263 5). A multicast maddr is sent to with the system's TTL.
 */
#include <errno.h>

#include "base/log.h"
#include "transaction/layer.h"

/* The source address, and the port that sent-by names. */
static void set_sent_by_port(struct rt_flow *to, const struct sip_via *via)
{
	uint16_t port = via->port ? via->port : rt_transport_port(to->transport);

	net_addr_set_port(&to->peer, port);
}

/* False: the address is not known yet, the name in maddr must be resolved. */
static bool route_of(const struct sip_msg *req, struct rt_flow *to)
{
	const struct sip_via *via = &req->via;

	*to = req->flow;
	/* A Via that cannot be read says nothing: back to where the request came from. */
	if (!via->host.n)
		return true;
	if (rt_is_reliable(to->transport)) {
		set_sent_by_port(to, via);
		return true;
	}
	if (via->maddr.n) {
		uint16_t port = via->port ? via->port : rt_transport_port(to->transport);

		return net_addr_parse(via->maddr, port, &to->peer) == 0;
	}
	if (!via->rport)
		set_sent_by_port(to, via);
	return true;
}

static struct rt_query query_of(const struct sip_msg *req, struct slice host)
{
	const struct sip_via *via = &req->via;
	struct rt_query q = { .host = host,
			      .port = via->port,
			      .transport = req->flow.transport,
			      .secure = req->flow.transport == RT_TLS ||
					req->flow.transport == RT_WSS };

	/* maddr is an address, whatever it looks like: no services are looked up for it. */
	if (q.port == 0 && host.p == via->maddr.p)
		q.port = rt_transport_port(req->flow.transport);
	return q;
}

/* The first target of the request's transport: no other can be answered from where it came in. */
static bool target_of(const struct rt_targets *targets, struct rt_flow *to)
{
	for (size_t i = 0; i < targets->n; i++) {
		const struct rt_target *v = &targets->v[i];

		if (v->transport == to->transport &&
		    v->addr.sa.sa_family == to->peer.sa.sa_family) {
			to->peer = v->addr;
			to->conn = 0;
			return true;
		}
	}
	return false;
}

void txn_route_init(struct txn *st)
{
	st->routed = route_of(st->server.req, &st->to);
}

static void send_failed(struct txn *st)
{
	st->error = true;
	txn_pend(st);
}

static void arrived(struct txn *st, int err, const struct rt_targets *targets)
{
	if (err < 0 || !target_of(targets, &st->to)) {
		send_failed(st);
		return;
	}
	st->routed = true;
	if (st->packet)
		(void)txn_send(st, st->packet); /* a failure comes back as EV_ERROR */
}

static void resolved(void *arg, int err, const struct rt_targets *targets)
{
	struct txn *st = arg;
	struct txn_layer *l = st->layer;

	txn_enter(l);
	st->server.resolving = NULL;
	arrived(st, err, targets);
	txn_leave(l);
}

static void resolve(struct txn *st, struct slice host)
{
	struct runtime *rt = st->layer->rt;
	struct rt_query q = query_of(st->server.req, host);
	struct rt_targets targets = { .n = 0 };
	int rc;

	rc = rt->ops->resolve(rt, &q, &targets, resolved, st, &st->server.resolving);
	if (rc != -EINPROGRESS)
		arrived(st, rc, &targets);
}

void txn_route_send(struct txn *st)
{
	if (st->server.resolving)
		return; /* the answer sends whatever is current then */
	if (st->routed)
		(void)txn_send(st, st->packet); /* a failure comes back as EV_ERROR */
	else
		resolve(st, st->server.req->via.maddr);
}

bool txn_route_again(struct txn *st)
{
	const struct sip_via *via = &st->server.req->via;
	struct net_addr addr;

	if (st->resent || st->server.resolving || !st->packet)
		return false;
	/* Its connection is gone: 18.2.2 has a new one to the source and the port of sent-by. */
	if (rt_is_reliable(st->to.transport) && st->to.conn) {
		st->to.conn = 0;
		(void)txn_send(st, st->packet); /* a failure comes back as EV_ERROR */
		return true;
	}
	st->resent = true;
	/* The same place again would be no other way. */
	if (net_addr_parse(via->host, 0, &addr) == 0 && net_addr_same_host(&addr, &st->to.peer))
		return false;
	resolve(st, via->host); /* if this fails too, the next EV_ERROR says so */
	return true;
}

void txn_route_stop(struct txn *st)
{
	struct runtime *rt = st->layer->rt;

	if (st->server.resolving)
		rt->ops->resolve_cancel(rt, st->server.resolving);
	st->server.resolving = NULL;
}

/* A stateless answer on its way to a name. */
struct waiting {
	struct list link;
	struct txn_layer *layer;
	struct rt_resolve *resolving;
	struct packet *packet;
	struct rt_flow to;
};

static void waiting_free(struct waiting *w)
{
	list_del(&w->link);
	w->layer->n_waiting--;
	packet_unref(w->packet);
	free(w);
}

static void resolved_stateless(void *arg, int err, const struct rt_targets *targets)
{
	struct waiting *w = arg;
	struct runtime *rt = w->layer->rt;

	/* Nobody waits for the outcome: the request will come again. */
	if (err == 0 && target_of(targets, &w->to))
		(void)rt->ops->send(rt, &w->to, w->packet, 0);
	waiting_free(w);
}

int txn_route_stateless(struct txn_layer *l, const struct sip_msg *req, struct packet *p)
{
	struct rt_query q = query_of(req, req->via.maddr);
	struct rt_targets targets = { .n = 0 };
	struct waiting *w;
	struct rt_flow to;
	int rc;

	if (route_of(req, &to))
		return l->rt->ops->send(l->rt, &to, p, 0);

	/* Strangers may send any number of these. */
	if (l->n_waiting >= TXN_WAITING_MAX)
		return -EAGAIN;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct waiting){ .layer = l, .packet = packet_ref(p), .to = to };
	list_push_back(&l->waiting, &w->link);
	l->n_waiting++;
	rc = l->rt->ops->resolve(l->rt, &q, &targets, resolved_stateless, w, &w->resolving);
	if (rc == -EINPROGRESS)
		return 0;
	if (rc == 0 && target_of(&targets, &to))
		rc = l->rt->ops->send(l->rt, &to, p, 0);
	else if (rc == 0)
		rc = -ENOENT;
	waiting_free(w);
	return rc;
}

void txn_route_stop_stateless(struct txn_layer *l)
{
	LIST_EACH_SAFE (&l->waiting, it) {
		struct waiting *w = LIST_ENTRY(it, struct waiting, link);

		l->rt->ops->resolve_cancel(l->rt, w->resolving);
		waiting_free(w);
	}
}
