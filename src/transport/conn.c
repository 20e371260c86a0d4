/*
 * Stream connections: how they begin, which one a message takes, their states, limits and ends.
 * RFC 3261 18.1.1 and 18.2.2 (reuse), 18.4 (failures). What is read and written is in tcp.c.
 */
#include "transport/internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>

/* We have ended: so long the peer may still send what nobody reads. Closing at once with unread
 * bytes would reset the connection, and the last answer might be lost with it: RFC 1122 4.2.2.13.
 */
#define LINGER_MS 2000

enum {
	DO_READ = 1 << 0,     /* begin to read */
	DO_UNREAD = 1 << 1,   /* stop to read */
	DO_SOLITARY = 1 << 2, /* not for new messages to that peer any more */
	DO_FLUSH = 1 << 3,
	DO_SHUTDOWN = 1 << 4, /* our end; then linger */
	DO_HALF = 1 << 5,     /* the clock for late answers runs */
	DO_CLOSE = 1 << 6,
};

struct conn_row {
	enum conn_state in;
	enum conn_event on;
	enum conn_state to;
	unsigned actions;
};

static const struct conn_row rows[] = {
	{ CONN_CONNECTING, CONN_EV_CONNECTED, CONN_OPEN, DO_READ | DO_FLUSH },
	{ CONN_CONNECTING, CONN_EV_ERROR, CONN_CLOSED, DO_CLOSE },
	{ CONN_CONNECTING, CONN_EV_TIMEOUT, CONN_CLOSED, DO_CLOSE },
	{ CONN_OPEN, CONN_EV_EOF, CONN_HALF, DO_UNREAD | DO_SOLITARY | DO_HALF },
	{ CONN_OPEN, CONN_EV_FAULT, CONN_DRAINING, DO_SOLITARY | DO_FLUSH },
	{ CONN_OPEN, CONN_EV_ERROR, CONN_CLOSED, DO_CLOSE },
	{ CONN_OPEN, CONN_EV_TIMEOUT, CONN_CLOSED, DO_CLOSE },
	{ CONN_HALF, CONN_EV_ERROR, CONN_CLOSED, DO_CLOSE },
	{ CONN_HALF, CONN_EV_TIMEOUT, CONN_CLOSED, DO_CLOSE },
	{ CONN_DRAINING, CONN_EV_FLUSHED, CONN_LINGER, DO_SHUTDOWN },
	{ CONN_DRAINING, CONN_EV_EOF, CONN_DRAINING, DO_UNREAD },
	{ CONN_DRAINING, CONN_EV_ERROR, CONN_CLOSED, DO_CLOSE },
	{ CONN_DRAINING, CONN_EV_TIMEOUT, CONN_CLOSED, DO_CLOSE },
	{ CONN_LINGER, CONN_EV_EOF, CONN_CLOSED, DO_CLOSE },
	{ CONN_LINGER, CONN_EV_ERROR, CONN_CLOSED, DO_CLOSE },
	{ CONN_LINGER, CONN_EV_TIMEOUT, CONN_CLOSED, DO_CLOSE },
};

const char *conn_state_name(enum conn_state state)
{
	static const char *const names[CONN_STATES] = {
		[CONN_CONNECTING] = "connecting", [CONN_OPEN] = "open",
		[CONN_HALF] = "half-closed",      [CONN_DRAINING] = "draining",
		[CONN_LINGER] = "lingering",      [CONN_CLOSED] = "closed",
	};

	return names[state];
}

static const char *event_name(enum conn_event ev)
{
	static const char *const names[CONN_EVENTS] = {
		[CONN_EV_CONNECTED] = "connected", [CONN_EV_EOF] = "end of stream",
		[CONN_EV_FAULT] = "fault",         [CONN_EV_FLUSHED] = "flushed",
		[CONN_EV_ERROR] = "error",         [CONN_EV_TIMEOUT] = "timeout",
	};

	return names[ev];
}

static const struct conn_row *find_row(enum conn_state state, enum conn_event ev)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].in == state && rows[i].on == ev)
			return &rows[i];
	return NULL;
}

int conn_step(enum conn_state in, enum conn_event on, enum conn_state *ret)
{
	const struct conn_row *row = find_row(in, on);

	if (!row)
		return -ENOENT;
	*ret = row->to;
	return 0;
}

/* Sources. */

static struct net_addr source_key(const struct net_addr *peer)
{
	struct net_addr a = { 0 };

