/* c-ares on a libuv loop: one channel, its sockets watched, its timeouts kept. */
#ifndef SIPCGID_RESOLVE_CARES_H
#define SIPCGID_RESOLVE_CARES_H

#include <ares.h>
#include <uv.h>

#include "base/runtime.h"

struct cares;

/* -ENOMEM; -EINVAL: @servers (NULL: the system's) cannot be parsed. */
int cares_new(uv_loop_t *loop, struct runtime *rt, const char *servers, uint32_t timeout_ms,
	      unsigned tries, struct cares **ret);
/* Queries under way are called back with ARES_EDESTRUCTION before it returns. */
void cares_free(struct cares *c);
/*
 * A and AAAA of @name, or one of them (@family AF_INET, AF_INET6 or AF_UNSPEC). @fn may be called
 * before it returns (hosts file).
 */
void cares_addresses(struct cares *c, const char *name, int family, ares_addrinfo_callback fn,
		     void *arg);
/* 0, or the error that rt_resolved_fn knows. */
int cares_error(int status);

#endif
