/*
 * Every pair of state and event of the four machines, those without a row too: in the tables, and
 * at transactions brought into each state. What is expected is written here a second time, from
 * figures 5 to 8 of RFC 3261 and RFC 6026.
 */
#include "fixture.h"

/* What a state does with an event; every event that is not listed is ignored. */
struct expected {
	enum txn_machine machine;
	enum txn_state in;
	struct {
		enum txn_event on;
		enum txn_state to;
	} rows[10];
	size_t n;
};

#define ROWS(...)                                                                                  \
	{ __VA_ARGS__ }, sizeof((struct { int a, b; }[]){ __VA_ARGS__ }) / (2 * sizeof(int))

static const struct expected all[] = {
	{ TXN_ICT, TXN_NEW, ROWS({ EV_START, ICT_CALLING }) },
	{ TXN_ICT, ICT_CALLING,
	  ROWS({ EV_1XX, ICT_PROCEEDING }, { EV_2XX, ICT_ACCEPTED }, { EV_FINAL, ICT_COMPLETED },
	       { EV_ERROR, TXN_TERMINATED }, { EV_TIMER_A, ICT_CALLING },
	       { EV_TIMER_B, TXN_TERMINATED }, { EV_TU_CANCEL, ICT_CALLING },
	       { EV_TU_DETACH, ICT_CALLING }) },
	{ TXN_ICT, ICT_PROCEEDING,
	  ROWS({ EV_1XX, ICT_PROCEEDING }, { EV_2XX, ICT_ACCEPTED }, { EV_FINAL, ICT_COMPLETED },
	       { EV_TIMER_CANCEL, TXN_TERMINATED }, { EV_TU_CANCEL, ICT_PROCEEDING },
	       { EV_TU_DETACH, ICT_PROCEEDING }) },
	{ TXN_ICT, ICT_ACCEPTED,
	  ROWS({ EV_2XX, ICT_ACCEPTED }, { EV_TIMER_M, TXN_TERMINATED },
	       { EV_TU_CANCEL, ICT_ACCEPTED }, { EV_TU_DETACH, ICT_ACCEPTED }) },
	{ TXN_ICT, ICT_COMPLETED,
	  ROWS({ EV_FINAL, ICT_COMPLETED }, { EV_ERROR, TXN_TERMINATED },
	       { EV_TIMER_D, TXN_TERMINATED }, { EV_TU_CANCEL, ICT_COMPLETED },
	       { EV_TU_DETACH, ICT_COMPLETED }) },
	{ TXN_ICT, TXN_TERMINATED, { { 0 } }, 0 },

	{ TXN_NICT, TXN_NEW, ROWS({ EV_START, NICT_TRYING }) },
	{ TXN_NICT, NICT_TRYING,
	  ROWS({ EV_1XX, NICT_PROCEEDING }, { EV_2XX, NICT_COMPLETED },
	       { EV_FINAL, NICT_COMPLETED }, { EV_ERROR, TXN_TERMINATED },
	       { EV_TIMER_E, NICT_TRYING }, { EV_TIMER_F, TXN_TERMINATED },
	       { EV_TU_DETACH, NICT_TRYING }) },
	{ TXN_NICT, NICT_PROCEEDING,
	  ROWS({ EV_1XX, NICT_PROCEEDING }, { EV_2XX, NICT_COMPLETED },
	       { EV_FINAL, NICT_COMPLETED }, { EV_ERROR, TXN_TERMINATED },
	       { EV_TIMER_E, NICT_PROCEEDING }, { EV_TIMER_F, TXN_TERMINATED },
	       { EV_TU_DETACH, NICT_PROCEEDING }) },
	{ TXN_NICT, NICT_COMPLETED,
	  ROWS({ EV_2XX, NICT_COMPLETED }, { EV_FINAL, NICT_COMPLETED },
	       { EV_TIMER_K, TXN_TERMINATED }, { EV_TU_DETACH, NICT_COMPLETED }) },
	{ TXN_NICT, TXN_TERMINATED, { { 0 } }, 0 },

	{ TXN_IST, TXN_NEW, ROWS({ EV_START, IST_PROCEEDING }) },
	{ TXN_IST, IST_PROCEEDING,
	  ROWS({ EV_REQUEST, IST_PROCEEDING }, { EV_TU_1XX, IST_PROCEEDING },
	       { EV_TU_2XX, IST_ACCEPTED }, { EV_TU_FINAL, IST_COMPLETED },
	       { EV_TU_ABANDON, TXN_TERMINATED }, { EV_ERROR, IST_PROCEEDING },
	       { EV_TIMER_TRYING, IST_PROCEEDING }) },
	{ TXN_IST, IST_ACCEPTED,
	  ROWS({ EV_REQUEST, IST_ACCEPTED }, { EV_ACK, IST_ACCEPTED }, { EV_TU_2XX, IST_ACCEPTED },
	       { EV_ERROR, IST_ACCEPTED }, { EV_TIMER_L, TXN_TERMINATED }) },
	{ TXN_IST, IST_COMPLETED,
	  ROWS({ EV_REQUEST, IST_COMPLETED }, { EV_ACK, IST_CONFIRMED },
	       { EV_ERROR, IST_COMPLETED }, { EV_TIMER_G, IST_COMPLETED },
	       { EV_TIMER_H, TXN_TERMINATED }) },
	{ TXN_IST, IST_CONFIRMED,
	  ROWS({ EV_REQUEST, IST_CONFIRMED }, { EV_ACK, IST_CONFIRMED },
	       { EV_TIMER_I, TXN_TERMINATED }) },
	{ TXN_IST, TXN_TERMINATED, { { 0 } }, 0 },

	{ TXN_NIST, TXN_NEW, ROWS({ EV_START, NIST_TRYING }) },
	{ TXN_NIST, NIST_TRYING,
	  ROWS({ EV_REQUEST, NIST_TRYING }, { EV_TU_1XX, NIST_PROCEEDING },
	       { EV_TU_2XX, NIST_COMPLETED }, { EV_TU_FINAL, NIST_COMPLETED },
	       { EV_TU_ABANDON, TXN_TERMINATED }, { EV_TIMER_TRYING, NIST_PROCEEDING }) },
	{ TXN_NIST, NIST_PROCEEDING,
	  ROWS({ EV_REQUEST, NIST_PROCEEDING }, { EV_TU_1XX, NIST_PROCEEDING },
	       { EV_TU_2XX, NIST_COMPLETED }, { EV_TU_FINAL, NIST_COMPLETED },
	       { EV_TU_ABANDON, TXN_TERMINATED }, { EV_ERROR, NIST_PROCEEDING }) },
	{ TXN_NIST, NIST_COMPLETED,
	  ROWS({ EV_REQUEST, NIST_COMPLETED }, { EV_ERROR, NIST_COMPLETED },
	       { EV_TIMER_J, TXN_TERMINATED }) },
	{ TXN_NIST, TXN_TERMINATED, { { 0 } }, 0 },
};

