/* Metavariables: RFC 3050 5.5.1, SIPCGI.md 2. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgi/metavar.h"

#define VIA "Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1\r\n"
#define CORE                                                                                       \
	VIA "From: <sip:a@x.test>;tag=1\r\nTo: <sip:b@y.test>\r\nCall-ID: c1\r\nCSeq: 1 "          \
	    "INVITE\r\n"                                                                           \
	    "Max-Forwards: 70\r\n"
#define INVITE "INVITE sip:b@y.test;p=1 SIP/2.0\r\n" CORE

struct fixture {
	struct sip_msg *msg;
	struct rt_flow flow;
	struct arena arena;
	struct cgi_metavar_input in;
	struct cgi_metavars vars;
};

static void open_bytes(struct fixture *f, struct slice text)
{
	struct sip_error err;
	struct packet *p = packet_from(text);

	assert_non_null(p);
	*f = (struct fixture){ 0 };
	assert_int_equal(sip_msg_parse(p, &f->msg, &err), 0);
	packet_unref(p);
	arena_init(&f->arena, 0);
	f->flow.transport = RT_UDP;
	assert_int_equal(net_addr_parse(SLICE("192.0.2.7"), 5099, &f->flow.peer), 0);
	f->in = (struct cgi_metavar_input){
		.event = f->msg->is_request ? CGI_REQUEST_EVENT : CGI_RESPONSE_EVENT,
		.msg = f->msg,
		.flow = &f->flow,
		.server_port = 5060,
		.server_name = SLICE("y.test"),
		.script_path = SLICE("/srv/s.sh"),
		.script_name = SLICE("s"),
		.transaction = SLICE("t-1"),
		.response_token = SLICE("r-1"),
	};
}

static void open_text(struct fixture *f, const char *text)
{
	open_bytes(f, slice_str(text));
}

static void build(struct fixture *f)
{
	assert_int_equal(cgi_metavars_build(&f->in, &f->arena, &f->vars), 0);
}

static void close_fixture(struct fixture *f)
{
	arena_fini(&f->arena);
	sip_msg_unref(f->msg);
}

static void expect_bytes(struct fixture *f, const char *name, struct slice want)
{
	const struct slice *v = cgi_metavars_get(&f->vars, slice_str(name));

	if (!v)
		fail_msg("%s is undefined", name);
	else if (!slice_eq(*v, want))
		fail_msg("%s is <%.*s>, not <%.*s>", name, SLICE_FMT(*v), SLICE_FMT(want));
}

static void expect(struct fixture *f, const char *name, const char *want)
{
	if (want)
		expect_bytes(f, name, slice_str(want));
	else if (cgi_metavars_get(&f->vars, slice_str(name)))
		fail_msg("%s is defined", name);
}

/* C-051, C-055, C-060 to C-072. */
static void a_request_defines_what_belongs_to_requests(void **state)
{
	static const char *const rows[][2] = {
		{ "GATEWAY_INTERFACE", "SIP-CGI/1.1" },
		{ "SERVER_SOFTWARE", "sipcgid/" SIPCGID_VERSION },
		{ "SERVER_PROTOCOL", "SIP/2.0" },
		{ "SERVER_NAME", "y.test" },
		{ "SERVER_PORT", "5060" },
		{ "REMOTE_ADDR", "192.0.2.7" },
		{ "REMOTE_HOST", NULL },
		{ "REMOTE_IDENT", NULL },
		{ "AUTH_TYPE", NULL },
		{ "REMOTE_USER", NULL },
		{ "REQUEST_METHOD", "INVITE" },
		{ "REQUEST_URI", "sip:b@y.test;p=1" },
		{ "REQUEST_TOKEN", NULL },
		{ "RESPONSE_STATUS", NULL },
		{ "RESPONSE_REASON", NULL },
		{ "RESPONSE_TOKEN", NULL },
		{ "REGISTRATIONS", NULL },
		{ "SCRIPT_COOKIE", NULL },
		{ "CONTENT_LENGTH", NULL },
		{ "CONTENT_TYPE", NULL },
		{ "SCRIPT_FILENAME", "/srv/s.sh" },
		{ "SCRIPT_NAME", "s" },
		{ "SIPCGI_EVENT", "request" },
		{ "SIPCGI_TRANSACTION", "t-1" },
		{ "SIPCGI_TRANSPORT", "udp" },
		{ "SIPCGI_REMOTE_PORT", "5099" },
		{ "SIPCGI_RESPONSE_ORIGIN", NULL },
		{ "SIPCGI_BRANCH_URI", NULL },
		{ "SIPCGI_BEST", NULL },
		{ "SIPCGI_PENDING", NULL },
		{ "SIPCGI_TLS_CLIENT_NAME", NULL },
		{ "SIP_VIA", "SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1" },
		{ "SIP_FROM", "<sip:a@x.test>;tag=1" },
		{ "SIP_CALL_ID", "c1" },
		{ "SIP_CSEQ", "1 INVITE" },
		{ "SIP_MAX_FORWARDS", "70" },
		{ "SIP_SUBJECT", NULL },
	};
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "\r\n");
	build(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect(&f, rows[i][0], rows[i][1]);
	close_fixture(&f);
}

