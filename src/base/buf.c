/* A growing byte buffer with a sticky error. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define BUF_MIN 256

void buf_fini(struct buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = BUF_INIT;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

/* Doubles, so that n appended bytes cost O(n) copied ones. */
static int buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : BUF_MIN;
	char *data;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->err)
		return NULL;
	if (n > b->cap - b->len || !b->data) {
		b->err = n > SIZE_MAX - b->len ? -ENOMEM : buf_grow(b, b->len + n);
		if (b->err)
			return NULL;
	}
	return b->data + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	if (!b->err)
		b->len += n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = n ? buf_reserve(b, n) : NULL;

	if (!to)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void buf_slice(struct buf *b, struct slice s)
{
	buf_put(b, s.p, s.n);
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buf_put(b, digits + at, sizeof(digits) - at);
}

void buf_hex(struct buf *b, const void *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const unsigned char *from = p;
	char *to;

	if (n > SIZE_MAX / 2) {
		b->err = -ENOMEM;
		return;
	}
	to = n ? buf_reserve(b, n * 2) : NULL;
	if (!to)
		return;
	for (size_t i = 0; i < n; i++) {
		to[2 * i] = digit[from[i] >> 4];
		to[2 * i + 1] = digit[from[i] & 15];
	}
	b->len += n * 2;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	size_t room;
	int n;

	if (!buf_reserve(b, 1))
		return;
	room = b->cap - b->len;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(b->data + b->len, room, fmt, ap);
	/* vsnprintf wants a byte for its NUL, which is not kept. */
	if (n > 0 && (size_t)n >= room) {
		if (buf_reserve(b, (size_t)n + 1))
			n = vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		else
			n = 0;
	}
	if (n > 0)
		b->len += (size_t)n;
	va_end(again);
	va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	if (n)
		memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}
