#include "harness.h"

#include "base/packet.h"

static void the_last_reference_frees(void **state)
{
	struct slice in = exact("bytes");
	struct packet *p = packet_from(in);

	(void)state;
	exact_free(in);
	if (!p) {
		assert_true(harness_alloc_failed());
		return;
	}
	assert_ptr_equal(packet_ref(p), p);
	packet_unref(p);
	assert_int_equal(p->refs, 1);
	assert_true(slice_eq(packet_view(p), SLICE("bytes")));
	packet_unref(p);
}

static void nothing_is_a_packet_too(void **state)
{
	struct packet *p = packet_from(SLICE_EMPTY);

	(void)state;
	assert_non_null(p);
	assert_int_equal(packet_view(p).n, 0);
	packet_unref(p);
	packet_unref(NULL);
	assert_null(packet_ref(NULL));
}

static void a_length_beyond_four_bytes_is_refused(void **state)
{
	(void)state;
	assert_null(packet_new(UINT32_MAX));
	assert_null(packet_new(SIZE_MAX));
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(the_last_reference_frees),
		HARNESS_TEST(nothing_is_a_packet_too),
		HARNESS_TEST(a_length_beyond_four_bytes_is_refused),
	};

	return harness_run("packet", tests, ARRAY_LEN(tests));
}
