/* The client half of an agent: RFC 3261 8.1, 13.2, 17.1, 22. */
#include "agent.h"

static struct uac *uac_new(struct agent *a, enum sip_method method)
{
	struct sim *w = a->w;
	struct uac *u = sim_alloc(w, sizeof(*u));

	u->a = a;
	u->method = method;
	u->id = (unsigned)w->n_uacs;
	u->branch = message_branch(a, u->id);
	u->hop = (struct rt_target){ a->transport, a->core->addr };
	if (w->n_uacs == w->cap_uacs) {
		w->cap_uacs = w->cap_uacs ? 2 * w->cap_uacs : 64;
		w->uacs = realloc(w->uacs, w->cap_uacs * sizeof(struct uac *));
		if (!w->uacs)
			abort();
	}
	w->uacs[w->n_uacs++] = u;
	return u;
}

static void stop(struct uac *u)
{
	wheel_cancel(&u->a->w->wheel, &u->retry);
	wheel_cancel(&u->a->w->wheel, &u->give_up);
}

static void retry(struct wheel_timer *t)
{
	struct uac *u = CONTAINER_OF(t, struct uac, retry);

	u->a->w->n_events++;
	u->interval *= 2;
	if (u->method != SIP_INVITE && (u->interval > SIM_T2 || u->proceeding))
		u->interval = SIM_T2;
	sim_timer(u->a->w, &u->retry, u->interval);
	agent_send(u->a, &u->hop, u->packet);
}

static void give_up(struct wheel_timer *t)
{
	struct uac *u = CONTAINER_OF(t, struct uac, give_up);

	u->a->w->n_events++;
	u->done = true;
	stop(u);
}

static void uac_send(struct uac *u, struct packet *p)
{
	struct sim *w = u->a->w;

	u->packet = sim_keep(w, p);
	u->retry.fire = retry;
	u->give_up.fire = give_up;
	u->interval = SIM_T1;
	if (u->hop.transport == RT_UDP)
		sim_timer(w, &u->retry, u->interval);
	sim_timer(w, &u->give_up, 64 * SIM_T1);
	agent_send(u->a, &u->hop, u->packet);
}

static void send_cancel(struct uac *invite)
{
	struct uac *u = uac_new(invite->a, SIP_CANCEL);

	if (invite->cancel || invite->done)
		return;
	invite->cancel = u;
	u->hop = invite->hop;
	uac_send(u, message_hop_by_hop(invite, SIP_CANCEL, NULL));
	sim_timer(invite->a->w, &invite->give_up, 64 * SIM_T1);
}

static void hang_up(struct wheel_timer *t)
{
	struct call *c = CONTAINER_OF(t, struct call, hang_up);

	c->a->w->n_events++;
	c->wants_cancel = true;
	if (c->invite->proceeding && !c->invite->done)
		send_cancel(c->invite);
}

static struct call *call_new(struct agent *a, enum sip_method method)
{
	struct sim *w = a->w;
	struct call *c = sim_alloc(w, sizeof(*c));
	uint64_t id = ++w->next_id;

	c->a = a;
	c->method = method;
	c->call_id = sim_printf(w, "call-%llu@sim", (unsigned long long)id);
	c->from_tag = sim_printf(w, "f%llu", (unsigned long long)id);
	c->from_uri = sim_printf(w, "sip:%.*s@%.*s", SLICE_FMT(a->user), SLICE_FMT(a->domain));
	c->cseq = 1 + rng_below(&w->chance, 1000);
	list_init(&c->dialogs);
	c->hang_up.fire = hang_up;
	return c;
}

static void send_request(struct call *c, struct slice more)
{
	struct sim *w = c->a->w;
	struct uac *u = uac_new(c->a, c->method);

	u->call = c;
	u->cseq = ++c->cseq;
	u->more = more;
	c->invite = u;
	uac_send(u, message_request(u, c));
	if (c->method == SIP_INVITE)
		sim_timer(w, &c->hang_up,
			  c->wants_cancel || rng_percent(&w->chance, 25)
				  ? 1 + rng_below(&w->chance, 8000)
				  : 20000 + rng_below(&w->chance, 220000));
}

static struct slice some_target(struct agent *a)
{
	struct sim *w = a->w;
	unsigned what = rng_below(&w->chance, 100);
	struct agent *other = &w->agents[rng_below(&w->chance, (unsigned)w->n_agents)];

