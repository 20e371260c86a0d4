/* What must be true of every request that leaves. */
#include "check.h"

static uint64_t hash_of(const struct sip_msg *m)
{
	return slice_hash(m->via.branch, (uint64_t)m->method);
}

static struct check_sent *sent_find(struct sim *w, const struct sip_msg *m, enum sip_method method)
{
	uint64_t hash = slice_hash(m->via.branch, (uint64_t)method);

	for (struct map_node *n = map_first(&w->check->sent, hash); n; n = map_next(n)) {
		struct check_sent *s = CONTAINER_OF(n, struct check_sent, node);

		if (s->msg->method == method && slice_eq(s->msg->via.branch, m->via.branch))
			return s;
	}
	return NULL;
}

static void sent_add(struct sim *w, struct packet *p, struct sip_msg *m, struct check_req *origin,
		     const struct rt_flow *to)
{
	struct check_sent *s = sim_alloc(w, sizeof(*s));

	*s = (struct check_sent){
		.packet = p, .msg = m, .origin = origin, .to = *to, .at = w->rt.now
	};
	if (map_add(&w->check->sent, &s->node, hash_of(m)) < 0)
		abort();
}

static void check_own_via(struct sim *w, const struct sip_msg *m, const struct rt_flow *to)
{
	const struct rt_listener *l = &w->listeners[to->listener];

	if (!sip_via_is_3261(&m->via) || !slice_ieq(m->via.host, l->host) ||
	    m->via.port != l->port || m->via.transport != (int)l->transport ||
	    l->transport != (enum rt_transport)to->transport)
		sim_fail(w, "own Via", "%.*s does not name where it leaves from",
			 SLICE_FMT(m->via.text));
}

/* Below ours is the stack as it came, the first of it stamped. */
static struct check_req *check_vias(struct sim *w, const struct sip_msg *m)
{
	struct sip_values was, is;
	struct check_req *r;
	struct slice a, b;
	struct sip_via below;
	bool more;

	sip_values_init(&is, m, SIP_H_VIA);
	(void)sip_values_next(&is, &b);
	if (!sip_values_next(&is, &b) || sip_via_parse(b, &below, NULL) < 0)
		return NULL;
	r = check_find(w, &below, m->method);
	if (!r)
		sim_fail(w, "request", "%.*s for %.*s comes from no request",
			 SLICE_FMT(m->method_name), SLICE_FMT(m->call_id));
	sip_values_init(&was, r->msg, SIP_H_VIA);
	(void)sip_values_next(&was, &a);
	do {
		a = b = SLICE_EMPTY;
		more = sip_values_next(&was, &a);
		more |= sip_values_next(&is, &b);
		check_same(w, "Via", a, b);
	} while (more);
	return r;
}

static void check_hops(struct sim *w, const struct check_req *r, const struct sip_msg *m)
{
	int want = r->msg->max_forwards < 0 ? PROXY_MAX_FORWARDS : r->msg->max_forwards - 1;

	if (m->max_forwards < 0 || m->max_forwards > 255)
		sim_fail(w, "Max-Forwards", "leaves without");
	if (m->max_forwards != want && !r->scripted)
		sim_fail(w, "Max-Forwards", "came as %d and leaves as %d", r->msg->max_forwards,
			 m->max_forwards);
}

static struct slice value(const struct sip_msg *m, struct slice name)
{
	const struct sip_field *f = sip_msg_find(m, name);

	return f ? f->value : SLICE_EMPTY;
}

static void check_forwarded(struct sim *w, const struct check_req *r, const struct sip_msg *m)
{
	const struct sip_msg *req = r->msg;

	check_same(w, "Call-ID", req->call_id, m->call_id);
	check_same(w, "From tag", req->from_tag, m->from_tag);
	check_same(w, "To tag", req->to_tag, m->to_tag);
	if (req->cseq.number != m->cseq.number)
		sim_fail(w, "CSeq", "came as %u and leaves as %u", req->cseq.number,
			 m->cseq.number);
	check_hops(w, r, m);
	for (uint16_t i = 0; i < m->n_fields; i++)
		if (slice_istarts(m->fields[i].name, SLICE("CGI-")))
			sim_fail(w, "CGI", "%.*s leaves the server", SLICE_FMT(m->fields[i].name));
	if (r->scripted)
		return;
	check_same(w, "From", sip_msg_value(req, SIP_H_FROM), sip_msg_value(m, SIP_H_FROM));
	check_same(w, "To", sip_msg_value(req, SIP_H_TO), sip_msg_value(m, SIP_H_TO));
	check_same(w, "Contact", sip_msg_value(req, SIP_H_CONTACT),
		   sip_msg_value(m, SIP_H_CONTACT));
	check_same(w, "unknown field", value(req, SLICE("X-Sim")), value(m, SLICE("X-Sim")));
	check_same(w, "body", req->body, m->body);
}

