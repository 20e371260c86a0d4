/*
 * Server nonces (RFC 7616 3.3): time, a random part and a signature over both and the realm, so
 * that nothing is stored for a challenge that nobody answers. Nonces that were used are remembered,
 * with the counts seen, until they are too old.
 */
#ifndef SIPCGID_AUTH_NONCE_H
#define SIPCGID_AUTH_NONCE_H

#include "base/runtime.h"

#define NONCE_LEN 40 /* characters */

struct nonces;

enum nonce_result {
	NONCE_OK,    /* and the count is now used */
	NONCE_STALE, /* ours but too old, or the count was used before, or of a former process */
};

/* At most @max used nonces are remembered: when there are more, the older ones become stale. */
int nonces_new(struct runtime *rt, uint32_t max_age_s, size_t max, struct nonces **ret);
void nonces_free(struct nonces *n);
/* New limits, at once. */
void nonces_configure(struct nonces *n, uint32_t max_age_s, size_t max);
/* @out gets NONCE_LEN characters and a NUL. */
int nonce_make(struct nonces *n, struct slice realm, char out[NONCE_LEN + 1]);
/*
 * To be asked only after the response verified: it marks (nonce, count) as used. A nonce that we
 * did not sign is stale: it is one of a former process, or made up, which is no worse.
 */
enum nonce_result nonce_use(struct nonces *n, struct slice realm, struct slice nonce,
			    uint32_t count);
/* Nonces remembered. */
size_t nonces_count(const struct nonces *n);

#endif
