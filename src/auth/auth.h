/*
 * Who sent this request? Digest authentication as registrar or UAS (401, Authorization) and as
 * proxy (407, Proxy-Authorization): RFC 3261 22, RFC 7616, RFC 8760. SHA-256 and MD5 are offered,
 * in that order, with qop=auth; credentials without qop (RFC 2069) are answered with a new
 * challenge.
 */
#ifndef SIPCGID_AUTH_AUTH_H
#define SIPCGID_AUTH_AUTH_H

#include "auth/digest.h"
#include "auth/users.h"
#include "base/arena.h"
#include "sip/msg.h"

#define AUTH_NAME_MAX 255
#define AUTH_CHALLENGES_MAX DIGEST_ALGORITHMS

struct auth;

struct auth_config {
	uint32_t nonce_max_age_s; /* 300 */
	size_t nonces_max;        /* used nonces remembered; 65536 */
	bool md5, sha256;         /* which algorithms are offered and accepted */
};
#define AUTH_CONFIG_DEFAULT ((struct auth_config){ 300, 65536, true, true })

enum auth_kind {
	AUTH_REGISTRAR, /* Authorization, 401 and WWW-Authenticate */
	AUTH_PROXY,     /* Proxy-Authorization, 407 and Proxy-Authenticate */
};

enum auth_result {
	AUTH_OK,
	AUTH_MISSING, /* no credentials for this realm: challenge */
	AUTH_BAD,     /* unknown user, wrong password, something not offered: challenge, or 403 */
	AUTH_STALE,   /* right password, nonce too old or used before: challenge with stale=true */
	AUTH_MALFORMED, /* 400 with the reason */
	AUTH_ERROR,     /* out of memory: 500 */
};

/* The name, algorithm and field for AUTH_OK and AUTH_STALE; @reason (a constant, for the log) for
 * AUTH_BAD and AUTH_MALFORMED; the realm always. */
struct auth_identity {
	char name_buf[AUTH_NAME_MAX + 1];
	size_t name_len;    /* the user's name, unescaped */
	struct slice realm; /* as passed to auth_check() */
	enum digest_algorithm algorithm;
	uint16_t field; /* index of the field with the credentials: a proxy takes it out
			   of what it forwards (RFC 3261 22.3) */
	const char *reason;
	unsigned offer; /* AUTH_BAD: bits 1 << algorithm this user can be asked for; 0: all */
};

static inline struct slice auth_name(const struct auth_identity *id)
{
	return (struct slice){ id->name_buf, id->name_len };
}

int auth_new(struct runtime *rt, const struct auth_config *config, struct auth **ret);
void auth_free(struct auth *a);
/* New limits hold from now on; nonces given out stay good. -ENOMEM: nothing changed. */
int auth_configure(struct auth *a, const struct auth_config *config);
/* Who there is; borrowed until replaced. NULL (at first): nobody. */
void auth_set_users(struct auth *a, const struct users *users);

/*
 * Looks at the credentials for @realm and no others. Of several that verify the strongest algorithm
 * counts. ACK and CANCEL must not be asked about: they cannot be challenged (RFC 3261 22.1).
 */
enum auth_result auth_check(struct auth *a, const struct sip_msg *req, struct slice realm,
			    enum auth_kind kind, struct auth_identity *ret);

/*
 * The challenge fields, "WWW-Authenticate: Digest ...", in @arena: one for each algorithm, the
 * preferred one first. *ret_n of them. -ENOMEM.
 */
int auth_challenge(struct auth *a, struct slice realm, enum auth_kind kind, bool stale,
		   struct arena *arena, struct slice ret_fields[AUTH_CHALLENGES_MAX],
		   size_t *ret_n);

/*
 * The challenge to answer @why with, not AUTH_OK. As auth_challenge(), but a user of whom only one
 * algorithm's hash is stored (imported from elsewhere) is asked for that one: a client answers the
 * first it knows (RFC 8760 2.4) and could never get in otherwise. A client that is known, by the
 * User-Agent of @req, to fail at any algorithm but MD5 is asked for that.
 */
int auth_challenge_after(struct auth *a, const struct sip_msg *req, enum auth_result why,
			 const struct auth_identity *id, enum auth_kind kind, struct arena *arena,
			 struct slice ret_fields[AUTH_CHALLENGES_MAX], size_t *ret_n);

#endif
