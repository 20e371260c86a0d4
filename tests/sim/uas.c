/* The server half of an agent: RFC 3261 8.2, 9.2, 13.3, 17.2. */
#include "agent.h"

static uint64_t hash_of(const struct agent *a, struct slice branch)
{
	return slice_hash(branch, a->index);
}

static struct uas *uas_find(struct agent *a, struct slice branch, enum sip_method method)
{
	for (struct map_node *n = map_first(&a->w->uass, hash_of(a, branch)); n; n = map_next(n)) {
		struct uas *u = CONTAINER_OF(n, struct uas, node);

		if (u->a == a && u->req->method == method && slice_eq(u->req->via.branch, branch))
			return u;
	}
	return NULL;
}

static void resend(struct uas *u)
{
	struct sim *w = u->a->w;

	if (u->flow.transport == RT_UDP && sim_chance(w, w->p.mutate_responses)) {
		net_from_agent(u->a, RT_UDP, NULL, &u->flow.peer, message_mutate(w, u->resp),
			       false);
		return;
	}
	net_from_agent(u->a, u->flow.transport, u->conn, &u->flow.peer, packet_ref(u->resp), false);
}

static void stop(struct uas *u)
{
	wheel_cancel(&u->a->w->wheel, &u->retry);
	wheel_cancel(&u->a->w->wheel, &u->give_up);
}

static void retry(struct wheel_timer *t)
{
	struct uas *u = CONTAINER_OF(t, struct uas, retry);

	u->a->w->n_events++;
	u->interval = u->interval * 2 > SIM_T2 ? SIM_T2 : u->interval * 2;
	sim_timer(u->a->w, &u->retry, u->interval);
	resend(u);
}

/* No ACK came. RFC 3261 13.3.1.4: such a session is ended. */
static void give_up(struct wheel_timer *t)
{
	struct uas *u = CONTAINER_OF(t, struct uas, give_up);

	u->a->w->n_events++;
	stop(u);
	if (u->status >= 300)
		return;
	check_no_ack(u->a->w, u->req, u->req->to_tag.n ? u->req->to_tag : u->tag);
	if (u->dlg && !u->dlg->over) {
		u->dlg->over = true;
		uac_in_dialog(u->dlg, SIP_BYE);
	}
}

static struct slice some_more(struct uas *u, unsigned status)
{
	struct sim *w = u->a->w;

	switch (status) {
	case 302:
		return sim_printf(w, "Contact: <sip:f0@%.*s>\r\n", SLICE_FMT(w->names[0].host));
	case 401:
		return SLICE("WWW-Authenticate: Digest realm=\"there\", nonce=\"1\"\r\n");
	case 407:
		return SLICE(
			"Proxy-Authenticate: Digest realm=\"far\", nonce=\"2\", qop=\"auth\"\r\n");
	case 503:
		return SLICE("Retry-After: 1\r\n");
	default:
		return SLICE_EMPTY;
	}
}

static void respond(struct uas *u, unsigned status)
{
	struct sim *w = u->a->w;

	if (u->status >= 200)
		return;
	u->status = status;
	u->resp = sim_keep(w, message_response(u, status, some_more(u, status),
					       status == 200 ? SLICE("v=0\r\n") : SLICE_EMPTY));
	resend(u);
	if (status < 200)
		return;
	wheel_cancel(&w->wheel, &u->act);
	if (u->req->method != SIP_INVITE)
		return;
	if (status < 300 && !u->dlg)
		u->dlg = dialog_of_callee(u);
	u->interval = SIM_T1;
	if (status < 300 || u->flow.transport == RT_UDP)
		sim_timer(w, &u->retry, u->interval);
	sim_timer(w, &u->give_up, 64 * SIM_T1);
}

static unsigned some_final(struct uas *u)
{
	static const unsigned often[] = { 486, 480, 302, 500, 503, 603, 401,
					  407, 404, 408, 600, 487, 202 };
	struct sim *w = u->a->w;

	if (rng_percent(&w->chance, 65))
		return 200;
	return often[rng_below(&w->chance, ARRAY_LEN(often))];
}

