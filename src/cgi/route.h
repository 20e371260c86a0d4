/* Which script a request is for: an ordered list of routes, the first match wins (RFC 3050 3.4). */
#ifndef SIPCGID_CGI_ROUTE_H
#define SIPCGID_CGI_ROUTE_H

#include "auth/trust.h"
#include "sip/msg.h"

/* A script as configured. Everything is borrowed from the configuration it came with. */
struct cgi_script {
	struct slice name;
	struct slice path; /* absolute; NUL follows */
	struct slice dir;  /* absolute; NUL follows */
	struct slice env;  /* "NAME=value\0..." */
	size_t n_env;
	uint32_t timeout_ms;
	uint32_t max_output;   /* bytes of one run */
	uint32_t max_actions;  /* of one run */
	uint32_t max_branches; /* of one transaction */
	uint32_t concurrency;  /* runs at a time */
	uint32_t queue;        /* runs that may wait */
	uint32_t queue_age_ms; /* how long they may */
	bool fail_open;        /* malformed output: the default action instead of 500 */
	bool http_compat;
	bool pass_authorization;
	uint32_t uid, gid; /* UINT32_MAX: the spawner's default */
};

/* What is empty or zero matches everything. Patterns know * and ?. */
struct cgi_route {
	const struct slice *methods;
	size_t n_methods;
	struct slice request_uri;
	struct slice from;
	struct slice to;
	struct slice user;
	const struct net_prefix *sources;
	size_t n_sources;
	uint32_t transports;             /* bits 1 << enum rt_transport */
	bool in_dialog;                  /* also requests that follow a route set through us */
	const struct cgi_script *script; /* NULL: the default action */
};

/* What a route is matched against beside the message. */
struct cgi_route_input {
	const struct sip_msg *req;
	struct slice uri;  /* the Request-URI after preprocessing */
	struct slice user; /* authenticated; empty: none */
	bool in_dialog;
};

/* The script of the first route that matches; NULL: none does, or it says default action. */
const struct cgi_script *cgi_route_find(const struct cgi_route *routes, size_t n,
					const struct cgi_route_input *in);

/*
 * Does all of @text match @pattern? * is any run of characters, ? any one; ASCII case is ignored.
 * Time is at most proportional to the product of the lengths.
 */
bool cgi_pattern_match(struct slice pattern, struct slice text);

#endif
