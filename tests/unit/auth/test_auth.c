#include "harness.h"

#include "auth/auth.h"
#include "base/buf.h"
#include "sip/cred.h"

#define REALM SLICE("example.com")

static struct fake_runtime fake;
static struct auth *auth;
static struct users *users;
static struct arena arena;

static void add_user(const char *name, const char *password, bool md5, bool sha256)
{
	struct user u = { .name = slice_str(name), .domain = REALM };

	assert_int_equal(user_set_password(&u, slice_str(password)), 0);
	u.has_md5 = md5;
	u.has_sha256 = sha256;
	assert_int_equal(users_add(users, &u), 0);
}

static void set_up(const struct auth_config *config)
{
	fake_runtime_init(&fake);
	arena_init(&arena, 0);
	assert_int_equal(users_new(1, &users), 0);
	add_user("alice", "secret", true, true);
	add_user("we \"ird\\", "secret", true, true);
	add_user("j\xc3\xbcrg", "secret", true, true);
	add_user("old", "secret", true, false);
	assert_int_equal(auth_new(&fake.rt, config, &auth), 0);
	auth_set_users(auth, users);
}

static void tear_down(void)
{
	auth_free(auth);
	users_free(users);
	arena_fini(&arena);
	fake_runtime_fini(&fake);
}

/* The challenges for @realm, parsed. */
static size_t challenges(enum auth_kind kind, bool stale, struct sip_challenge c[2])
{
	struct slice fields[AUTH_CHALLENGES_MAX];
	const char *why;
	size_t n = 0;

	assert_int_equal(auth_challenge(auth, REALM, kind, stale, &arena, fields, &n), 0);
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t colon = slice_find(fields[i], ':');
		struct slice value = slice_trim(slice_skip(fields[i], (size_t)colon + 1));

		assert_true(slice_eq(slice_head(fields[i], (size_t)colon),
				     kind == AUTH_REGISTRAR ? SLICE("WWW-Authenticate")
							    : SLICE("Proxy-Authenticate")));
		assert_int_equal(sip_challenge_parse(value, &c[i], &why), 0);
	}
	return n;
}

/* What a client puts into its Authorization; members not set have good values. */
struct answer {
	const char *field;    /* "Authorization" */
	const char *username; /* as written between the quotes: "alice" */
	const char *name;     /* what is hashed: username */
	const char *password; /* "secret" */
	const char *algorithm;
	enum digest_algorithm alg;
	const char *uri, *realm, *qop, *nc, *extra;
	struct slice nonce;
};

static void put_answer(struct buf *out, const struct answer *a)
{
	const char *username = a->username ? a->username : "alice";
	const char *realm = a->realm ? a->realm : "example.com";
	const char *uri = a->uri ? a->uri : "sip:example.com";
	const char *qop = a->qop ? a->qop : "auth";
	const char *nc = a->nc ? a->nc : "00000001";
	struct sip_cred c = { .uri = slice_str(uri),
			      .nonce = a->nonce,
			      .cnonce = SLICE_INIT("0a4f113b"),
			      .nc = slice_str(nc),
			      .qop = slice_str(qop) };
	uint8_t ha1[DIGEST_MAX];
	char response[2 * DIGEST_MAX];

	assert_int_equal(digest_ha1(a->alg, slice_str(a->name ? a->name : username),
				    slice_str(realm),
				    slice_str(a->password ? a->password : "secret"), ha1),
			 0);
	assert_int_equal(digest_response(a->alg, ha1, SLICE("REGISTER"), &c, response), 0);
	buf_printf(out,
		   "%s: Digest username=\"%s\",realm=\"%s\",nonce=\"%.*s\",uri=\"%s\","
		   "response=\"%.*s\",algorithm=%s%s%s,cnonce=\"0a4f113b\",nc=%s%s\r\n",
		   a->field ? a->field : "Authorization", username, realm, SLICE_FMT(a->nonce), uri,
		   (int)(2 * digest_len(a->alg)), response,
		   a->algorithm           ? a->algorithm
		   : a->alg == DIGEST_MD5 ? "MD5"
					  : "SHA-256",
		   *qop ? ",qop=" : "", qop, nc, a->extra ? a->extra : "");
}

/* A REGISTER with these fields more; a reference for the caller. */
static struct sip_msg *message(struct slice fields)
{
	AUTO_BUF text = BUF_INIT;
	struct sip_msg *msg;
	struct packet *p;
	struct sip_error error;

	buf_str(&text, "REGISTER sip:example.com SIP/2.0\r\n"
		       "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
		       "From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\n"
		       "Call-ID: 1\r\nCSeq: 1 REGISTER\r\n");
	buf_slice(&text, fields);
	buf_str(&text, "Content-Length: 0\r\n\r\n");
	p = packet_from(buf_view(&text));
	assert_non_null(p);
	assert_int_equal(sip_msg_parse(p, &msg, &error), 0);
	packet_unref(p);
	assert_null(msg->fault.reason);
	return msg;
}

