/*
 * name-addr and addr-spec with their parameters: RFC 3261 20.10 and 25.1. A URI in angle brackets
 * owns what is inside them; without brackets everything from the first semicolon on belongs to the
 * header field, and "?" and "," may not occur at all (RFC 3261 20, last paragraph of the section's
 * introduction; RFC 4475 3.1.2.13).
 *
 * Unquoted display names that are not tokens are refused (RFC 4475 3.1.2.15): what goes out is
 * copied from what came in, so whoever accepts such an error passes it on.
 */
#include "sip/addr.h"

#include <errno.h>

static int bad(const char *reason, const char **reterr_reason)
{
	if (reterr_reason)
		*reterr_reason = reason;
	return -EBADMSG;
}

/*
 * Takes a display name off *@rest if "<" follows it. 1: brackets follow; 0: no name, no brackets;
 * -EBADMSG: an unterminated quote, or a quoted string without brackets behind it.
 */
static int take_display(struct slice *rest, struct slice *ret, const char **reterr_reason)
{
	struct slice s = *rest, word;
	const char *first = s.p;

	if (s.n > 0 && s.p[0] == '"') {
		if (!sip_take_quoted(&s, &word))
			return bad("bad or unterminated quoted string", reterr_reason);
	} else {
		/* No white space is needed before "<": RFC 4475 3.1.1.6. */
		for (struct slice next = s; sip_take_token(&next, &word); sip_skip_lws(&next))
			s = slice_of(word.p + word.n, next.n);
	}
	*ret = slice_of(first, (size_t)(s.p - first));
	sip_skip_lws(&s);
	if (s.n > 0 && s.p[0] == '<') {
		*rest = s;
		return 1;
	}
	if (*first == '"')
		return bad("no < behind the display name", reterr_reason);
	*ret = SLICE_EMPTY;
	return 0;
}

int sip_addr_parse(struct slice s, struct sip_addr *ret, const char **reterr_reason)
{
	struct sip_addr a = { 0 };
	struct slice rest, name, value;
	const char *end;
	int rc;

	s = slice_trim(s);
	if (s.n == 0)
		return bad("empty address", reterr_reason);
	a.text = s;
	rest = s;

	rc = take_display(&rest, &a.display, reterr_reason);
	if (rc < 0)
		return rc;
	a.brackets = rc > 0;
	if (a.brackets) {
		rest = slice_skip(rest, 1);
		end = rest.n ? memchr(rest.p, '>', rest.n) : NULL;
		if (!end)
			return bad("no > behind the URI", reterr_reason);
		a.uri_text = slice_of(rest.p, (size_t)(end - rest.p));
		rest = slice_skip(rest, a.uri_text.n + 1);
	} else {
		size_t n = 0;

		while (n < s.n && !strchr("; \t\r\n", s.p[n])) {
			if (s.p[n] == '?' || s.p[n] == ',')
				return bad("URI needs angle brackets", reterr_reason);
			n++;
		}
		a.uri_text = slice_head(s, n);
		rest = slice_skip(s, n);
	}
	rc = sip_uri_parse(a.uri_text, &a.uri, reterr_reason);
	if (rc < 0)
		return rc;

	sip_skip_lws(&rest);
	a.params = rest;
	while ((rc = sip_take_param(&rest, &name, &value)) > 0)
		;
	if (rc < 0)
		return bad("bad parameter of an address", reterr_reason);
	*ret = a;
	return 0;
}

bool sip_addr_param(const struct sip_addr *a, struct slice name, struct slice *ret_value)
{
	return sip_find_param(a->params, name, ret_value);
}

int sip_qvalue_parse(struct slice s, unsigned *ret_q)
{
	unsigned q, scale = 100;

	if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
		return -EBADMSG;
	q = s.p[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < s.n; i++, scale /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EBADMSG;
		q += (unsigned)(s.p[i] - '0') * scale;
	}
	if (q > 1000)
		return -EBADMSG;
	*ret_q = q;
	return 0;
}
