/*
 * The real struct runtime: time, timers, random bytes, sockets and names on a libuv loop. Runners
 * and the store bring their own functions. One per worker; only its thread may use it.
 *
 * The order of a worker's life:
 *     runtime_uv_new, transport_new, resolver_new, transport_listen ..., runtime_uv_attach,
 *     runtime_uv_set_runner, runtime_uv_set_commit, uv_run
 *     transport_free, resolver_free, runtime_uv_free, uv_run until no handle is left
 */
#ifndef SIPCGID_DAEMON_RUNTIME_UV_H
#define SIPCGID_DAEMON_RUNTIME_UV_H

#include <uv.h>

#include "base/runtime.h"

struct resolver;
struct runtime_uv;
struct transport;

/* The calls of rt_ops with the argument they were set with. */
typedef int runtime_uv_run_fn(void *arg, const struct rt_job *job, const struct rt_run_events *ev,
			      void *ev_arg, struct rt_run **ret_run);
typedef void runtime_uv_run_stop_fn(void *arg, struct rt_run *run);
typedef void runtime_uv_commit_fn(void *arg, struct rt_commit *c);

/*
 * Starts with no timer set and the time of now. Keeps the loop alive until it is freed. -ENOMEM.
 */
int runtime_uv_new(uv_loop_t *loop, struct runtime_uv **ret);
/* Its memory goes when the loop has run the closing callbacks. Timers still set never fire. */
void runtime_uv_free(struct runtime_uv *u);
struct runtime *runtime_uv_rt(struct runtime_uv *u);

/* Either may be NULL: sending is then refused with -ENETDOWN, resolving with -EAGAIN. Detach
 * (NULL) before freeing them. */
void runtime_uv_attach(struct runtime_uv *u, struct transport *t, struct resolver *r);
/* Without a runner a run is refused with -EPIPE. */
void runtime_uv_set_runner(struct runtime_uv *u, runtime_uv_run_fn *run,
			   runtime_uv_run_stop_fn *stop, void *arg);
/* Without a store a commit ends with -EROFS. */
void runtime_uv_set_commit(struct runtime_uv *u, runtime_uv_commit_fn *commit, void *arg);

#endif
