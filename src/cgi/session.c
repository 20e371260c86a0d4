/* Sessions: made for a request that is proxied or scripted, gone with its response context. */
#include "cgi/session.h"

#include <errno.h>

#include "base/log.h"
#include "cgi/queue.h"

static void freed(void *arg)
{
	struct session *ss = arg;

	run_forget(ss);
	queue_fini(ss);
	list_del(&ss->link);
	ss->svc->n_sessions--;
	service_config_unref(ss->config);
}

static const struct proxy_hooks hooks = {
	.response = queue_response,
	.exhausted = queue_exhausted,
	.freed = freed,
};

int session_new(struct service *s, struct txn *st, struct sip_msg *req, struct session **ret)
{
	struct proxy_ctx *ctx;
	struct session *ss;
	int rc;

	rc = proxy_ctx_new(&s->proxy, st, req, &hooks, NULL, &ctx);
	if (rc < 0)
		return rc;
	ss = arena_zalloc(&ctx->arena, sizeof(*ss));
	if (!ss) {
		ctx->hooks = NULL;
		proxy_ctx_release(ctx);
		return -ENOMEM;
	}
	ss->svc = s;
	ss->ctx = ctx;
	ss->config = service_config_ref(s->config);
	ctx->arg = ss;
	queue_init(ss);
	list_push_back(&s->sessions, &ss->link);
	s->n_sessions++;
	txn_set_data(st, ss);
	*ret = ss;
	return 0;
}

struct session *session_of(struct txn *st)
{
	return txn_data(st);
}

void session_answer(struct session *ss, unsigned status, struct slice field)
{
	struct sip_reply reply = { .status = status,
				   .fields = &field,
				   .n_fields = field.n ? 1 : 0 };

	if (!ss->ctx->st || ss->ctx->answered || ss->ctx->cancelled)
		return;
	proxy_ctx_close(ss->ctx);
	/* Without memory even for that: if it comes again it starts anew. */
	if (txn_reply(ss->ctx->st, &reply) < 0)
		txn_abandon(ss->ctx->st);
}
