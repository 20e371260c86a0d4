/*
 * Transactions: RFC 3261 17 as changed by RFC 6026 (2xx to INVITE) and RFC 4320 (non-INVITE).
 * Matches messages to transactions, retransmits, absorbs retransmissions, tells its user the rest.
 *
 * A transaction is freed by the layer: the user may use a struct txn until its `terminated`
 * callback returns, never after. Callbacks come from the layer's event functions below and from
 * timers, and never from within a call that the user makes into the layer.
 */
#ifndef SIPCGID_TRANSACTION_TXN_H
#define SIPCGID_TRANSACTION_TXN_H

#include "base/buf.h"
#include "base/runtime.h"
#include "sip/msg.h"
#include "sip/reply.h"

struct txn;
struct txn_layer;

/* Times in milliseconds: RFC 3261 17.1.1.1. */
struct txn_config {
	uint32_t t1;        /* 500 */
	uint32_t t2;        /* 4000 */
	uint32_t t4;        /* 5000 */
	uint32_t trying_ms; /* 200: a 100 goes out by itself if an INVITE has no answer by then */
	size_t max;         /* server transactions at a time; more requests get a stateless 503 */
};
#define TXN_CONFIG_DEFAULT ((struct txn_config){ 500, 4000, 5000, 200, 1000000 })

enum txn_failure {
	TXN_TIMEOUT,   /* client: timer B or F; server: timer H (no ACK came) */
	TXN_TRANSPORT, /* could not be sent */
};

/* What happens at server transactions; one user per layer. No member is NULL. */
struct txn_user {
	/*
	 * A new request outside any transaction (not ACK, not CANCEL). It is well-formed: a faulty
	 * one has been answered already. The user answers with txn_respond() or txn_reply(), or
	 * ends it with txn_abandon().
	 */
	void (*request)(void *arg, struct txn *st, struct sip_msg *req);
	/*
	 * An ACK that is not for a final non-2xx of ours (those are absorbed). @st is the INVITE
	 * transaction it belongs to if it can be told (RFC 2543 clients), else NULL. An ACK to be
	 * proxied needs no transaction.
	 */
	void (*ack)(void *arg, struct txn *st, struct sip_msg *ack);
	/*
	 * A CANCEL. With @invite: the transaction it cancels, already answered 200 by the layer;
	 * @st is not for the user, and NULL if the CANCEL got no transaction. Without: nothing
	 * matches; the user answers @st (481).
	 * Also called when @invite has its final response already, and again for the same
	 * CANCEL if the layer is full: then there is nothing to do (RFC 3261 9.2).
	 */
	void (*cancel)(void *arg, struct txn *invite, struct txn *st, struct sip_msg *cancel);
	/* TXN_TRANSPORT: the last response could not be delivered, the other way of RFC 3263 5
	 * included; the transaction goes on as RFC 6026 says. TXN_TIMEOUT: it ends. */
	void (*failed)(void *arg, struct txn *st, enum txn_failure why);
	/* Last call for @st. */
	void (*terminated)(void *arg, struct txn *st);
};

/* What happens at one client transaction. No member is NULL. */
struct txn_client_events {
	/* Every response but retransmissions of a non-2xx final; each 2xx to INVITE, also
	 * repeated. A non-2xx final to INVITE has been acknowledged already. */
	void (*response)(void *arg, struct txn *ct, struct sip_msg *resp);
	/* No final response will come. Not after a final response. */
	void (*failed)(void *arg, struct txn *ct, enum txn_failure why);
	void (*terminated)(void *arg, struct txn *ct);
};

int txn_layer_new(struct runtime *rt, const struct txn_config *config, const struct txn_user *user,
		  void *arg, struct txn_layer **ret);
/* Ends all transactions silently: no callbacks. */
void txn_layer_free(struct txn_layer *l);
/* New times hold for new transactions; 0 is taken as 1 ms, more than an hour as an hour. */
void txn_layer_configure(struct txn_layer *l, const struct txn_config *config);

