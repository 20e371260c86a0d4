/* name-addr, addr-spec, q values: RFC 3261 20.10, 25.1. */
#include "harness.h"

#include <errno.h>

#include "sip/addr.h"

static void assert_slice(struct slice s, const char *want)
{
	if (!slice_eq(s, slice_str(want)))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(s), want ? want : "");
}

static void an_address_is_split_into_name_uri_and_parameters(void **state)
{
	static const struct {
		const char *in, *display, *uri, *params;
		bool brackets;
	} rows[] = {
		{ "sip:a@b", "", "sip:a@b", "", false },
		{ "<sip:a@b>", "", "sip:a@b", "", true },
		{ "sip:a@b;tag=x", "", "sip:a@b", ";tag=x", false },
		{ "<sip:a@b;lr>;tag=x", "", "sip:a@b;lr", ";tag=x", true },
		{ "<sip:a@b;lr> ; tag = x", "", "sip:a@b;lr", "; tag = x", true },
		{ "sip:v@c.example.com ;   tag    = 1918181833n", "", "sip:v@c.example.com",
		  ";   tag    = 1918181833n", false },
		{ "\"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = "
		  "98asjd8",
		  "\"J Rosenberg \\\\\\\"\"", "sip:jdrosen@example.com", ";\r\n  tag = 98asjd8",
		  true },
		{ "\"\" <sip:a@b>", "\"\"", "sip:a@b", "", true },
		{ "\"Al\"<sip:a@b>", "\"Al\"", "sip:a@b", "", true },
		{ "caller<sip:caller@example.com>;tag=323", "caller", "sip:caller@example.com",
		  ";tag=323", true },
		{ "A. Bell \r\n <sip:a@b>", "A. Bell", "sip:a@b", "", true },
		{ "token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
		  ";fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_token~1'+`*%!-.",
		  "token1~` token2'+_ token3*%!.-", "sip:mundane@example.com",
		  ";fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_token~1'+`*%!-.", true },
		{ "\"\xc3\xa9t\xc3\xa9, <x>\" <sip:a@b>", "\"\xc3\xa9t\xc3\xa9, <x>\"", "sip:a@b",
		  "", true },
		{ "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>", "",
		  "sip:user@example.com?Route=%3Csip:sip.example.com%3E", "", true },
		{ "<sip:a,b?@c>", "", "sip:a,b?@c", "", true },
		{ "isbn:2983792873", "", "isbn:2983792873", "", false },
		{ "<http://www.example.com>;tag=3234233", "", "http://www.example.com",
		  ";tag=3234233", true },
		{ "tel:+1;phone-context=x", "", "tel:+1", ";phone-context=x", false },
		{ "<sip:a@b>;+sip.instance=\"<urn:uuid:0-1>\";q=0.3;expires=60", "", "sip:a@b",
		  ";+sip.instance=\"<urn:uuid:0-1>\";q=0.3;expires=60", true },
		{ "sip:[2001:db8::1]:5060;x", "", "sip:[2001:db8::1]:5060", ";x", false },
		{ "  <sip:a@b> \r\n ", "", "sip:a@b", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		const char *reason = "";
		struct sip_addr a;

		if (sip_addr_parse(in, &a, &reason) < 0)
			fail_msg("%s: %s", rows[i].in, reason);
		assert_slice(a.display, rows[i].display);
		assert_slice(a.uri_text, rows[i].uri);
		assert_slice(a.uri.text, rows[i].uri);
		assert_slice(a.params, rows[i].params);
		assert_int_equal(a.brackets, rows[i].brackets);
		exact_free(in);
	}
}

static void what_is_not_an_address_is_refused_with_a_reason(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		"a",
		"*",
		"<>",
		"<sip:a@b",
		"sip:a@b>",
		"Al",
		"\"Al\"",
		"\"Al\" sip:a@b",
		"Al sip:a@b",
		"\"Mr. J. User <sip:j.user@example.com>",
		"Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
		"\"Watson, Thomas\" < sip:t.watson@example.org >",
		"<sip:a@b> x",
		"<sip:a@b>x",
		"<sip:a@b><sip:c@d>",
		"<<sip:a@b>>",
		"<sip:a@b>;",
		"<sip:a@b>;;;;",
		"<sip:a@b>;=x",
		"<sip:a@b>;x=",
		"<sip:a@b>;x=\"y",
		"<sip:a@b>,<sip:c@d>",
		"sip:a@b,sip:c@d",
		"sip:user@example.com?Route=%3Csip:sip.example.com%3E",
		"sip:user;par@host",
		"sip:a@b ?x=y",
		"\xc3\xa9 <sip:a@b>",
		"\"\\\r\n\" <sip:a@b>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i]);
		const char *reason = NULL;
		struct sip_addr a = { .brackets = true };

		if (sip_addr_parse(in, &a, &reason) != -EBADMSG)
			fail_msg("accepted: %s", rows[i]);
		assert_non_null(reason);
		assert_true(a.brackets); /* untouched */
		exact_free(in);
	}
}