	/* One host has a whole /64 of IPv6 to call from: RFC 6177. */
	a.sa.sa_family = peer->sa.sa_family;
	if (peer->sa.sa_family == AF_INET)
		a.in4.sin_addr = peer->in4.sin_addr;
	else
		memcpy(&a.in6.sin6_addr, &peer->in6.sin6_addr, 8);
	return a;
}

static struct source *source_find(struct transport *t, const struct net_addr *host, uint64_t hash)
{
	for (struct map_node *n = map_first(&t->sources, hash); n; n = map_next(n)) {
		struct source *s = CONTAINER_OF(n, struct source, node);

		if (net_addr_eq(&s->host, host))
			return s;
	}
	return NULL;
}

/* The source, with @c counted, or NULL at its limit or without memory. */
static struct source *source_take(struct transport *t, const struct net_addr *peer)
{
	struct net_addr host = source_key(peer);
	uint64_t hash = net_addr_hash(&host, t->rt->seed);
	struct source *s = source_find(t, &host, hash);

	if (s && s->count >= t->config.conn_max_source && conn_make_room(t, s))
		s = source_find(t, &host, hash);
	if (s && s->count >= t->config.conn_max_source) {
		if (!s->told)
			LOG(LOG_WARN, "too many connections from one source",
			    LOG_ADDR("source", peer), LOG_INT("connections", s->count));
		s->told = true;
		return NULL;
	}
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		s->host = host;
		if (map_add(&t->sources, &s->node, hash)) {
			free(s);
			return NULL;
		}
	}
	s->count++;
	return s;
}

static void source_drop(struct transport *t, struct source *s)
{
	if (!s || --s->count > 0)
		return;
	map_del(&t->sources, &s->node);
	free(s);
}

/* Timers. */

static void idle_fired(struct wheel_timer *timer)
{
	struct conn *c = CONTAINER_OF(timer, struct conn, idle);
	const struct transport_config *config = &c->t->config;
	uint64_t limit = c->state == CONN_HALF ? config->half_ms : config->idle_ms;

	if (c->t->rt->now < c->active + limit)
		wheel_set(&c->t->rt->wheel, timer, c->active + limit);
	else
		conn_event(c, CONN_EV_TIMEOUT, -ETIMEDOUT);
}

static void message_fired(struct wheel_timer *timer)
{
	conn_event(CONTAINER_OF(timer, struct conn, message), CONN_EV_TIMEOUT, -ETIMEDOUT);
}

static void io_fired(struct wheel_timer *timer)
{
	struct conn *c = CONTAINER_OF(timer, struct conn, io);
	bool waits = c->state != CONN_CONNECTING && c->state != CONN_LINGER;
	uint64_t written = c->written;

	if (c->writing)
		written += c->writing - uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
	if (waits && written != c->stall_mark) {
		c->stall_mark = written;
		rt_timer_in(c->t->rt, timer, c->t->config.stall_ms);
		return;
	}
	conn_event(c, CONN_EV_TIMEOUT, -ETIMEDOUT);
}

/* 0: the peer has taken all; -EINPROGRESS: not yet; -ECONNRESET: it is gone. */
static int taken(const struct conn *c)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&c->tcp, &fd) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1 ||
	    info.tcpi_state == TCP_CLOSE)
		return -ECONNRESET;
	return info.tcpi_unacked == 0 ? 0 : -EINPROGRESS;
}

/* Nothing is read any more, so libuv does not hear of a reset. */
static void probe_fired(struct wheel_timer *timer)
{
	struct conn *c = CONTAINER_OF(timer, struct conn, probe);
	int rc = taken(c);

	if (rc == 0)
		c->n_late = 0;
	else if (rc == -EINPROGRESS)
		rt_timer_in(c->t->rt, &c->probe, CONN_PROBE_MS);
	else
		conn_event(c, CONN_EV_ERROR, rc);
}

/* Beginning and end. */

static int conn_new(struct transport *t, const struct listener *l, const struct net_addr *peer,
		    struct conn **ret)
{
	struct conn *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->t = t;
	c->id = t->next_conn;
	c->transport = l->transport;
	c->listener = l->index;
	c->peer = *peer;
	c->active = t->rt->now;
	c->idle.fire = idle_fired;
	c->message.fire = message_fired;
	c->io.fire = io_fired;
	c->probe.fire = probe_fired;

