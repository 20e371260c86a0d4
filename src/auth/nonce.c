/*
 * Nonces: 6 bytes of time (ms on the monotonic clock, which nobody can set back, from a random
 * start, so that it does not tell how long the machine is up), 8 bytes of a count with a random
 * start, 16 bytes of HMAC-SHA256 over both and the realm, in base64. The key is made at start and
 * never leaves the process; so a nonce of a former process does not verify and costs its user one
 * more round trip.
 *
 * RFC 7616 3.4.6 wants nonce counts to go up. Messages overtake each other over UDP, so a window
 * of 64 counts below the highest seen is open, each count once.
 *
 * The memory of used nonces is bounded. When it is full the one first used is forgotten, and so
 * that nobody can replay it, all nonces as old as it or older that are not remembered are stale.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "auth/nonce.h"
#include "base/map.h"

#define TIME_LEN 6
#define COUNT_LEN 8
#define MAC_LEN 16
#define RAW_LEN (TIME_LEN + COUNT_LEN + MAC_LEN)
#define KEY_LEN 32
#define WINDOW 64

_Static_assert(RAW_LEN % 3 == 0 && RAW_LEN / 3 * 4 == NONCE_LEN, "base64 without padding");

struct used {
	struct map_node node;
	struct list link; /* in the order of first use */
	uint64_t made;
	uint64_t serial;
	uint64_t window; /* bit i: highest - i was used */
	uint32_t highest;
};

struct nonces {
	struct runtime *rt;
	EVP_MAC_CTX *mac; /* keyed */
	uint64_t serial;
	uint64_t epoch;   /* ms, added to the clock */
	uint64_t max_age; /* ms */
	size_t max;
	struct map map;   /* struct used */
	struct list used; /* oldest first */
	uint64_t floor;   /* made then or before, and not remembered: stale; 0: none */
};

static int make_mac(struct nonces *n)
{
	uint8_t key[KEY_LEN];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	int ok;

	if (!mac)
		return -ENOMEM;
	n->mac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (!n->mac)
		return -ENOMEM;
	n->rt->ops->random(n->rt, key, sizeof(key));
	ok = EVP_MAC_init(n->mac, key, sizeof(key), params);
	OPENSSL_cleanse(key, sizeof(key));
	return ok ? 0 : -ENOMEM;
}

int nonces_new(struct runtime *rt, uint32_t max_age_s, size_t max, struct nonces **ret)
{
	struct nonces *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return -ENOMEM;
	n->rt = rt;
	n->serial = rt_random64(rt);
	n->epoch = rt_random64(rt) >> (64 - 8 * TIME_LEN + 1); /* half of the range is left */
	map_init(&n->map);
	list_init(&n->used);
	nonces_configure(n, max_age_s, max);
	err = make_mac(n);
	if (err) {
		nonces_free(n);
		return err;
	}
	*ret = n;
	return 0;
}

static void forget(struct nonces *n, struct used *u)
{
	map_del(&n->map, &u->node);
	list_del(&u->link);
	free(u);
}

void nonces_free(struct nonces *n)
{
	if (!n)
		return;
	LIST_EACH_SAFE (&n->used, it)
		forget(n, LIST_ENTRY(it, struct used, link));
	map_fini(&n->map);
	EVP_MAC_CTX_free(n->mac);
	free(n);
}

size_t nonces_count(const struct nonces *n)
{
	return n->map.count;
}

static void forget_first(struct nonces *n)
{
	struct used *u = LIST_ENTRY(n->used.next, struct used, link);

	if (u->made > n->floor)
		n->floor = u->made;
	forget(n, u);
}

void nonces_configure(struct nonces *n, uint32_t max_age_s, size_t max)
{
	n->max_age = (uint64_t)max_age_s * 1000;
	n->max = max ? max : 1;
	while (n->map.count > n->max)
		forget_first(n);
}

