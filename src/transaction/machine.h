/*
 * The four machines of RFC 3261 17 as data: states, events, actions and rows. A table is a list
 * of rows; a pair (state, event) without a row is ignored and counted. txn_step() in machine.c is
 * the only place that assigns a state.
 */
#ifndef SIPCGID_TRANSACTION_MACHINE_H
#define SIPCGID_TRANSACTION_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sip_msg;
struct txn;

/* Which machine a transaction is run by, and its short name outside. */
#define TXN_MACHINES(X)                                                                            \
	X(ICT, "ict")                                                                              \
	X(NICT, "nict")                                                                            \
	X(IST, "ist")                                                                              \
	X(NIST, "nist")

enum txn_machine {
#define TXN_MACHINE_ENUM(id, name) TXN_##id,
	TXN_MACHINES(TXN_MACHINE_ENUM)
#undef TXN_MACHINE_ENUM
		TXN_MACHINE_COUNT
};

#define TXN_STATES(X)                                                                              \
	X(TXN_NEW, "new")                                                                          \
	X(ICT_CALLING, "calling")                                                                  \
	X(ICT_PROCEEDING, "proceeding")                                                            \
	X(ICT_ACCEPTED, "accepted")                                                                \
	X(ICT_COMPLETED, "completed")                                                              \
	X(NICT_TRYING, "trying")                                                                   \
	X(NICT_PROCEEDING, "proceeding")                                                           \
	X(NICT_COMPLETED, "completed")                                                             \
	X(IST_PROCEEDING, "proceeding")                                                            \
	X(IST_ACCEPTED, "accepted")                                                                \
	X(IST_COMPLETED, "completed")                                                              \
	X(IST_CONFIRMED, "confirmed")                                                              \
	X(NIST_TRYING, "trying")                                                                   \
	X(NIST_PROCEEDING, "proceeding")                                                           \
	X(NIST_COMPLETED, "completed")                                                             \
	X(TXN_TERMINATED, "terminated")

enum txn_state {
#define TXN_STATE_ENUM(id, name) id,
	TXN_STATES(TXN_STATE_ENUM)
#undef TXN_STATE_ENUM
		TXN_STATE_COUNT
};

/*
 * EV_TU_* is the user's doing. EV_TIMER_TRYING: nobody answered in time, a 100 is due.
 * EV_TIMER_CANCEL: nothing final came although the INVITE was cancelled (9.1) or given up.
 */
#define TXN_EVENTS(X)                                                                              \
	X(EV_START, "start")                                                                       \
	X(EV_1XX, "1xx")                                                                           \
	X(EV_2XX, "2xx")                                                                           \
	X(EV_FINAL, "final")                                                                       \
	X(EV_REQUEST, "request")                                                                   \
	X(EV_ACK, "ack")                                                                           \
	X(EV_TU_1XX, "tu-1xx")                                                                     \
	X(EV_TU_2XX, "tu-2xx")                                                                     \
	X(EV_TU_FINAL, "tu-final")                                                                 \
	X(EV_TU_ABANDON, "tu-abandon")                                                             \
	X(EV_TU_CANCEL, "tu-cancel")                                                               \
	X(EV_TU_DETACH, "tu-detach")                                                               \
	X(EV_ERROR, "error")                                                                       \
	X(EV_TIMER_A, "timer-a")                                                                   \
	X(EV_TIMER_B, "timer-b")                                                                   \
	X(EV_TIMER_D, "timer-d")                                                                   \
	X(EV_TIMER_E, "timer-e")                                                                   \
	X(EV_TIMER_F, "timer-f")                                                                   \
	X(EV_TIMER_G, "timer-g")                                                                   \
	X(EV_TIMER_H, "timer-h")                                                                   \
	X(EV_TIMER_I, "timer-i")                                                                   \
	X(EV_TIMER_J, "timer-j")                                                                   \
	X(EV_TIMER_K, "timer-k")                                                                   \
	X(EV_TIMER_L, "timer-l")                                                                   \
	X(EV_TIMER_M, "timer-m")                                                                   \
	X(EV_TIMER_TRYING, "timer-trying")                                                         \
	X(EV_TIMER_CANCEL, "timer-cancel")

enum txn_event {
#define TXN_EVENT_ENUM(id, name) id,
	TXN_EVENTS(TXN_EVENT_ENUM)
#undef TXN_EVENT_ENUM
		TXN_EVENT_COUNT
};

/*
 * What a row does, in this order: timers stop, timers start, messages go out, the user is told.
 * The user comes last because it may do anything to the transaction. Timers A, E and G do not
 * start on reliable transports, and D, I, J and K end at once there.
 */
enum txn_action {
	DO_STOP = 1 << 0, /* both timers */
	DO_START_A = 1 << 1,
	DO_START_B = 1 << 2,
	DO_START_D = 1 << 3,
	DO_START_E = 1 << 4,
	DO_START_E_T2 = 1 << 5, /* E in Proceeding: T2 at once */
	DO_START_F = 1 << 6,
	DO_START_G = 1 << 7,
	DO_START_H = 1 << 8,
	DO_START_I = 1 << 9,
	DO_START_J = 1 << 10,
	DO_START_K = 1 << 11,
	DO_START_L = 1 << 12,
	DO_START_M = 1 << 13,
	DO_START_TRYING = 1 << 14,
	DO_GUARD = 1 << 15,  /* a detached transaction must end even if nothing more comes */
	DO_SEND = 1 << 16,   /* the request, or the response just given */
	DO_RESEND = 1 << 17, /* the same once more */
	DO_ACK = 1 << 18,    /* for a non-2xx final: build it once, send it */
	DO_CANCEL = 1 << 19, /* if the user asked for one */
	DO_TRYING = 1 << 20, /* 100 Trying of our own */
	DO_TO_TU = 1 << 21,  /* the message to the user */
	DO_TIMEOUT = 1 << 22,
	DO_FAILED = 1 << 23,
};

struct txn_row {
	uint8_t in; /* enum txn_state */
	uint8_t on; /* enum txn_event */
	uint8_t to; /* enum txn_state */
	uint32_t act;
};

struct txn_table {
	const struct txn_row *rows;
	size_t n;
};

extern const struct txn_table txn_ict, txn_nict, txn_ist, txn_nist;

/* The row of a pair, or NULL. */
const struct txn_row *txn_row_find(enum txn_machine m, enum txn_state s, enum txn_event e);
/*
 * Takes one event: the transition and its actions. @msg is what came, or NULL. False, and counted
 * as ignored, when the pair has no row. May call the user, so only EV_TU_* and EV_START of a
 * client may come from within the user's call: their rows tell the user nothing.
 */
bool txn_step(struct txn *t, enum txn_event e, struct sip_msg *msg);

const char *txn_machine_name(enum txn_machine m);
const char *txn_state_name(enum txn_state s);
const char *txn_event_name(enum txn_event e);

#endif