	rc = map_add(&t->by_id, &c->by_id, c->id);
	if (rc == 0) {
		rc = map_add(&t->by_peer, &c->by_peer, net_addr_hash(peer, t->rt->seed));
		if (rc)
			map_del(&t->by_id, &c->by_id);
	}
	if (rc) {
		free(c);
		return rc;
	}
	/* Cannot fail: no socket is made here. */
	(void)uv_tcp_init(t->loop, &c->tcp);
	c->tcp.data = c;
	t->handles++;
	t->next_conn++;
	t->n_conns++;
	list_push_back(&t->conns, &c->link);
	c->reusable = true;
	METRIC_INC(t->rt, CONN_OPENED);
	*ret = c;
	return 0;
}

static void closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	struct transport *t = c->t;

	buf_fini(&c->in);
	free(c->out);
	free(c);
	transport_handle_closed(t);
}

static void forget_peer(struct conn *c)
{
	if (c->reusable)
		map_del(&c->t->by_peer, &c->by_peer);
	c->reusable = false;
}

void conn_close(struct conn *c, int err)
{
	struct transport *t = c->t;

	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	c->state = CONN_CLOSED;
	rt_timer_stop(t->rt, &c->idle);
	rt_timer_stop(t->rt, &c->message);
	rt_timer_stop(t->rt, &c->io);
	rt_timer_stop(t->rt, &c->probe);
	list_del(&c->link);
	list_del(&c->half);
	list_del(&c->dirty);
	map_del(&t->by_id, &c->by_id);
	forget_peer(c);
	source_drop(t, TAKE_PTR(c->source));
	t->n_conns--;
	t->crowded = false;
	if (c->n_late > 0 && taken(c) == 0)
		c->n_late = 0;
	conn_drop_output(c, err);
	uv_close((uv_handle_t *)&c->tcp, closed);
}

bool conn_make_room(struct transport *t, const struct source *s)
{
	LIST_EACH (&t->half, it) {
		struct conn *c = LIST_ENTRY(it, struct conn, half);

		if (!s || c->source == s) {
			conn_event(c, CONN_EV_TIMEOUT, -ENOBUFS);
			return true;
		}
	}
	return false;
}

static void shut(uv_shutdown_t *req, int status)
{
	struct conn *c = CONTAINER_OF(req, struct conn, shutdown);

	if (status < 0 && c->state != CONN_CLOSED)
		conn_event(c, CONN_EV_ERROR, status);
}

static void act(struct conn *c, unsigned actions, int err)
{
	struct runtime *rt = c->t->rt;

	if (actions & DO_UNREAD)
		(void)uv_read_stop((uv_stream_t *)&c->tcp);
	if (actions & DO_SOLITARY) {
		forget_peer(c);
		rt_timer_stop(rt, &c->message);
		buf_fini(&c->in);
	}
	if (actions & DO_HALF) {
		list_push_back(&c->t->half, &c->half);
		c->active = rt->now;
		rt_timer_in(rt, &c->idle, c->t->config.half_ms);
	}
	if (actions & DO_READ) {
		rt_timer_stop(rt, &c->io);
		c->active = rt->now;
		rt_timer_in(rt, &c->idle, c->t->config.idle_ms);
		err = conn_read_start(c);
		if (err)
			actions = DO_CLOSE;
	}
	if (actions & DO_SHUTDOWN) {
		rt_timer_stop(rt, &c->idle);
		rt_timer_in(rt, &c->io, LINGER_MS);
		err = uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, shut);
		if (err)
			actions = DO_CLOSE;
	}
	if (actions & DO_CLOSE)
		conn_close(c, err);
	if (actions & DO_FLUSH)
		conn_flush(c);
}

void conn_event(struct conn *c, enum conn_event ev, int err)
{
	const struct conn_row *row = find_row(c->state, ev);

	/* Most are CONN_EV_FLUSHED where nobody waits for it: nothing to count. */
	if (!row)
		return;
	LOG(LOG_DEBUG, "connection", LOG_ADDR("source", &c->peer),
	    LOG_STR("state", conn_state_name(c->state)), LOG_STR("event", event_name(ev)),
	    LOG_STR("next", conn_state_name(row->to)), LOG_INT("error", err));
	c->state = row->to;
	act(c, row->actions, err);
}

