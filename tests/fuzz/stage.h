/*
 * A world for the service under fuzz: what it sends is looked at and kept for a while, names,
 * commits and scripts wait until told, time moves when told. One at a time.
 */
#ifndef SIPCGID_TESTS_FUZZ_STAGE_H
#define SIPCGID_TESTS_FUZZ_STAGE_H

#include "base/runtime.h"
#include "cgi/session.h"
#include "fuzz.h"

#define STAGE_SENT 16 /* packets remembered */
#define STAGE_CONN 7  /* the stream connection messages come over */

struct stage_sent {
	struct rt_flow to;
	struct packet *packet;
	uint64_t sender;
};

struct stage {
	struct runtime rt;
	struct rt_listener listeners[4];
	struct service *svc;
	struct location *loc;
	struct users *users;
	struct stage_sent sent[STAGE_SENT]; /* a ring */
	size_t n_sent;                      /* ever */
	struct list runs, resolving, commits;
	size_t n_in;    /* messages given to the service */
	bool faulty_in; /* one of them was faulty: its answer may repeat what was wrong */
	bool full_in;   /* one of them was so large that what is added may be too much */
	bool resolve_late;
	int send_error, run_error;
	uint64_t random_state;
};

/* @flags choose the policy: see stage.c. */
void stage_init(struct stage *g, unsigned flags);
/* Everything under way is ended first, and then there must be nothing left. */
void stage_drain(struct stage *g);
/* Frees all; no timer and no reference may be left. */
void stage_fini(struct stage *g);

/* Takes the reference. */
void stage_receive(struct stage *g, struct packet *p, const struct rt_flow *flow);
void stage_advance(struct stage *g, uint64_t ms);
/* The @back-th of what was sent, 0 the last; NULL. */
const struct stage_sent *stage_sent(const struct stage *g, size_t back);
bool stage_commit_end(struct stage *g, int err);
bool stage_resolved(struct stage *g, int err);
struct rt_run *stage_run(struct stage *g, bool newest);
void stage_run_output(struct rt_run *run, struct slice bytes, bool error);
void stage_run_end(struct rt_run *run, enum rt_run_end how, int status);
/* The policy anew, others than before. */
void stage_configure(struct stage *g, unsigned flags);

#endif
