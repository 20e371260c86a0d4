/*
 * Non-INVITE server transaction: RFC 3261 17.2.2 (figure 8), with RFC 6026 8.8 (a response that
 * cannot be sent ends nothing) and RFC 4320 4.1: a 100 goes out by itself when a client's Timer E
 * has reached T2, not before on unreliable transports, and there is no other provisional response.
 */
#include "base/cleanup.h"
#include "transaction/machine.h"

/* clang-format off */
static const struct txn_row nist[] = {
	/* in              on               go to            and do */
	{ TXN_NEW,         EV_START,        NIST_TRYING,     DO_START_TRYING | DO_TO_TU },

	{ NIST_TRYING,     EV_REQUEST,      NIST_TRYING,     0 },
	{ NIST_TRYING,     EV_TIMER_TRYING, NIST_PROCEEDING, DO_TRYING },
	{ NIST_TRYING,     EV_TU_1XX,       NIST_PROCEEDING, DO_STOP | DO_SEND },
	{ NIST_TRYING,     EV_TU_2XX,       NIST_COMPLETED,  DO_STOP | DO_START_J | DO_SEND },
	{ NIST_TRYING,     EV_TU_FINAL,     NIST_COMPLETED,  DO_STOP | DO_START_J | DO_SEND },
	{ NIST_TRYING,     EV_TU_ABANDON,   TXN_TERMINATED,  0 },

	{ NIST_PROCEEDING, EV_REQUEST,      NIST_PROCEEDING, DO_RESEND },
	{ NIST_PROCEEDING, EV_TU_1XX,       NIST_PROCEEDING, DO_SEND },
	{ NIST_PROCEEDING, EV_TU_2XX,       NIST_COMPLETED,  DO_STOP | DO_START_J | DO_SEND },
	{ NIST_PROCEEDING, EV_TU_FINAL,     NIST_COMPLETED,  DO_STOP | DO_START_J | DO_SEND },
	{ NIST_PROCEEDING, EV_TU_ABANDON,   TXN_TERMINATED,  0 },
	{ NIST_PROCEEDING, EV_ERROR,        NIST_PROCEEDING, DO_FAILED },

	{ NIST_COMPLETED,  EV_REQUEST,      NIST_COMPLETED,  DO_RESEND },
	{ NIST_COMPLETED,  EV_ERROR,        NIST_COMPLETED,  DO_FAILED },
	{ NIST_COMPLETED,  EV_TIMER_J,      TXN_TERMINATED,  0 },
};
/* clang-format on */

const struct txn_table txn_nist = { nist, ARRAY_LEN(nist) };
