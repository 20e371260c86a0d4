/*
 * INVITE server transaction: RFC 3261 17.2.1 as changed by RFC 6026 7.1 and 8.5-8.8 (figure 7).
 * A response that cannot be sent ends nothing: retransmitted INVITEs must still find their
 * transaction. Whoever sent the 2xx retransmits it.
 */
#include "base/cleanup.h"
#include "transaction/machine.h"

/* clang-format off */
static const struct txn_row ist[] = {
	/* in             on               go to           and do */
	{ TXN_NEW,        EV_START,        IST_PROCEEDING, DO_START_TRYING | DO_TO_TU },

	{ IST_PROCEEDING, EV_REQUEST,      IST_PROCEEDING, DO_RESEND },
	{ IST_PROCEEDING, EV_TIMER_TRYING, IST_PROCEEDING, DO_TRYING },
	{ IST_PROCEEDING, EV_TU_1XX,       IST_PROCEEDING, DO_STOP | DO_SEND },
	{ IST_PROCEEDING, EV_TU_2XX,       IST_ACCEPTED,   DO_STOP | DO_START_L | DO_SEND },
	{ IST_PROCEEDING, EV_TU_FINAL,     IST_COMPLETED,
	  DO_STOP | DO_START_G | DO_START_H | DO_SEND },
	{ IST_PROCEEDING, EV_TU_ABANDON,   TXN_TERMINATED, 0 },
	{ IST_PROCEEDING, EV_ERROR,        IST_PROCEEDING, DO_FAILED },

	{ IST_ACCEPTED,   EV_REQUEST,      IST_ACCEPTED,   0 },
	{ IST_ACCEPTED,   EV_TU_2XX,       IST_ACCEPTED,   DO_SEND },
	{ IST_ACCEPTED,   EV_ACK,          IST_ACCEPTED,   DO_TO_TU },
	{ IST_ACCEPTED,   EV_ERROR,        IST_ACCEPTED,   DO_FAILED },
	{ IST_ACCEPTED,   EV_TIMER_L,      TXN_TERMINATED, 0 },

	{ IST_COMPLETED,  EV_REQUEST,      IST_COMPLETED,  DO_RESEND },
	{ IST_COMPLETED,  EV_TIMER_G,      IST_COMPLETED,  DO_START_G | DO_RESEND },
	{ IST_COMPLETED,  EV_TIMER_H,      TXN_TERMINATED, DO_TIMEOUT },
	{ IST_COMPLETED,  EV_ACK,          IST_CONFIRMED,  DO_STOP | DO_START_I },
	{ IST_COMPLETED,  EV_ERROR,        IST_COMPLETED,  DO_FAILED },

	/* What the network still had of both is absorbed. */
	{ IST_CONFIRMED,  EV_REQUEST,      IST_CONFIRMED,  0 },
	{ IST_CONFIRMED,  EV_ACK,          IST_CONFIRMED,  0 },
	{ IST_CONFIRMED,  EV_TIMER_I,      TXN_TERMINATED, 0 },
};
/* clang-format on */

const struct txn_table txn_ist = { ist, ARRAY_LEN(ist) };
