/* "SIP/2.0 NNN reason": what a script's own responses look like. RFC 3050 5.6.1.1, RFC 3261 8.2.6.
 */
#include "fixture.h"

#define FIELDS "Record-Route: <sip:r.test;lr>\r\nTimestamp: 54\r\nTo: <sip:bob@example.com>\r\n"

static const char *said(struct bench *b, const char *method, const char *output)
{
	request(b, method, SCRIPT, FIELDS);
	b->last[0] = '\0';
	prints(b, output);
	(void)wire(b);
	return b->last;
}

static void the_server_brings_what_identifies_the_request(void **state UNUSED)
{
	static const struct {
		const char *method, *says;
		const char *has[6], *has_not[4];
	} rows[] = {
		{ "INVITE",
		  "SIP/2.0 180 Klingelt gerade\nX-A: 1\n\n",
		  { "SIP/2.0 180 Klingelt gerade\r\n", "\r\nVia: " VIA_IN "1\r\n",
		    "\r\nFrom: Alice <sip:alice@example.com>;tag=f1\r\n",
		    "\r\nTo: <sip:bob@example.com>;tag=", "\r\nRecord-Route: <sip:r.test;lr>\r\n",
		    "\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n" },
		  { "Timestamp", "Contact" } },
		{ "INVITE",
		  "SIP/2.0 100 Trying\n\n",
		  { "\r\nTimestamp: 54\r\n", "\r\nTo: <sip:bob@example.com>\r\n" },
		  { "Record-Route", ";tag=\r\n" } },
		{ "INVITE",
		  "SIP/2.0 486\n\n",
		  { "SIP/2.0 486 Busy Here\r\n" },
		  { "Record-Route" } },
		/* A Contact of ours in a 2xx to INVITE, unless the script has one. */
		{ "INVITE",
		  "SIP/2.0 200 OK\n\n",
		  { "\r\nContact: <sip:192.0.2.1:5060>\r\n" },
		  { 0 } },
		{ "INVITE",
		  "SIP/2.0 200 OK\nm: <sip:x@y>\n\n",
		  { "\r\nm: <sip:x@y>\r\n" },
		  { "192.0.2.1" } },
		{ "OPTIONS", "SIP/2.0 200 OK\n\n", { "SIP/2.0 200 OK\r\n" }, { "Contact" } },
		{ "OPTIONS",
		  "SIP/2.0 200 OK\nContent-Type: a/b\nContent-Length: 3\n\nxyz",
		  { "\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nxyz" },
		  { 0 } },
		/* The bindings in a 3xx, or none. */
		{ "INVITE",
		  "SIP/2.0 302 Moved\n\n",
		  { "\r\nContact: <sip:s@198.51.100.50>;" },
		  { 0 } },
		{ "INVITE",
		  "SIP/2.0 302 Moved\nContact: <sip:x@y>\n\n",
		  { "\r\nContact: <sip:x@y>" },
		  { "198.51.100.50" } },
		/* CGI-* fields stay here. */
		{ "INVITE", "SIP/2.0 486 Busy\nCGI-Request-Token: t\n\n", { "486" }, { "CGI" } },
		/* Other parties, with the tags they must have. */
		{ "INVITE",
		  "SIP/2.0 183 P\nTo: Bobby <sip:bobby@example.com>\nFrom: <sip:x@y>;tag=f1\n\n",
		  { "\r\nTo: Bobby <sip:bobby@example.com>;tag=",
		    "\r\nFrom: <sip:x@y>;tag=f1\r\n" },
		  { "alice" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		const char *text;

		assert_true(bench_init(&b));
		bind_one(&b, SCRIPT, "sip:s@198.51.100.50");
		text = said(&b, rows[i].method, rows[i].says);
		for (size_t k = 0; k < ARRAY_LEN(rows[i].has) && rows[i].has[k]; k++)
			assert_has(text, rows[i].has[k]);
		for (size_t k = 0; k < ARRAY_LEN(rows[i].has_not) && rows[i].has_not[k]; k++)
			assert_has_not(text, rows[i].has_not[k]);
		ends(&b, RT_RUN_EXITED, 0);
		bench_fini(&b);
	}
}

static void what_is_not_the_scripts_is_ignored_and_logged(void **state UNUSED)
{
	static const char *const rows[] = {
		"Via: SIP/2.0/UDP evil",
		"Call-ID: evil",
		"i: evil",
		"CSeq: 99 EVIL",
		"To: <sip:evil@example.com>;tag=other",
		"From: <sip:evil@example.com>;tag=other",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char output[256];
		struct bench b;

		assert_true(bench_init(&b));
		harness_expect_log(LOG_WARN, "script's header field ignored");
		(void)snprintf(output, sizeof(output), "SIP/2.0 486 Busy\n%s\n\n", rows[i]);
		assert_has_not(said(&b, "INVITE", output), "evil");
		assert_has(b.last, "SIP/2.0 486 ");
		ends(&b, RT_RUN_EXITED, 0);
		bench_fini(&b);
	}
}

/* The To line of the last response. */
static void to_line(const struct bench *b, char out[128])
{
	const char *at = strstr(b->last, "\r\nTo: ");

	assert_non_null(at);
	(void)snprintf(out, 128, "%.*s", (int)strcspn(at + 2, "\r"), at + 2);
}

static void the_to_tag_is_one_in_all_responses(void **state UNUSED)
{
	char first[128], other[128];
	struct bench b;

	assert_true(bench_init(&b));
	(void)said(&b, "INVITE", "SIP/2.0 180 Ringing\n\n");
	to_line(&b, first);
	assert_has(first, ";tag=");
	prints(&b, "SIP/2.0 183 P\nX: y\nFrom: Alice <sip:alice@example.com>\n\n");
	assert_wire(&b, "183");
	to_line(&b, other);
	assert_string_equal(first, other);
	/* The server's own, and one made for a branch. */
	prints(&b, "CGI-PROXY-REQUEST sip:bob@no.test SIP/2.0\n\n");
	ends(&b, RT_RUN_EXITED, 0);
	assert_wire(&b, "500");
	to_line(&b, other);
	assert_string_equal(first, other);
	bench_fini(&b);
}

static void the_first_final_response_wins(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	says(&b, "SIP/2.0 180 Ringing\n\nSIP/2.0 180 Ringing\n\nSIP/2.0 486 Busy\n\n"
		 "SIP/2.0 200 OK\n\nSIP/2.0 180 Ringing\n\n");
	assert_wire(&b, "180 180 486");
	bench_fini(&b);
}

static void a_100_goes_out_once_if_none_has(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	prints(&b, "SIP/2.0 100 Trying\n\nSIP/2.0 100 Trying\n\n");
	assert_wire(&b, "100");
	fake_runtime_advance(&b.f, 300);
	assert_wire(&b, "");
	says(&b, "SIP/2.0 486 Busy\n\n");
	bench_fini(&b);
}

static void provisional_answers_to_others_than_invite_are_refused(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "MESSAGE", SCRIPT, "");
	says(&b, "SIP/2.0 180 Ringing\n\nSIP/2.0 202 Accepted\n\n");
	assert_wire(&b, "202");
	bench_fini(&b);
}

static void a_408_of_the_scripts_is_silence_but_for_invite(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "MESSAGE", SCRIPT, "");
	says(&b, "SIP/2.0 408 Timeout\n\n");
	assert_wire(&b, ""); /* RFC 4320 4.2 */
	fake_runtime_advance(&b.f, 100);
	assert_int_equal(b.s->n_sessions, 0);
	b.cseq = 2;
	request(&b, "INVITE", SCRIPT, "");
	says(&b, "SIP/2.0 408 Timeout\n\n");
	assert_wire(&b, "408");
	bench_fini(&b);
}