static enum auth_result check_text(struct slice fields, enum auth_kind kind,
				   struct auth_identity *id)
{
	AUTO_MSG *msg = message(fields);
	enum auth_result result = auth_check(auth, msg, REALM, kind, id);

	if (result == AUTH_OK) {
		assert_true(id->field < msg->n_fields);
		assert_true(slice_eq(id->realm, REALM));
	}
	return result;
}

static enum auth_result check(const struct answer *a, struct auth_identity *id)
{
	AUTO_BUF fields = BUF_INIT;

	put_answer(&fields, a);
	return check_text(buf_view(&fields), AUTH_REGISTRAR, id);
}

static struct slice new_nonce(void)
{
	struct sip_challenge c[2];

	assert_true(challenges(AUTH_REGISTRAR, false, c) > 0);
	return c[0].nonce;
}

static void a_challenge_offers_sha_256_and_then_md5(void **state)
{
	static const enum auth_kind kinds[] = { AUTH_REGISTRAR, AUTH_PROXY };
	struct sip_challenge c[2];

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		assert_int_equal(challenges(kinds[k], false, c), 2);
		assert_true(slice_eq(c[0].algorithm, SLICE("SHA-256")));
		assert_true(slice_eq(c[1].algorithm, SLICE("MD5")));
		for (size_t i = 0; i < 2; i++) {
			assert_true(slice_eq(c[i].realm, REALM));
			assert_true(slice_eq(c[i].qop, SLICE("auth")));
			assert_int_equal(c[i].stale.n, 0);
			assert_true(c[i].nonce.n > 0);
		}
	}
	assert_int_equal(challenges(AUTH_PROXY, true, c), 2);
	assert_true(slice_ieq(c[0].stale, SLICE("true")));
	tear_down();
}

static void good_credentials_name_the_user(void **state)
{
	static const struct {
		struct answer a;
		const char *name;
	} rows[] = {
		{ { .alg = DIGEST_SHA256 }, "alice" },
		{ { .alg = DIGEST_MD5 }, "alice" },
		{ { .alg = DIGEST_SHA256, .algorithm = "sha-256" }, "alice" },
		{ { .alg = DIGEST_MD5, .algorithm = "\"MD5\"" }, "alice" },
		{ { .alg = DIGEST_SHA256, .uri = "sip:EXAMPLE.com" }, "alice" },
		{ { .alg = DIGEST_SHA256, .username = "we \\\"ird\\\\", .name = "we \"ird\\" },
		  "we \"ird\\" },
		{ { .alg = DIGEST_SHA256, .username = "j\xc3\xbcrg" }, "j\xc3\xbcrg" },
		{ { .alg = DIGEST_MD5, .username = "old" }, "old" },
		{ { .alg = DIGEST_MD5, .extra = ",opaque=\"\",future=x" }, "alice" },
	};

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a = rows[i].a;
		struct auth_identity id;

		a.nonce = new_nonce();
		assert_int_equal(check(&a, &id), AUTH_OK);
		assert_true(slice_eq(auth_name(&id), slice_str(rows[i].name)));
		assert_int_equal(id.algorithm, a.alg);
	}
	tear_down();
}

static void bad_credentials_are_told_apart(void **state)
{
	static const struct {
		struct answer a;
		enum auth_result result;
		const char *reason;
	} rows[] = {
		{ { .password = "wrong" }, AUTH_BAD, "wrong password" },
		{ { .username = "mallory" }, AUTH_BAD, "no such user" },
		{ { .username = "Alice" }, AUTH_BAD, "no such user" },
		{ { .username = "" }, AUTH_BAD, "no such user" },
		{ { .realm = "example.org" }, AUTH_MISSING, NULL },
		{ { .field = "Proxy-Authorization" }, AUTH_MISSING, NULL },
		{ { .qop = "" }, AUTH_BAD, "qop is not auth" },
		{ { .qop = "auth-int" }, AUTH_BAD, "qop is not auth" },
		{ { .algorithm = "MD5-sess" }, AUTH_BAD, "algorithm not offered" },
		{ { .algorithm = "SHA-512-256" }, AUTH_BAD, "algorithm not offered" },
		{ { .username = "old", .alg = DIGEST_SHA256 },
		  AUTH_BAD,
		  "no hash of this algorithm stored for the user" },
		{ { .extra = ",userhash=true" }, AUTH_BAD, "no such user" },
		{ { .nc = "1" }, AUTH_MALFORMED, "malformed nonce count in credentials" },
		{ { .nc = "0000000g" }, AUTH_MALFORMED, "malformed nonce count in credentials" },
		{ { .uri = "sip:other.example" },
		  AUTH_MALFORMED,
		  "digest uri differs from the Request-URI" },
		{ { .uri = "x" }, AUTH_MALFORMED, "digest uri differs from the Request-URI" },
	};

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a = rows[i].a;
		struct auth_identity id;

		a.nonce = new_nonce();
		assert_int_equal(check(&a, &id), rows[i].result);
		if (rows[i].reason)
			assert_string_equal(id.reason, rows[i].reason);
	}
	tear_down();
}

