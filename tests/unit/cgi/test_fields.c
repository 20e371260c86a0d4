/* Header fields and bodies of CGI-PROXY-REQUEST: SIPCGI.md 3, "Header fields in an action". */
#include "fixture.h"

#define B1 "198.51.100.11"
#define HEAD "CGI-PROXY-REQUEST sip:bob@" B1 " SIP/2.0\n"
/* What a request of receive() leaves with around the fields in question. */
#define IN                                                                                         \
	"INVITE " SCRIPT " SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 70\r\n"                     \
	"s: old\r\nX-A: 1\r\nX-B: 2\r\nx-a: 3\r\nRecord-Route: <sip:r.test;lr>\r\n"                \
	"From: \"A\" <sip:alice@example.com>;tag=f1\r\nTo: <sip:bob@example.com>\r\n"              \
	"Call-ID: call-1\r\nCSeq: 1 INVITE\r\nRoute: <sip:192.0.2.1;lr>\r\n"                       \
	"Contact: <sip:alice@" CALLER ">\r\nc: text/plain\r\nContent-Encoding: x\r\n"              \
	"l: 4\r\n\r\nbody"

/* The request that goes out for this output, from its third line on: without Via and branch. */
static const char *proxied(struct bench *b, const char *in, const char *output)
{
	const char *text;

	receive_text(b, in, RT_UDP);
	says(b, output);
	(void)wire(b);
	text = sent_text(b, sent_to(b, "INVITE", B1));
	text = strstr(text, "\r\nVia: " VIA_IN);
	return text ? text + strlen("\r\nVia: " VIA_IN "\r\n") : "";
}

#define FROM_TO                                                                                    \
	"From: \"A\" <sip:alice@example.com>;tag=f1\r\nTo: <sip:bob@example.com>\r\n"              \
	"Call-ID: call-1\r\nCSeq: 1 INVITE\r\n"
#define CONTACT "Contact: <sip:alice@" CALLER ">\r\n"
#define BODY "c: text/plain\r\nContent-Encoding: x\r\nl: 4\r\n\r\nbody"
#define RR "Record-Route: <sip:192.0.2.1:5060;lr>\r\nRecord-Route: <sip:r.test;lr>\r\n"
#define XS "X-A: 1\r\nX-B: 2\r\nx-a: 3\r\n"
/* Of 60; the rest is kept for what the script may say next. */
#define MB "Max-Breadth: 7\r\n"

