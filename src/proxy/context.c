/*
 * The response context: RFC 3261 16.7, 16.9, 16.10. What happens on a branch is in branch.c, the
 * choice of the best response in best.c.
 */
#include "proxy/context.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "proxy/branch.h"
#include "sip/reply.h"

/* There may be as many as there are calls: target and places live in the arena beside it. */
_Static_assert(sizeof(struct proxy_branch) <= 208, "a branch has grown: is it worth it?");

int proxy_ctx_new(struct proxy *p, struct txn *st, struct sip_msg *req,
		  const struct proxy_hooks *hooks, void *arg, struct proxy_ctx **ret)
{
	struct proxy_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	arena_init(&ctx->arena, 1024);
	list_init(&ctx->branches);
	ctx->proxy = p;
	ctx->st = st;
	ctx->req = sip_msg_ref(req);
	ctx->hooks = hooks;
	ctx->arg = arg;
	ctx->refs = 1;
	ctx->owned = true;
	ctx->loop_hash = proxy_loop_hash(p, req);
	ctx->drop_field = SIP_NO_FIELD;
	ctx->breadth_left = proxy_breadth(p, req);
	*ret = ctx;
	return 0;
}

void proxy_ctx_unref(struct proxy_ctx *ctx)
{
	if (--ctx->refs)
		return;
	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		rt_timer_stop(ctx->proxy->rt, &b->timer_c);
		proxy_branch_no_expires(b);
		sip_msg_unref(b->final);
	}
	if (ctx->hooks && ctx->hooks->freed)
		ctx->hooks->freed(ctx->arg);
	sip_msg_unref(ctx->req);
	arena_fini(&ctx->arena);
	free(ctx);
}

void proxy_ctx_hold(struct proxy_ctx *ctx)
{
	ctx->refs++;
}

void proxy_ctx_drop(struct proxy_ctx *ctx)
{
	proxy_ctx_unref(ctx);
}

void proxy_ctx_release(struct proxy_ctx *ctx)
{
	if (!ctx->owned)
		return;
	ctx->owned = false;
	ctx->st = NULL;
	ctx->closed = true;
	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		/* What still rings is cancelled; its answers find nobody. */
		if (b->state != BRANCH_ENDED)
			proxy_branch_cancel(b);
		proxy_branch_stop(b);
		b->state = BRANCH_ENDED;
	}
	proxy_ctx_unref(ctx);
}

void proxy_ctx_abort(struct proxy_ctx *ctx)
{
	ctx->st = NULL;
	ctx->closed = true;
	LIST_EACH (&ctx->branches, it)
		proxy_branch_stop(LIST_ENTRY(it, struct proxy_branch, link));
	ctx->refs = 1;
	proxy_ctx_unref(ctx);
}

int proxy_ctx_add(struct proxy_ctx *ctx, const struct proxy_target *targets, size_t n)
{
	struct proxy_branch *b;

	if (ctx->closed || ctx->cancelled)
		return -EALREADY;
	b = arena_zalloc(&ctx->arena, n * sizeof(*b));
	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		b[i].ctx = ctx;
		b[i].target = targets[i];
		b[i].state = BRANCH_WAITING;
		b[i].set = ctx->n_sets;
		list_push_back(&ctx->branches, &b[i].link);
	}
	ctx->n_branches += n;
	ctx->n_sets++;
	return 0;
}

int proxy_ctx_add_failed(struct proxy_ctx *ctx, const struct proxy_target *target, unsigned status)
{
	int rc = proxy_ctx_add(ctx, target, 1);

	if (rc < 0)
		return rc;
	proxy_branch_failed(LIST_ENTRY(ctx->branches.prev, struct proxy_branch, link), status);
	return 0;
}

static bool is_active(const struct proxy_branch *b)
{
	return b->state != BRANCH_WAITING && b->state != BRANCH_ENDED;
}

/* May this branch start: nothing of its set is active, and none waits with a higher q? */
static bool is_next(const struct proxy_ctx *ctx, const struct proxy_branch *b)
{
	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *o = LIST_ENTRY(it, struct proxy_branch, link);

		if (o->set != b->set || o->state == BRANCH_ENDED)
			continue;
		if (o->state != BRANCH_WAITING || o->target.q > b->target.q)
			return false;
	}
	return true;
}

