/* Stream framing: RFC 3261 18.3, RFC 5626 3.5.1, RFC 4475 3.1.2.2, 3.1.2.3, 3.3.9. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "sip/frame.h"
#include "sip/msg.h"

struct cut {
	ptrdiff_t rc; /* of the last call */
	size_t n;     /* messages found */
	unsigned pings;
	size_t lens[4];
	struct slice last; /* what the last call named */
};

/* Feeds @text in steps of @step bytes, as a connection does, until nothing more comes out of it. */
static struct cut cut(struct slice text, size_t step)
{
	struct sip_frame f = { 0 };
	struct cut c = { 0 };
	size_t begin = 0, end = 0;

	for (;;) {
		/* Its own block, so that reading too far is seen. */
		struct slice in = exact_bytes(text.p + begin, end - begin), msg;

		c.rc = sip_frame(&f, in, &msg);
		c.last = msg.n ? slice_of(text.p + begin + (msg.p - in.p), msg.n) : SLICE_EMPTY;
		if (c.rc > 0 && msg.n && c.n < ARRAY_LEN(c.lens))
			c.lens[c.n++] = msg.n;
		if (c.rc > 0)
			assert_true((size_t)c.rc <= in.n);
		exact_free(in);
		if (c.rc > 0)
			begin += (size_t)c.rc;
		else if (c.rc < 0 || end == text.n)
			break;
		else
			end = text.n - end < step ? text.n : end + step;
	}
	c.pings = f.pings;
	return c;
}

#define A "A sip:a SIP/2.0\r\nTo: x\r\n"

