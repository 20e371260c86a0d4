/* Names against a DNS server of the test's own, over loopback. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <uv.h>

#include "daemon/runtime_uv.h"
#include "resolve/resolver.h"

/* What the server knows; a name with neither address is NXDOMAIN, "silent" gets no answer. */
static const struct {
	const char *name;
	uint32_t ttl;
	const char *v4, *v6; /* several: separated by blanks */
	int rcode;
} zone[] = {
	{ "one.example.com", 60, "192.0.2.1", NULL, 0 },
	{ "six.example.com", 60, NULL, "2001:db8::6", 0 },
	{ "both.example.com", 60, "192.0.2.1 192.0.2.2", "2001:db8::1", 0 },
	{ "zero.example.com", 0, "192.0.2.3", NULL, 0 },
	{ "broken.example.com", 0, NULL, NULL, 2 },
	{ "refused.example.com", 0, NULL, NULL, 5 },
	{ "empty.example.com", 60, "", "", 0 },
};

struct answer {
	bool called;
	int err;
	struct rt_targets targets;
	struct bench *b;
	struct rt_resolve *cancels; /* another question, ended from within the call */
};

struct bench {
	uv_loop_t loop;
	struct runtime_uv *u;
	struct runtime *rt;
	struct resolver *r;
	struct rt_listener listeners[4];
	int dns;
	unsigned questions; /* asked of the server */
	uint64_t deadline;
};

static void down(struct bench *b)
{
	if (b->u)
		runtime_uv_attach(b->u, NULL, NULL);
	resolver_free(b->r);
	runtime_uv_free(b->u);
	while (uv_run(&b->loop, UV_RUN_DEFAULT))
		;
	assert_int_equal(uv_loop_close(&b->loop), 0);
	close(b->dns);
}

static struct net_addr addr(const char *host)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(slice_str(host), 0, &a), 0);
	return a;
}

/* False: an allocation was made to fail. */
static bool up(struct bench *b, const struct resolver_config *config)
{
	struct resolver_config c = RESOLVER_CONFIG_DEFAULT;
	struct net_addr here = addr("127.0.0.1");
	socklen_t len = sizeof(here);
	char servers[NET_ADDR_TEXT];

	memset(b, 0, sizeof(*b));
	b->dns = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(b->dns, &here.sa, len), 0);
	assert_int_equal(getsockname(b->dns, &here.sa, &len), 0);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	if (runtime_uv_new(&b->loop, &b->u)) {
		down(b);
		return false;
	}
	b->rt = runtime_uv_rt(b->u);
	for (size_t i = 0; i < 4; i++) {
		b->listeners[i].transport = i % 2 ? RT_TCP : RT_UDP;
		b->listeners[i].addr = addr(i < 2 ? "127.0.0.1" : "::1");
	}
	b->rt->listeners = b->listeners;
	b->rt->n_listeners = 4;
	if (config)
		c = *config;
	c.servers = net_addr_text(&here, servers);
	if (resolver_new(&b->loop, b->rt, &c, &b->r)) {
		down(b);
		return false;
	}
	runtime_uv_attach(b->u, NULL, b->r);
	return true;
}

static size_t put_records(unsigned char *out, size_t n, const char *addrs, int family, uint32_t ttl,
			  unsigned *count)
{
	struct slice rest = slice_str(addrs), word;

	while (slice_word(&rest, &word)) {
		struct net_addr a;
		size_t size = family == AF_INET ? 4 : 16;
		const unsigned char head[] = { 0xc0,
					       12,
					       0,
					       family == AF_INET ? 1 : 28,
					       0,
					       1,
					       (unsigned char)(ttl >> 24),
					       (unsigned char)(ttl >> 16),
					       (unsigned char)(ttl >> 8),
					       (unsigned char)ttl,
					       0,
					       (unsigned char)size };

		assert_int_equal(net_addr_parse(word, 0, &a), 0);
		memcpy(out + n, head, sizeof(head));
		n += sizeof(head);
		memcpy(out + n,
		       family == AF_INET ? (void *)&a.in4.sin_addr : (void *)&a.in6.sin6_addr,
		       size);
		n += size;
		++*count;
	}
	return n;
}

