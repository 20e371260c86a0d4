/*
 * Everything the core may ask of the world. The core (sip, transaction, proxy, registrar, cgi and
 * the policy half of location and auth) calls no socket, clock, random source or process: it is
 * told of events and asks for effects here. The daemon implements this on libuv, the simulator
 * with virtual time and a seeded network.
 *
 * One runtime belongs to one worker; nothing here is thread-safe.
 */
#ifndef SIPCGID_BASE_RUNTIME_H
#define SIPCGID_BASE_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "base/net.h"
#include "base/packet.h"
#include "base/slice.h"
#include "base/wheel.h"

enum rt_transport { RT_UDP, RT_TCP, RT_TLS, RT_WS, RT_WSS, RT_TRANSPORTS };

static inline bool rt_is_reliable(enum rt_transport t)
{
	return t != RT_UDP;
}

/* A place where requests are received, and how it is named in Via and Record-Route. */
struct rt_listener {
	enum rt_transport transport;
	struct net_addr addr; /* bound address; the port is the real one, never 0 */
	struct slice host;    /* advertised host, IPv6 in brackets; lives as long as the listener */
	uint16_t port;        /* advertised port */
};

/*
 * Where a message came from, or where one is to go. @conn names a stream connection; when it is
 * gone, or 0, a message for @peer opens (or reuses) a connection to it.
 */
struct rt_flow {
	uint8_t transport; /* enum rt_transport */
	uint16_t listener; /* index into runtime.listeners: arrival, or source for sending */
	/* Never reused; 0: unknown. Of a datagram it is no connection, but marks the local address
	 * it came to, so that an answer leaves from there. Keep it, pass it on, never judge by it.
	 */
	uint64_t conn;
	struct net_addr peer;
};

/* RFC 3263: what is to be resolved. */
struct rt_query {
	struct slice host; /* as in the URI, brackets included */
	uint16_t port;     /* 0: none given */
	int transport;     /* enum rt_transport, or -1: none given */
	bool secure;       /* a sips: URI */
};

#define RT_TARGETS_MAX 16

struct rt_target {
	enum rt_transport transport;
	struct net_addr addr;
};

/* In the order in which they are to be tried. */
struct rt_targets {
	size_t n;
	struct rt_target v[RT_TARGETS_MAX];
};

/* @err is 0, or -ENOENT (no such name), -ETIMEDOUT, -EAGAIN (server failure), -ENOMEM. */
typedef void rt_resolved_fn(void *arg, int err, const struct rt_targets *targets);
struct rt_resolve; /* one question under way */

/* One run of a script. Everything is borrowed until the run has ended. */
struct rt_job {
	struct slice path; /* absolute; NUL follows */
	struct slice dir;  /* working directory; NUL follows */
	struct slice env;  /* "NAME=value\0NAME=value\0..." */
	size_t n_env;
	struct slice body;   /* standard input */
	uint32_t timeout_ms; /* from start to the last byte of output; not 0 */
	uint32_t uid, gid;   /* what the script runs as; UINT32_MAX: the spawner's default */
};

enum rt_run_end {
	RT_RUN_EXITED,      /* .status is the exit status */
	RT_RUN_SIGNALED,    /* .status is the signal */
	RT_RUN_NOT_STARTED, /* .status is the errno of exec or its preparation */
	RT_RUN_TIMEOUT,
	RT_RUN_CANCELLED, /* rt_ops.run_stop was called */
	RT_RUN_LOST,      /* the spawner died */
};

/* Called in any order and number; @ended exactly once and last. Not called from within run(). */
struct rt_run_events {
	void (*output)(void *arg, struct slice bytes);
	void (*error_output)(void *arg, struct slice bytes);
	void (*ended)(void *arg, enum rt_run_end how, int status);
};

struct rt_run; /* one script run under way */

/* Embedded by who wants something made durable; the store knows what it is embedded in. */
struct rt_commit {
	struct list link; /* the runtime's while under way */
	/* 0: it is on disk and will survive a crash; else a negative errno and nothing changed. */
	void (*done)(struct rt_commit *c, int err);
};

struct runtime;

struct rt_ops {
	/*
	 * Sends @p (a reference is taken as long as needed). 0: accepted; it may still fail later,
	 * which is told by the send-failed event with the same @sender (0: nobody asks). A negative
	 * errno: it failed at once and no event comes.
	 */
	int (*send)(struct runtime *rt, const struct rt_flow *to, struct packet *p,
		    uint64_t sender);
	/*
	 * 0: *ret is filled in, @fn is never called (numeric host, cache). -EINPROGRESS: *ret_query
	 * is set and @fn is called once, later. Else an error as for rt_resolved_fn.
	 */
	int (*resolve)(struct runtime *rt, const struct rt_query *q, struct rt_targets *ret,
		       rt_resolved_fn *fn, void *arg, struct rt_resolve **ret_query);
	/* @fn is not called any more. */
	void (*resolve_cancel)(struct runtime *rt, struct rt_resolve *query);
	/*
	 * Starts a run. 0 with *ret_run, valid until @ev->ended returns; -EAGAIN: every slot is
	 * taken, try again when one of the caller's runs ended; -EPIPE: no spawner at the moment.
	 */
	int (*run)(struct runtime *rt, const struct rt_job *job, const struct rt_run_events *ev,
		   void *arg, struct rt_run **ret_run);
	/* Ends the run's processes; @ended follows with RT_RUN_CANCELLED (or how it ended). */
	void (*run_stop)(struct runtime *rt, struct rt_run *run);
	/* Makes it durable; @done is called exactly once, not from within commit(). Commits are
	 * carried out in the order given. */
	void (*commit)(struct runtime *rt, struct rt_commit *c);
	/* Unpredictable bytes. */
	void (*random)(struct runtime *rt, void *p, size_t n);
	/* See rt_awake(); NULL where time moves by itself. */
	void (*awake)(struct runtime *rt);
};

struct runtime {
	const struct rt_ops *ops;
	uint64_t now;  /* ms, monotonic; fixed while an event is handled */
	int64_t wall;  /* ms since 1970; fixed while an event is handled */
	uint64_t seed; /* key of all hash tables */
	struct wheel wheel;
	struct metrics metrics;
	const struct rt_listener *listeners;
	size_t n_listeners;
};

static inline void rt_timer_in(struct runtime *rt, struct wheel_timer *t, uint64_t ms)
{
	wheel_set(&rt->wheel, t, rt->now + ms);
}

static inline void rt_timer_stop(struct runtime *rt, struct wheel_timer *t)
{
	wheel_cancel(&rt->wheel, t);
}

/*
 * For whatever the loop calls (a socket, a runner, a store), before it tells the core of anything:
 * the loop may have slept, so now and wall are set anew.
 */
static inline void rt_awake(struct runtime *rt)
{
	if (rt->ops->awake)
		rt->ops->awake(rt);
}

static inline uint64_t rt_random64(struct runtime *rt)
{
	uint64_t n;

	rt->ops->random(rt, &n, sizeof(n));
	return n;
}

const char *rt_transport_name(enum rt_transport t); /* "udp" */
const char *rt_transport_via(enum rt_transport t);  /* "UDP", for Via */
/* In any case; -EINVAL. */
int rt_transport_parse(struct slice name, enum rt_transport *ret);
/* The port a URI without one means: 5060, 5061, 80, 443. */
uint16_t rt_transport_port(enum rt_transport t);

#endif
