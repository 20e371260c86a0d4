/*
 * Metavariables: what a script is told, RFC 3050 5.5.1. One list, made once per run, for every
 * encoder: the environment of an executed script, the parameters of a FastCGI one. A variable that
 * is undefined is not in the list; one with an empty value is.
 */
#ifndef SIPCGID_CGI_METAVAR_H
#define SIPCGID_CGI_METAVAR_H

#include "base/arena.h"
#include "sip/msg.h"

#define CGI_ENV_STRING_MAX (128 * 1024 - 1) /* "NAME=value": the system's limit for one */
#define CGI_ENV_MAX (1024 * 1024)           /* all together */

struct cgi_metavar {
	struct slice name;
	struct slice value;
};

struct cgi_metavars {
	const struct cgi_metavar *v;
	size_t n;
};

enum cgi_event { CGI_EVENT_REQUEST, CGI_EVENT_RESPONSE, CGI_EVENT_CANCEL, CGI_EVENT_ACK };

/* What the list is made from. Slices with p NULL: undefined. */
struct cgi_metavar_input {
	const struct sip_msg *msg; /* the trigger */
	enum cgi_event event;
	struct slice request_uri;  /* of the request, after RFC 3261 16.4 */
	struct slice auth_type;    /* "Digest" */
	struct slice remote_user;
	struct slice registrations;
	struct slice server_name;
	uint16_t server_port;
	struct slice script_path;
	struct slice script_name;
	struct slice cookie;
	struct slice transaction;
	struct slice request_token;
	struct slice response_token;
	struct slice branch_uri;
	struct slice best;
	int pending;               /* -1: undefined */
	bool local;                /* the response was made here */
	bool pass_authorization;
	struct slice env;          /* configured: "NAME=value\0..." */
};

/*
 * Makes the list in @arena; slices may point into @in. -ENOMEM; -E2BIG when it could not be
 * handed to a program: answer 513.
 */
int cgi_metavars_make(const struct cgi_metavar_input *in, struct arena *arena,
		      struct cgi_metavars *ret);
/* "NAME=value\0NAME=value\0..." for struct rt_job: @n of them. */
int cgi_metavars_env(const struct cgi_metavars *vars, struct arena *arena, struct slice *ret,
		     size_t *ret_n);

#endif