/* CANCEL and ACK to a non-2xx: RFC 3261 9.1, 17.1.1.3. */
static void check_made(struct sim *w, const struct sip_msg *m, const struct rt_flow *to)
{
	struct check_sent *invite = sent_find(w, m, SIP_INVITE);
	const struct sip_msg *was = invite ? invite->msg : NULL;

	if (!invite || (m->method != SIP_CANCEL && m->method != SIP_ACK))
		sim_fail(w, "request", "%.*s is for no INVITE", SLICE_FMT(m->method_name));
	check_same(w, "Request-URI", was->uri, m->uri);
	check_same(w, "Via", was->via.text, m->via.text);
	check_same(w, "Call-ID", was->call_id, m->call_id);
	check_same(w, "From", sip_msg_value(was, SIP_H_FROM), sip_msg_value(m, SIP_H_FROM));
	check_same(w, "Route", sip_msg_value(was, SIP_H_ROUTE), sip_msg_value(m, SIP_H_ROUTE));
	if (m->method == SIP_CANCEL)
		check_same(w, "To", sip_msg_value(was, SIP_H_TO), sip_msg_value(m, SIP_H_TO));
	if (m->cseq.number != was->cseq.number)
		sim_fail(w, "CSeq", "%u is for INVITE %u", m->cseq.number, was->cseq.number);
	if (!net_addr_eq(&invite->to.peer, &to->peer) || invite->to.transport != to->transport)
		sim_fail(w, "request", "%.*s goes elsewhere than its INVITE",
			 SLICE_FMT(m->method_name));
}

/* Strangers have us forward only to our own users: anything else is an open relay. */
static void check_relay(struct sim *w, const struct check_req *r)
{
	const struct sip_msg *req = r->msg;

	if (r->scripted || req->to_tag.n || trust_has(&w->config->trusted, &r->flow.peer) ||
	    sip_msg_field(req, SIP_H_PROXY_AUTHORIZATION) ||
	    proxy_is_self(&w->svc->proxy, &req->request_uri))
		return;
	sim_fail(w, "relay", "a stranger's request for %.*s is forwarded", SLICE_FMT(req->uri));
}

/* May the transaction still begin something? */
static void check_begin(struct sim *w, struct check_req *r)
{
	if (r->epoch != w->epoch)
		sim_fail(w, "branch", "begins for a request from before the restart");
	check_anew(r);
	if (!list_empty(&r->finals) && !w->overload)
		sim_fail(w, "branch", "begins after the final response");
	if (r->cancelled_at)
		sim_fail(w, "branch", "begins after the CANCEL");
	if (r->faulty)
		sim_fail(w, "branch", "begins for a faulty request");
	if (!w->p.reconfigure)
		check_relay(w, r);
	r->proxied = true;
}

void check_answer_in(struct sim *w, const struct sip_msg *m)
{
	struct check_sent *s = sent_find(w, m, SIP_INVITE);

	struct net_addr addr;

	/* While its transaction lives for sure: no failed send, no Timer B yet. And while the way
	 * up is known: else the name is looked up first. A script may run for it first. */
	if (!s || !s->origin || s->origin->scripted || s->origin->epoch != w->epoch ||
	    s->at < s->origin->at || !list_empty(&s->origin->finals) || s->origin->cancelled_at ||
	    w->rt.now >= s->at + 64 * SIM_T1 || w->p.send_error || w->p.late_error ||
	    w->p.conn_break || w->p.mutate || s->origin->msg->via.maddr.n ||
	    net_addr_parse(s->origin->msg->via.host, 0, &addr) < 0)
		return;
	w->check->must_answer = s->origin;
}

void check_request(struct sim *w, struct packet *p, struct sip_msg *m, const struct rt_flow *to)
{
	struct check_sent *again = sent_find(w, m, m->method);
	struct check_req *r;

	check_own_via(w, m, to);
	r = check_vias(w, m);
	if (again && (m->method != SIP_ACK || r)) {
		check_same(w, "retransmission", packet_view(again->packet), packet_view(p));
		return;
	}
	if (!r) {
		check_made(w, m, to);
	} else {
		if (m->method != SIP_ACK)
			check_begin(w, r);
		check_forwarded(w, r, m);
	}
	sent_add(w, p, m, r, to);
}
