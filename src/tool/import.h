/* Lists of users to import: one per line, comma-separated. */
#ifndef SIPCGID_TOOL_IMPORT_H
#define SIPCGID_TOOL_IMPORT_H

#include <stdio.h>

#include "auth/users.h"

/*
 * NAME@DOMAIN as an address-of-record has it, "sip:" may stand before it: @user's name and domain
 * point into @text. NULL, or what is wrong with it (a constant).
 */
const char *import_name(struct slice text, struct user *user);

/* Called for every line; not NULL (a constant) is why it cannot be taken. */
typedef const char *import_fn(void *arg, const struct user *user);
/*
 * Reads "name@domain,password" or "name@domain,md5,sha256" (HA1 in hexadecimal, one may be empty).
 * A value may be quoted as usual in CSV; empty lines and those beginning with # do not count. 0, or
 * -EBADMSG after telling the first error as "FILE:LINE: ..."; *ret_n is how many users there were.
 */
int import_read(FILE *in, const char *file, import_fn *fn, void *arg, size_t *ret_n);

#endif
