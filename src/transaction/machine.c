/*
 * Runs the tables of ict.c, nict.c, ist.c and nist.c: finds the row of an event, sets the state,
 * does what the row says. How long each timer is: RFC 3261 table 4, RFC 6026 8.11, RFC 4320 4.1.
 */
#include "transaction/machine.h"

#include "base/log.h"
#include "transaction/layer.h"

#define DO_ANY_START                                                                               \
	(DO_START_A | DO_START_B | DO_START_D | DO_START_E | DO_START_E_T2 | DO_START_F |          \
	 DO_START_G | DO_START_H | DO_START_I | DO_START_J | DO_START_K | DO_START_L |             \
	 DO_START_M | DO_START_TRYING | DO_GUARD)
#define DO_ANY_MESSAGE (DO_SEND | DO_RESEND | DO_ACK | DO_CANCEL | DO_TRYING)
#define DO_ANY_TELL (DO_TO_TU | DO_TIMEOUT | DO_FAILED)

static const struct txn_table *const tables[] = {
	[TXN_ICT] = &txn_ict,
	[TXN_NICT] = &txn_nict,
	[TXN_IST] = &txn_ist,
	[TXN_NIST] = &txn_nist,
};

static const char *const machine_names[] = {
#define TXN_MACHINE_NAME(id, name) name,
	TXN_MACHINES(TXN_MACHINE_NAME)
#undef TXN_MACHINE_NAME
};
static const char *const state_names[] = {
#define TXN_STATE_NAME(id, name) name,
	TXN_STATES(TXN_STATE_NAME)
#undef TXN_STATE_NAME
};
static const char *const event_names[] = {
#define TXN_EVENT_NAME(id, name) name,
	TXN_EVENTS(TXN_EVENT_NAME)
#undef TXN_EVENT_NAME
};

const char *txn_machine_name(enum txn_machine m)
{
	return machine_names[m];
}

const char *txn_state_name(enum txn_state s)
{
	return state_names[s];
}

const char *txn_event_name(enum txn_event e)
{
	return event_names[e];
}

/* A table has some twenty rows of eight bytes: walking it costs less than a cache miss. */
const struct txn_row *txn_row_find(enum txn_machine m, enum txn_state s, enum txn_event e)
{
	const struct txn_table *table = tables[m];

	for (size_t i = 0; i < table->n; i++)
		if (table->rows[i].in == s && table->rows[i].on == e)
			return &table->rows[i];
	return NULL;
}

static void start_retry(struct txn *t, enum txn_event what, uint32_t ms)
{
	t->retry_event = (uint8_t)what;
	rt_timer_in(t->layer->rt, &t->retry, ms);
}

static void start_life(struct txn *t, enum txn_event what, uint32_t ms)
{
	t->life_event = (uint8_t)what;
	rt_timer_in(t->layer->rt, &t->life, ms);
}

/* A doubles without end, E and G up to T2; none of them on a reliable transport. */
static void start_backoff(struct txn *t, enum txn_event what, uint32_t cap)
{
	if (t->reliable)
		return;
	if (t->interval == 0)
		t->interval = t->t1;
	else
		t->interval = t->interval > cap / 2 ? cap : t->interval * 2;
	start_retry(t, what, t->interval);
}

/* How long it takes a client's Timer E to be set to T2: T1 + 2*T1 + 4*T1 ... RFC 4320 4.1. */
uint32_t txn_trying_delay(const struct txn *st)
{
	uint32_t sum = 0;

	for (uint32_t e = st->t1; e < st->t2; e *= 2)
		sum += e;
	return sum;
}

static void start_timers(struct txn *t, uint32_t act)
{
	uint32_t t1_64 = 64 * t->t1;

	if (act & DO_START_A)
		start_backoff(t, EV_TIMER_A, UINT32_MAX);
	if (act & DO_START_E)
		start_backoff(t, EV_TIMER_E, t->t2);
	if (act & DO_START_E_T2)
		start_retry(t, EV_TIMER_E, t->t2);
	if (act & DO_START_G)
		start_backoff(t, EV_TIMER_G, t->t2);
	if (act & DO_START_TRYING)
		start_retry(t, EV_TIMER_TRYING,
			    t->machine == TXN_IST ? t->layer->config.trying_ms
						  : txn_trying_delay(t));
	if (act & DO_START_B)
		start_life(t, EV_TIMER_B, t1_64);
	if (act & DO_START_D)
		start_life(t, EV_TIMER_D,
			   t->reliable ? 0 : (t1_64 > TXN_TIMER_D ? t1_64 : TXN_TIMER_D));
	if (act & DO_START_F)
		start_life(t, EV_TIMER_F, t1_64);
	if (act & DO_START_H)
		start_life(t, EV_TIMER_H, t1_64);
	if (act & DO_START_I)
		start_life(t, EV_TIMER_I, t->reliable ? 0 : t->t4);
	if (act & DO_START_J)
		start_life(t, EV_TIMER_J, t->reliable ? 0 : t1_64);
	if (act & DO_START_K)
		start_life(t, EV_TIMER_K, t->reliable ? 0 : t->t4);
	if (act & DO_START_L)
		start_life(t, EV_TIMER_L, t1_64);
	if (act & DO_START_M)
		start_life(t, EV_TIMER_M, t1_64);
	if ((act & DO_GUARD) && t->detached && !wheel_is_set(&t->life))
		start_life(t, EV_TIMER_CANCEL, TXN_GUARD_MS);
}

