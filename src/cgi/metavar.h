/*
 * Metavariables: what a script is told about the event it is run for. RFC 3050 5.5.1, SIPCGI.md 2.
 * One ordered list; the runners encode it as environment or as FastCGI parameters.
 *
 * An undefined variable is not in the list; one with a null value is in it with an empty value.
 */
#ifndef SIPCGID_CGI_METAVAR_H
#define SIPCGID_CGI_METAVAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/runtime.h"
#include "sip/msg.h"

/* The kernel's limit on one "NAME=value" with its NUL, Linux MAX_ARG_STRLEN. */
#define CGI_ENV_STRING_MAX 131072
/* Of all together; below the kernel's, which is a quarter of the stack limit (8 MiB). */
#define CGI_ENV_MAX (1024 * 1024)

enum cgi_event { CGI_REQUEST_EVENT, CGI_RESPONSE_EVENT, CGI_CANCEL_EVENT, CGI_ACK_EVENT };

/* "request", "response", "cancel", "ack". */
const char *cgi_event_name(enum cgi_event ev);

/*
 * What the list is made from. All slices are borrowed for as long as the list. Where a member may
 * be undefined, p NULL says so; p not NULL with n 0 is a null value.
 */
struct cgi_metavar_input {
	enum cgi_event event;
	const struct sip_msg *msg;  /* the request or response that triggered the run */
	const struct rt_flow *flow; /* where it came from; NULL: locally generated */
	bool ipv6;                  /* for flow NULL: is REMOTE_ADDR ::1, not 127.0.0.1? */
	uint16_t server_port;       /* where the message arrived; never 0 */
	struct slice server_name;
	struct slice remote_host;     /* or undefined */
	struct slice auth_type;       /* or undefined; set only after verification */
	struct slice remote_user;     /* or undefined */
	struct slice tls_client_name; /* or undefined */
	struct slice registrations;   /* or undefined */
	struct slice script_path;     /* SCRIPT_FILENAME */
	struct slice script_name;     /* SCRIPT_NAME */
	struct slice transaction;     /* SIPCGI_TRANSACTION */
	struct slice cookie;          /* or undefined */
	bool pass_authorization;
	/* "NAME=value\0NAME=value\0...": the configured variables. A metavariable of that name
	 * wins, so that configuration cannot forge what the server says. */
	struct slice extra;

	/* CGI_RESPONSE_EVENT only. */
	struct slice request_token; /* or undefined */
	struct slice response_token;
	struct slice branch_uri; /* or undefined */
	struct slice best_token; /* or undefined: no final response yet */
	unsigned pending;
};

struct cgi_metavar {
	struct slice name;
	struct slice value;
};

struct cgi_metavars {
	struct arena *arena;
	struct cgi_metavar *v;
	size_t n, cap;
};

/*
 * The list, in @arena. Order: RFC 3050's variables, SIPCGI_*, SCRIPT_*, SIP_* in the order of the
 * message, the configured ones. -ENOMEM; -EBADMSG: a value has a NUL in it (answer 400).
 */
int cgi_metavars_build(const struct cgi_metavar_input *in, struct arena *arena,
		       struct cgi_metavars *ret);
/* The value, NULL when undefined. */
const struct slice *cgi_metavars_get(const struct cgi_metavars *m, struct slice name);
/*
 * Appends the environment of exec: "NAME=value\0" for each; rt_job.env and .n_env. -E2BIG when
 * the system would refuse it, the same for all runners: answer 513. -ENOMEM.
 */
int cgi_metavars_env(const struct cgi_metavars *m, struct buf *out, size_t *ret_n);
/* Would cgi_metavars_env() refuse it? 0 or -E2BIG; for encoders of other kinds. */
int cgi_metavars_check(const struct cgi_metavars *m);

#endif