static void fields_that_are_no_digest_for_us_are_missing_or_malformed(void **state)
{
	static const struct {
		const char *fields;
		enum auth_result result;
	} rows[] = {
		{ "", AUTH_MISSING },
		{ "Authorization: Basic YWxpY2U6c2VjcmV0\r\n", AUTH_MISSING },
		{ "Authorization: Digest username=\"alice\"\r\n", AUTH_MALFORMED },
		{ "Authorization: Digest\r\n", AUTH_MALFORMED },
		{ "Authorization: \r\n", AUTH_MALFORMED },
	};

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct auth_identity id;

		assert_int_equal(check_text(slice_str(rows[i].fields), AUTH_REGISTRAR, &id),
				 rows[i].result);
	}
	tear_down();
}

static void a_used_count_or_an_old_nonce_is_stale_only_with_the_right_password(void **state)
{
	struct answer a = { .alg = DIGEST_SHA256 };
	struct auth_identity id;

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	a.nonce = new_nonce();
	assert_int_equal(check(&a, &id), AUTH_OK);
	assert_int_equal(check(&a, &id), AUTH_STALE);
	a.password = "wrong";
	a.nc = "00000002";
	assert_int_equal(check(&a, &id), AUTH_BAD);
	a.password = NULL;
	assert_int_equal(check(&a, &id), AUTH_OK); /* the wrong one did not use the count up */
	a.nc = "00000003";
	fake_runtime_advance(&fake, 300 * 1000);
	assert_int_equal(check(&a, &id), AUTH_STALE);
	a.password = "wrong";
	assert_int_equal(check(&a, &id), AUTH_BAD);
	a.password = NULL;
	a.nonce = SLICE("dcd98b7102dd2f0e8b11d0f600bfb0c093");
	assert_int_equal(check(&a, &id), AUTH_STALE); /* of a former process */
	tear_down();
}

static void of_several_credentials_the_strongest_good_ones_count(void **state)
{
	static const struct {
		struct answer a[2];
		enum auth_result result;
		enum digest_algorithm alg;
	} rows[] = {
		{ { { .alg = DIGEST_MD5 }, { .alg = DIGEST_SHA256 } }, AUTH_OK, DIGEST_SHA256 },
		{ { { .alg = DIGEST_SHA256 }, { .alg = DIGEST_MD5 } }, AUTH_OK, DIGEST_SHA256 },
		{ { { .alg = DIGEST_SHA256, .password = "x" }, { .alg = DIGEST_MD5 } },
		  AUTH_OK,
		  DIGEST_MD5 },
		{ { { .realm = "other.example", .password = "x" }, { .alg = DIGEST_MD5 } },
		  AUTH_OK,
		  DIGEST_MD5 },
		{ { { .password = "x" }, { .alg = DIGEST_SHA256, .password = "y" } },
		  AUTH_BAD,
		  DIGEST_MD5 },
	};

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF fields = BUF_INIT;
		struct slice nonce = new_nonce();
		struct auth_identity id;

		for (size_t k = 0; k < 2; k++) {
			struct answer a = rows[i].a[k];

			a.nonce = nonce;
			put_answer(&fields, &a);
		}
		assert_int_equal(check_text(buf_view(&fields), AUTH_REGISTRAR, &id),
				 rows[i].result);
		if (rows[i].result == AUTH_OK)
			assert_int_equal(id.algorithm, rows[i].alg);
	}
	tear_down();
}

static void an_algorithm_that_is_turned_off_is_neither_offered_nor_taken(void **state)
{
	struct auth_config config = AUTH_CONFIG_DEFAULT;
	struct answer a = { .alg = DIGEST_MD5 };
	struct sip_challenge c[2];
	struct auth_identity id;

	(void)state;
	set_up(&config);
	config.md5 = false;
	assert_int_equal(auth_configure(auth, &config), 0);
	assert_int_equal(challenges(AUTH_REGISTRAR, false, c), 1);
	assert_true(slice_eq(c[0].algorithm, SLICE("SHA-256")));
	a.nonce = c[0].nonce;
	assert_int_equal(check(&a, &id), AUTH_BAD);
	a.alg = DIGEST_SHA256;
	assert_int_equal(check(&a, &id), AUTH_OK);
	tear_down();
}

