/*
 * UDP: the hot path. One recvmmsg(2) takes up to 64 datagrams, what is to be sent is collected
 * until the loop is about to sleep, or 64 wait, and goes out with one sendmmsg(2). RFC 3261 18.
 * Errors that come back by ICMP are in udp_error.c.
 */
#include "transport/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/*
 * Nearly all datagrams fit the small part, and the small parts of a batch stay in the cache; only
 * those that do not reach into the large part, whose pages are not touched otherwise.
 */
#define SMALL 2048
#define LARGE (65536 - SMALL)
/* Batches before the loop looks at other sockets. */
#define RECV_ROUNDS 4
#define RING_MIN 64u

struct udp_batch {
	struct mmsghdr in[UDP_BATCH];
	struct iovec in_iov[UDP_BATCH][2];
	struct net_addr names[UDP_BATCH];
	struct mmsghdr out[UDP_BATCH];
	struct iovec out_iov[UDP_BATCH];
	/* Both ways: struct in_pktinfo is smaller. */
	_Alignas(struct cmsghdr) char control[UDP_BATCH][CMSG_SPACE(sizeof(struct in6_pktinfo))];
	_Alignas(
		struct cmsghdr) char out_control[UDP_BATCH][CMSG_SPACE(sizeof(struct in6_pktinfo))];
	char small[UDP_BATCH][SMALL];
	char large[UDP_BATCH][LARGE];
};

static struct udp_batch *batch_new(void)
{
	struct udp_batch *b = malloc(sizeof(*b));

	if (!b)
		return NULL;
	memset(b->in, 0, sizeof(b->in));
	memset(b->out, 0, sizeof(b->out));
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		b->in_iov[i][0] = (struct iovec){ b->small[i], SMALL };
		b->in_iov[i][1] = (struct iovec){ b->large[i], LARGE };
		b->in[i].msg_hdr.msg_name = &b->names[i];
		b->in[i].msg_hdr.msg_iov = b->in_iov[i];
		b->in[i].msg_hdr.msg_iovlen = 2;
		b->out[i].msg_hdr.msg_iov = &b->out_iov[i];
		b->out[i].msg_hdr.msg_iovlen = 1;
	}
	return b;
}

static struct udp_out *out_at(struct udp *u, unsigned i)
{
	return &u->ring[(u->head + i) & (u->cap - 1)];
}

/* The local address of an answer: RFC 3261 18.2.2 needs it to come from where the request went. */

static uint64_t local_remember(struct listener *l, const struct net_addr *a)
{
	struct udp *u = l->udp;
	unsigned i = u->last_local;

	if (i >= u->n_locals || !net_addr_eq(&u->locals[i], a)) {
		for (i = 0; i < u->n_locals && !net_addr_eq(&u->locals[i], a); i++)
			;
		if (i == UDP_LOCALS)
			return 0;
		if (i == u->n_locals)
			u->locals[u->n_locals++] = *a;
		u->last_local = i;
	}
	return l->t->udp_salt | (uint64_t)l->index << 8 | (i + 1);
}

static uint8_t local_of(const struct listener *l, uint64_t conn)
{
	uint64_t base = l->t->udp_salt | (uint64_t)l->index << 8;

	return conn > base && conn - base <= l->udp->n_locals ? (uint8_t)(conn - base) : 0;
}

static uint64_t local_received(struct listener *l, struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct net_addr a = { 0 };

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			a.in4.sin_family = AF_INET;
			a.in4.sin_addr = info.ipi_spec_dst;
			return local_remember(l, &a);
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
				return 0;
			a.in6.sin6_family = AF_INET6;
			a.in6.sin6_addr = info.ipi6_addr;
			if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				a.in6.sin6_scope_id = info.ipi6_ifindex;
			return local_remember(l, &a);
		}
	}
	return 0;
}

static void local_attach(struct msghdr *h, char *control, const struct net_addr *a)
{
	struct cmsghdr *c;

	h->msg_control = control;
	if (a->sa.sa_family == AF_INET) {
		struct in_pktinfo info = { .ipi_spec_dst = a->in4.sin_addr };

		h->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(h);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_addr = a->in6.sin6_addr,
					    .ipi6_ifindex = a->in6.sin6_scope_id };

		h->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(h);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
}

