/*
 * Checking credentials and making challenges. RFC 3261 22.2-22.4, RFC 7616 3, RFC 8760 2.
 *
 * The response is verified before the nonce is looked at: stale=true promises that the password was
 * right (RFC 7616 3.3), and only a verified response may use up a nonce count. An unknown user
 * costs as much time as a wrong password.
 */
#include <errno.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "auth/nonce.h"
#include "sip/uri.h"

/* Credentials for one realm looked at in one request: each costs two hashes. */
#define CREDENTIALS_MAX 8

struct auth {
	struct auth_config config;
	struct nonces *nonces;
	const struct users *users;
};

int auth_new(struct runtime *rt, const struct auth_config *config, struct auth **ret)
{
	struct auth *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->config = *config;
	err = nonces_new(rt, config->nonce_max_age_s, config->nonces_max, &a->nonces);
	if (err) {
		free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	nonces_free(a->nonces);
	free(a);
}

int auth_configure(struct auth *a, const struct auth_config *config)
{
	a->config = *config;
	nonces_configure(a->nonces, config->nonce_max_age_s, config->nonces_max);
	return 0;
}

void auth_set_users(struct auth *a, const struct users *users)
{
	a->users = users;
}

static bool offered(const struct auth *a, enum digest_algorithm alg)
{
	return alg == DIGEST_MD5 ? a->config.md5 : a->config.sha256;
}

/* Quoted pairs are undone: the name in the store has none. RFC 3261 25.1. */
static int unescape_name(struct slice s, struct auth_identity *id)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (n == AUTH_NAME_MAX)
			return -ENAMETOOLONG;
		id->name_buf[n++] = s.p[i];
	}
	id->name_buf[n] = '\0';
	id->name_len = n;
	return 0;
}

/* 8LHEX: RFC 3261 25.1 nc-value. */
static int parse_count(struct slice s, uint32_t *ret)
{
	uint32_t n = 0;

	if (s.n != 8)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		char c = slice_lower(s.p[i]);

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint32_t)(c - 'a' + 10);
		else
			return -EBADMSG;
	}
	*ret = n;
	return 0;
}

/* RFC 7616 3.4.6: the credentials are for the resource asked for. */
static bool same_uri(const struct sip_msg *req, struct slice text)
{
	struct sip_uri a, b;
	const char *why;

	if (slice_eq(req->uri, text))
		return true;
	return sip_uri_parse(req->uri, &a, &why) == 0 && sip_uri_parse(text, &b, &why) == 0 &&
	       sip_uri_eq(&a, &b);
}

/* What one field's credentials are worth, the nonce not yet looked at. */
struct candidate {
	struct auth_identity id;
	struct slice nonce;
	uint32_t count;
};

static enum auth_result bad(struct candidate *c, enum auth_result result, const char *reason)
{
	c->id.reason = reason;
	return result;
}

static const uint8_t *user_ha1(const struct user *u, enum digest_algorithm alg)
{
	if (alg == DIGEST_MD5)
		return u->has_md5 ? u->ha1_md5 : NULL;
	return u->has_sha256 ? u->ha1_sha256 : NULL;
}

static enum auth_result check_cred(struct auth *a, const struct sip_msg *req, struct slice realm,
				   const struct sip_cred *cred, struct candidate *c)
{
	static const uint8_t nobody[DIGEST_MAX];
	const struct user *user = NULL;
	const uint8_t *ha1 = NULL;
	int err;

	if (digest_parse(cred->algorithm, &c->id.algorithm) < 0 || !offered(a, c->id.algorithm))
		return bad(c, AUTH_BAD, "algorithm not offered");
	/* Also none at all: without a nonce count there is no protection against replay. */
	if (!slice_ieq(cred->qop, SLICE("auth")))
		return bad(c, AUTH_BAD, "qop is not auth");
	if (parse_count(cred->nc, &c->count) < 0)
		return bad(c, AUTH_MALFORMED, "malformed nonce count in credentials");
	if (cred->cnonce.n == 0)
		return bad(c, AUTH_MALFORMED, "credentials with qop but no cnonce");
	if (!same_uri(req, cred->uri))
		return bad(c, AUTH_MALFORMED, "digest uri differs from the Request-URI");
	c->nonce = cred->nonce;

	if (!cred->userhash && unescape_name(cred->username, &c->id) == 0 && a->users)
		user = users_find(a->users, auth_name(&c->id), realm);
	if (user) {
		ha1 = user_ha1(user, c->id.algorithm);
		c->id.offer = (user->has_md5 ? 1u << DIGEST_MD5 : 0) |
			      (user->has_sha256 ? 1u << DIGEST_SHA256 : 0);
	}
	err = digest_verify(c->id.algorithm, ha1 ? ha1 : nobody, req->method_name, cred);
	if (err == -ENOMEM)
		return AUTH_ERROR;
	if (!user)
		return bad(c, AUTH_BAD, "no such user");
	if (!ha1)
		return bad(c, AUTH_BAD, "no hash of this algorithm stored for the user");
	if (err)
		return bad(c, AUTH_BAD, "wrong password");
	return AUTH_OK;
}

