/* What happens to the text of the file before libConfuse sees it. */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "config/source.h"

static int clean(const char *text, char *out, struct buf *err)
{
	struct config_report r = { .out = err, .file = "f" };
	struct slice in = exact(text);
	int rc = config_source_clean(in, out, &r);

	exact_free(in);
	return rc;
}

static void comments_become_blanks_of_the_same_length(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "a = 1 # x\nb", "a = 1    \nb" },
		{ "a // \"x\n", "a      \n" },
		{ "/* a\n * { */ b", "    \n        b" },
		{ "a = \"# no // comment /* here\"", "a = \"# no // comment /* here\"" },
		{ "a = '# \\' x'", "a = '# \\' x'" },
		{ "u = http://x", "u = http://x" },
		{ "a\r\nb", "a \nb" },
		{ "a = \"x\\\"y\" # c", "a = \"x\\\"y\"    " },
		{ "# only", "      " },
		{ "l += { a }", "l += { a }" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF err = BUF_INIT;
		char out[128];

		assert_int_equal(clean(rows[i].in, out, &err), 0);
		assert_memory_equal(out, rows[i].out, strlen(rows[i].in));
		assert_int_equal(err.len, 0);
	}
}

static void faults_are_told_where_they_begin(void **state)
{
	static const struct {
		const char *in, *message;
	} rows[] = {
		{ "a {\n b {\n }\n", "f:1: \"{\" without its \"}\"\n" },
		{ "a\n}", "f:2: \"}\" without a \"{\" before it\n" },
		{ "a = \"x\nb = \"y\"",
		  "f:1: string without its closing \", expected it on the same line\n" },
		{ "\na = 'x", "f:2: string without its closing ', expected it on the same line\n" },
		{ "a = \"x\\",
		  "f:1: string without its closing \", expected it on the same line\n" },
		{ "\n/* x\n\n", "f:2: comment without its end, expected */\n" },
		{ "a = *", "f:1: \"*\" outside of quotes, expected \"...\" around it\n" },
		{ "a = 1+2", "f:1: \"+\" outside of quotes, expected \"...\" around it\n" },
		{ "\n\a", "f:2: control character 0x07, expected text\n" },
		{ "a = \"\x01\"", "f:1: control character 0x01 in a string, expected text\n" },
		{ "{{{{{{{{{", "f:1: braces nested too deeply, expected at most 8\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF err = BUF_INIT;
		char out[128];

		assert_int_equal(clean(rows[i].in, out, &err), -EBADMSG);
		assert_int_equal(err.len, strlen(rows[i].message));
		assert_memory_equal(err.data, rows[i].message, err.len);
	}
}

static void a_zero_byte_is_refused(void **state)
{
	struct slice in = exact_bytes("a = \0b", 6);
	AUTO_BUF err = BUF_INIT;
	struct config_report r = { .out = &err, .file = "f" };
	char out[8];

	(void)state;
	assert_int_equal(config_source_clean(in, out, &r), -EBADMSG);
	exact_free(in);
}

static void every_prefix_is_read_within_its_bytes(void **state)
{
	static const char text[] = "a { # x\n b = \"q\\\"\" /* c */ }\n// d\nl += { 'x' }\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct slice in = exact_bytes(text, n);
		AUTO_BUF err = BUF_INIT;
		struct config_report r = { .out = &err, .file = "f" };
		char *out = malloc(n + 1);
		int rc;

		assert_non_null(out);
		rc = config_source_clean(in, out, &r);
		assert_true(rc == 0 || rc == -EBADMSG);
		assert_int_equal(rc == 0, err.len == 0);
		free(out);
		exact_free(in);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(comments_become_blanks_of_the_same_length),
		HARNESS_TEST(faults_are_told_where_they_begin),
		HARNESS_TEST(a_zero_byte_is_refused),
		HARNESS_TEST(every_prefix_is_read_within_its_bytes),
	};

	return harness_run("config/source", tests, ARRAY_LEN(tests));
}
