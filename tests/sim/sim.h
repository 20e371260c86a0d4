/*
 * The simulator: the whole core under virtual time, with a seeded network, seeded user agents and
 * seeded scripts around it, and a checker that looks at every message and at the live objects
 * after every event. DESIGN.md 2.1 and 5. One run is a function of its seed alone.
 *
 *   world.c    one run: the profile, the loop, the end
 *   runtime.c  struct rt_ops but sending and scripts: names, commits and the store, random bytes
 *   net.c      what carries messages: loss, copies, delay, order, connections that break
 *   script.c   what scripts say, and when, and how they end
 *   agent.c    a user agent; uac.c its client side, uas.c its server side, dialog.c what they share
 *   message.c  what agents write and read
 *   check.c    the records of what went in and out; live objects; check_out.c the messages
 *
 * Memory of a run comes from one arena and goes with it. An allocation never fails here.
 */
#ifndef SIPCGID_TESTS_SIM_SIM_H
#define SIPCGID_TESTS_SIM_SIM_H

#include <stdarg.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/runtime.h"
#include "cgi/session.h"
#include "sip/addr.h"

#define SIM_AGENTS_MAX 12
#define SIM_NAMES 7
#define SIM_DOMAIN "example.test"
#define SIM_DOMAIN2 "example.org"
#define SIM_T1 500
#define SIM_T2 4000
#define SIM_TAIL 64 /* log lines shown with a failure */

/* ---- chance ---- */

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* 0 .. n-1; 0 for 0. */
static inline unsigned rng_below(struct rng *r, unsigned n)
{
	return n ? (unsigned)(rng_next(r) % n) : 0;
}

