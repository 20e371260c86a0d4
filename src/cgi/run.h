/* Runs and what scripts say, between run.c, apply.c and lane.c. Private to the cgi module. */
#ifndef SIPCGID_CGI_RUN_H
#define SIPCGID_CGI_RUN_H

#include "cgi/metavar.h"
#include "cgi/output.h"
#include "cgi/queue.h"
#include "cgi/session.h"

/* One run of a session's script; heap, freed when it has ended. */
struct cgi_run {
	struct list link;    /* service.runs */
	struct session *ss;  /* NULL once the session does not care any more */
	struct service *svc; /* NULL once it is gone */
	struct cgi_lane *lane;
	struct service_config *config; /* keeps the script's description */
	const struct cgi_script *script;
	struct rt_run *rt_run;
	enum cgi_event event;      /* what it is for */
	struct cgi_response *resp; /* CGI_RESPONSE_EVENT; not looked at without ss */
	struct arena arena;        /* the metavariables */
	struct buf env;
	struct sip_msg *msg; /* holds the body that is on its standard input */
	struct cgi_output output;
	struct buf error_line;    /* standard error, up to the end of its line */
	size_t error_lines;       /* logged */
	bool acted;               /* anything but a cookie or CGI-AGAIN */
	bool again;               /* the last CGI-AGAIN said yes */
	bool failed;              /* answered 500 or 504 for it: what follows is not read */
	struct slice call_id;     /* of msg */
	struct wheel_timer limit; /* its time: the runner's own limit ends processes, not waits */
};

/* apply.c: does what one message says. 0, or -EBADMSG with *reterr: a script error. */
int apply_message(struct cgi_run *run, const struct cgi_message *m,
		  struct cgi_output_error *reterr);

/* answer.c: sends a response of the script's own. -ENOMEM, -EBADMSG, or as txn_respond(). */
int answer_send(struct cgi_run *run, const struct cgi_message *m);

/*
 * fields.c: the header fields of an action as edits of the request it is about (SIPCGI.md 3,
 * "Header fields in an action"). In the session's arena; -ENOMEM. Route fields come out in
 * *target. What is ignored is logged with @run's script and call.
 */
int fields_to_target(struct cgi_run *run, const struct cgi_message *m, struct proxy_target *target);
/* The same for a response that is forwarded; in the run's arena. */
int fields_to_response(struct cgi_run *run, const struct cgi_message *m, struct sip_msg *resp,
		       struct proxy_edit *ret);

/* lane.c */
struct cgi_lane *lane_of(struct service *s, const struct cgi_script *script);
/* A place became free, of a script or of the runner: the oldest waiting session gets it. */
void lanes_next(struct service *s);
/* True: it waits. False: the queue is full, it has been answered 503. */
bool lane_wait(struct cgi_lane *lane, struct session *ss);

/* run.c: no run calls back any more but to free itself. */
void run_stop_all(struct service *s);
/* run.c: starts it now; false: no place, it has to wait. */
bool run_start(struct session *ss);

#endif