static void a_response_defines_what_belongs_to_responses(void **state)
{
	static const char *const rows[][2] = {
		{ "REQUEST_METHOD", NULL },
		{ "REQUEST_URI", NULL },
		{ "REQUEST_TOKEN", "mine" },
		{ "RESPONSE_STATUS", "486" },
		{ "RESPONSE_REASON", "Busy Here" },
		{ "RESPONSE_TOKEN", "r-1" },
		{ "SIPCGI_EVENT", "response" },
		{ "SIPCGI_RESPONSE_ORIGIN", "network" },
		{ "SIPCGI_BRANCH_URI", "sip:b@192.0.2.8" },
		{ "SIPCGI_BEST", "r-0" },
		{ "SIPCGI_PENDING", "2" },
		{ "SCRIPT_COOKIE", "ck" },
	};
	struct fixture f;

	(void)state;
	open_text(&f, "SIP/2.0 486 Busy Here\r\n" CORE "\r\n");
	f.in.request_token = SLICE("mine");
	f.in.branch_uri = SLICE("sip:b@192.0.2.8");
	f.in.best_token = SLICE("r-0");
	f.in.pending = 2;
	f.in.cookie = SLICE("ck");
	build(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect(&f, rows[i][0], rows[i][1]);
	close_fixture(&f);

	/* C-063, C-066: no token is undefined, an empty phrase is null. */
	open_text(&f, "SIP/2.0 200 \r\n" CORE "\r\n");
	build(&f);
	expect(&f, "REQUEST_TOKEN", NULL);
	expect(&f, "SIPCGI_BEST", NULL);
	expect(&f, "SIPCGI_PENDING", "0");
	expect(&f, "RESPONSE_REASON", "");
	close_fixture(&f);
}

/* C-056. */
static void a_local_response_comes_from_the_loopback_address(void **state)
{
	struct fixture f;

	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		open_text(&f, "SIP/2.0 408 Request Timeout\r\n" CORE "\r\n");
		f.in.flow = NULL;
		f.in.ipv6 = ipv6;
		build(&f);
		expect(&f, "REMOTE_ADDR", ipv6 ? "::1" : "127.0.0.1");
		expect(&f, "SIPCGI_RESPONSE_ORIGIN", "local");
		expect(&f, "SIPCGI_TRANSPORT", NULL);
		expect(&f, "SIPCGI_REMOTE_PORT", NULL);
		close_fixture(&f);
	}
}

static void ack_and_cancel_are_requests_with_their_own_event(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, "ACK sip:b@y.test SIP/2.0\r\n" CORE "\r\n");
	f.in.event = CGI_ACK_EVENT;
	build(&f);
	expect(&f, "SIPCGI_EVENT", "ack");
	expect(&f, "REQUEST_METHOD", "ACK");
	expect(&f, "RESPONSE_TOKEN", NULL);
	close_fixture(&f);
	assert_string_equal(cgi_event_name(CGI_CANCEL_EVENT), "cancel");
}

