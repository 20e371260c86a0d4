/* Script output: RFC 3050 5.6 rules 1-5, 5.6.1, 5.6.2, 6.1. Every case is also fed bytewise and cut
 * in two at each place: nothing may depend on how the bytes arrive. */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "output_feed.h"

struct row {
	const char *in;
	const char *want;
};

static void check_rows(const struct row *rows, size_t n, const struct cgi_output_limits *limits)
{
	for (size_t i = 0; i < n; i++)
		same_however_it_arrives(slice_str(rows[i].in), limits, rows[i].want);
}

static const struct cgi_output_limits defaults;

static void each_action_line_is_understood(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "SIP/2.0 180 Ringing\n\n", "1 status 180 <Ringing>\n" },
		{ "SIP/2.0 486 Busy  here \n\n", "1 status 486 <Busy  here>\n" },
		{ "sip/2.0\t699\tx\n\n", "1 status 699 <x>\n" },
		{ "SIP/2.0 200 \n\n", "1 status 200 <>\n" },
		{ "SIP/2.0 200\n\n", "1 status 200 <>\n" },
		{ "SIP/2.0 200 Gr\303\274ezi\n\n", "1 status 200 <Gr\303\274ezi>\n" },
		{ "SIP/2.0 200 OK: fine, SIP/2.0\n\n", "1 status 200 <OK: fine, SIP/2.0>\n" },
		{ "CGI-PROXY-REQUEST sip:bob@example.com SIP/2.0\n\n",
		  "1 proxy sip:bob@example.com\n" },
		{ "cgi-proxy-request  sips:bob@[2001:db8::1]:5061;lr   sip/2.0 \n\n",
		  "1 proxy sips:bob@[2001:db8::1]:5061;lr\n" },
		{ "CGI-PROXY-REQUEST tel:+15551234 SIP/2.0\n\n", "1 proxy tel:+15551234\n" },
		{ "CGI-FORWARD-RESPONSE this SIP/2.0\n\n", "1 forward (this)\n" },
		{ "CGI-FORWARD-RESPONSE THIS SIP/2.0\n\n", "1 forward (this)\n" },
		{ "CGI-FORWARD-RESPONSE abc.def SIP/2.0\n\n", "1 forward abc.def\n" },
		{ "CGI-SET-COOKIE -.!%*_+`'~aZ9 SIP/2.0\n\n", "1 cookie -.!%*_+`'~aZ9\n" },
		{ "CGI-AGAIN yes SIP/2.0\n\n", "1 again yes\n" },
		{ "cgi-again NO SIP/2.0\n\n", "1 again no\n" },
		{ "MESSAGE sip:a@b SIP/2.0\nContent-Type: text/plain\nContent-Length: 2\n\nhi",
		  "1 request MESSAGE sip:a@b|Content-Type=text/plain|Content-Length=2 body(hi)\n" },
		{ "ACK sip:a@b SIP/2.0\n\n", "1 request ACK sip:a@b\n" },
		{ "FOO urn:service:sos SIP/2.0\n\n", "1 request FOO urn:service:sos\n" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &defaults);
}

