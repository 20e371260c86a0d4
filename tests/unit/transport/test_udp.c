/* UDP over loopback sockets: batches, both families, errors that come back by ICMP. RFC 3261 18. */
#include "stage.h"

#define PING "OPTIONS sip:a@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
#define LOOP4 "127.0.0.1"

static const struct {
	int family;
	const char *host;
} families[] = { { AF_INET, LOOP4 }, { AF_INET6, "::1" } };

static ssize_t take(int fd, char *buf, size_t cap, struct net_addr *from)
{
	socklen_t len = sizeof(*from);

	return recvfrom(fd, buf, cap, MSG_DONTWAIT, &from->sa, &len);
}

/* A port nobody listens on: it was one's own a moment ago. */
static struct rt_flow dead_end(struct stage *s, size_t listener)
{
	int fd = client_udp(s, LOOP4);
	struct rt_flow to = { .listener = (uint16_t)listener, .peer = client_addr(fd) };

	client_close(s, fd);
	return to;
}

static void a_datagram_is_received_and_answered_in_both_families(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct net_addr from, here;
		struct stage s;
		char back[256];
		ssize_t n = -1;
		size_t at;
		int fd;

		if (!stage_up(&s, NULL))
			return;
		if (!stage_listen(&s, RT_UDP, families[i].family, &at)) {
			stage_down(&s);
			return;
		}
		s.echo = true;
		fd = client_udp(&s, families[i].host);
		here = stage_addr(&s, at);
		client_send_to(fd, &here, PING, strlen(PING));
		STAGE_UNTIL(&s, (n = take(fd, back, sizeof(back), &from)) >= 0);
		if (!harness_alloc_failed()) {
			struct net_addr me = client_addr(fd);

			assert_int_equal(n, strlen(PING));
			assert_memory_equal(back, PING, strlen(PING));
			assert_true(net_addr_eq(&from, &here));
			assert_int_equal(s.n_got, 1);
			assert_int_equal(s.got[0].flow.transport, RT_UDP);
			assert_int_equal(s.got[0].flow.listener, at);
			assert_int_equal(s.got[0].flow.conn, 0);
			assert_true(net_addr_eq(&s.got[0].flow.peer, &me));
			assert_int_equal(s.rt->metrics.count[METRIC_RECV_UDP], 1);
			assert_int_equal(s.rt->metrics.count[METRIC_SENT], 1);
		}
		stage_down(&s);
	}
}

static void more_than_a_batch_comes_in_order_and_goes_out_in_order(void **state)
{
	struct net_addr from, here;
	size_t at, back = 0;
	struct stage s;
	char text[64];
	int fd;

	(void)state;
	assert_true(stage_up(&s, NULL));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	s.echo = true;
	fd = client_udp(&s, LOOP4);
	here = stage_addr(&s, at);
	for (unsigned i = 0; i < 150; i++)
		client_send_to(fd, &here, text, (size_t)snprintf(text, sizeof(text), "M %u", i));
	STAGE_UNTIL(&s, s.n_got == 150);
	while (back < 150) {
		char want[64];
		ssize_t n = -1;

		STAGE_UNTIL(&s, (n = take(fd, text, sizeof(text), &from)) >= 0);
		assert_int_equal(n, snprintf(want, sizeof(want), "M %zu", back++));
		assert_memory_equal(text, want, (size_t)n);
	}
	stage_down(&s);
}

static void a_batch_costs_one_call_in_and_one_out(void **state)
{
	struct net_addr here;
	struct stage s;
	size_t at;
	int fd;

	(void)state;
	assert_true(stage_up(&s, NULL));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	s.echo = true;
	fd = client_udp(&s, LOOP4);
	here = stage_addr(&s, at);
	for (unsigned i = 0; i < 63; i++)
		client_send_to(fd, &here, PING, strlen(PING));
	stage_calls = (struct stage_calls){ 0 };
	STAGE_UNTIL(&s, s.n_got == 63 && transport_pending(s.t) == 0);
	assert_int_equal(stage_calls.recvmmsg, 1);
	assert_int_equal(stage_calls.sendmmsg, 1);
	stage_down(&s);
}

