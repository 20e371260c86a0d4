/*
 * What becomes of datagrams after they are sent: ICMP errors, read from the socket's error queue
 * (ip(7), IP_RECVERR), are told to those who sent the datagram. RFC 3261 18.4: an unreachable host
 * or port is a transport error.
 */
#include "transport/udp.h"

#include <errno.h>
#include <linux/errqueue.h>

/* Errors read at one time; a flood of ICMP gets its turn again later. */
#define READ_MAX 256

static uint64_t head_hash(const struct listener *l, struct slice bytes)
{
	return slice_hash(slice_head(bytes, UDP_HEAD), l->t->rt->seed);
}

void udp_remember(struct listener *l, const struct udp_out *out)
{
	struct udp *u = l->udp;

	if (out->sender == 0)
		return;
	u->recent[u->recent_pos++ & (UDP_RECENT - 1)] = (struct udp_recent){
		.sender = out->sender,
		.head = head_hash(l, packet_view(out->packet)),
		.at = l->t->rt->now,
		.len = out->packet->len,
		.to = out->to,
	};
}

/*
 * The error quotes the beginning of the datagram: RFC 1812 4.3.2.3 as much as fits in 576 bytes,
 * RFC 792 only 8 bytes of it. With enough of it the message is known; with less, all that went to
 * that address lately is held to have failed.
 */
static void tell(struct listener *l, const struct net_addr *to, struct slice quoted, int err)
{
	struct udp *u = l->udp;
	uint64_t now = l->t->rt->now;
	uint64_t head = head_hash(l, quoted);

	for (unsigned i = 0; i < UDP_RECENT; i++) {
		struct udp_recent *r = &u->recent[i];

		if (r->sender == 0 || now - r->at > UDP_RECENT_MS || !net_addr_eq(&r->to, to))
			continue;
		if (quoted.n >= (r->len < UDP_HEAD ? r->len : UDP_HEAD) && r->head != head)
			continue;
		transport_fail(l->t, r->sender, -err);
		r->sender = 0;
	}
}

static const struct sock_extended_err *find_error(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			return (const struct sock_extended_err *)CMSG_DATA(c);
	return NULL;
}

void udp_read_errors(struct listener *l)
{
	_Alignas(struct cmsghdr) char control[512];
	char quoted[2048];
	int pending = 0;
	socklen_t len = sizeof(pending);

	for (unsigned i = 0; i < READ_MAX; i++) {
		struct net_addr to = { 0 };
		struct iovec iov = { quoted, sizeof(quoted) };
		struct msghdr h = { .msg_name = &to,
				    .msg_namelen = sizeof(to),
				    .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		const struct sock_extended_err *e;
		ssize_t n = recvmsg(l->fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);

		if (n == -1)
			break;
		e = find_error(&h);
		/* Errors of our own host were told by sendmmsg(2); "fragmentation needed" is for
		 * the kernel, which will cut the next one. */
		if (!e || e->ee_origin == SO_EE_ORIGIN_LOCAL || e->ee_errno == EMSGSIZE)
			continue;
		tell(l, &to, slice_of(quoted, (size_t)n), (int)e->ee_errno);
	}
	/* Also forgets the error that the next call would report in their place. */
	(void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
}