/*
 * Keep-alives and what else is no SIP: only line ends (RFC 5626 3.5.1 for streams, but sent by
 * many over UDP), a zero byte, STUN (RFC 5389 6: the first two bits are 0, no SIP message
 * begins like that). They need no answer to keep a NAT binding open.
 */
static bool is_noise(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == '\r' || p[i] == '\n' || p[i] == ' ' || p[i] == '\t'))
		i++;
	return i == n || (unsigned char)p[i] < 0x20;
}

static void receive_one(struct listener *l, struct udp_batch *b, unsigned i)
{
	struct transport *t = l->t;
	struct msghdr *h = &b->in[i].msg_hdr;
	size_t n = b->in[i].msg_len;
	size_t small = n < SMALL ? n : SMALL;
	struct rt_flow flow = { .transport = RT_UDP, .listener = l->index };
	struct packet *p;

	/* From port 0 nothing can be answered. */
	if ((h->msg_flags & MSG_TRUNC) || is_noise(b->small[i], small) ||
	    net_addr_port(&b->names[i]) == 0)
		return;
	flow.peer = b->names[i];
	if (l->udp->wildcard)
		flow.conn = local_received(l, h);
	p = packet_new(n);
	if (!p)
		return; /* as if lost: UDP */
	memcpy(p->data, b->small[i], small);
	if (n > small)
		memcpy(p->data + small, b->large[i], n - small);
	METRIC_INC(t->rt, RECV_UDP);
	t->events.message(t->arg, p, &flow);
	packet_unref(p);
}

/* True if there may be more. */
static bool receive(struct listener *l)
{
	struct udp_batch *b = l->t->batch;
	int n;

	for (unsigned i = 0; i < UDP_BATCH; i++) {
		struct msghdr *h = &b->in[i].msg_hdr;

		h->msg_namelen = sizeof(b->names[i]);
		h->msg_control = l->udp->wildcard ? b->control[i] : NULL;
		h->msg_controllen = l->udp->wildcard ? sizeof(b->control[i]) : 0;
	}
	n = recvmmsg(l->fd, b->in, UDP_BATCH, MSG_DONTWAIT, NULL);
	if (n == -1) {
		/* The error of a datagram sent earlier is reported once, by whatever comes first.
		 */
		if (errno == EINTR)
			return true;
		if (errno == EAGAIN)
			return false;
		udp_read_errors(l);
		return true;
	}
	for (int i = 0; i < n; i++)
		receive_one(l, b, (unsigned)i);
	return n == UDP_BATCH;
}

static void ready(uv_poll_t *handle, int status, int events);

static void watch(struct listener *l)
{
	(void)uv_poll_start(&l->poll, UV_READABLE | (l->udp->blocked ? UV_WRITABLE : 0), ready);
}

static void ready(uv_poll_t *handle, int status, int events)
{
	struct listener *l = handle->data;

	rt_awake(l->t->rt);
	if (status < 0) {
		/* libuv stops a handle whose descriptor reports an error; data may be there too. */
		udp_read_errors(l);
		watch(l);
	}
	if (events & UV_WRITABLE) {
		l->udp->blocked = false;
		udp_flush(l);
		watch(l);
	}
	if (status < 0 || (events & UV_READABLE))
		for (unsigned i = 0; i < RECV_ROUNDS && receive(l); i++)
			;
}

static int ring_grow(struct udp *u)
{
	unsigned cap = u->cap ? 2 * u->cap : RING_MIN;
	struct udp_out *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (unsigned i = 0; i < u->count; i++)
		ring[i] = *out_at(u, i);
	free(u->ring);
	u->ring = ring;
	u->cap = cap;
	u->head = 0;
	return 0;
}

