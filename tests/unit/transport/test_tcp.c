/* Streams over loopback sockets: messages cut out, answers, reuse of connections. RFC 3261 18. */
#include "stage.h"

#define PING "OPTIONS sip:a@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
#define BODY "MESSAGE sip:b@example.com SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
#define REFUSAL "SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

/* What a client has received; grows as it comes. */
struct inbox {
	char bytes[200000];
	size_t n;
	bool ended;
	int err;
};

static bool pull(struct inbox *in, int fd)
{
	ssize_t n;

	while ((n = recv(fd, in->bytes + in->n, sizeof(in->bytes) - in->n, MSG_DONTWAIT)) > 0)
		in->n += (size_t)n;
	if (n == 0)
		in->ended = true;
	else if (errno != EAGAIN)
		in->err = errno;
	return true;
}

static bool inbox_is(const struct inbox *in, const char *text)
{
	return slice_eq(slice_of(in->bytes, in->n), slice_str(text));
}

/* A stage with a TCP listener; false: an allocation was made to fail. */
static bool up(struct stage *s, const struct transport_config *config, struct net_addr *ret_here)
{
	size_t at;

	if (!stage_up(s, config))
		return false;
	if (!stage_listen(s, RT_TCP, AF_INET, &at)) {
		stage_down(s);
		return false;
	}
	*ret_here = stage_addr(s, at);
	return true;
}

static void messages_arrive_however_they_are_cut(void **state)
{
	static const char stream[] = PING BODY "\r\n" BODY PING PING;
	static const char *const want[] = { PING, BODY, BODY, PING, PING };
	static const size_t pieces[] = { 1, 2, 7, 60, 63, 64, 100, sizeof(stream) - 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct net_addr here;
		struct stage s;
		int fd;

		assert_true(up(&s, NULL, &here));
		fd = client_tcp(&s, &here);
		for (size_t at = 0; at < sizeof(stream) - 1; at += pieces[i]) {
			size_t left = sizeof(stream) - 1 - at;

			client_send(fd, stream + at, left < pieces[i] ? left : pieces[i]);
			uv_run(&s.loop, UV_RUN_NOWAIT);
		}
		STAGE_UNTIL(&s, s.n_got == ARRAY_LEN(want));
		for (size_t k = 0; k < ARRAY_LEN(want); k++) {
			assert_int_equal(s.got[k].err, 0);
			assert_true(slice_eq(packet_view(s.got[k].p), slice_str(want[k])));
		}
		assert_int_equal(s.rt->metrics.count[METRIC_RECV_STREAM], ARRAY_LEN(want));
		stage_down(&s);
	}
}

static void every_prefix_of_a_message_waits_for_the_rest(void **state)
{
	struct net_addr here;

	(void)state;
	for (size_t n = 1; n < strlen(BODY); n += 3) {
		struct stage s;
		int fd;

		assert_true(up(&s, NULL, &here));
		fd = client_tcp(&s, &here);
		client_send(fd, PING BODY, strlen(PING) + n);
		STAGE_UNTIL(&s, s.n_got == 1);
		client_send(fd, &BODY[n], strlen(BODY) - n);
		STAGE_UNTIL(&s, s.n_got == 2);
		assert_true(slice_eq(packet_view(s.got[1].p), SLICE(BODY)));
		stage_down(&s);
	}
}

static void an_answer_goes_back_on_the_connection(void **state)
{
	static struct inbox in;
	struct net_addr here, me;
	struct stage s;
	int fd;

	(void)state;
	if (!up(&s, NULL, &here))
		return;
	s.echo = true;
	memset(&in, 0, sizeof(in));
	fd = client_tcp(&s, &here);
	client_send(fd, PING BODY, strlen(PING BODY));
	STAGE_UNTIL(&s, pull(&in, fd) && in.n >= strlen(PING BODY));
	if (!harness_alloc_failed()) {
		assert_true(inbox_is(&in, PING BODY));
		me = client_addr(fd);
		assert_true(net_addr_eq(&s.got[0].flow.peer, &me));
		assert_int_equal(s.got[0].flow.transport, RT_TCP);
		assert_int_not_equal(s.got[0].flow.conn, 0);
		assert_int_equal(s.got[0].flow.conn, s.got[1].flow.conn);
		assert_int_equal(transport_connections(s.t), 1);
		assert_int_equal(s.rt->metrics.count[METRIC_SENT], 2);
	}
	stage_down(&s);
}

