/*
 * The network between the core and the agents. Datagrams may be lost, copied, late and out of
 * order; a connection keeps the order and loses nothing until it breaks, and then everything that
 * is on it.
 */
#include <errno.h>

#include "agent.h"
#include "sim.h"
#include "sip/frame.h"

struct conn {
	struct list link;
	uint64_t id;
	struct agent *agent;
	struct net_addr addr; /* the agent's end */
	bool alive;
	uint64_t busy_to_core, busy_to_agent; /* when the last message arrives */
};

/* A message on its way, or the news that it will not arrive. */
struct flight {
	struct list link;
	struct wheel_timer timer;
	struct sim *w;
	struct packet *packet;
	struct agent *to; /* NULL: the core */
	struct conn *conn;
	struct rt_flow flow; /* as the receiver sees it */
	uint64_t sender;
	unsigned epoch;
	bool failure, wild;
};

bool net_conn_alive(const struct conn *c)
{
	return c && c->alive;
}

static uint64_t delay(struct sim *w)
{
	return w->p.delay_min + rng_below(&w->net_random, w->p.delay_max - w->p.delay_min + 1);
}

static bool chance(struct sim *w, unsigned per_thousand)
{
	return rng_below(&w->net_random, 1000) < per_thousand;
}

static void flight_end(struct flight *f)
{
	list_del(&f->link);
	packet_unref(f->packet);
	f->packet = NULL;
}

static void to_core(struct sim *w, struct flight *f)
{
	struct sip_frame frame = { 0 };
	struct slice msg, bytes = packet_view(f->packet);
	ptrdiff_t n;

	w->n_messages++;
	if (f->wild && rt_is_reliable(f->flow.transport)) {
		n = sip_frame(&frame, bytes, &msg);
		if (n != (ptrdiff_t)bytes.n || msg.n != bytes.n) {
			f->conn->alive = false;
			if (n != -EBADMSG && n != -EMSGSIZE)
				return;
			check_bad_frame(w, msg, &f->flow);
			service_bad_frame(w->svc, msg, &f->flow, n == -EMSGSIZE);
			return;
		}
	}
	check_in(w, f->packet, &f->flow, f->wild);
	service_receive(w->svc, f->packet, &f->flow);
}

static void arrive(struct wheel_timer *timer)
{
	struct flight *f = CONTAINER_OF(timer, struct flight, timer);
	struct sim *w = f->w;
	bool broken = f->conn && !f->conn->alive;

	w->n_events++;
	if (f->failure || broken) {
		/* Nobody is left to be told after a crash. */
		if (f->sender && f->epoch == w->epoch) {
			sim_log(w, "send failed, sender %llx", (unsigned long long)f->sender);
			service_send_failed(w->svc, f->sender, -ECONNRESET);
		}
	} else if (f->to) {
		agent_receive(f->to, f->packet, &f->flow, f->conn);
	} else {
		to_core(w, f);
	}
	flight_end(f);
	check_live(w);
}

static struct flight *flight_new(struct sim *w, struct packet *p, uint64_t sender)
{
	struct flight *f = sim_alloc(w, sizeof(*f));

	f->w = w;
	f->packet = packet_ref(p);
	f->sender = sender;
	f->epoch = w->epoch;
	f->timer.fire = arrive;
	list_push_back(&w->flights, &f->link);
	return f;
}

static void fail_later(struct sim *w, struct packet *p, uint64_t sender)
{
	struct flight *f = flight_new(w, p, sender);

	f->failure = true;
	sim_timer(w, &f->timer, 1 + delay(w));
}

static struct conn *conn_new(struct agent *a, const struct net_addr *addr)
{
	struct sim *w = a->w;
	struct conn *c = sim_alloc(w, sizeof(*c));

	*c = (struct conn){ .id = ++w->next_conn, .agent = a, .addr = *addr, .alive = true };
	list_push_back(&w->conns, &c->link);
	return c;
}