int udp_send(struct listener *l, const struct rt_flow *to, struct packet *p, uint64_t sender)
{
	struct udp *u = l->udp;

	if (p->len > 65507)
		return -EMSGSIZE;
	if (u->count >= l->t->config.udp_queue_max)
		return -ENOBUFS;
	if (u->count == u->cap && ring_grow(u))
		return -ENOMEM;
	*out_at(u, u->count++) = (struct udp_out){
		.packet = packet_ref(p),
		.sender = sender,
		.to = to->peer,
		.local = u->wildcard ? local_of(l, to->conn) : 0,
	};
	if (u->count >= UDP_BATCH && !u->blocked)
		udp_flush(l);
	return 0;
}

static void out_done(struct udp *u)
{
	packet_unref(out_at(u, 0)->packet);
	u->head = (u->head + 1) & (u->cap - 1);
	u->count--;
}

static unsigned fill_batch(struct udp *u, struct udp_batch *b)
{
	unsigned n = u->count < UDP_BATCH ? u->count : UDP_BATCH;

	for (unsigned i = 0; i < n; i++) {
		struct udp_out *o = out_at(u, i);
		struct msghdr *h = &b->out[i].msg_hdr;

		b->out_iov[i] = (struct iovec){ o->packet->data, o->packet->len };
		h->msg_name = &o->to;
		h->msg_namelen = net_addr_len(&o->to);
		h->msg_control = NULL;
		h->msg_controllen = 0;
		if (o->local)
			local_attach(h, b->out_control[i], &u->locals[o->local - 1]);
	}
	return n;
}

/* The first datagram was refused. */
static void send_refused(struct listener *l, int err)
{
	struct udp *u = l->udp;
	struct udp_out *first = out_at(u, 0);

	if (err == EAGAIN) {
		u->blocked = true;
		watch(l);
		return;
	}
	/* The error may belong to one sent earlier: sk_err is told to the next call, once. */
	if (!first->again) {
		first->again = true;
		udp_read_errors(l);
		return;
	}
	/* ENOBUFS: dropped by the interface's queue. As if lost on the way: it will be repeated. */
	transport_fail(l->t, err == ENOBUFS ? 0 : first->sender, -err);
	out_done(u);
}

void udp_flush(struct listener *l)
{
	struct udp *u = l->udp;
	struct udp_batch *b = l->t->batch;

	while (u->count > 0 && !u->blocked) {
		unsigned n = fill_batch(u, b);
		int sent = sendmmsg(l->fd, b->out, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == -1) {
			if (errno != EINTR)
				send_refused(l, errno);
			continue;
		}
		l->t->rt->metrics.count[METRIC_SENT] += (uint64_t)sent;
		for (int i = 0; i < sent; i++) {
			udp_remember(l, out_at(u, 0));
			out_done(u);
		}
	}
}

size_t udp_pending(const struct listener *l)
{
	return l->udp->count;
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == -1 ? -errno : 0;
}

static int set_options(const struct listener *l, bool wildcard)
{
	const struct transport_config *config = &l->t->config;
	bool v4 = l->family == AF_INET;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int rc = 0;

	/* The kernel cuts sizes to its limits and that is fine. */
	if (config->udp_rcvbuf)
		(void)set_option(l->fd, SOL_SOCKET, SO_RCVBUF, (int)config->udp_rcvbuf);
	if (config->udp_sndbuf)
		(void)set_option(l->fd, SOL_SOCKET, SO_SNDBUF, (int)config->udp_sndbuf);
	/* Large responses must be fragmented, not lost: 18.1.1 speaks of requests only. */
	(void)set_option(l->fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
			 v4 ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT);
	rc = set_option(l->fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
	if (rc == 0 && wildcard)
		rc = set_option(l->fd, level, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1);
	return rc;
}

int udp_open(struct listener *l, bool wildcard)
{
	struct transport *t = l->t;
	int rc;

	rc = set_options(l, wildcard);
	if (rc)
		return rc;
	if (!t->batch)
		t->batch = batch_new();
	l->udp = calloc(1, sizeof(*l->udp));
	if (!t->batch || !l->udp)
		return -ENOMEM;
	l->udp->wildcard = wildcard;
	return uv_poll_start(&l->poll, UV_READABLE, ready);
}

void udp_close(struct listener *l)
{
	struct udp *u = l->udp;

	if (!u)
		return;
	while (u->count > 0)
		out_done(u);
	free(u->ring);
	free(u);
	l->udp = NULL;
}
