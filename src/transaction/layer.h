/*
 * What the files of this module share: the transaction, the layer and how they find and end each
 * other. Not for other modules.
 *
 * When the user is told. Callbacks run only inside a layer event (a message, a timer, a failed
 * send, a resolved name), between txn_enter() and txn_leave(). What a call of the user brings
 * about (a send that fails, the end of a transaction) is put on the layer's pending list, which
 * the end of the event under way works off, or, outside any event, a timer.
 */
#ifndef SIPCGID_TRANSACTION_LAYER_H
#define SIPCGID_TRANSACTION_LAYER_H

#include "base/list.h"
#include "base/map.h"
#include "transaction/machine.h"
#include "transaction/txn.h"

#define TXN_TAG_LEN 16       /* hexadecimal digits: 64 random bits, RFC 3261 19.3 asks for 32 */
#define TXN_TIME_MAX 3600000 /* ms, of a configured time: 64 of them fit uint32_t */
#define TXN_TIMER_D 32000    /* RFC 3261 17.1.1.2: at least, whatever T1 is */
#define TXN_GUARD_MS 180000  /* RFC 3261 16.6 step 11: the least Timer C may be */
#define TXN_WAITING_MAX 1000 /* stateless answers that wait for a name at a time */
#define TXN_RETRY_AFTER "Retry-After: 5"

struct txn_client {
	const struct txn_client_events *ev; /* NULL: the layer's own CANCEL */
	void *arg;
	struct slice branch; /* in the tail */
	/* The CANCEL until it is sent; later the ACK for a non-2xx. */
	struct packet *extra;
};

struct txn_server {
	struct sip_msg *req;
	struct slice via_top; /* in the tail, or in @req if it needed no stamp */
	struct rt_resolve *resolving;
	char tag[TXN_TAG_LEN];
};

struct txn {
	struct map_node by_key; /* in layer.servers or layer.clients until terminated */
	struct map_node by_id;  /* in layer.ids until freed; its hash is the id */
	struct list pending;    /* in layer.pending while something is to be told */
	struct txn_layer *layer;
	struct wheel_timer retry; /* A, E, G, or the 100 that is due */
	struct wheel_timer life;  /* all others: how the present state ends */
	struct packet *packet;    /* the request sent; the last response sent, or NULL */
	void *data;
	uint64_t born;
	struct rt_flow to;
	uint32_t t1, t2, t4;
	uint32_t interval;    /* of A, E or G: the one under way */
	int send_error;       /* what the last send said at once, 0: nothing */
	uint32_t error_round; /* layer.round when EV_ERROR was last told */
	uint16_t status;
	uint8_t machine, state, method;  /* enum txn_machine, txn_state, sip_method */
	uint8_t retry_event, life_event; /* what the timers mean: enum txn_event */
	bool internal : 1;               /* the layer's own CANCEL, either side: no callbacks */
	bool detached : 1;               /* client: none but terminated */
	bool cancelled : 1;              /* client: the user asked for it */
	bool error : 1;                  /* a send failed: EV_ERROR is due */
	bool has_tag : 1;                /* server: tag is made */
	bool linked : 1;                 /* by_key is in its table */
	bool routed : 1;                 /* server: @to is where responses go */
	bool resent : 1;                 /* server: the other way of RFC 3263 5 was tried */
	bool reliable : 1;
	union {
		struct txn_client client;
		struct txn_server server;
	};
	char tail[];
};

/* There may be a million. */
_Static_assert(sizeof(struct txn) <= 320, "a transaction has grown: is it worth it?");

struct txn_layer {
	struct runtime *rt;
	struct txn_config config;
	const struct txn_user *user;
	void *arg;
	struct map servers, clients, ids;
	uint64_t next_id;
	uint64_t tag_key;    /* of tags made without a transaction; shown to others only hashed */
	struct list pending; /* struct txn */
	struct wheel_timer kick;
	unsigned depth;   /* events under way, one inside the other */
	unsigned sending; /* > 0: inside rt_ops.send */
	uint32_t round;   /* of working off @pending */
	struct buf scratch;
	struct list waiting; /* stateless answers that wait for a name */
	size_t n_waiting;
};

