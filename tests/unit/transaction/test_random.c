/*
 * Thousands of random events, from a seed: messages of hostile peers, a user that does whatever it
 * may from within and from without its callbacks, sends that fail at once or later, names that
 * resolve late. After each event what must always hold is checked; at the end, when all timers
 * have fired, nothing is left and everything has been told exactly once.
 */
#include "fixture.h"

#define SEEDS 40
#define EVENTS 1500
#define BRANCHES 12

struct seat {
	struct txn *t;
	bool server, final, failed, detached;
};

struct world {
	struct fake_runtime f;
	struct txn_layer *l;
	uint64_t rng;
	unsigned seed, step;
	bool in_call;
	bool calm; /* the user does nothing by itself any more */
	bool poor; /* allocations fail now and then */
	struct seat seats[4096];
	size_t n;
	uint64_t terminated;
};

static unsigned pick(struct world *w, unsigned n)
{
	w->rng = w->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(w->rng >> 33) % n;
}

#define MUST(w, cond)                                                                              \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_msg("seed %u, event %u: %s", (w)->seed, (w)->step, #cond);            \
	} while (0)

/* A call of the user: nobody may be told anything while it lasts. */
#define DO(w, call)                                                                                \
	({                                                                                         \
		MUST(w, !(w)->in_call);                                                            \
		(w)->in_call = true;                                                               \
		__typeof__(call) do_ = (call);                                                     \
		(w)->in_call = false;                                                              \
		do_;                                                                               \
	})

static struct seat *seat_of(struct txn *t)
{
	struct seat *s = txn_data(t);

	assert_non_null(s);
	assert_ptr_equal(s->t, t);
	return s;
}

static struct seat *seat_new(struct world *w, struct txn *t, bool server)
{
	struct seat *s;

	assert_true(w->n < ARRAY_LEN(w->seats));
	s = &w->seats[w->n++];
	*s = (struct seat){ .t = t, .server = server };
	txn_set_data(t, s);
	return s;
}

static void random_respond(struct world *w, struct seat *s)
{
	static const unsigned codes[] = { 100, 180, 183, 200, 202, 302, 408, 486, 487, 603 };
	unsigned code = codes[pick(w, ARRAY_LEN(codes))];
	struct sip_reply r = { .status = code };
	int rc = DO(w, txn_reply(s->t, &r));

	if (rc == 0 && code >= 200 && code != 408) {
		/* A second final goes out only as a 2xx after a 2xx. */
		if (s->final)
			MUST(w, s->t->state == IST_ACCEPTED && code < 300);
		s->final = true;
	}
	MUST(w, rc == 0 || rc == -EALREADY || rc == -EINVAL || (w->poor && rc == -ENOMEM));
}

static const struct txn_client_events world_events;

static void random_client(struct world *w)
{
	static const char *const methods[] = { "INVITE", "INVITE", "BYE", "OPTIONS", "FOO" };
	const char *method = methods[pick(w, ARRAY_LEN(methods))];
	enum rt_transport transport = pick(w, 3) ? RT_UDP : RT_TCP;
	struct rt_flow to = { .transport = (uint8_t)transport, .listener = transport != RT_UDP };
	struct packet *p;
	struct txn *ct;
	char via[96], branch[32];
	int rc;

	(void)snprintf(branch, sizeof(branch), "z9hG4bKo%u", pick(w, BRANCHES));
	(void)snprintf(via, sizeof(via), "SIP/2.0/UDP 192.0.2.1:5060;branch=%s", branch);
	assert_int_equal(net_addr_parse(SLICE(PEER), 5060, &to.peer), 0);
	p = make_packet(&(struct parts){ .method = method, .via = via });
	if (!p)
		return;
	rc = DO(w, txn_client_new(w->l, &to, p, sip_method_find(slice_str(method)),
				  slice_str(branch), &world_events, w, &ct));
	packet_unref(p);
	if (rc == 0)
		(void)seat_new(w, ct, false);
	else
		MUST(w, rc == w->f.send_error || (w->poor && rc == -ENOMEM));
}

/* Something that a user may do to a transaction at any time. */
static void random_deed(struct world *w, struct seat *s)
{
	static const struct slice reason = SLICE_INIT("Reason: SIP;cause=200");

	if (s->server) {
		if (pick(w, 12) == 0)
			(void)DO(w, (txn_abandon(s->t), 0));
		else
			random_respond(w, s);
		return;
	}
	switch (pick(w, 4)) {
	case 0:
		(void)DO(w, (txn_client_detach(s->t), 0));
		s->detached = true;
		break;
	default:
		(void)DO(w, txn_client_cancel(s->t, &reason, 1));
	}
}