/* The more telling of two results, when neither is AUTH_OK. */
static bool outranks(enum auth_result a, enum auth_result b)
{
	static const int rank[] = {
		[AUTH_MISSING] = 0, [AUTH_MALFORMED] = 1, [AUTH_BAD] = 2,
		[AUTH_STALE] = 3,   [AUTH_ERROR] = 4,     [AUTH_OK] = 5,
	};

	return rank[a] > rank[b];
}

enum auth_result auth_check(struct auth *a, const struct sip_msg *req, struct slice realm,
			    enum auth_kind kind, struct auth_identity *ret)
{
	enum sip_header id = kind == AUTH_REGISTRAR ? SIP_H_AUTHORIZATION
						    : SIP_H_PROXY_AUTHORIZATION;
	enum auth_result best = AUTH_MISSING;
	struct candidate chosen = { 0 };
	unsigned looked_at = 0;

	for (const struct sip_field *f = sip_msg_field(req, id); f && looked_at < CREDENTIALS_MAX;
	     f = sip_msg_next(req, f)) {
		struct candidate c = { .id.field = (uint16_t)(f - req->fields) };
		enum auth_result result;
		struct sip_cred cred;
		const char *why;

		if (sip_cred_parse(f->value, &cred, &why) < 0) {
			result = bad(&c, AUTH_MALFORMED, why);
		} else {
			/* RFC 3261 22.1: other schemes and realms are not for us. */
			if (!slice_ieq(cred.scheme, SLICE("Digest")) ||
			    !slice_eq(cred.realm, realm))
				continue;
			looked_at++;
			result = check_cred(a, req, realm, &cred, &c);
		}
		if (outranks(result, best) ||
		    (result == AUTH_OK && c.id.algorithm > chosen.id.algorithm)) {
			best = result;
			chosen = c;
		}
	}
	/* Both algorithms' challenges carry one nonce, so its count is taken once, here. */
	if (best == AUTH_OK &&
	    nonce_use(a->nonces, realm, chosen.nonce, chosen.count) == NONCE_STALE)
		best = AUTH_STALE;
	*ret = chosen.id;
	ret->realm = realm;
	return best;
}

/* A client that gives up when the first challenge is for an algorithm it does not know, instead of
 * answering the next as RFC 8760 2.4 says: baresip before 3.11. */
static bool client_knows_md5_only(const struct sip_msg *req)
{
	struct slice rest = sip_msg_value(req, SIP_H_USER_AGENT), major, minor;
	uint32_t n, m;

	if (!slice_istarts(rest, SLICE("baresip v")))
		return false;
	rest = slice_skip(rest, SLICE("baresip v").n);
	return slice_split(&rest, '.', &major) && slice_split(&rest, '.', &minor) &&
	       slice_u32(major, &n) == 0 && slice_u32(minor, &m) == 0 &&
	       (n < 3 || (n == 3 && m < 11));
}

static int challenge(struct auth *a, struct slice realm, enum auth_kind kind, bool stale,
		     unsigned offer, struct arena *arena,
		     struct slice ret_fields[AUTH_CHALLENGES_MAX], size_t *ret_n)
{
	static const enum digest_algorithm order[] = { DIGEST_SHA256, DIGEST_MD5 };
	struct slice fields[AUTH_CHALLENGES_MAX];
	char nonce[NONCE_LEN + 1];
	size_t n = 0;
	int err = nonce_make(a->nonces, realm, nonce);

	for (size_t i = 0; !err && i < ARRAY_LEN(order); i++) {
		enum digest_algorithm alg = order[i];

		if (!offered(a, alg) || (offer && !(offer & 1u << alg)))
			continue;
		err = arena_printf(arena, &fields[n],
				   "%s: Digest realm=\"%.*s\", nonce=\"%s\", "
				   "algorithm=%.*s, qop=\"auth\"%s",
				   kind == AUTH_REGISTRAR ? "WWW-Authenticate"
							  : "Proxy-Authenticate",
				   SLICE_FMT(realm), nonce, SLICE_FMT(digest_name(alg)),
				   stale ? ", stale=true" : "");
		n++;
	}
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		ret_fields[i] = fields[i];
	*ret_n = n;
	return 0;
}

int auth_challenge(struct auth *a, struct slice realm, enum auth_kind kind, bool stale,
		   struct arena *arena, struct slice ret_fields[AUTH_CHALLENGES_MAX], size_t *ret_n)
{
	return challenge(a, realm, kind, stale, 0, arena, ret_fields, ret_n);
}

int auth_challenge_after(struct auth *a, const struct sip_msg *req, enum auth_result why,
			 const struct auth_identity *id, enum auth_kind kind, struct arena *arena,
			 struct slice ret_fields[AUTH_CHALLENGES_MAX], size_t *ret_n)
{
	unsigned usable = (a->config.md5 ? 1u << DIGEST_MD5 : 0) |
			  (a->config.sha256 ? 1u << DIGEST_SHA256 : 0);
	/* Somebody with no hash at all, or none that is offered, is asked like a stranger. */
	unsigned offer = why == AUTH_BAD ? id->offer & usable : 0;

	if (!offer && usable & 1u << DIGEST_MD5 && client_knows_md5_only(req))
		offer = 1u << DIGEST_MD5;
	return challenge(a, id->realm, kind, why == AUTH_STALE, offer, arena, ret_fields, ret_n);
}
