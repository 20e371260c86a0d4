/*
 * The layer: events in, lifetime of transactions, and when the user is told (layer.h). The
 * machines are in machine.c and the tables; messages of the two sides in server.c and client.c.
 */
#include "transaction/txn.h"

#include <errno.h>

#include "base/log.h"
#include "transaction/layer.h"

/* The user has had its last word about @t. */
static void finish(struct txn *t)
{
	struct txn_layer *l = t->layer;

	if (!t->internal) {
		if (txn_is_server(t))
			l->user->terminated(l->arg, t);
		else
			t->client.ev->terminated(t->client.arg, t);
	}
	txn_discard(t);
}

/* One thing that is to be told about @t. A step that ends it puts it on the list again. */
static void settle(struct txn *t)
{
	if (t->state == TXN_TERMINATED) {
		finish(t);
	} else if (t->error) {
		t->error = false;
		t->error_round = t->layer->round;
		(void)txn_step(t, EV_ERROR, NULL); /* a state that does not care ignores it */
	}
}

void txn_enter(struct txn_layer *l)
{
	l->depth++;
}

static void kick_later(struct txn_layer *l)
{
	if (!wheel_is_set(&l->kick))
		rt_timer_in(l->rt, &l->kick, 0);
}

/* The end of the outermost event: everything that is pending is told. */
static void settle_all(struct txn_layer *l)
{
	struct list again;

	list_init(&again);
	l->round++;
	for (struct list *n; (n = list_pop(&l->pending));) {
		struct txn *t = LIST_ENTRY(n, struct txn, pending);

		/* A user that sends anew when told that sending failed must not stop the loop. */
		if (t->state != TXN_TERMINATED && t->error_round == l->round)
			list_push_back(&again, &t->pending);
		else
			settle(t);
	}
	list_splice(&l->pending, &again);
	if (!list_empty(&l->pending))
		kick_later(l);
}

void txn_leave(struct txn_layer *l)
{
	if (l->depth == 1)
		settle_all(l);
	l->depth--;
}

void txn_pend(struct txn *t)
{
	struct txn_layer *l = t->layer;

	if (!list_linked(&t->pending))
		list_push_back(&l->pending, &t->pending);
	if (l->depth == 0)
		kick_later(l);
}

static void kick(struct wheel_timer *timer)
{
	struct txn_layer *l = CONTAINER_OF(timer, struct txn_layer, kick);

	txn_enter(l);
	txn_leave(l);
}

static void timer_fired(struct txn *t, enum txn_event what)
{
	struct txn_layer *l = t->layer;

	txn_enter(l);
	(void)txn_step(t, what, NULL); /* every timer set has its row */
	txn_leave(l);
}

static void retry_fired(struct wheel_timer *timer)
{
	struct txn *t = CONTAINER_OF(timer, struct txn, retry);

	timer_fired(t, t->retry_event);
}

static void life_fired(struct wheel_timer *timer)
{
	struct txn *t = CONTAINER_OF(timer, struct txn, life);

	timer_fired(t, t->life_event);
}

struct txn *txn_alloc(struct txn_layer *l, enum txn_machine m, size_t tail)
{
	struct txn *t = calloc(1, sizeof(*t) + tail);

	if (!t)
		return NULL;
	if (map_add(&l->ids, &t->by_id, l->next_id) < 0) {
		free(t);
		return NULL;
	}
	/* 0 means to rt_ops.send that nobody asks. */
	if (++l->next_id == 0)
		l->next_id++;
	t->layer = l;
	t->machine = (uint8_t)m;
	t->retry.fire = retry_fired;
	t->life.fire = life_fired;
	t->born = l->rt->now;
	t->t1 = l->config.t1;
	t->t2 = l->config.t2;
	t->t4 = l->config.t4;
	return t;
}

void txn_unlink(struct txn *t)
{
	struct txn_layer *l = t->layer;

	if (!t->linked)
		return;
	map_del(txn_is_server(t) ? &l->servers : &l->clients, &t->by_key);
	t->linked = false;
}

void txn_discard(struct txn *t)
{
	struct txn_layer *l = t->layer;

	rt_timer_stop(l->rt, &t->retry);
	rt_timer_stop(l->rt, &t->life);
	list_del(&t->pending);
	txn_unlink(t);
	map_del(&l->ids, &t->by_id);
	packet_unref(t->packet);
	if (txn_is_server(t)) {
		txn_route_stop(t);
		sip_msg_unref(t->server.req);
	} else {
		packet_unref(t->client.extra);
	}
	free(t);
}

