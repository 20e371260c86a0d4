/*
 * Messages in a byte stream: RFC 3261 18.3 and 7.5, RFC 4475 3.1.2.2, 3.1.2.3 and 3.3.9, RFC 5626
 * 3.5.1. Finds the blank line and Content-Length, nothing else: whether the message is a good one
 * is for sip_msg_parse(). Each byte is looked at once, however the stream is cut: a line is only
 * taken up when the byte behind it tells that it does not go on.
 */
#include "sip/frame.h"

#include <errno.h>

#include "sip/header.h"
#include "sip/msg.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One whole header line, folds included. */
static void take_line(struct sip_frame *f, struct slice line)
{
	uint64_t n = 0;
	size_t i = 0;
	int rc;

	/* Compact "l" (7.3.3), or the whole name; most lines are neither and end here. */
	if (line.n == 0 || (slice_lower(line.p[0]) != 'l' && slice_lower(line.p[0]) != 'c'))
		return;
	while (i < line.n && sip_is_token_char((unsigned char)line.p[i]))
		i++;
	if (sip_header_find(slice_head(line, i)) != SIP_H_CONTENT_LENGTH)
		return;
	while (i < line.n && is_blank(line.p[i]))
		i++;
	if (i == line.n || line.p[i] != ':') {
		f->bad_length = true;
		return;
	}
	rc = slice_u64(slice_trim(slice_skip(line, i + 1)), SIP_MSG_MAX, &n);
	if (rc == -ERANGE)
		n = SIP_MSG_MAX + 1;
	if (rc == -EBADMSG || (f->has_length && f->body_len != n))
		f->bad_length = true;
	f->has_length = true;
	f->body_len = (size_t)n;
}

/* Goes on looking for the blank line. True: found, and head_len is set. */
static bool take_head(struct sip_frame *f, struct slice bytes)
{
	for (;;) {
		const char *p = bytes.p + f->scanned, *nl;
		size_t at;

		nl = f->scanned < bytes.n ? memchr(p, '\n', bytes.n - f->scanned) : NULL;
		if (!nl) {
			f->scanned = bytes.n;
			return false;
		}
		/* What follows decides, so stay here until it is known. */
		at = (size_t)(nl - bytes.p);
		f->scanned = at;
		if (at + 1 == bytes.n || (bytes.p[at + 1] == '\r' && at + 2 == bytes.n))
			return false;
		if (is_blank(bytes.p[at + 1])) {
			f->scanned = at + 1;
			continue;
		}
		take_line(f, slice_of(bytes.p + f->line, at - f->line));
		f->line = f->scanned = at + 1;
		if (bytes.p[at + 1] == '\n') {
			f->head_len = at + 2;
			return true;
		}
		if (bytes.p[at + 1] == '\r' && bytes.p[at + 2] == '\n') {
			f->head_len = at + 3;
			return true;
		}
	}
}

/* Line ends between messages: how many bytes of them are whole. */
static size_t take_crlfs(struct sip_frame *f, struct slice bytes)
{
	size_t i = 0;

	for (;;) {
		if (i + 1 < bytes.n && bytes.p[i] == '\r' && bytes.p[i + 1] == '\n') {
			i += 2;
			if (++f->crlfs == 2) {
				f->crlfs = 0;
				f->pings++;
			}
		} else if (i < bytes.n && bytes.p[i] == '\n') {
			i++;
		} else {
			return i;
		}
	}
}

static void begin(struct sip_frame *f)
{
	*f = (struct sip_frame){ .pings = f->pings };
}

ptrdiff_t sip_frame(struct sip_frame *f, struct slice bytes, struct slice *ret_msg)
{
	*ret_msg = SLICE_EMPTY;
	if (bytes.n == 0)
		return 0;
	if (!f->head_len && !f->scanned) {
		size_t n = take_crlfs(f, bytes);

		if (n)
			return (ptrdiff_t)n;
		if (bytes.p[0] == '\r' && bytes.n == 1)
			return 0; /* half a CRLF */
		f->crlfs = 0;
	}
	if (!f->head_len && !take_head(f, bytes))
		return bytes.n > SIP_MSG_MAX ? -EMSGSIZE : 0;
	if (f->bad_length || !f->has_length) {
		*ret_msg = slice_head(bytes, f->head_len);
		return -EBADMSG;
	}
	if (f->head_len > SIP_MSG_MAX || f->body_len > SIP_MSG_MAX - f->head_len) {
		*ret_msg = slice_head(bytes, f->head_len);
		return -EMSGSIZE;
	}
	if (bytes.n < f->head_len + f->body_len)
		return 0;
	*ret_msg = slice_head(bytes, f->head_len + f->body_len);
	begin(f);
	return (ptrdiff_t)ret_msg->n;
}
