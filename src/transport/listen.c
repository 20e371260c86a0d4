/*
 * Listeners: binding, the name under which they are advertised (RFC 3261 18.1.1: Via sent-by), and
 * accepting connections within the limits of descriptors.
 */
#include "transport/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>

/* Connections accepted before other sockets get their turn. */
#define ACCEPT_BATCH 64

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == -1 ? -errno : 0;
}

/* A packet to the world would leave from this address; nothing is sent. */
static int route_address(int family, struct net_addr *ret)
{
	AUTO_CLOSE int fd = -1;
	struct net_addr far;
	struct net_addr a = { 0 };
	socklen_t len = sizeof(a);

	/* Documentation prefixes: RFC 5737, RFC 3849. */
	if (net_addr_parse(family == AF_INET ? SLICE("198.51.100.1") : SLICE("2001:db8::1"), 9,
			   &far))
		return -EINVAL;
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (connect(fd, &far.sa, net_addr_len(&far)) == -1 || getsockname(fd, &a.sa, &len) == -1)
		return -errno;
	if (net_addr_is_any(&a))
		return -ENOENT;
	*ret = a;
	return 0;
}

static bool is_link_local(const struct net_addr *a)
{
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr);
}

/* The first interface that is up: for hosts without a default route. */
static int interface_address(int family, struct net_addr *ret)
{
	struct ifaddrs *all;
	int rc = -ENOENT;

	if (getifaddrs(&all) == -1)
		return -errno;
	for (const struct ifaddrs *i = all; i && rc; i = i->ifa_next) {
		struct net_addr a;

		if (!i->ifa_addr || i->ifa_addr->sa_family != family)
			continue;
		if (!(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		if (net_addr_from(i->ifa_addr,
				  family == AF_INET ? sizeof(struct sockaddr_in)
						    : sizeof(struct sockaddr_in6),
				  &a) ||
		    is_link_local(&a))
			continue;
		*ret = a;
		rc = 0;
	}
	freeifaddrs(all);
	return rc;
}

static char *advertised_host(const struct net_addr *bound, struct slice host)
{
	char text[NET_ADDR_TEXT];
	struct net_addr a = *bound;

	/* An address is written the one way that a URI wants it; a name stays as it is. */
	if (host.n && net_addr_parse(host, 0, &a))
		return slice_dup(host);
	if (!host.n && net_addr_is_any(bound)) {
		int family = bound->sa.sa_family;

		if (route_address(family, &a) && interface_address(family, &a) &&
		    net_addr_parse(family == AF_INET ? SLICE("127.0.0.1") : SLICE("::1"), 0, &a))
			return NULL;
	}
	return slice_dup(slice_str(net_host_uri(&a, text)));
}

static int open_socket(const struct transport *t, enum rt_transport transport,
		       const struct net_addr *addr, int *ret_fd)
{
	bool stream = transport != RT_UDP;
	AUTO_CLOSE int fd = -1;
	int rc = 0;

	fd = socket(addr->sa.sa_family,
		    (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	/* Both families on one port are two listeners: no IPv4-mapped peers. */
	if (addr->sa.sa_family == AF_INET6)
		rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	/* Not for UDP: two daemons would share one port unnoticed. */
	if (rc == 0 && stream)
		rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0 && t->config.reuse_port)
		rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc)
		return rc;
	if (bind(fd, &addr->sa, net_addr_len(addr)) == -1)
		return -errno;
	if (stream && listen(fd, t->config.backlog) == -1)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Room for one more in both arrays; they keep their size if the rest fails. */
static int reserve(struct transport *t)
{
	size_t n = t->n_listeners + 1;
	struct listener **ls = realloc(t->listeners, n * sizeof(*ls));
	struct rt_listener *ps;

	if (!ls)
		return -ENOMEM;
	t->listeners = ls;
	ps = realloc(t->public, n * sizeof(*ps));
	if (!ps)
		return -ENOMEM;
	t->public = ps;
	t->rt->listeners = ps;
	return 0;
}

static int start(struct listener *l, const struct net_addr *bound)
{
	struct transport *t = l->t;
	int rc;

	rc = uv_poll_init(t->loop, &l->poll, l->fd);
	if (rc)
		return rc;
	l->poll.data = l;
	l->polled = true;
	t->handles++;
	if (l->transport == RT_UDP)
		return udp_open(l, net_addr_is_any(bound));
	if (!t->read_buf)
		t->read_buf = malloc(STREAM_READ_MAX);
	if (!t->read_buf)
		return -ENOMEM;
	if (!t->stopped)
		accept_start(l);
	return 0;
}

int transport_listen(struct transport *t, enum rt_transport transport, const struct net_addr *addr,
		     struct slice host, uint16_t port, size_t *ret_index)
{
	struct net_addr bound = { 0 };
	socklen_t len = sizeof(bound);
	struct listener *l;
	int rc;

	if (transport != RT_UDP && transport != RT_TCP)
		return -EPROTONOSUPPORT;
	if (t->n_listeners > UINT16_MAX)
		return -ENOBUFS;
	if (reserve(t))
		return -ENOMEM;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->t = t;
	l->fd = -1;
	l->index = (uint16_t)t->n_listeners;
	l->transport = transport;
	l->family = addr->sa.sa_family;
	l->resume.fire = accept_resume;

	rc = open_socket(t, transport, addr, &l->fd);
	if (rc)
		goto fail;
	if (getsockname(l->fd, &bound.sa, &len) == -1) {
		rc = -errno;
		goto fail;
	}
	l->host = advertised_host(&bound, host);
	rc = l->host ? start(l, &bound) : -ENOMEM;
	if (rc)
		goto fail;

	t->listeners[l->index] = l;
	t->public[l->index] = (struct rt_listener){
		.transport = transport,
		.addr = bound,
		.host = slice_str(l->host),
		.port = port ? port : net_addr_port(&bound),
	};
	t->rt->n_listeners = ++t->n_listeners;
	*ret_index = l->index;
	return 0;
fail:
	listener_close(l);
	return rc;
}

static void listener_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;
	struct transport *t = l->t;

	free(l->host);
	free(l);
	transport_handle_closed(t);
}

void listener_close(struct listener *l)
{
	struct transport *t = l->t;

	rt_timer_stop(t->rt, &l->resume);
	udp_close(l);
	/* First the handle, then the descriptor: libuv must not find it reused. */
	if (l->polled)
		uv_close((uv_handle_t *)&l->poll, listener_closed);
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
	if (!l->polled) {
		free(l->host);
		free(l);
	}
}

struct listener *listener_find(const struct transport *t, enum rt_transport transport, int family)
{
	for (size_t i = 0; i < t->n_listeners; i++)
		if (t->listeners[i]->transport == transport && t->listeners[i]->family == family)
			return t->listeners[i];
	return NULL;
}

void accept_start(struct listener *l)
{
	(void)uv_poll_start(&l->poll, UV_READABLE, accept_ready);
}

/* For good: what is in the backlog is refused too, so that clients go elsewhere at once. */
void accept_stop(struct listener *l)
{
	rt_timer_stop(l->t->rt, &l->resume);
	(void)uv_poll_stop(&l->poll);
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}

static void spare_reserve(struct transport *t)
{
	if (t->spare < 0)
		t->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * No descriptors. One peer is refused with the spare one, so that it learns of it; the others wait
 * in the backlog, and the loop does not spin on a listener that stays ready.
 */
static void accept_pause(struct listener *l, int err)
{
	struct transport *t = l->t;
	int fd;

	if (t->spare >= 0) {
		(void)close(t->spare);
		t->spare = -1;
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			(void)close(fd);
			METRIC_INC(t->rt, CONN_REFUSED);
		}
		spare_reserve(t);
	}
	(void)uv_poll_stop(&l->poll);
	rt_timer_in(t->rt, &l->resume, t->config.accept_pause_ms);
	if (!t->starved)
		LOG(LOG_WARN, "no descriptors left, accepting paused",
		    LOG_STR("reason", strerror(-err)), LOG_INT("connections", t->n_conns));
	t->starved = true;
}

void accept_resume(struct wheel_timer *timer)
{
	struct listener *l = CONTAINER_OF(timer, struct listener, resume);

	spare_reserve(l->t);
	accept_start(l);
}

void accept_ready(uv_poll_t *handle, int status, int events)
{
	struct listener *l = handle->data;
	struct transport *t = l->t;

	(void)events;
	rt_awake(t->rt);
	/* libuv stops a handle whose descriptor has an error; accept4() tells which. */
	if (status < 0)
		accept_start(l);
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct net_addr peer = { 0 };
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, &peer.sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			t->starved = false;
			conn_accept(l, fd, &peer);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			int err = -errno;

			if (conn_make_room(t, NULL))
				continue;
			accept_pause(l, err);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
		/* Others are faults of that connection: accept(2) says to go on. */
	}
}
