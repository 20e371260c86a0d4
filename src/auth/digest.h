/* The arithmetic of Digest: RFC 7616 3.4, RFC 8760, with OpenSSL for the hashes. */
#ifndef SIPCGID_AUTH_DIGEST_H
#define SIPCGID_AUTH_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/users.h"
#include "sip/cred.h"

enum digest_algorithm { DIGEST_MD5, DIGEST_SHA256, DIGEST_ALGORITHMS };

#define DIGEST_MAX 32 /* bytes of the longest */

size_t digest_len(enum digest_algorithm a);        /* bytes: 16, 32 */
struct slice digest_name(enum digest_algorithm a); /* "MD5", "SHA-256" */
/* Empty means MD5 (RFC 7616 3.3); any case. -EINVAL: not offered, such as the -sess ones. */
int digest_parse(struct slice name, enum digest_algorithm *ret);

/* Hash of the parts joined with colons. -ENOMEM. */
int digest_hash(enum digest_algorithm a, const struct slice *parts, size_t n,
		uint8_t out[DIGEST_MAX]);
/* H(unq(username) ":" realm ":" password) */
int digest_ha1(enum digest_algorithm a, struct slice name, struct slice realm,
	       struct slice password, uint8_t out[DIGEST_MAX]);
/*
 * The response for qop=auth: H(HA1:nonce:nc:cnonce:auth:H(method:uri)), as lower-case hexadecimal
 * in @out, which gets 2 * digest_len() characters. All values as they were written.
 */
int digest_response(enum digest_algorithm a, const uint8_t *ha1, struct slice method,
		    const struct sip_cred *cred, char out[2 * DIGEST_MAX]);
/*
 * Is cred->response that of @ha1? Takes the same time whether it is or not. -EKEYREJECTED when it
 * is not; -ENOMEM.
 */
int digest_verify(enum digest_algorithm a, const uint8_t *ha1, struct slice method,
		  const struct sip_cred *cred);

#endif