/*
 * A message has arrived; msg->flow is set. The layer takes its own references. A faulty request is
 * answered with its fault_status and a faulty ACK, response or request without a usable Via
 * dropped: counted and logged here, the user does not hear of it.
 */
void txn_layer_receive(struct txn_layer *l, struct sip_msg *msg);
/* What was sent with this sender number (txn_id) could not be delivered. Unknown numbers are
 * ignored. */
void txn_layer_send_failed(struct txn_layer *l, uint64_t sender, int err);
/* Transactions alive: server and client. */
size_t txn_layer_count(const struct txn_layer *l, size_t *ret_client);

/*
 * Sends a response on a server transaction. @packet is the whole response (a reference is taken),
 * @status its code. INVITE: any number of 1xx, then one non-2xx final, or any number of 2xx
 * (RFC 6026: retransmissions too). Others: a 100, then one final; a 408 is silently turned into
 * txn_abandon() (RFC 4320 4.2), and a 100 over UDP before its time is silently left to the layer,
 * which sends one in time by itself (4.1).
 * A send that fails is no error here: `failed` follows from the loop.
 * -EALREADY: a final response went out before; nothing is sent. -EINVAL: not allowed here.
 */
int txn_respond(struct txn *st, struct packet *packet, unsigned status);
/* Renders with the stamped top Via and this transaction's To tag, and sends: r->to_tag is ignored
 * (none in a 100). Also what sip_reply_render() returns. */
int txn_reply(struct txn *st, const struct sip_reply *r);
/* Ends a server transaction that will not be answered. `terminated` follows from the loop. After
 * a final response it does nothing: the timers end it. */
void txn_abandon(struct txn *st);
/* The same for a stateless answer to a request that has no transaction. An empty r->to_tag is made
 * from the request, the same for each copy (RFC 3261 8.2.7). */
int txn_reply_stateless(struct txn_layer *l, const struct sip_msg *req, const struct sip_reply *r);

struct sip_msg *txn_request_msg(const struct txn *st); /* borrowed; NULL for a client's */
/* Stable, unique in the process' life: the layer's random start and a count. */
uint64_t txn_id(const struct txn *t);
/* The To tag used in all responses of our own: the request's, else made at first use. */
struct slice txn_to_tag(struct txn *st);
/* The top Via as stored on arrival (18.2.1): goes into every message passed on and answer. */
struct slice txn_via_top(const struct txn *st);
/* Highest status sent on a server transaction, received on a client transaction; 0: none. */
unsigned txn_status(const struct txn *t);
void txn_set_data(struct txn *t, void *data);
void *txn_data(const struct txn *t);

/*
 * Sends a request as a new client transaction. @packet is the whole request (a reference is
 * taken), its topmost Via carries @branch and the transport of @to. Not ACK, not CANCEL.
 * `terminated` comes exactly once after 0; on error (-ENOMEM, -EINVAL, or what send said) nothing
 * comes.
 */
int txn_client_new(struct txn_layer *l, const struct rt_flow *to, struct packet *packet,
		   enum sip_method method, struct slice branch, const struct txn_client_events *ev,
		   void *arg, struct txn **ret);
/*
 * Cancels an INVITE (RFC 3261 9.1): a CANCEL goes out now if a provisional response was received,
 * else as soon as one is, never after a final. If no final response follows within 64*T1, `failed`
 * is called with TXN_TIMEOUT. Repeating it does nothing.
 * @fields are added to the CANCEL ("Reason: ..."); copied.
 * -EINVAL: not an INVITE, or a field that is not one line "Name: value". -ENOMEM: try again.
 */
int txn_client_cancel(struct txn *ct, const struct slice *fields, size_t n_fields);
/* No callback but `terminated` any more; the transaction ends by itself, an INVITE that is neither
 * answered nor cancelled after 180 s. */
void txn_client_detach(struct txn *ct);

/* One line per live transaction: id, machine, state, age, method, Call-ID. */
void txn_layer_show(const struct txn_layer *l, struct buf *out);

#endif