static void what_a_full_socket_does_not_take_goes_out_later_in_order(void **state)
{
	struct rt_flow to = { 0 };
	struct net_addr from;
	struct stage s;
	char text[64];
	size_t at;
	int fd;

	(void)state;
	assert_true(stage_up(&s, NULL));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	fd = client_udp(&s, LOOP4);
	to.peer = client_addr(fd);
	stage_calls = (struct stage_calls){ .block = 2 };
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "M %u", i);
		assert_int_equal(stage_send(&s, &to, text, i), 0);
	}
	/* Tried once at 64, then not before the socket says so. */
	assert_int_equal(stage_calls.sendmmsg, 1);
	assert_int_equal(transport_pending(s.t), 100);
	STAGE_UNTIL(&s, transport_pending(s.t) == 0);
	assert_int_equal(stage_calls.sendmmsg, 4);
	for (unsigned i = 0; i < 100; i++) {
		char want[64];

		assert_int_equal(take(fd, text, sizeof(text), &from),
				 snprintf(want, sizeof(want), "M %u", i));
		assert_memory_equal(text, want, strlen(want));
	}
	assert_int_equal(s.n_failed, 0);
	stage_down(&s);
}

static void the_largest_datagram_is_whole(void **state)
{
	static const size_t sizes[] = { 2047, 2048, 2049, 65507 };
	static char big[65507], back[65536];
	struct net_addr from, here;
	struct stage s;
	size_t at;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
	assert_true(stage_up(&s, NULL));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	s.echo = true;
	fd = client_udp(&s, LOOP4);
	here = stage_addr(&s, at);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		ssize_t n = -1;

		client_send_to(fd, &here, big, sizes[i]);
		STAGE_UNTIL(&s, (n = take(fd, back, sizeof(back), &from)) >= 0);
		assert_int_equal(n, sizes[i]);
		assert_memory_equal(back, big, sizes[i]);
	}
	stage_down(&s);
}

static void keep_alives_and_stun_are_dropped(void **state)
{
	static const struct slice noise[] = {
		SLICE_INIT(""),
		SLICE_INIT("\r\n"),
		SLICE_INIT("\r\n\r\n"),
		SLICE_INIT(" \t\r\n"),
		SLICE_INIT("\0\0\0\0"),
		SLICE_INIT("\0\x01\0\0\x21\x12\xa4\x42"
			   "abcdefghijkl"),
		SLICE_INIT("\r\n\0"),
	};
	struct net_addr here;
	struct stage s;
	size_t at;
	int fd;

	(void)state;
	assert_true(stage_up(&s, NULL));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	fd = client_udp(&s, LOOP4);
	here = stage_addr(&s, at);
	for (size_t i = 0; i < ARRAY_LEN(noise); i++)
		client_send_to(fd, &here, noise[i].p, noise[i].n);
	client_send_to(fd, &here, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got > 0);
	assert_int_equal(s.n_got, 1);
	assert_true(slice_eq(packet_view(s.got[0].p), SLICE(PING)));
	assert_int_equal(s.rt->metrics.count[METRIC_RECV_UDP], 1);
	stage_down(&s);
}

static void a_wildcard_socket_answers_from_the_address_that_was_asked(void **state)
{
	struct net_addr any, from = { 0 }, asked;
	struct stage s;
	char back[256];
	ssize_t n = -1;
	size_t at;
	int fd;

	(void)state;
	assert_int_equal(net_addr_parse(SLICE("0.0.0.0"), 0, &any), 0);
	assert_true(stage_up(&s, NULL));
	assert_int_equal(transport_listen(s.t, RT_UDP, &any, SLICE_EMPTY, 0, &at), 0);
	s.echo = true;
	fd = client_udp(&s, LOOP4);
	for (unsigned i = 2; i < 5; i++) {
		asked = stage_addr(&s, at);
		asked.in4.sin_addr.s_addr = htonl(0x7f000000 + i);
		client_send_to(fd, &asked, PING, strlen(PING));
		STAGE_UNTIL(&s, (n = take(fd, back, sizeof(back), &from)) >= 0);
		assert_true(net_addr_eq(&from, &asked));
	}
	/* A number of another process means nothing. */
	s.got[0].flow.conn ^= UINT64_C(1) << 40;
	assert_int_equal(stage_send(&s, &s.got[0].flow, PING, 7), 0);
	STAGE_UNTIL(&s, (n = take(fd, back, sizeof(back), &from)) >= 0);
	stage_down(&s);

	if (!net_addr_parse(SLICE("::"), 0, &any)) {
		assert_true(stage_up(&s, NULL));
		assert_int_equal(transport_listen(s.t, RT_UDP, &any, SLICE_EMPTY, 0, &at), 0);
		s.echo = true;
		fd = client_udp(&s, "::1");
		asked = stage_addr(&s, at);
		asked.in6.sin6_addr = in6addr_loopback;
		client_send_to(fd, &asked, PING, strlen(PING));
		STAGE_UNTIL(&s, (n = take(fd, back, sizeof(back), &from)) >= 0);
		assert_true(net_addr_eq(&from, &asked));
		assert_int_not_equal(s.got[0].flow.conn, 0);
		stage_down(&s);
	}
}

