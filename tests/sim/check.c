/*
 * The checker: what is remembered of each request, what must be true of live objects after every
 * event, and what must be true in the end.
 */
#include "check.h"
#include "cgi/queue.h"

#include "proxy/context.h"

/* Matched by a CANCEL, an INVITE is answered by then: a branch without an answer has 64*T1 to get
 * its first response, and after the CANCEL 64*T1 for the last. */
#define CANCEL_MS (2 * 64 * SIM_T1 + 2000)

struct run_of {
	struct map_node node;
	struct slice transaction;
};

struct parsed {
	struct list link;
	struct sip_msg *msg;
};

void check_init(struct sim *w)
{
	struct check *c = w->check = sim_alloc(w, sizeof(*c));

	list_init(&c->reqs);
	list_init(&c->msgs);
	map_init(&c->by_via);
	map_init(&c->sent);
	map_init(&c->passed);
	map_init(&c->runs);
}

void check_fini(struct sim *w)
{
	struct check *c = w->check;
	struct list *n;

	while ((n = list_pop(&c->msgs)))
		sip_msg_unref(LIST_ENTRY(n, struct parsed, link)->msg);
	map_fini(&c->by_via);
	map_fini(&c->sent);
	map_fini(&c->passed);
	map_fini(&c->runs);
}

/* Lives until the end of the run; NULL: it cannot be read at all. */
struct sip_msg *check_parse(struct sim *w, struct packet *p, struct sip_error *reterr)
{
	struct parsed *keep;
	struct sip_msg *m;

	if (sip_msg_parse(p, &m, reterr) < 0)
		return NULL;
	keep = sim_alloc(w, sizeof(*keep));
	keep->msg = m;
	list_push_back(&w->check->msgs, &keep->link);
	return m;
}

void check_same(struct sim *w, const char *what, struct slice was, struct slice is)
{
	if (!slice_eq(was, is))
		sim_fail(w, what, "came as \"%.*s\" and leaves as \"%.*s\"", SLICE_FMT(was),
			 SLICE_FMT(is));
}

static uint64_t hash_of(const struct sip_via *via, enum sip_method method)
{
	return slice_ihash(via->branch, slice_ihash(via->host, (uint64_t)method ^ via->port));
}

struct check_req *check_find(struct sim *w, const struct sip_via *via, enum sip_method method)
{
	for (struct map_node *n = map_first(&w->check->by_via, hash_of(via, method)); n;
	     n = map_next(n)) {
		struct check_req *r = CONTAINER_OF(n, struct check_req, node);

		if (r->msg->method == method && slice_ieq(r->msg->via.branch, via->branch) &&
		    slice_ieq(r->msg->via.host, via->host) && r->msg->via.port == via->port)
			return r;
	}
	return NULL;
}

static void note_cancel(struct sim *w, const struct sip_msg *cancel)
{
	struct check_req *r = check_find(w, &cancel->via, SIP_INVITE);

	if (r && r->epoch == w->epoch && !r->cancelled_at && list_empty(&r->finals) && !r->faulty)
		r->cancelled_at = w->rt.now;
}

/* A challenge to an INVITE over UDP is no transaction's (RFC 3261 8.2.7, 26.3.2.4): the next copy
 * of the request is judged anew, as things stand then. */
static bool was_challenged(const struct check_req *r)
{
	return r->msg->method == SIP_INVITE && r->flow.transport == RT_UDP &&
	       !list_empty(&r->finals) &&
	       LIST_ENTRY(r->finals.next, struct check_final, link)->status == 407;
}

void check_anew(struct check_req *r)
{
	if (r->copied)
		list_init(&r->finals);
	r->copied = false;
}

void check_in(struct sim *w, struct packet *p, const struct rt_flow *flow, bool wild)
{
	struct sip_error error;
	struct sip_msg *m = check_parse(w, sim_keep(w, packet_ref(p)), &error);
	struct check_req *r;

	sim_log_packet(w, "core gets", p);
	if (m && !m->is_request && m->status / 100 == 2 && m->method == SIP_INVITE)
		check_answer_in(w, m);
	if (!m || !m->is_request)
		return;
	if (m->method == SIP_CANCEL && !m->fault.reason)
		note_cancel(w, m);
	r = check_find(w, &m->via, m->method);
	if (r && r->epoch == w->epoch) {
		r->copied = r->copied || was_challenged(r);
		return;
	}
	if (!r) {
		r = sim_alloc(w, sizeof(*r));
		r->msg = m;
		list_push_back(&w->check->reqs, &r->link);
		if (map_add(&w->check->by_via, &r->node, hash_of(&m->via, m->method)) < 0)
			abort();
	}
	r->flow = *flow;
	r->at = w->rt.now;
	r->epoch = w->epoch;
	r->cancelled_at = 0;
	r->wild = wild;
	r->faulty = m->fault.reason;
	r->proxied = r->scripted = r->copied = false;
	list_init(&r->finals);
}