/* Chooses what starts now, and gives each its part of Max-Breadth: RFC 5393 5.3.3. */
static void choose(struct proxy_ctx *ctx)
{
	unsigned share = ctx->more ? ctx->breadth_left / 8 : ctx->breadth_left;
	unsigned n = 0;

	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		if (b->state == BRANCH_WAITING && is_next(ctx, b)) {
			b->chosen = true;
			n++;
		}
	}
	if (n > 1)
		share /= n;
	if (!share)
		share = 1;
	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		if (!b->chosen || b->state != BRANCH_WAITING)
			continue;
		b->state = BRANCH_RESOLVING;
		b->breadth = share < ctx->breadth_left ? share : ctx->breadth_left;
		ctx->breadth_left -= b->breadth;
	}
}

/*
 * All that start are marked before any is sent: one that fails at once must not look like the
 * last. Its failure may bring us here again, and the inner call then starts what the outer chose.
 */
void proxy_ctx_start(struct proxy_ctx *ctx, bool more)
{
	ctx->more = more;
	if (ctx->closed || ctx->cancelled)
		return;
	choose(ctx);
	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		if (!b->chosen)
			continue;
		b->chosen = false;
		if (b->state == BRANCH_ENDED)
			continue;
		if (b->breadth)
			proxy_branch_start(b);
		else
			proxy_branch_failed(b, 440);
	}
}

unsigned proxy_ctx_pending(const struct proxy_ctx *ctx)
{
	unsigned n = 0;

	LIST_EACH (&ctx->branches, it)
		n += LIST_ENTRY(it, struct proxy_branch, link)->state != BRANCH_ENDED;
	return n;
}

/* @but goes on, the others are cancelled and those waiting are dropped. */
static void cancel_others(struct proxy_ctx *ctx, const struct proxy_branch *but)
{
	LIST_EACH (&ctx->branches, it) {
		struct proxy_branch *b = LIST_ENTRY(it, struct proxy_branch, link);

		if (b != but)
			proxy_branch_cancel(b);
	}
}

/* Nothing is pending any more: what goes up? RFC 3261 16.7 steps 6 and 9. */
static void conclude(struct proxy_ctx *ctx)
{
	if (ctx->answered || !ctx->st)
		return;
	if (ctx->cancelled) {
		ctx->answered = ctx->closed = true;
		proxy_reply(ctx, 487);
		return;
	}
	if (ctx->keep) {
		ctx->hooks->exhausted(ctx->arg);
		return;
	}
	proxy_ctx_settle(ctx);
}

void proxy_ctx_settle(struct proxy_ctx *ctx)
{
	struct proxy_branch *best;

	ctx->keep = false;
	if (ctx->answered || !ctx->st || proxy_ctx_pending(ctx))
		return;
	best = proxy_best(ctx);
	ctx->answered = ctx->closed = true;
	if (!best || proxy_forward_response(best, best->final, best->final_local) < 0)
		proxy_reply(ctx, 500);
}

/* The next q group, or the end. */
static void go_on(struct proxy_ctx *ctx)
{
	if (!ctx->closed && !ctx->cancelled)
		proxy_ctx_start(ctx, ctx->more);
	if (!proxy_ctx_pending(ctx))
		conclude(ctx);
}

static void process_2xx(struct proxy_branch *b, struct sip_msg *resp)
{
	struct proxy_ctx *ctx = b->ctx;

	if (ctx->answered && resp->method != SIP_INVITE)
		return;
	ctx->answered = ctx->closed = true;
	/* The 2xx of an INVITE comes again until it is acknowledged, no other does. */
	if (proxy_forward_response(b, resp, b->final_local && resp == b->final) < 0 &&
	    resp->method != SIP_INVITE)
		proxy_reply(ctx, 500);
	cancel_others(ctx, b);
}

void proxy_ctx_turn(struct proxy_branch *b, const struct sip_msg *resp)
{
	if (resp->status < 200 || !is_active(b))
		return;
	b->state = BRANCH_ENDED;
	b->in_turn = true;
	b->ctx->breadth_left += b->breadth;
}