static void streams_of_both_families_are_served(void **state)
{
	static const int families[] = { AF_INET6, AF_INET };
	struct stage s;
	size_t at;

	(void)state;
	assert_true(stage_up(&s, NULL));
	s.echo = true;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		static struct inbox in;
		struct rt_flow to = { .transport = RT_TCP };
		struct net_addr here;
		int fd, conn = -1;

		assert_true(stage_listen(&s, RT_TCP, families[i], &at));
		here = stage_addr(&s, at);
		memset(&in, 0, sizeof(in));
		fd = client_tcp(&s, &here);
		client_send(fd, PING, strlen(PING));
		STAGE_UNTIL(&s, pull(&in, fd) && in.n == strlen(PING));
		assert_int_equal(s.got[i].flow.listener, at);
		/* And out: the listener named is of the other family, the right one is found. */
		fd = client_listen(&s, i ? "127.0.0.1" : "::1", 8, &to.peer);
		to.listener = (uint16_t)(1 - at);
		assert_int_equal(stage_send(&s, &to, PING, 1), 0);
		STAGE_UNTIL(&s, (conn = client_accept(&s, fd)) >= 0);
		memset(&in, 0, sizeof(in));
		STAGE_UNTIL(&s, pull(&in, conn) && in.n == strlen(PING));
	}
	stage_down(&s);
}

static void one_connection_serves_all_messages_for_a_peer(void **state)
{
	static struct inbox in;
	struct rt_flow to = { .transport = RT_TCP };
	struct net_addr here;
	int fd, conn = -1;
	struct stage s;

	(void)state;
	if (!up(&s, NULL, &here))
		return;
	memset(&in, 0, sizeof(in));
	fd = client_listen(&s, "127.0.0.1", 8, &to.peer);
	(void)stage_send(&s, &to, PING, 1); /* queued until it is connected */
	(void)stage_send(&s, &to, BODY, 2);
	STAGE_UNTIL(&s, conn >= 0 || (conn = client_accept(&s, fd)) >= 0);
	STAGE_UNTIL(&s, conn >= 0 && pull(&in, conn) && in.n >= strlen(PING BODY));
	to.conn = 12345; /* gone: the peer counts */
	(void)stage_send(&s, &to, PING, 3);
	STAGE_UNTIL(&s, conn >= 0 && pull(&in, conn) && in.n >= strlen(PING BODY PING));
	if (!harness_alloc_failed()) {
		assert_true(inbox_is(&in, PING BODY PING));
		assert_int_equal(client_accept(&s, fd), -1);
		assert_int_equal(transport_connections(s.t), 1);
		assert_int_equal(s.n_failed, 0);
		/* And what comes on it is a message of that peer. */
		client_send(conn, PING, strlen(PING));
		STAGE_UNTIL(&s, s.n_got == 1);
		assert_true(harness_alloc_failed() || net_addr_eq(&s.got[0].flow.peer, &to.peer));
	}
	stage_down(&s);
}

static void a_connection_that_is_gone_is_opened_anew(void **state)
{
	static struct inbox in;
	struct rt_flow to = { .transport = RT_TCP };
	struct net_addr here;
	int fd, conn = -1;
	struct stage s;

	(void)state;
	assert_true(up(&s, NULL, &here));
	fd = client_listen(&s, "127.0.0.1", 8, &to.peer);
	for (unsigned i = 0; i < 3; i++) {
		conn = -1;
		memset(&in, 0, sizeof(in));
		assert_int_equal(stage_send(&s, &to, PING, 1), 0);
		STAGE_UNTIL(&s, conn >= 0 || (conn = client_accept(&s, fd)) >= 0);
		STAGE_UNTIL(&s, pull(&in, conn) && in.n >= strlen(PING));
		client_close(&s, conn);
		/* It has ended in order: kept for late answers, but not for anything new. */
		s.deadline = UINT64_MAX;
		for (unsigned k = 0; k < 3; k++)
			stage_turn(&s);
	}
	assert_int_equal(s.n_failed, 0);
	stage_down(&s);
}

