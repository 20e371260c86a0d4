/* Faults and typed parts found at intake: RFC 3261 8.1.1, 8.2, 16.3; RFC 4475. */
#include "harness.h"

#include <stdio.h>

#include "sip/msg.h"

#define VIA "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
#define FROM "From: <sip:a@example.com>;tag=1\r\n"
#define TO "To: <sip:b@example.com>\r\n"
#define ID "Call-ID: x@y\r\n"
#define CSEQ "CSeq: 1 OPTIONS\r\n"
#define HEAD "OPTIONS sip:b@example.com SIP/2.0\r\n"
#define MOST VIA FROM TO ID CSEQ

static struct sip_msg *parse_bytes(const void *bytes, size_t n)
{
	struct packet *p = packet_from(slice_of(bytes, n));
	struct sip_msg *m = NULL;
	struct sip_error e;

	assert_int_equal(sip_msg_parse(p, &m, &e), 0);
	packet_unref(p);
	return m;
}

static struct sip_msg *parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void a_request_of_rfc_2543_is_good(void **state)
{
	AUTO_MSG *m = parse("INVITE sip:UserB@example.com SIP/2.0\r\n"
			    "Via: SIP/2.0/UDP iftgw.example.com\r\n"
			    "From: <sip:+13035551111@ift.client.example.net;user=phone>\r\n"
			    "To: sip:+16505552222@ss1.example.net;user=phone\r\n"
			    "Call-ID: inv2543.1717@ift.client.example.com\r\n"
			    "CSeq: 56 INVITE\r\n"
			    "Content-Type: application/sdp\r\n"
			    "\r\n"
			    "v=0\r\n");

	(void)state;
	assert_null(m->fault.reason);
	assert_true(slice_eq(m->body, SLICE("v=0\r\n")));
	assert_int_equal(m->from_tag.n, 0);
	assert_int_equal(m->to_tag.n, 0);
	assert_int_equal(m->via.branch.n, 0);
	assert_int_equal(m->max_forwards, -1);
}

