/*
 * From a host name to the ordered list of addresses to try: RFC 3263. Numeric hosts, /etc/hosts and
 * A/AAAA records by c-ares, with a small cache that honours their time to live.
 *
 * One resolver belongs to one worker. It calls rt_awake() before it tells of anything.
 */
#ifndef SIPCGID_RESOLVE_RESOLVER_H
#define SIPCGID_RESOLVE_RESOLVER_H

#include <uv.h>

#include "base/runtime.h"

struct resolver;

/* Times in milliseconds. */
struct resolver_config {
	const char *servers; /* "192.0.2.1,[2001:db8::1]:53"; NULL: those of /etc/resolv.conf */
	uint32_t timeout_ms; /* of the first try; later ones take longer */
	unsigned tries;      /* per server */
	size_t cache_max;    /* names kept; the longest unused goes first */
	size_t pending_max;  /* names asked for at a time */
	uint32_t ttl_min_ms; /* an answer holds at least so long, */
	uint32_t ttl_max_ms; /* and at most so long */
	uint32_t missing_ms; /* that there is no such name */
	uint32_t failure_ms; /* that nobody answered, or only with a failure */
};
#define RESOLVER_CONFIG_DEFAULT                                                                    \
	((struct resolver_config){ .timeout_ms = 2000,                                             \
				   .tries = 2,                                                     \
				   .cache_max = 4096,                                              \
				   .pending_max = 1024,                                            \
				   .ttl_min_ms = 1000,                                             \
				   .ttl_max_ms = 3600 * 1000,                                      \
				   .missing_ms = 10000,                                            \
				   .failure_ms = 1000 })

/* @config is copied, its servers too. -ENOMEM; -EINVAL: servers cannot be parsed. */
int resolver_new(uv_loop_t *loop, struct runtime *rt, const struct resolver_config *config,
		 struct resolver **ret);
/* Questions under way end silently. Its memory goes when the loop has run the closing callbacks. */
void resolver_free(struct resolver *r);

/*
 * As rt_ops.resolve. Only addresses of a family that rt->listeners has for the transport are
 * answered; without any the answer is -ENOENT. At pending_max: -EAGAIN.
 */
int resolver_query(struct resolver *r, const struct rt_query *q, struct rt_targets *ret,
		   rt_resolved_fn *fn, void *arg, struct rt_resolve **ret_query);
void resolver_cancel(struct rt_resolve *query);

/* Names in the cache, those being asked for included. */
size_t resolver_cached(const struct resolver *r);
/* Forgets what is known. */
void resolver_flush(struct resolver *r);

#endif