static void messages_are_cut_however_the_stream_is_split(void **state)
{
	static const struct {
		const char *in;
		ptrdiff_t rc;
		size_t n;
		size_t lens[4];
		unsigned pings;
	} rows[] = {
		{ "", 0, 0, { 0 }, 0 },
		{ A "l: 0\r\n\r\n", 0, 1, { 32 }, 0 },
		{ A "Content-Length: 3\r\n\r\nabc", 0, 1, { 48 }, 0 },
		{ A "content-length\t :\t3 \r\n\r\nabc", 0, 1, { 51 }, 0 },
		{ A "l:\r\n 3\r\nb: c\r\n\r\nabc", 0, 1, { 43 }, 0 },
		{ A "l:\n\t3\n\nabc", 0, 1, { 34 }, 0 },
		{ A "l: 3\r\nL: 03\r\n\r\nabc", 0, 1, { 42 }, 0 },
		{ "l: 1\r\nl: 1\r\n\r\nx", 0, 1, { 15 }, 0 },
		/* a fold that looks like a length, and bodies that look like messages */
		{ A "Subject: x\r\n l: 5\r\nl: 0\r\n\r\n", 0, 1, { 51 }, 0 },
		{ A "l: 4\r\n\r\n\r\n\r\n" A "l: 0\r\n\r\n", 0, 2, { 36, 32 }, 0 },
		/* several */
		{ A "l: 1\r\n\r\nx" A "l: 2\r\n\r\nyz" A "l: 0\r\n\r\n", 0, 3, { 33, 34, 32 }, 0 },
		{ A "l: 1\r\n\r\nx" A "l: 2\r\n\r\ny", 0, 1, { 33 }, 0 },
		/* keep-alives */
		{ "\r\n\r\n", 0, 0, { 0 }, 1 },
		{ "\r\n", 0, 0, { 0 }, 0 },
		{ "\r\n\r\n\r\n\r\n\r\n", 0, 0, { 0 }, 2 },
		{ "\r\n\r\n" A "l: 0\r\n\r\n\r\n\r\n", 0, 1, { 32 }, 2 },
		{ "\r\n" A "l: 0\r\n\r\n\r\n" A "l: 0\r\n\r\n", 0, 2, { 32, 32 }, 0 },
		{ "\n\n" A "l: 0\r\n\r\n", 0, 1, { 32 }, 0 },
		/* the stream cannot be followed */
		{ A "\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ A "l: five\r\n\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ A "l: -999\r\n\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ A "l:\r\n\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ A "l 5\r\n\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ A "l: 5, 5\r\n\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ A "l: 13\r\nMax-Forwards: 1\r\nContent-Length: 5\r\n\r\n",
		  -EBADMSG,
		  0,
		  { 0 },
		  0 },
		{ A "Content-Lengths: 5\r\n\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ "\r\r\n\r\n", -EBADMSG, 0, { 0 }, 0 },
		{ A "l: 65536\r\n\r\n", -EMSGSIZE, 0, { 0 }, 0 },
		{ A "l: 99999999999999999999999999\r\n\r\n", -EMSGSIZE, 0, { 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = slice_str(rows[i].in);

		for (size_t step = 1; step <= in.n + 1; step++) {
			struct cut c = cut(in, step);

			if (c.rc != rows[i].rc || c.n != rows[i].n || c.pings != rows[i].pings)
				fail_msg("row %zu by %zu: %td, %zu messages, %u pings", i, step,
					 c.rc, c.n, c.pings);
			for (size_t k = 0; k < c.n; k++)
				assert_int_equal(c.lens[k], rows[i].lens[k]);
		}
	}
}

static void a_head_that_cannot_be_followed_is_still_named(void **state)
{
	struct slice no_length = SLICE(A "\r\nsome body");
	struct slice large = SLICE(A "l: 65535\r\n\r\nsome body");

	(void)state;
	for (size_t step = 1; step < 40; step++) {
		struct cut c = cut(no_length, step);

		assert_int_equal(c.rc, -EBADMSG);
		assert_int_equal(c.last.n, sizeof(A) - 1 + 2);
		assert_ptr_equal(c.last.p, no_length.p);
		c = cut(large, step);
		assert_int_equal(c.rc, -EMSGSIZE);
		assert_int_equal(c.last.n, sizeof(A) - 1 + 12);
	}
}

static void a_message_may_have_just_the_largest_size(void **state)
{
	char *text = harness_calloc(2 * SIP_MSG_MAX);
	int len;

	(void)state;
	for (int over = 0; over <= 1; over++) {
		struct cut c;

		/* The digits of the length do not change: the body is near 65,500 bytes. */
		len = snprintf(text, 2 * SIP_MSG_MAX, A "l: %d\r\n\r\n",
			       SIP_MSG_MAX - (int)(sizeof(A) - 1) - 12 + over);
		memset(text + len, 'x', SIP_MSG_MAX);
		c = cut(slice_of(text, SIP_MSG_MAX), 4096);
		assert_int_equal(c.rc, over ? -EMSGSIZE : 0);
		assert_int_equal(c.n, !over);
	}
	free(text);
}

static void a_head_without_an_end_is_given_up(void **state)
{
	char *text = harness_calloc(SIP_MSG_MAX + 1);
	struct cut c;

	(void)state;
	memset(text, 'x', SIP_MSG_MAX + 1);
	c = cut(slice_of(text, SIP_MSG_MAX), 1500);
	assert_int_equal(c.rc, 0);
	c = cut(slice_of(text, SIP_MSG_MAX + 1), 1500);
	assert_int_equal(c.rc, -EMSGSIZE);
	assert_int_equal(c.last.n, 0);
	free(text);
}

/* A frame is what the message parser reads to its last byte. */
static void a_frame_is_a_whole_message_to_the_parser(void **state)
{
	static const char text[] = "\r\nOPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx"
				   "\r\nTo: <sip:a>\r\nFrom: <sip:b>;tag=1\r\nCSeq: 1 OPTIONS\r\n"
				   "Call-ID: x\r\nc: a/b\r\nl: 3\r\n\r\nabcOPT";
	struct cut c = cut(slice_of(text, sizeof(text) - 1), 7);
	struct packet *p;
	struct sip_msg *m;
	struct sip_error e;

	(void)state;
	assert_int_equal(c.n, 1);
	p = packet_from(slice_of(text + 2, c.lens[0]));
	assert_int_equal(sip_msg_parse(p, &m, &e), 0);
	assert_null(m->fault.reason);
	assert_int_equal(m->head_len + m->body.n, c.lens[0]);
	sip_msg_unref(m);
	packet_unref(p);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(messages_are_cut_however_the_stream_is_split),
		HARNESS_TEST(a_head_that_cannot_be_followed_is_still_named),
		HARNESS_TEST(a_message_may_have_just_the_largest_size),
		HARNESS_TEST(a_head_without_an_end_is_given_up),
		HARNESS_TEST(a_frame_is_a_whole_message_to_the_parser),
	};

	return harness_run("sip/frame", tests, ARRAY_LEN(tests));
}
