/* CSeq: RFC 3261 20.16. */
#include "harness.h"

#include <errno.h>

#include "sip/cseq.h"

static void cseq_is_a_number_and_a_method(void **state)
{
	static const struct {
		const char *in;
		int rc;
		uint32_t number;
		const char *name;
		enum sip_method method;
	} rows[] = {
		{ "1 INVITE", 0, 1, "INVITE", SIP_INVITE },
		{ "0 BYE", 0, 0, "BYE", SIP_BYE },
		{ "0009\r\n  INVITE", 0, 9, "INVITE", SIP_INVITE },
		{ "000000000000000000000000007\tACK", 0, 7, "ACK", SIP_ACK },
		{ "2147483648 ACK", 0, 2147483648u, "ACK", SIP_ACK },
		{ "4294967295 ACK", 0, 4294967295u, "ACK", SIP_ACK },
		{ "5 RE%47IST%45R", 0, 5, "RE%47IST%45R", SIP_OTHER_METHOD },
		{ "5 invite", 0, 5, "invite", SIP_OTHER_METHOD },
		{ "4294967296 ACK", -EBADMSG, 0, NULL, 0 },
		{ "36893488147419103232 REGISTER", -EBADMSG, 0, NULL, 0 },
		{ "", -EBADMSG, 0, NULL, 0 },
		{ "INVITE", -EBADMSG, 0, NULL, 0 },
		{ "1", -EBADMSG, 0, NULL, 0 },
		{ "1 ", -EBADMSG, 0, NULL, 0 },
		{ "1INVITE", -EBADMSG, 0, NULL, 0 },
		{ "-1 INVITE", -EBADMSG, 0, NULL, 0 },
		{ "+1 INVITE", -EBADMSG, 0, NULL, 0 },
		{ "0x1 INVITE", -EBADMSG, 0, NULL, 0 },
		{ "1 INVITE x", -EBADMSG, 0, NULL, 0 },
		{ "1 INVITE, 2 ACK", -EBADMSG, 0, NULL, 0 },
		{ "1 IN/VITE", -EBADMSG, 0, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		struct sip_cseq cseq = { .number = 77 };
		const char *reason = NULL;

		assert_int_equal(sip_cseq_parse(in, &cseq, &reason), rows[i].rc);
		assert_int_equal(sip_cseq_parse(in, &cseq, NULL), rows[i].rc);
		if (rows[i].rc == 0) {
			assert_int_equal(cseq.number, rows[i].number);
			assert_true(slice_eq(cseq.method_name, slice_str(rows[i].name)));
			assert_int_equal(cseq.method, rows[i].method);
			assert_null(reason);
		} else {
			assert_int_equal(cseq.number, 77);
			assert_non_null(reason);
		}
		exact_free(in);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(cseq_is_a_number_and_a_method),
	};

	return harness_run("sip/cseq", tests, ARRAY_LEN(tests));
}
