/*
 * Arenas: a chain of chunks, filled from the newest. A block larger than half a chunk gets a
 * chunk of its own, placed behind the newest so that the room left there is still used.
 *
 * Under AddressSanitizer everything not handed out is poisoned and blocks are kept apart, so that
 * reading past one is found as it would be with malloc().
 */
#include "base/arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define GAP 16
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define GAP 0
#endif

#define ARENA_CHUNK 1024
#define ARENA_ALIGN _Alignof(max_align_t)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t size; /* of data */
	_Alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t chunk_size)
{
	*a = (struct arena){ .chunk_size = chunk_size ? chunk_size : ARENA_CHUNK };
}

void arena_fini(struct arena *a)
{
	if (!a)
		return;
	while (a->chunk) {
		struct arena_chunk *c = a->chunk;

		a->chunk = c->next;
		UNPOISON(c->data, c->size);
		free(c);
	}
	a->total = 0;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t size)
{
	struct arena_chunk *c = malloc(sizeof(*c) + size);

	if (!c)
		return NULL;
	c->next = NULL;
	c->used = 0;
	c->size = size;
	POISON(c->data, size);
	a->total += sizeof(*c) + size;
	return c;
}

static void *chunk_take(struct arena_chunk *c, size_t n, size_t rounded)
{
	char *block = c->data + c->used;

	c->used += rounded;
	UNPOISON(block, n);
	return block;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->chunk;
	size_t chunk_size = a->chunk_size ? a->chunk_size : ARENA_CHUNK;
	size_t rounded;

	if (n > SIZE_MAX / 2)
		return NULL;
	/* Also an empty block gets an address of its own. */
	rounded = ((n ? n : 1) + GAP + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (c && rounded <= c->size - c->used)
		return chunk_take(c, n, rounded);

	if (c && rounded > chunk_size / 2) {
		c = chunk_new(a, rounded);
		if (!c)
			return NULL;
		c->next = a->chunk->next;
		a->chunk->next = c;
		return chunk_take(c, n, rounded);
	}
	/* The header is part of what is asked from malloc(). */
	if (chunk_size < rounded + sizeof(*c))
		chunk_size = rounded + sizeof(*c);
	c = chunk_new(a, chunk_size - sizeof(*c));
	if (!c)
		return NULL;
	c->next = a->chunk;
	a->chunk = c;
	return chunk_take(c, n, rounded);
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	return p ? memset(p, 0, n) : NULL;
}

int arena_dup(struct arena *a, struct slice s, struct slice *ret)
{
	char *copy;

	if (s.n == 0) {
		*ret = SLICE_EMPTY;
		return 0;
	}
	copy = arena_alloc(a, s.n);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, s.p, s.n);
	*ret = slice_of(copy, s.n);
	return 0;
}

int arena_join(struct arena *a, struct slice *ret, const struct slice *parts, size_t n)
{
	size_t len = 0;
	char *p, *at;

	for (size_t i = 0; i < n; i++)
		len += parts[i].n;
	p = at = arena_alloc(a, len);
	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	*ret = slice_of(p, len);
	return 0;
}

int arena_printf(struct arena *a, struct slice *ret, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	text = arena_alloc(a, (size_t)n + 1);
	if (!text)
		return -ENOMEM;
	if ((size_t)n < sizeof(small)) {
		memcpy(text, small, (size_t)n + 1);
	} else {
		va_start(ap, fmt);
		(void)vsnprintf(text, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	*ret = slice_of(text, (size_t)n);
	return 0;
}