static void an_ipv6_peer_has_no_brackets(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "\r\n");
	f.flow.transport = RT_WSS;
	assert_int_equal(net_addr_parse(SLICE("2001:db8::7"), 443, &f.flow.peer), 0);
	build(&f);
	expect(&f, "REMOTE_ADDR", "2001:db8::7");
	expect(&f, "SIPCGI_REMOTE_PORT", "443");
	expect(&f, "SIPCGI_TRANSPORT", "wss");
	close_fixture(&f);
}

/* C-040, C-041, C-059. */
static void the_user_is_told_only_with_the_scheme_that_proved_it(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "\r\n");
	f.in.auth_type = SLICE("Digest");
	f.in.remote_user = SLICE("al\"ice");
	build(&f);
	expect(&f, "AUTH_TYPE", "Digest");
	expect(&f, "REMOTE_USER", "al\"ice");
	f.in.auth_type = SLICE_EMPTY;
	build(&f);
	expect(&f, "AUTH_TYPE", NULL);
	expect(&f, "REMOTE_USER", NULL);
	close_fixture(&f);
}

/* C-022. */
static void undefined_and_null_are_different(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "Subject: \r\nX-Empty:\r\n\r\n");
	f.in.registrations = SLICE("");
	build(&f);
	expect(&f, "SIP_SUBJECT", "");
	expect(&f, "SIP_X_EMPTY", "");
	expect(&f, "REGISTRATIONS", "");
	expect(&f, "SIP_ORGANIZATION", NULL);
	close_fixture(&f);
}

/* C-028: every compact form has its full name's variable. */
static void each_compact_form_gives_the_full_name(void **state)
{
	struct fixture f;

	(void)state;
	for (int id = 1; id < SIP_H_COUNT; id++) {
		static const char compact[] = { [SIP_H_OTHER] = 0,
#define COMPACT(i, name, c) [SIP_H_##i] = c,
						SIP_HEADERS(COMPACT)
#undef COMPACT
		};
		AUTO_BUF text = BUF_INIT, want = BUF_INIT;
		const struct slice name = sip_header_name((enum sip_header)id);

		/* The name's own rule, not the table's: upper case, '-' to '_'. */
		buf_str(&want, "SIP_");
		for (size_t i = 0; i < name.n; i++)
			buf_char(&want, name.p[i] == '-' ? '_'
					: name.p[i] >= 'a' && name.p[i] <= 'z'
						? (char)(name.p[i] - 32)
						: name.p[i]);
		buf_char(&want, '\0');
		for (int form = 0; form < 2; form++) {
			if (form && !compact[id])
				continue;
			buf_reset(&text);
			buf_str(&text, "OPTIONS sip:y.test SIP/2.0\r\n");
			if (form)
				buf_char(&text, compact[id]);
			else
				buf_slice(&text, name);
			buf_str(&text, ": 1\r\n\r\n");
			open_bytes(&f, buf_view(&text));
			f.in.pass_authorization = true;
			build(&f);
			expect(&f, want.data, "1");
			close_fixture(&f);
		}
	}
}

/* C-024, C-027, C-029, C-030, C-032. */
static void fields_become_one_line_each(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "Route: <sip:p1;lr>\r\n"
			     "Foo: 1\r\n"
			     "v: SIP/2.0/TCP second\r\n"
			     "Subject: MiXeD \r\n\tfolded\r\n   again\r\n"
			     "Route: <sip:p2;lr>,\r\n <sip:p3;lr>\r\n"
			     "fOO: 2\r\n"
			     "Supported:\r\nk: 100rel\r\nSupported: path\r\n"
			     "X-Z9: a\r\nFoo: 3\r\nfoo2: x\r\n"
			     "\r\n");
	build(&f);
	expect(&f, "SIP_ROUTE", "<sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>");
	expect(&f, "SIP_VIA", "SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1, SIP/2.0/TCP second");
	expect(&f, "SIP_SUBJECT", "MiXeD folded again");
	expect(&f, "SIP_FOO", "1, 2, 3");
	expect(&f, "SIP_FOO2", "x");
	expect(&f, "SIP_SUPPORTED", "100rel, path");
	expect(&f, "SIP_X_Z9", "a");
	close_fixture(&f);
}

