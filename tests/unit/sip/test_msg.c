/* The message index: RFC 3261 7, 18.3. Faults are in test_intake.c. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "sip/msg.h"

#define VIA "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
#define FROM "From: <sip:a@example.com>;tag=1\r\n"
#define TO "To: <sip:b@example.com>\r\n"
#define ID "Call-ID: x@y\r\n"
#define CSEQ "CSeq: 1 OPTIONS\r\n"
#define HEAD "OPTIONS sip:b@example.com SIP/2.0\r\n"
#define MOST VIA FROM TO ID CSEQ

static const char invite[] = "INVITE sip:bob@example.com;user=phone SIP/2.0\r\n"
			     "Via: SIP/2.0/UDP one;branch=z9hG4bK1;rport,\r\n"
			     "  SIP/2.0/TCP two;branch=z9hG4bK2\r\n"
			     "v: SIP/2.0/TLS three;branch=z9hG4bK3\r\n"
			     "Max-Forwards: 0068\r\n"
			     "t :\r\n"
			     "  \"Bob \\\"x\\\"\" <sip:bob@example.com;tag=no> ; tag = totag ;x\r\n"
			     "f: caller<sip:caller@example.com>;x=\";tag=no\";TAG=fromtag\r\n"
			     "i: abc@host\r\n"
			     "cSEQ: 0009\r\n"
			     "  INVITE\r\n"
			     "Supported: timer, 100rel\r\n"
			     "X-Other:   some thing  \r\n"
			     "k: path\r\n"
			     "s :\r\n"
			     "x-other: second\r\n"
			     "Route: <sip:a,b;lr>, <sip:c;lr>\r\n"
			     "c: text/plain\r\n"
			     "l: 4\r\n"
			     "\r\n"
			     "body";

/* NULL when memory was made to run out. */
static struct sip_msg *parse_bytes(const void *bytes, size_t n, int expected)
{
	struct packet *p = packet_from(slice_of(bytes, n));
	struct sip_error e = { 0, 0, NULL };
	struct sip_msg *m = NULL;
	int rc;

	if (!p) {
		assert_true(harness_alloc_failed());
		return NULL;
	}
	rc = sip_msg_parse(p, &m, &e);
	packet_unref(p);
	if (rc == -ENOMEM) {
		assert_true(harness_alloc_failed());
		assert_null(m);
		return NULL;
	}
	assert_int_equal(rc, expected);
	assert_int_equal(m == NULL, rc != 0);
	if (rc < 0) {
		assert_non_null(e.reason);
		assert_true(e.line >= 1 && e.column >= 1);
	}
	return m;
}

static struct sip_msg *parse(const char *text)
{
	return parse_bytes(text, strlen(text), 0);
}

static void assert_text(struct slice s, const char *text)
{
	if (s.n != strlen(text) || (s.n && memcmp(s.p, text, s.n) != 0))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(s), text);
}

static void a_request_is_indexed(void **state)
{
	AUTO_MSG *m = parse(invite);
	const struct sip_field *f;

	(void)state;
	if (!m)
		return;
	assert_null(m->fault.reason);
	assert_true(m->is_request);
	assert_int_equal(m->method, SIP_INVITE);
	assert_text(m->start_line, "INVITE sip:bob@example.com;user=phone SIP/2.0");
	assert_text(m->method_name, "INVITE");
	assert_text(m->uri, "sip:bob@example.com;user=phone");
	assert_int_equal(m->request_uri.scheme, SIP_SCHEME_SIP);
	assert_text(m->request_uri.user, "bob");
	assert_text(m->version, "SIP/2.0");
	assert_int_equal(m->n_fields, 15);
	assert_text(m->body, "body");
	assert_int_equal(m->head_len, sizeof(invite) - 1 - 4);

	assert_text(m->via.host, "one");
	assert_text(m->via.branch, "z9hG4bK1");
	assert_int_equal(m->cseq.number, 9);
	assert_int_equal(m->cseq.method, SIP_INVITE);
	assert_text(m->call_id, "abc@host");
	assert_text(m->from_tag, "fromtag");
	assert_text(m->to_tag, "totag");
	assert_int_equal(m->max_forwards, 68);

	f = sip_msg_field(m, SIP_H_VIA);
	assert_text(f->name, "Via");
	f = sip_msg_next(m, f);
	assert_text(f->name, "v");
	assert_text(f->value, "SIP/2.0/TLS three;branch=z9hG4bK3");
	assert_null(sip_msg_next(m, f));
	assert_text(sip_msg_value(m, SIP_H_CSEQ), "0009\r\n  INVITE");
	assert_non_null(sip_msg_field(m, SIP_H_SUBJECT));
	assert_int_equal(sip_msg_value(m, SIP_H_SUBJECT).n, 0);
	assert_non_null(sip_msg_value(m, SIP_H_SUBJECT).p);
	assert_null(sip_msg_value(m, SIP_H_CONTACT).p);
	assert_null(sip_msg_field(m, SIP_H_CONTACT));
	assert_true(sip_msg_size(m) > sizeof(invite));
}