	if (what < 60 && !other->foreign)
		return sim_printf(w, "sip:%.*s@" SIM_DOMAIN, SLICE_FMT(other->user));
	if (what < 65)
		return sim_printf(w, "sip:%.*s@%.*s:5060", SLICE_FMT(other->user),
				  SLICE_FMT(w->listeners[0].host));
	if (what < 70)
		return sim_printf(w, "sip:%.*s@" SIM_DOMAIN2, SLICE_FMT(other->user));
	if (what < 75)
		return other->contact;
	if (what < 78)
		return sim_printf(w, "tel:+1234%u", rng_below(&w->chance, 100));
	if (what < 80)
		return sim_printf(w, "sips:%.*s@" SIM_DOMAIN, SLICE_FMT(other->user));
	if (what < 82)
		return SLICE("sip:stranger@" SIM_DOMAIN);
	if (what < 84)
		return SLICE("sip:" SIM_DOMAIN);
	if (what < 85)
		return SLICE("urn:service:sos");
	return sim_printf(w, "sip:x%u@%.*s", rng_below(&w->chance, 100),
			  SLICE_FMT(w->names[rng_below(&w->chance, SIM_NAMES)].host));
}

static struct slice some_fields(struct agent *a)
{
	struct sim *w = a->w;
	AUTO_BUF b = BUF_INIT;

	if (rng_percent(&w->chance, 15))
		buf_printf(&b, "Route: <sip:%.*s;lr>\r\n", SLICE_FMT(a->core->host));
	if (rng_percent(&w->chance, 1))
		buf_str(&b, "Proxy-Require: privacy, something\r\n");
	if (rng_percent(&w->chance, 10))
		buf_str(&b, "Supported: path, 100rel\r\nSubject: a, \"b\"\r\n");
	if (rng_percent(&w->chance, 5))
		buf_printf(&b, "Max-Breadth: %u\r\n", rng_below(&w->chance, 4));
	if (!w->p.quiet && rng_percent(&w->chance, 3))
		buf_str(&b, "Record-Route: <sip:198.51.100.250;lr>\r\n");
	/* Too large for a datagram: RFC 3261 18.1.1. */
	if (rng_percent(&w->chance, 4))
		for (unsigned i = 0; i < 30; i++)
			buf_printf(&b, "X-Long-%u: %060u\r\n", i, i);
	return sim_printf(w, "%.*s", SLICE_FMT(buf_view(&b)));
}

/* An ACK for a dialog nobody knows, to a name that may have to be looked up. */
static void stray_ack(struct agent *a)
{
	struct sim *w = a->w;
	struct call *c = call_new(a, SIP_ACK);
	struct uac *u = uac_new(a, SIP_ACK);
	struct rt_target hop = { a->transport, a->core->addr };

	c->uri = sim_printf(w, "sip:x@%.*s",
			    SLICE_FMT(w->names[rng_below(&w->chance, SIM_NAMES)].host));
	c->to_uri = sim_printf(w, "sip:x@nowhere.test>;tag=stray%u", u->id);
	c->fields = sim_printf(w, "Route: <sip:%.*s;lr>\r\n", SLICE_FMT(a->core->host));
	u->cseq = 1;
	u->done = true;
	agent_send(a, &hop, sim_keep(w, message_request(u, c)));
}

void uac_begin(struct agent *a)
{
	static const enum sip_method others[] = { SIP_MESSAGE, SIP_OPTIONS, SIP_SUBSCRIBE,
						  SIP_PUBLISH };
	struct sim *w = a->w;
	enum sip_method method = SIP_INVITE;
	struct packet *p;
	struct call *c;
	struct uac *u;

	if (rng_percent(&w->chance, 3)) {
		stray_ack(a);
		return;
	}
	if (rng_percent(&w->chance, 30))
		method = others[rng_below(&w->chance, ARRAY_LEN(others))];
	c = call_new(a, method);
	c->uri = some_target(a);
	c->to_uri = c->uri;
	c->fields = some_fields(a);
	if (method == SIP_INVITE || method == SIP_MESSAGE)
		c->body = sim_printf(w, "v=0\r\no=- %u 1 IN IP4 0.0.0.0\r\n",
				     rng_below(&w->chance, 100000));
	if (!sim_chance(w, w->p.mutate)) {
		send_request(c, SLICE_EMPTY);
		return;
	}
	u = uac_new(a, method);
	u->call = c;
	u->cseq = ++c->cseq;
	u->done = true; /* whatever comes back */
	p = message_request(u, c);
	net_from_agent(a, u->hop.transport, NULL, &u->hop.addr, message_mutate(w, p), true);
	packet_unref(p);
}

static struct slice some_contact(struct agent *a)
{
	struct sim *w = a->w;
	unsigned what = rng_below(&w->chance, 100);