static void a_refused_connection_fails_for_all_that_waited(void **state)
{
	struct rt_flow to = { .transport = RT_TCP };
	struct net_addr here;
	struct stage s;

	(void)state;
	if (!up(&s, NULL, &here))
		return;
	client_close(&s, client_listen(&s, "127.0.0.1", 8, &to.peer));
	(void)stage_send(&s, &to, PING, 1);
	(void)stage_send(&s, &to, PING, 0);
	(void)stage_send(&s, &to, PING, 2);
	STAGE_UNTIL(&s, s.n_failed == 2);
	if (!harness_alloc_failed()) {
		assert_true(stage_has_failed(&s, 1, -ECONNREFUSED));
		assert_true(stage_has_failed(&s, 2, -ECONNREFUSED));
		assert_int_equal(transport_connections(s.t), 0);
		assert_int_equal(s.rt->metrics.count[METRIC_SEND_FAILED], 3);
	}
	stage_down(&s);
}

static void a_stream_that_cannot_be_followed_is_answered_and_closed(void **state)
{
	static char huge[70000];
	static struct inbox in;
	const struct {
		const char *bytes;
		size_t n;
		int err;
		size_t head;
	} rows[] = {
		{ "OPTIONS sip:a SIP/2.0\r\n\r\n", 25, -EBADMSG, 25 },
		{ "OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\nrest", 48, -EBADMSG, 44 },
		{ "OPTIONS sip:a SIP/2.0\r\nContent-Length: 66000\r\n\r\n", 48, -EMSGSIZE, 48 },
		{ huge, sizeof(huge), -EMSGSIZE, 0 },
	};

	(void)state;
	memset(huge, 'x', sizeof(huge));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_addr here;
		struct stage s;
		int fd;

		assert_true(up(&s, NULL, &here));
		memset(&in, 0, sizeof(in));
		s.refusal = REFUSAL;
		fd = client_tcp(&s, &here);
		client_send(fd, PING, strlen(PING));
		client_send(fd, rows[i].bytes, rows[i].n);
		STAGE_UNTIL(&s, pull(&in, fd) && in.ended);
		assert_int_equal(in.err, 0);
		assert_true(inbox_is(&in, REFUSAL));
		assert_int_equal(s.n_got, 2);
		assert_int_equal(s.got[1].err, rows[i].err);
		assert_int_equal(s.got[1].p->len, rows[i].head);
		/* What still comes is not read as messages. */
		client_send(fd, PING, strlen(PING));
		client_close(&s, fd);
		STAGE_UNTIL(&s, transport_connections(s.t) == 0);
		assert_int_equal(s.n_got, 2);
		stage_down(&s);
	}
}