static void fields_cover_the_head_without_gaps(void **state)
{
	AUTO_MSG *m = parse(invite);
	size_t at;

	(void)state;
	if (!m)
		return;
	at = m->start_line.n + 2;
	for (size_t i = 0; i < m->n_fields; i++) {
		assert_int_equal(m->fields[i].start, at);
		assert_ptr_equal(m->fields[i].name.p, m->start_line.p + at);
		at = m->fields[i].end;
		assert_memory_equal(m->start_line.p + at - 2, "\r\n", 2);
	}
	assert_int_equal(at + 2, m->head_len);
}

static void a_field_is_found_by_full_and_compact_name(void **state)
{
	AUTO_MSG *m = parse(invite);

	(void)state;
	if (!m)
		return;
	assert_text(sip_msg_find(m, SLICE("CALL-ID"))->value, "abc@host");
	assert_text(sip_msg_find(m, SLICE("I"))->value, "abc@host");
	assert_text(sip_msg_find(m, SLICE("X-OTHER"))->value, "some thing");
	assert_null(sip_msg_find(m, SLICE("X-Othe")));
	assert_null(sip_msg_find(m, SLICE("Contact")));
	assert_null(sip_msg_find(m, SLICE("")));
}

static void a_list_is_looked_through_in_all_its_fields(void **state)
{
	AUTO_MSG *m = parse(invite);

	(void)state;
	if (!m)
		return;
	assert_true(sip_msg_lists(m, SIP_H_SUPPORTED, SLICE("TIMER")));
	assert_true(sip_msg_lists(m, SIP_H_SUPPORTED, SLICE("100rel")));
	assert_true(sip_msg_lists(m, SIP_H_SUPPORTED, SLICE("path")));
	assert_false(sip_msg_lists(m, SIP_H_SUPPORTED, SLICE("pat")));
	assert_false(sip_msg_lists(m, SIP_H_REQUIRE, SLICE("path")));
}

static void values_are_walked_over_all_fields_in_order(void **state)
{
	AUTO_MSG *m = parse(invite);
	struct sip_values it;
	struct slice v;

	(void)state;
	if (!m)
		return;
	sip_values_init(&it, m, SIP_H_VIA);
	assert_true(sip_values_next(&it, &v));
	assert_text(v, "SIP/2.0/UDP one;branch=z9hG4bK1;rport");
	assert_int_equal(it.field - m->fields, 0);
	assert_true(sip_values_next(&it, &v));
	assert_text(v, "SIP/2.0/TCP two;branch=z9hG4bK2");
	assert_int_equal(it.field - m->fields, 0);
	assert_true(sip_values_next(&it, &v));
	assert_text(v, "SIP/2.0/TLS three;branch=z9hG4bK3");
	assert_int_equal(it.field - m->fields, 1);
	assert_false(sip_values_next(&it, &v));
	assert_false(sip_values_next(&it, &v));
	sip_values_init(&it, m, SIP_H_ROUTE);
	assert_true(sip_values_next(&it, &v));
	assert_text(v, "<sip:a,b;lr>");
	sip_values_init(&it, m, SIP_H_CONTACT);
	assert_false(sip_values_next(&it, &v));
	sip_values_init(&it, m, SIP_H_SUBJECT);
	assert_false(sip_values_next(&it, &v));
}

static void a_response_has_the_method_of_its_cseq(void **state)
{
	AUTO_MSG *m =
		parse("SIP/2.0 183 Session  Progress \r\n" VIA FROM TO ID "CSeq: 7 UPDATE\r\n\r\n");

	(void)state;
	if (!m)
		return;
	assert_null(m->fault.reason);
	assert_false(m->is_request);
	assert_int_equal(m->status, 183);
	assert_text(m->reason, "Session  Progress ");
	assert_int_equal(m->method, SIP_UPDATE);
	assert_int_equal(m->max_forwards, -1);
	assert_null(m->body.p);
}

