/* The layer: refusals, limits, lifetime, what the operator sees. */
#include "fixture.h"

/* A request that is fine but for what is put in by the caller. */
#define REQUEST(method, via, cseq)                                                                 \
	method " sip:bob@example.com SIP/2.0\r\n" via                                              \
	       "Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=f\r\nTo: "                       \
	       "<sip:b@example.com>\r\n"                                                           \
	       "Call-ID: c1\r\n" cseq "Content-Length: 0\r\n\r\n"
#define VIA "Via: SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKin;rport\r\n"

static void faulty_requests_are_refused_without_a_transaction(void **state UNUSED)
{
	static const struct {
		const char *text, *wire;
	} rows[] = {
		{ REQUEST("INVITE", VIA, "CSeq: nonsense\r\n"), "400@0" },
		{ REQUEST("INVITE", VIA, "CSeq: 1 BYE\r\n"), "400@0" },
		{ REQUEST("OPTIONS", VIA, ""), "400@0" },
		{ "OPTIONS sip:bob@example.com SIP/7.0\r\n" VIA
		  "From: <sip:a@b>;tag=f\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
		  "505@0" },
		{ REQUEST("CANCEL", VIA, "CSeq: 1 INVITE\r\n"), "400@0" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		harness_expect_log(LOG_INFO, "malformed request refused");
		receive_text(&b, rows[i].text);
		assert_string_equal(wire(&b), rows[i].wire);
		assert_string_equal(b.told, "");
		assert_int_equal(txn_layer_count(b.l, NULL), 0);
		assert_int_equal(METRIC_OF(&b, MALFORMED), 1);
		bench_fini(&b);
	}
}

static void faulty_messages_that_cannot_be_answered_are_dropped(void **state UNUSED)
{
	static const struct {
		const char *text, *log;
	} rows[] = {
		{ REQUEST("ACK", VIA, "CSeq: nonsense\r\n"), "malformed ACK dropped" },
		{ REQUEST("INVITE", "", "CSeq: 1 INVITE\r\n"),
		  "malformed request without Via dropped" },
		{ "SIP/2.0 200 OK\r\nVia: " VIA_OUT "\r\nFrom: <sip:a@b>;tag=f\r\nTo: <sip:b@b>\r\n"
		  "Call-ID: c\r\nCSeq: nonsense\r\n\r\n",
		  "malformed response dropped" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		assert_true(bench_init(&b));
		client(&b, "OPTIONS", RT_UDP);
		(void)wire(&b);
		harness_expect_log(LOG_INFO, rows[i].log);
		receive_text(&b, rows[i].text);
		assert_string_equal(wire(&b), "");
		assert_string_equal(b.told, "");
		assert_int_equal(METRIC_OF(&b, MALFORMED), 1);
		bench_fini(&b);
	}
}

static void a_via_that_cannot_be_read_is_answered_where_the_request_came_from(void **state UNUSED)
{
	static const uint8_t transports[] = { RT_UDP, RT_TCP };

	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		struct parts parts = { .method = "OPTIONS",
				       .via = "SIP/2.0/UDP h.example:7;;,;",
				       .transport = transports[i] };
		char text[2048], to[128];
		struct sip_msg *msg;
		struct bench b;

		assert_true(bench_init(&b));
		harness_expect_log(LOG_INFO, "malformed request refused");
		msg = make_msg(&parts);
		txn_layer_receive(b.l, msg);
		sip_msg_unref(msg);
		take_text(&b, text, sizeof(text), to, sizeof(to));
		assert_memory_equal(text, "SIP/2.0 400", 11);
		assert_non_null(strstr(text, "\r\nVia: SIP/2.0/UDP h.example:7;;,;\r\n"));
		assert_non_null(strstr(to, PEER ":40000"));
		bench_fini(&b);
	}
}

static void full_layer_refuses_with_503_but_still_cancels(void **state UNUSED)
{
	struct txn_config config = TXN_CONFIG_DEFAULT;
	struct bench b;
	char text[2048];

	config.max = 1;
	assert_true(bench_init_with(&b, &config));
	server(&b, "INVITE", RT_UDP);
	RECEIVE(&b, .method = "OPTIONS");
	take_text(&b, text, sizeof(text), NULL, 0);
	assert_memory_equal(text, "SIP/2.0 503", 11);
	assert_non_null(strstr(text, "\r\nRetry-After: "));
	assert_string_equal(b.told, "request INVITE");
	assert_int_equal(METRIC_OF(&b, REFUSED), 1);

	RECEIVE(&b, .method = "INVITE"); /* a retransmission needs no room */
	RECEIVE(&b, .method = "CANCEL");
	assert_string_equal(wire(&b), "200@0");
	assert_string_equal(b.told, "request INVITE; cancel invite");
	assert_int_equal(txn_layer_count(b.l, NULL), 1);

	/* There is room again when it has ended. */
	CALL_VOID(&b, txn_abandon(b.st));
	RECEIVE(&b, .method = "OPTIONS");
	assert_int_equal(METRIC_OF(&b, REFUSED), 1);
	bench_fini(&b);
}

static void new_requests_survive_every_failing_allocation(void **state UNUSED)
{
	static const struct sip_reply ok = { .status = 200 };
	struct bench b;

	if (!bench_init(&b))
		return;
	for (int i = 0; i < 3; i++) {
		char via[64];

		(void)snprintf(via, sizeof(via), "SIP/2.0/UDP h;branch=z9hG4bK%d", i);
		b.st = NULL;
		RECEIVE(&b, .method = "OPTIONS", .via = via);
		if (b.st && CALL(&b, txn_reply(b.st, &ok)) < 0)
			CALL_VOID(&b, txn_abandon(b.st));
	}
	bench_advance(&b, T1_64);
	assert_int_equal(txn_layer_count(b.l, NULL), 0);
	bench_fini(&b);
}

static void layer_ends_silently_with_everything_under_way(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	server(&b, "OPTIONS", RT_UDP);
	CALL_VOID(&b, txn_abandon(b.st));
	client(&b, "INVITE", RT_UDP);
	client(&b, "BYE", RT_TCP);
	answer(&b, "INVITE", 180);
	b.told[0] = '\0';
	txn_layer_free(b.l);
	assert_string_equal(b.told, "");
	fake_runtime_fini(&b.f); /* fails if a timer is still set */
	txn_layer_free(NULL);
}

static void transactions_are_counted_and_numbered(void **state UNUSED)
{
	struct bench b;
	size_t clients;
	struct txn *one, *two;

	assert_true(bench_init(&b));
	one = server(&b, "INVITE", RT_UDP);
	two = client(&b, "INVITE", RT_UDP);
	assert_true(txn_id(one) != txn_id(two));
	assert_true(txn_id(one) != 0);
	assert_int_equal(txn_layer_count(b.l, &clients), 1);
	assert_int_equal(clients, 1);
	assert_int_equal(METRIC_OF(&b, TXN_SERVER), 1);
	assert_int_equal(METRIC_OF(&b, TXN_CLIENT), 1);
	bench_fini(&b);
}

static void number_zero_is_never_given(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.l->next_id = UINT64_MAX;
	server(&b, "INVITE", RT_UDP);
	assert_true(txn_id(b.st) == UINT64_MAX);
	client(&b, "INVITE", RT_UDP);
	assert_true(txn_id(b.ct) == 1);
	bench_fini(&b);
}

static void each_side_refuses_the_calls_of_the_other(void **state UNUSED)
{
	static const struct sip_reply ok = { .status = 200 };
	struct bench b;

	assert_true(bench_init(&b));
	client(&b, "OPTIONS", RT_UDP);
	server(&b, "INVITE", RT_UDP);
	assert_int_equal(respond(&b, b.ct, 200), -EINVAL);
	assert_int_equal(CALL(&b, txn_reply(b.ct, &ok)), -EINVAL);
	assert_int_equal(CALL(&b, txn_client_cancel(b.st, NULL, 0)), -EINVAL);
	CALL_VOID(&b, txn_client_detach(b.st));
	CALL_VOID(&b, txn_abandon(b.ct));
	assert_null(txn_request_msg(b.ct));
	assert_int_equal(txn_to_tag(b.ct).n, 0);
	assert_int_equal(txn_via_top(b.ct).n, 0);
	answer(&b, "OPTIONS", 200);
	assert_string_equal(b.told, "request INVITE; 200");
	bench_fini(&b);
}

static void user_data_and_the_request_are_kept(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	assert_null(txn_data(b.st));
	txn_set_data(b.st, &b);
	assert_ptr_equal(txn_data(b.st), &b);
	assert_int_equal(txn_request_msg(b.st)->method, SIP_INVITE);
	assert_true(slice_eq(txn_via_top(b.st),
			     SLICE("SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKin;rport=40000;"
				   "received=" PEER)));
	RECEIVE(&b, .via = "SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKplain");
	assert_true(slice_eq(txn_via_top(b.st),
			     SLICE("SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKplain")));
	bench_fini(&b);
}

/* A transport that tells of the failure before it returns. */
static struct txn_layer *hasty_layer;

static int hasty_send(struct runtime *rt UNUSED, const struct rt_flow *to UNUSED,
		      struct packet *p UNUSED, uint64_t sender)
{
	txn_layer_send_failed(hasty_layer, sender, -EPIPE);
	return 0;
}

static void failure_told_from_within_send_waits(void **state UNUSED)
{
	struct rt_ops ops;
	struct bench b;

	assert_true(bench_init(&b));
	ops = *b.f.rt.ops;
	ops.send = hasty_send;
	b.f.rt.ops = &ops;
	hasty_layer = b.l;
	server(&b, "INVITE", RT_UDP);
	assert_int_equal(respond(&b, b.st, 180), 0);
	client(&b, "BYE", RT_TCP);
	assert_string_equal(b.told, "request INVITE");
	bench_advance(&b, 1);
	assert_string_equal(b.told, "request INVITE; failed transport; client failed transport; "
				    "client terminated");
	bench_fini(&b);
}

static void accept_again(struct bench *b, struct txn *st)
{
	assert_int_equal(respond(b, st, 200), 0);
}

static void user_that_always_sends_anew_does_not_stop_the_loop(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	b.f.send_error = -ENOBUFS;
	b.on_request = b.on_failed = accept_again;
	server(&b, "INVITE", RT_UDP);
	assert_string_equal(b.told, "request INVITE; failed transport");
	bench_advance(&b, 2); /* once each time round */
	assert_string_equal(b.told, "request INVITE; failed transport; failed transport; "
				    "failed transport");
	b.f.send_error = 0;
	bench_advance(&b, T1_64);
	assert_non_null(strstr(b.told, "terminated"));
	bench_fini(&b);
}

static void show_has_a_line_for_each(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	char line[128];
	struct bench b;

	assert_true(bench_init(&b));
	server(&b, "INVITE", RT_UDP);
	client(&b, "BYE", RT_UDP);
	bench_advance(&b, 250);
	txn_layer_show(b.l, &out);
	buf_char(&out, '\0');
	(void)snprintf(line, sizeof(line), "%016llx ist proceeding 250ms INVITE call-1\n",
		       (unsigned long long)txn_id(b.st));
	assert_non_null(strstr(out.data, line));
	(void)snprintf(line, sizeof(line), "%016llx nict trying 250ms BYE call-1\n",
		       (unsigned long long)txn_id(b.ct));
	assert_non_null(strstr(out.data, line));
	bench_fini(&b);
}

static void times_of_nothing_and_of_ever_are_made_sane(void **state UNUSED)
{
	struct txn_config config = { .t1 = 0, .t2 = UINT32_MAX, .t4 = 0, .max = 10 };
	struct bench b;

	assert_true(bench_init_with(&b, &config));
	client(&b, "OPTIONS", RT_UDP);
	server(&b, "INVITE", RT_UDP); /* trying_ms 0: as soon as can be */
	bench_advance(&b, 64);
	assert_string_equal(b.told, "request INVITE; client failed timeout; client terminated");
	assert_string_equal(wire(&b), "OPTIONS@0 OPTIONS@1 100@1 OPTIONS@3 OPTIONS@7 OPTIONS@15 "
				      "OPTIONS@31 OPTIONS@63");
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(faulty_requests_are_refused_without_a_transaction),
		HARNESS_TEST(faulty_messages_that_cannot_be_answered_are_dropped),
		HARNESS_TEST(a_via_that_cannot_be_read_is_answered_where_the_request_came_from),
		HARNESS_TEST(full_layer_refuses_with_503_but_still_cancels),
		HARNESS_ALLOC_TEST(new_requests_survive_every_failing_allocation),
		HARNESS_TEST(layer_ends_silently_with_everything_under_way),
		HARNESS_TEST(transactions_are_counted_and_numbered),
		HARNESS_TEST(number_zero_is_never_given),
		HARNESS_TEST(each_side_refuses_the_calls_of_the_other),
		HARNESS_TEST(user_data_and_the_request_are_kept),
		HARNESS_TEST(failure_told_from_within_send_waits),
		HARNESS_TEST(user_that_always_sends_anew_does_not_stop_the_loop),
		HARNESS_TEST(show_has_a_line_for_each),
		HARNESS_TEST(times_of_nothing_and_of_ever_are_made_sane),
	};

	return harness_run("txn", tests, ARRAY_LEN(tests));
}
