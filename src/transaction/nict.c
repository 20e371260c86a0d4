/*
 * Non-INVITE client transaction: RFC 3261 17.1.2 (figure 6). A CANCEL is one too. A response that
 * comes after the end is stray and dropped, never passed on (RFC 4320 4.2).
 */
#include "base/cleanup.h"
#include "transaction/machine.h"

/* clang-format off */
static const struct txn_row nict[] = {
	/* in              on            go to            and do */
	{ TXN_NEW,         EV_START,     NICT_TRYING,     DO_SEND | DO_START_E | DO_START_F },

	{ NICT_TRYING,     EV_TIMER_E,   NICT_TRYING,     DO_RESEND | DO_START_E },
	{ NICT_TRYING,     EV_TIMER_F,   TXN_TERMINATED,  DO_TIMEOUT },
	{ NICT_TRYING,     EV_ERROR,     TXN_TERMINATED,  DO_FAILED },
	/* E and F run on. */
	{ NICT_TRYING,     EV_1XX,       NICT_PROCEEDING, DO_TO_TU },
	{ NICT_TRYING,     EV_2XX,       NICT_COMPLETED,  DO_STOP | DO_START_K | DO_TO_TU },
	{ NICT_TRYING,     EV_FINAL,     NICT_COMPLETED,  DO_STOP | DO_START_K | DO_TO_TU },
	{ NICT_TRYING,     EV_TU_DETACH, NICT_TRYING,     0 },

	{ NICT_PROCEEDING, EV_TIMER_E,   NICT_PROCEEDING, DO_RESEND | DO_START_E_T2 },
	{ NICT_PROCEEDING, EV_TIMER_F,   TXN_TERMINATED,  DO_TIMEOUT },
	{ NICT_PROCEEDING, EV_ERROR,     TXN_TERMINATED,  DO_FAILED },
	{ NICT_PROCEEDING, EV_1XX,       NICT_PROCEEDING, DO_TO_TU },
	{ NICT_PROCEEDING, EV_2XX,       NICT_COMPLETED,  DO_STOP | DO_START_K | DO_TO_TU },
	{ NICT_PROCEEDING, EV_FINAL,     NICT_COMPLETED,  DO_STOP | DO_START_K | DO_TO_TU },
	{ NICT_PROCEEDING, EV_TU_DETACH, NICT_PROCEEDING, 0 },

	/* Retransmitted responses are what this state waits for. */
	{ NICT_COMPLETED,  EV_2XX,       NICT_COMPLETED,  0 },
	{ NICT_COMPLETED,  EV_FINAL,     NICT_COMPLETED,  0 },
	{ NICT_COMPLETED,  EV_TU_DETACH, NICT_COMPLETED,  0 },
	{ NICT_COMPLETED,  EV_TIMER_K,   TXN_TERMINATED,  0 },
};
/* clang-format on */

const struct txn_table txn_nict = { nict, ARRAY_LEN(nict) };
