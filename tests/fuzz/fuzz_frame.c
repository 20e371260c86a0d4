/*
 * A stream is cut into the same messages however it arrives: at once, byte by byte, and in pieces
 * whose sizes come from the input.
 */
#include <errno.h>
#include <stdlib.h>

#include "fuzz.h"
#include "sip/frame.h"
#include "sip/msg.h"

struct result {
	ptrdiff_t end; /* of the last call */
	size_t consumed;
	size_t messages;
	uint64_t lengths; /* a mix of all lengths */
	unsigned pings;
	size_t head; /* length of the head named by a failure */
};

static struct result cut(struct slice text, size_t step)
{
	struct sip_frame f = { 0 };
	struct result r = { 0 };
	size_t have = 0;

	for (;;) {
		struct slice msg = SLICE("untouched");
		struct slice in = slice_of(text.p + r.consumed, have - r.consumed);

		r.end = sip_frame(&f, in, &msg);
		if (r.end > 0) {
			FUZZ_ASSERT((size_t)r.end <= in.n);
			FUZZ_ASSERT(msg.n <= SIP_MSG_MAX);
			r.consumed += (size_t)r.end;
			r.messages += msg.n > 0;
			r.lengths = msg.n ? r.lengths * 31 + msg.n : r.lengths;
			continue;
		}
		if (r.end < 0) {
			FUZZ_ASSERT(r.end == -EBADMSG || r.end == -EMSGSIZE);
			r.head = msg.n;
			break;
		}
		if (have == text.n)
			break;
		have = text.n - have < step ? text.n : have + step;
	}
	r.pings = f.pings;
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	size_t steps[] = { 1, size ? data[size - 1] / 8u + 2 : 1 };
	struct result whole = cut(text, size + 1);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct result r = cut(text, steps[i]);

		/* A head without an end is given up at different bytes. */
		if (whole.end == -EMSGSIZE && !whole.head)
			continue;
		FUZZ_ASSERT(r.end == whole.end && r.consumed == whole.consumed);
		FUZZ_ASSERT(r.messages == whole.messages && r.lengths == whole.lengths);
		FUZZ_ASSERT(r.pings == whole.pings && r.head == whole.head);
	}
	return 0;
}
