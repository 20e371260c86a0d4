/* URIs: RFC 3261 19.1, RFC 3966, RFC 5118. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "sip/uri.h"

/* NULL stands for "not there" as it does in struct sip_uri. */
static void assert_slice(struct slice s, const char *want)
{
	if (!want) {
		assert_null(s.p);
		return;
	}
	if (!slice_eq(s, slice_str(want)))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(s), want);
}

static void a_sip_uri_is_split_into_its_components(void **state)
{
	static const struct {
		const char *in, *user, *password, *host;
		uint16_t port;
		const char *params, *headers;
	} rows[] = {
		{ "sip:alice@atlanta.com", "alice", NULL, "atlanta.com", 0, "", NULL },
		{ "SIP:atlanta.com", NULL, NULL, "atlanta.com", 0, "", NULL },
		{ "sip:alice:secretword@atlanta.com;transport=tcp", "alice", "secretword",
		  "atlanta.com", 0, ";transport=tcp", NULL },
		{ "sips:alice@atlanta.com?subject=project%20x&priority=urgent", "alice", NULL,
		  "atlanta.com", 0, "", "subject=project%20x&priority=urgent" },
		{ "sip:+1-212-555-1212:1234@gateway.com;user=phone", "+1-212-555-1212", "1234",
		  "gateway.com", 0, ";user=phone", NULL },
		{ "sip:alice@192.0.2.4", "alice", NULL, "192.0.2.4", 0, "", NULL },
		{ "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", NULL, NULL,
		  "atlanta.com", 0, ";method=REGISTER", "to=alice%40atlanta.com" },
		{ "sip:alice;day=tuesday@atlanta.com", "alice;day=tuesday", NULL, "atlanta.com", 0,
		  "", NULL },
		{ "sip:alice:@atlanta.com", "alice", "", "atlanta.com", 0, "", NULL },
		{ "sip:user@[2001:db8::10]:5070;lr", "user", NULL, "[2001:db8::10]", 5070, ";lr",
		  NULL },
		{ "sip:[::ffff:192.0.2.10]:19823", NULL, NULL, "[::ffff:192.0.2.10]", 19823, "",
		  NULL },
		{ "sip:user@[2001:db8:::192.0.2.1]", "user", NULL, "[2001:db8:::192.0.2.1]", 0, "",
		  NULL },
		{ "sip:%00@host5.example.com:05060", "%00", NULL, "host5.example.com", 5060, "",
		  NULL },
		{ "sip:sips%3Auser%40example.com@example.net", "sips%3Auser%40example.com", NULL,
		  "example.net", 0, "", NULL },
		{ "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
		  ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
		  "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
		  "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", "example.com", 0, "", NULL },
		{ "sip:a@example.com.", "a", NULL, "example.com.", 0, "", NULL },
		{ "sip:a@host_1.3com", "a", NULL, "host_1.3com", 0, "", NULL },
		{ "sip:a@b;p=[x]/:&+$%20?h=[y]/?:+$&i=", "a", NULL, "b", 0, ";p=[x]/:&+$%20",
		  "h=[y]/?:+$&i=" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		const char *reason = "";
		struct sip_uri u;

		if (sip_uri_parse(in, &u, &reason) < 0)
			fail_msg("%s: %s", rows[i].in, reason);
		assert_int_equal(u.scheme, rows[i].in[3] == 's' ? SIP_SCHEME_SIPS : SIP_SCHEME_SIP);
		assert_slice(u.text, rows[i].in);
		assert_slice(u.user, rows[i].user);
		assert_slice(u.password, rows[i].password);
		assert_slice(u.host, rows[i].host);
		assert_int_equal(u.port, rows[i].port);
		assert_slice(u.params, rows[i].params);
		assert_slice(u.headers, rows[i].headers);
		exact_free(in);
	}
}

static void what_is_not_a_sip_uri_is_refused_with_a_reason(void **state)
{
	static const char *const rows[] = {
		"",
		"sip",
		"sip:",
		":a@b",
		"sip:@b",
		"sip:a@",
		"sip:a@b@c",
		"sip:a b@c",
		"sip:a@b ",
		" sip:a@b",
		"<sip:a@b>",
		"sip:a@b; lr",
		"sip:a@b;",
		"sip:a@b;;lr",
		"sip:a@b;=x",
		"sip:a@b;p=",
		"sip:a@b;p=x=y",
		"sip:a@b?",
		"sip:a@b?h",
		"sip:a@b?=v",
		"sip:a@b?h=v&",
		"sip:a@b?h=v&&i=w",
		"sip:a@b?h=v;p",
		"sip:a@b:",
		"sip:a@b:0",
		"sip:a@b:65536",
		"sip:a@b:99999999999999999999",
		"sip:a@b:50 60",
		"sip:a@b:-1",
		"sip:a@b:5060x",
		"sip:a%4@b",
		"sip:a%zz@b",
		"sip:a%@b",
		"sip:a:b:c@d",
		"sip:a\"b@c",
		"sip:a<b@c",
		"sip:\xc3\xa9@c",
		"sip:a@\xc3\xa9.com",
		"sip:a@-b.com",
		"sip:a@b-.com",
		"sip:a@b..com",
		"sip:a@.com",
		"sip:a@1.2.3",
		"sip:a@1.2.3.4.5",
		"sip:a@256.2.3.4",
		"sip:a@01.2.3.4",
		"sip:a@12345",
		"sip:2001:db8::10",
		"sip:a@[2001:db8::10",
		"sip:a@2001:db8::10]",
		"sip:a@[]",
		"sip:a@[:]",
		"sip:a@[1:2:3:4:5:6:7]",
		"sip:a@[1:2:3:4:5:6:7:8:9]",
		"sip:a@[1:2:3:4:5:6:7::8:9]",
		"sip:a@[1:2:3:4::5:6:7:8]",
		"sip:a@[1::2::3]",
		"sip:a@[12345::]",
		"sip:a@[1:]",
		"sip:a@[:1]",
		"sip:a@[1:::2]",
		"sip:a@[:::]",
		"sip:a@[::1.2.3]",
		"sip:a@[1.2.3.4]",
		"sip:a@[::1.2.3.4:5]",
		"sip:a@[::g]",
		"sip:a@[::1]x",
		"sip:a@192.0.2.1[::1]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i]);
		const char *reason = NULL;
		struct sip_uri u = { .port = 7 };

		if (sip_uri_parse(in, &u, &reason) != -EBADMSG)
			fail_msg("accepted: %s", rows[i]);
		assert_non_null(reason);
		assert_int_equal(u.port, 7); /* untouched */
		exact_free(in);
	}
}

static void other_schemes_are_accepted_with_uri_characters_only(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *scheme, *opaque;
	} rows[] = {
		{ "nobodyKnowsThisScheme:totallyopaquecontent", 0, "nobodyKnowsThisScheme",
		  "totallyopaquecontent" },
		{ "soap.beep://192.0.2.103:3002", 0, "soap.beep", "//192.0.2.103:3002" },
		{ "urn:service:sos", 0, "urn", "service:sos" },
		{ "http://[::1]/a?b=c#d", 0, "http", "//[::1]/a?b=c#d" },
		{ "x:", -EBADMSG, NULL, NULL },
		{ "x:a b", -EBADMSG, NULL, NULL },
		{ "x:a\\b", -EBADMSG, NULL, NULL },
		{ "x:%2", -EBADMSG, NULL, NULL },
		{ "1x:a", -EBADMSG, NULL, NULL },
		{ "x_y:a", -EBADMSG, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct sip_uri u;

		assert_int_equal(sip_uri_parse(in, &u, NULL), rows[i].rc);
		if (rows[i].rc == 0) {
			assert_int_equal(u.scheme, SIP_SCHEME_OTHER);
			assert_slice(u.scheme_name, rows[i].scheme);
			assert_slice(u.opaque, rows[i].opaque);
		}
		exact_free(in);
	}
}

static void a_tel_uri_is_a_number_and_parameters(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *number, *params;
	} rows[] = {
		{ "tel:+1-201-555-0123", 0, "+1-201-555-0123", "" },
		{ "tel:7042;phone-context=example.com", 0, "7042", ";phone-context=example.com" },
		{ "tel:863-1234;phone-context=+1-914-555", 0, "863-1234",
		  ";phone-context=+1-914-555" },
		{ "TEL:*21#", 0, "*21#", "" },
		{ "tel:911", 0, "911", "" },
		{ "tel:+", -EBADMSG, NULL, NULL },
		{ "tel:+-.()", -EBADMSG, NULL, NULL },
		{ "tel:", -EBADMSG, NULL, NULL },
		{ "tel:+12a", -EBADMSG, NULL, NULL },
		{ "tel:+1;", -EBADMSG, NULL, NULL },
		{ "tel:+1@host", -EBADMSG, NULL, NULL },
		{ "tel:+1;ext=", -EBADMSG, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct sip_uri u;

		assert_int_equal(sip_uri_parse(in, &u, NULL), rows[i].rc);
		if (rows[i].rc == 0) {
			assert_int_equal(u.scheme, SIP_SCHEME_TEL);
			assert_slice(u.user, rows[i].number);
			assert_slice(u.params, rows[i].params);
			assert_int_equal(u.host.n, 0);
		}
		exact_free(in);
	}
}

static void each_limit_is_reached_and_not_passed(void **state)
{
	struct {
		const char *head, *item;
		unsigned max;
	} rows[] = {
		{ "sip:a@b", ";p", SIP_URI_PARAMS_MAX },
		{ "sip:a@b?h=v", "&h=v", SIP_URI_HEADERS_MAX - 1 },
		{ "sip:", "a", SIP_URI_MAX - 4 - 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned over = 0; over < 2; over++) {
			AUTO_BUF b = BUF_INIT;
			struct sip_uri u;
			struct slice in;

			buf_str(&b, rows[i].head);
			for (unsigned n = 0; n < rows[i].max + over; n++)
				buf_str(&b, rows[i].item);
			if (i == 2)
				buf_str(&b, "@b");
			in = exact_bytes(b.data, b.len);
			assert_int_equal(sip_uri_parse(in, &u, NULL), over ? -EBADMSG : 0);
			exact_free(in);
		}
	}
}

static bool uri_eq(const char *x, const char *y)
{
	struct slice a = exact(x), b = exact(y);
	struct sip_uri u, v;
	bool eq;

	if (sip_uri_parse(a, &u, NULL) < 0 || sip_uri_parse(b, &v, NULL) < 0)
		fail_msg("cannot be parsed: %s or %s", x, y);
	eq = sip_uri_eq(&u, &v);
	assert_int_equal(sip_uri_eq(&v, &u), eq);
	assert_true(sip_uri_eq(&u, &u));
	exact_free(a);
	exact_free(b);
	return eq;
}

static void sip_uris_compare_as_rfc_3261_19_1_4_says(void **state)
{
	static const struct {
		const char *a, *b;
		bool eq;
	} rows[] = {
		/* The examples of the section, in its order. */
		{ "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp",
		  true },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true },
		{ "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true },
		{ "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
		  "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true },
		{ "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		  "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true },
		{ "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP",
		  false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false },
		{ "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false },
		{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off",
		  false },

		/* Its rules, one by one. */
		{ "sip:a@b", "sips:a@b", false },
		{ "sip:a@b", "SIP:a@B", true },
		{ "sip:a@b", "sip:A@b", false },
		{ "sip:a:p@b", "sip:a:P@b", false },
		{ "sip:a:p@b", "sip:a@b", false },
		{ "sip:a:@b", "sip:a@b", false },
		{ "sip:b", "sip:a@b", false },
		{ "sip:a%7e@b", "sip:a~@b", true },
		{ "sip:%3b@b", "sip:%3B@b", true },
		{ "sip:%3b@b", "sip:;@b", false },
		{ "sip:a%2541@b", "sip:a%41@b", false },
		{ "sip:a%2541@b", "sip:aA@b", false },
		{ "sip:%00@b", "sip:%00%00@b", false },
		{ "sip:a@b:5060", "sip:a@b:05060", true },
		{ "sip:a@b:5060", "sip:a@b:5061", false },
		{ "sip:a@b;x", "sip:a@b;x=1", false },
		{ "sip:a@b;%78=%31", "sip:a@b;X=1", true },
		{ "sip:a@b;n%61me=v%61lue%25%34%31", "sip:a@b;name=value%2541", true },
		{ "sip:a@b;name=value%2541", "sip:a@b;name=valueA", false },
		{ "sip:a@b;user=phone", "sip:a@b", false },
		{ "sip:a@b;user=ip", "sip:a@b", false },
		{ "sip:a@b;ttl=1", "sip:a@b", false },
		{ "sip:a@b;method=INVITE", "sip:a@b", false },
		{ "sip:a@b;maddr=b", "sip:a@b", false },
		{ "sip:a@b;transport=tcp", "sip:a@b", false },
		{ "sip:a@b;m%65thod=INVITE", "sip:a@b", false },
		{ "sip:a@b;method=INVITE", "sip:a@b;method=invite", false },
		{ "sip:a@b;maddr=[::1]", "sip:a@b;maddr=[0:0::1]", true },
		{ "sip:a@b;lr", "sip:a@b", true },
		{ "sip:a@b;lr;ttl=1;x=y", "sip:a@b;z;x=Y;ttl=1", true },
		{ "sip:a@b;x=1;x=2", "sip:a@b;x=2", false },
		{ "sip:a@b;x=1;x=2", "sip:a@b;x=2;x=1", true },
		{ "sip:a@b;x=1;x=2", "sip:a@b;x=3", false },
		{ "sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::0001]", true },
		{ "sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false },
		{ "sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::c000:201]", true },
		{ "sip:a@[::ffff:192.0.2.1]", "sip:a@192.0.2.1", false },

		/* Header components: never ignored, compared as their header fields are. */
		{ "sip:a@b?subject=X", "sip:a@b?Subject=x", true },
		{ "sip:a@b?s=x", "sip:a@b?subject=x", true },
		{ "sip:a@b?subject=x", "sip:a@b?subject=y", false },
		{ "sip:a@b?subject=x", "sip:a@b?subject=x&subject=x", false },
		{ "sip:a@b?h=x&h=y", "sip:a@b?h=y&h=x", true },
		{ "sip:a@b?h=x&h=x", "sip:a@b?h=y&h=x", false },
		{ "sip:a@b?call-id=x", "sip:a@b?Call-ID=X", false },
		{ "sip:a@b?body=x", "sip:a@b?body=X", false },
		{ "sip:a@b?h=%22x%22", "sip:a@b?h=%22X%22", false },
		{ "sip:a@b?h=%22%5C%22x%22", "sip:a@b?h=%22%5C%22X%22", false },
		{ "sip:a@b?h=%22x%22Y", "sip:a@b?h=%22x%22y", true },
		{ "sip:a@b?to=%22Al%22%20%3Csip:c%40D%3E", "sip:a@b?t=sip:c%40d", true },
		{ "sip:a@b?to=sip:c%40d", "sip:a@b?to=sip:C%40d", false },
		{ "sip:a@b?to=sip:c%40d%3Btag%3Dx", "sip:a@b?to=sip:c%40d", false },
		{ "sip:a@b?to=sip:c%40d%3Btag%3Dx", "sip:a@b?to=%3Csip:c%40d%3E%3Btag%3DX", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (uri_eq(rows[i].a, rows[i].b) != rows[i].eq)
			fail_msg("%s %s %s", rows[i].a, rows[i].eq ? "!=" : "==", rows[i].b);
	}
}

static void tel_uris_compare_as_rfc_3966_4_says(void **state)
{
	static const struct {
		const char *a, *b;
		bool eq;
	} rows[] = {
		{ "tel:+1-201-555-0123", "tel:+1(201)555.0123", true },
		{ "tel:+12015550123", "tel:12015550123", false },
		{ "tel:+12015550123", "tel:+12015550124", false },
		{ "tel:+12015550123", "tel:+1201555012", false },
		{ "tel:1a#", "tel:1-A#", true },
		{ "tel:7042;phone-context=example.com", "tel:7042;Phone-Context=EXAMPLE.com",
		  true },
		{ "tel:7042;phone-context=example.com", "tel:7042;phone-context=example.net",
		  false },
		{ "tel:1;phone-context=+1-914", "tel:1;phone-context=+1.9.14", true },
		{ "tel:1;phone-context=+1-914", "tel:1;phone-context=+1-915", false },
		{ "tel:+1;ext=1-2", "tel:+1;ext=12", true },
		{ "tel:+1;ext=1", "tel:+1", false },
		{ "tel:+1;a=b;c=d", "tel:+1;c=d;a=b", true },
		{ "tel:+1;a=b", "tel:+1;a=c", false },
		{ "tel:+1;a", "tel:+1;a=b", false },
		{ "tel:+1", "sip:+1@example.com;user=phone", false },
		{ "urn:x:y", "urn:x:y", true },
		{ "urn:x:y", "URN:x:y", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (uri_eq(rows[i].a, rows[i].b) != rows[i].eq)
			fail_msg("%s %s %s", rows[i].a, rows[i].eq ? "!=" : "==", rows[i].b);
	}
}

static void parameters_are_found_by_name_whatever_its_spelling(void **state)
{
	struct slice in = exact("sip:c@h;%6C%72;n%61me=v%61lue%25%34%31;Transport=TLS;x=");
	struct slice v = SLICE("old");
	struct sip_uri u;

	(void)state;
	in.n -= 3; /* without ";x=" */
	assert_int_equal(sip_uri_parse(in, &u, NULL), 0);
	assert_true(sip_uri_param(&u, SLICE("lr"), &v));
	assert_int_equal(v.n, 0);
	assert_true(sip_uri_param(&u, SLICE("name"), &v));
	assert_slice(v, "v%61lue%25%34%31");
	assert_false(sip_uri_param(&u, SLICE("l"), &v));
	assert_false(sip_uri_param(&u, SLICE("maddr"), &v));
	assert_int_equal(sip_uri_transport(&u), RT_TLS);
	exact_free(in);
}

static void the_transport_is_known_unknown_or_missing(void **state)
{
	static const struct {
		const char *in;
		int transport;
	} rows[] = {
		{ "sip:h", -1 },
		{ "sip:h;transport=UDP", RT_UDP },
		{ "sip:h;lr;transport=tcp", RT_TCP },
		{ "sip:h;transport=ws", RT_WS },
		{ "sip:h;transport=carrier-pigeon", -EINVAL },
		{ "sip:h;transport", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct sip_uri u;

		assert_int_equal(sip_uri_parse(in, &u, NULL), 0);
		assert_int_equal(sip_uri_transport(&u), rows[i].transport);
		exact_free(in);
	}
}

static void hosts_are_names_addresses_or_ipv6_references(void **state)
{
	static const struct {
		const char *in;
		bool good;
	} rows[] = {
		{ "a", true },
		{ "example.com", true },
		{ "example.com.", true },
		{ "192.0.2.1", true },
		{ "[::]", true },
		{ "[::1]", true },
		{ "[1::]", true },
		{ "[1:2:3:4:5:6:7:8]", true },
		{ "[1:2:3:4:5:6:7::]", true },
		{ "[::2:3:4:5:6:7:8]", true },
		{ "[64:ff9b::192.0.2.33]", true },
		{ "", false },
		{ ".", false },
		{ "::1", false },
		{ "[::1", false },
		{ "a b", false },
		{ "[", false },
		{ "[]", false },
		{ "1.2", false },
		{ "192.0.2.1.", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);

		if (sip_is_host(in) != rows[i].good)
			fail_msg("%s", rows[i].in);
		exact_free(in);
	}
	assert_true(sip_host_eq(SLICE("2001:db8::1"), SLICE("[2001:DB8:0::1]")));
	assert_false(sip_host_eq(SLICE("example.com"), SLICE("example.com.")));
}

static void a_host_and_port_are_taken_off_the_front(void **state)
{
	static const struct {
		const char *in;
		bool lws;
		int rc;
		const char *host;
		uint16_t port;
		const char *rest;
	} rows[] = {
		{ "h", false, 0, "h", 0, "" },
		{ "h:1;x", false, 0, "h", 1, ";x" },
		{ "h : 4000 ;x", true, 0, "h", 4000, " ;x" },
		{ "h \r\n :\r\n\t4000", true, 0, "h", 4000, "" },
		{ "h ;x", true, 0, "h", 0, " ;x" },
		{ "h : 4000", false, 0, "h", 0, " : 4000" },
		{ "[::1]:5/", false, 0, "[::1]", 5, "/" },
		{ "h:", false, -EBADMSG, NULL, 0, NULL },
		{ "h: x", true, -EBADMSG, NULL, 0, NULL },
		{ ":1", false, -EBADMSG, NULL, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct slice rest = in, host = SLICE_EMPTY;
		uint16_t port = 0;

		assert_int_equal(sip_take_hostport(&rest, rows[i].lws, &host, &port), rows[i].rc);
		assert_slice(rest, rows[i].rc == 0 ? rows[i].rest : rows[i].in);
		assert_slice(host, rows[i].host);
		assert_int_equal(port, rows[i].port);
		exact_free(in);
	}
}

static void an_address_of_record_has_one_spelling(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *aor;
	} rows[] = {
		{ "sip:alice@AtLanTa.CoM;transport=tcp?x=y", 0, "sip:alice@atlanta.com" },
		{ "sips:%61lice:pw@atlanta.com", 0, "sip:alice@atlanta.com" },
		{ "sip:Alice@atlanta.com:5070", 0, "sip:Alice@atlanta.com:5070" },
		{ "sip:a%3b%40%7E%00%c3%a9@h", 0, "sip:a%3B%40~%00%C3%A9@h" },
		{ "sip:Example.COM", 0, "sip:example.com" },
		{ "sip:a@[2001:DB8:0:0::0001]", 0, "sip:a@[2001:db8::1]" },
		{ "tel:+1", -EINVAL, "" },
		{ "urn:a", -EINVAL, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		AUTO_BUF out = BUF_INIT;
		struct sip_uri u;
		int rc;

		assert_int_equal(sip_uri_parse(in, &u, NULL), 0);
		rc = sip_uri_aor(&u, &out);
		exact_free(in);
		if (rc == -ENOMEM && harness_alloc_failed())
			return;
		assert_int_equal(rc, rows[i].rc);
		assert_slice(buf_view(&out), rows[i].aor[0] ? rows[i].aor : NULL);
	}
}

static void escapes_are_undone_once_and_nul_is_refused(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *out;
	} rows[] = {
		{ "plain", 0, "=plain" },     { "%25%34%31+", 0, "=%41+" },
		{ "%c3%A9", 0, "=\xc3\xa9" }, { "", 0, "=" },
		{ "a%00", -EBADMSG, "=" },    { "a%4", -EBADMSG, "=" },
		{ "a%", -EBADMSG, "=" },      { "a%g0", -EBADMSG, "=" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		AUTO_BUF out = BUF_INIT;
		int rc;

		buf_char(&out, '=');
		rc = sip_uri_unescape(in, &out);
		exact_free(in);
		if (out.err && harness_alloc_failed())
			return;
		assert_int_equal(rc, rows[i].rc);
		assert_slice(buf_view(&out), rows[i].out);
	}
}

static void every_prefix_and_every_changed_byte_ends_in_an_answer(void **state)
{
	static const char *const rows[] = {
		"sip:al%69ce;x:s%3Acr@[2001:db8::192.0.2.1]:5070;transport=tcp;lr?to=sip:b%40c&s=",
		"sips:1.2.3.4:5061;maddr=a.b.c;ttl=15",
		"tel:+1-201-555;phone-context=a.b;ext=12",
		"soap.beep://192.0.2.103:3002/%41?b#c",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i]);

		for (size_t n = 0; n <= len; n++) {
			struct slice in = exact_bytes(rows[i], n);
			struct sip_uri u;

			if (sip_uri_parse(in, &u, NULL) == 0) {
				AUTO_BUF out = BUF_INIT;

				assert_true(sip_uri_eq(&u, &u));
				(void)sip_uri_transport(&u);
				(void)sip_uri_aor(&u, &out);
			} else {
				assert_int_not_equal(n, len);
			}
			exact_free(in);
		}
		for (size_t n = 0; n < len * 256; n++) {
			char *copy = slice_dup(slice_str(rows[i]));
			struct slice in;
			struct sip_uri u, v;

			assert_non_null(copy);
			copy[n / 256] = (char)(n % 256);
			in = exact_bytes(copy, len);
			if (sip_uri_parse(in, &u, NULL) == 0 &&
			    sip_uri_parse(slice_str(rows[i]), &v, NULL) == 0)
				assert_int_equal(sip_uri_eq(&u, &v), sip_uri_eq(&v, &u));
			exact_free(in);
			free(copy);
		}
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_sip_uri_is_split_into_its_components),
		HARNESS_TEST(what_is_not_a_sip_uri_is_refused_with_a_reason),
		HARNESS_TEST(other_schemes_are_accepted_with_uri_characters_only),
		HARNESS_TEST(a_tel_uri_is_a_number_and_parameters),
		HARNESS_TEST(each_limit_is_reached_and_not_passed),
		HARNESS_TEST(sip_uris_compare_as_rfc_3261_19_1_4_says),
		HARNESS_TEST(tel_uris_compare_as_rfc_3966_4_says),
		HARNESS_TEST(parameters_are_found_by_name_whatever_its_spelling),
		HARNESS_TEST(the_transport_is_known_unknown_or_missing),
		HARNESS_TEST(hosts_are_names_addresses_or_ipv6_references),
		HARNESS_TEST(a_host_and_port_are_taken_off_the_front),
		HARNESS_ALLOC_TEST(an_address_of_record_has_one_spelling),
		HARNESS_ALLOC_TEST(escapes_are_undone_once_and_nul_is_refused),
		HARNESS_TEST(every_prefix_and_every_changed_byte_ends_in_an_answer),
	};

	return harness_run("uri", tests, ARRAY_LEN(tests));
}
