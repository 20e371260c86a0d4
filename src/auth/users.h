/*
 * The users: name and realm to the hashes that digests are computed from (HA1, RFC 7616 3.4.2).
 * Never a password. An index in memory; users_sqlite.h fills it.
 */
#ifndef SIPCGID_AUTH_USERS_H
#define SIPCGID_AUTH_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define USERS_MD5_LEN 16
#define USERS_SHA256_LEN 32

struct users;

struct user {
	struct slice name;   /* unescaped, as in the address-of-record */
	struct slice domain; /* lower case; also the realm */
	bool has_md5, has_sha256;
	uint8_t ha1_md5[USERS_MD5_LEN];
	uint8_t ha1_sha256[USERS_SHA256_LEN];
};

int users_new(uint64_t seed, struct users **ret);
void users_free(struct users *u);
/* Copies; replaces a user of that name. -ENOMEM. The domain is made lower case. */
int users_add(struct users *u, const struct user *user);
/* NULL: no such user. Names compare byte by byte, domains without case. Lives as long as @u. */
const struct user *users_find(const struct users *u, struct slice name, struct slice domain);
size_t users_count(const struct users *u);
/* Both HA1 of name:domain:password; @domain must be in the case in which it is used as realm. */
int user_set_password(struct user *user, struct slice password);

#endif
