/*
 * A value is taken for credentials, a challenge and a date: accepted or refused with a reason, with
 * all parts inside the input. A date that is accepted is written as one that means the same.
 */
#include "fuzz.h"
#include "sip/cred.h"
#include "sip/date.h"

static void check_inside(struct slice s, struct slice in)
{
	FUZZ_ASSERT(!s.n || (s.p >= in.p && s.n <= (size_t)(in.p + in.n - s.p)));
}

static void check_cred(struct slice in)
{
	const char *reason = NULL;
	struct sip_cred c;

	if (sip_cred_parse(in, &c, &reason) < 0) {
		FUZZ_ASSERT(reason);
		return;
	}
	FUZZ_ASSERT(sip_is_token(c.scheme));
	check_inside(c.auth_param, in);
	if (!slice_ieq(c.scheme, SLICE("Digest"))) {
		FUZZ_ASSERT(!c.username.p && !c.userhash);
		return;
	}
	FUZZ_ASSERT(c.username.p && c.realm.p && c.nonce.p && c.uri.p && c.response.p);
	check_inside(c.username, c.auth_param);
	check_inside(c.realm, c.auth_param);
	check_inside(c.nonce, c.auth_param);
	check_inside(c.uri, c.auth_param);
	check_inside(c.response, c.auth_param);
	check_inside(c.algorithm, c.auth_param);
	check_inside(c.cnonce, c.auth_param);
	check_inside(c.opaque, c.auth_param);
	check_inside(c.qop, c.auth_param);
	check_inside(c.nc, c.auth_param);
}

static void check_challenge(struct slice in)
{
	const char *reason = NULL;
	struct sip_challenge c;

	if (sip_challenge_parse(in, &c, &reason) < 0) {
		FUZZ_ASSERT(reason);
		return;
	}
	FUZZ_ASSERT(!slice_ieq(c.scheme, SLICE("Digest")) || (c.realm.p && c.nonce.p));
	check_inside(c.realm, in);
	check_inside(c.domain, in);
	check_inside(c.nonce, in);
	check_inside(c.opaque, in);
	check_inside(c.stale, in);
	check_inside(c.algorithm, in);
	check_inside(c.qop, in);
}

static void check_date(struct slice in)
{
	char text[SIP_DATE_LEN + 1];
	int64_t t, again;

	if (sip_date_parse(in, &t) < 0)
		return;
	sip_date_format(t, text);
	/* The leap second at the end of all years is the one that cannot be written. */
	if (t < INT64_C(253402300800))
		FUZZ_ASSERT(sip_date_parse(slice_str(text), &again) == 0 && again == t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	check_cred(in);
	check_challenge(in);
	check_date(in);
	return 0;
}