	if (what < 4 && a->n_registers > 1)
		return SLICE("Contact: *\r\nExpires: 0\r\n");
	if (what < 8)
		return SLICE_EMPTY; /* a query */
	if (what < 14)
		return sim_printf(w, "Contact: <%.*s>;expires=0\r\n", SLICE_FMT(a->contact));
	if (what < 17)
		return sim_printf(w, "Contact: <%.*s>;expires=5\r\n", SLICE_FMT(a->contact));
	if (what < 20)
		return sim_printf(w, "Contact: <%.*s>;action=redirect\r\n", SLICE_FMT(a->contact));
	if (what < 24) /* a user that is another one's, or its own: a loop */
		return sim_printf(w, "Contact: <sip:u%u@%s>\r\n", rng_below(&w->chance, 3),
				  what < 22 ? "192.0.2.1:5060" : SIM_DOMAIN);
	return sim_printf(w, "m: <%.*s>;q=0.%u;expires=%u%s\r\n", SLICE_FMT(a->contact),
			  rng_below(&w->chance, 3) * 4 + 1, 60 + rng_below(&w->chance, 7000),
			  rng_percent(&w->chance, 20) ? "\r\nSupported: path\r\nPath: "
							"<sip:198.51.100.251;lr>"
						      : "");
}

void uac_register(struct agent *a)
{
	struct call *c = call_new(a, SIP_REGISTER);

	a->n_registers++;
	if (!a->reg_call_id.n)
		a->reg_call_id = c->call_id;
	c->call_id = a->reg_call_id;
	c->cseq = a->reg_cseq;
	a->reg_cseq += 4; /* room for the answers to challenges */
	c->uri = SLICE("sip:" SIM_DOMAIN);
	c->to_uri = c->from_uri;
	c->fields = some_contact(a);
	send_request(c, SLICE_EMPTY);
}

void uac_in_dialog(struct dialog *d, enum sip_method method)
{
	struct uac *u = uac_new(d->a, method);

	u->dlg = d;
	u->cseq = ++d->cseq;
	u->hop = d->hop;
	uac_send(u, message_in_dialog(d, method, u->cseq, u->branch));
}

/* The UAC asked for: find it by the number in the branch. */
static struct uac *uac_find(struct agent *a, const struct sip_msg *resp)
{
	struct sim *w = a->w;
	struct slice number = slice_skip(resp->via.branch, a->old ? 7 : 8);
	struct uac *u;
	uint64_t n;

	if (!slice_starts(resp->via.branch, a->old ? SLICE("1-sims-") : SLICE("z9hG4bKs")) ||
	    slice_u64(number, w->n_uacs - 1, &n) < 0)
		return NULL;
	u = w->uacs[n];
	if (resp->method == SIP_CANCEL && u->method == SIP_INVITE)
		u = u->cancel;
	return u && u->a == a && u->method == resp->method ? u : NULL;
}

static void challenged(struct uac *u, const struct sip_msg *resp)
{
	struct call *c = u->call;
	struct sim *w = u->a->w;
	struct slice password = u->a->password, line;

	if (!c || c->tries >= 2 || c->wants_cancel)
		return;
	c->tries++;
	if (rng_percent(&w->chance, 5))
		password = SLICE("wrong");
	line = message_credentials(u->a, resp, sip_method_name(u->method), c->uri, password);
	if (line.n)
		send_request(c, line);
}

static void invite_final(struct uac *u, struct sip_msg *resp)
{
	struct sim *w = u->a->w;
	struct dialog *d = u->dlg;
	bool first = !u->status;

	stop(u);
	u->done = true;
	if (u->call)
		wheel_cancel(&w->wheel, &u->call->hang_up);
	if (first)
		u->status = resp->status;
	if (resp->status < 300) {
		if (!d)
			d = dialog_of_caller(u->call, resp);
		if (!u->a->rude)
			dialog_ack(d, u->cseq);
		return;
	}
	if (!u->a->rude) {
		struct packet *ack = message_hop_by_hop(u, SIP_ACK, resp);

		agent_send(u->a, &u->hop, ack);
		packet_unref(ack);
	}
	if (first && (resp->status == 401 || resp->status == 407))
		challenged(u, resp);
}

void uac_received(struct agent *a, struct sip_msg *resp)
{
	struct uac *u = uac_find(a, resp);

	if (!u || !u->packet)
		return;
	if (resp->status < 200) {
		if (u->done)
			return;
		u->proceeding = true;
		if (u->method == SIP_INVITE) {
			wheel_cancel(&a->w->wheel, &u->retry);
			if (!u->cancel)
				wheel_cancel(&a->w->wheel, &u->give_up);
			if (u->call && u->call->wants_cancel)
				send_cancel(u);
		}
		return;
	}
	if (u->method == SIP_INVITE) {
		invite_final(u, resp);
		return;
	}
	if (u->done)
		return;
	stop(u);
	u->done = true;
	u->status = resp->status;
	if (resp->status == 401 || resp->status == 407)
		challenged(u, resp);
}
