/* Where responses go: RFC 3261 18.2.2, RFC 3581 4, RFC 3263 5. */
#include "fixture.h"

static const struct sip_reply ok = { .status = 200 };

static void responses_go_where_the_via_says(void **state UNUSED)
{
	static const struct {
		const char *via;
		enum rt_transport transport;
		const char *to;
	} rows[] = {
		/* rport: back to the very port. */
		{ "SIP/2.0/UDP " PEER ":5062;rport;branch=z9hG4bK1", RT_UDP, "udp " PEER ":40000" },
		{ "SIP/2.0/UDP h.example;rport=1;branch=z9hG4bK1", RT_UDP, "udp " PEER ":40000" },
		/* The source address always, the port of sent-by. */
		{ "SIP/2.0/UDP " PEER ":5062;branch=z9hG4bK1", RT_UDP, "udp " PEER ":5062" },
		{ "SIP/2.0/UDP " PEER ";branch=z9hG4bK1", RT_UDP, "udp " PEER ":5060" },
		{ "SIP/2.0/UDP h.example:7;branch=z9hG4bK1", RT_UDP, "udp " PEER ":7" },
		{ "SIP/2.0/UDP 10.0.0.1;received=10.0.0.2;branch=z9hG4bK1", RT_UDP,
		  "udp " PEER ":5060" },
		/* maddr beats both. */
		{ "SIP/2.0/UDP h:7;maddr=192.0.2.9;rport;branch=z9hG4bK1", RT_UDP,
		  "udp 192.0.2.9:7" },
		{ "SIP/2.0/UDP h;maddr=192.0.2.9;branch=z9hG4bK1", RT_UDP, "udp 192.0.2.9:5060" },
		/* A stream: the connection, and if it is gone the source and the port of sent-by.
		 */
		{ "SIP/2.0/TCP h.example:7;maddr=192.0.2.9;rport;branch=z9hG4bK1", RT_TCP,
		  "tcp " PEER ":7" },
		{ "SIP/2.0/TCP h.example;branch=z9hG4bK1", RT_TCP, "tcp " PEER ":5060" },
		{ "SIP/2.0/TLS h.example;branch=z9hG4bK1", RT_TLS, "tls " PEER ":5061" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int stateless = 0; stateless < 2; stateless++) {
			struct parts parts = { .method = "OPTIONS",
					       .via = rows[i].via,
					       .transport = (uint8_t)rows[i].transport };
			char text[2048], to[128];
			struct bench b;
			struct sip_msg *msg;

			assert_true(bench_init(&b));
			msg = make_msg(&parts);
			if (stateless) {
				assert_int_equal(txn_reply_stateless(b.l, msg, &ok), 0);
			} else {
				txn_layer_receive(b.l, msg);
				assert_int_equal(CALL(&b, txn_reply(b.st, &ok)), 0);
			}
			sip_msg_unref(msg);
			take_text(&b, text, sizeof(text), to, sizeof(to));
			assert_string_equal(to, rows[i].to);
			bench_fini(&b);
		}
	}
}

static void stream_response_names_its_connection_and_listener(void **state UNUSED)
{
	struct fake_sent *s;
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "OPTIONS", RT_TCP);
	assert_int_equal(respond(&b, b.st, 200), 0);
	s = fake_runtime_take(&b.f);
	assert_int_equal(s->to.conn, 77);
	assert_int_equal(s->to.listener, 1);
	assert_true(s->sender == txn_id(b.st));
	fake_sent_free(s);
	bench_fini(&b);
}

static const char via_name[] = "SIP/2.0/UDP h.example:7;maddr=m.example;branch=z9hG4bKm";

static void add_name(struct bench *b, const char *host, const char *addr, uint16_t port,
		     enum rt_transport transport)
{
	size_t i = b->f.n_names++;

	b->f.names[i].host = host;
	b->f.names[i].targets.n = 1;
	b->f.names[i].targets.v[0].transport = transport;
	assert_int_equal(net_addr_parse(slice_str(addr), port, &b->f.names[i].targets.v[0].addr),
			 0);
}

static void name_in_maddr_is_resolved_and_the_latest_response_sent(void **state UNUSED)
{
	char text[2048], to[128];
	struct bench b;

	assert_true(bench_init(&b));
	add_name(&b, "m.example", "192.0.2.44", 7, RT_UDP);
	b.f.resolve_later = true;
	RECEIVE(&b, .via = via_name);
	assert_int_equal(respond(&b, b.st, 180), 0);
	assert_int_equal(respond(&b, b.st, 486), 0);
	assert_int_equal(fake_runtime_sent(&b.f), 0);
	fake_resolve_all(&b.f);
	take_text(&b, text, sizeof(text), to, sizeof(to));
	assert_memory_equal(text, "SIP/2.0 486", 11);
	assert_string_equal(to, "udp 192.0.2.44:7");
	bench_advance(&b, 500); /* Timer G: the name is known now */
	take_text(&b, text, sizeof(text), to, sizeof(to));
	assert_string_equal(to, "udp 192.0.2.44:7");
	assert_string_equal(b.told, "request INVITE");
	bench_fini(&b);
}

