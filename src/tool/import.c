/* Reading a list of users. The whole list is judged before the caller commits anything of it. */
#include <errno.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "auth/users_sqlite.h"
#include "sip/scan.h"
#include "sip/uri.h"
#include "tool/import.h"
#include "tool/tool.h"

#define FIELDS_MAX 3
#define DOMAIN_MAX 255 /* RFC 1035 2.3.4 */

const char *import_name(struct slice text, struct user *user)
{
	struct slice name, domain;
	size_t at = text.n;

	if (slice_istarts(text, SLICE("sip:")))
		text = slice_skip(text, 4);
	for (at = text.n; at && text.p[at - 1] != '@'; at--)
		;
	if (at < 2)
		return "expected NAME@DOMAIN";
	name = slice_head(text, at - 1);
	domain = slice_skip(text, at);
	if (name.n > AUTH_NAME_MAX)
		return "the name is longer than 255 bytes";
	if (!sip_is_text(name))
		return "the name is not valid UTF-8";
	for (size_t i = 0; i < name.n; i++) {
		/* A colon would make two users' hashes the same: RFC 7616 3.4.2. */
		if (name.p[i] == ':')
			return "a name cannot have a colon in it";
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
			return "a name cannot have control characters in it";
	}
	if (!sip_is_host(domain))
		return "the domain is not a host name or address";
	user->name = name;
	user->domain = domain;
	return NULL;
}

/* Takes one CSV value off the front, its quotes removed in place. False: a quote is not closed or
 * something stands behind it. */
static bool take_value(char **line, struct slice *ret)
{
	char *p = *line, *out = p, *start = p;

	if (*p != '"') {
		p += strcspn(p, ",");
		*ret = slice_trim(slice_of(start, (size_t)(p - start)));
		*line = p;
		return true;
	}
	for (p++;; p++) {
		if (*p == '\0')
			return false;
		if (*p == '"' && *++p != '"')
			break;
		*out++ = *p;
	}
	*ret = slice_of(start, (size_t)(out - start));
	*line = p;
	return *p == ',' || *p == '\0';
}

static const char *take_fields(char *line, struct slice fields[FIELDS_MAX], size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		if (n == FIELDS_MAX)
			return "more than three values";
		if (!take_value(&line, &fields[n++]))
			return "a quote is not closed, or something follows it";
		if (*line == '\0')
			break;
		line++;
	}
	*ret_n = n;
	return NULL;
}

static const char *take_hash(struct slice hex, uint8_t *out, size_t len, bool *ret_has)
{
	*ret_has = hex.n != 0;
	if (hex.n && !users_parse_hash(hex, out, len))
		return len == USERS_MD5_LEN ? "expected 32 hexadecimal digits (MD5 HA1)"
					    : "expected 64 hexadecimal digits (SHA-256 HA1)";
	return NULL;
}

/* Names point into @line and @domain. */
static const char *parse_line(char *line, char domain[DOMAIN_MAX], struct user *user)
{
	struct slice fields[FIELDS_MAX];
	const char *wrong;
	size_t n;

	wrong = take_fields(line, fields, &n);
	if (!wrong && n < 2)
		wrong = "expected name@domain,password or name@domain,md5,sha256";
	if (!wrong)
		wrong = import_name(fields[0], user);
	if (!wrong && user->domain.n > DOMAIN_MAX)
		wrong = "the domain is too long";
	if (wrong)
		return wrong;
	/* As the realm is sent: lower case. */
	for (size_t i = 0; i < user->domain.n; i++)
		domain[i] = slice_lower(user->domain.p[i]);
	user->domain.p = domain;
	if (n == 2) {
		if (fields[1].n == 0)
			return "the password is empty";
		return user_set_password(user, fields[1]) < 0 ? "cannot compute the hashes" : NULL;
	}
	wrong = take_hash(fields[1], user->ha1_md5, USERS_MD5_LEN, &user->has_md5);
	if (!wrong)
		wrong = take_hash(fields[2], user->ha1_sha256, USERS_SHA256_LEN, &user->has_sha256);
	if (!wrong && !user->has_md5 && !user->has_sha256)
		wrong = "both hashes are empty";
	return wrong;
}

int import_read(FILE *in, const char *file, import_fn *fn, void *arg, size_t *ret_n)
{
	AUTO_FREE char *line = NULL;
	size_t cap = 0, n = 0, number = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, in)) >= 0) {
		const char *wrong = NULL;
		struct user user = { 0 };
		char domain[DOMAIN_MAX];

		number++;
		while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			line[--len] = '\0';
		if (len == 0 || line[0] == '#')
			continue;
		if (strlen(line) != (size_t)len)
			wrong = "a NUL character";
		if (!wrong)
			wrong = parse_line(line, domain, &user);
		if (!wrong)
			wrong = fn(arg, &user);
		if (wrong) {
			tool_error("%s:%zu: %s", file, number, wrong);
			return -EBADMSG;
		}
		n++;
	}
	if (ferror(in)) {
		tool_error("%s: %s", file, strerror(errno));
		return -EBADMSG;
	}
	*ret_n = n;
	return 0;
}