/* Answers one question: RFC 1035 4.1. */
static bool serve(struct bench *b)
{
	unsigned char m[1500];
	struct net_addr from;
	socklen_t len = sizeof(from);
	ssize_t got = recvfrom(b->dns, m, sizeof(m), 0, &from.sa, &len);
	unsigned count = 0, rcode = 3;
	size_t at = 12, n;
	char name[256] = "";

	if (got < 17)
		return false;
	while (m[at]) {
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s%.*s",
			 *name ? "." : "", m[at], (char *)&m[at + 1]);
		at += m[at] + 1u;
	}
	n = at + 5;
	b->questions++;
	if (strcmp(name, "silent.example.com") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(zone); i++) {
		bool v4 = m[at + 2] == 1;
		const char *addrs = v4 ? zone[i].v4 : zone[i].v6;

		if (strcasecmp(name, zone[i].name) != 0)
			continue;
		rcode = (unsigned)zone[i].rcode;
		if (addrs)
			n = put_records(m, n, addrs, v4 ? AF_INET : AF_INET6, zone[i].ttl, &count);
	}
	m[2] = 0x84;
	m[3] = (unsigned char)(0x80 | rcode);
	m[6] = 0;
	m[7] = (unsigned char)count;
	m[8] = m[9] = m[10] = m[11] = 0;
	assert_int_equal(sendto(b->dns, m, n, 0, &from.sa, len), n);
	return true;
}

/* One turn; false when waiting is in vain. */
static bool turn(struct bench *b)
{
	struct pollfd fds[2];
	int timeout;

	if (uv_hrtime() > b->deadline)
		fail_msg("nothing happens");
	uv_run(&b->loop, UV_RUN_NOWAIT);
	if (harness_alloc_failed())
		return false;
	timeout = uv_backend_timeout(&b->loop);
	fds[0] = (struct pollfd){ uv_backend_fd(&b->loop), POLLIN, 0 };
	fds[1] = (struct pollfd){ b->dns, POLLIN, 0 };
	(void)poll(fds, 2, timeout < 0 || timeout > 10 ? 10 : timeout);
	while (serve(b))
		;
	return true;
}

#define UNTIL(b, condition)                                                                        \
	do {                                                                                       \
		(b)->deadline = uv_hrtime() + 10 * UINT64_C(1000000000);                           \
		for (unsigned turns_ = 0; !(condition) && turns_ < 20;)                            \
			turns_ += turn(b) ? 0 : 1;                                                 \
	} while (0)

static void resolved(void *arg, int err, const struct rt_targets *targets)
{
	struct answer *a = arg;

	assert_false(a->called);
	a->called = true;
	a->err = err;
	assert_true(err ? !targets : targets->n > 0);
	if (targets)
		a->targets = *targets;
	if (a->cancels)
		resolver_cancel(a->cancels);
}

static int ask(struct bench *b, const char *host, int transport, struct answer *a,
	       struct rt_resolve **ret)
{
	struct rt_query q = { .host = slice_str(host), .port = 5070, .transport = transport };
	struct rt_resolve *ignored;

	memset(a, 0, sizeof(*a));
	a->b = b;
	return b->rt->ops->resolve(b->rt, &q, &a->targets, resolved, a, ret ? ret : &ignored);
}

/* Asks and waits; what came of it. */
static int ask_wait(struct bench *b, const char *host, int transport, struct answer *a)
{
	int rc = ask(b, host, transport, a, NULL);

	if (rc != -EINPROGRESS)
		return rc;
	UNTIL(b, a->called);
	return a->called ? a->err : -ENOMEM;
}

static const char *text_of(const struct rt_targets *t)
{
	static char text[1000];
	char one[NET_ADDR_TEXT];

	*text = '\0';
	for (size_t i = 0; i < t->n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s/%s", i ? " " : "",
			 rt_transport_name(t->v[i].transport), net_addr_text(&t->v[i].addr, one));
	return text;
}

