/*
 * Lexical rules of RFC 3261 25.1: tokens, linear white space, quoted strings, parameters and
 * comma-separated lists. What a name or a value means is left to the parsers of each header.
 *
 * We are liberal where the torture messages (RFC 4475) and the field need it, and say so at the
 * place. Nothing here allocates.
 */
#include "sip/scan.h"

#include <errno.h>

enum {
	TOKEN = 1,     /* token; sip_is_token_char() knows the number */
	VALUE = 2,     /* an unquoted parameter value, see sip_take_param() */
	QUOTED = 4,    /* stands for itself inside quotes */
	QUOTABLE = 8,  /* may follow a backslash */
	BLANK = 16,    /* SP, HTAB */
	LINE_END = 32, /* CR, LF */
};

#define ALNUM_CLASS (TOKEN | VALUE | QUOTED | QUOTABLE)
#define MARK_CLASS (TOKEN | VALUE | QUOTED | QUOTABLE)
#define VALUE_CLASS (VALUE | QUOTED | QUOTABLE)
#define OTHER_CLASS (QUOTED | QUOTABLE)

const uint8_t sip_char_classes[256] = {
	[0x00 ... 0x08] = QUOTABLE,
	['\t'] = BLANK | QUOTED | QUOTABLE,
	['\n'] = LINE_END,
	[0x0b ... 0x0c] = QUOTABLE,
	['\r'] = LINE_END,
	[0x0e ... 0x1f] = QUOTABLE,
	[' '] = BLANK | QUOTED | QUOTABLE,
	['!'] = MARK_CLASS,
	['"'] = QUOTABLE,
	['#'] = OTHER_CLASS,
	['$'] = VALUE_CLASS,
	['%'] = MARK_CLASS,
	['&'] = VALUE_CLASS,
	['\''] = MARK_CLASS,
	['('] = VALUE_CLASS,
	[')'] = VALUE_CLASS,
	['*'] = MARK_CLASS,
	['+'] = MARK_CLASS,
	[','] = OTHER_CLASS,
	['-'] = MARK_CLASS,
	['.'] = MARK_CLASS,
	['/'] = VALUE_CLASS,
	['0' ... '9'] = ALNUM_CLASS,
	[':'] = VALUE_CLASS,
	[';'] = OTHER_CLASS,
	['<'] = OTHER_CLASS,
	['='] = VALUE_CLASS,
	['>'] = OTHER_CLASS,
	['?'] = OTHER_CLASS,
	['@'] = VALUE_CLASS,
	['A' ... 'Z'] = ALNUM_CLASS,
	['['] = VALUE_CLASS,
	['\\'] = QUOTABLE,
	[']'] = VALUE_CLASS,
	['^'] = OTHER_CLASS,
	['_'] = MARK_CLASS,
	['`'] = MARK_CLASS,
	['a' ... 'z'] = ALNUM_CLASS,
	['{'] = OTHER_CLASS,
	['|'] = OTHER_CLASS,
	['}'] = OTHER_CLASS,
	['~'] = MARK_CLASS,
	[0x7f] = QUOTABLE,
	/* UTF8-NONASCII; whether it is well formed matters only to who shows it. */
	[0x80 ... 0xff] = QUOTED | QUOTABLE,
};

static inline bool is(char c, unsigned mask)
{
	return sip_char_classes[(unsigned char)c] & mask;
}

/* How many bytes at the front of @s are of the class? */
static size_t span(struct slice s, unsigned mask)
{
	size_t i = 0;

	while (i < s.n && is(s.p[i], mask))
		i++;
	return i;
}

/* Bytes of a line end at @i that is followed by a blank, so that the line goes on; 0: none. */
static size_t fold(struct slice s, size_t i)
{
	size_t n = 0;

	if (s.p[i] == '\n')
		n = 1;
	else if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')
		n = 2;
	return n && i + n < s.n && is(s.p[i + n], BLANK) ? n : 0;
}

/* Length of the linear white space at the front of @s. */
static size_t lws(struct slice s)
{
	size_t i = 0;

	while (i < s.n) {
		size_t n;

		if (is(s.p[i], BLANK)) {
			i++;
			continue;
		}
		if (!is(s.p[i], LINE_END))
			break;
		n = fold(s, i);
		if (!n)
			break;
		i += n;
	}
	return i;
}

/* Length of the quoted string at the front of @s, quotes included; 0: there is no whole one. */
static size_t quoted(struct slice s)
{
	size_t i = 1;

	if (s.n == 0 || s.p[0] != '"')
		return 0;
	while (i < s.n) {
		if (is(s.p[i], QUOTED)) {
			i++;
		} else if (s.p[i] == '"') {
			return i + 1;
		} else if (s.p[i] == '\\') {
			if (i + 1 >= s.n || !is(s.p[i + 1], QUOTABLE))
				return 0;
			i += 2;
		} else {
			size_t n = fold(s, i);

			if (!n)
				return 0;
			i += n;
		}
	}
	return 0;
}

bool sip_is_token(struct slice s)
{
	return s.n > 0 && span(s, TOKEN) == s.n;
}

