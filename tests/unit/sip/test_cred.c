/* Digest challenges and credentials: RFC 3261 22, RFC 7616, RFC 8760. */
#include "harness.h"

#include <errno.h>

#include "sip/cred.h"

static void assert_slice(struct slice s, const char *want)
{
	if (!want) {
		assert_null(s.p);
		return;
	}
	if (!slice_eq(s, slice_str(want)))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(s), want);
}

static void credentials_are_split_into_their_values(void **state)
{
	static const struct {
		const char *in;
		const char *username, *realm, *nonce, *uri, *response;
		const char *algorithm, *cnonce, *opaque, *qop, *nc;
		bool userhash;
	} rows[] = {
		/* RFC 3261 22.4 */
		{ "Digest username=\"bob\",\r\n realm=\"biloxi.com\",\r\n"
		  " nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",\r\n "
		  "uri=\"sip:bob@biloxi.com\",\r\n"
		  " qop=auth,\r\n nc=00000001,\r\n cnonce=\"0a4f113b\",\r\n"
		  " response=\"6629fae49393a05397450978507c4ef1\",\r\n"
		  " opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
		  "bob", "biloxi.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "sip:bob@biloxi.com",
		  "6629fae49393a05397450978507c4ef1", NULL, "0a4f113b",
		  "5ccc069c403ebaf9f0171e9517f40e41", "auth", "00000001", false },
		{ "digest USERNAME=\"a\", Realm=\"b\",nonce=\"c\" , uri=\"d\", response=\"e\","
		  "algorithm=SHA-256, userhash=TRUE",
		  "a", "b", "c", "d", "e", "SHA-256", NULL, NULL, NULL, NULL, true },
		/* Quotes where they do not belong, none where they do. */
		{ "Digest username=a,realm=b,nonce=c==,uri=sip:x@y;z=1?u=v,response=e,"
		  "algorithm=\"MD5\",qop=\"auth\",nc=\"00000001\",userhash=\"false\"",
		  "a", "b", "c==", "sip:x@y;z=1?u=v", "e", "MD5", NULL, NULL, "auth", "00000001",
		  false },
		/* Escapes stay, commas in quotes do not separate, empty is not missing. */
		{ "Digest username=\"a\\\"b, c\",realm=\"\",nonce=\"\",uri=\"\",response=\"\","
		  "opaque=\"\"",
		  "a\\\"b, c", "", "", "", "", NULL, NULL, "", NULL, NULL, false },
		{ "Digest ,username=\"a\",,realm=\"b\", ,nonce=\"c\",uri=\"d\",response=\"e\",",
		  "a", "b", "c", "d", "e", NULL, NULL, NULL, NULL, NULL, false },
		{ "Digest username = \"a\", realm =\"b\", nonce= \"c\", uri=\"d\", response=\"e\", "
		  "other=\"x\", other=y",
		  "a", "b", "c", "d", "e", NULL, NULL, NULL, NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		const char *reason = "";
		struct sip_cred c;

		if (sip_cred_parse(in, &c, &reason) < 0)
			fail_msg("%s: %s", rows[i].in, reason);
		assert_true(slice_ieq(c.scheme, SLICE("Digest")));
		assert_slice(c.auth_param, rows[i].in + 7);
		assert_slice(c.username, rows[i].username);
		assert_slice(c.realm, rows[i].realm);
		assert_slice(c.nonce, rows[i].nonce);
		assert_slice(c.uri, rows[i].uri);
		assert_slice(c.response, rows[i].response);
		assert_slice(c.algorithm, rows[i].algorithm);
		assert_slice(c.cnonce, rows[i].cnonce);
		assert_slice(c.opaque, rows[i].opaque);
		assert_slice(c.qop, rows[i].qop);
		assert_slice(c.nc, rows[i].nc);
		assert_int_equal(c.userhash, rows[i].userhash);
		exact_free(in);
	}
}

static void another_scheme_is_left_alone(void **state)
{
	struct slice in = exact(" NoOneKnowsThisScheme  opaque-data=here ");
	struct slice basic = exact("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	struct sip_challenge ch;
	struct sip_cred c;

	(void)state;
	assert_int_equal(sip_cred_parse(in, &c, NULL), 0);
	assert_slice(c.scheme, "NoOneKnowsThisScheme");
	assert_slice(c.auth_param, "opaque-data=here");
	assert_slice(c.username, NULL);
	assert_int_equal(sip_cred_parse(basic, &c, NULL), 0);
	assert_slice(c.scheme, "Basic");
	assert_int_equal(sip_challenge_parse(in, &ch, NULL), 0);
	assert_slice(ch.scheme, "NoOneKnowsThisScheme");
	assert_slice(ch.realm, NULL);
	exact_free(in);
	exact_free(basic);
}

static void malformed_credentials_are_refused_with_a_reason(void **state)
{
	static const char *const rows[] = {
		"",
		"Digest",
		"Digest ",
		"=",
		"Digest=x y",
		"Digest username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\"",
		"Digest realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\"",
		"Digest username=\"a\",nonce=\"c\",uri=\"d\",response=\"e\"",
		"Digest username=\"a\",realm=\"b\",uri=\"d\",response=\"e\"",
		"Digest username=\"a\",realm=\"b\",nonce=\"c\",response=\"e\"",
		"Digest "
		"username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\",username=\"f\"",
		"Digest "
		"username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\",Response=\"f\"",
		"Digest "
		"username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\",qop=a,qop=b",
		"Digest username=\"a\" realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\"",
		"Digest username=\"a,realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\"",
		"Digest username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response=",
		"Digest username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response",
		"Digest username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\"x",
		"Digest username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response=e\"f\"",
		"Digest username=\"a\",realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\";x=y",
		"Digest username*=UTF-8''J,realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\"",
		"Digest username=\xc3\xa9,realm=\"b\",nonce=\"c\",uri=\"d\",response=\"e\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i]);
		const char *reason = NULL;
		struct sip_cred c = { .userhash = true };

		if (sip_cred_parse(in, &c, &reason) != -EBADMSG)
			fail_msg("accepted: %s", rows[i]);
		assert_non_null(reason);
		assert_true(c.userhash); /* untouched */
		exact_free(in);
	}
}

static void a_challenge_is_split_into_its_values(void **state)
{
	struct slice in = exact("Digest realm=\"atlanta.com\",\r\n domain=\"sip:boxesbybob.com\", "
				"qop=\"auth,auth-int\", nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", "
				"opaque=\"\", stale=FALSE, algorithm=MD5");
	struct sip_challenge c;

	(void)state;
	assert_int_equal(sip_challenge_parse(in, &c, NULL), 0);
	assert_slice(c.scheme, "Digest");
	assert_slice(c.realm, "atlanta.com");
	assert_slice(c.domain, "sip:boxesbybob.com");
	assert_slice(c.qop, "auth,auth-int");
	assert_slice(c.nonce, "f84f1cec41e6cbe5aea9c8e88d359");
	assert_slice(c.opaque, "");
	assert_slice(c.stale, "FALSE");
	assert_slice(c.algorithm, "MD5");
	exact_free(in);

	assert_int_equal(sip_challenge_parse(SLICE("Digest realm=\"a\""), &c, NULL), -EBADMSG);
	assert_int_equal(sip_challenge_parse(SLICE("Digest nonce=\"a\""), &c, NULL), -EBADMSG);
	assert_int_equal(
		sip_challenge_parse(SLICE("Digest realm=\"a\",nonce=\"b\",nonce=\"c\""), &c, NULL),
		-EBADMSG);
	assert_int_equal(sip_challenge_parse(SLICE("Digest"), &c, NULL), -EBADMSG);
}

static void every_prefix_and_every_changed_byte_ends_in_an_answer(void **state)
{
	static const char good[] = "Digest username=\"a\\\"\",realm=b , nonce=\"c\",\r\n uri=\"d\","
				   "nc=0,x=y,userhash=true,response=\"e\"";
	size_t len = strlen(good);
	struct sip_challenge ch;
	struct sip_cred c;

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		struct slice in = exact_bytes(good, n);

		assert_int_equal(sip_cred_parse(in, &c, NULL), n == len ? 0 : -EBADMSG);
		(void)sip_challenge_parse(in, &ch, NULL);
		exact_free(in);
	}
	for (size_t n = 0; n < len * 256; n++) {
		char copy[sizeof(good)];
		struct slice in;

		memcpy(copy, good, sizeof(copy));
		copy[n / 256] = (char)(n % 256);
		in = exact_bytes(copy, len);
		(void)sip_cred_parse(in, &c, NULL);
		(void)sip_challenge_parse(in, &ch, NULL);
		exact_free(in);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(credentials_are_split_into_their_values),
		HARNESS_TEST(another_scheme_is_left_alone),
		HARNESS_TEST(malformed_credentials_are_refused_with_a_reason),
		HARNESS_TEST(a_challenge_is_split_into_its_values),
		HARNESS_TEST(every_prefix_and_every_changed_byte_ends_in_an_answer),
	};

	return harness_run("cred", tests, ARRAY_LEN(tests));
}