static void names_and_numbers_resolve_for_what_can_be_reached(void **state)
{
	static const struct {
		const char *host;
		int transport;
		int rc;
		const char *want;
	} rows[] = {
		{ "192.0.2.9", -1, 0, "udp/192.0.2.9:5070" },
		{ "[2001:db8::9]", RT_TCP, 0, "tcp/[2001:db8::9]:5070" },
		{ "192.0.2.9", RT_TLS, -ENOENT, NULL },
		{ "one.example.com", -1, 0, "udp/192.0.2.1:5070" },
		{ "One.Example.COM.", RT_TCP, 0, "tcp/192.0.2.1:5070" },
		{ "six.example.com", -1, 0, "udp/[2001:db8::6]:5070" },
		{ "both.example.com", -1, 0,
		  "udp/192.0.2.1:5070 udp/192.0.2.2:5070 udp/[2001:db8::1]:5070" },
		{ "nowhere.example.com", -1, -ENOENT, NULL },
		{ "empty.example.com", -1, -ENOENT, NULL },
		{ "broken.example.com", -1, -EAGAIN, NULL },
		{ "refused.example.com", -1, -EAGAIN, NULL },
		{ "one.example.com", RT_TLS, -ENOENT, NULL },
		{ "", -1, -ENOENT, NULL },
		{ ".", -1, -ENOENT, NULL },
		{ "with space.example.com", -1, -ENOENT, NULL },
		{ "a..b", -1, -ENOENT, NULL },
	};
	struct bench b;

	(void)state;
	if (!up(&b, NULL))
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a;
		int rc = ask_wait(&b, rows[i].host, rows[i].transport, &a);

		if (harness_alloc_failed())
			break;
		if (rc != rows[i].rc)
			fail_msg("%s: %d", rows[i].host, rc);
		if (rc == 0)
			assert_string_equal(text_of(&a.targets), rows[i].want);
	}
	down(&b);
}

static void localhost_needs_no_server(void **state)
{
	struct answer a;
	struct bench b;

	(void)state;
	assert_true(up(&b, NULL));
	b.rt->n_listeners = 2; /* IPv4 */
	assert_int_equal(ask_wait(&b, "localhost", -1, &a), 0);
	assert_string_equal(text_of(&a.targets), "udp/127.0.0.1:5070");
	assert_int_equal(b.questions, 0);
	down(&b);
}

static void only_families_with_a_listener_are_asked_for(void **state)
{
	struct answer a;
	struct bench b;

	(void)state;
	assert_true(up(&b, NULL));
	b.rt->n_listeners = 2; /* IPv4 */
	assert_int_equal(ask_wait(&b, "both.example.com", -1, &a), 0);
	assert_string_equal(text_of(&a.targets), "udp/192.0.2.1:5070 udp/192.0.2.2:5070");
	assert_int_equal(b.questions, 1);
	down(&b);
}

static void an_answer_is_kept_for_its_time_to_live(void **state)
{
	struct resolver_config config = RESOLVER_CONFIG_DEFAULT;
	struct answer a;
	struct bench b;
	unsigned asked;

	(void)state;
	config.ttl_min_ms = 30;
	config.missing_ms = 30;
	config.failure_ms = 30;
	assert_true(up(&b, &config));
	assert_int_equal(ask_wait(&b, "one.example.com", -1, &a), 0);
	asked = b.questions;
	assert_int_equal(ask(&b, "ONE.example.com", -1, &a, NULL), 0);
	assert_string_equal(text_of(&a.targets), "udp/192.0.2.1:5070");

	/* Short ones hold for the least time, and then are asked for again. */
	(void)ask_wait(&b, "zero.example.com", -1, &a);
	(void)ask_wait(&b, "nowhere.example.com", -1, &a);
	(void)ask_wait(&b, "broken.example.com", -1, &a);
	assert_true(b.questions > asked);
	asked = b.questions;
	UNTIL(&b, ask(&b, "zero.example.com", -1, &a, NULL) == -EINPROGRESS);
	UNTIL(&b, a.called);
	UNTIL(&b, ask(&b, "nowhere.example.com", -1, &a, NULL) == -EINPROGRESS);
	UNTIL(&b, a.called);
	UNTIL(&b, ask(&b, "broken.example.com", -1, &a, NULL) == -EINPROGRESS);
	UNTIL(&b, a.called);
	assert_true(b.questions > asked);
	assert_int_equal(ask(&b, "one.example.com", -1, &a, NULL), 0);
	resolver_flush(b.r);
	assert_int_equal(resolver_cached(b.r), 0);
	down(&b);
}

