/*
 * The service: what happens to a request. It stands on top of the core: it owns the transaction
 * layer, the proxy, the registrar and the credentials check, decides who may do what, and then
 * lets a script or the default action decide where a request goes. RFC 3050; RFC 3261 8, 10, 16.
 *
 * Events come in through service_receive() and service_send_failed(), from the runtime's timers
 * and from the callbacks it was handed. One service per worker.
 */
#ifndef SIPCGID_CGI_SERVICE_H
#define SIPCGID_CGI_SERVICE_H

#include "auth/auth.h"
#include "auth/trust.h"
#include "cgi/route.h"
#include "location/location.h"
#include "proxy/proxy.h"
#include "registrar/registrar.h"

struct service;

/*
 * Policy and scripts: immutable, shared by the service and by every session begun under it. A
 * reference is held by each of them; free is called when the last is given back.
 */
struct service_config {
	unsigned refs;
	void (*free)(struct service_config *c);

	struct proxy_config proxy; /* its domains are ours */
	struct txn_config txn;
	struct registrar_config registrar;
	struct auth_config auth;
	struct slice server_name; /* SERVER_NAME when the Request-URI is not ours */
	struct slice realm;       /* empty: the domain */
	struct trust trusted;     /* may relay and need no digest */
	bool authenticate_register;
	bool authenticate_calls;
	const struct slice *redirect_domains; /* lower case */
	size_t n_redirect_domains;
	const struct cgi_route *routes;
	size_t n_routes;
	unsigned max_branches; /* of a request that no script limits */
};

struct service_config *service_config_ref(struct service_config *c);
void service_config_unref(struct service_config *c);

/* Takes a reference on @config; @loc is borrowed. -ENOMEM. */
int service_new(struct runtime *rt, struct service_config *config, struct location *loc,
		struct service **ret);
/* Everything under way is forgotten silently; script runs are stopped. */
void service_free(struct service *s);
/* New requests are handled by @config from now on; what is under way goes on as it began. */
int service_configure(struct service *s, struct service_config *config);
/* Who there is; borrowed until replaced. NULL: no users. */
void service_set_users(struct service *s, const struct users *users);

/* One whole message. Takes its own references. */
void service_receive(struct service *s, struct packet *p, const struct rt_flow *flow);
/* A stream that cannot be followed any further: its last head, to be answered if it can be. */
void service_bad_frame(struct service *s, struct slice head, const struct rt_flow *flow,
		       bool too_large);
void service_send_failed(struct service *s, uint64_t sender, int err);

/* The runner can start scripts again after it answered -EPIPE. */
void service_runner_ready(struct service *s);

/* Requests that have no final answer yet. 0: nothing is lost by stopping. Not O(1). */
size_t service_busy(const struct service *s);
/* New requests get a 503 with Retry-After from now on; what is under way goes on. */
void service_drain(struct service *s);
void service_show(const struct service *s, struct buf *out);

#endif