static void what_is_no_action_line_is_an_error(void **state)
{
	static const struct row rows[] = {
		{ "hello\n\n", "error 1: not an action line" },
		{ "hello world\n\n", "error 1: the action line wants an argument and SIP/2.0" },
		{ "\n\r\n\nhello\n", "error 4: not an action line" },
		{ "Content-Type: text/plain\n\n", "error 1: not an action line" },
		{ "HTTP/1.1 200 OK\n\n", "error 1: not an action line" },
		{ "SIP/3.0 200 OK\n\n", "error 1: the SIP version is not SIP/2.0" },
		{ "SIP/2.0\n\n", "error 1: the status is not a number from 100 to 699" },
		{ "SIP/2.0 99 x\n", "error 1: the status is not a number from 100 to 699" },
		{ "SIP/2.0 700 x\n", "error 1: the status is not a number from 100 to 699" },
		{ "SIP/2.0 0200 x\n", "error 1: the status is not a number from 100 to 699" },
		{ "SIP/2.0 20x x\n", "error 1: the status is not a number from 100 to 699" },
		{ " SIP/2.0 200 OK\n\n", "error 1: a line begins with a blank" },
		{ " \n", "error 1: a line begins with a blank" },
		{ "CGI-JUMP x SIP/2.0\n\n", "error 1: unknown CGI action" },
		{ "CGI-AGAIN maybe SIP/2.0\n\n", "error 1: neither yes nor no" },
		{ "CGI-AGAIN yes\n\n", "error 1: the action line wants an argument and SIP/2.0" },
		{ "CGI-AGAIN yes SIP/2.0 x\n\n",
		  "error 1: the action line does not end in SIP/2.0" },
		{ "CGI-AGAIN yes SIP/1.0\n\n", "error 1: the action line does not end in SIP/2.0" },
		{ "CGI-SET-COOKIE a@b SIP/2.0\n\n", "error 1: the cookie is not a token" },
		{ "CGI-SET-COOKIE SIP/2.0\n\n",
		  "error 1: the action line wants an argument and SIP/2.0" },
		{ "CGI-FORWARD-RESPONSE a;b SIP/2.0\n\n",
		  "error 1: the response name is not a token" },
		{ "CANCEL sip:a@b SIP/2.0\n\n", "error 1: CANCEL cannot be originated" },
		{ "SIP/2.0 200 a\rb\n\n", "error 1: a line has bytes that are not UTF-8 text" },
		{ "SIP/2.0 200 \033[1m\n\n", "error 1: a line has bytes that are not UTF-8 text" },
		{ "SIP/2.0 200 \377\n\n", "error 1: a line has bytes that are not UTF-8 text" },
		{ "SIP/2.0 200 \300\200\n\n", "error 1: a line has bytes that are not UTF-8 text" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &defaults);
}

static void a_malformed_uri_is_an_error(void **state)
{
	static const char *const uris[] = { "bob",       "sip:",     "sip:bob@",
					    "sip:b@h:x", "sip:[1",   "sip:b@h:99999",
					    "tel:",      "sip:b<@h", "sip:b\"@h" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		AUTO_BUF text = BUF_INIT, out = BUF_INIT;

		buf_printf(&text, "CGI-PROXY-REQUEST %s SIP/2.0\n\n", uris[i]);
		feed(buf_view(&text), &defaults, 0, text.len, &out);
		assert_true(slice_starts(buf_view(&out), SLICE("error 1: ")));
	}
}

/* C-092, C-093. */
static void headers_stand_one_per_line(void **state)
{
	static const struct row rows[] = {
		{ "SIP/2.0 200 OK\nSubject: a b \nX-Foo : \t1\nEmpty:\n\n",
		  "1 status 200 <OK>|Subject=a b|X-Foo=1|Empty=\n" },
		{ "SIP/2.0 200 OK\r\nSubject: a\r\nX: b\n\r\n",
		  "1 status 200 <OK>|Subject=a|X=b\n" },
		{ "SIP/2.0 200 OK\nSubject: a\n b\n\n",
		  "error 3: a line begins with a blank: nothing is continued" },
		{ "SIP/2.0 200 OK\nSubject: a\n\tb: c\n\n",
		  "error 3: a line begins with a blank: nothing is continued" },
		{ "SIP/2.0 200 OK\n \n",
		  "error 2: a line begins with a blank: nothing is continued" },
		{ "SIP/2.0 200 OK\nnonsense\n\n", "error 2: not a header field" },
		{ "SIP/2.0 200 OK\n: x\n\n", "error 2: not a header field" },
		{ "SIP/2.0 200 OK\nX Y: x\n\n", "error 2: not a header field" },
		{ "CGI-AGAIN yes SIP/2.0\nCGI-SET-COOKIE x SIP/2.0\n\n",
		  "error 2: a second action line without a blank line" },
		{ "CGI-AGAIN yes SIP/2.0\nCGI-PROXY-REQUEST sip:a@b SIP/2.0\n\n",
		  "error 2: a second action line without a blank line" },
		{ "SIP/2.0 180 Ringing\nSIP/2.0 200 OK: a\n\n",
		  "error 2: a second action line without a blank line" },
		{ "SIP/2.0 200 OK\nX: a\001b\n\n",
		  "error 2: a line has bytes that are not UTF-8 text" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &defaults);
	same_however_it_arrives(SLICE("SIP/2.0 200 OK\nX: a\0b\n\n"), &defaults,
				"error 2: a line has bytes that are not UTF-8 text");
}

/* C-091, C-095 to C-101. */
static void messages_are_delimited_by_the_five_rules(void **state)
{
	static const struct row rows[] = {
		/* 2 */
		{ "CGI-SET-COOKIE a SIP/2.0\n\nCGI-AGAIN yes SIP/2.0\n\nSIP/2.0 180 R\n\n",
		  "1 cookie a\n3 again yes\n5 status 180 <R>\n" },
		{ "SIP/2.0 200 OK\nContent-Type: a/b\nContent-Length: 0\n\nCGI-AGAIN no "
		  "SIP/2.0\n\n",
		  "1 status 200 <OK>|Content-Type=a/b|Content-Length=0 nobody\n5 again no\n" },
		{ "SIP/2.0 200 OK\nl: 0\n\n", "1 status 200 <OK>|l=0 nobody\n" },
		/* 3 */
		{ "SIP/2.0 200 OK\nc: a/b\nl: 24\n\nCGI-AGAIN yes SIP/2.0\n\n\n\n\r\n"
		  "CGI-AGAIN no SIP/2.0\n\n",
		  "1 status 200 <OK>|c=a/b|l=24 body(CGI-AGAIN yes SIP/2.0\n\n\n)\n10 again no\n" },
		{ "SIP/2.0 200 OK\nc: a/b\nl: 3\n\nabcCGI-AGAIN no SIP/2.0\n\n",
		  "1 status 200 <OK>|c=a/b|l=3 body(abc)\n5 again no\n" },
		{ "SIP/2.0 200 OK\r\nc: a/b\r\nl: 4\r\n\r\n\r\n\r\n",
		  "1 status 200 <OK>|c=a/b|l=4 body(\r\n\r\n)\n" },
		{ "SIP/2.0 200 OK\nContent-Type: a/b\nContent-Length: 100\n\n0123456789",
		  "error 1: ended before Content-Length octets of body" },
		{ "SIP/2.0 200 OK\nContent-Type: a/b\nContent-Length: 1\n\n",
		  "error 1: ended before Content-Length octets of body" },
		{ "SIP/2.0 200 OK\nContent-Type: a/b\nContent-Length: 1",
		  "error 1: ended before Content-Length octets of body" },
		/* 4 */
		{ "SIP/2.0 200 OK\nContent-Type: a/b\n\ntext\nCGI-AGAIN yes SIP/2.0\n\n",
		  "1 status 200 <OK>|Content-Type=a/b body(text\nCGI-AGAIN yes SIP/2.0\n\n)\n" },
		{ "SIP/2.0 200 OK\nContent-Type: a/b\n\n",
		  "1 status 200 <OK>|Content-Type=a/b body()\n" },
		/* 5 */
		{ "CGI-AGAIN yes SIP/2.0\n\nSIP/2.0 200 OK\nContent-Length: 4\n\ntext",
		  "1 again yes\nerror 3: Content-Length without Content-Type" },
		{ "SIP/2.0 200 OK\nContent-Length: 4",
		  "error 1: Content-Length without Content-Type" },
		/* Blank lines before and between, and both kinds of line end. */
		{ "\n\r\n\nCGI-AGAIN yes SIP/2.0\r\n\n\n\nCGI-AGAIN no SIP/2.0\n\r\n",
		  "4 again yes\n8 again no\n" },
		{ "\n\n\r", "" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &defaults);
}

/* C-101; SIPCGI.md 3. */
static void a_message_without_its_blank_line_is_told_as_such(void **state)
{
	static const struct row rows[] = {
		{ "CGI-AGAIN yes SIP/2.0", "1 again yes\nunclosed 1" },
		{ "CGI-AGAIN yes SIP/2.0\r", "1 again yes\nunclosed 1" },
		{ "CGI-AGAIN yes SIP/2.0\n", "1 again yes\nunclosed 2" },
		{ "CGI-AGAIN yes SIP/2.0\n\r", "1 again yes\n" },
		{ "SIP/2.0 200 OK\nSubject: a", "1 status 200 <OK>|Subject=a\nunclosed 2" },
		{ "SIP/2.0 200 OK\nc: a/b\r", "1 status 200 <OK>|c=a/b body()\nunclosed 2" },
		{ "CGI-AGAIN yes SIP/2.0\n\nCGI-AG", "1 again yes\nerror 3: unknown CGI action" },
		{ "SIP/2.0 200 OK\nSubj", "error 2: not a header field" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &defaults);
}

static void values_that_would_be_malformed_on_the_wire_are_errors(void **state)
{
	static const struct {
		const char *field;
		bool good;
	} rows[] = {
		{ "Contact: <sip:a@b>;q=0.5, \"x, y\" <sip:c@d>", true },
		{ "m: sip:a@b", true },
		{ "Contact: *", true },
		{ "Contact: <sip:a@b", false },
		{ "Contact:", false },
		{ "Route: <sip:p1;lr>, <sip:p2;lr>", true },
		{ "Route: <sip:p1;lr>, nonsense", false },
		{ "Record-Route: <sip:p1;lr>", true },
		{ "Record-Route: x", false },
		{ "From: \"A\" <sip:a@b>;tag=1", true },
		{ "f: sip:a@b", true },
		{ "From: <sip:a@b>, <sip:c@d>", false },
		{ "To: ", false },
		{ "To: \"open <sip:a@b>", false },
		{ "Max-Forwards: 70", true },
		{ "Max-Forwards: 256", false },
		{ "Max-Forwards: -1", false },
		{ "Expires: 4294967295", true },
		{ "Expires: 4294967296", false },
		{ "Expires: soon", false },
		{ "CSeq: 1 INVITE", true },
		{ "CSeq: INVITE", false },
		{ "Content-Length: 0", true },
		{ "Content-Length: +1", false },
		{ "Content-Length:", false },
		{ "Content-Length: 99999999999999999999999", false },
		{ "Content-Length: 262145", false },
		{ "Content-Type: text", false },
		{ "Content-Type: text/plain;charset=utf-8", true },
		{ "Content-Type: text/plain charset", false },
		{ "CGI-Request-Token: a-b", true },
		{ "CGI-Request-Token:", false },
		{ "CGI-Request-Token: a b", false },
		{ "cgi-remove: Subject , f,X-Foo", true },
		{ "CGI-Remove:", false },
		{ "CGI-Remove: a,,b", false },
		{ "CGI-Remove: a b", false },
		{ "CGI-Whatever: x y z", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF text = BUF_INIT, out = BUF_INIT;

		buf_printf(&text, "SIP/2.0 200 OK\n%s\n\n", rows[i].field);
		feed(buf_view(&text), &defaults, 0, text.len, &out);
		if (slice_starts(buf_view(&out), SLICE("1 status")) != rows[i].good)
			fail_msg("%s: %.*s", rows[i].field, SLICE_FMT(buf_view(&out)));
		if (!rows[i].good)
			assert_true(slice_starts(buf_view(&out), SLICE("error 2: ")));
	}
}

static void one_of_its_kind_is_allowed_once(void **state)
{
	static const struct row rows[] = {
		{ "SIP/2.0 200 OK\nContent-Type: a/b\nc: a/b\n\n",
		  "error 3: a second Content-Type" },
		{ "SIP/2.0 200 OK\nl: 0\nl: 0\n\n", "error 3: a second Content-Length" },
		{ "SIP/2.0 200 OK\nCGI-Request-Token: a\nCGI-Request-Token: a\n\n",
		  "error 3: a second CGI-Request-Token" },
		/* The next message begins anew. */
		{ "CGI-AGAIN yes SIP/2.0\nl: 0\n\nCGI-AGAIN no SIP/2.0\nl: 0\n\n",
		  "1 again yes|l=0 nobody\n4 again no|l=0 nobody\n" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &defaults);
}

static void cgi_headers_are_known_apart(void **state)
{
	const struct slice text = SLICE("CGI-PROXY-REQUEST sip:a@b SIP/2.0\n"
					"cGi-RemOve: s, X-Foo\nCGI-Remove: Expires\n"
					"CGI-REQUEST-token: t1\nSubject: x\n\n");
	struct cgi_output_error err;
	struct cgi_output o;
	struct cgi_message m;

	(void)state;
	cgi_output_init(&o, &defaults);
	assert_int_equal(cgi_output_put(&o, text), 0);
	assert_int_equal(cgi_output_next(&o, &m, &err), 1);
	assert_true(slice_eq(m.request_token, SLICE("t1")));
	assert_int_equal(m.n_headers, 4);
	assert_true(m.headers[0].is_cgi && m.headers[1].is_cgi && m.headers[2].is_cgi);
	assert_false(m.headers[3].is_cgi);
	assert_int_equal(m.headers[3].id, SIP_H_SUBJECT);
	assert_int_equal(m.headers[3].line, 5);
	assert_true(cgi_message_removes(&m, SLICE("Subject")));
	assert_true(cgi_message_removes(&m, SLICE("s")));
	assert_true(cgi_message_removes(&m, SLICE("x-foo")));
	assert_true(cgi_message_removes(&m, SLICE("EXPIRES")));
	assert_false(cgi_message_removes(&m, SLICE("To")));
	assert_false(cgi_message_removes(&m, SLICE("X-Bar")));
	assert_ptr_equal(cgi_message_find(&m, SLICE("s")), &m.headers[3]);
	assert_ptr_equal(cgi_message_find(&m, SLICE("cgi-remove")), &m.headers[0]);
	assert_null(cgi_message_find(&m, SLICE("From")));
	assert_int_equal(cgi_output_next(&o, &m, &err), 0);
	assert_int_equal(cgi_output_end(&o, &m, &err), 0);
	cgi_output_fini(&o);
}

/* C-102. */
static void a_header_block_alone_is_a_200_only_if_configured(void **state)
{
	static const struct cgi_output_limits compat = { .http_compat = true };
	static const struct row rows[] = {
		{ "Content-Type: a/b\n\ntext", "1 status 200 <>|Content-Type=a/b body(text)\n" },
		{ "\nX: y\nc: a/b\nl: 2\n\nhiCGI-AGAIN no SIP/2.0\n\n",
		  "2 status 200 <>|X=y|c=a/b|l=2 body(hi)\n6 again no\n" },
		{ "X: y\n\n", "error 1: neither an action line nor a Content-Type" },
		{ "hello\n\n", "error 1: not an action line" },
		{ "SIP/2.0 404 No\n\n", "1 status 404 <No>\n" },
	};
	static const struct row off[] = { { "Content-Type: a/b\n\ntext",
					    "error 1: not an action line" } };

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &compat);
	check_rows(off, ARRAY_LEN(off), &defaults);
}

static void limits_hold_and_what_came_before_counts(void **state)
{
	static const struct cgi_output_limits two = { .actions = 2 };
	static const struct cgi_output_limits bytes = { .bytes = 30 };
	static const struct row actions[] = {
		{ "CGI-AGAIN no SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n\n", "1 again no\n3 again no\n" },
		{ "CGI-AGAIN no SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n",
		  "1 again no\n3 again no\nerror 5: too many action lines" },
	};
	static const struct row length[] = {
		{ "CGI-AGAIN yes SIP/2.0\n\n\n\n\n\n\n\n\n", "1 again yes\n" },
		{ "CGI-AGAIN yes SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n\n",
		  "1 again yes\nerror 3: more output than allowed" },
		{ "SIP/2.0 200 OK\nc: a/b\n\n56789012", "error 4: more output than allowed" },
		{ "SIP/2.0 200 OK\nc: a/b\n\n5678901", "1 status 200 <OK>|c=a/b body(5678901)\n" },
	};

	(void)state;
	check_rows(actions, ARRAY_LEN(actions), &two);
	check_rows(length, ARRAY_LEN(length), &bytes);
}

static void long_lines_and_many_headers_are_errors(void **state)
{
	AUTO_BUF fits = BUF_INIT, long_line = BUF_INIT, many = BUF_INIT, out = BUF_INIT;

	(void)state;
	buf_str(&fits, "SIP/2.0 200 ");
	while (fits.len < CGI_OUTPUT_LINE)
		buf_char(&fits, 'x');
	buf_slice(&long_line, buf_view(&fits));
	buf_str(&fits, "\r\n\r\n");
	feed(buf_view(&fits), &defaults, 0, fits.len, &out);
	assert_true(slice_starts(buf_view(&out), SLICE("1 status 200 <xxx")));

	buf_str(&long_line, "x\n\n");
	for (size_t step = 1; step < 10000; step += 4999) {
		buf_reset(&out);
		feed(buf_view(&long_line), &defaults, 0, step, &out);
		assert_true(slice_eq(buf_view(&out), SLICE("error 1: the line is too long")));
	}

	for (unsigned n = CGI_OUTPUT_HEADERS; n <= CGI_OUTPUT_HEADERS + 1; n++) {
		buf_reset(&many);
		buf_reset(&out);
		buf_str(&many, "SIP/2.0 200 OK\n");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&many, "X-%u: y\n", i);
		buf_char(&many, '\n');
		feed(buf_view(&many), &defaults, 0, 7, &out);
		assert_int_equal(slice_starts(buf_view(&out), SLICE("1 status")),
				 n == CGI_OUTPUT_HEADERS);
	}
	assert_true(slice_eq(buf_view(&out), SLICE("error 130: too many header fields")));
}

static void a_cookie_may_have_4_KiB(void **state)
{
	(void)state;
	for (size_t n = CGI_COOKIE_MAX; n <= CGI_COOKIE_MAX + 1; n++) {
		AUTO_BUF text = BUF_INIT, out = BUF_INIT;

		buf_str(&text, "CGI-SET-COOKIE ");
		for (size_t i = 0; i < n; i++)
			buf_char(&text, 'c');
		buf_str(&text, " SIP/2.0\n\n");
		feed(buf_view(&text), &defaults, 0, text.len, &out);
		if (n == CGI_COOKIE_MAX)
			assert_true(slice_starts(buf_view(&out), SLICE("1 cookie cccc")));
		else
			assert_true(slice_eq(buf_view(&out),
					     SLICE("error 1: the cookie is longer than 4 KiB")));
	}
}

static void an_error_stays(void **state)
{
	struct cgi_output_error err = { 0 };
	struct cgi_output o;
	struct cgi_message m;

	(void)state;
	cgi_output_init(&o, &defaults);
	assert_int_equal(cgi_output_put(&o, SLICE("bad\n")), 0);
	assert_int_equal(cgi_output_next(&o, &m, &err), -EBADMSG);
	assert_string_equal(err.clause, "RFC 3050, 5.6 rule 1");
	assert_int_equal(cgi_output_put(&o, SLICE("\nSIP/2.0 200 OK\n\n")), 0);
	assert_int_equal(cgi_output_next(&o, &m, &err), -EBADMSG);
	assert_int_equal(cgi_output_end(&o, &m, &err), -EBADMSG);
	assert_int_equal(err.line, 1);
	cgi_output_fini(&o);
}

/* C-104: 10,000 outputs, mutated from good ones, from a fixed seed. */
static void what_gets_through_is_well_formed(void **state)
{
	static const char seed[] = "CGI-SET-COOKIE abc SIP/2.0\n\n"
				   "CGI-PROXY-REQUEST sip:bob@example.com;transport=tcp SIP/2.0\r\n"
				   "Contact: <sip:a@b>;q=0.5\nCGI-Remove: Subject, X\n\n"
				   "SIP/2.0 180 Ringing\nContent-Type: text/plain\n"
				   "Content-Length: 5\n\nhello\n\nCGI-AGAIN yes SIP/2.0\n\n";
	uint64_t x = 0x9e3779b97f4a7c15;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct cgi_output_error err;
		char text[sizeof(seed)];
		struct cgi_output o;
		struct cgi_message m;
		int rc;

		memcpy(text, seed, sizeof(seed));
		for (int k = 0; k <= i % 8; k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			text[x % sizeof(seed)] = (char)(x >> 32);
		}
		cgi_output_init(&o, &defaults);
		assert_int_equal(cgi_output_put(&o, slice_of(text, sizeof(seed) - 1)), 0);
		while ((rc = cgi_output_next(&o, &m, &err)) == 1) {
			for (size_t h = 0; h < m.n_headers; h++) {
				assert_true(sip_is_token(m.headers[h].name));
				assert_true(slice_find(m.headers[h].value, '\n') < 0);
				assert_true(slice_find(m.headers[h].value, '\r') < 0);
				assert_true(sip_is_text(m.headers[h].value));
			}
			assert_true(m.action != CGI_STATUS || (m.status >= 100 && m.status <= 699));
			assert_true(slice_find(m.reason, '\r') < 0);
		}
		if (rc == 0)
			(void)cgi_output_end(&o, &m, &err);
		cgi_output_fini(&o);
	}
}

static void without_memory_nothing_is_lost(void **state)
{
	static const struct slice text = SLICE_INIT("SIP/2.0 200 OK\nA: 1\nB: 2\n\n");
	struct cgi_output_error err;
	struct cgi_output o;
	struct cgi_message m;
	int rc;

	(void)state;
	cgi_output_init(&o, &defaults);
	rc = cgi_output_put(&o, text);
	if (rc == -ENOMEM)
		rc = cgi_output_put(&o, text);
	assert_int_equal(rc, 0);
	rc = cgi_output_next(&o, &m, &err);
	if (rc == -ENOMEM)
		rc = cgi_output_next(&o, &m, &err);
	assert_int_equal(rc, 1);
	assert_int_equal(m.n_headers, 2);
	assert_true(slice_eq(m.headers[1].value, SLICE("2")));
	cgi_output_fini(&o);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(each_action_line_is_understood),
		HARNESS_TEST(what_is_no_action_line_is_an_error),
		HARNESS_TEST(a_malformed_uri_is_an_error),
		HARNESS_TEST(headers_stand_one_per_line),
		HARNESS_TEST(messages_are_delimited_by_the_five_rules),
		HARNESS_TEST(a_message_without_its_blank_line_is_told_as_such),
		HARNESS_TEST(values_that_would_be_malformed_on_the_wire_are_errors),
		HARNESS_TEST(one_of_its_kind_is_allowed_once),
		HARNESS_TEST(cgi_headers_are_known_apart),
		HARNESS_TEST(a_header_block_alone_is_a_200_only_if_configured),
		HARNESS_TEST(limits_hold_and_what_came_before_counts),
		HARNESS_TEST(long_lines_and_many_headers_are_errors),
		HARNESS_TEST(a_cookie_may_have_4_KiB),
		HARNESS_TEST(an_error_stays),
		HARNESS_TEST(what_gets_through_is_well_formed),
		HARNESS_ALLOC_TEST(without_memory_nothing_is_lost),
	};

	return harness_run("cgi output", tests, ARRAY_LEN(tests));
}
