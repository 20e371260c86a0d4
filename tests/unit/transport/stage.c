/* The stage: see stage.h. */
#include "stage.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

struct stage_calls stage_calls;

int __real_sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags);
int __real_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout);

int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
	stage_calls.sendmmsg++;
	if (stage_calls.block == 0)
		return __real_sendmmsg(fd, v, n, flags);
	stage_calls.block--;
	errno = EAGAIN;
	return -1;
}

int __wrap_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout)
{
	stage_calls.recvmmsg++;
	return __real_recvmmsg(fd, v, n, flags, timeout);
}

static void on_message(void *arg, struct packet *p, const struct rt_flow *flow)
{
	struct stage *s = arg;

	assert_false(s->sending);
	if (s->n_got < STAGE_KEEP)
		s->got[s->n_got++] = (struct stage_msg){ packet_ref(p), *flow, 0 };
	if (s->echo)
		(void)transport_send(s->t, flow, p, 0);
}

static void on_malformed(void *arg, struct packet *head, const struct rt_flow *flow, int err)
{
	struct stage *s = arg;

	assert_false(s->sending);
	if (s->n_got < STAGE_KEEP)
		s->got[s->n_got++] = (struct stage_msg){ packet_ref(head), *flow, err };
	if (s->refusal)
		(void)stage_send(s, flow, s->refusal, 0);
}

static void on_send_failed(void *arg, uint64_t sender, int err)
{
	struct stage *s = arg;

	assert_false(s->sending);
	assert_int_not_equal(sender, 0);
	if (s->n_failed < STAGE_KEEP) {
		s->failed[s->n_failed].sender = sender;
		s->failed[s->n_failed++].err = err;
	}
}

bool stage_up(struct stage *s, const struct transport_config *config)
{
	static const struct transport_events events = { on_message, on_malformed, on_send_failed };
	const struct transport_config usual = TRANSPORT_CONFIG_DEFAULT;

	memset(s, 0, sizeof(*s));
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	if (runtime_uv_new(&s->loop, &s->u)) {
		stage_down(s);
		return false;
	}
	s->rt = runtime_uv_rt(s->u);
	if (transport_new(&s->loop, s->rt, config ? config : &usual, &events, s, &s->t)) {
		stage_down(s);
		return false;
	}
	runtime_uv_attach(s->u, s->t, NULL);
	return true;
}

void stage_down(struct stage *s)
{
	if (s->u)
		runtime_uv_attach(s->u, NULL, NULL);
	transport_free(s->t);
	runtime_uv_free(s->u);
	while (uv_run(&s->loop, UV_RUN_DEFAULT))
		;
	assert_int_equal(uv_loop_close(&s->loop), 0);
	for (size_t i = 0; i < s->n_got; i++)
		packet_unref(s->got[i].p);
	for (size_t i = 0; i < s->n_clients; i++)
		if (s->clients[i] >= 0)
			close(s->clients[i]);
}

bool stage_listen(struct stage *s, enum rt_transport transport, int family, size_t *ret_index)
{
	struct net_addr a;
	int rc;

	assert_int_equal(
		net_addr_parse(family == AF_INET ? SLICE("127.0.0.1") : SLICE("::1"), 0, &a), 0);
	rc = transport_listen(s->t, transport, &a, SLICE_EMPTY, 0, ret_index);
	if (rc == -ENOMEM && harness_alloc_failed())
		return false;
	assert_int_equal(rc, 0);
	return true;
}

int stage_send(struct stage *s, const struct rt_flow *to, const char *text, uint64_t sender)
{
	struct packet *p = packet_from(slice_str(text));
	bool before = s->sending;
	int rc;

	if (!p)
		return -ENOMEM;
	s->sending = true;
	rc = transport_send(s->t, to, p, sender);
	s->sending = before;
	packet_unref(p);
	return rc;
}

/* The clients are not the loop's, so it must not sleep alone: poll(2) waits for all. */
bool stage_turn(struct stage *s)
{
	struct pollfd fds[STAGE_CLIENTS + 1];
	nfds_t n = 0;
	int timeout;

	if (uv_hrtime() > s->deadline)
		fail_msg("nothing happens");
	uv_run(&s->loop, UV_RUN_NOWAIT);
	if (harness_alloc_failed())
		return false;
	timeout = uv_backend_timeout(&s->loop);
	fds[n++] = (struct pollfd){ uv_backend_fd(&s->loop), POLLIN, 0 };
	for (size_t i = 0; i < s->n_clients; i++)
		if (s->clients[i] >= 0)
			fds[n++] = (struct pollfd){ s->clients[i], POLLIN, 0 };
	/* A short turn also when only a condition of the test can become true. */
	(void)poll(fds, n, timeout < 0 || timeout > 10 ? 10 : timeout);
	return true;
}

bool stage_has_failed(const struct stage *s, uint64_t sender, int err)
{
	for (size_t i = 0; i < s->n_failed; i++)
		if (s->failed[i].sender == sender && s->failed[i].err == err)
			return true;
	return false;
}

static int keep(struct stage *s, int fd)
{
	assert_true(fd >= 0);
	assert_int_not_equal(fcntl(fd, F_SETFL, O_NONBLOCK), -1);
	assert_true(s->n_clients < STAGE_CLIENTS);
	s->clients[s->n_clients++] = fd;
	return fd;
}

static struct net_addr numeric(const char *host)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(slice_str(host), 0, &a), 0);
	return a;
}

int client_udp(struct stage *s, const char *from)
{
	struct net_addr a = numeric(from);
	int fd = keep(s, socket(a.sa.sa_family, SOCK_DGRAM, 0));

	assert_int_equal(bind(fd, &a.sa, net_addr_len(&a)), 0);
	return fd;
}

int client_tcp(struct stage *s, const struct net_addr *to)
{
	int fd = keep(s, socket(to->sa.sa_family, SOCK_STREAM, 0));

	if (connect(fd, &to->sa, net_addr_len(to)))
		assert_true(errno == EINPROGRESS || errno == ECONNREFUSED);
	return fd;
}

int client_listen(struct stage *s, const char *host, int backlog, struct net_addr *ret)
{
	struct net_addr a = numeric(host);
	int fd = keep(s, socket(a.sa.sa_family, SOCK_STREAM, 0));

	assert_int_equal(bind(fd, &a.sa, net_addr_len(&a)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	*ret = client_addr(fd);
	return fd;
}

int client_accept(struct stage *s, int fd)
{
	int conn = accept(fd, NULL, NULL);

	return conn < 0 ? conn : keep(s, conn);
}

void client_close(struct stage *s, int fd)
{
	for (size_t i = 0; i < s->n_clients; i++)
		if (s->clients[i] == fd)
			s->clients[i] = -1;
	close(fd);
}

void client_send(int fd, const char *text, size_t n)
{
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

void client_send_to(int fd, const struct net_addr *to, const void *p, size_t n)
{
	assert_int_equal(sendto(fd, p, n, 0, &to->sa, net_addr_len(to)), n);
}

struct net_addr client_addr(int fd)
{
	struct net_addr a = { 0 };
	socklen_t len = sizeof(a);

	assert_int_equal(getsockname(fd, &a.sa, &len), 0);
	return a;
}

struct net_addr stage_addr(const struct stage *s, size_t listener)
{
	return s->rt->listeners[listener].addr;
}
