/* Dialogs: RFC 3261 12. Both sides follow the route set they were given. */
#include "agent.h"

static struct dialog *dialog_new(struct agent *a)
{
	struct sim *w = a->w;
	struct dialog *d = sim_alloc(w, sizeof(*d));

	d->a = a;
	d->id = (unsigned)w->n_dialogs;
	if (w->n_dialogs == w->cap_dialogs) {
		w->cap_dialogs = w->cap_dialogs ? 2 * w->cap_dialogs : 64;
		w->dialogs = realloc(w->dialogs, w->cap_dialogs * sizeof(*w->dialogs));
		if (!w->dialogs)
			abort();
	}
	w->dialogs[w->n_dialogs++] = d;
	return d;
}

static struct slice uri_of(struct sim *w, struct slice value)
{
	struct sip_addr addr;

	if (sip_addr_parse(value, &addr, NULL) < 0)
		return SLICE_EMPTY;
	return sim_printf(w, "%.*s", SLICE_FMT(addr.uri_text));
}

/* The route set, @back: in reverse order (12.1.2). False: the peer cannot be reached. */
static bool set_route(struct dialog *d, const struct sip_msg *m, bool back)
{
	struct sim *w = d->a->w;
	struct slice element, v[16], contact, first;
	struct sip_values it;
	AUTO_BUF b = BUF_INIT;
	bool strict = d->a->strict;
	size_t n = 0;

	sip_values_init(&it, m, SIP_H_RECORD_ROUTE);
	while (n < ARRAY_LEN(v) && sip_values_next(&it, &element))
		v[n++] = element;
	sip_values_init(&it, m, SIP_H_CONTACT);
	if (!sip_values_next(&it, &contact))
		return false;
	d->target = d->uri = uri_of(w, contact);
	first = n ? uri_of(w, v[back ? n - 1 : 0]) : d->target;
	for (size_t i = strict && n ? 1 : 0; i < n; i++)
		buf_printf(&b, "Route: %.*s\r\n", SLICE_FMT(v[back ? n - 1 - i : i]));
	if (strict && n) {
		buf_printf(&b, "Route: <%.*s>\r\n", SLICE_FMT(d->target));
		d->uri = first;
	}
	d->routes = sim_printf(w, "%.*s", SLICE_FMT(buf_view(&b)));
	return d->target.n && agent_hop(d->a, first, &d->hop);
}

static void next_step(struct wheel_timer *t)
{
	struct dialog *d = CONTAINER_OF(t, struct dialog, next_step);
	struct sim *w = d->a->w;
	unsigned what = rng_below(&w->chance, 100);

	w->n_events++;
	if (d->over)
		return;
	if (what < 60 || w->ending) {
		d->over = true;
		uac_in_dialog(d, SIP_BYE);
	} else {
		uac_in_dialog(d, what < 80 ? SIP_INVITE : SIP_INFO);
		dialog_live(d, 4000);
	}
}

void dialog_live(struct dialog *d, unsigned ms)
{
	d->next_step.fire = next_step;
	sim_timer(d->a->w, &d->next_step, 1 + rng_below(&d->a->w->chance, ms));
}

struct dialog *dialog_of_caller(struct call *c, const struct sip_msg *resp)
{
	struct sim *w = c->a->w;
	struct dialog *d;
	bool first = list_empty(&c->dialogs);

	LIST_EACH (&c->dialogs, it) {
		d = LIST_ENTRY(it, struct dialog, link);
		if (slice_eq(d->remote_tag, resp->to_tag))
			return d;
	}
	d = dialog_new(c->a);
	d->call = c;
	d->call_id = c->call_id;
	d->local_tag = c->from_tag;
	d->local_uri = c->from_uri;
	d->remote_tag = sim_printf(w, "%.*s", SLICE_FMT(resp->to_tag));
	d->remote_uri = c->to_uri;
	d->cseq = c->cseq;
	if (!set_route(d, resp, true)) {
		d->over = true;
		d->hop = (struct rt_target){ c->a->transport, c->a->core->addr };
	}
	list_push_back(&c->dialogs, &d->link);
	/* The first answer is the call; the others are told good-bye: 13.2.2.4. */
	if (!d->over)
		dialog_live(d, first && !c->wants_cancel ? 20000 : 50);
	return d;
}

struct dialog *dialog_of_callee(struct uas *u)
{
	struct sim *w = u->a->w;
	struct dialog *d = dialog_new(u->a);
	const struct sip_msg *m = u->req;

	d->call_id = m->call_id;
	d->local_tag = u->tag;
	d->remote_tag = m->from_tag;
	d->local_uri = uri_of(w, sip_msg_value(m, SIP_H_TO));
	d->remote_uri = uri_of(w, sip_msg_value(m, SIP_H_FROM));
	d->cseq = 1;
	d->invite = u;
	if (!set_route(d, m, false))
		d->over = true;
	return d;
}

struct dialog *dialog_find(struct agent *a, const struct sip_msg *req)
{
	struct sim *w = a->w;

	for (size_t i = 0; i < w->n_dialogs; i++) {
		struct dialog *d = w->dialogs[i];

		if (d->a == a && slice_eq(d->local_tag, req->to_tag) &&
		    slice_eq(d->remote_tag, req->from_tag) && slice_eq(d->call_id, req->call_id))
			return d;
	}
	return NULL;
}

void dialog_ack(struct dialog *d, unsigned cseq)
{
	struct sim *w = d->a->w;

	if (!d->target.n)
		return;
	if (!d->ack || d->ack_cseq != cseq) {
		d->ack_cseq = cseq;
		d->ack =
			sim_keep(w, message_in_dialog(d, SIP_ACK, cseq,
						      sim_printf(w, "z9hG4bKa%u.%u", d->id, cseq)));
	}
	agent_send(d->a, &d->hop, d->ack);
}
