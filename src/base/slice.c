/*
 * Slices: comparison, splitting, numbers and hashing. What is small enough to be inlined stands
 * in the header.
 */
#include "base/slice.h"

#include <errno.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/*
 * slice_lower() of eight bytes at once. The high bit of each byte's sum says whether its low seven
 * bits reach 'A', and whether they pass 'Z'; a letter is where the two differ.
 */
static uint64_t lower8(uint64_t bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t low7 = bytes & ones * 0x7f;
	uint64_t from_a = low7 + ones * (0x80 - 'A');
	uint64_t past_z = low7 + ones * (0x7f - 'Z');
	uint64_t letter = (from_a ^ past_z) & ~bytes & ones * 0x80;

	return bytes | letter >> 2;
}

static uint64_t load8(const char *p)
{
	uint64_t bytes;

	memcpy(&bytes, p, sizeof(bytes));
	return bytes;
}

bool slice_ieq(struct slice a, struct slice b)
{
	size_t i = 0;

	if (a.n != b.n)
		return false;
	for (; i + 8 <= a.n; i += 8)
		if (lower8(load8(a.p + i)) != lower8(load8(b.p + i)))
			return false;
	for (; i < a.n; i++)
		if (slice_lower(a.p[i]) != slice_lower(b.p[i]))
			return false;
	return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq(slice_head(s, prefix.n), prefix);
}

bool slice_istarts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_ieq(slice_head(s, prefix.n), prefix);
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t slice_find(struct slice s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

static bool is_lws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.n && is_lws(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_lws(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool slice_word(struct slice *rest, struct slice *ret_word)
{
	struct slice s = *rest;
	size_t n = 0;

	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (n < s.n && !is_blank(s.p[n]))
		n++;
	*rest = slice_skip(s, n);
	if (n == 0)
		return false;
	*ret_word = slice_head(s, n);
	return true;
}

bool slice_split(struct slice *rest, char sep, struct slice *ret_part)
{
	ptrdiff_t at;

	if (rest->n == 0)
		return false;
	at = slice_find(*rest, sep);
	if (at < 0) {
		*ret_part = *rest;
		*rest = slice_skip(*rest, rest->n);
		return true;
	}
	*ret_part = slice_head(*rest, (size_t)at);
	*rest = slice_skip(*rest, (size_t)at + 1);
	return true;
}

int slice_u64(struct slice s, uint64_t max, uint64_t *ret_n)
{
	bool too_big = false;
	uint64_t n = 0;

	if (s.n == 0)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		/* Go on after an overflow: "99...9x" is no number at all. */
		if (digit > 9)
			return -EBADMSG;
		if (n > (UINT64_MAX - digit) / 10)
			too_big = true;
		else
			n = n * 10 + digit;
	}
	if (too_big || n > max)
		return -ERANGE;
	*ret_n = n;
	return 0;
}

int slice_u32(struct slice s, uint32_t *ret_n)
{
	uint64_t n;
	int err = slice_u64(s, UINT32_MAX, &n);

	if (err)
		return err;
	*ret_n = (uint32_t)n;
	return 0;
}

char *slice_dup(struct slice s)
{
	char *copy = s.n < SIZE_MAX ? malloc(s.n + 1) : NULL;

	if (!copy)
		return NULL;
	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

uint64_t slice_hash(struct slice s, uint64_t seed)
{
	return XXH3_64bits_withSeed(s.n ? s.p : "", s.n, seed);
}

/* Lowered piece by piece on the stack; the hash so far is the seed of the next piece. */
uint64_t slice_ihash(struct slice s, uint64_t seed)
{
	char low[256];
	uint64_t hash = seed;

	do {
		size_t n = s.n < sizeof(low) ? s.n : sizeof(low);
		size_t i = 0;

		for (; i + 8 <= n; i += 8) {
			uint64_t bytes = lower8(load8(s.p + i));

			memcpy(low + i, &bytes, sizeof(bytes));
		}
		for (; i < n; i++)
			low[i] = slice_lower(s.p[i]);
		hash = XXH3_64bits_withSeed(low, n, hash);
		s = slice_skip(s, n);
	} while (s.n);
	return hash;
}