static void no_two_names_differ_in_case_only(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "a-b: 1\r\nA-B: 2\r\nVIA: x\r\ni: y\r\nCALL-id: z\r\n\r\n");
	f.in.extra = SLICE("Path=/bin\0path=/sbin\0");
	build(&f);
	for (size_t i = 0; i < f.vars.n; i++)
		for (size_t k = i + 1; k < f.vars.n; k++)
			assert_false(slice_ieq(f.vars.v[i].name, f.vars.v[k].name));
	close_fixture(&f);
}

static void names_that_could_collide_are_not_passed(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "X_A: 1\r\nX.B: 2\r\nX!C: 3\r\nX-D: 4\r\n\r\n");
	build(&f);
	expect(&f, "SIP_X_A", NULL);
	expect(&f, "SIP_X.B", NULL);
	expect(&f, "SIP_X_B", NULL);
	expect(&f, "SIP_X!C", NULL);
	expect(&f, "SIP_X_D", "4");
	close_fixture(&f);
}

static void a_header_poses_as_no_other_variable(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "PATH: /evil\r\nLD-PRELOAD: /evil.so\r\nREMOTE-USER: root\r\n"
			     "AUTH-TYPE: Digest\r\nSIPCGI-EVENT: cancel\r\nSCRIPT-NAME: x\r\n"
			     "REQUEST-METHOD: BYE\r\nCGI-EVENT: y\r\n\r\n");
	build(&f);
	expect(&f, "LD_PRELOAD", NULL);
	expect(&f, "PATH", NULL);
	expect(&f, "REMOTE_USER", NULL);
	expect(&f, "AUTH_TYPE", NULL);
	expect(&f, "SIPCGI_EVENT", "request");
	expect(&f, "SCRIPT_NAME", "s");
	expect(&f, "REQUEST_METHOD", "INVITE");
	expect(&f, "SIP_LD_PRELOAD", "/evil.so");
	expect(&f, "SIP_SIPCGI_EVENT", "cancel");
	expect(&f, "SIP_CGI_EVENT", "y");
	close_fixture(&f);
}

/* C-034. */
static void credentials_are_hidden_unless_configured(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "Authorization: Digest username=\"a\", realm=\"x\"\r\n"
			     "proxy-authorization: Digest b\r\n"
			     "Proxy-Authorization: Digest c\r\n\r\n");
	build(&f);
	expect(&f, "SIP_AUTHORIZATION", NULL);
	expect(&f, "SIP_PROXY_AUTHORIZATION", NULL);
	f.in.pass_authorization = true;
	build(&f);
	expect(&f, "SIP_AUTHORIZATION", "Digest username=\"a\", realm=\"x\"");
	expect(&f, "SIP_PROXY_AUTHORIZATION", "Digest b");
	close_fixture(&f);
}

static void challenges_come_one_by_one(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f,
		  "SIP/2.0 407 P\r\n" CORE "Proxy-Authenticate: Digest realm=\"a\",\r\n nonce=1\r\n"
		  "Proxy-Authenticate: Digest realm=\"b\"\r\n"
		  "WWW-Authenticate: Digest realm=\"c\"\r\n\r\n");
	build(&f);
	expect(&f, "SIP_PROXY_AUTHENTICATE", "Digest realm=\"a\", nonce=1");
	expect(&f, "SIPCGI_PROXY_AUTHENTICATE_1", "Digest realm=\"a\", nonce=1");
	expect(&f, "SIPCGI_PROXY_AUTHENTICATE_2", "Digest realm=\"b\"");
	expect(&f, "SIPCGI_PROXY_AUTHENTICATE_3", NULL);
	expect(&f, "SIP_WWW_AUTHENTICATE", "Digest realm=\"c\"");
	expect(&f, "SIPCGI_WWW_AUTHENTICATE_1", "Digest realm=\"c\"");
	expect(&f, "SIPCGI_WWW_AUTHENTICATE_2", NULL);
	close_fixture(&f);
}

