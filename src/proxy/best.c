/* The best response: RFC 3261 16.7 step 6, RFC 4320 4.2. */
#include "proxy/context.h"

/* Lower is better. A 2xx that a script held back, 6xx first, then 3xx, 4xx, 5xx; within a class
 * what tells the caller how to change its request, then what a person did, and last what the
 * network did. */
static unsigned rank(const struct proxy_branch *b)
{
	unsigned status = b->final->status;

	if (status < 300)
		return 0;
	if (status >= 600)
		return 1;
	switch (status) {
	case 401:
	case 407:
	case 415:
	case 420:
	case 484:
		return 4000;
	case 408: /* a time-out says less than any answer: RFC 4321 1.2 */
	case 487: /* we cancelled it ourselves */
		return 4900;
	case 503:
		return 5900;
	}
	if (status < 400)
		return 3000;
	return status / 100 * 1000 + 500;
}

struct proxy_branch *proxy_best(const struct proxy_ctx *ctx)
{
	struct proxy_branch *best = NULL;

	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		if (b->final && b->state == BRANCH_ENDED && (!best || rank(b) < rank(best)))
			best = b;
	}
	return best;
}