static void the_first_fault_is_reported_with_its_place(void **state)
{
	static const struct {
		const char *text;
		unsigned status, line, column;
		const char *reason; /* NULL: any */
	} rows[] = {
		/* start line */
		{ "OPTIONS sip:b@c SIP/7.0\r\n" MOST "\r\n", 505, 1, 17, "unknown SIP version" },
		{ "OPTIONS < SIP/3.0\r\n\r\n", 505, 1, 11, "unknown SIP version" },
		{ "SIP/3.0 200 OK\r\n" MOST "\r\n", 505, 1, 1, "unknown SIP version" },
		{ "OPTIONS sip:b@c SIP/2\r\n" MOST "\r\n", 400, 1, 17, "malformed SIP version" },
		{ "OPTIONS sip:b@c SIP/x.y\r\n" MOST "\r\n", 400, 1, 17, "malformed SIP version" },
		{ "OPTIONS  sip:b@c SIP/2.0\r\n" MOST "\r\n", 400, 1, 8, NULL },
		{ "OPTIONS sip:b@c  SIP/2.0\r\n" MOST "\r\n", 400, 1, 8, NULL },
		{ "OPTIONS sip:b@c SIP/2.0 \r\n" MOST "\r\n", 400, 1, 9 + 15, NULL },
		{ "OPTIONS sip:b@c; lr SIP/2.0\r\n" MOST "\r\n", 400, 1, 9, NULL },
		{ "OPTIONS <sip:b@c> SIP/2.0\r\n" MOST "\r\n", 400, 1, 9, NULL },
		{ "OPTIONS SIP/2.0\r\n" MOST "\r\n", 400, 1, 8, NULL },
		{ "OPT:IONS sip:b@c SIP/2.0\r\n" MOST "\r\n", 400, 1, 1, "malformed method" },
		{ " sip:b@c SIP/2.0\r\n" MOST "\r\n", 400, 1, 1, "malformed method" },
		{ "SIP/2.0 4294967301 x\r\n" MOST "\r\n", 400, 1, 8, "malformed status code" },
		{ "SIP/2.0 099 x\r\n" MOST "\r\n", 400, 1, 8, "malformed status code" },
		{ "SIP/2.0 700 x\r\n" MOST "\r\n", 400, 1, 8, "malformed status code" },
		{ "SIP/2.0  200 x\r\n" MOST "\r\n", 400, 1, 8, "malformed status code" },
		{ "SIP/2.0 2x0 x\r\n" MOST "\r\n", 400, 1, 8, "malformed status code" },
		{ "SIP/2.0\r\n" MOST "\r\n", 400, 1, 8, "malformed status code" },
		/* lines */
		{ HEAD " folded first\r\n" MOST "\r\n", 400, 2, 1, "line that is no header field" },
		{ HEAD MOST "no colon\r\n\r\n", 400, 7, 1, "line that is no header field" },
		{ HEAD MOST ": no name\r\n\r\n", 400, 7, 1, "line that is no header field" },
		{ HEAD MOST "Sub ject: x\r\n\r\n", 400, 7, 1, "line that is no header field" },
		{ HEAD MOST "Subject: a\rb\r\n\r\n", 400, 7, 11, "CR without LF" },
		{ HEAD MOST "Subject: a\r\r\n\r\n", 400, 7, 11, "CR without LF" },
		/* missing */
		{ HEAD FROM TO ID CSEQ "\r\n", 400, 6, 1, "no Via" },
		{ HEAD VIA TO ID CSEQ "\r\n", 400, 6, 1, "no From" },
		{ HEAD VIA FROM ID CSEQ "\r\n", 400, 6, 1, "no To" },
		{ HEAD VIA FROM TO CSEQ "\r\n", 400, 6, 1, "no Call-ID" },
		{ HEAD VIA FROM TO ID "\r\n", 400, 6, 1, "no CSeq" },
		{ "OPTIONS sip:b@c SIP/2.0\n\n", 400, 2, 1, "no Via" },
		/* twice */
		{ HEAD MOST FROM "\r\n", 400, 7, 1, NULL },
		{ HEAD MOST TO "\r\n", 400, 7, 1, NULL },
		{ HEAD MOST ID "\r\n", 400, 7, 1, NULL },
		{ HEAD MOST CSEQ "\r\n", 400, 7, 1, NULL },
		{ HEAD MOST "Max-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", 400, 8, 1, NULL },
		/* From and To */
		{ HEAD VIA FROM ID CSEQ "To: \"B <sip:b@c>\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: \"B\" sip:b@c\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: \"B\"\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: B, A <sip:b@c>\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: < sip:b@c >\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: <sip:b@c\r\n\r\n", 400, 6, 5, "< without >" },
		{ HEAD VIA FROM ID CSEQ "To: <>\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: <sip:>\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: <bob>\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: \r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: sip:b@c?a=b\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: <sip:b@c>;;x\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: <sip:b@c>, <sip:d>\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA FROM ID CSEQ "To: <sip:b@c>;tag\r\n\r\n", 400, 6, 5, "malformed tag" },
		{ HEAD VIA FROM ID CSEQ "To: <sip:b@c>;tag=a;tag=b\r\n\r\n", 400, 6, 5, NULL },
		{ HEAD VIA TO ID CSEQ "From: \"A <sip:a@c>;tag=1\r\n\r\n", 400, 6, 7, NULL },
		/* Call-ID, CSeq, Max-Forwards */
		{ HEAD VIA FROM TO CSEQ "Call-ID: a b\r\n\r\n", 400, 6, 10, NULL },
		{ HEAD VIA FROM TO CSEQ "Call-ID:\r\n\r\n", 400, 6, 9, NULL },
		{ HEAD VIA FROM TO ID "CSeq: 8 INVITE\r\n\r\n", 400, 6, 9, NULL },
		{ HEAD VIA FROM TO ID "CSeq: 8 options\r\n\r\n", 400, 6, 9, NULL },
		{ HEAD VIA FROM TO ID "CSeq: 4294967296 OPTIONS\r\n\r\n", 400, 6, 7, NULL },
		{ HEAD MOST "Max-Forwards: 256\r\n\r\n", 400, 7, 15, NULL },
		{ HEAD MOST "Max-Forwards: -1\r\n\r\n", 400, 7, 15, NULL },
		{ HEAD MOST "Max-Forwards:\r\n\r\n", 400, 7, 14, NULL },
		/* Via */
		{ HEAD FROM TO ID CSEQ "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n\r\n", 400, 6, 6,
		  NULL },
		{ HEAD FROM TO ID CSEQ "Via: ,\r\n\r\n", 400, 6, 6, "empty Via" },
		{ HEAD FROM TO ID CSEQ "Via: SIP/2.0/UDP h;branch=z9hG4bK\r\n\r\n", 400, 6, 27,
		  NULL },
		/* body */
		{ HEAD MOST "Content-Length: -999\r\n\r\n", 400, 7, 17, NULL },
		{ HEAD MOST "Content-Length: five\r\n\r\n", 400, 7, 17, NULL },
		{ HEAD MOST "c: a/b\r\nl: 9999\r\n\r\nabc", 400, 8, 4, NULL },
		{ HEAD MOST "l: 99999999999999999999999999\r\n\r\n", 400, 7, 4, NULL },
		{ HEAD MOST "c: a/b\r\nl: 3\r\nContent-Length: 2\r\n\r\nabc", 400, 9, 17, NULL },
		{ HEAD MOST "l: 3\r\n\r\nabc", 400, 8, 1, "body without Content-Type" },
		/* the earlier of two */
		{ HEAD "To: <\r\n" VIA FROM "bad\r\n\r\n", 400, 2, 5, NULL },
		{ HEAD MOST "l: 9\r\nbad\r\n\r\n", 400, 7, 4, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_MSG *m = parse(rows[i].text);

		assert_non_null(m);
		if (!m->fault.reason || m->fault_status != rows[i].status ||
		    m->fault.line != rows[i].line || m->fault.column != rows[i].column)
			fail_msg("row %zu: %u at %u:%u: %s", i, m->fault_status, m->fault.line,
				 m->fault.column, m->fault.reason ? m->fault.reason : "no fault");
		if (rows[i].reason)
			assert_string_equal(m->fault.reason, rows[i].reason);
	}
}

static void what_is_not_ours_to_judge_is_no_fault(void **state)
{
	static const char *const rows[] = {
		"NEW%4dETHOD sip:b@c SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 NEW%4dETHOD\r\n\r\n",
		"OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n" MOST "\r\n",
		"OPTIONS sip:b@c?Route=%3Csip:d%3E SIP/2.0\r\n" MOST "\r\n",
		"OPTIONS tel:+1-201-555-0123 sip/2.0\r\n" MOST "\r\n",
		HEAD MOST "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n\r\n",
		HEAD MOST "Expires: 10000000000000000000000000000000\r\n\r\n",
		HEAD MOST "Contact: \"Joe\" <sip:joe@example.org>;;;;\r\n\r\n",
		HEAD MOST "Warning: 1812 overture\r\n\r\n",
		HEAD MOST "UnknownHeader: ;;,,;;,;\r\nEmpty:\r\n\r\n",
		HEAD MOST "extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\r\n\r\n",
		HEAD MOST "Content-Length:0\r\nl: 0\r\n\r\n",
		HEAD VIA ID CSEQ
		"To: isbn:2983792873\r\nFrom: <http://www.example.com>;tag=3\r\n\r\n",
		HEAD VIA TO CSEQ "From: a <sip:b@c>;x=[::1];tag=_t~1'+`*%!-.\r\n"
				 "Call-ID: w%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_MSG *m = parse(rows[i]);

		if (m->fault.reason)
			fail_msg("row %zu: %u:%u: %s", i, m->fault.line, m->fault.column,
				 m->fault.reason);
	}
}

static void a_nul_is_good_only_behind_a_backslash(void **state)
{
	static const char escaped[] = HEAD VIA FROM ID CSEQ "To: \"\\\0\" <sip:b@c>\r\n\r\n";
	static const char plain[] = HEAD MOST "Subject: a\0b\r\n\r\n";
	static const char even[] = HEAD MOST "Subject: \"\\\\\0\"\r\n\r\n";
	static const char name[] = HEAD MOST "Sub\0ject: x\r\n\r\n";
	static const char body[] = HEAD MOST "c: a/b\r\nl: 3\r\n\r\na\0b";
	AUTO_MSG *good = parse_bytes(escaped, sizeof(escaped) - 1);
	AUTO_MSG *good_body = parse_bytes(body, sizeof(body) - 1);
	AUTO_MSG *bad = parse_bytes(plain, sizeof(plain) - 1);
	AUTO_MSG *bad_even = parse_bytes(even, sizeof(even) - 1);
	AUTO_MSG *bad_name = parse_bytes(name, sizeof(name) - 1);

	(void)state;
	assert_null(good->fault.reason);
	assert_null(good_body->fault.reason);
	assert_int_equal(good_body->body.n, 3);
	assert_string_equal(bad->fault.reason, "NUL in a header field");
	assert_int_equal(bad->fault.column, 11);
	assert_string_equal(bad_even->fault.reason, "NUL in a header field");
	assert_int_equal(bad_name->fault_status, 400);
}

/* What a missing or malformed field would have filled stays empty. */
static void the_typed_parts_of_a_malformed_field_are_empty(void **state)
{
	AUTO_MSG *m = parse("OPTIONS sip:b c SIP/2.0\r\n"
			    "Via: SIP/2.0/UDP h;branch=\r\nFrom: <a;tag=1\r\nTo: \"\r\n"
			    "Call-ID: a b\r\nCSeq: 1\r\nMax-Forwards: x\r\n\r\n");

	(void)state;
	assert_int_equal(m->request_uri.text.n, 0);
	assert_int_equal(m->via.text.n, 0);
	assert_int_equal(m->via.branch.n, 0);
	assert_int_equal(m->from_tag.n, 0);
	assert_int_equal(m->to_tag.n, 0);
	assert_int_equal(m->call_id.n, 0);
	assert_int_equal(m->cseq.method_name.n, 0);
	assert_int_equal(m->max_forwards, -1);
}

static void too_long_a_request_uri_is_414(void **state)
{
	for (size_t n = SIP_URI_MAX; n <= SIP_URI_MAX + 1; n++) {
		size_t len = n + 512;
		char *text = harness_calloc(len);
		char *uri = harness_calloc(n + 1);
		AUTO_MSG *m = NULL;

		memset(uri, 'u', n);
		memcpy(uri, "sip:", 4);
		memcpy(uri + n - 2, "@h", 2);
		(void)snprintf(text, len, "OPTIONS %s SIP/2.0\r\n%s\r\n", uri, MOST);
		m = parse(text);
		free(text);
		free(uri);
		assert_int_equal(m->fault_status, n > SIP_URI_MAX ? 414 : 0);
	}
	(void)state;
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_request_of_rfc_2543_is_good),
		HARNESS_TEST(the_first_fault_is_reported_with_its_place),
		HARNESS_TEST(what_is_not_ours_to_judge_is_no_fault),
		HARNESS_TEST(a_nul_is_good_only_behind_a_backslash),
		HARNESS_TEST(the_typed_parts_of_a_malformed_field_are_empty),
		HARNESS_TEST(too_long_a_request_uri_is_414),
	};

	return harness_run("sip/intake", tests, ARRAY_LEN(tests));
}
