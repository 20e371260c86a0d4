/*
 * Names of header fields: RFC 3261 7.3.1 (case does not matter), 7.3.3 and 20 (compact forms).
 *
 * The table of names is hashed once, before main(), and only read afterwards. So a new header is
 * one line in SIP_HEADERS and nothing here.
 */
#include "sip/header.h"

static const struct {
	struct slice name;
	char compact;
} headers[SIP_H_COUNT] = {
#define SIP_HEADER_ROW(id, name, compact) [SIP_H_##id] = { SLICE_INIT(name), compact },
	SIP_HEADERS(SIP_HEADER_ROW)
#undef SIP_HEADER_ROW
};

#define SLOTS 512 /* a power of two; several times the number of names, so probes are short */

static uint8_t slots[SLOTS];
static uint8_t compacts[26];

_Static_assert(SIP_H_COUNT <= SLOTS / 2, "the hash table is too full");
_Static_assert(SIP_H_COUNT <= UINT8_MAX, "ids are stored in a byte");

/* Length, both ends and the middle tell nearly all names apart. */
static inline unsigned hash(struct slice s)
{
	unsigned first = (unsigned char)s.p[0] | 0x20;
	unsigned last = (unsigned char)s.p[s.n - 1] | 0x20;
	unsigned middle = (unsigned char)s.p[s.n / 2] | 0x20;

	return ((unsigned)s.n * 37 + first * 5 + middle * 17 + last * 73) % SLOTS;
}

__attribute__((constructor)) static void fill_slots(void)
{
	for (unsigned id = 1; id < SIP_H_COUNT; id++) {
		unsigned h = hash(headers[id].name);

		while (slots[h])
			h = (h + 1) % SLOTS;
		slots[h] = (uint8_t)id;
		if (headers[id].compact)
			compacts[headers[id].compact - 'a'] = (uint8_t)id;
	}
}

enum sip_header sip_header_find(struct slice name)
{
	if (name.n == 0)
		return SIP_H_OTHER;
	if (name.n == 1) {
		char c = slice_lower(name.p[0]);

		return c >= 'a' && c <= 'z' ? (enum sip_header)compacts[c - 'a'] : SIP_H_OTHER;
	}
	for (unsigned h = hash(name); slots[h]; h = (h + 1) % SLOTS) {
		struct slice known = headers[slots[h]].name;

		/* Nearly everyone writes names as the RFC does. */
		if (known.n == name.n &&
		    (memcmp(known.p, name.p, name.n) == 0 || slice_ieq(known, name)))
			return (enum sip_header)slots[h];
	}
	return SIP_H_OTHER;
}

struct slice sip_header_name(enum sip_header id)
{
	return (unsigned)id < SIP_H_COUNT ? headers[id].name : SLICE_EMPTY;
}
