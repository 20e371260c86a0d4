/* Transport, port and order of addresses: RFC 3263 4.1, 4.2. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "resolve/plan.h"

static struct net_addr addr(const char *host)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(slice_str(host), 0, &a), 0);
	return a;
}

/* "udp4 tcp6": one listener each. */
static void reach_of(const char *listeners, struct plan_reach *ret)
{
	struct slice rest = slice_str(listeners), word;
	struct rt_listener l[8] = { 0 };
	size_t n = 0;

	while (slice_word(&rest, &word)) {
		assert_int_equal(rt_transport_parse(slice_head(word, word.n - 1), &l[n].transport),
				 0);
		l[n++].addr = addr(word.p[word.n - 1] == '6' ? "::1" : "127.0.0.1");
	}
	plan_reach(l, n, ret);
}

static void the_transport_is_the_one_named_or_the_default(void **state)
{
	static const struct {
		const char *listeners;
		int transport;
		bool secure;
		uint16_t port;
		enum rt_transport want;
		uint16_t want_port;
	} rows[] = {
		{ "udp4 tcp4", -1, false, 0, RT_UDP, 5060 },
		{ "tcp4 udp4", -1, false, 0, RT_UDP, 5060 },
		{ "tcp4", -1, false, 0, RT_TCP, 5060 },
		{ "", -1, false, 0, RT_UDP, 5060 },
		{ "udp4", RT_TCP, false, 0, RT_TCP, 5060 },
		{ "udp4", RT_TCP, false, 5080, RT_TCP, 5080 },
		{ "udp4", RT_TLS, false, 0, RT_TLS, 5061 },
		{ "udp4", -1, true, 0, RT_TLS, 5061 },
		{ "udp4", RT_UDP, true, 0, RT_TLS, 5061 },
		{ "udp4", RT_TCP, true, 0, RT_TLS, 5061 },
		{ "udp4", RT_WS, true, 0, RT_WSS, 443 },
		{ "udp4", RT_WS, false, 0, RT_WS, 80 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rt_query q = { .transport = rows[i].transport,
				      .secure = rows[i].secure,
				      .port = rows[i].port };
		struct plan_reach reach;

		reach_of(rows[i].listeners, &reach);
		assert_int_equal(plan_transport(&q, &reach), rows[i].want);
		assert_int_equal(plan_port(&q, rows[i].want), rows[i].want_port);
	}
}

static void addresses_stand_in_the_order_of_the_listeners_families(void **state)
{
	static const char *const hosts[] = { "192.0.2.1", "2001:db8::1", "192.0.2.2",
					     "2001:db8::2" };
	static const struct {
		const char *listeners;
		enum rt_transport transport;
		const char *want; /* indices into hosts */
	} rows[] = {
		{ "udp4 udp6", RT_UDP, "0213" }, { "udp6 udp4", RT_UDP, "1302" },
		{ "udp4", RT_UDP, "02" },        { "udp6", RT_UDP, "13" },
		{ "udp4 tcp6", RT_TCP, "13" },   { "udp4 udp6 tcp6 tcp4", RT_TCP, "1302" },
		{ "udp4 udp6", RT_TCP, "" },     { "", RT_UDP, "" },
	};
	struct net_addr addrs[ARRAY_LEN(hosts)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		addrs[i] = addr(hosts[i]);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rt_targets targets = { 0 };
		struct plan_reach reach;

		reach_of(rows[i].listeners, &reach);
		plan_host(addrs, ARRAY_LEN(addrs), rows[i].transport, 5070, &reach, &targets);
		assert_int_equal(targets.n, strlen(rows[i].want));
		for (size_t k = 0; k < targets.n; k++) {
			struct net_addr want = addrs[rows[i].want[k] - '0'];

			net_addr_set_port(&want, 5070);
			assert_true(net_addr_eq(&targets.v[k].addr, &want));
			assert_int_equal(targets.v[k].transport, rows[i].transport);
		}
	}
}

static void no_more_targets_than_there_is_room_for(void **state)
{
	struct net_addr addrs[RT_TARGETS_MAX + 3];
	struct rt_targets targets = { 0 };
	struct plan_reach reach;

	(void)state;
	reach_of("udp4", &reach);
	for (size_t i = 0; i < ARRAY_LEN(addrs); i++)
		addrs[i] = addr("192.0.2.1");
	plan_host(addrs, 5, RT_UDP, 1, &reach, &targets);
	assert_int_equal(targets.n, 5);
	plan_host(addrs, ARRAY_LEN(addrs), RT_UDP, 2, &reach, &targets);
	assert_int_equal(targets.n, RT_TARGETS_MAX);
	assert_int_equal(net_addr_port(&targets.v[4].addr), 1);
	assert_int_equal(net_addr_port(&targets.v[5].addr), 2);
}

static const struct harness_test tests[] = {
	HARNESS_TEST(the_transport_is_the_one_named_or_the_default),
	HARNESS_TEST(addresses_stand_in_the_order_of_the_listeners_families),
	HARNESS_TEST(no_more_targets_than_there_is_room_for),
};

int main(void)
{
	return harness_run("plan", tests, ARRAY_LEN(tests));
}
