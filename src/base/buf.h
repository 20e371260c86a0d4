/*
 * A growing byte buffer. The first failed allocation sets @err and makes every later call a
 * no-op, so a writer checks once, at the end.
 */
#ifndef SIPCGID_BASE_BUF_H
#define SIPCGID_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/slice.h"

struct buf {
	char *data; /* owned; not NUL-terminated */
	size_t len;
	size_t cap;
	int err; /* 0 or -ENOMEM, sticky until buf_reset() */
};

#define BUF_INIT ((struct buf){ 0 })
#define AUTO_BUF AUTO(buf_fini) struct buf

void buf_fini(struct buf *b);
/* Empties it, keeps the memory, clears the error. */
void buf_reset(struct buf *b);
/* Room for @n more bytes; the place to write them to, or NULL. Follow with buf_commit(). */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_slice(struct buf *b, struct slice s);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t n);
void buf_hex(struct buf *b, const void *p, size_t n); /* lower case */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Removes the first @n bytes, moving the rest to the front. */
void buf_consume(struct buf *b, size_t n);

static inline struct slice buf_view(const struct buf *b)
{
	return (struct slice){ b->data, b->len };
}

#endif
