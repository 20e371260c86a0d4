/*
 * What a script says: RFC 3050 5.6, SIPCGI.md 3. An incremental parser; it does nothing with the
 * messages but check their syntax. A message is there as soon as its last byte is.
 */
#ifndef SIPCGID_CGI_OUTPUT_H
#define SIPCGID_CGI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "sip/header.h"
#include "sip/method.h"
#include "sip/uri.h"

#define CGI_OUTPUT_BYTES 262144 /* of one run, when the limit is 0 */
#define CGI_OUTPUT_ACTIONS 32   /* action lines of one run, when the limit is 0 */
#define CGI_OUTPUT_HEADERS 128  /* fields in one message */
#define CGI_OUTPUT_LINE 8192    /* bytes in one line, its end not counted */
#define CGI_COOKIE_MAX 4096

enum cgi_action {
	CGI_STATUS,  /* SIP/2.0 180 Ringing: .status, .reason */
	CGI_PROXY,   /* CGI-PROXY-REQUEST uri SIP/2.0: .uri */
	CGI_FORWARD, /* CGI-FORWARD-RESPONSE token SIP/2.0: .token, empty for "this" */
	CGI_COOKIE,  /* CGI-SET-COOKIE token SIP/2.0: .token */
	CGI_AGAIN,   /* CGI-AGAIN yes SIP/2.0: .again */
	CGI_REQUEST, /* METHOD uri SIP/2.0: .method, .method_name, .uri */
};

struct cgi_header {
	struct slice name;  /* as written */
	struct slice value; /* trimmed; one line */
	enum sip_header id;
	unsigned line;
	bool is_cgi; /* CGI-*: never leaves the server */
};

enum cgi_body {
	CGI_BODY_NONE,  /* says nothing about a body: the original one */
	CGI_BODY_EMPTY, /* Content-Length: 0 */
	CGI_BODY_GIVEN, /* Content-Type, and what follows */
};

struct cgi_message {
	enum cgi_action action;
	unsigned line; /* of its action line, from 1 */
	unsigned status;
	struct slice reason; /* may be empty: the registered phrase */
	struct sip_uri uri;  /* .text is all of it */
	struct slice token;
	bool again;
	enum sip_method method;
	struct slice method_name;
	struct slice request_token; /* CGI-Request-Token; p NULL: none */
	const struct cgi_header *headers;
	size_t n_headers;
	enum cgi_body body_is;
	struct slice body;
};

struct cgi_output_error {
	unsigned line;
	const char *reason; /* a constant */
	const char *clause; /* a constant: where the rule stands */
};

struct cgi_output_limits {
	size_t bytes;     /* 0: CGI_OUTPUT_BYTES */
	unsigned actions; /* 0: CGI_OUTPUT_ACTIONS */
	/* A header block with Content-Type and no action line is a 200 OK: RFC 3050 5.6.1.1. */
	bool http_compat;
};

enum cgi_output_state { CGI_OUT_BETWEEN, CGI_OUT_HEAD, CGI_OUT_BODY, CGI_OUT_BODY_TO_EOF };

struct cgi_output_field;

/* One run's output. Private to output.c. */
struct cgi_output {
	struct cgi_output_limits limits;
	struct buf in;
	size_t start;   /* of the current message in `in`: what is before it is done with */
	size_t pos;     /* from start: the next line, or the body */
	size_t scanned; /* from start: no newline between pos and here */
	size_t total;   /* bytes taken */
	bool over;      /* there were more than the limit */
	bool delivered; /* the current message was given out: the next call drops it */
	enum cgi_output_state state;
	unsigned line; /* number of the line at pos */
	unsigned actions;
	struct cgi_output_error error; /* sticky; reason NULL: none */

	/* The current message; places count from start. */
	unsigned action_line;
	size_t action_len; /* of its action line, which is at start */
	bool implied;      /* it has none: http_compat */
	bool has_type, has_length, has_token;
	size_t body_len; /* what Content-Length says */
	struct cgi_output_field *fields;
	size_t n_fields;
	struct cgi_header *headers; /* as given out */
	size_t cap;                 /* of both */
};

void cgi_output_init(struct cgi_output *o, const struct cgi_output_limits *limits);
void cgi_output_fini(struct cgi_output *o);
/*
 * More bytes of output. What is beyond the limit is dropped, and told by cgi_output_next() when
 * the messages before it have been taken. -ENOMEM.
 */
int cgi_output_put(struct cgi_output *o, struct slice bytes);
/*
 *   1         *ret is the next complete message; its slices are good until the next call
 *   0         more bytes are needed
 *   -EBADMSG  the output is malformed or broke a limit: *reterr; so it stays
 *   -ENOMEM
 */
int cgi_output_next(struct cgi_output *o, struct cgi_message *ret, struct cgi_output_error *reterr);
/*
 * The output has ended; cgi_output_next() has answered 0. Called once.
 *   0         nothing is left
 *   1         *ret is the last message; all of it was there
 *   2         *ret is the last message, but its closing blank line was missing: to be taken only if
 *             the script ended well (SIPCGI.md 3); *reterr is set for the other case
 *   -EBADMSG  ended inside a body; *reterr
 *   -ENOMEM
 */
int cgi_output_end(struct cgi_output *o, struct cgi_message *ret, struct cgi_output_error *reterr);

/* Does a CGI-Remove of the message name this header? Full and compact names are one. */
bool cgi_message_removes(const struct cgi_message *m, struct slice name);
/* The first header of the message with that name; NULL. */
const struct cgi_header *cgi_message_find(const struct cgi_message *m, struct slice name);

#endif
