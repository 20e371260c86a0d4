/*
 * One request the service is busy with: what was found out about it, its response context and its
 * script. Private to the cgi module. A session is allocated from its context's arena and ends
 * with it.
 */
#ifndef SIPCGID_CGI_SESSION_H
#define SIPCGID_CGI_SESSION_H

#include "base/map.h"
#include "cgi/service.h"
#include "proxy/context.h"

struct cgi_run;
struct cgi_trigger;

/* The runs of one script: how many are under way and who waits. Lives as long as the service. */
struct cgi_lane {
	struct list link; /* service.lanes */
	char *name;
	unsigned running;
	unsigned n_waiting;
	struct list waiting; /* struct session.waiting, oldest first */
};

struct service {
	struct runtime *rt;
	struct service_config *config;
	struct location *location;
	struct txn_layer *txns;
	struct proxy proxy;
	struct registrar *registrar;
	struct auth *auth;
	const struct users *users;
	struct list sessions;
	size_t n_sessions;
	struct list lanes;
	struct list runs;   /* struct cgi_run.link: under way, also those nobody listens to */
	struct map accepts; /* struct session.accept.node */
	bool draining;
};

/* Who sent a request, as far as it is known. */
struct sender {
	bool trusted;       /* its address is in trusted {} */
	bool authenticated; /* its digest was verified */
	bool own_domain;    /* From is in a domain of ours */
	struct auth_identity id;
};

/* A 2xx to INVITE of the script's own that waits for its ACK: accept.c. */
struct cgi_accept {
	struct map_node node;  /* service.accepts */
	struct packet *packet; /* NULL: there is none */
	struct wheel_timer timer;
	uint32_t interval; /* ms to the next copy */
	unsigned status;
};

struct session {
	struct list link; /* service.sessions */
	struct service *svc;
	struct service_config *config;
	struct proxy_ctx *ctx;
	struct proxy_routing routing;
	bool in_dialog;
	bool may_relay;
	struct slice user;                    /* authenticated; in the arena; p NULL: nobody */
	const struct auth_identity *identity; /* the same, of a REGISTER; else NULL */

	/* The script's half: run.c. */
	const struct cgi_script *script;
	struct cgi_lane *lane;
	struct cgi_run *run;         /* under way; NULL: none */
	struct list waiting;         /* in lane->waiting */
	struct wheel_timer patience; /* how long it may wait there */
	unsigned n_branches;
	struct slice cookie; /* the last CGI-SET-COOKIE; p NULL: none */
	struct cgi_accept accept;
	struct slice transaction; /* SIPCGI_TRANSACTION; p NULL before the first run */

	/* What comes after the first run: queue.c. */
	bool armed;                  /* CGI-AGAIN yes was the last word of the last run */
	bool taking;                 /* events are being taken from the queue */
	unsigned n_runs;             /* started */
	struct list queue;           /* struct cgi_trigger.link, oldest first */
	struct cgi_trigger *trigger; /* of the run under way or waiting; NULL: the request */
	struct list responses;       /* struct cgi_response.link */
	unsigned n_responses;
};

/* request.c: the callbacks of the transaction layer. */
extern const struct txn_user service_txn_user;

/* policy.c. True: it may go on, *ret is filled in. False: it has been answered. */
bool policy_identify(struct service *s, struct txn *st, struct sip_msg *req, struct sender *ret);
/* May this sender have us forward to a domain that is not ours? */
bool policy_may_relay(const struct sender *sender, bool in_dialog);
/* Answers and logs a refusal; @field: one more header field, or empty. */
void policy_refuse(struct service *s, struct txn *st, struct sip_msg *req, unsigned status,
		   struct slice field, const char *why);

/* lookup.c */
/*
 * The key of a URI in a domain of ours in the location index. A port of ours is left out, and a
 * domain that is an address stands for the first domain with a name, so that a phone that knows
 * only our address reaches the same people.
 */
int lookup_aor(const struct proxy *p, const struct sip_uri *uri, struct buf *out);
struct slice lookup_domain(const struct proxy *p, struct slice host);
enum lookup_result { LOOKUP_FOUND, LOOKUP_AWAY, LOOKUP_UNKNOWN };
/* The bindings of a URI in a domain of ours; *ret_set is borrowed. Memory errors are negative. */
int lookup_bindings(struct service *s, const struct sip_uri *uri, struct location_set **ret_set);
/* Adds the bindings of @set as targets that inherit token and edits from @like. */
int lookup_add_targets(struct session *ss, const struct location_set *set,
		       const struct proxy_target *like);
/* "Contact: ..." fields for a 3xx, or REGISTRATIONS: the bindings joined with ", ". */
int lookup_contacts(const struct location_set *set, int64_t wall, struct buf *out);

/* default.c: RFC 3050 5.6.1.6. For a session without (or with a silent) script. */
void default_action(struct session *ss);
/* The part of it that needs no session: a request for the server itself or its registrar is
 * answered (true); one for a user or another server is left alone (false). */
bool default_local(struct service *s, struct txn *st, struct sip_msg *req,
		   const struct proxy_routing *routing, const struct auth_identity *who);

/* session.c */
int session_new(struct service *s, struct txn *st, struct sip_msg *req, struct session **ret);
struct session *session_of(struct txn *st);
/* A final answer of our own: pending branches are cancelled. */
void session_answer(struct session *ss, unsigned status, struct slice field);

/* accept.c: sends a 2xx to INVITE and repeats it until the ACK. -ENOMEM, or as txn_respond(). */
int accept_send(struct session *ss, struct packet *packet, unsigned status);
/* The session whose 2xx the ACK is for; it is not sent any more. NULL: none. */
struct session *accept_acked(struct service *s, const struct sip_msg *ack);
/* It is not sent any more, if it was; before the server transaction goes. */
void accept_end(struct session *ss);

/* run.c: starts the session's script, or queues it; answers 503 when it can do neither. */
void run_begin(struct session *ss);
/* The same for ss->trigger; what happens when it cannot be run is queue_ended()'s. */
void run_again(struct session *ss);
/* It does not wait for a place any more; a run under way goes on. */
void run_give_up_waiting(struct session *ss);
/* The session ends: nothing its run still says is heard. */
void run_forget(struct session *ss);
void run_lanes_free(struct service *s);

#endif
