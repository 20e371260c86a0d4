/* Forwarding without a transaction: RFC 3261 16.11, for the ACK to a 2xx. */
#include "proxy/proxy.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

struct stateless {
	struct list link; /* proxy.asking while a name is looked up */
	struct rt_resolve *query;
	struct proxy *proxy;
	struct proxy_forward f;
	struct arena arena;
	struct sip_msg *msg;
};

static void drop(struct stateless *s)
{
	if (list_linked(&s->link))
		s->proxy->n_asking--;
	list_del(&s->link);
	sip_msg_unref(s->msg);
	arena_fini(&s->arena);
	free(s);
}

static void refused(const struct proxy_forward *f, int err)
{
	LOG(LOG_INFO, "request not forwarded", LOG_SLICE("call-id", f->req->call_id),
	    LOG_SLICE("method", f->req->method_name), LOG_ADDR("source", &f->req->flow.peer),
	    LOG_INT("error", -err));
}

static int send_to(struct proxy *p, const struct proxy_forward *f, const struct rt_target *target)
{
	struct rt_flow to = { .transport = target->transport, .peer = target->addr };
	char branch[PROXY_BRANCH_LEN];
	struct packet *packet;
	int listener, rc;

	listener = proxy_listener(p, target->transport, &target->addr, f->listener_in);
	if (listener < 0)
		return listener;
	to.listener = (uint16_t)listener;
	proxy_branch_make(p, f->loop_hash, branch);
	rc = proxy_render(p, f, &to, slice_of(branch, sizeof(branch)), &packet);
	if (rc < 0)
		return rc;
	rc = p->rt->ops->send(p->rt, &to, packet, 0);
	packet_unref(packet);
	return rc;
}

static void resolved(void *arg, int err, const struct rt_targets *targets)
{
	struct stateless *s = arg;

	if (err == 0 && targets->n)
		err = send_to(s->proxy, &s->f, &targets->v[0]);
	if (err < 0)
		refused(&s->f, err);
	drop(s);
}

int proxy_forward_stateless(struct proxy *p, const struct proxy_forward *f, struct arena *arena)
{
	struct rt_targets targets;
	struct stateless *s;
	struct rt_query q;
	struct sip_uri uri;
	int rc;

	s = calloc(1, sizeof(*s));
	if (!s) {
		arena_fini(arena);
		return -ENOMEM;
	}
	*s = (struct stateless){
		.proxy = p, .f = *f, .arena = *arena, .msg = sip_msg_ref((struct sip_msg *)f->req)
	};
	rc = proxy_next_hop(p, f, &uri, &q);
	/* Strangers may send any number of these. */
	if (rc == 0 && p->n_asking >= PROXY_ASKING_MAX)
		rc = -EAGAIN;
	if (rc == 0)
		rc = p->rt->ops->resolve(p->rt, &q, &targets, resolved, s, &s->query);
	if (rc == -EINPROGRESS) {
		list_push_back(&p->asking, &s->link);
		p->n_asking++;
		return 0;
	}
	if (rc == 0)
		rc = targets.n ? send_to(p, f, &targets.v[0]) : -ENOENT;
	if (rc < 0)
		refused(f, rc);
	drop(s);
	return rc;
}

void proxy_fini(struct proxy *p)
{
	while (p->rt && !list_empty(&p->asking)) {
		struct stateless *s = LIST_ENTRY(p->asking.next, struct stateless, link);

		p->rt->ops->resolve_cancel(p->rt, s->query);
		drop(s);
	}
}