static void what_nobody_listens_for_fails_for_its_sender_alone(void **state)
{
	struct rt_flow dead, alive;
	struct stage s;
	size_t at;

	(void)state;
	if (!stage_up(&s, NULL))
		return;
	if (!stage_listen(&s, RT_UDP, AF_INET, &at)) {
		stage_down(&s);
		return;
	}
	dead = dead_end(&s, at);
	alive = dead;
	alive.peer = client_addr(client_udp(&s, LOOP4));
	(void)stage_send(&s, &alive, "REGISTER alive", 1);
	(void)stage_send(&s, &dead, "REGISTER first", 2);
	(void)stage_send(&s, &dead, "REGISTER nobody asks", 0);
	(void)stage_send(&s, &alive, "REGISTER alive again", 3);
	STAGE_UNTIL(&s, s.n_failed > 0);
	(void)stage_send(&s, &dead, "REGISTER second", 4);
	(void)stage_send(&s, &alive, "REGISTER alive at last", 5);
	STAGE_UNTIL(&s, s.n_failed > 1);
	if (!harness_alloc_failed()) {
		assert_int_equal(s.n_failed, 2);
		assert_true(stage_has_failed(&s, 2, -ECONNREFUSED));
		assert_true(stage_has_failed(&s, 4, -ECONNREFUSED));
		assert_int_equal(s.rt->metrics.count[METRIC_SENT], 6);
	}
	stage_down(&s);
}

static void a_datagram_refused_by_the_host_fails_and_the_others_go_out(void **state)
{
	struct rt_flow good = { 0 }, bad;
	struct net_addr from;
	struct stage s;
	char back[64];
	size_t at;
	int fd;

	(void)state;
	assert_true(stage_up(&s, NULL));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	fd = client_udp(&s, LOOP4);
	good.peer = client_addr(fd);
	bad = good;
	bad.peer.in4.sin_addr.s_addr = INADDR_BROADCAST; /* without SO_BROADCAST: EACCES */
	/* More than a batch: the kernel is asked from within send, the failure told later. */
	for (uint64_t i = 1; i <= 70; i++)
		assert_int_equal(stage_send(&s, i % 10 == 5 ? &bad : &good, "x", i), 0);
	assert_int_equal(s.n_failed, 0);
	STAGE_UNTIL(&s, s.n_failed == 7);
	for (uint64_t i = 5; i <= 70; i += 10)
		assert_true(stage_has_failed(&s, i, -EACCES) ||
			    stage_has_failed(&s, i, -ENETUNREACH) ||
			    stage_has_failed(&s, i, -EINVAL));
	for (unsigned i = 0; i < 63; i++)
		assert_int_equal(take(fd, back, sizeof(back), &from), 1);
	assert_int_equal(take(fd, back, sizeof(back), &from), -1);
	assert_int_equal(s.rt->metrics.count[METRIC_SEND_FAILED], 7);
	stage_down(&s);
}

static void a_full_queue_refuses_and_counts(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	struct rt_flow to = { 0 };
	struct stage s;
	size_t at;

	(void)state;
	config.udp_queue_max = 3;
	assert_true(stage_up(&s, &config));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	to.peer = client_addr(client_udp(&s, LOOP4));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(stage_send(&s, &to, "x", 9), 0);
	assert_int_equal(transport_pending(s.t), 3);
	assert_int_equal(stage_send(&s, &to, "x", 9), -ENOBUFS);
	assert_int_equal(s.rt->metrics.count[METRIC_SEND_QUEUE_FULL], 1);
	STAGE_UNTIL(&s, transport_pending(s.t) == 0);
	assert_int_equal(stage_send(&s, &to, "x", 9), 0);
	stage_down(&s);
}

