/* The checker's records: what went into the core and what came out. Private to check*.c. */
#ifndef SIPCGID_TESTS_SIM_CHECK_H
#define SIPCGID_TESTS_SIM_CHECK_H

#include "sim.h"

/* A final response that left for a request. */
struct check_final {
	struct list link;
	struct packet *packet;
	unsigned status;
	struct slice to_tag;
};

/* A request the core was given. Found by what its responses carry: branch, sent-by, method. */
struct check_req {
	struct map_node node;
	struct list link; /* check.reqs */
	struct sip_msg *msg;
	struct rt_flow flow;
	uint64_t at;
	uint64_t cancelled_at; /* a CANCEL that matched and came in time; 0: none */
	uint64_t final_at;
	struct list finals; /* struct check_final; one, or 2xx of one INVITE */
	unsigned epoch;
	bool faulty, wild, proxied, scripted;
	bool copied; /* came again after a challenge that no transaction repeats */
};

/* Another answer, or a branch, to a request that came again after such a challenge: what was said
 * to the first copy does not count. */
void check_anew(struct check_req *r);

/* A request the core sent; retransmissions must be the same bytes. */
struct check_sent {
	struct map_node node; /* by branch and method */
	struct packet *packet;
	struct sip_msg *msg;
	struct check_req *origin; /* NULL: made by the core (CANCEL, ACK) */
	struct rt_flow to;
	uint64_t at;
};

/* A response of an agent that was passed on: always to one place, as the same bytes. */
struct check_passed {
	struct map_node node;
	uint64_t id; /* X-Resp */
	struct check_req *req;
	struct packet *packet;
};

struct check {
	struct list reqs;
	struct map by_via; /* struct check_req */
	struct map sent;   /* struct check_sent */
	struct map passed; /* struct check_passed */
	struct map runs;   /* struct check_run: transactions whose script runs */
	struct list msgs;
	size_t n_answered;
	struct check_req *must_answer; /* a 2xx for it came in this event */
};

struct check_req *check_find(struct sim *w, const struct sip_via *via, enum sip_method method);
struct sip_msg *check_parse(struct sim *w, struct packet *p, struct sip_error *reterr);
/* Same bytes? Lost or missing both count as empty. */
void check_same(struct sim *w, const char *what, struct slice was, struct slice is);

/* check_response.c, check_request.c */
void check_response(struct sim *w, struct packet *p, struct sip_msg *m, const struct rt_flow *to);
/* A 2xx to INVITE comes in: it goes up in the same event. */
void check_answer_in(struct sim *w, const struct sip_msg *m);
void check_request(struct sim *w, struct packet *p, struct sip_msg *m, const struct rt_flow *to);

#endif