/* C-035, C-048 to C-050. */
static void the_body_has_the_length_it_has(void **state)
{
	static const struct {
		const char *rest;
		const char *length, *type, *sip_length, *sip_type;
	} rows[] = {
		{ "Content-Type: text/plain;\r\n charset=x\r\n\r\nhello", "5",
		  "text/plain; charset=x", NULL, "text/plain; charset=x" },
		{ "c: a/b\r\nl: 3\r\n\r\nhello", "3", "a/b", "3", "a/b" },
		{ "Content-Type: a/b\r\nContent-Length: 0\r\n\r\n", NULL, NULL, "0", "a/b" },
		{ "\r\n", NULL, NULL, NULL, NULL },
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF text = BUF_INIT;

		buf_printf(&text, "%s%s", INVITE, rows[i].rest);
		open_bytes(&f, buf_view(&text));
		build(&f);
		expect(&f, "CONTENT_LENGTH", rows[i].length);
		expect(&f, "CONTENT_TYPE", rows[i].type);
		expect(&f, "SIP_CONTENT_LENGTH", rows[i].sip_length);
		expect(&f, "SIP_CONTENT_TYPE", rows[i].sip_type);
		close_fixture(&f);
	}
}

static void configured_variables_come_last_and_forge_nothing(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "\r\n");
	f.in.extra = SLICE("PATH=/bin\0EMPTY=\0EQ=a=b\0REMOTE_USER=root\0REQUEST_METHOD=BYE\0"
			   "sip_from=x\0=none\0none\0PATH=/usr/bin\0");
	build(&f);
	expect(&f, "PATH", "/usr/bin");
	expect(&f, "EMPTY", "");
	expect(&f, "EQ", "a=b");
	expect(&f, "REQUEST_METHOD", "INVITE");
	expect(&f, "SIP_FROM", "<sip:a@x.test>;tag=1");
	expect(&f, "none", NULL);
	assert_true(slice_eq(f.vars.v[f.vars.n - 1].name, SLICE("REMOTE_USER")) ||
		    slice_eq(f.vars.v[f.vars.n - 2].name, SLICE("EQ")));
	close_fixture(&f);
}

static void the_environment_is_the_list_in_order(void **state)
{
	struct fixture f;
	AUTO_BUF env = BUF_INIT;
	struct slice rest, one;
	size_t n = 0, i = 0;

	(void)state;
	open_text(&f, INVITE "Subject: x\r\n\r\n");
	f.in.extra = SLICE("A=b\0");
	build(&f);
	assert_int_equal(cgi_metavars_env(&f.vars, &env, &n), 0);
	assert_int_equal(n, f.vars.n);
	assert_true(slice_starts(buf_view(&env), SLICE("GATEWAY_INTERFACE=SIP-CGI/1.1\0")));
	rest = buf_view(&env);
	while (slice_split(&rest, '\0', &one)) {
		assert_true(slice_starts(one, f.vars.v[i].name));
		i++;
	}
	assert_int_equal(i, n);
	assert_int_equal(env.data[env.len - 1], '\0');
	assert_memory_equal(env.data + env.len - 4, "A=b", 4);
	close_fixture(&f);
}