static void a_reason_phrase_may_be_missing_or_anything(void **state)
{
	static const struct {
		const char *line, *reason;
		unsigned status;
	} rows[] = {
		{ "SIP/2.0 100 ", "", 100 },
		{ "SIP/2.0 100", "", 100 },
		{ "sip/2.0 699 x", "x", 699 },
		{ "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe", "= 2**3 * 5**2 \xd0\xbd\xd0\xbe",
		  200 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[512];
		AUTO_MSG *m = NULL;

		(void)snprintf(text, sizeof(text), "%s\r\n%s\r\n", rows[i].line, MOST);
		m = parse(text);
		assert_non_null(m);
		assert_null(m->fault.reason);
		assert_int_equal(m->status, rows[i].status);
		assert_text(m->reason, rows[i].reason);
	}
}

static void what_follows_the_content_length_is_not_the_message(void **state)
{
	AUTO_MSG *m = parse(HEAD MOST "Content-Type: a/b\r\nContent-Length: 3\r\n\r\nabcdef");
	AUTO_MSG *none = parse(HEAD MOST "Content-Length: 0\r\n\r\nINVITE sip:x SIP/2.0\r\n\r\n");

	(void)state;
	assert_null(m->fault.reason);
	assert_text(m->body, "abc");
	assert_null(none->fault.reason);
	assert_null(none->body.p);
}

static void line_ends_before_the_message_are_skipped(void **state)
{
	AUTO_MSG *m = parse("\r\n\r\n" HEAD MOST "Broken\r\n\r\n");

	(void)state;
	assert_text(m->method_name, "OPTIONS");
	assert_int_equal(m->fields[0].start, m->start_line.n + 2);
	assert_int_equal(m->fault.line, 7);
	assert_int_equal(m->fault.column, 1);
}

static void bare_line_feeds_become_crlf(void **state)
{
	AUTO_MSG *m = parse("OPTIONS sip:b@example.com SIP/2.0\n" VIA "From: <sip:a@b>;tag=1\n"
			    "To: <sip:b@c>\n ;x=y\n" ID CSEQ "c: a/b\n\nbody\nof lines\n");

	(void)state;
	if (!m)
		return;
	assert_null(m->fault.reason);
	assert_text(sip_msg_value(m, SIP_H_TO), "<sip:b@c>\r\n ;x=y");
	assert_text(m->body, "body\nof lines\n");
	assert_memory_equal(m->start_line.p + m->head_len - 4, "\r\n\r\n", 4);
	for (size_t i = 1; i < m->head_len; i++)
		assert_true(m->start_line.p[i] != '\n' || m->start_line.p[i - 1] == '\r');
}

static void what_is_not_sip_cannot_be_indexed(void **state)
{
	static const char *const rows[] = {
		"",
		"\r\n\r\n",
		"no line end",
		"\r\n\r\nOPTIONS sip:b SIP/2.0",
		"OPTIONS sip:b SIP/2.0\r\n",
		"OPTIONS sip:b SIP/2.0\r\nTo: x",
		HEAD MOST,
		HEAD MOST " \r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"hello\r\n\r\n",
		"INVITE sip:x\r\n\r\n",
		"    \r\n\r\n",
		"SIP/2.0\r\nTo: x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_null(parse_bytes(rows[i], strlen(rows[i]), -EBADMSG));
}

static struct sip_msg *with_fields(unsigned n)
{
	size_t len = sizeof(HEAD MOST) + 64 + n * 8u, at;
	char *text = harness_calloc(len);
	struct sip_msg *m;

	at = (size_t)snprintf(text, len, "%s%s", HEAD, MOST);
	for (unsigned i = 5; i < n; i++)
		at += (size_t)snprintf(text + at, len - at, "r: %u\r\n", i % 10);
	(void)snprintf(text + at, len - at, "\r\n");
	m = parse(text);
	free(text);
	return m;
}

static void too_many_fields_are_513(void **state)
{
	static const unsigned counts[] = { 23, 24, 25, 96, 97, SIP_HEADERS_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		AUTO_MSG *m = with_fields(counts[i]);
		const struct sip_field *f;
		unsigned n = 0;

		if (!m)
			return;
		assert_null(m->fault.reason);
		assert_int_equal(m->n_fields, counts[i]);
		for (f = sip_msg_field(m, SIP_H_REFER_TO); f; f = sip_msg_next(m, f))
			n++;
		assert_int_equal(n, counts[i] - 5);
		assert_true(sip_msg_size(m) > counts[i] * 8);
	}
	{
		AUTO_MSG *m = with_fields(SIP_HEADERS_MAX + 10);

		if (!m)
			return;
		assert_int_equal(m->fault_status, 513);
		assert_int_equal(m->fault.line, SIP_HEADERS_MAX + 2);
		assert_int_equal(m->n_fields, SIP_HEADERS_MAX);
	}
}

static struct sip_msg *with_subject(size_t n, size_t body)
{
	static const char head[] = HEAD MOST "c: a/b\r\nSubject:";
	size_t len = sizeof(head) - 1 + n + 4 + body;
	char *text = harness_calloc(len);
	struct sip_msg *m;

	memset(text, 'x', len);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + len - body - 4, "\r\n\r\n", 4);
	m = parse_bytes(text, len, 0);
	free(text);
	return m;
}

static void too_large_a_field_or_message_is_513(void **state)
{
	size_t name = strlen("Subject:") + 2, head = strlen(HEAD MOST "c: a/b\r\n") + name + 2;
	AUTO_MSG *m = with_subject(SIP_FIELD_MAX - name, 0);
	AUTO_MSG *long_field = with_subject(SIP_FIELD_MAX - name + 1, 0);
	AUTO_MSG *full = with_subject(0, SIP_MSG_MAX - head);
	AUTO_MSG *over = with_subject(0, SIP_MSG_MAX - head + 1);

	(void)state;
	assert_null(m->fault.reason);
	assert_int_equal(long_field->fault_status, 513);
	assert_int_equal(long_field->fault.line, 8);
	assert_null(full->fault.reason);
	assert_int_equal(over->fault_status, 513);
}

static void every_prefix_is_refused_or_a_message(void **state)
{
	size_t head = sizeof(invite) - 1 - 4;

	(void)state;
	for (size_t n = 0; n < sizeof(invite) - 1; n++) {
		AUTO_MSG *m = parse_bytes(invite, n, n < head ? -EBADMSG : 0);

		if (m)
			assert_int_equal(m->fault_status, 400);
	}
}

/* One byte after the other is made wrong; the index must stay inside the message. */
static void every_changed_byte_is_survived(void **state)
{
	static const char wrong[] = { 0, '\n', '\r', ' ', '"', '<', ':', ';', ',', '\x80' };
	char text[sizeof(invite) - 1];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		for (size_t k = 0; k < sizeof(wrong); k++) {
			struct packet *p;
			struct sip_msg *m;
			struct sip_error e;

			memcpy(text, invite, sizeof(text));
			text[i] = wrong[k];
			p = packet_from(slice_of(text, sizeof(text)));
			if (sip_msg_parse(p, &m, &e) == 0) {
				const char *end = m->packet->data + m->packet->len;

				for (size_t f = 0; f < m->n_fields; f++)
					assert_true(m->fields[f].value.p + m->fields[f].value.n <=
						    end);
				assert_true(!m->body.p || m->body.p + m->body.n <= end);
				sip_msg_unref(m);
			}
			packet_unref(p);
		}
	}
}

