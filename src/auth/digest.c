/*
 * Digest arithmetic. RFC 7616 3.4.1-3.4.3 with qop=auth; the -sess variants and auth-int are not
 * offered: the first saves nothing for a server that keeps HA1 anyway, the second cannot survive
 * a proxy that changes a body, as scripts here may.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "auth/digest.h"
#include "base/cleanup.h"

static const struct {
	struct slice name;
	const char *openssl;
	size_t len;
} algorithms[DIGEST_ALGORITHMS] = {
	[DIGEST_MD5] = { SLICE_INIT("MD5"), "MD5", 16 },
	[DIGEST_SHA256] = { SLICE_INIT("SHA-256"), "SHA256", 32 },
};

/* Looked up once: OpenSSL 3 takes longer to find a digest by name than to compute it. */
static EVP_MD *fetched[DIGEST_ALGORITHMS];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	for (size_t i = 0; i < DIGEST_ALGORITHMS; i++)
		fetched[i] = EVP_MD_fetch(NULL, algorithms[i].openssl, NULL);
}

size_t digest_len(enum digest_algorithm a)
{
	return algorithms[a].len;
}

struct slice digest_name(enum digest_algorithm a)
{
	return algorithms[a].name;
}

int digest_parse(struct slice name, enum digest_algorithm *ret)
{
	if (name.n == 0) {
		*ret = DIGEST_MD5;
		return 0;
	}
	for (size_t i = 0; i < DIGEST_ALGORITHMS; i++) {
		if (slice_ieq(name, algorithms[i].name)) {
			*ret = (enum digest_algorithm)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void free_ctx(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}
#define AUTO_CTX AUTO(free_ctx) EVP_MD_CTX

/* NULL when out of memory, or when the library was built or configured without the algorithm. */
static EVP_MD_CTX *new_ctx(enum digest_algorithm a)
{
	pthread_once(&fetch_once, fetch);
	return fetched[a] ? EVP_MD_CTX_new() : NULL;
}

static int hash(EVP_MD_CTX *ctx, enum digest_algorithm a, const struct slice *parts, size_t n,
		uint8_t out[DIGEST_MAX])
{
	int ok = EVP_DigestInit_ex2(ctx, fetched[a], NULL);

	for (size_t i = 0; ok && i < n; i++) {
		if (i)
			ok = EVP_DigestUpdate(ctx, ":", 1);
		if (ok && parts[i].n)
			ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].n);
	}
	if (ok)
		ok = EVP_DigestFinal_ex(ctx, out, NULL);
	return ok ? 0 : -ENOMEM;
}

int digest_hash(enum digest_algorithm a, const struct slice *parts, size_t n,
		uint8_t out[DIGEST_MAX])
{
	AUTO_CTX *ctx = new_ctx(a);

	return ctx ? hash(ctx, a, parts, n, out) : -ENOMEM;
}

int digest_ha1(enum digest_algorithm a, struct slice name, struct slice realm,
	       struct slice password, uint8_t out[DIGEST_MAX])
{
	const struct slice parts[] = { name, realm, password };

	return digest_hash(a, parts, ARRAY_LEN(parts), out);
}

/* RFC 7616 3.1.2: lower case. */
static struct slice hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	return slice_of(out, 2 * n);
}

int digest_response(enum digest_algorithm a, const uint8_t *ha1, struct slice method,
		    const struct sip_cred *cred, char out[2 * DIGEST_MAX])
{
	AUTO_CTX *ctx = new_ctx(a);
	size_t len = algorithms[a].len;
	char ha1_hex[2 * DIGEST_MAX], ha2_hex[2 * DIGEST_MAX];
	uint8_t raw[DIGEST_MAX];
	const struct slice a2[] = { method, cred->uri };
	struct slice all[6];
	int err;

	if (!ctx)
		return -ENOMEM;
	err = hash(ctx, a, a2, ARRAY_LEN(a2), raw);
	if (err)
		return err;
	all[0] = hex(ha1, len, ha1_hex);
	all[1] = cred->nonce;
	all[2] = cred->nc;
	all[3] = cred->cnonce;
	all[4] = cred->qop;
	all[5] = hex(raw, len, ha2_hex);
	err = hash(ctx, a, all, ARRAY_LEN(all), raw);
	OPENSSL_cleanse(ha1_hex, sizeof(ha1_hex));
	if (err)
		return err;
	hex(raw, len, out);
	return 0;
}

int digest_verify(enum digest_algorithm a, const uint8_t *ha1, struct slice method,
		  const struct sip_cred *cred)
{
	char want[2 * DIGEST_MAX];
	int err = digest_response(a, ha1, method, cred, want);

	if (err)
		return err;
	if (cred->response.n != 2 * algorithms[a].len ||
	    CRYPTO_memcmp(cred->response.p, want, cred->response.n) != 0)
		return -EKEYREJECTED;
	return 0;
}