static void an_environment_beyond_the_systems_limits_is_refused(void **state)
{
	static char big[CGI_ENV_STRING_MAX];
	struct fixture f;
	size_t n;

	(void)state;
	memset(big, 'x', sizeof(big));
	for (int over = 0; over < 2; over++) {
		AUTO_BUF env = BUF_INIT;

		open_text(&f, INVITE "\r\n");
		f.in.registrations =
			slice_of(big, CGI_ENV_STRING_MAX - sizeof("REGISTRATIONS=") + (size_t)over);
		build(&f);
		assert_int_equal(cgi_metavars_env(&f.vars, &env, &n), over ? -E2BIG : 0);
		assert_int_equal(cgi_metavars_check(&f.vars), over ? -E2BIG : 0);
		assert_int_equal(env.len > 0, !over);
		close_fixture(&f);
	}

	/* Many that fit, and do not together. */
	{
		AUTO_BUF extra = BUF_INIT, env = BUF_INIT;

		open_text(&f, INVITE "\r\n");
		for (int i = 0; i < 11; i++) {
			buf_printf(&extra, "V%d=", i);
			buf_put(&extra, big, 100000);
			buf_char(&extra, '\0');
		}
		f.in.extra = buf_view(&extra);
		build(&f);
		assert_int_equal(cgi_metavars_env(&f.vars, &env, &n), -E2BIG);
		close_fixture(&f);
	}
}

static void a_value_with_a_NUL_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	open_text(&f, INVITE "\r\n");
	f.in.registrations = slice_of("a\0b", 3);
	assert_int_equal(cgi_metavars_build(&f.in, &f.arena, &f.vars), -EBADMSG);
	close_fixture(&f);
}

static void without_memory_it_fails_and_leaks_nothing(void **state)
{
	struct fixture f;
	AUTO_BUF env = BUF_INIT;
	struct sip_error err;
	struct packet *p;
	size_t n;
	int rc;

	(void)state;
	p = packet_from(SLICE(INVITE "Foo: a\r\nfoo: b\r\nSubject: a\r\n b\r\n\r\n"));
	if (!p)
		return;
	f = (struct fixture){ 0 };
	rc = sip_msg_parse(p, &f.msg, &err);
	packet_unref(p);
	if (rc < 0)
		return;
	arena_init(&f.arena, 256);
	f.in = (struct cgi_metavar_input){ .msg = f.msg, .server_port = 5060 };
	rc = cgi_metavars_build(&f.in, &f.arena, &f.vars);
	if (rc == 0)
		rc = cgi_metavars_env(&f.vars, &env, &n);
	if (rc < 0) {
		assert_true(harness_alloc_failed());
		assert_int_equal(rc, -ENOMEM);
	}
	close_fixture(&f);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_request_defines_what_belongs_to_requests),
		HARNESS_TEST(a_response_defines_what_belongs_to_responses),
		HARNESS_TEST(a_local_response_comes_from_the_loopback_address),
		HARNESS_TEST(ack_and_cancel_are_requests_with_their_own_event),
		HARNESS_TEST(an_ipv6_peer_has_no_brackets),
		HARNESS_TEST(the_user_is_told_only_with_the_scheme_that_proved_it),
		HARNESS_TEST(undefined_and_null_are_different),
		HARNESS_TEST(each_compact_form_gives_the_full_name),
		HARNESS_TEST(fields_become_one_line_each),
		HARNESS_TEST(no_two_names_differ_in_case_only),
		HARNESS_TEST(names_that_could_collide_are_not_passed),
		HARNESS_TEST(a_header_poses_as_no_other_variable),
		HARNESS_TEST(credentials_are_hidden_unless_configured),
		HARNESS_TEST(challenges_come_one_by_one),
		HARNESS_TEST(the_body_has_the_length_it_has),
		HARNESS_TEST(configured_variables_come_last_and_forge_nothing),
		HARNESS_TEST(the_environment_is_the_list_in_order),
		HARNESS_TEST(an_environment_beyond_the_systems_limits_is_refused),
		HARNESS_TEST(a_value_with_a_NUL_is_refused),
		HARNESS_ALLOC_TEST(without_memory_it_fails_and_leaks_nothing),
	};

	return harness_run("cgi metavar", tests, ARRAY_LEN(tests));
}