static void a_message_lives_as_long_as_its_references(void **state)
{
	struct packet *p = packet_from(slice_of(invite, sizeof(invite) - 1));
	struct sip_error e;
	struct sip_msg *m;

	(void)state;
	assert_int_equal(sip_msg_parse(p, &m, &e), 0);
	assert_int_equal(p->refs, 2);
	packet_unref(p);
	assert_ptr_equal(sip_msg_ref(m), m);
	sip_msg_unref(m);
	assert_text(m->call_id, "abc@host");
	sip_msg_unref(m);
	assert_null(sip_msg_ref(NULL));
	sip_msg_unref(NULL);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_request_is_indexed),
		HARNESS_TEST(fields_cover_the_head_without_gaps),
		HARNESS_TEST(a_field_is_found_by_full_and_compact_name),
		HARNESS_TEST(a_list_is_looked_through_in_all_its_fields),
		HARNESS_TEST(values_are_walked_over_all_fields_in_order),
		HARNESS_TEST(a_response_has_the_method_of_its_cseq),
		HARNESS_TEST(a_reason_phrase_may_be_missing_or_anything),
		HARNESS_TEST(what_follows_the_content_length_is_not_the_message),
		HARNESS_TEST(line_ends_before_the_message_are_skipped),
		HARNESS_ALLOC_TEST(bare_line_feeds_become_crlf),
		HARNESS_TEST(what_is_not_sip_cannot_be_indexed),
		HARNESS_ALLOC_TEST(too_many_fields_are_513),
		HARNESS_TEST(too_large_a_field_or_message_is_513),
		HARNESS_TEST(every_prefix_is_refused_or_a_message),
		HARNESS_TEST(every_changed_byte_is_survived),
		HARNESS_TEST(a_message_lives_as_long_as_its_references),
	};

	return harness_run("sip/msg", tests, ARRAY_LEN(tests));
}
