/* Reason phrases: RFC 3261 21. */
#include "harness.h"

#include "sip/status.h"

static void a_registered_code_has_its_phrase(void **state)
{
	static const struct {
		unsigned status;
		const char *reason;
	} rows[] = {
		{ 100, "Trying" },
		{ 180, "Ringing" },
		{ 183, "Session Progress" },
		{ 200, "OK" },
		{ 302, "Moved Temporarily" },
		{ 400, "Bad Request" },
		{ 407, "Proxy Authentication Required" },
		{ 414, "Request-URI Too Long" },
		{ 416, "Unsupported URI Scheme" },
		{ 423, "Interval Too Brief" },
		{ 440, "Max-Breadth Exceeded" },
		{ 481, "Call/Transaction Does Not Exist" },
		{ 487, "Request Terminated" },
		{ 500, "Server Internal Error" },
		{ 505, "Version Not Supported" },
		{ 513, "Message Too Large" },
		{ 600, "Busy Everywhere" },
		{ 608, "Rejected" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(slice_eq(sip_status_reason(rows[i].status), slice_str(rows[i].reason)));
}

static void an_unknown_code_has_the_phrase_of_its_class(void **state)
{
	(void)state;
	assert_true(slice_eq(sip_status_reason(150), SLICE("Provisional")));
	assert_true(slice_eq(sip_status_reason(299), SLICE("Success")));
	assert_true(slice_eq(sip_status_reason(399), SLICE("Redirection")));
	assert_true(slice_eq(sip_status_reason(499), SLICE("Client Error")));
	assert_true(slice_eq(sip_status_reason(599), SLICE("Server Error")));
	assert_true(slice_eq(sip_status_reason(699), SLICE("Global Failure")));
	for (unsigned status = 0; status < 1000; status++)
		assert_true(sip_status_reason(status).n > 0);
	assert_true(sip_status_reason(UINT32_MAX).n > 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_registered_code_has_its_phrase),
		HARNESS_TEST(an_unknown_code_has_the_phrase_of_its_class),
	};

	return harness_run("sip/status", tests, ARRAY_LEN(tests));
}
