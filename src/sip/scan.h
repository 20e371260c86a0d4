/* The lexical rules that all of SIP shares: RFC 3261 25.1. */
#ifndef SIPCGID_SIP_SCAN_H
#define SIPCGID_SIP_SCAN_H

#include <stdbool.h>

#include "base/slice.h"

/* Where a message is at fault: line and column count from 1 in the message. */
struct sip_error {
	unsigned line;
	unsigned column;
	const char *reason; /* a constant; NULL: no fault */
};

extern const uint8_t sip_char_classes[256]; /* of scan.c, but for the first bit: token */

static inline bool sip_is_token_char(unsigned char c)
{
	return sip_char_classes[c] & 1;
}

/* One or more token characters and nothing else. */
bool sip_is_token(struct slice s);
/* Well-formed UTF-8 without NUL? */
bool sip_is_text(struct slice s);

/*
 * Each of these takes something off the front of *@rest, and on failure (false) leaves it alone.
 * Linear white space includes folded lines.
 */
void sip_skip_lws(struct slice *rest);
bool sip_take_token(struct slice *rest, struct slice *ret);
/* The quotes are taken too, but are not in *ret; escapes stay: see sip_unquote(). */
bool sip_take_quoted(struct slice *rest, struct slice *ret);
/* LWS, the character, LWS. */
bool sip_take_char(struct slice *rest, char c);

/*
 * One generic parameter with its semicolon: ";name", ";name=value", ";name="quoted"".
 * 1: taken, *ret_value empty (p NULL) when there is none, quotes included when quoted;
 * 0: no more parameters; -EBADMSG: something else follows.
 */
int sip_take_param(struct slice *rest, struct slice *ret_name, struct slice *ret_value);
/* The parameter of that name (any case) in ";a=b;c": true and its value if it is there. */
bool sip_find_param(struct slice params, struct slice name, struct slice *ret_value);

/*
 * The next element of a comma-separated list, trimmed; commas inside quotes and <> do not count.
 * False at the end. Empty elements are skipped.
 */
bool sip_list_next(struct slice *rest, struct slice *ret_element);

/* Removes quotes and backslash escapes into @buf of @cap bytes; -ENOSPC, -EBADMSG. Text without
 * quotes is copied as it is. */
int sip_unquote(struct slice s, char *buf, size_t cap, struct slice *ret);

#endif