static void parameters_of_the_uri_are_not_those_of_the_field(void **state)
{
	struct slice in = exact("<sip:a@b;unknownparam>;Q=0.5;tag=\"x\"");
	struct slice bare = exact("sip:+19725552222@gw1.example.net;unknownparam");
	struct slice v;
	struct sip_addr a;

	(void)state;
	assert_int_equal(sip_addr_parse(in, &a, NULL), 0);
	assert_false(sip_addr_param(&a, SLICE("unknownparam"), &v));
	assert_true(sip_uri_param(&a.uri, SLICE("unknownparam"), &v));
	assert_true(sip_addr_param(&a, SLICE("q"), &v));
	assert_slice(v, "0.5");
	assert_true(sip_addr_param(&a, SLICE("TAG"), &v));
	assert_slice(v, "\"x\"");

	assert_int_equal(sip_addr_parse(bare, &a, NULL), 0);
	assert_true(sip_addr_param(&a, SLICE("unknownparam"), &v));
	assert_false(sip_uri_param(&a.uri, SLICE("unknownparam"), &v));
	exact_free(in);
	exact_free(bare);
}

static void a_q_value_is_in_thousandths(void **state)
{
	static const struct {
		const char *in;
		int rc;
		unsigned q;
	} rows[] = {
		{ "0", 0, 0 },
		{ "0.", 0, 0 },
		{ "0.5", 0, 500 },
		{ "0.33", 0, 330 },
		{ "0.001", 0, 1 },
		{ "0.999", 0, 999 },
		{ "1", 0, 1000 },
		{ "1.", 0, 1000 },
		{ "1.0", 0, 1000 },
		{ "1.000", 0, 1000 },
		{ "", -EBADMSG, 7 },
		{ "1.001", -EBADMSG, 7 },
		{ "1.1", -EBADMSG, 7 },
		{ "2", -EBADMSG, 7 },
		{ ".5", -EBADMSG, 7 },
		{ "0.1234", -EBADMSG, 7 },
		{ "1.0000", -EBADMSG, 7 },
		{ "00.5", -EBADMSG, 7 },
		{ "0,5", -EBADMSG, 7 },
		{ "0.x", -EBADMSG, 7 },
		{ "-0.5", -EBADMSG, 7 },
		{ "0.5 ", -EBADMSG, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		unsigned q = 7;

		assert_int_equal(sip_qvalue_parse(in, &q), rows[i].rc);
		assert_int_equal(q, rows[i].q);
		exact_free(in);
	}
}

static void every_prefix_and_every_changed_byte_ends_in_an_answer(void **state)
{
	static const char *const rows[] = {
		"\"A \\\"B\\\" \xc3\xa9\" <sip:a%20b@[::1]:1;lr?x=y>;tag=z;q=0.1;e=\"\\\\f\"",
		"A B\r\n <sips:a@b>\t;\r\n x = y",
		"sip:a@b:5060;tag=c",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i]);

		for (size_t n = 0; n <= len; n++) {
			struct slice in = exact_bytes(rows[i], n);
			struct sip_addr a;

			if (sip_addr_parse(in, &a, NULL) < 0)
				assert_int_not_equal(n, len);
			exact_free(in);
		}
		for (size_t n = 0; n < len * 256; n++) {
			char *copy = slice_dup(slice_str(rows[i]));
			struct slice in, v;
			struct sip_addr a;

			assert_non_null(copy);
			copy[n / 256] = (char)(n % 256);
			in = exact_bytes(copy, len);
			if (sip_addr_parse(in, &a, NULL) == 0)
				(void)sip_addr_param(&a, SLICE("nosuch"), &v);
			exact_free(in);
			free(copy);
		}
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(an_address_is_split_into_name_uri_and_parameters),
		HARNESS_TEST(what_is_not_an_address_is_refused_with_a_reason),
		HARNESS_TEST(parameters_of_the_uri_are_not_those_of_the_field),
		HARNESS_TEST(a_q_value_is_in_thousandths),
		HARNESS_TEST(every_prefix_and_every_changed_byte_ends_in_an_answer),
	};

	return harness_run("addr", tests, ARRAY_LEN(tests));
}