static struct conn *conn_to(struct sim *w, uint64_t id, const struct net_addr *peer)
{
	LIST_EACH (&w->conns, it) {
		struct conn *c = LIST_ENTRY(it, struct conn, link);

		if (c->alive && id && c->id == id)
			return c;
	}
	LIST_EACH (&w->conns, it) {
		struct conn *c = LIST_ENTRY(it, struct conn, link);

		if (c->alive && net_addr_eq(&c->addr, peer))
			return c;
	}
	return NULL;
}

static struct conn *conn_of(struct agent *a)
{
	LIST_EACH (&a->w->conns, it) {
		struct conn *c = LIST_ENTRY(it, struct conn, link);

		if (c->alive && c->agent == a)
			return c;
	}
	return NULL;
}

static struct agent *agent_at(struct sim *w, const struct net_addr *addr)
{
	for (size_t i = 0; i < w->n_agents; i++)
		if (net_addr_eq(&w->agents[i].public_addr, addr))
			return &w->agents[i];
	return NULL;
}

static int core_listener(const struct sim *w, enum rt_transport t, const struct net_addr *addr)
{
	for (size_t i = 0; i < w->rt.n_listeners; i++)
		if (w->listeners[i].transport == t && net_addr_eq(&w->listeners[i].addr, addr))
			return (int)i;
	return -1;
}

/* Sets the time of arrival: in order on a connection. */
static void launch(struct sim *w, struct flight *f, uint64_t *busy)
{
	uint64_t at = w->rt.now + delay(w);

	if (busy) {
		if (at < *busy)
			at = *busy;
		*busy = at;
	}
	wheel_set(&w->wheel, &f->timer, at);
}

static void datagram(struct sim *w, struct packet *p, struct agent *to, const struct rt_flow *flow,
		     bool wild)
{
	unsigned n = 1 + chance(w, w->p.copies);

	if (chance(w, w->p.loss)) {
		sim_log(w, "  lost");
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct flight *f = flight_new(w, p, 0);

		f->to = to;
		f->flow = *flow;
		f->wild = wild;
		launch(w, f, NULL);
	}
}

/* The core may send to itself: a loop. */
static int to_itself(struct sim *w, const struct rt_flow *to, int listener, struct packet *p)
{
	struct rt_flow flow = { .transport = to->transport,
				.listener = (uint16_t)listener,
				.peer = w->listeners[to->listener].addr };
	struct flight *f;

	if (to->transport == RT_UDP) {
		datagram(w, p, NULL, &flow, false);
		return 0;
	}
	f = flight_new(w, p, 0);
	f->flow = flow;
	launch(w, f, NULL);
	return 0;
}

static int core_stream(struct sim *w, const struct rt_flow *to, struct packet *p, uint64_t sender)
{
	struct conn *c = conn_to(w, to->conn, &to->peer);
	struct agent *a;
	struct flight *f;

	if (!c) {
		a = agent_at(w, &to->peer);
		if (!a || a->gone) {
			fail_later(w, p, sender);
			return 0;
		}
		c = conn_new(a, &to->peer);
	}
	f = flight_new(w, p, sender);
	f->to = c->agent;
	f->conn = c;
	f->flow = (struct rt_flow){ .transport = RT_TCP, .peer = w->listeners[to->listener].addr };
	launch(w, f, &c->busy_to_agent);
	return 0;
}

/* What the world does wrong on purpose. True: the message is gone. */
static bool break_out(struct sim *w, struct packet **p, const struct rt_flow *to)
{
	const char *data = (*p)->data;
	struct packet *bad;
	char *at;

	if (w->opt.brk == BREAK_SILENCE && memmem(data, (*p)->len, " INVITE\r\n", 9))
		return slice_starts(packet_view(*p), SLICE("SIP/2.0 4"));
	if (w->opt.brk == BREAK_CSEQ && memmem(data, (*p)->len, "INVITE sip:", 11) == data)
		at = memmem(data, (*p)->len, " INVITE\r\n", 9);
	else if (w->opt.brk == BREAK_DUP_FINAL && slice_starts(packet_view(*p), SLICE("SIP/2.0 4")))
		at = memmem(data, (*p)->len, ";tag=", 5);
	else
		return false;
	if (!at)
		return false;
	bad = sim_keep(w, packet_from(packet_view(*p)));
	at = bad->data + (at - data);
	if (w->opt.brk == BREAK_CSEQ) {
		at[-1] = at[-1] == '1' ? '2' : '1';
		*p = bad;
		return false;
	}
	check_out(w, *p, to);
	memcpy(bad->data + 8, "499", 3);
	*p = bad;
	return false;
}