/* Percent. */
static inline bool rng_percent(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

/* ---- a run ---- */

/* What the world does wrong on purpose, to prove that the checker sees it. */
enum sim_break {
	BREAK_NOTHING,
	BREAK_DUP_FINAL,   /* a second, different final response leaves */
	BREAK_LOSE_COMMIT, /* a commit is told to be done, and is not */
	BREAK_CSEQ,        /* a forwarded request leaves with another CSeq */
	BREAK_SILENCE,     /* final responses to INVITE do not leave */
	BREAK_LEAK,        /* the end of a script run is never told */
};

struct sim_options {
	uint64_t seed;
	bool trace;
	enum sim_break brk;
	const char *expect;  /* with @brk: the invariant that must be seen broken */
	const char *program; /* argv[0], for the command that replays */
};

/* Drawn from the seed: how good the world is. Chances are per 1,000 messages or events. */
struct profile {
	bool quiet; /* nothing is lost, nobody misbehaves: the strong promises hold */
	unsigned loss, copies, send_error, late_error, conn_break;
	unsigned delay_min, delay_max; /* ms */
	unsigned dns_late, dns_fail;   /* percent */
	unsigned commit_ms, commit_fail;
	unsigned mutate, mutate_responses;
	unsigned rude; /* percent: an agent that does not do what it should */
	bool restart;  /* the process dies once, and starts again from its store */
	bool reconfigure;
	bool abort; /* stopped in the middle of everything */
	bool drain;
	unsigned script_percent; /* of requests that have a route to a script */
	unsigned calls, agents;
	unsigned span; /* ms in which new requests begin */
};

struct sim;
struct agent;
struct call;
struct dialog;

struct name {
	struct slice host;
	struct rt_targets targets;
	int err;
};

/* Bindings on the simulated disk, by address-of-record. */
struct stored {
	struct list link;
	struct location_set *set; /* a copy */
};

struct sim {
	struct sim_options opt;
	struct profile p;
	struct runtime rt;
	struct rt_listener listeners[4];
	struct service *svc;
	struct location *loc;
	struct users *users;
	struct service_config *config;
	struct wheel wheel; /* of the world around the core */
	struct rng chance, core_random, net_random;
	struct arena mem;
	struct buf scratch;

	struct agent *agents;
	size_t n_agents;
	struct name names[SIM_NAMES];

	struct list packets; /* struct kept: references to give back at the end */
	struct list flights;
	struct list conns;
	uint64_t next_conn;
	struct list runs;
	unsigned n_runs;
	struct list resolves;
	struct list commits;
	struct list store;
	uint64_t last_commit_at;
	struct wheel_timer spawner_ready;

	struct map uass; /* struct uas, by agent and branch */
	struct uac **uacs;
	size_t n_uacs, cap_uacs;
	struct dialog **dialogs;
	size_t n_dialogs, cap_dialogs;
	uint64_t next_id;

	struct check *check;
	unsigned epoch; /* restarts */
	bool overload;  /* so few transactions that some requests get a stateless 503 */
	bool ending;    /* new requests have ended */
	size_t n_messages, n_events;

	char (*tail)[256];
	size_t n_tail;
	uint64_t digest; /* of everything that was logged: two runs of a seed must agree */
};

/* world.c */
struct sim_summary {
	size_t requests, messages, runs, answered;
	uint64_t digest;
};
/* Runs one seed; does not return if an invariant is broken. */
void sim_run(const struct sim_options *opt, struct sim_summary *ret);
/* An invariant is broken: says which, the last events and the command that replays, and exits. */
void sim_fail(struct sim *w, const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void sim_log(struct sim *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sim_log_packet(struct sim *w, const char *what, const struct packet *p);
void *sim_alloc(struct sim *w, size_t n);
struct slice sim_printf(struct sim *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Takes the reference over, until the end of the run. */
struct packet *sim_keep(struct sim *w, struct packet *p);
static inline void sim_timer(struct sim *w, struct wheel_timer *t, uint64_t ms)
{
	wheel_set(&w->wheel, t, w->rt.now + ms);
}
static inline struct sim *sim_of(struct runtime *rt)
{
	return CONTAINER_OF(rt, struct sim, rt);
}
bool sim_chance(struct sim *w, unsigned per_thousand);
void sim_service_start(struct sim *w);
void sim_service_stop(struct sim *w);

/* config.c */
struct service_config *sim_config_new(struct sim *w);

/* runtime.c */
void runtime_init(struct sim *w);
void runtime_fini(struct sim *w);
/* A crash: what is being written is not written. */
void runtime_forget_commits(struct sim *w);
void runtime_check_idle(struct sim *w);
const struct location_set *store_find(const struct sim *w, struct slice aor);
void store_load(struct sim *w);

/* net.c */
struct conn;
int net_from_core(struct sim *w, const struct rt_flow *to, struct packet *p, uint64_t sender);
/* @c: over this connection if it lives; NULL: any to @dest. Takes the reference to @p. */
void net_from_agent(struct agent *a, enum rt_transport t, struct conn *c,
		    const struct net_addr *dest, struct packet *p, bool wild);
void net_fini(struct sim *w);
bool net_conn_alive(const struct conn *c);
void net_break_some(struct sim *w);

/* script.c */
int script_run(struct runtime *rt, const struct rt_job *job, const struct rt_run_events *ev,
	       void *arg, struct rt_run **ret_run);
void script_run_stop(struct runtime *rt, struct rt_run *run);
/* The service is gone: what still runs ends now. */
void script_forget(struct sim *w);

/* check.c */
void check_init(struct sim *w);
void check_fini(struct sim *w);
void check_in(struct sim *w, struct packet *p, const struct rt_flow *flow, bool wild);
/* The head of what cannot be followed: its answer may be anything. */
void check_bad_frame(struct sim *w, struct slice head, const struct rt_flow *flow);
void check_out(struct sim *w, struct packet *p, const struct rt_flow *to);
/* After every event. */
void check_live(struct sim *w);
/* A run of a script for the transaction of that name begins or ends. */
void check_run(struct sim *w, struct slice transaction, struct slice via, bool begins);
/* An agent answered an INVITE with a 2xx and gave up waiting for the ACK. */
void check_no_ack(struct sim *w, const struct sip_msg *invite, struct slice tag);
void check_restart(struct sim *w);
void check_end(struct sim *w);
size_t check_answered(const struct sim *w);

#endif
