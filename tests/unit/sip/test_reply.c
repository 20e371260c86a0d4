/* Responses of our own: RFC 3261 8.2.6. */
#include "harness.h"

#include <errno.h>

#include "sip/reply.h"

#define VIA "Via : SIP/2.0/UDP a;branch=z9hG4bK1;rport , SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
#define VIA3 "v: SIP/2.0/TCP c;branch=z9hG4bK3\r\n"
#define FROM "f: <sip:a@b>;tag=1\r\n"
#define TO "To:  <sip:b@c>\r\n  ;x=y  \r\n"
#define ID "Call-ID: x\r\n"
#define CSEQ "CSeq: 1 INVITE\r\n"

static const char invite[] = "INVITE sip:b@c SIP/2.0\r\n" VIA
			     "Record-Route: <sip:p1;lr>\r\n" TO VIA3 "Timestamp: 54\r\n" CSEQ FROM
			     "X: y\r\nRecord-Route: <sip:p2;lr>\r\n" ID "c: a/b\r\n\r\nbody";

static struct sip_msg *parse(const char *text, size_t n)
{
	struct packet *p = packet_from(slice_of(text, n));
	struct sip_msg *m = NULL;
	struct sip_error e;
	int rc;

	if (!p) {
		assert_true(harness_alloc_failed());
		return NULL;
	}
	rc = sip_msg_parse(p, &m, &e);
	packet_unref(p);
	if (rc == -ENOMEM)
		assert_true(harness_alloc_failed());
	else
		assert_int_equal(rc, 0);
	return m;
}

static void assert_reply(const char *request, struct slice via_top, const struct sip_reply *r,
			 const char *expected)
{
	AUTO_MSG *m = parse(request, strlen(request));
	struct packet *p = NULL;
	int rc;

	if (!m)
		return;
	rc = sip_reply_render(m, via_top, r, &p);
	if (rc == -ENOMEM) {
		assert_true(harness_alloc_failed());
		assert_null(p);
		return;
	}
	assert_int_equal(rc, 0);
	if (p->len != strlen(expected) || memcmp(p->data, expected, p->len) != 0)
		fail_msg("rendered:\n%.*s\nexpected:\n%s", (int)p->len, p->data, expected);
	packet_unref(p);
}

static void a_final_response_copies_the_fields_and_adds_a_tag(void **state)
{
	static const struct sip_reply r = { .status = 404, .to_tag = SLICE_INIT("mine") };

	(void)state;
	assert_reply(invite, SLICE_EMPTY, &r,
		     "SIP/2.0 404 Not Found\r\n" VIA VIA3 FROM
		     "To:  <sip:b@c>\r\n  ;x=y;tag=mine\r\n" ID CSEQ "Content-Length: 0\r\n\r\n");
}

static void the_stamped_via_replaces_the_top_one_only(void **state)
{
	static const struct sip_reply r = { .status = 200 };

	(void)state;
	assert_reply(
		invite, SLICE("SIP/2.0/UDP a;received=192.0.2.9"), &r,
		"SIP/2.0 200 OK\r\n"
		"Via : SIP/2.0/UDP a;received=192.0.2.9 , SIP/2.0/UDP b;branch=z9hG4bK2\r\n" VIA3
			FROM TO ID CSEQ "Content-Length: 0\r\n\r\n");
}

static void a_100_has_the_timestamp_and_no_tag(void **state)
{
	static const struct sip_reply r = { .status = 100, .to_tag = SLICE_INIT("mine") };

	(void)state;
	assert_reply(invite, SLICE_EMPTY, &r,
		     "SIP/2.0 100 Trying\r\n" VIA VIA3 FROM TO ID CSEQ
		     "Timestamp: 54\r\nContent-Length: 0\r\n\r\n");
}

static void a_tag_that_is_there_stays(void **state)
{
	static const struct sip_reply r = { .status = 481, .to_tag = SLICE_INIT("mine") };

	(void)state;
	assert_reply("BYE sip:b SIP/2.0\r\n" VIA3 "To: <sip:b@c>;TAG=theirs\r\n" FROM ID
		     "CSeq: 1 BYE\r\n\r\n",
		     SLICE_EMPTY, &r,
		     "SIP/2.0 481 Call/Transaction Does Not Exist\r\n" VIA3 FROM
		     "To: <sip:b@c>;TAG=theirs\r\n" ID "CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n");
}

static void fields_body_reason_and_record_route_are_as_asked(void **state)
{
	static const struct slice fields[] = { SLICE_INIT("Contact: <sip:me>"),
					       SLICE_INIT("Content-Type: text/plain") };
	static const struct sip_reply r = { .status = 299,
					    .reason = SLICE_INIT("Very Well"),
					    .to_tag = SLICE_INIT("t"),
					    .fields = fields,
					    .n_fields = 2,
					    .body = SLICE_INIT("hello"),
					    .record_route = true };

	(void)state;
	assert_reply(invite, SLICE_EMPTY, &r,
		     "SIP/2.0 299 Very Well\r\n" VIA VIA3
		     "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n" FROM
		     "To:  <sip:b@c>\r\n  ;x=y;tag=t\r\n" ID CSEQ
		     "Contact: <sip:me>\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
		     "hello");
}