/* Where the event leads, or -1: ignored. */
static int expected_to(const struct expected *x, enum txn_event e)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->rows[i].on == e)
			return (int)x->rows[i].to;
	return -1;
}

static const struct expected *expected_in(enum txn_machine m, enum txn_state s)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].machine == m && all[i].in == s)
			return &all[i];
	return NULL;
}

static void every_pair_of_the_tables_is_as_in_the_figures(void **state UNUSED)
{
	static const struct expected none = { .n = 0 };

	for (int m = 0; m < TXN_MACHINE_COUNT; m++) {
		for (int s = 0; s < TXN_STATE_COUNT; s++) {
			const struct expected *x = expected_in(m, s);

			/* A state of another machine has no rows here. */
			if (!x)
				x = &none;
			for (int e = 0; e < TXN_EVENT_COUNT; e++) {
				const struct txn_row *row = txn_row_find(m, s, e);
				int to = row ? row->to : -1;

				if (to != expected_to(x, e))
					fail_msg("%s: %s on %s", txn_machine_name(m),
						 txn_state_name(s), txn_event_name(e));
			}
		}
	}
}

static void no_pair_has_two_rows(void **state UNUSED)
{
	static const struct txn_table *const tables[] = { &txn_ict, &txn_nict, &txn_ist,
							  &txn_nist };

	for (int m = 0; m < TXN_MACHINE_COUNT; m++)
		for (size_t i = 0; i < tables[m]->n; i++)
			assert_ptr_equal(
				txn_row_find(m, tables[m]->rows[i].in, tables[m]->rows[i].on),
				&tables[m]->rows[i]);
}

static const char *const methods[] = {
	[TXN_ICT] = "INVITE", [TXN_NICT] = "OPTIONS", [TXN_IST] = "INVITE", [TXN_NIST] = "OPTIONS"
};

