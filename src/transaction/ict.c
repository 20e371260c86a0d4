/*
 * INVITE client transaction: RFC 3261 17.1.1 as changed by RFC 6026 7.2 and 8.4 (figure 5).
 * EV_TU_CANCEL and EV_TIMER_CANCEL are RFC 3261 9.1. The ACK for a 2xx is the user's.
 */
#include "base/cleanup.h"
#include "transaction/machine.h"

/* clang-format off */
static const struct txn_row ict[] = {
	/* in             on               go to           and do */
	{ TXN_NEW,        EV_START,        ICT_CALLING,    DO_SEND | DO_START_A | DO_START_B },

	{ ICT_CALLING,    EV_TIMER_A,      ICT_CALLING,    DO_RESEND | DO_START_A },
	{ ICT_CALLING,    EV_TIMER_B,      TXN_TERMINATED, DO_TIMEOUT },
	{ ICT_CALLING,    EV_ERROR,        TXN_TERMINATED, DO_FAILED },
	{ ICT_CALLING,    EV_1XX,          ICT_PROCEEDING,
	  DO_STOP | DO_GUARD | DO_CANCEL | DO_TO_TU },
	{ ICT_CALLING,    EV_2XX,          ICT_ACCEPTED,   DO_STOP | DO_START_M | DO_TO_TU },
	{ ICT_CALLING,    EV_FINAL,        ICT_COMPLETED,
	  DO_STOP | DO_START_D | DO_ACK | DO_TO_TU },
	/* 9.1: no CANCEL before a provisional response. */
	{ ICT_CALLING,    EV_TU_CANCEL,    ICT_CALLING,    0 },
	{ ICT_CALLING,    EV_TU_DETACH,    ICT_CALLING,    0 },

	{ ICT_PROCEEDING, EV_1XX,          ICT_PROCEEDING, DO_TO_TU },
	{ ICT_PROCEEDING, EV_2XX,          ICT_ACCEPTED,   DO_STOP | DO_START_M | DO_TO_TU },
	{ ICT_PROCEEDING, EV_FINAL,        ICT_COMPLETED,
	  DO_STOP | DO_START_D | DO_ACK | DO_TO_TU },
	{ ICT_PROCEEDING, EV_TU_CANCEL,    ICT_PROCEEDING, DO_CANCEL },
	{ ICT_PROCEEDING, EV_TU_DETACH,    ICT_PROCEEDING, DO_GUARD },
	{ ICT_PROCEEDING, EV_TIMER_CANCEL, TXN_TERMINATED, DO_TIMEOUT },

	{ ICT_ACCEPTED,   EV_2XX,          ICT_ACCEPTED,   DO_TO_TU },
	{ ICT_ACCEPTED,   EV_TU_CANCEL,    ICT_ACCEPTED,   0 },
	{ ICT_ACCEPTED,   EV_TU_DETACH,    ICT_ACCEPTED,   0 },
	{ ICT_ACCEPTED,   EV_TIMER_M,      TXN_TERMINATED, 0 },

	{ ICT_COMPLETED,  EV_FINAL,        ICT_COMPLETED,  DO_ACK },
	/* The ACK could not be sent. The user has its final response: nothing to tell it. */
	{ ICT_COMPLETED,  EV_ERROR,        TXN_TERMINATED, 0 },
	{ ICT_COMPLETED,  EV_TU_CANCEL,    ICT_COMPLETED,  0 },
	{ ICT_COMPLETED,  EV_TU_DETACH,    ICT_COMPLETED,  0 },
	{ ICT_COMPLETED,  EV_TIMER_D,      TXN_TERMINATED, 0 },
};
/* clang-format on */

const struct txn_table txn_ict = { ict, ARRAY_LEN(ict) };
