/* Via: RFC 3261 20.42, 18.2; RFC 3581; RFC 5118 4.5. */
#include "harness.h"

#include <errno.h>

#include "sip/via.h"

static void assert_slice(struct slice s, const char *want)
{
	if (!slice_eq(s, slice_str(want)))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(s), want);
}

static void a_via_is_split_into_its_components(void **state)
{
	static const struct {
		const char *in;
		int transport;
		const char *protocol, *host;
		uint16_t port;
		const char *params, *branch, *received;
		bool rport;
		uint16_t rport_value;
		const char *maddr;
		int ttl;
	} rows[] = {
		{ "SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7", RT_UDP,
		  "UDP", "erlang.bell-telephone.com", 5060, ";branch=z9hG4bK87asdks7",
		  "z9hG4bK87asdks7", "", false, 0, "", -1 },
		{ "SIP/2.0/UDP 192.0.2.1:5060 ;received=192.0.2.207\r\n     ;branch=z9hG4bK77asjd",
		  RT_UDP, "UDP", "192.0.2.1", 5060,
		  ";received=192.0.2.207\r\n     ;branch=z9hG4bK77asjd", "z9hG4bK77asjd",
		  "192.0.2.207", false, 0, "", -1 },
		{ "SIP / 2.0 / UDP first.example.com: 4000;ttl=16\r\n ;maddr=224.2.0.1 "
		  ";branch=z9hG4bKa7c6a8dlze.1",
		  RT_UDP, "UDP", "first.example.com", 4000,
		  ";ttl=16\r\n ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1", "z9hG4bKa7c6a8dlze.1",
		  "", false, 0, "224.2.0.1", 16 },
		{ "SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw", RT_UDP, "UDP",
		  "192.0.2.2", 0, ";branch=390skdjuw", "390skdjuw", "", false, 0, "", -1 },
		{ "SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ",
		  RT_TCP, "TCP", "spindle.example.com", 0, ";\r\n  branch  =   z9hG4bK9ikj8",
		  "z9hG4bK9ikj8", "", false, 0, "", -1 },
		{ "sip/2.0/tls a", RT_TLS, "tls", "a", 0, "", "", "", false, 0, "", -1 },
		{ "SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en", -1, "UNKNOWN",
		  "t4.example.com", 0, ";branch=z9hG4bKasd0f3en", "z9hG4bKasd0f3en", "", false, 0,
		  "", -1 },
		{ "SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK-.!%66*_+`'~;rport", RT_WSS,
		  "WSS", "df7jal23ls0d.invalid", 0, ";branch=z9hG4bK-.!%66*_+`'~;rport",
		  "z9hG4bK-.!%66*_+`'~", "", true, 0, "", -1 },
		{ "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
		  RT_UDP, "UDP", "[2001:db8::9:1]", 0,
		  ";received=[2001:db8::9:255];branch=z9hG4bKas3-111", "z9hG4bKas3-111",
		  "[2001:db8::9:255]", false, 0, "", -1 },
		{ "SIP/2.0/UDP "
		  "[2001:db8::9:1]:6050;received=2001:db8::9:255;rport=9;branch=z9hG4bKa",
		  RT_UDP, "UDP", "[2001:db8::9:1]", 6050,
		  ";received=2001:db8::9:255;rport=9;branch=z9hG4bKa", "z9hG4bKa",
		  "2001:db8::9:255", true, 9, "", -1 },
		{ "SIP/2.0/UDP a;hidden;x=\"y;branch=z\";keep", RT_UDP, "UDP", "a", 0,
		  ";hidden;x=\"y;branch=z\";keep", "", "", false, 0, "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		const char *reason = "";
		struct sip_via v;

		if (sip_via_parse(in, &v, &reason) < 0)
			fail_msg("%s: %s", rows[i].in, reason);
		assert_int_equal(v.transport, rows[i].transport);
		assert_slice(v.protocol, rows[i].protocol);
		assert_slice(v.host, rows[i].host);
		assert_int_equal(v.port, rows[i].port);
		assert_slice(v.params, rows[i].params);
		assert_slice(v.branch, rows[i].branch);
		assert_slice(v.received, rows[i].received);
		assert_int_equal(v.rport, rows[i].rport);
		assert_int_equal(v.rport_value, rows[i].rport_value);
		assert_slice(v.maddr, rows[i].maddr);
		assert_int_equal(v.ttl, rows[i].ttl);
		exact_free(in);
	}
}

static void what_is_not_a_via_is_refused_with_a_reason(void **state)
{
	static const char *const rows[] = {
		"",
		"SIP",
		"SIP/2.0",
		"SIP/2.0/UDP",
		"SIP/2.0/UDP ",
		"SIP/2.0/UDP;branch=x",
		"SIP/2.0 UDP a",
		"SIP/7.0/UDP a",
		"HTTP/2.0/UDP a",
		"SIP/2.0/UDP a b",
		"SIP/2.0/UDP a:",
		"SIP/2.0/UDP a:0",
		"SIP/2.0/UDP a:65536",
		"SIP/2.0/UDP 2001:db8::9:1",
		"SIP/2.0/UDP [2001:db8::9:1",
		"SIP/2.0/UDP 192.0.2.15;;,;,,",
		"SIP/2.0/UDP 192.0.2.15;",
		"SIP/2.0/UDP a;branch",
		"SIP/2.0/UDP a;branch=",
		"SIP/2.0/UDP a;received",
		"SIP/2.0/UDP a;branch=x;branch=y",
		"SIP/2.0/UDP a;received=1.2.3.4;Received=1.2.3.5",
		"SIP/2.0/UDP a;rport;rport=5",
		"SIP/2.0/UDP a;rport=65536",
		"SIP/2.0/UDP a;rport=x",
		"SIP/2.0/UDP a;ttl=256",
		"SIP/2.0/UDP a;ttl=-1",
		"SIP/2.0/UDP a;ttl",
		"SIP/2.0/UDP a;maddr=",
		"SIP/2.0/UDP a;maddr=1.2.3",
		"SIP/2.0/UDP a, SIP/2.0/UDP b",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i]);
		const char *reason = NULL;
		struct sip_via v = { .ttl = 7 };

		if (sip_via_parse(in, &v, &reason) != -EBADMSG)
			fail_msg("accepted: %s", rows[i]);
		assert_non_null(reason);
		assert_int_equal(v.ttl, 7); /* untouched */
		exact_free(in);
	}
}

