/*
 * The transport as a whole: its life, the choice between datagrams and streams, and the events
 * that must not be told from within a call of the core. The sockets are in udp.c, tcp.c and
 * listen.c, the connections in conn.c.
 */
#include "transport/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

/* Failures told may lead to new messages, and those to new failures; the loop must go on. */
#define FLUSH_ROUNDS 4

int transport_new(uv_loop_t *loop, struct runtime *rt, const struct transport_config *config,
		  const struct transport_events *events, void *arg, struct transport **ret)
{
	AUTO_FREE struct transport *t = NULL;
	int spare;

	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (spare == -1)
		return -errno;
	t->spare = spare;
	t->loop = loop;
	t->rt = rt;
	t->config = *config;
	t->events = *events;
	t->arg = arg;
	list_init(&t->conns);
	list_init(&t->half);
	list_init(&t->dirty);
	map_init(&t->by_id);
	map_init(&t->by_peer);
	map_init(&t->sources);
	/* Numbers that a stored flow of an earlier process does not hit: RFC 5626 5.2. */
	t->next_conn = rt_random64(rt) >> 1 | 1;
	t->udp_salt = rt_random64(rt) << 32;
	*ret = TAKE_PTR(t);
	return 0;
}

static void destroy(struct transport *t)
{
	map_fini(&t->by_id);
	map_fini(&t->by_peer);
	map_fini(&t->sources);
	free(t->listeners);
	free(t->public);
	free(t->batch);
	free(t->read_buf);
	free(t->failures);
	free(t);
}

void transport_handle_closed(struct transport *t)
{
	if (--t->handles == 0 && t->freed)
		destroy(t);
}

void transport_free(struct transport *t)
{
	if (!t)
		return;
	t->freed = true;
	t->handles++; /* ours, until all is under way */
	LIST_EACH_SAFE (&t->conns, it)
		conn_close(LIST_ENTRY(it, struct conn, link), -ECANCELED);
	for (size_t i = 0; i < t->n_listeners; i++) {
		if (t->listeners[i]->udp)
			udp_flush(t->listeners[i]);
		listener_close(t->listeners[i]);
	}
	t->n_listeners = 0;
	t->rt->listeners = NULL;
	t->rt->n_listeners = 0;
	if (t->spare >= 0)
		(void)close(t->spare);
	t->spare = -1;
	transport_handle_closed(t);
}

void transport_configure(struct transport *t, const struct transport_config *config)
{
	t->config = *config;
}

void transport_fail(struct transport *t, uint64_t sender, int err)
{
	METRIC_INC(t->rt, SEND_FAILED);
	if (sender == 0 || t->freed)
		return;
	if (t->n_failures == t->failures_cap) {
		size_t cap = t->failures_cap ? 2 * t->failures_cap : 64;
		struct failure *grown = realloc(t->failures, cap * sizeof(*grown));

		/* Not told then: timers B, F and H of the transaction will tell it. */
		if (!grown)
			return;
		t->failures = grown;
		t->failures_cap = cap;
	}
	t->failures[t->n_failures++] = (struct failure){ sender, err };
}

static void tell_failures(struct transport *t)
{
	/* What fails meanwhile is for the next round; the array may move. */
	size_t n = t->n_failures;

	for (size_t i = 0; i < n; i++) {
		struct failure f = t->failures[i];

		if (t->events.send_failed)
			t->events.send_failed(t->arg, f.sender, f.err);
	}
	t->n_failures -= n;
	memmove(t->failures, t->failures + n, t->n_failures * sizeof(*t->failures));
}

static void flush_all(struct transport *t)
{
	for (size_t i = 0; i < t->n_listeners; i++)
		if (t->listeners[i]->udp)
			udp_flush(t->listeners[i]);
	for (struct list *n; (n = list_pop(&t->dirty));)
		conn_flush(LIST_ENTRY(n, struct conn, dirty));
}

bool transport_flush(struct transport *t)
{
	for (unsigned round = 0; round < FLUSH_ROUNDS; round++) {
		flush_all(t);
		if (t->n_failures == 0)
			return false;
		tell_failures(t);
	}
	flush_all(t);
	return t->n_failures > 0;
}

int transport_send(struct transport *t, const struct rt_flow *to, struct packet *p, uint64_t sender)
{
	struct listener *l;
	int rc;

	if (to->transport == RT_UDP) {
		l = to->listener < t->n_listeners ? t->listeners[to->listener] : NULL;
		if (!l || !l->udp || l->family != to->peer.sa.sa_family)
			l = listener_find(t, RT_UDP, to->peer.sa.sa_family);
		rc = l ? udp_send(l, to, p, sender) : -EAFNOSUPPORT;
	} else {
		rc = stream_send(t, to, p, sender);
	}
	if (rc == -ENOBUFS)
		METRIC_INC(t->rt, SEND_QUEUE_FULL);
	else if (rc)
		METRIC_INC(t->rt, SEND_FAILED);
	return rc;
}

void transport_stop_accepting(struct transport *t)
{
	t->stopped = true;
	for (size_t i = 0; i < t->n_listeners; i++)
		if (!t->listeners[i]->udp)
			accept_stop(t->listeners[i]);
}

size_t transport_connections(const struct transport *t)
{
	return t->n_conns;
}

size_t transport_pending(const struct transport *t)
{
	size_t n = t->out_bytes;

	for (size_t i = 0; i < t->n_listeners; i++)
		if (t->listeners[i]->udp)
			n += udp_pending(t->listeners[i]);
	return n;
}

void transport_show(const struct transport *t, struct buf *out)
{
	char text[NET_ADDR_TEXT];

	LIST_EACH (&t->conns, it) {
		const struct conn *c = LIST_ENTRY(it, struct conn, link);

		buf_printf(out, "%" PRIx64 " %s %s %s %s idle %" PRIu64 " ms, %zu bytes wait\n",
			   c->id, rt_transport_name(c->transport), c->source ? "from" : "to",
			   net_addr_text(&c->peer, text), conn_state_name(c->state),
			   t->rt->now - c->active, c->out_bytes);
	}
}