/* What it does with an INVITE, step by step. */
static void act(struct wheel_timer *t)
{
	struct uas *u = CONTAINER_OF(t, struct uas, act);
	struct sim *w = u->a->w;

	w->n_events++;
	u->step++;
	if (u->req->method == SIP_INVITE && u->step == 1 && rng_percent(&w->chance, 80)) {
		respond(u, rng_percent(&w->chance, 20) ? 100 : 180);
	} else if (u->req->method == SIP_INVITE && rng_percent(&w->chance, 15)) {
		respond(u, 183);
	} else if (u->final_status) {
		respond(u, u->final_status);
		return;
	}
	if (u->step < 12)
		sim_timer(w, &u->act,
			  1 + rng_below(&w->chance, rng_percent(&w->chance, 85) ? 4000 : 45000));
}

static struct uas *uas_new(struct agent *a, struct sip_msg *req, const struct rt_flow *flow,
			   struct conn *conn)
{
	struct sim *w = a->w;
	struct uas *u = sim_alloc(w, sizeof(*u));

	u->a = a;
	u->req = sip_msg_ref(req);
	u->flow = *flow;
	u->conn = conn;
	u->tag = sim_printf(w, "t%llu", (unsigned long long)++w->next_id);
	u->act.fire = act;
	u->retry.fire = retry;
	u->give_up.fire = give_up;
	if (map_add(&w->uass, &u->node, hash_of(a, req->via.branch)) < 0)
		abort();
	return u;
}

static void got_ack(struct agent *a, struct sip_msg *ack)
{
	struct uas *u = uas_find(a, ack->via.branch, SIP_INVITE);
	struct dialog *d;

	if (u && u->status >= 300) {
		stop(u);
		return;
	}
	d = dialog_find(a, ack);
	for (u = d ? d->invite : NULL; u && u->req->cseq.number != ack->cseq.number;)
		u = u->older;
	if (!u)
		return;
	stop(u);
	if (!d->confirmed && !d->over && rng_percent(&a->w->chance, 40))
		dialog_live(d, 25000);
	d->confirmed = true;
}

static void got_cancel(struct agent *a, struct sip_msg *req, const struct rt_flow *flow,
		       struct conn *conn)
{
	struct uas *invite = uas_find(a, req->via.branch, SIP_INVITE);
	struct uas *u = uas_new(a, req, flow, conn);

	if (invite)
		u->tag = invite->tag;
	respond(u, invite ? 200 : 481);
	if (!invite || invite->status >= 200 || a->rude)
		return;
	/* Somebody may pick up at this very moment. */
	respond(invite, rng_percent(&a->w->chance, 10) ? 200 : 487);
}

static void got_in_dialog(struct uas *u)
{
	struct dialog *d = dialog_find(u->a, u->req);

	if (!d) {
		respond(u, 481);
		return;
	}
	if (u->req->method == SIP_BYE)
		d->over = true;
	if (u->req->method == SIP_INVITE) {
		u->older = d->invite;
		d->invite = u;
		u->dlg = d;
	}
	respond(u, 200);
}

void uas_received(struct agent *a, struct sip_msg *req, const struct rt_flow *flow,
		  struct conn *conn)
{
	struct sim *w = a->w;
	struct uas *u;

	if (req->method == SIP_ACK) {
		got_ack(a, req);
		return;
	}
	u = uas_find(a, req->via.branch, req->method);
	if (u) {
		if (u->resp && !(req->method == SIP_INVITE && u->status / 100 == 2))
			resend(u);
		return;
	}
	if (req->method == SIP_CANCEL) {
		got_cancel(a, req, flow, conn);
		return;
	}
	if (a->rude && rng_percent(&w->chance, 30))
		return;
	u = uas_new(a, req, flow, conn);
	if (req->to_tag.n) {
		got_in_dialog(u);
		return;
	}
	if (rng_percent(&w->chance, 92))
		u->final_status = some_final(u);
	/* Longer than 64*T1 without a word, and the caller has given up. */
	sim_timer(w, &u->act,
		  1 + rng_below(&w->chance, rng_percent(&w->chance, 90) ? 300
					    : w->p.quiet                ? 25000
									: 40000));
}
