/* User agents: who there is, and which half of one a message is for. */
#include <errno.h>
#include <stdio.h>

#include "agent.h"

static void wake(struct wheel_timer *t)
{
	struct agent *a = CONTAINER_OF(t, struct agent, wake);
	struct sim *w = a->w;

	w->n_events++;
	if (w->ending)
		return;
	if (!a->foreign && (a->n_registers == 0 || rng_percent(&w->chance, 15)))
		uac_register(a);
	else if (a->calls_left && a->calls_left--)
		uac_begin(a);
	if (a->calls_left)
		sim_timer(w, &a->wake,
			  1 + rng_below(&w->chance, 2 * w->p.span / (a->calls_left + 1)));
}

static void place(struct agent *a)
{
	struct sim *w = a->w;
	bool v6 = rng_percent(&w->chance, 20), nat = !v6 && rng_percent(&w->chance, 20);
	struct slice text;
	const char *host;
	char buf[NET_ADDR_TEXT];

	text = v6 ? sim_printf(w, "2001:db8:1::%x", a->index + 1)
		  : sim_printf(w, "198.51.100.%u", a->index + 1);
	if (net_addr_parse(text, 5060, &a->public_addr) < 0)
		abort();
	a->addr = a->public_addr;
	if (nat) {
		text = sim_printf(w, "10.0.0.%u", a->index + 1);
		if (net_addr_parse(text, 5060, &a->addr) < 0)
			abort();
		net_addr_set_port(&a->public_addr, (uint16_t)(20000 + a->index));
	}
	a->transport = rng_percent(&w->chance, 30) ? RT_TCP : RT_UDP;
	a->core = &w->listeners[(v6 ? 2 : 0) + (a->transport == RT_TCP)];
	host = net_host_uri(&a->addr, buf);
	if (a->foreign && !nat && rng_percent(&w->chance, 30))
		a->via = sim_printf(w, "%.*s", SLICE_FMT(a->domain));
	else
		a->via = sim_printf(w, "%s:5060%s", host,
				    nat || rng_percent(&w->chance, 50) ? ";rport" : "");
	if (!nat && rng_percent(&w->chance, 5))
		a->via = sim_printf(
			w, "%.*s;maddr=%.*s", SLICE_FMT(a->via),
			SLICE_FMT(a->foreign && !w->p.quiet ? a->domain : slice_str(host)));
	host = net_addr_text(&a->public_addr, buf);
	a->contact = sim_printf(w, "sip:%.*s@%s%s", SLICE_FMT(a->user), host,
				a->transport == RT_TCP ? ";transport=tcp" : "");
}

static void agent_init(struct sim *w, unsigned i)
{
	struct agent *a = &w->agents[i];
	unsigned n_users = (unsigned)(w->n_agents + 1) / 2;

	a->w = w;
	a->index = i;
	a->foreign = i >= w->n_agents - 3;
	snprintf(a->label, sizeof(a->label), "a%u sends", i);
	a->user = a->foreign ? sim_printf(w, "f%u", i) : sim_printf(w, "u%u", i % n_users);
	a->password = sim_printf(w, "secret-%.*s", SLICE_FMT(a->user));
	a->domain = a->foreign ? w->names[i % 3].host : SLICE(SIM_DOMAIN);
	/* The last but one is never there: a dead target. */
	a->gone = i + 2 == w->n_agents || (!w->p.quiet && rng_percent(&w->chance, 5));
	a->old = rng_percent(&w->chance, 10);
	a->strict = rng_percent(&w->chance, 10);
	a->rude = rng_percent(&w->chance, w->p.rude);
	a->wake.fire = wake;
	place(a);
}

static void name_init(struct sim *w, size_t i, const char *host, int err)
{
	w->names[i].host = slice_str(host);
	w->names[i].err = err;
}

static void name_target(struct sim *w, size_t i, const struct agent *a)
{
	struct rt_targets *t = &w->names[i].targets;

	t->v[t->n++] = (struct rt_target){ a->transport, a->public_addr };
}