static void each_rule_as_bytes(void **state UNUSED)
{
	static const struct {
		const char *says, *out;
		unsigned ignored; /* lines of the log about fields */
	} rows[] = {
		{ "\n", MB "Max-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT BODY, 0 },
		/* Named fields replace all of that name, compact or not, at the place of the first.
		 */
		{ "Subject: new\nX-A: 9\n\n",
		  MB "Max-Forwards: 69\r\nSubject: new\r\nX-A: 9\r\nX-B: 2\r\n" RR FROM_TO CONTACT
			  BODY,
		  0 },
		{ "x-a: 7\nY: 1\nX-A: 8\nZ: 2\n\n",
		  "Y: 1\r\nZ: 2\r\n" MB
		  "Max-Forwards: 69\r\ns: old\r\nx-a: 7\r\nX-A: 8\r\nX-B: 2\r\n" RR FROM_TO CONTACT
			  BODY,
		  0 },
		/* CGI-Remove adds up; what is not there is no error; given wins over removed. */
		{ "CGI-Remove: Subject, Nothing\nCGI-Remove: X-A\n\n",
		  MB "Max-Forwards: 69\r\nX-B: 2\r\n" RR FROM_TO CONTACT BODY, 0 },
		{ "CGI-Remove: X-A\nX-A: 5\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\nX-A: 5\r\nX-B: 2\r\n" RR FROM_TO CONTACT BODY,
		  1 },
		{ "CGI-Remove: Via, From, t, i, CSeq, Max-Forwards, l\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT BODY, 7 },
		/* All CGI-* fields stay here. */
		{ "CGI-Whatever: 1\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT BODY, 0 },
		/* What identifies the transaction and the fork's breadth is not the script's. */
		{ "Via: SIP/2.0/UDP x\nCall-ID: other\nCSeq: 9 BYE\nMax-Breadth: 1000\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT BODY, 4 },
		/* Max-Forwards and Record-Route are used in place of the server's own. */
		{ "Max-Forwards: 5\n\n",
		  "Max-Forwards: 5\r\n" MB "s: old\r\n" XS RR FROM_TO CONTACT BODY, 0 },
		{ "Record-Route: <sip:mine.test;lr>\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS
		     "Record-Route: <sip:mine.test;lr>\r\n" FROM_TO CONTACT BODY,
		  0 },
		{ "CGI-Remove: Record-Route\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS
		     "Record-Route: <sip:192.0.2.1:5060;lr>\r\n" FROM_TO CONTACT BODY,
		  0 },
		/* Other parties keep their tags; with another tag the line is ignored whole. */
		{ "From: Boss <sip:boss@example.com>\nTo: sip:robert@example.com\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR
		     "From: Boss <sip:boss@example.com>;tag=f1\r\nTo: sip:robert@example.com\r\n"
		     "Call-ID: call-1\r\nCSeq: 1 INVITE\r\n" CONTACT BODY,
		  0 },
		{ "From: <sip:boss@example.com>;tag=f1\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR
		     "From: <sip:boss@example.com>;tag=f1\r\nTo: <sip:bob@example.com>\r\n"
		     "Call-ID: call-1\r\nCSeq: 1 INVITE\r\n" CONTACT BODY,
		  0 },
		{ "From: <sip:boss@example.com>;tag=x\nTo: <sip:c@example.com>;tag=y\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT BODY, 2 },
		/* Bodies: none given, none at all, another one. */
		{ "Content-Length: 0\n\n",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT
		     "Content-Length: 0\r\n\r\n",
		  0 },
		{ "Content-Type: a/b\nContent-Length: 3\n\nnew",
		  MB "Max-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT
		     "Content-Type: a/b\r\nContent-Length: 3\r\n\r\nnew",
		  0 },
		{ "Content-Type: a/b\n\nto its end",
		  "Max-Breadth: 60\r\nMax-Forwards: 69\r\ns: old\r\n" XS RR FROM_TO CONTACT
		  "Content-Type: a/b\r\nContent-Length: 10\r\n\r\nto its end",
		  0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char output[512];
		const char *out;
		struct bench b;

		assert_true(bench_init(&b));
		for (unsigned k = 0; k < rows[i].ignored; k++)
			harness_expect_log(LOG_WARN, "script's header field ignored");
		(void)snprintf(output, sizeof(output), "%s%s", HEAD, rows[i].says);
		out = proxied(&b, IN, output);
		if (strcmp(out, rows[i].out) != 0)
			fail_msg("row %zu:\n%s\nexpected:\n%s", i, out, rows[i].out);
		bench_fini(&b);
	}
}

static void a_route_of_the_script_is_followed_before_the_uri(void **state UNUSED)
{
	static const struct {
		const char *says, *to, *start, *route;
	} rows[] = {
		{ "Route: <sip:198.51.100.12;lr>\n\n", "198.51.100.12", "INVITE sip:bob@" B1 " ",
		  "\r\nRoute: <sip:198.51.100.12;lr>\r\n" },
		{ "Route: <sip:198.51.100.12;lr>, <sip:p.test;lr>\nr-x: 1\nRoute: <sip:q.test>\n\n",
		  "198.51.100.12", "INVITE sip:bob@" B1 " ",
		  "\r\nRoute: <sip:198.51.100.12;lr>, <sip:p.test;lr>, <sip:q.test>\r\n" },
		{ "Route: <sip:198.51.100.12>\n\n", "198.51.100.12", "INVITE sip:198.51.100.12 ",
		  "\r\nRoute: <sip:bob@" B1 ">\r\n" },
		{ "CGI-Remove: Route\n\n", B1, "INVITE sip:bob@" B1 " ", NULL },
		{ "\n", "198.51.100.13", "INVITE sip:bob@" B1 " ",
		  "\r\nRoute: <sip:198.51.100.13;lr>\r\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char output[512];
		struct bench b;
		const char *text;

		assert_true(bench_init(&b));
		request(&b, "INVITE", SCRIPT,
			"Route: <sip:192.0.2.1;lr>, <sip:198.51.100.13;lr>\r\n");
		(void)snprintf(output, sizeof(output), "%s%s", HEAD, rows[i].says);
		says(&b, output);
		(void)wire(&b);
		text = sent_text(&b, sent_to(&b, "INVITE", rows[i].to));
		assert_has(text, rows[i].start);
		if (rows[i].route)
			assert_has(text, rows[i].route);
		else
			assert_has_not(text, "\r\nRoute:");
		bench_fini(&b);
	}
}

static void what_does_not_fit_the_request_is_a_script_error(void **state UNUSED)
{
	static const char *const rows[] = {
		"From: <sip:unclosed\n\n",
		"Max-Forwards: many\n\n",
		"Max-Forwards: 1\nMax-Forwards: 2\n\n",
		"Contact: <sip:unclosed\nFrom: x y z <\n\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char output[512];
		struct bench b;

		assert_true(bench_init(&b));
		request(&b, "INVITE", SCRIPT, "");
		harness_expect_log(LOG_WARN, "script failed");
		(void)snprintf(output, sizeof(output), "%s%s", HEAD, rows[i]);
		prints(&b, output);
		ends(&b, RT_RUN_CANCELLED, 0);
		if (strcmp(wire(&b), "500") != 0)
			fail_msg("row %zu: %s", i, b.wire);
		bench_fini(&b);
	}
}

static void parties_are_put_back_in_responses(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	says(&b, HEAD "From: Boss <sip:boss@example.com>\nTo: <sip:robert@example.com>\n\n");
	(void)wire(&b);
	answer(&b, 0, 200);
	assert_wire(&b, "200");
	assert_has(b.last, "\r\nFrom: Alice <sip:alice@example.com>;tag=f1\r\n");
	assert_has(b.last, "\r\nTo: <sip:bob@example.com>;tag=callee\r\n");
	bench_fini(&b);
}

static void branches_have_their_own_edits(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	request(&b, "INVITE", SCRIPT, "Subject: old\r\n");
	says(&b, HEAD "Subject: one\n\nCGI-PROXY-REQUEST sip:bob@198.51.100.12 SIP/2.0\n"
		      "CGI-Remove: Subject\n\nCGI-PROXY-REQUEST sip:bob@198.51.100.13 SIP/2.0\n\n");
	(void)wire(&b);
	if (!harness_alloc_failed()) {
		assert_has(sent_text(&b, sent_to(&b, "INVITE", B1)), "\r\nSubject: one\r\n");
		assert_has_not(sent_text(&b, sent_to(&b, "INVITE", "198.51.100.12")), "Subject");
		assert_has(sent_text(&b, sent_to(&b, "INVITE", "198.51.100.13")),
			   "\r\nSubject: old\r\n");
	}
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(each_rule_as_bytes),
		HARNESS_TEST(a_route_of_the_script_is_followed_before_the_uri),
		HARNESS_TEST(what_does_not_fit_the_request_is_a_script_error),
		HARNESS_TEST(parties_are_put_back_in_responses),
		HARNESS_ALLOC_TEST(branches_have_their_own_edits),
	};

	return harness_run("fields", tests, ARRAY_LEN(tests));
}
