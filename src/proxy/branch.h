/* One branch on its way: names, places to try, the client transaction. Used by context.c alone. */
#ifndef SIPCGID_PROXY_BRANCH_H
#define SIPCGID_PROXY_BRANCH_H

#include "proxy/context.h"

/* Begins sending; the outcome comes through branch_received() or branch_failed(). */
void proxy_branch_start(struct proxy_branch *b);
/* Cancels it if it is under way: RFC 3261 9.1, 16.10. */
void proxy_branch_cancel(struct proxy_branch *b);
/* It is not ended by its Expires any more. */
void proxy_branch_no_expires(struct proxy_branch *b);
/* Lets go of everything that could still call back, except client transactions' last word. */
void proxy_branch_stop(struct proxy_branch *b);

/* context.c: a response (its reference is the caller's), or a failure that becomes one. */
void proxy_branch_received(struct proxy_branch *b, struct sip_msg *resp, bool local);
void proxy_branch_failed(struct proxy_branch *b, unsigned status);
void proxy_ctx_unref(struct proxy_ctx *ctx);

#endif
