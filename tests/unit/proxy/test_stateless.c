/* Forwarding without a transaction: RFC 3261 16.11. */
#include "fixture.h"

/* An ACK with a target that the arena holds. */
static int forward(struct bench *b, const char *target)
{
	struct proxy_forward f = { .max_breadth = 60, .drop_field = SIP_NO_FIELD };
	struct sip_msg *msg = make_request("ACK", NULL, "");
	struct arena arena;
	int rc;

	if (!msg)
		return -ENOMEM;
	arena_init(&arena, 0);
	f.req = msg;
	rc = arena_dup(&arena, slice_str(target), &f.uri);
	if (rc == 0)
		rc = proxy_forward_stateless(&b->p, &f, &arena);
	else
		arena_fini(&arena);
	sip_msg_unref(msg);
	return rc;
}

static void it_goes_to_the_first_place(void **state UNUSED)
{
	struct bench b;
	int rc;

	if (!bench_init(&b))
		return;
	rc = forward(&b, "sip:b@198.51.100.2:5080");
	if (rc == 0) {
		assert_wire(&b, "ACK>udp:198.51.100.2:5080");
		assert_non_null(strstr(sent_text(&b, 0),
				       "ACK sip:b@198.51.100.2:5080 SIP/2.0\r\n"
				       "Via: SIP/2.0/UDP 192.0.2.1:5060;branch="));
	} else {
		assert_int_equal(rc, -ENOMEM);
	}
	/* Nothing is remembered. */
	assert_int_equal(txn_layer_count(b.p.txns, NULL), 0);
	bench_fini(&b);
}

static void a_name_may_be_resolved_later(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	b.f.resolve_later = true;
	b.f.n_names = 1;
	b.f.names[0].host = "b.test";
	b.f.names[0].targets.n = 1;
	assert_int_equal(
		net_addr_parse(SLICE("198.51.100.2"), 5060, &b.f.names[0].targets.v[0].addr), 0);
	if (forward(&b, "sip:b@b.test") < 0)
		assert_true(harness_alloc_failed());
	if (forward(&b, "sip:b@unknown.test") < 0)
		assert_true(harness_alloc_failed());
	assert_wire(&b, "");
	fake_resolve_all(&b.f);
	assert_wire(&b, "ACK>udp:198.51.100.2:5060");
	bench_fini(&b);
}

static void a_question_under_way_ends_with_the_proxy(void **state UNUSED)
{
	struct bench b;

	if (!bench_init(&b))
		return;
	b.f.resolve_later = true;
	for (int i = 0; i < 3; i++)
		if (forward(&b, "sip:b@b.test") < 0)
			assert_true(harness_alloc_failed());
	proxy_fini(&b.p);
	assert_true(list_empty(&b.f.resolving));
	bench_fini(&b);
}

static void what_cannot_be_sent_is_told(void **state UNUSED)
{
	struct bench b;

	assert_true(bench_init(&b));
	assert_int_equal(forward(&b, "sip:b@unknown.test"), -ENOENT);
	assert_int_equal(forward(&b, "tel:+49301"), -ENOTSUP);
	assert_int_equal(forward(&b, "sip:b@198.51.100.2;transport=tls"), -EHOSTUNREACH);
	b.f.send_error = -ENETUNREACH;
	assert_int_equal(forward(&b, "sip:b@198.51.100.2"), -ENETUNREACH);
	b.f.send_error = 0;
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(it_goes_to_the_first_place),
		HARNESS_ALLOC_TEST(a_name_may_be_resolved_later),
		HARNESS_ALLOC_TEST(a_question_under_way_ends_with_the_proxy),
		HARNESS_TEST(what_cannot_be_sent_is_told),
	};

	return harness_run("stateless", tests, ARRAY_LEN(tests));
}
