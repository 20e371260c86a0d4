/*
 * Digest challenges and credentials: syntax only (RFC 3261 22 and 25.1, RFC 7616, RFC 8760). What
 * they are worth is the auth module's business. Slices point into the text parsed; values are
 * without quotes, escapes left in (compare as written, as digests are computed over them).
 */
#ifndef SIPCGID_SIP_CRED_H
#define SIPCGID_SIP_CRED_H

#include "sip/scan.h"

struct sip_cred {
	struct slice scheme; /* "Digest"; compare without case */
	struct slice username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc;
	struct slice auth_param; /* everything after the scheme */
	bool userhash;
};

struct sip_challenge {
	struct slice scheme;
	struct slice realm, domain, nonce, opaque, stale, algorithm, qop; /* qop: the list */
};

/*
 * The value of one Authorization or Proxy-Authorization field. For a scheme other than Digest
 * only the scheme and auth_param are set. -EBADMSG with a reason: malformed, or a Digest without
 * username, realm, nonce, uri or response, or with one of them twice.
 */
int sip_cred_parse(struct slice s, struct sip_cred *ret, const char **reterr_reason);
/* The value of one WWW-Authenticate or Proxy-Authenticate field. */
int sip_challenge_parse(struct slice s, struct sip_challenge *ret, const char **reterr_reason);

#endif
