/* What must be true of every response that leaves. */
#include "check.h"

/* The top Via comes back as it was but for received and rport, the others untouched. */
static void check_vias(struct sim *w, const struct check_req *r, const struct sip_msg *m)
{
	struct sip_values was, is;
	struct slice a, b;
	bool more;

	sip_values_init(&was, r->msg, SIP_H_VIA);
	sip_values_init(&is, m, SIP_H_VIA);
	(void)sip_values_next(&was, &a);
	(void)sip_values_next(&is, &b);
	check_same(w, "Via protocol", r->msg->via.protocol, m->via.protocol);
	do {
		a = b = SLICE_EMPTY;
		more = sip_values_next(&was, &a);
		more |= sip_values_next(&is, &b);
		check_same(w, "Via", a, b);
	} while (more);
}

static void check_place(struct sim *w, const struct check_req *r, const struct rt_flow *to)
{
	struct net_addr addr;

	/* When sending fails there is another way to try: RFC 3263 5. */
	if (w->p.send_error || w->p.late_error || w->p.conn_break || r->wild ||
	    net_addr_parse(r->msg->via.host, 0, &addr) < 0)
		return;
	if (to->transport != r->flow.transport)
		sim_fail(w, "response routing", "leaves by another transport");
	if (to->transport == RT_UDP && !r->msg->via.maddr.n &&
	    !net_addr_same_host(&to->peer, &r->flow.peer))
		sim_fail(w, "response routing", "goes to another host than the request came from");
	if (to->transport == RT_TCP && to->conn != r->flow.conn && !w->p.mutate)
		sim_fail(w, "response routing", "leaves over another connection");
}

static void check_copied(struct sim *w, const struct check_req *r, const struct sip_msg *m)
{
	const struct sip_msg *req = r->msg;

	check_same(w, "Call-ID", req->call_id, m->call_id);
	check_same(w, "From tag", req->from_tag, m->from_tag);
	if (req->cseq.number != m->cseq.number)
		sim_fail(w, "CSeq", "came as %u and leaves as %u", req->cseq.number,
			 m->cseq.number);
	if (req->to_tag.n)
		check_same(w, "To tag", req->to_tag, m->to_tag);
	else if (m->status > 100 && !m->to_tag.n)
		sim_fail(w, "To tag", "a %u has none", m->status);
	/* What an agent answered: what a script said on the way is put back, but for what it says
	 * about the response itself. */
	if (sip_msg_find(m, SLICE("X-Resp")) && !r->scripted)
		check_same(w, "From", sip_msg_value(req, SIP_H_FROM), sip_msg_value(m, SIP_H_FROM));
}

/* RFC 3261 17.2: one final response; of 2xx to INVITE one of each fork, any number of times. */
static void check_final(struct sim *w, struct check_req *r, struct packet *p, struct sip_msg *m)
{
	struct check_final *f, *first = NULL;

	check_anew(r);
	LIST_EACH (&r->finals, it) {
		f = LIST_ENTRY(it, struct check_final, link);
		if (!first)
			first = f;
		if (slice_eq(packet_view(f->packet), packet_view(p)))
			return;
	}
	/* That was no transaction's: the next copy of the request may have one. */
	if (first && first->status == 503 && w->overload)
		return;
	if (first && (first->status >= 300 || m->status / 100 != 2 || m->method != SIP_INVITE))
		sim_fail(w, "one final response", "%u leaves after %u", m->status, first->status);
	if (m->status < 200)
		return;
	f = sim_alloc(w, sizeof(*f));
	f->packet = p;
	f->status = m->status;
	f->to_tag = m->to_tag;
	list_push_back(&r->finals, &f->link);
	if (!first) {
		w->check->n_answered++;
		r->final_at = w->rt.now;
	}
}

/* The same response of an agent goes to one place and looks the same each time. */
static void check_passed_on(struct sim *w, struct check_req *r, struct packet *p,
			    const struct sip_msg *m)
{
	const struct sip_field *f = sip_msg_find(m, SLICE("X-Resp"));
	struct check_passed *passed;
	uint64_t id;

	if (!f || slice_u64(f->value, UINT64_MAX, &id) < 0)
		return;
	/* A request that loops through the core passes it several times. */
	id = slice_hash(r->msg->via.branch, id);
	for (struct map_node *n = map_first(&w->check->passed, id); n; n = map_next(n)) {
		passed = CONTAINER_OF(n, struct check_passed, node);
		if (passed->req != r)
			sim_fail(w, "forwarded once", "a response answers two requests");
		/* A script may send a provisional one again, with other edits. */
		if (r->scripted && m->status < 200)
			return;
		if (!slice_eq(packet_view(passed->packet), packet_view(p)))
			sim_fail(w, "forwarded once", "a response is passed on as something else");
		return;
	}
	passed = sim_alloc(w, sizeof(*passed));
	passed->req = r;
	passed->packet = p;
	if (map_add(&w->check->passed, &passed->node, id) < 0)
		abort();
}

static bool is_stored(const struct sim *w, const struct location_set *set, struct slice uri)
{
	struct location_iter it;
	struct location_binding b;

	location_iter_init(&it, set, w->rt.wall);
	while (location_iter_next(&it, &b))
		if (slice_eq(b.contact, uri))
			return true;
	return false;
}

/* A REGISTER is acknowledged: what it says is on the disk. DESIGN.md 2.7. */
static void check_registered(struct sim *w, const struct check_req *r, const struct sip_msg *m)
{
	AUTO_BUF aor = BUF_INIT;
	const struct location_set *set;
	struct location_binding b;
	struct location_iter it;
	struct sip_values values;
	struct slice element;
	struct sip_addr addr;
	size_t said = 0, stored = 0;

	if (sip_addr_parse(sip_msg_value(r->msg, SIP_H_TO), &addr, NULL) < 0 ||
	    sip_uri_aor(&addr.uri, &aor) < 0)
		return;
	set = store_find(w, buf_view(&aor));
	sip_values_init(&values, m, SIP_H_CONTACT);
	for (; sip_values_next(&values, &element); said++)
		if (sip_addr_parse(element, &addr, NULL) < 0 || !is_stored(w, set, addr.uri_text))
			sim_fail(w, "durable", "%.*s is acknowledged and not stored",
				 SLICE_FMT(element));
	location_iter_init(&it, set, w->rt.wall);
	while (location_iter_next(&it, &b))
		stored++;
	if (said != stored)
		sim_fail(w, "durable", "%zu bindings are stored, %zu are told", stored, said);
}

void check_response(struct sim *w, struct packet *p, struct sip_msg *m, const struct rt_flow *to)
{
	struct check_req *r = check_find(w, &m->via, m->method);
	bool first;

	/* With a method in CSeq that its request did not have. */
	if (!r && (w->p.mutate_responses || (w->p.mutate && m->status == 400)))
		return;
	if (!r)
		sim_fail(w, "response", "%u for %.*s answers no request", m->status,
			 SLICE_FMT(m->call_id));
	if (r->faulty)
		return;
	/* What a damaged response says goes up as it is, if it can be read. */
	if (w->p.mutate_responses)
		return;
	first = list_empty(&r->finals);
	check_vias(w, r, m);
	check_place(w, r, to);
	check_copied(w, r, m);
	check_final(w, r, p, m);
	check_passed_on(w, r, p, m);
	if (first && m->method == SIP_REGISTER && m->status == 200 && !r->scripted && !r->proxied)
		check_registered(w, r, m);
}