static void what_a_faulty_request_lacks_is_left_out(void **state)
{
	static const struct sip_reply r = { .status = 400, .to_tag = SLICE_INIT("t") };

	(void)state;
	assert_reply("INVITE sip:b SIP/2.0\r\n" VIA3 CSEQ "\r\n", SLICE_EMPTY, &r,
		     "SIP/2.0 400 Bad Request\r\n" VIA3 CSEQ "Content-Length: 0\r\n\r\n");
	assert_reply("INVITE sip:b SIP/2.0\r\n\r\n", SLICE("SIP/2.0/UDP x"), &r,
		     "SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	/* Of what is there twice the first counts; a malformed Via is not stamped. */
	assert_reply("INVITE sip:b SIP/2.0\r\nVia: ;;\r\n" CSEQ "CSeq: 2 INVITE\r\nTo: <sip:a>\r\n"
		     "To: <sip:b>\r\n\r\n",
		     SLICE("SIP/2.0/UDP x"), &r,
		     "SIP/2.0 400 Bad Request\r\nVia: ;;\r\nTo: <sip:a>;tag=t\r\n" CSEQ
		     "Content-Length: 0\r\n\r\n");
}

static void a_reply_is_a_good_message(void **state)
{
	static const struct sip_reply r = { .status = 486, .to_tag = SLICE_INIT("t") };
	AUTO_MSG *m = parse(invite, sizeof(invite) - 1);
	AUTO_MSG *answer = NULL;
	struct packet *p;

	(void)state;
	assert_int_equal(sip_reply_render(m, SLICE_EMPTY, &r, &p), 0);
	answer = parse(p->data, p->len);
	packet_unref(p);
	assert_null(answer->fault.reason);
	assert_int_equal(answer->status, 486);
	assert_int_equal(answer->method, SIP_INVITE);
	assert_true(slice_eq(answer->to_tag, SLICE("t")));
	assert_true(slice_eq(answer->via.text, m->via.text));
}

static void every_prefix_that_is_a_message_can_be_answered(void **state)
{
	static const struct sip_reply r = { .status = 400, .to_tag = SLICE_INIT("t") };

	(void)state;
	for (size_t n = 1; n < sizeof(invite) - 8; n++) {
		/* The prefix ends its head wherever it is. */
		char text[sizeof(invite) + 4];
		struct packet *p, *reply;
		struct sip_msg *m;
		struct sip_error e;

		memcpy(text, invite, n);
		memcpy(text + n, "\r\n\r\n", 4);
		p = packet_from(slice_of(text, n + 4));
		if (sip_msg_parse(p, &m, &e) == 0) {
			assert_int_equal(sip_reply_render(m, SLICE("x"), &r, &reply), 0);
			packet_unref(reply);
			sip_msg_unref(m);
		}
		packet_unref(p);
	}
}

static void no_line_end_is_smuggled_through_what_is_repeated(void **state)
{
	static const char bad[] = "INVITE sip:b@c SIP/2.0\r\n" VIA
				  "From: <sip:a@b>;tag=1\rX-Smuggled: 1\r\n"
				  "To: <sip:b\0@c>\r\n" ID "CSeq: 1 INVITE\r\r\n\r\n";
	static const char good[] =
		"SIP/2.0 400 Bad Request\r\n" VIA "From: <sip:a@b>;tag=1 X-Smuggled: 1\r\n"
		"To: <sip:b @c>;tag=t\r\n" ID "CSeq: 1 INVITE \r\nContent-Length: 3\r\n\r\n\r\0x";
	struct sip_reply r = { .status = 400, .to_tag = SLICE("t"), .body = slice_of("\r\0x", 3) };
	AUTO_MSG *m = parse(bad, sizeof(bad) - 1);
	struct packet *p = NULL;

	(void)state;
	assert_non_null(m->fault.reason);
	assert_int_equal(sip_reply_render(m, SLICE_EMPTY, &r, &p), 0);
	assert_int_equal(p->len, sizeof(good) - 1);
	assert_memory_equal(p->data, good, sizeof(good) - 1);
	packet_unref(p);
}

static void too_large_a_reply_is_refused(void **state)
{
	char *body = harness_calloc(SIP_MSG_MAX);
	struct sip_reply r = { .status = 200, .body = slice_of(body, SIP_MSG_MAX) };
	AUTO_MSG *m = parse(invite, sizeof(invite) - 1);
	struct packet *p;

	(void)state;
	assert_int_equal(sip_reply_render(m, SLICE_EMPTY, &r, &p), -EMSGSIZE);
	free(body);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_final_response_copies_the_fields_and_adds_a_tag),
		HARNESS_TEST(the_stamped_via_replaces_the_top_one_only),
		HARNESS_TEST(a_100_has_the_timestamp_and_no_tag),
		HARNESS_TEST(a_tag_that_is_there_stays),
		HARNESS_TEST(fields_body_reason_and_record_route_are_as_asked),
		HARNESS_TEST(what_a_faulty_request_lacks_is_left_out),
		HARNESS_TEST(a_reply_is_a_good_message),
		HARNESS_TEST(every_prefix_that_is_a_message_can_be_answered),
		HARNESS_TEST(no_line_end_is_smuggled_through_what_is_repeated),
		HARNESS_TEST(too_large_a_reply_is_refused),
	};

	return harness_run("sip/reply", tests, ARRAY_LEN(tests));
}
