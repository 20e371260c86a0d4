/*
 * The order of events of one transaction, and which of them run the script: RFC 3050 4, 5.3,
 * 5.6.1.5, 5.10, 5.11. The runs themselves are run.c's, what they say apply.c's.
 */
#include "cgi/queue.h"

#include <errno.h>

#include "base/log.h"
#include "cgi/run.h"

void queue_init(struct session *ss)
{
	list_init(&ss->queue);
	list_init(&ss->responses);
}

static void trigger_drop(struct cgi_trigger *t)
{
	sip_msg_unref(t->msg);
	t->msg = NULL;
}

void queue_fini(struct session *ss)
{
	for (struct list *it; (it = list_pop(&ss->queue));)
		trigger_drop(LIST_ENTRY(it, struct cgi_trigger, link));
	if (ss->trigger)
		trigger_drop(ss->trigger);
	ss->trigger = NULL;
	for (struct list *it; (it = list_pop(&ss->responses));) {
		struct cgi_response *r = LIST_ENTRY(it, struct cgi_response, link);

		sip_msg_unref(r->msg);
		packet_unref(r->sent);
	}
}

/* Lets go of it; the session may be gone afterwards. */
static void trigger_done(struct session *ss, struct cgi_trigger *t)
{
	if (!t)
		return;
	trigger_drop(t);
	if (t->holds)
		proxy_ctx_drop(ss->ctx);
}

static bool is_running(const struct session *ss)
{
	return ss->run || list_linked(&ss->waiting);
}

/* Can the script still be run in this transaction? Else nothing needs to be kept for it. */
static bool may_run(const struct session *ss)
{
	return ss->script && (ss->armed || is_running(ss) || !list_empty(&ss->queue));
}

static bool is_over(const struct session *ss)
{
	return ss->ctx->answered || ss->ctx->cancelled || !ss->ctx->st;
}

/* Answers of the server's own to what is wrong with a message run no script: SIPCGI.md 5. */
static bool tells_script(const struct cgi_response *r)
{
	if (!r->local)
		return true;
	switch (r->msg->status) {
	case 400:
	case 416:
	case 420:
	case 482:
	case 483:
	case 505:
		return false;
	default:
		return true;
	}
}