void check_bad_frame(struct sim *w, struct slice head, const struct rt_flow *flow)
{
	struct packet *p = sim_keep(w, packet_from(head));
	struct sip_error error;
	struct sip_msg *m = check_parse(w, p, &error);
	struct check_req *r;

	check_in(w, p, flow, true);
	r = m && m->is_request ? check_find(w, &m->via, m->method) : NULL;
	if (r)
		r->faulty = true;
}

void check_out(struct sim *w, struct packet *p, const struct rt_flow *to)
{
	struct sip_error error = { 0 };
	struct sip_msg *m = check_parse(w, sim_keep(w, packet_ref(p)), &error);
	struct check_req *r;

	sim_log_packet(w, "core sends", p);
	if (!w->svc)
		sim_fail(w, "silence", "something leaves when the service is gone");
	if (m && !m->is_request && m->fault.reason) {
		/* What a faulty request lacks its answer lacks too. */
		r = check_find(w, &m->via, m->method);
		if ((r && r->faulty) || (!r && w->p.mutate))
			return;
	}
	if (!m && w->p.mutate && p->len > 8 && memcmp(p->data, "SIP/2.0 ", 8) == 0)
		return;
	if (!m || m->fault.reason)
		sim_fail(w, "syntax", "what leaves cannot be read: line %u: %s",
			 m ? m->fault.line : error.line, m ? m->fault.reason : error.reason);
	if (m->is_request)
		check_request(w, p, m, to);
	else
		check_response(w, p, m, to);
}

/* ---- scripts ---- */

void check_run(struct sim *w, struct slice transaction, struct slice via, bool begins)
{
	uint64_t hash = slice_hash(transaction, 0);
	struct run_of *run;
	struct slice first;
	struct sip_via v;

	for (struct map_node *n = map_first(&w->check->runs, hash); n; n = map_next(n)) {
		run = CONTAINER_OF(n, struct run_of, node);
		if (!slice_eq(run->transaction, transaction))
			continue;
		if (begins)
			sim_fail(w, "one script", "two run for transaction %.*s",
				 SLICE_FMT(transaction));
		map_del(&w->check->runs, n);
		return;
	}
	if (!begins || !transaction.n)
		sim_fail(w, "one script", "a run without a transaction");
	run = sim_alloc(w, sizeof(*run));
	run->transaction = transaction;
	if (map_add(&w->check->runs, &run->node, hash) < 0)
		abort();
	if (!sip_list_next(&via, &first) || sip_via_parse(first, &v, NULL) < 0)
		return;
	for (int m = 0; m < SIP_METHOD_COUNT; m++) {
		struct check_req *r = check_find(w, &v, (enum sip_method)m);

		if (r)
			r->scripted = true;
	}
}

/* ---- live objects ---- */

static void check_branch(struct sim *w, const struct proxy_ctx *ctx, const struct proxy_branch *b)
{
	bool works = b->ct || b->resolve;

	if (b->ctx != ctx)
		sim_fail(w, "branch", "belongs to another context");
	if (!ctx->owned && (works || wheel_is_set(&b->timer_c) || b->state != BRANCH_ENDED))
		sim_fail(w, "branch", "outlives its context, state %d", b->state);
	if (b->state == BRANCH_ENDED && wheel_is_set(&b->timer_c))
		sim_fail(w, "branch", "has ended and Timer C runs");
	if (b->state == BRANCH_WAITING && works)
		sim_fail(w, "branch", "waits and is under way");
	/* A final response may wait for its turn. */
	if (b->state != BRANCH_WAITING && b->state != BRANCH_ENDED && !works && !b->final)
		sim_fail(w, "branch", "is pending, and nothing will ever end it, state %d",
			 b->state);
}

static void check_session(struct sim *w, const struct session *ss)
{
	const struct proxy_ctx *ctx = ss->ctx;
	unsigned pending = proxy_ctx_pending(ctx), active = 0;
	bool busy = ss->run || list_linked(&ss->waiting);
	bool cancel = ss->trigger && ss->trigger->event == CGI_CANCEL_EVENT;
	bool queued = !list_empty(&ss->queue);

	LIST_EACH (&ctx->branches, it) {
		const struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		check_branch(w, ctx, b);
		active += b->state != BRANCH_ENDED && b->state != BRANCH_WAITING;
	}
	if (ss->run && list_linked(&ss->waiting))
		sim_fail(w, "one script", "a transaction runs its script and waits to");
	LIST_EACH (&ss->queue, it)
		cancel |= LIST_ENTRY(it, struct cgi_trigger, link)->event == CGI_CANCEL_EVENT;
	if (queued && !busy)
		sim_fail(w, "queue", "events wait for a script that does not run");
	if (ss->n_runs > CGI_RUNS_MAX)
		sim_fail(w, "queue", "%u runs of one transaction", ss->n_runs);
	if (!ctx->owned && (busy || pending || queued) && !cancel)
		sim_fail(w, "session", "is over and still busy");
	if (!ctx->owned || ctx->answered)
		return;
	if (ctx->st && txn_status(ctx->st) >= 200)
		sim_fail(w, "session", "was answered and does not know");
	if (!pending && (ctx->cancelled || !busy))
		sim_fail(w, "session", "nothing is pending, and no final response went up");
	if (pending && !active && !busy)
		sim_fail(w, "session", "all its branches wait");
}

