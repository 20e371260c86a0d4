/*
 * Digest challenges and credentials: RFC 3261 25.1, RFC 7616 3.3 and 3.4. Nothing is verified.
 *
 * Quotes are taken where they are missing and left out where they do not belong, for every value:
 * telephones quote qop, nc and algorithm, or send a bare uri. username* (RFC 7616 3.4) is not
 * understood: such credentials have no username.
 */
#include "sip/cred.h"

#include <errno.h>

#include "base/cleanup.h"

struct field {
	struct slice name;
	size_t offset; /* of its struct slice */
	bool required;
};

static int bad(const char *reason, const char **reterr_reason)
{
	if (reterr_reason)
		*reterr_reason = reason;
	return -EBADMSG;
}

/* EQUAL ( token / quoted-string ): what is inside the quotes, or up to a comma or white space. */
static bool take_value(struct slice *rest, struct slice *ret)
{
	size_t n = 0;

	if (!sip_take_char(rest, '='))
		return false;
	if (rest->n > 0 && rest->p[0] == '"')
		return sip_take_quoted(rest, ret);
	for (; n < rest->n; n++) {
		unsigned char c = (unsigned char)rest->p[n];

		if (c <= ' ' || c >= 0x7f || c == ',' || c == '"')
			break;
	}
	*ret = slice_head(*rest, n);
	*rest = slice_skip(*rest, n);
	return n > 0;
}

static bool take_scheme(struct slice s, struct slice *ret_scheme, struct slice *ret_params)
{
	struct slice rest = slice_trim(s);
	size_t before;

	if (!sip_take_token(&rest, ret_scheme))
		return false;
	before = rest.n;
	sip_skip_lws(&rest);
	*ret_params = rest;
	return rest.n > 0 && rest.n < before;
}

/* Puts each value into the member of @ret that has its name. */
static int parse_params(struct slice rest, const struct field *fields, size_t n, void *ret,
			const char **reterr_reason)
{
	while (rest.n > 0) {
		struct slice name, value;

		if (sip_take_char(&rest, ','))
			continue;
		if (!sip_take_token(&rest, &name) || !take_value(&rest, &value))
			return bad("bad Digest parameter", reterr_reason);
		sip_skip_lws(&rest);
		if (rest.n > 0 && rest.p[0] != ',')
			return bad("no comma between Digest parameters", reterr_reason);
		for (size_t i = 0; i < n; i++) {
			struct slice *member = (struct slice *)((char *)ret + fields[i].offset);

			if (!slice_ieq(name, fields[i].name))
				continue;
			if (member->p)
				return bad("Digest parameter given twice", reterr_reason);
			*member = value;
		}
	}
	for (size_t i = 0; i < n; i++) {
		const struct slice *member = (struct slice *)((char *)ret + fields[i].offset);

		if (fields[i].required && !member->p)
			return bad("Digest parameter missing", reterr_reason);
	}
	return 0;
}

int sip_cred_parse(struct slice s, struct sip_cred *ret, const char **reterr_reason)
{
	/* userhash is a flag: read as text first. */
	struct read {
		struct sip_cred c;
		struct slice userhash;
	} r = { 0 };
	static const struct field fields[] = {
		{ SLICE_INIT("username"), offsetof(struct read, c.username), true },
		{ SLICE_INIT("realm"), offsetof(struct read, c.realm), true },
		{ SLICE_INIT("nonce"), offsetof(struct read, c.nonce), true },
		{ SLICE_INIT("uri"), offsetof(struct read, c.uri), true },
		{ SLICE_INIT("response"), offsetof(struct read, c.response), true },
		{ SLICE_INIT("algorithm"), offsetof(struct read, c.algorithm), false },
		{ SLICE_INIT("cnonce"), offsetof(struct read, c.cnonce), false },
		{ SLICE_INIT("opaque"), offsetof(struct read, c.opaque), false },
		{ SLICE_INIT("qop"), offsetof(struct read, c.qop), false },
		{ SLICE_INIT("nc"), offsetof(struct read, c.nc), false },
		{ SLICE_INIT("userhash"), offsetof(struct read, userhash), false },
	};
	int rc;

	if (!take_scheme(s, &r.c.scheme, &r.c.auth_param))
		return bad("bad authentication scheme", reterr_reason);
	if (slice_ieq(r.c.scheme, SLICE("Digest"))) {
		rc = parse_params(r.c.auth_param, fields, ARRAY_LEN(fields), &r, reterr_reason);
		if (rc < 0)
			return rc;
		r.c.userhash = slice_ieq(r.userhash, SLICE("true"));
	}
	*ret = r.c;
	return 0;
}

int sip_challenge_parse(struct slice s, struct sip_challenge *ret, const char **reterr_reason)
{
	static const struct field fields[] = {
		{ SLICE_INIT("realm"), offsetof(struct sip_challenge, realm), true },
		{ SLICE_INIT("domain"), offsetof(struct sip_challenge, domain), false },
		{ SLICE_INIT("nonce"), offsetof(struct sip_challenge, nonce), true },
		{ SLICE_INIT("opaque"), offsetof(struct sip_challenge, opaque), false },
		{ SLICE_INIT("stale"), offsetof(struct sip_challenge, stale), false },
		{ SLICE_INIT("algorithm"), offsetof(struct sip_challenge, algorithm), false },
		{ SLICE_INIT("qop"), offsetof(struct sip_challenge, qop), false },
	};
	struct sip_challenge c = { 0 };
	struct slice params;
	int rc;

	if (!take_scheme(s, &c.scheme, &params))
		return bad("bad authentication scheme", reterr_reason);
	if (slice_ieq(c.scheme, SLICE("Digest"))) {
		rc = parse_params(params, fields, ARRAY_LEN(fields), &c, reterr_reason);
		if (rc < 0)
			return rc;
	}
	*ret = c;
	return 0;
}