static void a_silent_server_ends_in_a_timeout(void **state)
{
	struct resolver_config config = RESOLVER_CONFIG_DEFAULT;
	struct answer a;
	struct bench b;

	(void)state;
	config.timeout_ms = 20;
	config.tries = 2;
	assert_true(up(&b, &config));
	assert_int_equal(ask_wait(&b, "silent.example.com", -1, &a), -ETIMEDOUT);
	assert_true(b.questions >= 2);
	/* A port that is closed is no timeout, but a failure at once. */
	close(b.dns);
	b.dns = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(ask_wait(&b, "one.example.com", -1, &a), -EAGAIN);
	down(&b);
}

static void one_question_serves_all_who_ask_and_any_may_leave(void **state)
{
	struct rt_resolve *query[4];
	struct answer a[4];
	struct bench b;

	(void)state;
	assert_true(up(&b, NULL));
	b.rt->n_listeners = 2;
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		assert_int_equal(
			ask(&b, "one.example.com", i % 2 ? RT_TCP : RT_UDP, &a[i], &query[i]),
			-EINPROGRESS);
	resolver_cancel(query[0]);
	a[1].cancels = query[2];
	UNTIL(&b, a[3].called);
	assert_int_equal(b.questions, 1);
	assert_false(a[0].called);
	assert_true(a[1].called);
	assert_false(a[2].called);
	assert_string_equal(text_of(&a[3].targets), "tcp/192.0.2.1:5070");
	down(&b);
}

static void the_cache_and_the_questions_under_way_are_limited(void **state)
{
	struct resolver_config config = RESOLVER_CONFIG_DEFAULT;
	struct answer a, more[3];
	struct bench b;
	unsigned asked;
	char name[64];

	(void)state;
	config.cache_max = 4;
	config.pending_max = 2;
	assert_true(up(&b, &config));
	assert_int_equal(ask_wait(&b, "one.example.com", -1, &a), 0);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%u.example.com", i);
		assert_int_equal(ask_wait(&b, name, -1, &a), -ENOENT);
		assert_true(resolver_cached(b.r) <= 4);
		/* What is used stays. */
		assert_int_equal(ask(&b, "one.example.com", -1, &a, NULL), 0);
	}
	asked = b.questions;
	assert_int_equal(ask(&b, "n9.example.com", -1, &a, NULL), -ENOENT);
	assert_int_equal(b.questions, asked);
	assert_int_equal(ask(&b, "x.example.com", -1, &more[0], NULL), -EINPROGRESS);
	assert_int_equal(ask(&b, "y.example.com", -1, &more[1], NULL), -EINPROGRESS);
	assert_int_equal(ask(&b, "z.example.com", -1, &more[2], NULL), -EAGAIN);
	UNTIL(&b, more[0].called && more[1].called);
	assert_int_equal(ask(&b, "z.example.com", -1, &more[2], NULL), -EINPROGRESS);
	/* Still under way at the end: nobody is told. */
	down(&b);
	assert_false(more[2].called);
}

static const struct harness_test tests[] = {
	HARNESS_TEST(localhost_needs_no_server),
	HARNESS_TEST(only_families_with_a_listener_are_asked_for),
	HARNESS_TEST(an_answer_is_kept_for_its_time_to_live),
	HARNESS_TEST(a_silent_server_ends_in_a_timeout),
	HARNESS_TEST(one_question_serves_all_who_ask_and_any_may_leave),
	HARNESS_TEST(the_cache_and_the_questions_under_way_are_limited),
	HARNESS_ALLOC_TEST(names_and_numbers_resolve_for_what_can_be_reached),
};

int main(void)
{
	return harness_run("resolver", tests, ARRAY_LEN(tests));
}