static void what_cannot_be_sent_at_all_is_refused_at_once(void **state)
{
	struct rt_flow to = { 0 };
	struct packet *p = packet_new(65508);
	struct stage s;
	size_t at;

	(void)state;
	memset(p->data, 'x', p->len);
	assert_true(stage_up(&s, NULL));
	assert_int_equal(net_addr_parse(SLICE(LOOP4), 9, &to.peer), 0);
	assert_int_equal(stage_send(&s, &to, "x", 1), -EAFNOSUPPORT); /* no listener */
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	assert_int_equal(transport_send(s.t, &to, p, 1), -EMSGSIZE);
	assert_int_equal(net_addr_parse(SLICE("::1"), 9, &to.peer), 0);
	assert_int_equal(stage_send(&s, &to, "x", 1), -EAFNOSUPPORT);
	to.transport = RT_TCP;
	assert_int_equal(stage_send(&s, &to, "x", 1), -EAFNOSUPPORT);
	packet_unref(p);
	stage_down(&s);
}

static void a_listener_is_advertised_as_configured_or_bound(void **state)
{
	static const struct {
		const char *bind, *host;
		uint16_t port;
		const char *want;
	} rows[] = {
		{ LOOP4, "", 0, LOOP4 },
		{ "::1", "", 0, "[::1]" },
		{ LOOP4, "sip.example.com", 5070, "sip.example.com" },
		{ LOOP4, "2001:db8::1", 0, "[2001:db8::1]" },
		{ LOOP4, "[2001:DB8::1]", 0, "[2001:db8::1]" },
		{ "0.0.0.0", "192.0.2.1", 0, "192.0.2.1" },
		{ "0.0.0.0", "", 0, NULL },
		{ "::", "", 0, NULL },
	};
	struct net_addr a;
	struct stage s;
	size_t at;

	(void)state;
	assert_true(stage_up(&s, NULL));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct rt_listener *l;

		assert_int_equal(net_addr_parse(slice_str(rows[i].bind), 0, &a), 0);
		assert_int_equal(transport_listen(s.t, RT_UDP, &a, slice_str(rows[i].host),
						  rows[i].port, &at),
				 0);
		assert_int_equal(at, i);
		assert_int_equal(s.rt->n_listeners, i + 1);
		l = &s.rt->listeners[i];
		assert_int_not_equal(net_addr_port(&l->addr), 0);
		assert_int_equal(l->port, rows[i].port ? rows[i].port : net_addr_port(&l->addr));
		if (rows[i].want) {
			assert_true(slice_eq(l->host, slice_str(rows[i].want)));
			continue;
		}
		assert_int_equal(net_addr_parse(l->host, 0, &a), 0);
		assert_false(net_addr_is_any(&a));
	}
	stage_down(&s);
}

static void an_address_in_use_or_not_ours_is_refused(void **state)
{
	struct net_addr a;
	struct stage s;
	size_t at;

	(void)state;
	assert_true(stage_up(&s, NULL));
	assert_true(stage_listen(&s, RT_UDP, AF_INET, &at));
	a = stage_addr(&s, at);
	assert_int_equal(transport_listen(s.t, RT_UDP, &a, SLICE_EMPTY, 0, &at), -EADDRINUSE);
	assert_int_equal(net_addr_parse(SLICE("192.0.2.1"), 0, &a), 0);
	assert_int_equal(transport_listen(s.t, RT_UDP, &a, SLICE_EMPTY, 0, &at), -EADDRNOTAVAIL);
	assert_int_equal(transport_listen(s.t, RT_TLS, &a, SLICE_EMPTY, 0, &at), -EPROTONOSUPPORT);
	assert_int_equal(s.rt->n_listeners, 1);
	stage_down(&s);
}

static const struct harness_test tests[] = {
	HARNESS_ALLOC_TEST(a_datagram_is_received_and_answered_in_both_families),
	HARNESS_TEST(more_than_a_batch_comes_in_order_and_goes_out_in_order),
	HARNESS_TEST(a_batch_costs_one_call_in_and_one_out),
	HARNESS_TEST(what_a_full_socket_does_not_take_goes_out_later_in_order),
	HARNESS_TEST(the_largest_datagram_is_whole),
	HARNESS_TEST(keep_alives_and_stun_are_dropped),
	HARNESS_TEST(a_wildcard_socket_answers_from_the_address_that_was_asked),
	HARNESS_ALLOC_TEST(what_nobody_listens_for_fails_for_its_sender_alone),
	HARNESS_TEST(a_datagram_refused_by_the_host_fails_and_the_others_go_out),
	HARNESS_TEST(a_full_queue_refuses_and_counts),
	HARNESS_TEST(what_cannot_be_sent_at_all_is_refused_at_once),
	HARNESS_TEST(a_listener_is_advertised_as_configured_or_bound),
	HARNESS_TEST(an_address_in_use_or_not_ours_is_refused),
};

int main(void)
{
	return harness_run("udp", tests, ARRAY_LEN(tests));
}
