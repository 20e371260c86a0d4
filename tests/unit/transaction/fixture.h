/*
 * What the transaction tests share: a layer on the fake runtime, messages from short descriptions,
 * and everything that happens as text. b->told is what the user was told, wire(b) what was sent:
 *
 *     "request INVITE; failed timeout; terminated"
 *     "INVITE@0 INVITE@500 INVITE@1500"          (start line's first word or status, and when)
 */
#ifndef SIPCGID_TESTS_UNIT_TRANSACTION_FIXTURE_H
#define SIPCGID_TESTS_UNIT_TRANSACTION_FIXTURE_H

#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "transaction/layer.h"

#define T1 500u
#define T1_64 32000u
#define PEER "198.51.100.7"
#define PEER_PORT 40000
/* The Via of a request from PEER, and the one of requests that we send. */
#define VIA_IN "SIP/2.0/UDP " PEER ":5062;branch=z9hG4bKin;rport"
#define VIA_OUT "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKout"

struct bench {
	struct fake_runtime f;
	struct txn_layer *l;
	uint64_t start;
	char told[4096];
	char wire[4096];
	bool in_call; /* the test is calling the layer: nobody may be told anything */
	/* The last one told about, NULL once terminated. */
	struct txn *st, *ct, *cancelled;
	/* What the user does when it hears of a request or response; NULL: nothing. */
	void (*on_request)(struct bench *b, struct txn *st);
	void (*on_failed)(struct bench *b, struct txn *st);
	void (*on_response)(struct bench *b, struct txn *ct, struct sip_msg *resp);
	void (*on_terminated)(struct bench *b, struct txn *t);
};

/* A call of the user into the layer; its value. */
#define CALL(b, call)                                                                              \
	({                                                                                         \
		(b)->in_call = true;                                                               \
		__typeof__(call) call_ = (call);                                                   \
		(b)->in_call = false;                                                              \
		call_;                                                                             \
	})
#define CALL_VOID(b, call)                                                                         \
	do {                                                                                       \
		(b)->in_call = true;                                                               \
		call;                                                                              \
		(b)->in_call = false;                                                              \
	} while (0)

/* False when an allocation was made to fail: there is nothing to finish then. */
bool bench_init(struct bench *b);
bool bench_init_with(struct bench *b, const struct txn_config *config);
void bench_fini(struct bench *b);
/* Forgets what was told and sent. */
void bench_clear(struct bench *b);
void bench_advance(struct bench *b, uint64_t ms);

extern const struct txn_client_events bench_events;

/* What a message is made of; what is left out has a default. */
struct parts {
	const char *method; /* request; in a response that of CSeq */
	unsigned status;    /* response */
	const char *uri;
	const char *via;
	const char *to_tag;   /* NULL: none */
	const char *from_tag; /* NULL: "f1" */
	const char *call_id;
	unsigned cseq;     /* 0: 1 */
	const char *extra; /* more fields, each with CRLF */
	uint8_t transport; /* enum rt_transport */
};

/* NULL when out of memory. */
struct packet *make_packet(const struct parts *m);
struct sip_msg *make_msg(const struct parts *m);
void receive(struct bench *b, const struct parts *m);
#define RECEIVE(b, ...) receive((b), &(struct parts){ __VA_ARGS__ })
void receive_text(struct bench *b, const char *text);

/* A request from VIA_IN, and the transaction made for it (b->st). */
struct txn *server(struct bench *b, const char *method, enum rt_transport transport);
int respond(struct bench *b, struct txn *st, unsigned status);
/* A request of ours with VIA_OUT to PEER:5060. */
int client_to(struct bench *b, const char *method, enum rt_transport transport, struct txn **ret);
struct txn *client(struct bench *b, const char *method, enum rt_transport transport);
/* A response to it. */
void answer(struct bench *b, const char *method, unsigned status);

/* What was sent since the last time, as text. */
const char *wire(struct bench *b);
/* Text of the oldest packet, taken out; and where it went ("udp 192.0.2.9:5060"). */
void take_text(struct bench *b, char *text, size_t cap, char *to, size_t cap_to);

#define METRIC_OF(b, id) ((b)->f.rt.metrics.count[METRIC_##id])

#endif
