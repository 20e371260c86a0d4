/* CSeq = "CSeq" HCOLON 1*DIGIT LWS Method: RFC 3261 20.16, 25.1. */
#include "sip/cseq.h"

#include <errno.h>

static int bad(const char *reason, const char **reterr_reason)
{
	if (reterr_reason)
		*reterr_reason = reason;
	return -EBADMSG;
}

int sip_cseq_parse(struct slice s, struct sip_cseq *ret, const char **reterr_reason)
{
	struct slice digits, rest = s, name;
	uint32_t number = 0;
	size_t n = 0, blanks;

	while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9') {
		/* 2**32-1 is the end (RFC 3261 8.1.1.5 sends below 2**31); zeros may lead. */
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint32_t)(rest.p[n] - '0'), &number))
			return bad("CSeq number out of range", reterr_reason);
		n++;
	}
	digits = slice_head(rest, n);
	if (!digits.n)
		return bad("CSeq without a number", reterr_reason);
	rest = slice_skip(rest, n);
	blanks = rest.n;
	sip_skip_lws(&rest);
	if (rest.n == blanks || !sip_take_token(&rest, &name) || rest.n)
		return bad("CSeq without a method", reterr_reason);
	ret->number = number;
	ret->method_name = name;
	ret->method = sip_method_find(name);
	return 0;
}