static void question_is_cancelled_with_its_transaction(void **state UNUSED)
{
	static const struct sip_reply trying = { .status = 100 };
	struct bench b;
	struct sip_msg *msg;

	assert_true(bench_init(&b));
	b.f.resolve_later = true;
	RECEIVE(&b, .via = via_name);
	assert_int_equal(respond(&b, b.st, 180), 0);
	CALL_VOID(&b, txn_abandon(b.st));
	bench_advance(&b, 1);
	assert_true(list_empty(&b.f.resolving));

	msg = make_msg(&(struct parts){ .via = via_name });
	assert_int_equal(txn_reply_stateless(b.l, msg, &trying), 0);
	sip_msg_unref(msg);
	bench_fini(&b); /* fails if the question is still there */
}

static void name_that_does_not_resolve_is_a_transport_failure(void **state UNUSED)
{
	for (int later = 0; later < 2; later++) {
		struct bench b;

		assert_true(bench_init(&b));
		b.f.resolve_later = later;
		RECEIVE(&b, .via = via_name);
		assert_int_equal(respond(&b, b.st, 486), 0);
		assert_string_equal(b.told, "request INVITE");
		fake_resolve_all(&b.f);
		bench_advance(&b, 1);
		fake_resolve_all(&b.f); /* sent-by, the other way */
		bench_advance(&b, 1);
		assert_string_equal(b.told, "request INVITE; failed transport");
		bench_fini(&b);
	}
}

static void failed_response_goes_to_sent_by_instead(void **state UNUSED)
{
	static const struct {
		const char *via;
		enum rt_transport transport;
		const char *to;
	} rows[] = {
		{ "SIP/2.0/UDP h.example:7;rport;branch=z9hG4bK1", RT_UDP, "udp 192.0.2.55:7" },
		{ "SIP/2.0/UDP 192.0.2.56:8;rport;branch=z9hG4bK1", RT_UDP, "udp 192.0.2.56:8" },
		{ "SIP/2.0/TCP 192.0.2.57;branch=z9hG4bK1", RT_TCP, "tcp 192.0.2.57:5060" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[2048], to[128];
		struct bench b;

		assert_true(bench_init(&b));
		add_name(&b, "h.example", "192.0.2.55", 7, RT_UDP);
		RECEIVE(&b, .via = rows[i].via, .transport = (uint8_t)rows[i].transport);
		assert_int_equal(respond(&b, b.st, 486), 0);
		(void)wire(&b);
		txn_layer_send_failed(b.l, txn_id(b.st), -ECONNREFUSED);
		assert_string_equal(b.told, "request INVITE");
		if (rt_is_reliable(rows[i].transport)) {
			/* First a new connection to where it came from: 18.2.2. */
			take_text(&b, text, sizeof(text), to, sizeof(to));
			assert_string_equal(to, "tcp " PEER ":5060");
			txn_layer_send_failed(b.l, txn_id(b.st), -ECONNREFUSED);
		}
		take_text(&b, text, sizeof(text), to, sizeof(to));
		assert_string_equal(to, rows[i].to);
		/* There is no other way. */
		txn_layer_send_failed(b.l, txn_id(b.st), -ECONNREFUSED);
		assert_string_equal(b.told, "request INVITE; failed transport");
		bench_fini(&b);
	}
}

static void stateless_answer_waits_for_a_name(void **state UNUSED)
{
	char text[2048], to[128];
	struct sip_msg *msg;
	struct bench b;

	assert_true(bench_init(&b));
	add_name(&b, "m.example", "192.0.2.44", 7, RT_UDP);
	for (int later = 0; later < 2; later++) {
		b.f.resolve_later = later;
		msg = make_msg(&(struct parts){ .via = via_name });
		assert_int_equal(txn_reply_stateless(b.l, msg, &ok), 0);
		sip_msg_unref(msg);
		assert_int_equal(fake_runtime_sent(&b.f), !later);
		fake_resolve_all(&b.f);
		take_text(&b, text, sizeof(text), to, sizeof(to));
		assert_string_equal(to, "udp 192.0.2.44:7");
	}
	b.f.n_names = 0;
	b.f.resolve_later = false;
	msg = make_msg(&(struct parts){ .via = via_name });
	assert_int_equal(txn_reply_stateless(b.l, msg, &ok), -ENOENT);
	sip_msg_unref(msg);
	bench_fini(&b);
}

static void stateless_answers_that_wait_are_limited(void **state UNUSED)
{
	struct sip_msg *msg;
	struct bench b;

	assert_true(bench_init(&b));
	b.f.resolve_later = true;
	msg = make_msg(&(struct parts){ .via = via_name });
	for (int i = 0; i < TXN_WAITING_MAX; i++)
		assert_int_equal(txn_reply_stateless(b.l, msg, &ok), 0);
	assert_int_equal(txn_reply_stateless(b.l, msg, &ok), -EAGAIN);
	fake_resolve_all(&b.f);
	assert_int_equal(txn_reply_stateless(b.l, msg, &ok), 0);
	sip_msg_unref(msg);
	bench_fini(&b);
}

static void stateless_answer_survives_every_failing_allocation(void **state UNUSED)
{
	struct sip_msg *msg;
	struct bench b;

	if (!bench_init(&b))
		return;
	add_name(&b, "m.example", "192.0.2.44", 7, RT_UDP);
	msg = make_msg(&(struct parts){ .via = via_name });
	if (msg)
		assert_true(txn_reply_stateless(b.l, msg, &ok) == 0 || harness_alloc_failed());
	sip_msg_unref(msg);
	bench_fini(&b);
}

static void stateless_to_tag_is_the_same_for_every_copy(void **state UNUSED)
{
	static const struct parts copies[] = { { .method = "OPTIONS" },
					       { .method = "OPTIONS" },
					       { .method = "OPTIONS", .call_id = "call-2" } };
	char text[3][2048];
	const char *to[2];
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < 3; i++) {
		struct sip_msg *msg = make_msg(&copies[i]);

		assert_int_equal(txn_reply_stateless(b.l, msg, &ok), 0);
		sip_msg_unref(msg);
		take_text(&b, text[i], sizeof(text[i]), NULL, 0);
	}
	assert_string_equal(text[0], text[1]);
	to[0] = strstr(text[0], "\r\nTo: ");
	to[1] = strstr(text[2], "\r\nTo: ");
	assert_non_null(strstr(to[0], ">;tag="));
	assert_memory_not_equal(to[0], to[1], 60);
	bench_fini(&b);
}

