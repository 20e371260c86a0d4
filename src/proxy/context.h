/*
 * The response context: one proxied request, its branches and what comes back. RFC 3261 16.5 to
 * 16.10, RFC 5393, RFC 4320. It lives from proxy_ctx_new() until its owner released it and every
 * client transaction of its branches has ended; hooks.freed is the last thing that happens.
 *
 * Nothing here calls a hook from within a call of the owner, except that adding or starting
 * branches may tell of responses made on the spot (a name that cannot be resolved).
 */
#ifndef SIPCGID_PROXY_CONTEXT_H
#define SIPCGID_PROXY_CONTEXT_H

#include "base/list.h"
#include "proxy/proxy.h"

struct proxy_ctx;

enum proxy_branch_state {
	BRANCH_WAITING,    /* its q group has not been started */
	BRANCH_RESOLVING,  /* RFC 3263 */
	BRANCH_CALLING,    /* sent; no provisional response but 100 */
	BRANCH_PROCEEDING, /* a provisional response was received */
	BRANCH_ENDED,      /* its final response has been processed */
};

/* One target and how the request is to look there. Everything lives in the context's arena. */
struct proxy_target {
	struct slice uri;
	const struct slice *route; /* the whole route set of this branch */
	size_t n_route;
	bool route_changed;
	unsigned q;         /* 0..1000; higher first, equal in parallel */
	struct slice token; /* CGI-Request-Token; p NULL: none */
	const struct sip_edits *edits;
	bool keep_max_forwards;
	bool keep_record_route; /* @edits gives it: ours is not added */
	bool changed_from;      /* by @edits: put back in responses */
	bool changed_to;
	uint32_t expires_ms;        /* no answer so long after it was sent: 408; 0: no limit */
	const struct rt_flow *flow; /* the connection a client registered over; or NULL */
};

/* How the owner wants a response to look. */
struct proxy_edit {
	const struct sip_edits *edits; /* or NULL */
	bool from, to;                 /* @edits gives it: the caller's own is not put back */
};

/* Few branches have one: target.expires_ms. */
struct proxy_expires {
	struct wheel_timer timer;
	struct proxy_branch *branch;
};

struct proxy_branch {
	struct list link; /* proxy_ctx.branches, in the order they were added */
	struct proxy_ctx *ctx;
	struct proxy_target target;
	enum proxy_branch_state state;
	unsigned set;     /* targets added together: q orders them among themselves */
	unsigned breadth; /* of Max-Breadth while active */
	struct txn *ct;   /* the current client transaction, or NULL */
	struct rt_resolve *resolve;
	const struct rt_target *places; /* in the order in which they are to be tried */
	uint8_t n_places;
	uint8_t place;    /* index of the next to try */
	bool chosen;      /* to be started by the proxy_ctx_start() under way */
	bool by_mtu;      /* TCP was chosen for its size: UDP is the fallback */
	bool udp_next;    /* the place before @place once more, by UDP whatever the size */
	bool in_turn;     /* ended by proxy_ctx_turn(); proxy_ctx_process() may still follow */
	bool final_local; /* made here: no Via of ours on it */
	struct wheel_timer timer_c;
	struct proxy_expires *expires; /* in the arena; NULL: none */
	struct sip_msg *final;         /* one reference; set when received, also a local one */
};

struct proxy_hooks {
	/*
	 * A response on a branch: provisional (not 100) or its final one; @local if it was made
	 * here (408, 503, 480). False: the default action follows. True: the owner calls
	 * proxy_ctx_turn() and then proxy_ctx_process() later, in the order of the calls, or only
	 * the first if it found another answer; it takes its own reference. A 2xx to INVITE is
	 * told each time it comes, also repeated. Not asked once the request was cancelled.
	 */
	bool (*response)(void *arg, struct proxy_branch *b, struct sip_msg *resp, bool local);
	/* No branch is left and no final response went up or will by itself. Only with
	 * proxy_ctx_new(.., keep = true). */
	void (*exhausted)(void *arg);
	/* The context's arena is about to go. */
	void (*freed)(void *arg);
};