int txn_send(struct txn *t, struct packet *p)
{
	struct txn_layer *l = t->layer;
	int rc;

	l->sending++;
	rc = l->rt->ops->send(l->rt, &t->to, p, txn_id(t));
	l->sending--;
	t->send_error = rc;
	if (rc < 0) {
		t->error = true;
		txn_pend(t);
	}
	return rc;
}

void txn_set_packet(struct txn *t, struct packet *p)
{
	struct packet *old = t->packet;

	t->packet = packet_ref(p);
	packet_unref(old);
}

int txn_layer_new(struct runtime *rt, const struct txn_config *config, const struct txn_user *user,
		  void *arg, struct txn_layer **ret)
{
	struct txn_layer *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->rt = rt;
	l->user = user;
	l->arg = arg;
	txn_layer_configure(l, config);
	map_init(&l->servers);
	map_init(&l->clients);
	map_init(&l->ids);
	list_init(&l->pending);
	list_init(&l->waiting);
	l->kick.fire = kick;
	l->scratch = BUF_INIT;
	l->next_id = rt_random64(rt) | 1;
	l->tag_key = rt_random64(rt);
	*ret = l;
	return 0;
}

void txn_layer_free(struct txn_layer *l)
{
	size_t pos = 0;
	struct map_node *node = NULL;

	if (!l)
		return;
	/* The walk is past a node before the node goes. */
	for (bool more = map_walk(&l->ids, &pos, &node); more;) {
		struct txn *t = CONTAINER_OF(node, struct txn, by_id);

		more = map_walk(&l->ids, &pos, &node);
		txn_discard(t);
	}
	txn_route_stop_stateless(l);
	rt_timer_stop(l->rt, &l->kick);
	map_fini(&l->servers);
	map_fini(&l->clients);
	map_fini(&l->ids);
	buf_fini(&l->scratch);
	free(l);
}

/* No time at all would send without end. */
static uint32_t sane_time(uint32_t ms)
{
	return ms == 0 ? 1 : ms > TXN_TIME_MAX ? TXN_TIME_MAX : ms;
}

void txn_layer_configure(struct txn_layer *l, const struct txn_config *config)
{
	l->config = *config;
	l->config.t1 = sane_time(config->t1);
	l->config.t2 = sane_time(config->t2);
	l->config.t4 = sane_time(config->t4);
}

/* Whoever sent it: nothing is done about it, so it is said once. RFC 3261 8.2.6, 18.1.2. */
static void log_faulty(const struct sip_msg *msg, const char *what)
{
	LOG(LOG_INFO, what, LOG_SLICE("call-id", msg->call_id), LOG_ADDR("source", &msg->flow.peer),
	    LOG_INT("line", msg->fault.line), LOG_INT("column", msg->fault.column),
	    LOG_STR("reason", msg->fault.reason), LOG_INT("status", msg->fault_status));
}

static void refuse_faulty(struct txn_layer *l, struct sip_msg *msg)
{
	struct sip_reply reply = { .status = msg->fault_status };

	METRIC_INC(l->rt, MALFORMED);
	if (!msg->is_request) {
		log_faulty(msg, "malformed response dropped");
	} else if (msg->method == SIP_ACK) {
		log_faulty(msg, "malformed ACK dropped");
	} else if (!sip_msg_field(msg, SIP_H_VIA)) {
		log_faulty(msg, "malformed request without Via dropped");
	} else {
		log_faulty(msg, "malformed request refused");
		/* Out of memory or unreachable: it will be sent again, or not. */
		(void)txn_reply_stateless(l, msg, &reply);
	}
}

void txn_layer_receive(struct txn_layer *l, struct sip_msg *msg)
{
	txn_enter(l);
	if (msg->fault.reason)
		refuse_faulty(l, msg);
	else if (msg->is_request)
		txn_server_receive(l, msg);
	else
		txn_client_receive(l, msg);
	txn_leave(l);
}

void txn_layer_send_failed(struct txn_layer *l, uint64_t sender, int err)
{
	struct map_node *node = map_first(&l->ids, sender);
	struct txn *t;

	(void)err;
	/* The id is the hash, and there is one of each. */
	if (!node)
		return;
	t = CONTAINER_OF(node, struct txn, by_id);
	if (l->sending) {
		t->error = true;
		txn_pend(t);
		return;
	}
	txn_enter(l);
	t->error = true;
	txn_pend(t);
	txn_leave(l);
}

size_t txn_layer_count(const struct txn_layer *l, size_t *ret_client)
{
	if (ret_client)
		*ret_client = l->clients.count;
	return l->servers.count;
}

uint64_t txn_id(const struct txn *t)
{
	return t->by_id.hash;
}

unsigned txn_status(const struct txn *t)
{
	return t->status;
}

void txn_set_data(struct txn *t, void *data)
{
	t->data = data;
}

void *txn_data(const struct txn *t)
{
	return t->data;
}