static void names_init(struct sim *w)
{
	size_t n = w->n_agents;

	name_target(w, 0, &w->agents[n - 1]);
	name_target(w, 1, &w->agents[n - 2]); /* nobody there, then somebody */
	name_target(w, 1, &w->agents[n - 3]);
	name_target(w, 1, &w->agents[n - 1]);
	name_target(w, 2, &w->agents[n - 3]);
	name_target(w, 2, &w->agents[n - 2]);
}

void agents_init(struct sim *w)
{
	name_init(w, 0, "one.foreign.test", 0);
	name_init(w, 1, "two.foreign.test", 0);
	name_init(w, 2, "three.foreign.test", 0);
	name_init(w, 3, "nobody.foreign.test", -ENOENT);
	name_init(w, 4, "slow.foreign.test", -ETIMEDOUT);
	name_init(w, 5, "empty.foreign.test", 0);
	name_init(w, 6, SIM_DOMAIN, 0); /* a way back to the server itself */
	w->names[6].targets.n = 1;
	w->names[6].targets.v[0] = (struct rt_target){ RT_UDP, w->listeners[0].addr };
	w->n_agents = w->p.agents;
	w->agents = sim_alloc(w, w->n_agents * sizeof(*w->agents));
	for (unsigned i = 0; i < w->n_agents; i++)
		agent_init(w, i);
	names_init(w);
	for (unsigned i = 0; i < w->n_agents; i++)
		if (!w->agents[i].foreign || rng_percent(&w->chance, 50))
			w->agents[i].calls_left =
				1 + rng_below(&w->chance, 2 * w->p.calls / w->p.agents);
}

void agents_start(struct sim *w)
{
	for (size_t i = 0; i < w->n_agents; i++) {
		struct agent *a = &w->agents[i];

		if (!a->gone && a->calls_left)
			sim_timer(w, &a->wake, 1 + rng_below(&w->chance, 3000));
	}
}

bool agent_hop(const struct agent *a, struct slice next_uri, struct rt_target *ret)
{
	struct sip_uri uri;

	*ret = (struct rt_target){ a->transport, a->core->addr };
	if (!next_uri.n)
		return true;
	if (sip_uri_parse(next_uri, &uri, NULL) < 0)
		return false;
	ret->transport = sip_uri_transport(&uri) == RT_TCP ? RT_TCP : RT_UDP;
	return net_addr_parse(uri.host, uri.port ? uri.port : 5060, &ret->addr) == 0;
}

void agent_send(struct agent *a, const struct rt_target *hop, struct packet *p)
{
	net_from_agent(a, hop->transport, NULL, &hop->addr, packet_ref(p), false);
}

void agent_receive(struct agent *a, struct packet *p, const struct rt_flow *flow, struct conn *conn)
{
	struct sim *w = a->w;
	struct sip_error error;
	AUTO_MSG *msg = NULL;
	int rc;

	sim_log(w, "a%u gets %.*s", a->index,
		SLICE_FMT(slice_head(packet_view(p), (size_t)slice_find(packet_view(p), '\r'))));
	rc = sip_msg_parse(p, &msg, &error);
	/* What a damaged request lacks its answer lacks too, and what its dialog sends. */
	if ((rc < 0 || msg->fault.reason) && w->p.mutate)
		return;
	if (rc < 0 || msg->fault.reason)
		sim_fail(w, "syntax", "an agent cannot read what it got: %s",
			 rc < 0 ? error.reason : msg->fault.reason);
	if (msg->is_request)
		uas_received(a, msg, flow, conn);
	else
		uac_received(a, msg);
}

void agents_fini(struct sim *w)
{
	struct map_node *n = NULL;
	size_t pos = 0;

	while (map_walk(&w->uass, &pos, &n))
		sip_msg_unref(CONTAINER_OF(n, struct uas, node)->req);
}
