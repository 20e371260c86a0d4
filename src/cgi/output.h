/*
 * What a script prints: RFC 3050 5.6, read as it comes. Messages are handed over one by one, each
 * as soon as its end is certain by the five delimiting rules; what was handed over before an error
 * has taken effect already.
 */
#ifndef SIPCGID_CGI_OUTPUT_H
#define SIPCGID_CGI_OUTPUT_H

#include "base/buf.h"
#include "sip/header.h"
#include "sip/method.h"
#include "sip/scan.h"

#define CGI_COOKIE_MAX 4096 /* bytes of a cookie */
#define CGI_FIELDS_MAX 256  /* header fields of one message */
#define CGI_LINE_MAX 8192   /* bytes of one line */

enum cgi_action {
	CGI_STATUS,  /* "SIP/2.0 486 Busy Here" */
	CGI_PROXY,   /* "CGI-PROXY-REQUEST sip:a@b SIP/2.0" */
	CGI_FORWARD, /* "CGI-FORWARD-RESPONSE this SIP/2.0" */
	CGI_COOKIE,  /* "CGI-SET-COOKIE abc SIP/2.0" */
	CGI_AGAIN,   /* "CGI-AGAIN yes SIP/2.0" */
	CGI_REQUEST, /* "MESSAGE sip:a@b SIP/2.0": an originated request */
};

struct cgi_field {
	struct slice name;  /* as written: a token */
	struct slice value; /* trimmed; UTF-8 without control characters */
	enum sip_header id; /* SIP_H_OTHER also for CGI-* fields */
	unsigned line;
};

/* Valid during the callback only. */
struct cgi_message {
	enum cgi_action action;
	unsigned line;        /* of the action line, counted from 1 */
	unsigned status;      /* CGI_STATUS */
	struct slice reason;  /* CGI_STATUS; may be empty */
	struct slice uri;     /* CGI_PROXY, CGI_REQUEST */
	struct slice token;   /* CGI_FORWARD (p NULL: "this"), CGI_COOKIE */
	bool again;           /* CGI_AGAIN */
	struct slice method;  /* CGI_REQUEST */
	/* Every field in the script's order, without Content-Length and without CGI-* ones. */
	const struct cgi_field *fields;
	size_t n_fields;
	struct slice request_token; /* CGI-Request-Token; p NULL: none */
	const struct slice *remove; /* names in CGI-Remove fields */
	size_t n_remove;
	bool has_body;        /* Content-Type was given, or Content-Length: 0 */
	struct slice body;    /* empty with Content-Length: 0 */
};

struct cgi_output_error {
	unsigned line;
	const char *reason; /* a constant */
	const char *clause; /* "RFC 3050 5.6 rule 5" */
};

struct cgi_output;

/* 0 to go on; a negative errno stops the parser, which then returns it. */
typedef int cgi_message_fn(void *arg, const struct cgi_message *m);

/* Limits per run: RFC 3050 5.6, SIPCGI.md 3. */
struct cgi_output_limits {
	size_t bytes;
	unsigned actions; /* action lines of any kind */
	bool http_compat; /* a header block without action line is a 200 OK: 5.6.1.1 */
};

int cgi_output_new(const struct cgi_output_limits *limits, cgi_message_fn *fn, void *arg,
		   struct cgi_output **ret);
void cgi_output_free(struct cgi_output *o);
/*
 * More of the output. -EBADMSG with *reterr: malformed, and nothing after it is read (every later
 * call says the same); -E2BIG with *reterr: a limit; -ENOMEM; or what @fn returned.
 */
int cgi_output_feed(struct cgi_output *o, struct slice bytes, struct cgi_output_error *reterr);
/*
 * The output has ended; nothing more is handed over but a message that was complete except for its
 * closing blank line, and that only if @clean (the script exited 0), or a body that ends with the
 * output (rule 4). Errors as above.
 */
int cgi_output_end(struct cgi_output *o, bool clean, struct cgi_output_error *reterr);

#endif