void conn_accept(struct listener *l, int fd, const struct net_addr *peer)
{
	AUTO_CLOSE int socket_fd = fd;
	struct transport *t = l->t;
	struct source *s = NULL;
	struct conn *c;

	if (t->n_conns >= t->config.conn_max && !conn_make_room(t, NULL)) {
		if (!t->crowded)
			LOG(LOG_WARN, "connection limit reached", LOG_ADDR("source", peer),
			    LOG_INT("connections", t->n_conns));
		t->crowded = true;
	} else {
		s = source_take(t, peer);
	}
	if (!s || conn_new(t, l, peer, &c)) {
		source_drop(t, s);
		METRIC_INC(t->rt, CONN_REFUSED);
		return;
	}
	c->source = s;
	if (uv_tcp_open(&c->tcp, socket_fd)) {
		conn_close(c, -ENOMEM);
		return;
	}
	(void)TAKE_FD(socket_fd);
	(void)uv_tcp_nodelay(&c->tcp, 1);
	/* Who comes has something to say, and soon: else a few hosts could hold all places. */
	rt_timer_in(t->rt, &c->message, t->config.message_ms);
	conn_event(c, CONN_EV_CONNECTED, 0);
}

static void connected(uv_connect_t *req, int status)
{
	struct conn *c = CONTAINER_OF(req, struct conn, connect);

	if (c->state == CONN_CLOSED)
		return;
	rt_awake(c->t->rt);
	conn_event(c, status ? CONN_EV_ERROR : CONN_EV_CONNECTED, status);
}

static bool is_loopback(const struct net_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->in4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

/* A socket that leaves from the listener's address, so that replies and filters agree with Via. */
static int outgoing_socket(const struct transport *t, const struct listener *l, int *ret_fd)
{
	struct net_addr from = t->public[l->index].addr;
	AUTO_CLOSE int fd = -1;
	int one = 1;

	fd = socket(l->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	if (!net_addr_is_any(&from) && !is_loopback(&from)) {
		net_addr_set_port(&from, 0);
		/* The port is chosen at connect(2), when the peer is known: more are free then. */
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(fd, &from.sa, net_addr_len(&from)) == -1)
			return -errno;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int conn_open(struct transport *t, const struct rt_flow *to, struct conn **ret)
{
	struct listener *l = to->listener < t->n_listeners ? t->listeners[to->listener] : NULL;
	AUTO_CLOSE int fd = -1;
	struct conn *c;
	int rc;

	if (!l || l->transport != to->transport || l->family != to->peer.sa.sa_family)
		l = listener_find(t, to->transport, to->peer.sa.sa_family);
	if (!l)
		return -EAFNOSUPPORT;
	if (t->n_conns >= t->config.conn_max && !conn_make_room(t, NULL))
		return -ENOBUFS;
	rc = outgoing_socket(t, l, &fd);
	if ((rc == -EMFILE || rc == -ENFILE) && conn_make_room(t, NULL))
		rc = outgoing_socket(t, l, &fd);
	if (rc)
		return rc;
	rc = conn_new(t, l, &to->peer, &c);
	if (rc)
		return rc;
	rc = uv_tcp_open(&c->tcp, fd);
	if (rc == 0) {
		(void)TAKE_FD(fd);
		(void)uv_tcp_nodelay(&c->tcp, 1);
		rc = uv_tcp_connect(&c->connect, &c->tcp, &to->peer.sa, connected);
	}
	if (rc) {
		conn_close(c, rc);
		return rc;
	}
	rt_timer_in(t->rt, &c->io, t->config.connect_ms);
	*ret = c;
	return 0;
}

static struct conn *by_id(const struct transport *t, uint64_t id)
{
	for (struct map_node *n = map_first(&t->by_id, id); n; n = map_next(n)) {
		struct conn *c = CONTAINER_OF(n, struct conn, by_id);

		if (c->id == id)
			return c->state <= CONN_HALF ? c : NULL;
	}
	return NULL;
}

static struct conn *by_peer(const struct transport *t, enum rt_transport transport,
			    const struct net_addr *peer)
{
	uint64_t hash = net_addr_hash(peer, t->rt->seed);

	for (struct map_node *n = map_first(&t->by_peer, hash); n; n = map_next(n)) {
		struct conn *c = CONTAINER_OF(n, struct conn, by_peer);

		if (c->transport == transport && net_addr_eq(&c->peer, peer))
			return c;
	}
	return NULL;
}

int stream_send(struct transport *t, const struct rt_flow *to, struct packet *p, uint64_t sender)
{
	struct conn *c = to->conn ? by_id(t, to->conn) : NULL;
	bool fresh = false;
	int rc;

	if (c && c->transport != to->transport)
		c = NULL;
	if (!c)
		c = by_peer(t, to->transport, &to->peer);
	if (!c) {
		rc = conn_open(t, to, &c);
		if (rc)
			return rc;
		fresh = true;
	}
	rc = conn_queue(c, p, sender);
	if (rc && fresh)
		conn_close(c, rc);
	return rc;
}
