/* The limits of connections: number, time, bytes and descriptors, each reached. */
#include "stage.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "transport/internal.h"

#define PING "OPTIONS sip:a@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"

static bool up(struct stage *s, const struct transport_config *config, struct net_addr *ret_here)
{
	size_t at;

	if (!stage_up(s, config) || !stage_listen(s, RT_TCP, AF_INET, &at))
		return false;
	*ret_here = stage_addr(s, at);
	return true;
}

/* The peer has closed, orderly or not. */
static bool is_closed(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);

	return n == 0 || (n == -1 && errno != EAGAIN);
}

static void turns(struct stage *s, unsigned n)
{
	s->deadline = UINT64_MAX;
	for (unsigned i = 0; i < n; i++)
		stage_turn(s);
}

static void an_idle_connection_is_closed_and_a_used_one_is_not(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	struct net_addr here;
	uint64_t begin, last, gap = 0;
	int used, idle;
	struct stage s;

	(void)state;
	config.idle_ms = 200;
	assert_true(up(&s, &config, &here));
	used = client_tcp(&s, &here);
	idle = client_tcp(&s, &here);
	begin = last = uv_hrtime() / 1000000;
	client_send(used, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	while (!is_closed(idle)) {
		uint64_t since = uv_hrtime() / 1000000 - last;

		if (since > 5) {
			last += since;
			client_send(used, PING, strlen(PING));
		}
		gap = since > gap ? since : gap;
		turns(&s, 1);
	}
	assert_true(uv_hrtime() / 1000000 >= begin + 200);
	/* Unless the machine was so busy that it was idle indeed. */
	assert_true(gap > 80 || !is_closed(used));
	STAGE_UNTIL(&s, is_closed(used));
	assert_int_equal(transport_connections(s.t), 0);
	stage_down(&s);
}

static void a_message_that_does_not_end_in_time_closes_its_connection(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	struct net_addr here;
	struct stage s;
	size_t at = 0;
	int fd;

	(void)state;
	config.message_ms = 40;
	assert_true(up(&s, &config, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	/* A byte now and then does not buy time. */
	s.deadline = uv_hrtime() + 10 * UINT64_C(1000000000);
	while (!is_closed(fd)) {
		if (at < strlen(PING) - 1 && send(fd, PING + at, 1, MSG_NOSIGNAL) == 1)
			at++;
		stage_turn(&s);
		if (at >= 20)
			at = strlen(PING);
	}
	assert_int_equal(s.n_got, 1);
	assert_int_equal(transport_connections(s.t), 0);
	stage_down(&s);
}

static void a_peer_that_says_nothing_at_all_is_closed_sooner_than_idle(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	struct net_addr here;
	struct stage s;
	int fd, talker;

	(void)state;
	config.message_ms = 40;
	assert_true(up(&s, &config, &here));
	fd = client_tcp(&s, &here);
	talker = client_tcp(&s, &here);
	client_send(talker, "\r\n", 2);
	STAGE_UNTIL(&s, is_closed(fd));
	assert_int_equal(transport_connections(s.t), 1);
	assert_false(is_closed(talker));
	stage_down(&s);
}

static void a_peer_that_does_not_answer_is_given_up(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	struct rt_flow to = { .transport = RT_TCP };
	struct net_addr here;
	struct stage s;

	(void)state;
	config.connect_ms = 40;
	assert_true(up(&s, &config, &here));
	/* A backlog that is full drops what knocks. */
	(void)client_listen(&s, "127.0.0.1", 0, &to.peer);
	for (unsigned i = 0; i < 4; i++)
		(void)client_tcp(&s, &to.peer);
	assert_int_equal(stage_send(&s, &to, PING, 1), 0);
	assert_int_equal(stage_send(&s, &to, PING, 2), 0);
	STAGE_UNTIL(&s, s.n_failed == 2);
	assert_true(stage_has_failed(&s, 1, -ETIMEDOUT));
	assert_true(stage_has_failed(&s, 2, -ETIMEDOUT));
	stage_down(&s);
}

static void a_full_queue_refuses_and_the_rest_fails_with_the_connection(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	static char block[10001];
	struct net_addr here;
	uint64_t sent = 0;
	struct stage s;
	int fd, rc;

	(void)state;
	config.conn_queue_max = 100000;
	config.stall_ms = 40;
	memset(block, 'x', sizeof(block) - 1);
	assert_true(up(&s, &config, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	/* Nobody reads: the kernel's buffers fill up, then ours. */
	while ((rc = stage_send(&s, &s.got[0].flow, block, sent + 1)) == 0)
		sent++;
	assert_int_equal(rc, -ENOBUFS);
	assert_int_equal(s.rt->metrics.count[METRIC_SEND_QUEUE_FULL], 1);
	assert_in_range(transport_pending(s.t), 90000, 100000);
	assert_int_equal(s.n_failed, 0);
	/* Then the connection is given up, and who waited learns of it, in order. */
	STAGE_UNTIL(&s, s.n_failed > 0);
	assert_in_range(s.n_failed, 9, 10);
	for (size_t i = 0; i < s.n_failed; i++) {
		assert_int_equal(s.failed[i].err, -ETIMEDOUT);
		assert_int_equal(s.failed[i].sender, sent - s.n_failed + 1 + i);
	}
	assert_int_equal(transport_connections(s.t), 0);
	stage_down(&s);
}

static void all_connections_share_one_limit_of_bytes(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	struct rt_flow to[2] = { { .transport = RT_TCP }, { .transport = RT_TCP } };
	struct net_addr here;
	struct stage s;

	(void)state;
	config.queue_max = 3 * strlen(PING);
	assert_true(up(&s, &config, &here));
	for (unsigned i = 0; i < 2; i++) {
		(void)client_listen(&s, "127.0.0.1", 8, &to[i].peer);
		assert_int_equal(stage_send(&s, &to[i], PING, 1), 0);
	}
	assert_int_equal(stage_send(&s, &to[0], PING, 2), 0);
	assert_int_equal(stage_send(&s, &to[1], PING, 3), -ENOBUFS);
	assert_int_equal(stage_send(&s, &to[0], PING, 4), -ENOBUFS);
	assert_int_equal(s.rt->metrics.count[METRIC_SEND_QUEUE_FULL], 2);
	STAGE_UNTIL(&s, transport_pending(s.t) == 0);
	assert_int_equal(stage_send(&s, &to[1], PING, 5), 0);
	stage_down(&s);
}

static void a_reset_fails_what_waits(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	static char block[10001];
	struct linger hard = { .l_onoff = 1 };
	struct net_addr here;
	uint64_t sent = 0;
	struct stage s;
	int fd;

	(void)state;
	config.conn_queue_max = 100000;
	memset(block, 'x', sizeof(block) - 1);
	assert_true(up(&s, &config, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	while (stage_send(&s, &s.got[0].flow, block, sent + 1) == 0)
		sent++;
	turns(&s, 2);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	client_close(&s, fd);
	STAGE_UNTIL(&s, s.n_failed > 0);
	assert_true(stage_has_failed(&s, sent, -ECONNRESET) || stage_has_failed(&s, sent, -EPIPE));
	assert_int_equal(transport_connections(s.t), 0);
	stage_down(&s);
}

static void connections_are_limited_in_all_and_per_source(void **state)
{
	static const struct {
		size_t all, source;
		const char *log;
	} rows[] = {
		{ 2, 100, "connection limit reached" },
		{ 100, 2, "too many connections from one source" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
		struct net_addr here;
		struct stage s;
		int fd[4];

		config.conn_max = rows[i].all;
		config.conn_max_source = rows[i].source;
		harness_expect_log(LOG_WARN, rows[i].log);
		assert_true(up(&s, &config, &here));
		for (unsigned k = 0; k < 4; k++)
			fd[k] = client_tcp(&s, &here);
		STAGE_UNTIL(&s, is_closed(fd[2]) && is_closed(fd[3]));
		assert_int_equal(transport_connections(s.t), 2);
		assert_int_equal(s.rt->metrics.count[METRIC_CONN_REFUSED], 2);
		if (i == 0) {
			struct rt_flow to = { .transport = RT_TCP };

			(void)client_listen(&s, "127.0.0.1", 8, &to.peer);
			assert_int_equal(stage_send(&s, &to, PING, 1), -ENOBUFS);
		}
		/* One goes, one may come. */
		client_close(&s, fd[0]);
		STAGE_UNTIL(&s, transport_connections(s.t) == 1);
		fd[2] = client_tcp(&s, &here);
		client_send(fd[2], PING, strlen(PING));
		STAGE_UNTIL(&s, s.n_got == 1);
		stage_down(&s);
	}
}

static void peers_that_have_ended_make_room_for_others(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
		struct net_addr here;
		struct stage s;
		int fd;

		*(i ? &config.conn_max : &config.conn_max_source) = 1;
		assert_true(up(&s, &config, &here));
		for (unsigned k = 1; k <= 5; k++) {
			fd = client_tcp(&s, &here);
			client_send(fd, PING, strlen(PING));
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
			STAGE_UNTIL(&s, s.n_got == k);
			turns(&s, 3);
			assert_int_equal(transport_connections(s.t), 1);
		}
		assert_int_equal(s.rt->metrics.count[METRIC_CONN_REFUSED], 0);
		stage_down(&s);
	}
}

static void without_descriptors_accepting_pauses_and_goes_on(void **state)
{
	struct transport_config config = TRANSPORT_CONFIG_DEFAULT;
	struct rlimit before, none;
	struct net_addr here;
	struct stage s;
	int fd[3], next;

	(void)state;
	config.accept_pause_ms = 30;
	harness_expect_log(LOG_WARN, "no descriptors left, accepting paused");
	assert_true(up(&s, &config, &here));
	turns(&s, 2);
	for (unsigned i = 0; i < 3; i++)
		fd[i] = client_tcp(&s, &here);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	next = open("/dev/null", O_RDONLY);
	close(next);
	none = before;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	/* The first is refused with the spare descriptor, later ones wait. */
	STAGE_UNTIL(&s, is_closed(fd[0]));
	assert_int_equal(s.rt->metrics.count[METRIC_CONN_REFUSED], 1);
	assert_false(is_closed(fd[1]));
	assert_int_equal(transport_connections(s.t), 0);
	STAGE_UNTIL(&s, is_closed(fd[1])); /* tried again, said nothing */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	client_send(fd[2], PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	assert_int_equal(transport_connections(s.t), 1);
	stage_down(&s);
}

static void when_accepting_has_stopped_old_connections_go_on(void **state)
{
	struct net_addr here;
	struct stage s;
	int old, late;

	(void)state;
	assert_true(up(&s, NULL, &here));
	old = client_tcp(&s, &here);
	STAGE_UNTIL(&s, transport_connections(s.t) == 1);
	transport_stop_accepting(s.t);
	late = client_tcp(&s, &here);
	STAGE_UNTIL(&s, is_closed(late));
	client_send(old, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	assert_int_equal(transport_connections(s.t), 1);
	stage_down(&s);
}

/* Every pair of state and event; '-': ignored. */
static void every_state_answers_every_event_as_the_table_says(void **state)
{
	static const struct {
		enum conn_event ev;
		const char *to; /* from connecting, open, half, draining, linger, closed */
	} rows[] = {
		{ CONN_EV_CONNECTED, "o-----" }, { CONN_EV_EOF, "-h-dx-" },
		{ CONN_EV_FAULT, "-d----" },     { CONN_EV_FLUSHED, "---l--" },
		{ CONN_EV_ERROR, "xxxxx-" },     { CONN_EV_TIMEOUT, "xxxxx-" },
	};
	static const char letters[] = "cohdlx";

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), CONN_EVENTS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned in = 0; in < CONN_STATES; in++) {
			enum conn_state to = CONN_STATES;
			int rc = conn_step((enum conn_state)in, rows[i].ev, &to);

			assert_int_equal(rc ? '-' : letters[to], rows[i].to[in]);
		}
	}
}

static void connections_are_shown(void **state)
{
	AUTO_BUF out = BUF_INIT;
	struct net_addr here;
	struct stage s;
	int fd;

	(void)state;
	assert_true(up(&s, NULL, &here));
	fd = client_tcp(&s, &here);
	client_send(fd, PING, strlen(PING));
	STAGE_UNTIL(&s, s.n_got == 1);
	transport_show(s.t, &out);
	buf_char(&out, '\0');
	assert_non_null(strstr(out.data, " tcp from 127.0.0.1:"));
	assert_non_null(strstr(out.data, " open idle "));
	stage_down(&s);
}

static const struct harness_test tests[] = {
	HARNESS_TEST(an_idle_connection_is_closed_and_a_used_one_is_not),
	HARNESS_TEST(a_message_that_does_not_end_in_time_closes_its_connection),
	HARNESS_TEST(a_peer_that_says_nothing_at_all_is_closed_sooner_than_idle),
	HARNESS_TEST(a_peer_that_does_not_answer_is_given_up),
	HARNESS_TEST(a_full_queue_refuses_and_the_rest_fails_with_the_connection),
	HARNESS_TEST(all_connections_share_one_limit_of_bytes),
	HARNESS_TEST(a_reset_fails_what_waits),
	HARNESS_TEST(connections_are_limited_in_all_and_per_source),
	HARNESS_TEST(peers_that_have_ended_make_room_for_others),
	HARNESS_TEST(without_descriptors_accepting_pauses_and_goes_on),
	HARNESS_TEST(when_accepting_has_stopped_old_connections_go_on),
	HARNESS_TEST(every_state_answers_every_event_as_the_table_says),
	HARNESS_TEST(connections_are_shown),
};

int main(void)
{
	return harness_run("conn", tests, ARRAY_LEN(tests));
}