static struct seat *random_seat(struct world *w)
{
	for (int i = 0; i < 20 && w->n; i++) {
		struct seat *s = &w->seats[pick(w, (unsigned)w->n)];

		if (s->t)
			return s;
	}
	return NULL;
}

/* From within a callback the user may do anything, to others too. */
static void maybe_deed(struct world *w, struct seat *s)
{
	struct seat *other;

	if (w->calm)
		return;
	if (s && s->t && pick(w, 2))
		random_deed(w, s);
	if (pick(w, 4) == 0 && (other = random_seat(w)))
		random_deed(w, other);
	if (pick(w, 6) == 0 && w->n + 64 < ARRAY_LEN(w->seats))
		random_client(w);
}

static void on_request(void *arg, struct txn *st, struct sip_msg *req UNUSED)
{
	struct world *w = arg;

	MUST(w, !w->in_call);
	maybe_deed(w, seat_new(w, st, true));
}

static void on_ack(void *arg, struct txn *st, struct sip_msg *ack UNUSED)
{
	struct world *w = arg;

	MUST(w, !w->in_call);
	maybe_deed(w, st ? seat_of(st) : NULL);
}

static void on_cancel(void *arg, struct txn *invite, struct txn *st, struct sip_msg *msg UNUSED)
{
	struct world *w = arg;

	MUST(w, !w->in_call);
	maybe_deed(w, invite ? seat_of(invite) : seat_new(w, st, true));
}

static void on_failed(void *arg, struct txn *st, enum txn_failure why UNUSED)
{
	struct world *w = arg;

	MUST(w, !w->in_call);
	if (pick(w, 3) == 0 && !w->calm)
		random_respond(w, seat_of(st)); /* the very next send may fail as well */
	maybe_deed(w, seat_of(st));
}

static void on_terminated(void *arg, struct txn *t)
{
	struct world *w = arg;
	struct seat *s = seat_of(t);

	MUST(w, !w->in_call);
	w->terminated++;
	maybe_deed(w, s); /* still its user's until this returns */
	s->t = NULL;
}

static void on_response(void *arg, struct txn *ct, struct sip_msg *resp)
{
	struct world *w = arg;
	struct seat *s = seat_of(ct);

	MUST(w, !w->in_call && !s->failed && !s->detached);
	if (s->final)
		MUST(w, resp->status / 100 == 2 && ct->machine == TXN_ICT);
	if (resp->status >= 200)
		s->final = true;
	maybe_deed(w, s);
}

static void on_client_failed(void *arg, struct txn *ct, enum txn_failure why UNUSED)
{
	struct world *w = arg;
	struct seat *s = seat_of(ct);

	MUST(w, !w->in_call && !s->failed && !s->final && !s->detached);
	s->failed = true;
	maybe_deed(w, s);
}

static const struct txn_user world_user = { on_request, on_ack, on_cancel, on_failed,
					    on_terminated };
static const struct txn_client_events world_events = { on_response, on_client_failed,
						       on_terminated };

static void random_receive(struct world *w, bool response)
{
	static const char *const methods[] = { "INVITE", "INVITE",  "ACK", "CANCEL",
					       "BYE",    "OPTIONS", "FOO" };
	static const char *const vias[] = {
		"SIP/2.0/UDP " PEER ";rport;branch=z9hG4bKi", "SIP/2.0/UDP h.example;branch=i",
		"SIP/2.0/UDP h.example:", "SIP/2.0/UDP h;maddr=m.example;branch=z9hG4bKm",
		"SIP/2.0/UDP h;maddr=no.example;branch=z9hG4bKn"
	};
	static const unsigned codes[] = { 100, 180, 200, 200, 302, 404, 486, 487, 603 };
	char via[96];
	struct parts parts = { .method = methods[pick(w, ARRAY_LEN(methods))],
			       .via = via,
			       .transport = pick(w, 3) ? RT_UDP : RT_TCP };
	struct sip_msg *msg;

	if (response) {
		parts.status = codes[pick(w, ARRAY_LEN(codes))];
		(void)snprintf(via, sizeof(via), "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKo%u",
			       pick(w, BRANCHES));
	} else {
		(void)snprintf(via, sizeof(via), "%s%u", vias[pick(w, ARRAY_LEN(vias))],
			       1 + pick(w, BRANCHES / 3));
	}
	msg = make_msg(&parts);
	if (!msg)
		return;
	txn_layer_receive(w->l, msg);
	sip_msg_unref(msg);
}