static int push(struct session *ss, enum cgi_event event, struct sip_msg *msg,
		struct cgi_response *r)
{
	struct cgi_trigger *t = arena_zalloc(&ss->ctx->arena, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->event = event;
	t->msg = sip_msg_ref(msg);
	t->resp = r;
	t->holds = event == CGI_CANCEL_EVENT;
	if (t->holds)
		proxy_ctx_hold(ss->ctx);
	list_push_back(&ss->queue, &t->link);
	return 0;
}

static void do_default(struct cgi_response *r)
{
	r->fate = CGI_RESPONSE_DEFAULT;
	proxy_ctx_turn(r->branch, r->msg);
	proxy_ctx_process(r->branch, r->msg);
}

/* The oldest event has its turn. */
static void take(struct session *ss, struct cgi_trigger *t)
{
	struct cgi_response *r = t->resp;
	bool runs = ss->armed;

	if (r) {
		proxy_ctx_turn(r->branch, r->msg);
		runs = runs && r->fate == CGI_RESPONSE_OPEN && !is_over(ss) && tells_script(r);
	}
	if (runs) {
		ss->trigger = t;
		run_again(ss);
		return;
	}
	if (r && r->fate == CGI_RESPONSE_OPEN)
		do_default(r);
	trigger_done(ss, t);
}

/* Nothing is left hanging: SIPCGI.md 1. */
static void settle(struct session *ss)
{
	struct cgi_response *best;

	if (ss->taking || is_running(ss) || !list_empty(&ss->queue) || is_over(ss) ||
	    proxy_ctx_pending(ss->ctx))
		return;
	best = queue_best(ss);
	proxy_ctx_settle(ss->ctx);
	/* If it is a 2xx it comes again. */
	if (best && best->fate != CGI_RESPONSE_SENT)
		best->fate = CGI_RESPONSE_DEFAULT;
}

static void go_on(struct session *ss)
{
	struct proxy_ctx *ctx = ss->ctx;
	struct list *it;

	if (ss->taking)
		return;
	proxy_ctx_hold(ctx);
	ss->taking = true;
	while (!is_running(ss) && (it = list_pop(&ss->queue)))
		take(ss, LIST_ENTRY(it, struct cgi_trigger, link));
	ss->taking = false;
	settle(ss);
	proxy_ctx_drop(ctx);
}

void queue_exhausted(void *arg)
{
	settle(arg);
}

static struct cgi_response *find_same(struct session *ss, const struct proxy_branch *b,
				      const struct sip_msg *resp)
{
	LIST_EACH (&ss->responses, it) {
		struct cgi_response *r = LIST_ENTRY(it, struct cgi_response, link);

		if (r->branch == b && r->msg->status == resp->status &&
		    slice_eq(packet_view(r->msg->packet), packet_view(resp->packet)))
			return r;
	}
	return NULL;
}

/* A repeated response is no event, but it goes where the first one went. */
static bool repeated(struct session *ss, const struct cgi_response *r)
{
	if (r->fate == CGI_RESPONSE_SENT && ss->ctx->st)
		(void)txn_respond(ss->ctx->st, r->sent, r->msg->status);
	return r->fate != CGI_RESPONSE_DEFAULT;
}

/* Memory is the script's run time long in the hands of whoever answers. */
static bool has_room(const struct session *ss, const struct sip_msg *resp)
{
	return ss->n_responses <
	       (resp->status < 200 ? CGI_RESPONSES_MAX / 4 * 3 : CGI_RESPONSES_MAX);
}

static int keep(struct session *ss, struct proxy_branch *b, struct sip_msg *resp, bool local,
		struct cgi_response **ret)
{
	struct arena *arena = &ss->ctx->arena;
	struct cgi_response *r = arena_zalloc(arena, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	/* Nobody can guess it, and the count makes it unique. */
	rc = arena_printf(arena, &r->token, "%016llx.%u",
			  (unsigned long long)rt_random64(ss->svc->rt), ss->n_responses);
	if (rc == 0)
		rc = push(ss, CGI_RESPONSE_EVENT, resp, r);
	if (rc < 0)
		return rc;
	r->branch = b;
	r->msg = sip_msg_ref(resp);
	r->local = local;
	list_push_back(&ss->responses, &r->link);
	ss->n_responses++;
	*ret = r;
	return 0;
}

bool queue_response(void *arg, struct proxy_branch *b, struct sip_msg *resp, bool local)
{
	struct session *ss = arg;
	struct cgi_response *r = find_same(ss, b, resp);

	if (r)
		return repeated(ss, r);
	if (!may_run(ss) || ss->ctx->answered)
		return false;
	if (!has_room(ss, resp) || keep(ss, b, resp, local, &r) < 0) {
		LOG(LOG_WARN, "script is not told of a response",
		    LOG_SLICE("call-id", ss->ctx->req->call_id),
		    LOG_SLICE("script", ss->script->name), LOG_INT("status", resp->status));
		return false;
	}
	go_on(ss);
	return true;
}

struct cgi_response *queue_find(struct session *ss, struct slice token)
{
	LIST_EACH (&ss->responses, it) {
		struct cgi_response *r = LIST_ENTRY(it, struct cgi_response, link);

		if (slice_eq(r->token, token))
			return r;
	}
	return NULL;
}

struct cgi_response *queue_best(struct session *ss)
{
	const struct proxy_branch *best = proxy_best(ss->ctx);