struct proxy_ctx {
	struct proxy *proxy;
	struct arena arena; /* for the owner's use too */
	struct txn *st;     /* NULL once it has terminated */
	struct sip_msg *req;
	const struct proxy_hooks *hooks;
	void *arg;
	struct list branches;
	unsigned refs; /* the owner, client transactions, resolutions, proxy_ctx_hold() */
	unsigned n_branches;
	unsigned n_sets;
	unsigned breadth_left;
	uint64_t loop_hash;
	uint16_t drop_field; /* our own Proxy-Authorization; or SIP_NO_FIELD */
	bool record_route;
	bool keep; /* the owner decides what happens when all branches failed */
	bool more; /* the owner may add targets: not all of Max-Breadth is given away */
	bool cancelled;
	bool closed;   /* 2xx, 6xx or a forwarded final: no new branches */
	bool answered; /* a final response went up */
	bool owned;
};

/*
 * @st and @req: the request; a reference is taken. Fails with -ENOMEM only. The owner calls
 * proxy_ctx_release() when @st has terminated.
 */
int proxy_ctx_new(struct proxy *p, struct txn *st, struct sip_msg *req,
		  const struct proxy_hooks *hooks, void *arg, struct proxy_ctx **ret);
/* The server transaction is gone: nothing is sent upstream any more. */
void proxy_ctx_release(struct proxy_ctx *ctx);

/* At the end of everything: frees it now. No callback of its transactions may come any more. */
void proxy_ctx_abort(struct proxy_ctx *ctx);

/*
 * Adds targets that q orders among themselves; nothing is sent yet. -EALREADY once the context is
 * closed or cancelled, -ENOMEM.
 */
int proxy_ctx_add(struct proxy_ctx *ctx, const struct proxy_target *targets, size_t n);
/*
 * Starts what may start: in each set the highest q while nothing of the set is active.
 * @more: other targets may be added soon, so Max-Breadth is not given away whole.
 */
void proxy_ctx_start(struct proxy_ctx *ctx, bool more);
/* A branch that has failed before anything was sent, with this status. */
int proxy_ctx_add_failed(struct proxy_ctx *ctx, const struct proxy_target *target, unsigned status);

/* Keeps it, its arena and hooks.freed from going until proxy_ctx_drop(). */
void proxy_ctx_hold(struct proxy_ctx *ctx);
void proxy_ctx_drop(struct proxy_ctx *ctx);

/* A response the owner took over has its turn: with a final one the branch counts as ended. */
void proxy_ctx_turn(struct proxy_branch *b, const struct sip_msg *resp);
/* The default action for a response the owner took over: RFC 3050 5.6.1.6, RFC 3261 16.7. */
void proxy_ctx_process(struct proxy_branch *b, struct sip_msg *resp);
/* RFC 3261 16.10: cancels all branches; 487 goes up when the last has ended. */
void proxy_ctx_cancel(struct proxy_ctx *ctx);
/*
 * Sends a response up because the owner says so, with its edits of it; a final one closes the
 * context. *ret_sent, one reference, is what went up. Errors as proxy_forward_response(); then
 * nothing has changed.
 */
int proxy_ctx_forward(struct proxy_branch *b, struct sip_msg *resp, bool local,
		      const struct proxy_edit *edit, struct packet **ret_sent);
/* Cancels what is pending because the owner answers by itself; sends nothing up. */
void proxy_ctx_close(struct proxy_ctx *ctx);
/* Branches without a processed final response, waiting ones too. */
unsigned proxy_ctx_pending(const struct proxy_ctx *ctx);
/* The owner is done with deciding (keep = false from now on): if nothing is pending, the best
 * response goes up now, else 500. */
void proxy_ctx_settle(struct proxy_ctx *ctx);

/* best.c: RFC 3261 16.7 step 6; NULL when no branch has a final response. */
struct proxy_branch *proxy_best(const struct proxy_ctx *ctx);
/* upstream.c: sends a branch's response up, challenges of other branches merged (step 7). */
int proxy_forward_response(struct proxy_branch *b, struct sip_msg *resp, bool local);
/* Only makes it, with the owner's edits. */
int proxy_edit_response(struct proxy_branch *b, struct sip_msg *resp, bool local,
			const struct proxy_edit *edit, struct packet **ret);
/* A final response of our own to the context's request. */
int proxy_reply(struct proxy_ctx *ctx, unsigned status);

#endif