static void a_2xx_is_repeated_until_its_ack(void **state UNUSED)
{
	char tag[64], to[128];
	struct bench b;

	assert_true(bench_init(&b));
	request(&b, "INVITE", SCRIPT, "");
	says(&b, "SIP/2.0 200 OK\n\n");
	assert_wire(&b, "200");
	to_line(&b, to);
	(void)snprintf(tag, sizeof(tag), "%s", strstr(to, ";tag="));
	fake_runtime_advance(&b.f, 501);
	assert_wire(&b, "200");
	/* Not this one's. */
	request(&b, "ACK", SCRIPT, "To: <sip:bob@example.com>;tag=other\r\n");
	fake_runtime_advance(&b.f, 1001);
	assert_wire(&b, "200");
	(void)snprintf(to, sizeof(to), "To: <sip:bob@example.com>%s\r\n", tag);
	request(&b, "ACK", SCRIPT, to);
	fake_runtime_advance(&b.f, 60000);
	assert_wire(&b, "");
	assert_int_equal(b.s->n_sessions, 0);
	bench_fini(&b);
}

static void no_response_is_made_of_too_much(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT;
	struct bench b;

	assert_true(bench_init(&b));
	b.scripts[0].max_output = 200000;
	request(&b, "INVITE", SCRIPT, "");
	buf_str(&text, "SIP/2.0 486 Busy\nContent-Type: a/b\nContent-Length: 70000\n\n");
	for (int i = 0; i < 7000; i++)
		buf_str(&text, "0123456789");
	buf_char(&text, '\0');
	harness_expect_log(LOG_WARN, "script failed");
	prints(&b, text.data);
	assert_wire(&b, "500");
	ends(&b, RT_RUN_CANCELLED, 0);
	bench_fini(&b);
}

static void without_memory_it_is_500_or_nothing(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	bind_one(&b, SCRIPT, "sip:s@198.51.100.50");
	request(&b, "INVITE", SCRIPT, "");
	if (fake_run_job(&b.f))
		says(&b, "SIP/2.0 302 Moved\nX: y\nTo: <sip:c@example.com>\n\n");
	(void)wire(&b);
	fake_runtime_advance(&b.f, 400000);
	(void)wire(&b);
	assert_int_equal(b.s->n_sessions, 0);
	assert_int_equal(txn_layer_count(b.s->txns, NULL), 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_server_brings_what_identifies_the_request),
		HARNESS_TEST(what_is_not_the_scripts_is_ignored_and_logged),
		HARNESS_TEST(the_to_tag_is_one_in_all_responses),
		HARNESS_TEST(the_first_final_response_wins),
		HARNESS_TEST(a_100_goes_out_once_if_none_has),
		HARNESS_TEST(provisional_answers_to_others_than_invite_are_refused),
		HARNESS_TEST(a_408_of_the_scripts_is_silence_but_for_invite),
		HARNESS_TEST(a_2xx_is_repeated_until_its_ack),
		HARNESS_TEST(no_response_is_made_of_too_much),
		HARNESS_ALLOC_TEST(without_memory_it_is_500_or_nothing),
	};

	return harness_run("answer", tests, ARRAY_LEN(tests));
}
