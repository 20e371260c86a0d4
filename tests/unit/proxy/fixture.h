/*
 * What the proxy tests share: a proxy over a real transaction layer on the fake runtime, a caller
 * at CALLER, and everything that is sent or told as text.
 *
 *     wire(b)   "INVITE>udp:198.51.100.2:5060 180 200": requests with where they go, responses to
 *               the caller by their status. Requests are kept as b->out[] for answers to them.
 *     b->told   "408 local; exhausted; freed": what the context's owner heard.
 */
#ifndef SIPCGID_TESTS_UNIT_PROXY_FIXTURE_H
#define SIPCGID_TESTS_UNIT_PROXY_FIXTURE_H

#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "proxy/context.h"
#include "sip/reply.h"

#define CALLER "198.51.100.7"
#define CALLER_PORT 5062
#define VIA_IN "SIP/2.0/UDP " CALLER ":5062;branch=z9hG4bKin"
#define OUT_MAX 96
#define T1_64 32000

struct bench {
	struct fake_runtime f;
	struct proxy p;
	struct proxy_ctx *ctx; /* of the last request; NULL once freed */
	struct txn *st;        /* NULL once terminated */
	struct sip_msg *req;   /* of the last request; borrowed from st */
	bool up;               /* everything was set up */
	char told[1024];
	char wire[4096];
	char last[4096]; /* text of the last response to the caller */
	struct {
		struct packet *packet;
		struct rt_flow to;
	} out[OUT_MAX];
	size_t n_out;
	/* The owner's part. */
	void (*on_request)(struct bench *b);
	bool keep;  /* exhausted is told */
	bool queue; /* responses are taken over, into queued[] */
	struct {
		struct proxy_branch *b;
		struct sip_msg *resp;
	} queued[16];
	size_t n_queued;
};

/* False when an allocation was made to fail: nothing is left then. */
bool bench_init(struct bench *b);
bool bench_init_with(struct bench *b, const struct proxy_config *config);
void bench_fini(struct bench *b);
void bench_advance(struct bench *b, uint64_t ms);
void note(struct bench *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A message from its text; NULL when out of memory. */
struct sip_msg *parse_text(const char *text, enum rt_transport transport);
/* A request of the caller's; @uri NULL: sip:bob@example.com. @extra: fields, each with CRLF. */
struct sip_msg *make_request(const char *method, const char *uri, const char *extra);
void receive(struct bench *b, struct sip_msg *msg);
/* It arrives: on_request() is called with b->ctx. */
void request(struct bench *b, const char *method, const char *extra);
void cancel(struct bench *b);
/* The caller's ACK for a non-2xx. */
void ack(struct bench *b);

/* What was sent since the last time. */
const char *wire(struct bench *b);
/* The request sent i-th, as text. */
const char *sent_text(struct bench *b, size_t i);
/* The index of the last request with that method sent to a host ending in @host; fails if none. */
size_t sent_to(struct bench *b, const char *method, const char *host);
/* A response to request @i of b->out, as if from where it went. */
void answer(struct bench *b, size_t i, unsigned status);
void answer_with(struct bench *b, size_t i, unsigned status, const char *extra);

/* The owner's verbs. */
void add(struct bench *b, const char *uri);
void add_q(struct bench *b, const char *const *uris, const unsigned *q, size_t n);

/* Exactly this was sent, unless an allocation was made to fail. */
#define assert_wire(b, text)                                                                       \
	do {                                                                                       \
		const char *wire_ = wire(b);                                                       \
		if (!harness_alloc_failed())                                                       \
			assert_string_equal(wire_, text);                                          \
	} while (0)

#endif