static void a_user_with_only_an_md5_hash_is_asked_for_md5(void **state)
{
	struct answer a = { .alg = DIGEST_SHA256, .username = "old" };
	struct slice fields[AUTH_CHALLENGES_MAX];
	struct auth_identity id;
	AUTO_MSG *req = message(SLICE("User-Agent: other/1.0\r\n"));
	size_t n;

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	a.nonce = new_nonce();
	assert_int_equal(check(&a, &id), AUTH_BAD);
	assert_int_equal(
		auth_challenge_after(auth, req, AUTH_BAD, &id, AUTH_REGISTRAR, &arena, fields, &n),
		0);
	assert_int_equal(n, 1);
	a.username = "alice";
	a.password = "wrong";
	assert_int_equal(check(&a, &id), AUTH_BAD);
	assert_int_equal(
		auth_challenge_after(auth, req, AUTH_BAD, &id, AUTH_REGISTRAR, &arena, fields, &n),
		0);
	assert_int_equal(n, 2);
	tear_down();
}

static void a_client_that_fails_at_other_algorithms_is_asked_for_md5(void **state)
{
	static const struct {
		const char *agent;
		size_t n;
	} rows[] = {
		{ "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n", 1 },
		{ "User-Agent: baresip v3.10.1 (x86_64/Linux)\r\n", 1 },
		{ "User-Agent: baresip v3.11.0 (x86_64/Linux)\r\n", 2 },
		{ "User-Agent: baresip v4.0.0\r\n", 2 },
		{ "User-Agent: baresip\r\n", 2 },
		{ "User-Agent: baresip v.\r\n", 2 },
		{ "User-Agent: other baresip v1.0.0\r\n", 2 },
		{ "", 2 },
	};
	struct slice fields[AUTH_CHALLENGES_MAX];
	struct auth_identity id = { .realm = REALM };

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_MSG *req = message(slice_str(rows[i].agent));
		size_t n = 0;

		assert_int_equal(auth_challenge_after(auth, req, AUTH_MISSING, &id, AUTH_PROXY,
						      &arena, fields, &n),
				 0);
		assert_int_equal(n, rows[i].n);
	}
	tear_down();
}

static void without_users_nobody_gets_in(void **state)
{
	struct answer a = { .alg = DIGEST_SHA256 };
	struct auth_identity id;

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	auth_set_users(auth, NULL);
	a.nonce = new_nonce();
	assert_int_equal(check(&a, &id), AUTH_BAD);
	tear_down();
}

static void a_name_longer_than_the_limit_is_nobodys(void **state)
{
	char name[AUTH_NAME_MAX + 2];
	struct answer a = { .username = name };
	struct auth_identity id;

	(void)state;
	set_up(&AUTH_CONFIG_DEFAULT);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	a.nonce = new_nonce();
	assert_int_equal(check(&a, &id), AUTH_BAD);
	tear_down();
}

static void an_allocation_that_fails_leaves_no_trace(void **state)
{
	struct slice fields[AUTH_CHALLENGES_MAX];
	struct auth *a;
	size_t n;

	(void)state;
	fake_runtime_init(&fake);
	arena_init(&arena, 0);
	if (auth_new(&fake.rt, &AUTH_CONFIG_DEFAULT, &a) == 0) {
		if (auth_challenge(a, REALM, AUTH_PROXY, false, &arena, fields, &n) == 0)
			assert_int_equal(n, 2);
		else
			assert_true(harness_alloc_failed());
		auth_free(a);
	} else {
		assert_true(harness_alloc_failed());
	}
	arena_fini(&arena);
	fake_runtime_fini(&fake);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_challenge_offers_sha_256_and_then_md5),
		HARNESS_TEST(good_credentials_name_the_user),
		HARNESS_TEST(bad_credentials_are_told_apart),
		HARNESS_TEST(fields_that_are_no_digest_for_us_are_missing_or_malformed),
		HARNESS_TEST(a_used_count_or_an_old_nonce_is_stale_only_with_the_right_password),
		HARNESS_TEST(of_several_credentials_the_strongest_good_ones_count),
		HARNESS_TEST(an_algorithm_that_is_turned_off_is_neither_offered_nor_taken),
		HARNESS_TEST(a_user_with_only_an_md5_hash_is_asked_for_md5),
		HARNESS_TEST(a_client_that_fails_at_other_algorithms_is_asked_for_md5),
		HARNESS_TEST(without_users_nobody_gets_in),
		HARNESS_TEST(a_name_longer_than_the_limit_is_nobodys),
		HARNESS_ALLOC_TEST(an_allocation_that_fails_leaves_no_trace),
	};

	return harness_run("auth", tests, ARRAY_LEN(tests));
}