/* A transaction in that state, by what brings one there in life. */
static struct txn *bring_to(struct bench *b, enum txn_machine m, enum txn_state s)
{
	const char *method = methods[m];
	struct txn *t = m == TXN_ICT || m == TXN_NICT ? client(b, method, RT_UDP)
						      : server(b, method, RT_UDP);

	switch (s) {
	case ICT_PROCEEDING:
	case NICT_PROCEEDING:
		answer(b, method, 100);
		break;
	case ICT_ACCEPTED:
	case NICT_COMPLETED:
		answer(b, method, 200);
		break;
	case ICT_COMPLETED:
		answer(b, method, 486);
		break;
	case IST_ACCEPTED:
	case NIST_COMPLETED:
		assert_int_equal(respond(b, t, 200), 0);
		break;
	case IST_COMPLETED:
		assert_int_equal(respond(b, t, 486), 0);
		break;
	case IST_CONFIRMED:
		assert_int_equal(respond(b, t, 486), 0);
		RECEIVE(b, .method = "ACK", .to_tag = "t1");
		break;
	case NIST_PROCEEDING:
		bench_advance(b, 3500);
		break;
	case TXN_TERMINATED:
		/* Until the loop comes round it is still there. */
		if (txn_is_server(t))
			CALL_VOID(b, txn_abandon(t));
		else
			(void)txn_step(t, m == TXN_ICT ? EV_TIMER_B : EV_TIMER_F, NULL);
		break;
	default:
		break;
	}
	return t;
}

/* The message an event comes with; a reference for the caller. */
static struct sip_msg *message_of(enum txn_machine m, enum txn_event e)
{
	struct parts parts = { .method = e == EV_ACK ? "ACK" : methods[m], .to_tag = "t1" };

	if (e == EV_1XX)
		parts.status = 180;
	else if (e == EV_2XX)
		parts.status = 200;
	else if (e == EV_FINAL)
		parts.status = 486;
	return make_msg(&parts);
}

static void walk_one(const struct expected *x, enum txn_event e)
{
	int to = expected_to(x, e);
	struct sip_msg *msg;
	uint64_t ignored;
	struct bench b;
	struct txn *t;
	bool done;

	assert_true(bench_init(&b));
	t = bring_to(&b, x->machine, x->in);
	if (!t || t->state != x->in)
		fail_msg("%s cannot be brought to %s", txn_machine_name(x->machine),
			 txn_state_name(x->in));
	if (txn_is_server(t) && !t->packet) {
		struct packet *p = make_packet(&(struct parts){ .status = 180 });

		txn_set_packet(t, p); /* EV_TU_* come with one */
		packet_unref(p);
	}
	ignored = METRIC_OF(&b, TXN_IGNORED);
	msg = message_of(x->machine, e);
	txn_enter(b.l);
	done = txn_step(t, e, msg);
	if (done != (to >= 0) || t->state != (to < 0 ? (int)x->in : to))
		fail_msg("%s: %s on %s leads to %s", txn_machine_name(x->machine),
			 txn_state_name(x->in), txn_event_name(e), txn_state_name(t->state));
	assert_int_equal(METRIC_OF(&b, TXN_IGNORED) - ignored, to < 0);
	txn_leave(b.l);
	sip_msg_unref(msg);
	bench_fini(&b);
}

static void every_pair_holds_for_live_transactions(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i].in == TXN_NEW)
			continue; /* over before anybody can see it */
		for (int e = 0; e < TXN_EVENT_COUNT; e++)
			walk_one(&all[i], e);
	}
}

static void names_are_all_there(void **state UNUSED)
{
	for (int m = 0; m < TXN_MACHINE_COUNT; m++)
		assert_true(strlen(txn_machine_name(m)) > 0);
	for (int s = 0; s < TXN_STATE_COUNT; s++)
		assert_true(strlen(txn_state_name(s)) > 0);
	for (int e = 0; e < TXN_EVENT_COUNT; e++)
		assert_true(strlen(txn_event_name(e)) > 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(every_pair_of_the_tables_is_as_in_the_figures),
		HARNESS_TEST(no_pair_has_two_rows),
		HARNESS_TEST(every_pair_holds_for_live_transactions),
		HARNESS_TEST(names_are_all_there),
	};

	return harness_run("machine", tests, ARRAY_LEN(tests));
}