static void put(uint8_t *p, uint64_t v, size_t n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static uint64_t get(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t clock_of(const struct nonces *n)
{
	return n->rt->now + n->epoch;
}

static int sign(struct nonces *n, const uint8_t *raw, struct slice realm, uint8_t out[MAC_LEN])
{
	uint8_t full[EVP_MAX_MD_SIZE];
	size_t len;

	if (!EVP_MAC_init(n->mac, NULL, 0, NULL) ||
	    !EVP_MAC_update(n->mac, raw, TIME_LEN + COUNT_LEN) ||
	    (realm.n && !EVP_MAC_update(n->mac, (const uint8_t *)realm.p, realm.n)) ||
	    !EVP_MAC_final(n->mac, full, &len, sizeof(full)) || len < MAC_LEN)
		return -ENOMEM;
	memcpy(out, full, MAC_LEN);
	return 0;
}

int nonce_make(struct nonces *n, struct slice realm, char out[NONCE_LEN + 1])
{
	uint8_t raw[RAW_LEN];
	int err;

	put(raw, clock_of(n), TIME_LEN);
	put(raw + TIME_LEN, n->serial++, COUNT_LEN);
	err = sign(n, raw, realm, raw + TIME_LEN + COUNT_LEN);
	if (err)
		return err;
	EVP_EncodeBlock((uint8_t *)out, raw, RAW_LEN);
	return 0;
}

static bool is_ours(struct nonces *n, struct slice realm, struct slice text, uint8_t raw[RAW_LEN])
{
	uint8_t mac[MAC_LEN];

	if (text.n != NONCE_LEN)
		return false;
	/* It trims, so that fewer bytes than asked for may come out. */
	if (EVP_DecodeBlock(raw, (const uint8_t *)text.p, NONCE_LEN) != RAW_LEN)
		return false;
	return sign(n, raw, realm, mac) == 0 &&
	       CRYPTO_memcmp(mac, raw + TIME_LEN + COUNT_LEN, MAC_LEN) == 0;
}

static struct used *find(const struct nonces *n, uint64_t made, uint64_t serial, uint64_t hash)
{
	for (struct map_node *it = map_first(&n->map, hash); it; it = map_next(it)) {
		struct used *u = CONTAINER_OF(it, struct used, node);

		if (u->serial == serial && u->made == made)
			return u;
	}
	return NULL;
}

static bool too_old(const struct nonces *n, uint64_t made)
{
	uint64_t now = clock_of(n);

	return made > now || now - made >= n->max_age;
}

/* Is the count new? Then it is not any more. */
static bool take_count(struct used *u, uint32_t count)
{
	uint64_t back, bit;

	if (count > u->highest) {
		back = count - u->highest;
		u->window = back < WINDOW ? u->window << back | 1 : 1;
		u->highest = count;
		return true;
	}
	back = u->highest - count;
	if (back >= WINDOW)
		return false;
	bit = UINT64_C(1) << back;
	if (u->window & bit)
		return false;
	u->window |= bit;
	return true;
}

enum nonce_result nonce_use(struct nonces *n, struct slice realm, struct slice nonce,
			    uint32_t count)
{
	uint8_t raw[RAW_LEN];
	uint64_t made, serial, hash;
	struct used *u;

	if (!is_ours(n, realm, nonce, raw))
		return NONCE_STALE;
	made = get(raw, TIME_LEN);
	serial = get(raw + TIME_LEN, COUNT_LEN);
	if (too_old(n, made))
		return NONCE_STALE;

	hash = slice_hash(slice_of((char *)raw, TIME_LEN + COUNT_LEN), n->rt->seed);
	u = find(n, made, serial, hash);
	if (u)
		return take_count(u, count) ? NONCE_OK : NONCE_STALE;
	if (n->floor && made <= n->floor)
		return NONCE_STALE;

	/* Make room: first what is too old to matter, then what is oldest. */
	while (!list_empty(&n->used) &&
	       too_old(n, LIST_ENTRY(n->used.next, struct used, link)->made))
		forget(n, LIST_ENTRY(n->used.next, struct used, link));
	if (n->map.count >= n->max)
		forget_first(n);
	if (n->floor && made <= n->floor)
		return NONCE_STALE;

	u = calloc(1, sizeof(*u));
	if (!u)
		return NONCE_STALE;
	u->made = made;
	u->serial = serial;
	u->highest = count;
	u->window = 1;
	if (map_add(&n->map, &u->node, hash) < 0) {
		free(u);
		return NONCE_STALE;
	}
	list_push_back(&n->used, &u->link);
	return NONCE_OK;
}
