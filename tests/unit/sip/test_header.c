/* Header names: RFC 3261 7.3.1, 7.3.3. */
#include "harness.h"

#include "sip/header.h"

static const struct {
	enum sip_header id;
	const char *name;
	char compact;
} all[] = {
#define ROW(id, name, compact) { SIP_H_##id, name, compact },
	SIP_HEADERS(ROW)
#undef ROW
};

static void every_name_is_found_in_any_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct slice in = exact(all[i].name);
		char *p = (char *)(uintptr_t)in.p;

		assert_int_equal(sip_header_find(in), all[i].id);
		for (size_t j = 0; j < in.n; j++)
			p[j] = slice_lower(p[j]);
		assert_int_equal(sip_header_find(in), all[i].id);
		for (size_t j = 0; j < in.n; j++)
			p[j] = p[j] >= 'a' && p[j] <= 'z' ? (char)(p[j] - 32) : p[j];
		assert_int_equal(sip_header_find(in), all[i].id);
		exact_free(in);
	}
}

static void every_compact_form_is_found(void **state)
{
	static const char assigned[] = "abcdefijklmnorstuvxy";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		char upper = (char)(all[i].compact - 32);

		if (!all[i].compact)
			continue;
		assert_int_equal(sip_header_find(slice_of(&all[i].compact, 1)), all[i].id);
		assert_int_equal(sip_header_find(slice_of(&upper, 1)), all[i].id);
		assert_non_null(strchr(assigned, all[i].compact));
	}
	for (unsigned c = 0; c < 256; c++) {
		char byte = (char)c;
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 128;

		if (!letter || !strchr(assigned, (int)(c | 0x20)))
			assert_int_equal(sip_header_find(slice_of(&byte, 1)), SIP_H_OTHER);
	}
}

static void what_is_nearly_a_name_is_another_header(void **state)
{
	(void)state;
	assert_int_equal(sip_header_find(SLICE_EMPTY), SIP_H_OTHER);
	assert_int_equal(sip_header_find(SLICE("C%6Fntact")), SIP_H_OTHER);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		char longer[64];
		size_t n = strlen(all[i].name);
		enum sip_header found;

		memcpy(longer, all[i].name, n);
		longer[n] = 'x';
		assert_int_equal(sip_header_find(slice_of(longer, n + 1)), SIP_H_OTHER);
		/* A prefix may be a name too ("T" of "To"), but never this one. */
		for (size_t k = 0; k < n; k++) {
			found = sip_header_find(slice_of(longer, k));
			assert_true(found != all[i].id || k == 1);
		}
		for (size_t k = 0; k < n; k++) {
			char was = longer[k];

			longer[k] = '_';
			assert_int_equal(sip_header_find(slice_of(longer, n)), SIP_H_OTHER);
			longer[k] = was;
		}
	}
}

static void an_id_gives_the_full_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_true(slice_eq(sip_header_name(all[i].id), slice_str(all[i].name)));
	assert_int_equal(sip_header_name(SIP_H_OTHER).n, 0);
	assert_int_equal(sip_header_name(SIP_H_COUNT).n, 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(every_name_is_found_in_any_case),
		HARNESS_TEST(every_compact_form_is_found),
		HARNESS_TEST(what_is_nearly_a_name_is_another_header),
		HARNESS_TEST(an_id_gives_the_full_name),
	};

	return harness_run("sip/header", tests, ARRAY_LEN(tests));
}