static inline bool txn_is_server(const struct txn *t)
{
	return t->machine == TXN_IST || t->machine == TXN_NIST;
}

/* machine.c */
uint32_t txn_trying_delay(const struct txn *st);

/* txn.c: events and lifetime */
void txn_enter(struct txn_layer *l);
void txn_leave(struct txn_layer *l);
/* Something is to be told about @t: soon, but not now. */
void txn_pend(struct txn *t);
/*
 * One zeroed block with @tail bytes at its end, timers and id set; in no key table yet. NULL when
 * out of memory. txn_discard() undoes it without a word.
 */
struct txn *txn_alloc(struct txn_layer *l, enum txn_machine m, size_t tail);
void txn_discard(struct txn *t);
/* Takes it out of its key table: nothing matches it any more. */
void txn_unlink(struct txn *t);
/* Sends with this transaction's number; a failure is returned and becomes an EV_ERROR. */
int txn_send(struct txn *t, struct packet *p);
void txn_set_packet(struct txn *t, struct packet *p);

/* match.c: RFC 3261 17.1.3, 17.2.3 */
uint64_t txn_server_hash(const struct txn_layer *l, const struct sip_msg *req, enum sip_method m);
/*
 * The transaction @msg belongs to if its method were @as: its own for a retransmission, INVITE
 * for an ACK or CANCEL.
 */
struct txn *txn_server_find(const struct txn_layer *l, const struct sip_msg *msg,
			    enum sip_method as);
/* The non-INVITE transaction that this CANCEL, in vain, is for. */
struct txn *txn_server_find_other(const struct txn_layer *l, const struct sip_msg *cancel);
/* Is the To tag of this ACK that of the response sent? RFC 2543 matching wants to know. */
bool txn_ack_is_for(const struct txn *st, const struct sip_msg *ack);
uint64_t txn_client_hash(const struct txn_layer *l, struct slice branch, enum sip_method m);
struct txn *txn_client_find(const struct txn_layer *l, const struct sip_msg *resp);
/* RFC 3261 18.1.2: is the sent-by of this Via one of ours? */
bool txn_via_is_ours(const struct runtime *rt, const struct sip_via *via);

/* route.c: RFC 3261 18.2.2, RFC 3581 */
void txn_route_init(struct txn *st);
/* Sends the current response where it belongs, now or once a name is resolved. */
void txn_route_send(struct txn *st);
/* After a failure: another way to try (RFC 3261 17.2.4)? True: it is being tried. */
bool txn_route_again(struct txn *st);
void txn_route_stop(struct txn *st);
int txn_route_stateless(struct txn_layer *l, const struct sip_msg *req, struct packet *p);
void txn_route_stop_stateless(struct txn_layer *l);

/* server.c */
void txn_server_receive(struct txn_layer *l, struct sip_msg *req);
void txn_trying(struct txn *st);
/* The stamped top Via in the layer's scratch buffer, or as it came. -ENOMEM. */
int txn_stamp(struct txn_layer *l, const struct sip_msg *req, struct slice *ret);

/* client.c */
void txn_client_receive(struct txn_layer *l, struct sip_msg *resp);
void txn_cancel_send(struct txn *ct);
void txn_ack_send(struct txn *ct, const struct sip_msg *resp);

/* cancel.c, ack.c: the messages, one reference for the caller. -ENOMEM. */
int txn_cancel_build(struct packet *invite, const struct slice *fields, size_t n_fields,
		     struct packet **ret);
int txn_ack_build(struct packet *invite, const struct sip_msg *resp, struct packet **ret);
/* What both begin with: request line, top Via, Max-Forwards, Route. */
void txn_hop_begin(struct buf *out, const struct sip_msg *invite, struct slice method);
/* ... and end with: Call-ID, CSeq and the blank line. Makes the packet. */
int txn_hop_end(struct buf *out, const struct sip_msg *invite, struct slice method,
		struct packet **ret);
void txn_hop_field(struct buf *out, const struct sip_msg *m, enum sip_header id);

#endif