void proxy_ctx_process(struct proxy_branch *b, struct sip_msg *resp)
{
	struct proxy_ctx *ctx = b->ctx;
	bool first;

	if (resp->status < 200) {
		if (!ctx->answered && !ctx->cancelled)
			proxy_forward_response(b, resp, false);
		return;
	}
	proxy_ctx_turn(b, resp);
	first = b->in_turn;
	b->in_turn = false;
	b->state = BRANCH_ENDED;
	if (resp->status < 300) {
		process_2xx(b, resp);
		return;
	}
	if (!first)
		return;
	if (resp->status >= 600 && !ctx->closed) {
		ctx->closed = true;
		cancel_others(ctx, b);
	}
	go_on(ctx);
}

void proxy_branch_received(struct proxy_branch *b, struct sip_msg *resp, bool local)
{
	struct proxy_ctx *ctx = b->ctx;

	/* A time-out of our own was the branch's end, whatever it still says but yes. */
	if (b->final_local && resp != b->final && resp->status / 100 != 2)
		return;
	if (resp->status >= 200 && (!b->final || (b->final_local && resp != b->final))) {
		sip_msg_unref(b->final);
		b->final = sip_msg_ref(resp);
		b->final_local = local;
		proxy_branch_no_expires(b);
	}
	/* The owner may be gone by the time this returns. */
	ctx->refs++;
	if (ctx->cancelled || !ctx->hooks || !ctx->hooks->response || !ctx->owned ||
	    !ctx->hooks->response(ctx->arg, b, resp, local))
		proxy_ctx_process(b, resp);
	proxy_ctx_unref(ctx);
}

/* A response as if it had come from the network: RFC 3261 16.7 step 10, 16.8, 16.9. */
static int local_response(struct proxy_ctx *ctx, unsigned status, struct sip_msg **ret)
{
	struct sip_reply reply = { .status = status };
	struct packet *packet;
	struct sip_error error;
	int rc;

	if (!ctx->st)
		return -ESTALE;
	reply.to_tag = txn_to_tag(ctx->st);
	rc = sip_reply_render(ctx->req, txn_via_top(ctx->st), &reply, &packet);
	if (rc < 0)
		return rc;
	rc = sip_msg_parse(packet, ret, &error);
	packet_unref(packet);
	if (rc == 0)
		net_addr_parse(SLICE("127.0.0.1"), 0, &(*ret)->flow.peer);
	return rc;
}

void proxy_branch_failed(struct proxy_branch *b, unsigned status)
{
	struct proxy_ctx *ctx = b->ctx;
	struct sip_msg *resp;
	bool was_active = is_active(b);

	if (local_response(ctx, status, &resp) == 0) {
		if (b->state == BRANCH_WAITING)
			b->state = BRANCH_CALLING; /* so that it ends like one that was sent */
		proxy_branch_received(b, resp, true);
		sip_msg_unref(resp);
		return;
	}
	b->state = BRANCH_ENDED;
	if (was_active)
		ctx->breadth_left += b->breadth;
	go_on(ctx);
}

int proxy_ctx_forward(struct proxy_branch *b, struct sip_msg *resp, bool local,
		      const struct proxy_edit *edit, struct packet **ret_sent)
{
	struct proxy_ctx *ctx = b->ctx;
	struct packet *packet;
	int rc;

	rc = proxy_edit_response(b, resp, local, edit, &packet);
	if (rc < 0)
		return rc;
	rc = txn_respond(ctx->st, packet, resp->status);
	if (rc < 0) {
		packet_unref(packet);
		return rc;
	}
	if (resp->status >= 200) {
		ctx->answered = ctx->closed = true;
		cancel_others(ctx, b);
	}
	*ret_sent = packet;
	return 0;
}

void proxy_ctx_cancel(struct proxy_ctx *ctx)
{
	if (ctx->answered || ctx->cancelled)
		return;
	ctx->cancelled = ctx->closed = true;
	cancel_others(ctx, NULL);
	if (!proxy_ctx_pending(ctx))
		conclude(ctx);
}

void proxy_ctx_close(struct proxy_ctx *ctx)
{
	ctx->answered = ctx->closed = true;
	cancel_others(ctx, NULL);
}