static void random_event(struct world *w)
{
	static const unsigned steps[] = { 1, 10, 200, 500, 4000, 33000 };
	struct seat *s;

	switch (pick(w, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		random_receive(w, false);
		break;
	case 4:
	case 5:
	case 6:
		random_receive(w, true);
		break;
	case 7:
	case 8:
		random_client(w);
		break;
	case 9:
	case 10:
	case 11:
		s = random_seat(w);
		if (s)
			random_deed(w, s);
		break;
	case 12:
		s = random_seat(w);
		txn_layer_send_failed(w->l, s ? txn_id(s->t) : 1, -EPIPE);
		break;
	case 13:
		w->f.send_error = pick(w, 3) ? 0 : -EHOSTUNREACH;
		break;
	case 14:
		fake_resolve_all(&w->f);
		w->f.resolve_later = pick(w, 2);
		break;
	default:
		fake_runtime_advance(&w->f, steps[pick(w, ARRAY_LEN(steps))]);
	}
}

static void drop_sent(struct world *w)
{
	for (struct fake_sent *s; (s = fake_runtime_take(&w->f));)
		fake_sent_free(s);
}

/* Every transaction alive is known to its user, or the layer's own CANCEL. */
static void check_always(struct world *w)
{
	size_t pos = 0;
	struct map_node *node = NULL;

	MUST(w, w->l->depth == 0 && w->l->sending == 0);
	while (map_walk(&w->l->ids, &pos, &node)) {
		struct txn *t = CONTAINER_OF(node, struct txn, by_id);

		MUST(w, t->internal || seat_of(t) != NULL);
		MUST(w, t->linked == (t->state != TXN_TERMINATED));
		MUST(w, t->state != TXN_NEW);
		if (t->state == TXN_TERMINATED)
			MUST(w, list_linked(&t->pending) && !wheel_is_set(&t->retry) &&
					!wheel_is_set(&t->life));
		if (list_linked(&t->pending))
			MUST(w, wheel_is_set(&w->l->kick));
	}
}

static void wind_down(struct world *w)
{
	static const struct sip_reply unavailable = { .status = 480 };

	w->calm = true;
	w->f.send_error = 0;
	for (size_t i = 0; i < w->n; i++) {
		struct seat *s = &w->seats[i];

		if (!s->t)
			continue;
		if (s->server) {
			(void)DO(w, txn_reply(s->t, &unavailable));
		} else {
			(void)DO(w, (txn_client_detach(s->t), 0));
			s->detached = true;
		}
	}
	for (int i = 0; i < 4; i++) {
		fake_runtime_advance(&w->f, 100000);
		fake_resolve_all(&w->f);
		drop_sent(w);
	}
}

static void run_seed(struct world *w, unsigned seed, bool poor)
{
	struct txn_config config = TXN_CONFIG_DEFAULT;
	size_t clients;

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->poor = poor;
	w->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	config.max = 30;
	fake_runtime_init(&w->f);
	w->f.names[0].host = "m.example";
	w->f.names[0].targets = (struct rt_targets){ .n = 1, .v = { { .transport = RT_UDP } } };
	assert_int_equal(
		net_addr_parse(SLICE("192.0.2.44"), 5060, &w->f.names[0].targets.v[0].addr), 0);
	w->f.n_names = 1;
	assert_int_equal(txn_layer_new(&w->f.rt, &config, &world_user, w, &w->l), 0);
	for (w->step = 0; w->step < EVENTS && w->n + 64 < ARRAY_LEN(w->seats); w->step++) {
		if (poor && pick(w, 4) == 0)
			harness_fail_alloc(1 + pick(w, 12));
		random_event(w);
		harness_fail_alloc(0);
		drop_sent(w);
		check_always(w);
		MUST(w, txn_layer_count(w->l, NULL) <= config.max);
	}
	wind_down(w);
	MUST(w, txn_layer_count(w->l, &clients) == 0);
	MUST(w, clients == 0 && w->l->ids.count == 0);
	MUST(w, w->terminated == w->n);
	txn_layer_free(w->l);
	fake_runtime_fini(&w->f);
}

static void run_seeds(bool poor)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		run_seed(w, seed, poor);
	free(w);
}

static void everything_ends_exactly_once_whatever_happens(void **state UNUSED)
{
	run_seeds(false);
}

static void everything_ends_exactly_once_when_memory_is_short(void **state UNUSED)
{
	run_seeds(true);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(everything_ends_exactly_once_whatever_happens),
		HARNESS_TEST(everything_ends_exactly_once_when_memory_is_short),
	};

	return harness_run("random", tests, ARRAY_LEN(tests));
}
