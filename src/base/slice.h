/*
 * A slice: bytes that somebody else owns. Never NUL-terminated, never changed, valid as long as
 * the buffer it points into. An empty slice may have a NULL pointer.
 */
#ifndef SIPCGID_BASE_SLICE_H
#define SIPCGID_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* A slice of a string literal; usable in constant initializers. */
#define SLICE(lit) ((struct slice){ "" lit, sizeof(lit) - 1 })
/* clang-format off */
#define SLICE_INIT(lit) { "" lit, sizeof(lit) - 1 }
/* clang-format on */
#define SLICE_EMPTY ((struct slice){ NULL, 0 })
/* For "%.*s": the precision is cut to INT_MAX. */
#define SLICE_FMT(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), (s).p ? (s).p : ""

static inline struct slice slice_of(const char *p, size_t n)
{
	return (struct slice){ p, n };
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII lower case, whatever the locale. */
static inline char slice_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The first @n bytes fall off (all of them if there are fewer). */
static inline struct slice slice_skip(struct slice s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return n ? (struct slice){ s.p + n, s.n - n } : s;
}

/* At most the first @n bytes. */
static inline struct slice slice_head(struct slice s, size_t n)
{
	return (struct slice){ s.p, n < s.n ? n : s.n };
}

/* Equal but for ASCII case. */
bool slice_ieq(struct slice a, struct slice b);
/* Does @s begin with @prefix? */
bool slice_starts(struct slice s, struct slice prefix);
bool slice_istarts(struct slice s, struct slice prefix);
/* Order as memcmp, shorter first on a tie. */
int slice_cmp(struct slice a, struct slice b);
/* Index of the first @c, or -1. */
ptrdiff_t slice_find(struct slice s, char c);
/* Without blanks, tabs, CR and LF at both ends: linear white space, also folded. */
struct slice slice_trim(struct slice s);
/*
 * Takes the next word, delimited by blanks and tabs, off *@rest. False when none is left.
 */
bool slice_word(struct slice *rest, struct slice *ret_word);
/*
 * Takes what is before the next @sep off *@rest, the separator too. Without a separator takes all
 * of it. False when *@rest is empty. "a,,b" gives "a", "" and "b".
 */
bool slice_split(struct slice *rest, char sep, struct slice *ret_part);
/*
 * The whole slice as an unsigned decimal number: digits only, at least one.
 * -EBADMSG if it is something else, -ERANGE if it exceeds @max; *ret_n is set only on 0.
 */
int slice_u64(struct slice s, uint64_t max, uint64_t *ret_n);
int slice_u32(struct slice s, uint32_t *ret_n);
/* Heap copy with a NUL at the end, for interfaces that want one; NULL when out of memory. */
char *slice_dup(struct slice s);

/* Keyed 64-bit hash (XXH3), of the bytes, and of the bytes in ASCII lower case. */
uint64_t slice_hash(struct slice s, uint64_t seed);
uint64_t slice_ihash(struct slice s, uint64_t seed);

#endif
