/* Durations, sizes, addresses and names of the configuration file. */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "config/value.h"

static void durations_have_units_and_bare_numbers_are_seconds(void **state)
{
	static const struct {
		const char *in;
		int rc;
		uint64_t ms;
		const char *text;
	} rows[] = {
		{ "500ms", 0, 500, "500ms" },
		{ "0", 0, 0, "0ms" },
		{ "5", 0, 5000, "5s" },
		{ "5s", 0, 5000, "5s" },
		{ "90S", 0, 90000, "90s" },
		{ "10m", 0, 600000, "10m" },
		{ "2h", 0, 7200000, "2h" },
		{ "1d", 0, 86400000, "1d" },
		{ "1500ms", 0, 1500, "1500ms" },
		{ "4294967295d", 0, 4294967295ull * 86400000, "4294967295d" },
		{ "4294967296", -EBADMSG, 0, NULL },
		{ "", -EBADMSG, 0, NULL },
		{ "s", -EBADMSG, 0, NULL },
		{ "-1s", -EBADMSG, 0, NULL },
		{ "1.5s", -EBADMSG, 0, NULL },
		{ "5 s", -EBADMSG, 0, NULL },
		{ "5sec", -EBADMSG, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		char text[CONFIG_NUMBER];
		uint64_t ms = 0;

		assert_int_equal(config_duration_parse(in, &ms), rows[i].rc);
		assert_true(ms == rows[i].ms);
		if (rows[i].rc == 0)
			assert_string_equal(config_duration_text(ms, text), rows[i].text);
		exact_free(in);
	}
}

static void sizes_have_binary_units(void **state)
{
	static const struct {
		const char *in;
		int rc;
		uint64_t n;
		const char *text;
	} rows[] = {
		{ "512", 0, 512, "512" },
		{ "256KiB", 0, 262144, "256KiB" },
		{ "1mib", 0, 1048576, "1MiB" },
		{ "1024KiB", 0, 1048576, "1MiB" },
		{ "2GiB", 0, 2147483648ull, "2GiB" },
		{ "1500", 0, 1500, "1500" },
		{ "256KB", -EBADMSG, 0, NULL },
		{ "KiB", -EBADMSG, 0, NULL },
		{ "0x10", -EBADMSG, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		char text[CONFIG_NUMBER];
		uint64_t n = 0;

		assert_int_equal(config_size_parse(in, &n), rows[i].rc);
		assert_true(n == rows[i].n);
		if (rows[i].rc == 0)
			assert_string_equal(config_size_text(n, text), rows[i].text);
		exact_free(in);
	}
}

static void booleans_are_six_words(void **state)
{
	static const struct {
		const char *in;
		int rc;
		bool value;
	} rows[] = {
		{ "true", 0, true },   { "YES", 0, true },  { "on", 0, true },
		{ "false", 0, false }, { "no", 0, false },  { "Off", 0, false },
		{ "1", -EBADMSG, 0 },  { "", -EBADMSG, 0 }, { "tru", -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		bool value = false;

		assert_int_equal(config_bool_parse(in, &value), rows[i].rc);
		assert_int_equal(value, rows[i].value);
		exact_free(in);
	}
}

static void listeners_are_transport_address_and_port(void **state)
{
	static const struct {
		const char *in;
		int rc;
		enum rt_transport transport;
		const char *addr;
	} rows[] = {
		{ "udp:0.0.0.0:5060", 0, RT_UDP, "0.0.0.0:5060" },
		{ "tcp:[::]:5060", 0, RT_TCP, "[::]:5060" },
		{ "TCP:[2001:db8::1]", 0, RT_TCP, "[2001:db8::1]:5060" },
		{ "udp:127.0.0.1:0", 0, RT_UDP, "127.0.0.1:0" },
		{ "udp:127.0.0.1", 0, RT_UDP, "127.0.0.1:5060" },
		{ "udp", -EBADMSG, 0, NULL },
		{ "udp:", -EBADMSG, 0, NULL },
		{ "udp:localhost:5060", -EBADMSG, 0, NULL },
		{ "udp:127.0.0.1:65536", -EBADMSG, 0, NULL },
		{ "udp:127.0.0.1:", -EBADMSG, 0, NULL },
		{ "udp:127.0.0.1:5060x", -EBADMSG, 0, NULL },
		{ "udp:::1:5060", -EBADMSG, 0, NULL },
		{ "udp:[::1", -EBADMSG, 0, NULL },
		{ "udp:[::1]5060", -EBADMSG, 0, NULL },
		{ "sctp:127.0.0.1:5060", -EBADMSG, 0, NULL },
		{ "tls:127.0.0.1:5061", -EBADMSG, 0, NULL },
		{ "127.0.0.1:5060", -EBADMSG, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		enum rt_transport transport = RT_TRANSPORTS;
		char text[NET_ADDR_TEXT];
		const char *expected = NULL;
		struct net_addr addr;

		assert_int_equal(config_listen_parse(in, &transport, &addr, &expected), rows[i].rc);
		if (rows[i].rc == 0) {
			assert_int_equal(transport, rows[i].transport);
			assert_string_equal(net_addr_text(&addr, text), rows[i].addr);
		} else {
			assert_non_null(expected);
		}
		exact_free(in);
	}
}

static void advertised_addresses_are_a_host_and_maybe_a_port(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *host;
		uint16_t port;
	} rows[] = {
		{ "sip.example.com", 0, "sip.example.com", 0 },
		{ "sip.example.com:5080", 0, "sip.example.com", 5080 },
		{ "[2001:db8::1]:5060", 0, "[2001:db8::1]", 5060 },
		{ "192.0.2.1", 0, "192.0.2.1", 0 },
		{ "", -EBADMSG, NULL, 0 },
		{ ":5060", -EBADMSG, NULL, 0 },
		{ "a b", -EBADMSG, NULL, 0 },
		{ "a:0", -EBADMSG, NULL, 0 },
		{ "a:99999", -EBADMSG, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct slice host = SLICE_EMPTY;
		uint16_t port = 0;

		assert_int_equal(config_hostport_parse(in, &host, &port), rows[i].rc);
		if (rows[i].rc == 0)
			assert_true(slice_eq(host, slice_str(rows[i].host)));
		assert_int_equal(port, rows[i].port);
		exact_free(in);
	}
}

static void environment_may_not_name_what_the_server_sets(void **state)
{
	(void)state;
	assert_true(config_is_env_name(SLICE("LANG")));
	assert_true(config_is_env_name(SLICE("_x1")));
	assert_false(config_is_env_name(SLICE("1x")));
	assert_false(config_is_env_name(SLICE("a-b")));
	assert_false(config_is_env_name(SLICE("")));
	assert_true(config_is_metavariable(SLICE("SIP_FROM")));
	assert_true(config_is_metavariable(SLICE("SIPCGI_EVENT")));
	assert_true(config_is_metavariable(SLICE("REQUEST_URI")));
	assert_false(config_is_metavariable(SLICE("PATH")));
}

static void names_and_patterns_have_their_characters(void **state)
{
	(void)state;
	assert_true(config_is_token(SLICE("INVITE")));
	assert_true(config_is_token(SLICE("x-1.2")));
	assert_false(config_is_token(SLICE("a b")));
	assert_false(config_is_token(SLICE("a\0b")));
	assert_false(config_is_token(SLICE("")));
	assert_true(config_is_pattern(SLICE("sip:*@example.com")));
	assert_false(config_is_pattern(SLICE("sip: x")));
	assert_false(config_is_pattern(SLICE("")));
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(durations_have_units_and_bare_numbers_are_seconds),
		HARNESS_TEST(sizes_have_binary_units),
		HARNESS_TEST(booleans_are_six_words),
		HARNESS_TEST(listeners_are_transport_address_and_port),
		HARNESS_TEST(advertised_addresses_are_a_host_and_maybe_a_port),
		HARNESS_TEST(environment_may_not_name_what_the_server_sets),
		HARNESS_TEST(names_and_patterns_have_their_characters),
	};

	return harness_run("config/value", tests, ARRAY_LEN(tests));
}
