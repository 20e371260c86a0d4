/*
 * What happens to a transaction after its first run: responses, CANCEL and ACK, in the order in
 * which they came (RFC 3050 4, 5.3, 5.6.1.5; SIPCGI.md 1). Private to the cgi module.
 *
 * One run at a time: what comes while the script runs, or waits for a place, waits too. Each event
 * then finds the script armed by CGI-AGAIN and starts it, or meets the default action.
 */
#ifndef SIPCGID_CGI_QUEUE_H
#define SIPCGID_CGI_QUEUE_H

#include "cgi/metavar.h"
#include "cgi/session.h"

#define CGI_RUNS_MAX 128      /* of one transaction */
#define CGI_RESPONSES_MAX 256 /* kept for one transaction; provisional ones 3/4 of it */

enum cgi_response_fate {
	CGI_RESPONSE_OPEN,    /* its turn has not come, or its run is under way */
	CGI_RESPONSE_HELD,    /* the script did something else: kept, a candidate, not sent */
	CGI_RESPONSE_DEFAULT, /* left to the default action */
	CGI_RESPONSE_SENT,    /* forwarded by the script */
};

/* A response on a branch that the script is or was told of; in the context's arena. */
struct cgi_response {
	struct list link; /* session.responses, in the order in which they came */
	struct proxy_branch *branch;
	struct sip_msg *msg; /* one reference */
	bool local;
	enum cgi_response_fate fate;
	struct packet *sent; /* as the script forwarded it: repeated ones look the same */
	struct slice token;
};

/* Something that may run the script; in the context's arena. */
struct cgi_trigger {
	struct list link; /* session.queue */
	enum cgi_event event;
	struct sip_msg *msg;       /* one reference */
	struct cgi_response *resp; /* CGI_RESPONSE_EVENT */
	bool holds;                /* the context: a CANCEL's run may outlive the transaction */
};

void queue_init(struct session *ss);
/* The session goes. */
void queue_fini(struct session *ss);

/* proxy_hooks.response and .exhausted. */
bool queue_response(void *arg, struct proxy_branch *b, struct sip_msg *resp, bool local);
void queue_exhausted(void *arg);
/* The caller hung up: everything is cancelled now, and the armed script told of it. */
void queue_cancel(struct session *ss, struct sip_msg *cancel);
/* The ACK for the script's own 2xx. */
void queue_ack(struct session *ss, struct sip_msg *ack);
/* The server transaction is gone: what its script still says is not heard, unless a run for its
 * CANCEL is still to come. */
void queue_release(struct session *ss);

/* The run, or the attempt at one, for ss->trigger is over; the session may go with it. @acted: it
 * said anything but a cookie or CGI-AGAIN. */
void queue_ended(struct session *ss, bool acted, bool again);
/* A response stored with this token; NULL. */
struct cgi_response *queue_find(struct session *ss, struct slice token);
/* The stored response that would go up if all had ended; NULL. */
struct cgi_response *queue_best(struct session *ss);
/* A callee's 2xx to INVITE that has not gone up goes up now. False: there is none. */
bool queue_rescue(struct session *ss);

#endif