static void stop_timers(struct txn *t)
{
	rt_timer_stop(t->layer->rt, &t->retry);
	rt_timer_stop(t->layer->rt, &t->life);
}

static void send_packet(struct txn *t)
{
	if (txn_is_server(t))
		txn_route_send(t);
	else
		(void)txn_send(t, t->packet); /* a failure comes back as EV_ERROR */
}

static void resend(struct txn *t, enum txn_event e)
{
	if (!t->packet) {
		/* The 100 could not be made when it was due: no memory then, perhaps now. */
		if (txn_is_server(t) && !wheel_is_set(&t->retry))
			txn_trying(t);
		return;
	}
	if (e >= EV_TIMER_A)
		METRIC_INC(t->layer->rt, TXN_RETRANSMIT_OUT);
	send_packet(t);
}

static void send_messages(struct txn *t, enum txn_event e, uint32_t act, const struct sip_msg *msg)
{
	if (act & DO_SEND)
		send_packet(t);
	if (act & DO_RESEND)
		resend(t, e);
	if (act & DO_TRYING)
		txn_trying(t);
	if (act & DO_ACK)
		txn_ack_send(t, msg);
	if ((act & DO_CANCEL) && t->client.extra) {
		/* The wait of 9.1 begins here. */
		start_life(t, EV_TIMER_CANCEL, 64 * t->t1);
		txn_cancel_send(t);
	}
}

static void tell_client(struct txn *ct, uint32_t act, struct sip_msg *msg)
{
	const struct txn_client_events *ev = ct->client.ev;

	if ((act & DO_TO_TU) && msg->status > ct->status)
		ct->status = (uint16_t)msg->status;
	if (ct->internal || ct->detached)
		return;
	if (act & DO_TO_TU)
		ev->response(ct->client.arg, ct, msg);
	if (act & DO_TIMEOUT)
		ev->failed(ct->client.arg, ct, TXN_TIMEOUT);
	if (act & DO_FAILED)
		ev->failed(ct->client.arg, ct, TXN_TRANSPORT);
}

static void tell_server(struct txn *st, enum txn_event e, uint32_t act, struct sip_msg *msg)
{
	const struct txn_user *user = st->layer->user;
	void *arg = st->layer->arg;

	if ((act & DO_FAILED) && txn_route_again(st))
		return;
	if (st->internal)
		return;
	if (act & DO_TO_TU) {
		if (e == EV_ACK)
			user->ack(arg, st, msg);
		else if (st->method == SIP_CANCEL)
			user->cancel(arg, NULL, st, msg);
		else
			user->request(arg, st, msg);
	}
	if (act & DO_TIMEOUT)
		user->failed(arg, st, TXN_TIMEOUT);
	if (act & DO_FAILED)
		user->failed(arg, st, TXN_TRANSPORT);
}

bool txn_step(struct txn *t, enum txn_event e, struct sip_msg *msg)
{
	const struct txn_row *row = txn_row_find(t->machine, t->state, e);
	struct runtime *rt = t->layer->rt;

	if (!row) {
		METRIC_INC(rt, TXN_IGNORED);
		LOG(LOG_DEBUG, "transaction event ignored", LOG_INT("txn", txn_id(t)),
		    LOG_STR("machine", machine_names[t->machine]),
		    LOG_STR("state", state_names[t->state]), LOG_STR("event", event_names[e]));
		return false;
	}
	LOG(LOG_DEBUG, "transaction", LOG_INT("txn", txn_id(t)),
	    LOG_STR("machine", machine_names[t->machine]), LOG_STR("state", state_names[t->state]),
	    LOG_STR("event", event_names[e]), LOG_STR("to", state_names[row->to]));
	t->state = row->to;

	if (row->to == TXN_TERMINATED) {
		stop_timers(t);
		txn_unlink(t);
		txn_pend(t);
	} else if (row->act & DO_STOP) {
		stop_timers(t);
	}
	if (row->act & DO_ANY_START)
		start_timers(t, row->act);
	if (row->act & DO_ANY_MESSAGE)
		send_messages(t, e, row->act, msg);
	if (row->act & DO_TIMEOUT)
		METRIC_INC(rt, TXN_TIMEOUT);
	if (row->act & DO_ANY_TELL) {
		if (txn_is_server(t))
			tell_server(t, e, row->act, msg);
		else
			tell_client(t, row->act, msg);
	}
	return true;
}