static void check_lanes(struct sim *w)
{
	unsigned running = 0;

	LIST_EACH (&w->svc->lanes, it) {
		const struct cgi_lane *lane = LIST_ENTRY(it, struct cgi_lane, link);
		unsigned n = 0;

		LIST_EACH (&lane->waiting, s)
			n++;
		if (n != lane->n_waiting)
			sim_fail(w, "lane", "%u wait, %u are said to", n, lane->n_waiting);
		running += lane->running;
		if (n && !running && !w->n_runs && !wheel_is_set(&w->spawner_ready))
			sim_fail(w, "lane", "%u wait, and nothing runs that could end", n);
	}
	if (running != w->n_runs)
		sim_fail(w, "lane", "%u runs are counted, %u there are", running, w->n_runs);
}

void check_live(struct sim *w)
{
	size_t n = 0;

	if (!w->svc)
		return;
	if (w->check->must_answer && list_empty(&w->check->must_answer->finals))
		sim_fail(w, "2xx at once", "the first 2xx of a fork did not go up");
	w->check->must_answer = NULL;
	LIST_EACH (&w->svc->sessions, it) {
		check_session(w, LIST_ENTRY(it, struct session, link));
		n++;
	}
	if (n != w->svc->n_sessions)
		sim_fail(w, "session", "%zu live, %zu are counted", n, w->svc->n_sessions);
	check_lanes(w);
}

/* ---- later ---- */

/* Did a 2xx with that tag go up? */
static bool has_tag(const struct check_req *r, struct slice tag)
{
	LIST_EACH (&r->finals, it) {
		const struct check_final *f = LIST_ENTRY(it, struct check_final, link);

		if (f->status < 300 && slice_eq(f->to_tag, tag))
			return true;
	}
	return false;
}

/*
 * Nobody acknowledged a 2xx. In a network that loses nothing there is one excuse: the caller had
 * another final response before it (a CANCEL that lost the race, Timer C), RFC 6026 7.1.
 */
void check_no_ack(struct sim *w, const struct sip_msg *invite, struct slice tag)
{
	bool seen = false;

	sim_log(w, "no ACK for %.*s", SLICE_FMT(tag));
	if (!w->p.quiet || w->p.abort)
		return;
	LIST_EACH (&w->check->reqs, it) {
		struct check_req *r = LIST_ENTRY(it, struct check_req, link);

		if (r->msg->method != SIP_INVITE || r->msg->cseq.number != invite->cseq.number ||
		    !slice_eq(r->msg->call_id, invite->call_id) ||
		    !slice_eq(r->msg->from_tag, invite->from_tag))
			continue;
		seen = true;
		/* A script may have held it back. */
		if (r->scripted && !has_tag(r, tag))
			return;
		if (!list_empty(&r->finals) && !has_tag(r, tag) &&
		    LIST_ENTRY(r->finals.next, struct check_final, link)->status >= 300)
			return;
	}
	if (seen)
		sim_fail(w, "ACK", "a 2xx with tag %.*s was never acknowledged", SLICE_FMT(tag));
}

void check_restart(struct sim *w)
{
	struct map_node *n = NULL;
	size_t pos = 0;

	if (map_walk(&w->check->runs, &pos, &n))
		sim_fail(w, "one script", "a run outlives the service");
}

static void check_answer(struct sim *w, const struct check_req *r)
{
	struct slice method = r->msg->method_name;

	/* A name in maddr that cannot be looked up: it leaves nowhere. */
	if (w->p.mutate_responses || r->msg->via.maddr.n)
		return;
	if (r->epoch != w->epoch || r->faulty || r->msg->method == SIP_ACK)
		return;
	if (!list_empty(&r->finals)) {
		if (r->cancelled_at && r->final_at > r->cancelled_at + CANCEL_MS)
			sim_fail(w, "CANCEL", "answered only after %llu ms",
				 (unsigned long long)(r->final_at - r->cancelled_at));
		return;
	}
	/* RFC 4320: no 408 for what timed out downstream. */
	if (r->msg->method != SIP_INVITE && r->proxied)
		return;
	sim_fail(w, "one final response", "%.*s %.*s (%.*s) got none", SLICE_FMT(method),
		 SLICE_FMT(r->msg->call_id), SLICE_FMT(r->msg->via.branch));
}

void check_end(struct sim *w)
{
	size_t client, server = txn_layer_count(w->svc->txns, &client);

	if (server || client)
		sim_fail(w, "end", "%zu server and %zu client transactions live", server, client);
	if (service_busy(w->svc))
		sim_fail(w, "end", "%zu requests are under way", service_busy(w->svc));
	if (!list_empty(&w->flights))
		sim_fail(w, "end", "messages are still under way");
	runtime_check_idle(w);
	if (w->rt.wheel.count)
		sim_fail(w, "end", "%zu timers are set", w->rt.wheel.count);
	LIST_EACH (&w->check->reqs, it)
		check_answer(w, LIST_ENTRY(it, struct check_req, link));
}

size_t check_answered(const struct sim *w)
{
	return w->check->n_answered;
}