	LIST_EACH (&ss->responses, it) {
		struct cgi_response *r = LIST_ENTRY(it, struct cgi_response, link);

		if (best && r->msg == best->final)
			return r;
	}
	return NULL;
}

bool queue_rescue(struct session *ss)
{
	if (ss->ctx->req->method != SIP_INVITE || is_over(ss))
		return false;
	LIST_EACH (&ss->responses, it) {
		struct cgi_response *r = LIST_ENTRY(it, struct cgi_response, link);

		if (r->msg->status / 100 == 2 &&
		    (r->fate == CGI_RESPONSE_OPEN || r->fate == CGI_RESPONSE_HELD)) {
			do_default(r);
			return true;
		}
	}
	return false;
}

/* Once cancelled, responses pass the queue by. */
static void flush(struct session *ss)
{
	struct list *it;

	ss->taking = true;
	while ((it = list_pop(&ss->queue))) {
		struct cgi_trigger *t = LIST_ENTRY(it, struct cgi_trigger, link);

		if (t->resp && t->resp->fate == CGI_RESPONSE_OPEN)
			do_default(t->resp);
		trigger_done(ss, t);
	}
	ss->taking = false;
}

void queue_cancel(struct session *ss, struct sip_msg *cancel)
{
	struct proxy_ctx *ctx = ss->ctx;
	struct cgi_trigger *waiting = NULL;

	if (is_over(ss))
		return;
	proxy_ctx_hold(ctx);
	/* A 2xx that was there first wins the race, whatever the script was going to say. */
	queue_rescue(ss);
	proxy_ctx_cancel(ctx);
	if (list_linked(&ss->waiting)) {
		run_give_up_waiting(ss);
		waiting = ss->trigger;
		ss->trigger = NULL;
	}
	flush(ss);
	if (waiting && waiting->resp && waiting->resp->fate == CGI_RESPONSE_OPEN)
		do_default(waiting->resp);
	trigger_done(ss, waiting);
	if (ctx->cancelled && (ss->armed || ss->run) &&
	    push(ss, CGI_CANCEL_EVENT, cancel, NULL) < 0)
		LOG(LOG_WARN, "script is not told of a CANCEL",
		    LOG_SLICE("call-id", ctx->req->call_id));
	go_on(ss);
	proxy_ctx_drop(ctx);
}

void queue_ack(struct session *ss, struct sip_msg *ack)
{
	if ((ss->armed || ss->run) && push(ss, CGI_ACK_EVENT, ack, NULL) == 0)
		go_on(ss);
}

static bool awaits_cancel(const struct session *ss)
{
	const struct cgi_trigger *t = ss->trigger;

	if (t && t->event == CGI_CANCEL_EVENT && list_linked(&ss->waiting))
		return true;
	LIST_EACH (&ss->queue, it)
		if (LIST_ENTRY(it, struct cgi_trigger, link)->event == CGI_CANCEL_EVENT)
			return true;
	return false;
}

void queue_release(struct session *ss)
{
	struct cgi_trigger *t = ss->trigger;
	struct list *it;

	if (awaits_cancel(ss))
		return;
	run_forget(ss);
	ss->armed = false;
	ss->trigger = NULL;
	while ((it = list_pop(&ss->queue)))
		trigger_done(ss, LIST_ENTRY(it, struct cgi_trigger, link));
	trigger_done(ss, t);
}

void queue_ended(struct session *ss, bool acted, bool again)
{
	struct cgi_trigger *t = ss->trigger;
	struct cgi_response *r = t ? t->resp : NULL;
	struct proxy_ctx *ctx = ss->ctx;
	bool inside = ss->taking;

	proxy_ctx_hold(ctx);
	ss->trigger = NULL;
	ss->armed = again && ss->n_runs < CGI_RUNS_MAX;
	if (again && !ss->armed)
		LOG(LOG_WARN, "script has had all its runs",
		    LOG_SLICE("call-id", ctx->req->call_id), LOG_SLICE("script", ss->script->name),
		    LOG_INT("runs", CGI_RUNS_MAX));
	ss->taking = true;
	if (r && r->fate == CGI_RESPONSE_OPEN) {
		if (acted)
			r->fate = CGI_RESPONSE_HELD;
		else
			do_default(r);
	} else if (!t && !acted && !is_over(ss)) {
		default_action(ss);
	}
	proxy_ctx_start(ctx, ss->armed);
	ss->taking = inside;
	trigger_done(ss, t);
	go_on(ss);
	proxy_ctx_drop(ctx);
}