/* RFC 3629 4: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
bool sip_is_text(struct slice s)
{
	size_t i = 0;

	while (i < s.n) {
		unsigned char c = (unsigned char)s.p[i++];
		unsigned char lo = 0x80, hi = 0xbf;
		unsigned more;

		if (c == 0)
			return false;
		if (c < 0x80)
			continue;
		if (c < 0xc2 || c > 0xf4)
			return false;
		more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		if (c == 0xe0)
			lo = 0xa0;
		else if (c == 0xed)
			hi = 0x9f;
		else if (c == 0xf0)
			lo = 0x90;
		else if (c == 0xf4)
			hi = 0x8f;
		for (; more; more--) {
			unsigned char next;

			if (i == s.n)
				return false;
			next = (unsigned char)s.p[i++];
			if (next < lo || next > hi)
				return false;
			lo = 0x80;
			hi = 0xbf;
		}
	}
	return true;
}

void sip_skip_lws(struct slice *rest)
{
	*rest = slice_skip(*rest, lws(*rest));
}

bool sip_take_token(struct slice *rest, struct slice *ret)
{
	size_t n = span(*rest, TOKEN);

	if (!n)
		return false;
	*ret = slice_head(*rest, n);
	*rest = slice_skip(*rest, n);
	return true;
}

bool sip_take_quoted(struct slice *rest, struct slice *ret)
{
	size_t n = quoted(*rest);

	if (!n)
		return false;
	*ret = slice_of(rest->p + 1, n - 2);
	*rest = slice_skip(*rest, n);
	return true;
}

bool sip_take_char(struct slice *rest, char c)
{
	struct slice s = slice_skip(*rest, lws(*rest));

	if (s.n == 0 || s.p[0] != c)
		return false;
	s = slice_skip(s, 1);
	*rest = slice_skip(s, lws(s));
	return true;
}

/*
 * generic-param = token [ EQUAL gen-value ], gen-value = token / host / quoted-string. Beside
 * tokens a value may hold what hosts, addresses and URI parameters need, and what is seen in tags
 * and extensions: []:/&$@()=. IPv6 after received= comes with and without brackets (RFC 5118 4.5).
 */
int sip_take_param(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
	struct slice s = *rest;
	struct slice name, value = SLICE_EMPTY;

	if (!sip_take_char(&s, ';')) {
		s = slice_skip(s, lws(s));
		return s.n ? -EBADMSG : 0;
	}
	if (!sip_take_token(&s, &name))
		return -EBADMSG;
	if (sip_take_char(&s, '=')) {
		size_t n = s.n && s.p[0] == '"' ? quoted(s) : span(s, VALUE);

		if (!n)
			return -EBADMSG;
		value = slice_head(s, n);
		s = slice_skip(s, n);
	}
	*rest = s;
	*ret_name = name;
	*ret_value = value;
	return 1;
}

/*
 * Looks through parameters that were checked before (or are those of a URI, whose names have more
 * characters than a token), so it only minds semicolons, quotes and the name.
 */
bool sip_find_param(struct slice params, struct slice name, struct slice *ret_value)
{
	struct slice s = params;

	while (s.n) {
		struct slice found, value = SLICE_EMPTY;
		size_t i = 0, start;

		if (!sip_take_char(&s, ';'))
			return false;
		while (i < s.n && s.p[i] != ';' && s.p[i] != '=' && !is(s.p[i], BLANK | LINE_END))
			i++;
		found = slice_head(s, i);
		i += lws(slice_skip(s, i));
		if (i < s.n && s.p[i] == '=') {
			i++;
			i += lws(slice_skip(s, i));
			start = i;
			if (i < s.n && s.p[i] == '"') {
				size_t n = quoted(slice_skip(s, i));

				if (!n)
					return false;
				i += n;
			} else {
				while (i < s.n && s.p[i] != ';' && !is(s.p[i], BLANK | LINE_END))
					i++;
			}
			value = slice_of(s.p + start, i - start);
		}
		if (slice_ieq(found, name)) {
			*ret_value = value;
			return true;
		}
		s = slice_skip(s, i);
		s = slice_skip(s, lws(s));
	}
	return false;
}

bool sip_list_next(struct slice *rest, struct slice *ret_element)
{
	struct slice s = *rest;

	while (s.n) {
		struct slice element;
		bool in_quotes = false, in_brackets = false;
		size_t i;

		for (i = 0; i < s.n; i++) {
			char c = s.p[i];

			if (in_quotes) {
				if (c == '\\')
					i++;
				else if (c == '"')
					in_quotes = false;
			} else if (in_brackets) {
				in_brackets = c != '>';
			} else if (c == '"') {
				in_quotes = true;
			} else if (c == '<') {
				in_brackets = true;
			} else if (c == ',') {
				break;
			}
		}
		if (i > s.n) /* a backslash at the very end */
			i = s.n;
		element = slice_trim(slice_head(s, i));
		s = slice_skip(s, i + 1);
		if (element.n) {
			*rest = s;
			*ret_element = element;
			return true;
		}
	}
	*rest = s;
	return false;
}

int sip_unquote(struct slice s, char *buf, size_t cap, struct slice *ret)
{
	size_t len = 0;

	if (s.n == 0 || s.p[0] != '"') {
		if (s.n > cap)
			return -ENOSPC;
		if (s.n)
			memcpy(buf, s.p, s.n);
		*ret = slice_of(buf, s.n);
		return 0;
	}
	if (quoted(s) != s.n)
		return -EBADMSG;
	for (size_t i = 1; i < s.n - 1; i++) {
		char c = s.p[i];

		if (c == '\\') {
			c = s.p[++i];
		} else if (is(c, LINE_END)) {
			/* A fold means one blank: RFC 3261 7.3.1. */
			i += lws(slice_skip(s, i)) - 1;
			c = ' ';
		}
		if (len == cap)
			return -ENOSPC;
		buf[len++] = c;
	}
	*ret = slice_of(buf, len);
	return 0;
}
