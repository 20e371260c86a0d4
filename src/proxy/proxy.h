/*
 * The proxy: RFC 3261 16 with RFC 5393 (loops, breadth), RFC 6026 and RFC 4320. What all requests
 * of one worker share; a single request's state is a response context (context.h).
 */
#ifndef SIPCGID_PROXY_PROXY_H
#define SIPCGID_PROXY_PROXY_H

#include "base/arena.h"
#include "base/list.h"
#include "base/runtime.h"
#include "sip/edit.h"
#include "sip/msg.h"
#include "sip/uri.h"
#include "transaction/txn.h"

#define PROXY_MAX_FORWARDS 70 /* RFC 3261 16.6 step 3 */
#define PROXY_MAX_BREADTH 60  /* RFC 5393 5.3.2 */
#define PROXY_ASKING_MAX 1000 /* requests without a transaction that wait for a name */

struct proxy_config {
	const struct slice *domains; /* lower case; outlive the proxy or the next configure */
	size_t n_domains;
	bool record_route;
	uint32_t timer_c_ms;  /* more than 180000: RFC 3261 16.6 step 11 */
	unsigned max_breadth; /* given to requests that have none */
	size_t mtu;           /* UDP requests larger than this go by TCP: 1300, RFC 3261 18.1.1 */
	struct slice tel_gateway; /* where tel: goes, a SIP URI; empty: nowhere */
};
#define PROXY_CONFIG_DEFAULT                                                                       \
	((struct proxy_config){ .record_route = true,                                              \
				.timer_c_ms = 181000,                                              \
				.max_breadth = PROXY_MAX_BREADTH,                                  \
				.mtu = 1300 })

struct proxy {
	struct runtime *rt;
	struct txn_layer *txns;
	struct proxy_config config;
	uint64_t loop_key;  /* of the loop hash */
	struct list asking; /* requests without a transaction whose next hop is being looked up */
	size_t n_asking;
};

void proxy_init(struct proxy *p, struct runtime *rt, struct txn_layer *txns,
		const struct proxy_config *config);
/* Contexts have ended. Lets go of what is being looked up; a zeroed one may be given too. */
void proxy_fini(struct proxy *p);

/* Is this host one of our domains? Without any configured, the listeners' own names are. */
bool proxy_is_domain(const struct proxy *p, struct slice host);
/* Does this URI name this server itself: a listener's advertised or bound host and port, or,
 * without a port, one of our domains? */
bool proxy_is_self(const struct proxy *p, const struct sip_uri *uri);
/* Is this Via one of ours? */
bool proxy_is_own_via(const struct proxy *p, const struct sip_via *via);

/* validate.c: RFC 3261 16.3, steps 2 to 5 (the parser did step 1). */
struct proxy_refusal {
	unsigned status;    /* 416, 483, 482, 420; 0: the request is good */
	struct slice field; /* "Unsupported: a, b" in @arena; or empty */
};
int proxy_validate(const struct proxy *p, const struct sip_msg *req, struct arena *arena,
		   struct proxy_refusal *ret);

/* What is left of a request's routing after RFC 3261 16.4. Everything is in the arena. */
struct proxy_routing {
	struct slice uri;          /* the Request-URI to work with */
	struct sip_uri parsed;     /* of it */
	const struct slice *route; /* elements that remain, in order */
	size_t n_route;
	bool popped; /* at least one Route value named us */
	bool strict; /* the last hop was a strict router: uri came from Route */
};
/* route.c: -EBADMSG if a Route that must be looked at cannot be parsed. -ENOMEM. */
int proxy_preprocess(const struct proxy *p, const struct sip_msg *req, struct arena *arena,
		     struct proxy_routing *ret);

/*
 * loop.c: the number that is equal whenever a request comes back unchanged in everything that
 * decides its way: RFC 5393 4.2. It is the last part of every branch we make.
 */
uint64_t proxy_loop_hash(const struct proxy *p, const struct sip_msg *req);
/* Has the request been here with this hash? */
bool proxy_is_loop(const struct proxy *p, const struct sip_msg *req, uint64_t hash);
#define PROXY_BRANCH_LEN (7 + 16 + 1 + 16)
/* A new branch, PROXY_BRANCH_LEN bytes; no NUL. */
void proxy_branch_make(struct proxy *p, uint64_t loop_hash, char out[PROXY_BRANCH_LEN]);
/* What the request may be forked into at a time: its Max-Breadth, but at most ours (RFC 5393
 * 5.3.3). */
unsigned proxy_breadth(const struct proxy *p, const struct sip_msg *req);

/* forward.c: what one forwarded request carries beside the original. */
struct proxy_forward {
	const struct sip_msg *req;
	const struct sip_edits *edits; /* a script's; or NULL. Route and Via are not among them */
	struct slice via_top;          /* the stamped top Via of the request; empty: as it is */
	struct slice uri;              /* the target: RFC 3261 16.6 step 2 */
	const struct slice *route;     /* Route elements to send, before strict-route handling */
	size_t n_route;
	bool route_changed; /* they differ from the original's */
	unsigned max_breadth;
	uint64_t loop_hash;
	bool record_route;      /* add ours */
	bool keep_max_forwards; /* @edits gives Max-Forwards: used as it is */
	int listener_in;        /* where it arrived; -1: nowhere */
	/* By the credentials check: a Proxy-Authorization that was for us. SIP_NO_FIELD: none. */
	uint16_t drop_field;
};

/*
 * The URI that decides the next hop (16.6 steps 6 and 7): the first Route, else the target.
 * -EBADMSG: a Route that cannot be parsed; -ENOTSUP: a scheme that cannot be resolved.
 */
int proxy_next_hop(const struct proxy *p, const struct proxy_forward *f, struct sip_uri *ret_uri,
		   struct rt_query *ret_query);
/* The listener to send from, -EHOSTUNREACH if there is none for that transport and family. */
int proxy_listener(const struct proxy *p, enum rt_transport transport, const struct net_addr *peer,
		   int prefer);
/*
 * The request as it goes to @to (to->listener is set): 16.6 steps 1 to 9. @branch is
 * PROXY_BRANCH_LEN bytes. -ENOMEM, -EMSGSIZE.
 */
int proxy_render(const struct proxy *p, const struct proxy_forward *f, const struct rt_flow *to,
		 struct slice branch, struct packet **ret);

/*
 * Forwards an ACK for a 2xx, or anything else that needs no transaction: 16.11. Takes its own
 * reference on @f->req if the name of the next hop must be looked up; everything else in @f must
 * live in @arena, which it takes over. Returns 0 or an error, having freed the arena either way:
 * -EAGAIN when PROXY_ASKING_MAX wait already.
 */
int proxy_forward_stateless(struct proxy *p, const struct proxy_forward *f, struct arena *arena);

#endif