static void only_a_cookie_with_something_behind_it_identifies(void **state)
{
	static const struct {
		const char *in;
		bool is_3261;
	} rows[] = {
		{ "SIP/2.0/UDP a;branch=z9hG4bKx", true },
		{ "SIP/2.0/UDP a;branch=z9hG4bK", false },
		{ "SIP/2.0/UDP a;branch=Z9HG4BKx", false },
		{ "SIP/2.0/UDP a;branch=1", false },
		{ "SIP/2.0/UDP a", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct sip_via v;

		assert_int_equal(sip_via_parse(in, &v, NULL), 0);
		assert_int_equal(sip_via_is_3261(&v), rows[i].is_3261);
		exact_free(in);
	}
}

static void an_arriving_via_is_stamped_with_its_source(void **state)
{
	static const struct {
		const char *in, *source;
		const char *out; /* NULL: it stays */
	} rows[] = {
		/* RFC 3261 18.2.1 */
		{ "SIP/2.0/UDP bobspc.biloxi.com:5060", "192.0.2.4",
		  "SIP/2.0/UDP bobspc.biloxi.com:5060;received=192.0.2.4" },
		{ "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa", "192.0.2.207",
		  "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;received=192.0.2.207" },
		{ "SIP/2.0/TCP 192.0.2.4;branch=z9hG4bKa", "192.0.2.4", NULL },
		/* RFC 3581 4 */
		{ "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff", "192.0.2.1",
		  "SIP/2.0/UDP "
		  "10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1" },
		{ "SIP/2.0/UDP 192.0.2.1;rport", "192.0.2.1",
		  "SIP/2.0/UDP 192.0.2.1;rport=9988;received=192.0.2.1" },
		{ "SIP/2.0/UDP h;branch=z9hG4bKa;RPort=1;x", "192.0.2.1",
		  "SIP/2.0/UDP h;branch=z9hG4bKa;rport=9988;x;received=192.0.2.1" },
		{ "SIP/2.0/UDP h\r\n ; rport \r\n ;x", "192.0.2.1",
		  "SIP/2.0/UDP h\r\n ;rport=9988 \r\n ;x;received=192.0.2.1" },
		/* What the sender says of itself does not stay. */
		{ "SIP/2.0/UDP h;received=203.0.113.9;branch=z9hG4bKa", "192.0.2.1",
		  "SIP/2.0/UDP h;branch=z9hG4bKa;received=192.0.2.1" },
		{ "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;received=203.0.113.9", "192.0.2.1",
		  "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa" },
		/* IPv6 is compared as an address and written without brackets. */
		{ "SIP/2.0/UDP [2001:db8:0::9:1];branch=z9hG4bKa", "2001:db8::9:1", NULL },
		{ "SIP/2.0/UDP [2001:db8::9:1];rport", "2001:db8::9:255",
		  "SIP/2.0/UDP [2001:db8::9:1];rport=9988;received=2001:db8::9:255" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		AUTO_BUF out = BUF_INIT;
		struct net_addr source;
		struct sip_via v, again;

		assert_int_equal(net_addr_parse(slice_str(rows[i].source), 9988, &source), 0);
		assert_int_equal(sip_via_parse(in, &v, NULL), 0);
		assert_int_equal(sip_via_stamp(&v, &source, &out), rows[i].out != NULL);
		if (out.err && harness_alloc_failed()) {
			exact_free(in);
			return;
		}
		assert_slice(buf_view(&out), rows[i].out ? rows[i].out : "");
		if (rows[i].out)
			assert_int_equal(sip_via_parse(buf_view(&out), &again, NULL), 0);
		exact_free(in);
	}
}

static void responses_go_where_the_stamped_via_says(void **state)
{
	static const struct {
		const char *in, *host;
		uint16_t port;
	} rows[] = {
		/* RFC 3261 18.2.2; a name without a port is left to the resolver. */
		{ "SIP/2.0/UDP h", "h", 0 },
		{ "SIP/2.0/UDP h:5070", "h", 5070 },
		{ "SIP/2.0/UDP h;received=192.0.2.1", "192.0.2.1", 5060 },
		{ "SIP/2.0/UDP h:5070;received=192.0.2.1", "192.0.2.1", 5070 },
		{ "SIP/2.0/UDP h:5070;maddr=239.1.1.1;received=192.0.2.1", "239.1.1.1", 5070 },
		{ "SIP/2.0/UDP h;maddr=h2", "h2", 5060 },
		{ "SIP/2.0/UDP h;received=192.0.2.1;rport=9988", "192.0.2.1", 9988 },
		{ "SIP/2.0/UDP h;received=2001:db8::1;rport=9988", "2001:db8::1", 9988 },
		/* The port of a closed connection is nobody's: the one in sent-by counts. */
		{ "SIP/2.0/TCP h;received=192.0.2.1;rport=9988", "192.0.2.1", 5060 },
		{ "SIP/2.0/TCP h:5070;received=192.0.2.1;rport=9988", "192.0.2.1", 5070 },
		{ "SIP/2.0/TLS h;received=192.0.2.1", "192.0.2.1", 5061 },
		{ "SIP/2.0/TCP h;maddr=239.1.1.1", "h", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct slice host = SLICE_EMPTY;
		uint16_t port = 1;
		struct sip_via v;

		assert_int_equal(sip_via_parse(in, &v, NULL), 0);
		sip_via_reply_to(&v, &host, &port);
		assert_slice(host, rows[i].host);
		assert_int_equal(port, rows[i].port);
		exact_free(in);
	}
}

static void every_prefix_and_every_changed_byte_ends_in_an_answer(void **state)
{
	static const char good[] = "SIP / 2.0/UDP\r\n [2001:db8::1] : 5060 ;rport=5;ttl=1"
				   ";maddr=a.b;received=::1;branch=z9hG4bKx;y=\"z\\\"\"";
	size_t len = strlen(good);
	struct net_addr source;

	(void)state;
	assert_int_equal(net_addr_parse(SLICE("192.0.2.1"), 5060, &source), 0);
	for (size_t n = 0; n <= len; n++) {
		struct slice in = exact_bytes(good, n);
		struct sip_via v;

		if (sip_via_parse(in, &v, NULL) < 0)
			assert_int_not_equal(n, len);
		exact_free(in);
	}
	for (size_t n = 0; n < len * 256; n++) {
		char copy[sizeof(good)];
		AUTO_BUF out = BUF_INIT;
		struct slice in;
		struct sip_via v;

		memcpy(copy, good, sizeof(copy));
		copy[n / 256] = (char)(n % 256);
		in = exact_bytes(copy, len);
		if (sip_via_parse(in, &v, NULL) == 0) {
			assert_true(sip_via_stamp(&v, &source, &out));
			if (sip_via_parse(buf_view(&out), &v, NULL) < 0)
				fail_msg("%.*s", SLICE_FMT(buf_view(&out)));
			assert_slice(v.received, "192.0.2.1");
		}
		exact_free(in);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_via_is_split_into_its_components),
		HARNESS_TEST(what_is_not_a_via_is_refused_with_a_reason),
		HARNESS_TEST(only_a_cookie_with_something_behind_it_identifies),
		HARNESS_ALLOC_TEST(an_arriving_via_is_stamped_with_its_source),
		HARNESS_TEST(responses_go_where_the_stamped_via_says),
		HARNESS_TEST(every_prefix_and_every_changed_byte_ends_in_an_answer),
	};

	return harness_run("via", tests, ARRAY_LEN(tests));
}