static void a_double_line_end_is_answered_with_a_single_one(void **state)
{
	static struct inbox in;
	struct net_addr here;
	struct stage s;
	int fd;

	(void)state;
	assert_true(up(&s, NULL, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, "\r\n", 2);
	client_send(fd, "\r\n", 2);
	STAGE_UNTIL(&s, pull(&in, fd) && in.n >= 2);
	client_send(fd, PING "\r\n\r\n" BODY, strlen(PING "\r\n\r\n" BODY));
	STAGE_UNTIL(&s, pull(&in, fd) && in.n >= 4);
	assert_true(inbox_is(&in, "\r\n\r\n"));
	STAGE_UNTIL(&s, s.n_got == 2);
	stage_down(&s);
}

static void a_peer_that_has_ended_still_gets_its_answer(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	static struct inbox in;
	struct net_addr here;
	struct stage s;
	int fd;

	(void)state;
	config.half_ms = 30;
	assert_true(up(&s, &config, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, PING, strlen(PING));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	STAGE_UNTIL(&s, s.n_got == 1);
	s.deadline = UINT64_MAX;
	for (unsigned i = 0; i < 3; i++)
		stage_turn(&s);
	assert_int_equal(stage_send(&s, &s.got[0].flow, BODY, 1), 0);
	STAGE_UNTIL(&s, pull(&in, fd) && in.n > 0);
	assert_true(inbox_is(&in, BODY));
	STAGE_UNTIL(&s, pull(&in, fd) && in.ended); /* after half_ms */
	assert_int_equal(transport_connections(s.t), 0);
	assert_int_equal(s.n_failed, 0);
	stage_down(&s);
}

static void an_answer_for_a_peer_that_is_gone_fails(void **state)
{
	struct net_addr here;
	struct stage s;
	int fd;

	(void)state;
	assert_true(up(&s, NULL, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, PING, strlen(PING));
	client_close(&s, fd);
	STAGE_UNTIL(&s, s.n_got == 1);
	s.deadline = UINT64_MAX;
	for (unsigned i = 0; i < 3; i++)
		stage_turn(&s);
	/* The first write meets with success: only the peer's reset tells. */
	assert_int_equal(stage_send(&s, &s.got[0].flow, BODY, 7), 0);
	STAGE_UNTIL(&s, s.n_failed == 1);
	assert_int_equal(s.failed[0].sender, 7);
	assert_int_equal(transport_connections(s.t), 0);
	stage_down(&s);
}

static void a_slow_reader_gets_everything_in_order(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	static char block[60001];
	struct net_addr here;
	size_t total = 0;
	unsigned sent = 0;
	struct stage s;
	int fd;

	(void)state;
	config.conn_queue_max = 64 << 20;
	assert_true(up(&s, &config, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	/* Far more than the kernel's buffers take. */
	for (; sent < 400; sent++) {
		memset(block, 'a' + (int)(sent % 26), sizeof(block) - 1);
		assert_int_equal(stage_send(&s, &s.got[0].flow, block, 1), 0);
	}
	s.deadline = UINT64_MAX;
	stage_turn(&s);
	assert_true(transport_pending(s.t) > 0);
	while (total < (size_t)sent * (sizeof(block) - 1)) {
		static char piece[50000];
		ssize_t n = -1;

		STAGE_UNTIL(&s, (n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0);
		for (ssize_t i = 0; i < n; i++, total++)
			if (piece[i] != 'a' + (char)(total / (sizeof(block) - 1) % 26))
				fail_msg("byte %zu is out of order", total);
	}
	assert_int_equal(s.n_failed, 0);
	STAGE_UNTIL(&s, transport_pending(s.t) == 0);
	stage_down(&s);
}

static const struct harness_test tests[] = {
	HARNESS_TEST(messages_arrive_however_they_are_cut),
	HARNESS_TEST(every_prefix_of_a_message_waits_for_the_rest),
	HARNESS_ALLOC_TEST(an_answer_goes_back_on_the_connection),
	HARNESS_TEST(streams_of_both_families_are_served),
	HARNESS_ALLOC_TEST(one_connection_serves_all_messages_for_a_peer),
	HARNESS_TEST(a_connection_that_is_gone_is_opened_anew),
	HARNESS_ALLOC_TEST(a_refused_connection_fails_for_all_that_waited),
	HARNESS_TEST(a_stream_that_cannot_be_followed_is_answered_and_closed),
	HARNESS_TEST(a_double_line_end_is_answered_with_a_single_one),
	HARNESS_TEST(a_peer_that_has_ended_still_gets_its_answer),
	HARNESS_TEST(an_answer_for_a_peer_that_is_gone_fails),
	HARNESS_TEST(a_slow_reader_gets_everything_in_order),
};

int main(void)
{
	return harness_run("tcp", tests, ARRAY_LEN(tests));
}
