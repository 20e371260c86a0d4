#include "harness.h"

#include <errno.h>

#include "auth/digest.h"
#include "base/buf.h"

/* RFC 2617 3.5, RFC 7616 3.9.1. */
static const struct {
	enum digest_algorithm alg;
	const char *user, *realm, *password, *method, *uri, *nonce, *cnonce, *response;
} vectors[] = {
	{ DIGEST_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "GET", "/dir/index.html",
	  "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b", "6629fae49393a05397450978507c4ef1" },
	{ DIGEST_MD5, "Mufasa", "http-auth@example.org", "Circle of Life", "GET", "/dir/index.html",
	  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
	  "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec" },
	{ DIGEST_SHA256, "Mufasa", "http-auth@example.org", "Circle of Life", "GET",
	  "/dir/index.html", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
	  "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
	  "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
};

static struct sip_cred cred_of(size_t i)
{
	return (struct sip_cred){
		.uri = slice_str(vectors[i].uri),
		.nonce = slice_str(vectors[i].nonce),
		.cnonce = slice_str(vectors[i].cnonce),
		.nc = SLICE("00000001"),
		.qop = SLICE("auth"),
		.response = slice_str(vectors[i].response),
	};
}

static int ha1_of(size_t i, uint8_t ha1[DIGEST_MAX])
{
	return digest_ha1(vectors[i].alg, slice_str(vectors[i].user), slice_str(vectors[i].realm),
			  slice_str(vectors[i].password), ha1);
}

static void the_examples_of_rfc_2617_and_7616_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct sip_cred c = cred_of(i);
		char out[2 * DIGEST_MAX];
		uint8_t ha1[DIGEST_MAX];

		assert_int_equal(ha1_of(i, ha1), 0);
		assert_int_equal(
			digest_response(vectors[i].alg, ha1, slice_str(vectors[i].method), &c, out),
			0);
		assert_memory_equal(out, vectors[i].response, 2 * digest_len(vectors[i].alg));
		assert_int_equal(
			digest_verify(vectors[i].alg, ha1, slice_str(vectors[i].method), &c), 0);
	}
}

static void any_changed_value_makes_the_response_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t ha1[DIGEST_MAX];

		assert_int_equal(ha1_of(i, ha1), 0);
		for (int what = 0; what < 7; what++) {
			struct sip_cred c = cred_of(i);
			struct slice method = slice_str(vectors[i].method);
			uint8_t other[DIGEST_MAX];

			memcpy(other, ha1, sizeof(other));
			if (what == 0)
				c.uri = SLICE("/dir/index.htm");
			else if (what == 1)
				c.nonce = SLICE("x");
			else if (what == 2)
				c.cnonce = SLICE("x");
			else if (what == 3)
				c.nc = SLICE("00000002");
			else if (what == 4)
				c.response.n--;
			else if (what == 5)
				method = SLICE("PUT");
			else
				other[0] ^= 1;
			assert_int_equal(digest_verify(vectors[i].alg, other, method, &c),
					 -EKEYREJECTED);
		}
	}
}

static void only_md5_and_sha_256_are_known_in_any_case(void **state)
{
	static const struct {
		const char *in;
		int rc;
		enum digest_algorithm alg;
	} rows[] = {
		{ "", 0, DIGEST_MD5 },
		{ "MD5", 0, DIGEST_MD5 },
		{ "md5", 0, DIGEST_MD5 },
		{ "SHA-256", 0, DIGEST_SHA256 },
		{ "sha-256", 0, DIGEST_SHA256 },
		{ "MD5-sess", -EINVAL, DIGEST_MD5 },
		{ "SHA-256-sess", -EINVAL, DIGEST_MD5 },
		{ "SHA-512-256", -EINVAL, DIGEST_MD5 },
		{ "SHA256", -EINVAL, DIGEST_MD5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum digest_algorithm alg = DIGEST_ALGORITHMS;

		assert_int_equal(digest_parse(slice_str(rows[i].in), &alg), rows[i].rc);
		if (rows[i].rc == 0)
			assert_int_equal(alg, rows[i].alg);
		else
			assert_int_equal(alg, DIGEST_ALGORITHMS);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_examples_of_rfc_2617_and_7616_verify),
		HARNESS_TEST(any_changed_value_makes_the_response_wrong),
		HARNESS_TEST(only_md5_and_sha_256_are_known_in_any_case),
	};

	return harness_run("digest", tests, ARRAY_LEN(tests));
}
