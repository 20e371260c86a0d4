#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "tool/import.h"
#include "tool/tool.h"

/* In place of main.c's: keeps the message. */
static char message[256];

void tool_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
}

static void a_name_is_what_stands_before_the_last_at(void **state)
{
	static const struct {
		const char *in, *name, *domain;
	} rows[] = {
		{ "alice@example.com", "alice", "example.com" },
		{ "sip:alice@example.com", "alice", "example.com" },
		{ "a@b@example.com", "a@b", "example.com" },
		{ "j\xc3\xbcrg@192.0.2.1", "j\xc3\xbcrg", "192.0.2.1" },
		{ "alice@[2001:db8::1]", "alice", "[2001:db8::1]" },
		{ "alice", NULL, NULL },
		{ "@example.com", NULL, NULL },
		{ "alice@", NULL, NULL },
		{ "alice@exa mple.com", NULL, NULL },
		{ "al:ice@example.com", NULL, NULL },
		{ "al\tice@example.com", NULL, NULL },
		{ "al\x7fice@example.com", NULL, NULL },
		{ "al\xffice@example.com", NULL, NULL },
		{ "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct user u = { 0 };
		const char *wrong = import_name(in, &u);

		if (rows[i].name) {
			assert_null(wrong);
			assert_true(slice_eq(u.name, slice_str(rows[i].name)));
			assert_true(slice_eq(u.domain, slice_str(rows[i].domain)));
		} else {
			assert_non_null(wrong);
		}
		exact_free(in);
	}
}

static const char *collect(void *arg, const struct user *user)
{
	struct buf *out = arg;

	if (slice_eq(user->name, SLICE("unwanted")))
		return "not this one";
	buf_printf(out, "%.*s@%.*s ", SLICE_FMT(user->name), SLICE_FMT(user->domain));
	buf_hex(out, user->ha1_md5, user->has_md5 ? 2 : 0);
	buf_char(out, '/');
	buf_hex(out, user->ha1_sha256, user->has_sha256 ? 2 : 0);
	buf_char(out, '\n');
	return NULL;
}

static int read_text(const char *text, struct buf *out, size_t *ret_n)
{
	FILE *in = tmpfile();
	int err;

	assert_non_null(in);
	assert_int_equal(fputs(text, in) < 0, 0);
	rewind(in);
	err = import_read(in, "list", collect, out, ret_n);
	(void)fclose(in);
	return err;
}

#define MD5_HEX "00112233445566778899AABBCCDDEEFF"
#define SHA256_HEX MD5_HEX MD5_HEX

static void lists_have_passwords_or_hashes(void **state)
{
	struct user alice = { .name = SLICE_INIT("alice"), .domain = SLICE_INIT("example.com") };
	AUTO_BUF out = BUF_INIT, want = BUF_INIT;
	size_t n = 0;

	(void)state;
	assert_int_equal(read_text("# users\n\nalice@Example.COM,\"a,\"\"b\"\r\n"
				   "bob@example.com," MD5_HEX "," SHA256_HEX "\n"
				   "\"carol@example.com\"," MD5_HEX ",\n"
				   "dave@example.com,, " SHA256_HEX,
				   &out, &n),
			 0);
	assert_int_equal(n, 4);
	assert_int_equal(user_set_password(&alice, SLICE("a,\"b")), 0);
	assert_null(collect(&want, &alice));
	buf_str(&want, "bob@example.com 0011/0011\ncarol@example.com 0011/\n"
		       "dave@example.com /0011\n");
	assert_true(slice_eq(buf_view(&out), buf_view(&want)));
}

static void the_first_error_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "a@b,x\n\nalice,secret\n", "list:3: expected NAME@DOMAIN" },
		{ "a@b\n", "list:1: expected name@domain,password or name@domain,md5,sha256" },
		{ "a@b,\n", "list:1: the password is empty" },
		{ "a@b,,\n", "list:1: both hashes are empty" },
		{ "a@b," MD5_HEX "0,\n", "list:1: expected 32 hexadecimal digits (MD5 HA1)" },
		{ "a@b,," MD5_HEX "\n", "list:1: expected 64 hexadecimal digits (SHA-256 HA1)" },
		{ "a@b,c,d,e\n", "list:1: more than three values" },
		{ "a@b,\"c\n", "list:1: a quote is not closed, or something follows it" },
		{ "a@b,\"c\"d\n", "list:1: a quote is not closed, or something follows it" },
		{ "unwanted@b,x\n", "list:1: not this one" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF out = BUF_INIT;
		size_t n = 99;

		message[0] = '\0';
		assert_int_equal(read_text(rows[i].text, &out, &n), -EBADMSG);
		assert_string_equal(message, rows[i].message);
		assert_int_equal(n, 99);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_name_is_what_stands_before_the_last_at),
		HARNESS_TEST(lists_have_passwords_or_hashes),
		HARNESS_TEST(the_first_error_is_told_with_its_line),
	};

	return harness_run("import", tests, ARRAY_LEN(tests));
}
