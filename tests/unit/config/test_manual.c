/* The manual page and the schema know the same options. */
#include "harness.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/schema.h"

#define PAGE SOURCE_ROOT "/docs/man/sipcgid.conf.5"

static char page[64 * 1024];

static void read_page(void)
{
	FILE *f = fopen(PAGE, "r");
	size_t n;

	assert_non_null(f);
	n = fread(page, 1, sizeof(page) - 1, f);
	assert_true(n > 0 && n < sizeof(page) - 1);
	page[n] = '\0';
	assert_int_equal(fclose(f), 0);
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '-';
}

/* Does the page explain it: is it named in bold, in a line of .B, .BR or .SH? */
static bool explained(const char *name, const char *from, const char *to)
{
	size_t n = strlen(name);

	for (const char *line = from; line && line < to; line = strchr(line, '\n')) {
		const char *end;

		line += *line == '\n';
		end = strchr(line, '\n');
		if (!end || strncmp(line, ".B", 2) != 0)
			continue;
		for (const char *p = line + 2; p + n <= end; p++) {
			if (strncasecmp(p, name, n) == 0 && !is_name(p[-1]) && !is_name(p[n]))
				return true;
		}
	}
	return false;
}

static void every_option_is_in_the_manual_under_its_section(void **state)
{
	const char *const end = page + sizeof(page);

	(void)state;
	read_page();
	for (size_t i = 0; i < config_root.n_keys; i++) {
		const struct config_key *k = &config_root.keys[i];
		char heading[64] = ".SH ";
		const char *from, *to;

		if (!k->section) {
			if (!explained(k->name, strstr(page, ".SH OPTIONS OF THE FILE"), end))
				fail_msg("%s is not in %s", k->name, PAGE);
			continue;
		}
		for (size_t c = 0; k->name[c]; c++)
			heading[4 + c] = (char)toupper((unsigned char)k->name[c]);
		from = strstr(page, heading);
		if (!from)
			fail_msg("no \"%s\" in %s", heading, PAGE);
		to = strstr(from + 1, ".SH ");
		for (size_t s = 0; s < k->section->n_keys; s++) {
			if (!explained(k->section->keys[s].name, from, to ? to : end))
				fail_msg("%s of %s is not in %s", k->section->keys[s].name, k->name,
					 PAGE);
		}
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(every_option_is_in_the_manual_under_its_section),
	};

	return harness_run("config/manual", tests, ARRAY_LEN(tests));
}