/* The tag says whose answer it acknowledges; any other ACK is for the user. */
static void ack_of_a_stateless_answer_ends_here(void **state UNUSED)
{
	static const struct sip_reply busy = { .status = 503 };
	struct sip_msg *msg, *answer;
	struct sip_error error;
	struct fake_sent *s;
	struct bench b;
	char tag[64];

	assert_true(bench_init(&b));
	msg = make_msg(&(struct parts){ .method = "INVITE" });
	assert_int_equal(txn_reply_stateless(b.l, msg, &busy), 0);
	sip_msg_unref(msg);
	s = fake_runtime_take(&b.f);
	assert_int_equal(sip_msg_parse(s->packet, &answer, &error), 0);
	(void)snprintf(tag, sizeof(tag), "%.*s", SLICE_FMT(answer->to_tag));
	sip_msg_unref(answer);
	fake_sent_free(s);

	RECEIVE(&b, .method = "ACK", .to_tag = tag);
	assert_string_equal(b.told, "");
	RECEIVE(&b, .method = "ACK", .to_tag = tag, .cseq = 2);
	assert_string_equal(b.told, "ack -");
	bench_clear(&b);
	RECEIVE(&b, .method = "ACK", .to_tag = "0123456789abcdef");
	assert_string_equal(b.told, "ack -");
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(responses_go_where_the_via_says),
		HARNESS_TEST(stream_response_names_its_connection_and_listener),
		HARNESS_TEST(name_in_maddr_is_resolved_and_the_latest_response_sent),
		HARNESS_TEST(question_is_cancelled_with_its_transaction),
		HARNESS_TEST(name_that_does_not_resolve_is_a_transport_failure),
		HARNESS_TEST(failed_response_goes_to_sent_by_instead),
		HARNESS_TEST(stateless_answer_waits_for_a_name),
		HARNESS_TEST(stateless_answers_that_wait_are_limited),
		HARNESS_ALLOC_TEST(stateless_answer_survives_every_failing_allocation),
		HARNESS_TEST(stateless_to_tag_is_the_same_for_every_copy),
		HARNESS_TEST(ack_of_a_stateless_answer_ends_here),
	};

	return harness_run("route", tests, ARRAY_LEN(tests));
}