int net_from_core(struct sim *w, const struct rt_flow *to, struct packet *p, uint64_t sender)
{
	struct rt_flow flow = { .transport = to->transport };
	struct agent *a;
	int listener;

	if (break_out(w, &p, to))
		return 0;
	check_out(w, p, to);
	if (to->transport != RT_UDP && to->transport != RT_TCP)
		return -EPROTONOSUPPORT;
	if (chance(w, w->p.send_error)) {
		sim_log(w, "  refused at once");
		return -EHOSTUNREACH;
	}
	if (chance(w, w->p.late_error)) {
		fail_later(w, p, sender);
		return 0;
	}
	listener = core_listener(w, to->transport, &to->peer);
	if (listener >= 0)
		return to_itself(w, to, listener, p);
	if (to->transport == RT_TCP)
		return core_stream(w, to, p, sender);
	a = agent_at(w, &to->peer);
	flow.peer = w->listeners[to->listener].addr;
	if (a && !a->gone)
		datagram(w, p, a, &flow, false);
	else if (rng_percent(&w->net_random, 50))
		fail_later(w, p, sender); /* ICMP; else a black hole */
	return 0;
}

static void agent_to_core(struct agent *a, int listener, struct conn *c, struct packet *p,
			  bool wild)
{
	struct sim *w = a->w;
	struct rt_flow flow = { .transport = w->listeners[listener].transport,
				.listener = (uint16_t)listener,
				.peer = a->public_addr };
	struct flight *f;

	if (flow.transport == RT_UDP) {
		datagram(w, p, NULL, &flow, wild);
		return;
	}
	if (!net_conn_alive(c))
		c = conn_of(a);
	if (!c) {
		struct net_addr addr = a->public_addr;

		net_addr_set_port(&addr, (uint16_t)(40000 + w->next_conn % 20000));
		c = conn_new(a, &addr);
	}
	flow.conn = c->id;
	flow.peer = c->addr;
	f = flight_new(w, p, 0);
	f->flow = flow;
	f->conn = c;
	f->wild = wild;
	launch(w, f, &c->busy_to_core);
}

/* Agents of one dialog talk past the core when it did not stay in the path. */
static void agent_to_agent(struct agent *a, enum rt_transport t, struct agent *to, struct packet *p)
{
	struct rt_flow flow = { .transport = t, .peer = a->public_addr };
	struct flight *f;

	if (t == RT_UDP) {
		datagram(a->w, p, to, &flow, false);
		return;
	}
	f = flight_new(a->w, p, 0);
	f->to = to;
	f->flow = flow;
	launch(a->w, f, NULL);
}

void net_from_agent(struct agent *a, enum rt_transport t, struct conn *c,
		    const struct net_addr *dest, struct packet *p, bool wild)
{
	struct sim *w = a->w;
	int listener = core_listener(w, t, dest);
	struct agent *to;

	sim_log_packet(w, a->label, p);
	if (net_conn_alive(c) && listener < 0)
		listener = core_listener(w, t, &w->listeners[1].addr);
	if (listener >= 0) {
		agent_to_core(a, listener, c, p, wild);
	} else {
		to = agent_at(w, dest);
		if (to && !to->gone)
			agent_to_agent(a, t, to, p);
	}
	packet_unref(p);
}

void net_break_some(struct sim *w)
{
	LIST_EACH (&w->conns, it) {
		struct conn *c = LIST_ENTRY(it, struct conn, link);

		if (c->alive && chance(w, w->p.conn_break)) {
			sim_log(w, "connection %llu breaks", (unsigned long long)c->id);
			c->alive = false;
		}
	}
}

void net_fini(struct sim *w)
{
	while (!list_empty(&w->flights)) {
		struct flight *f = LIST_ENTRY(w->flights.next, struct flight, link);

		wheel_cancel(&w->wheel, &f->timer);
		flight_end(f);
	}
}
