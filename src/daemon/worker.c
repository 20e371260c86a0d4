/* A worker: the modules wired together on one loop. */
#include "daemon/worker.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/users_sqlite.h"
#include "base/log.h"
#include "daemon/commit_uv.h"
#include "daemon/runtime_uv.h"
#include "daemon/wire.h"
#include "resolve/resolver.h"

#define USERS_CHECK_MS 1000 /* how soon a changed user counts */
#define DRAIN_CHECK_MS 100  /* how often it is looked whether anything is left */

struct worker {
	uv_loop_t *loop;
	struct config *config;
	struct runtime_uv *runtime;
	struct runtime *rt;
	struct transport *transport;
	struct resolver *resolver;
	struct exec_pool *pool;
	struct location *location;
	struct location_sqlite *bindings_db;
	struct users_sqlite *users_db;
	struct users *users;
	struct commit_uv *commits;
	struct service *service;

	struct wheel_timer users_timer;
	struct wheel_timer drain_timer;
	uint64_t drain_until;
	worker_drained_fn *drained;
	void *drained_arg;
};

static void on_message(void *arg, struct packet *p, const struct rt_flow *flow)
{
	struct worker *w = arg;

	service_receive(w->service, p, flow);
}

static void on_malformed(void *arg, struct packet *head, const struct rt_flow *flow, int err)
{
	struct worker *w = arg;

	service_bad_frame(w->service, head ? packet_view(head) : SLICE_EMPTY, flow,
			  err == -EMSGSIZE);
}

static void on_send_failed(void *arg, uint64_t sender, int err)
{
	struct worker *w = arg;

	service_send_failed(w->service, sender, err);
}

static const struct transport_events transport_events = {
	.message = on_message,
	.malformed = on_malformed,
	.send_failed = on_send_failed,
};

static int run_script(void *arg, const struct rt_job *job, const struct rt_run_events *ev,
		      void *ev_arg, struct rt_run **ret)
{
	return exec_run_start(arg, job, ev, ev_arg, ret);
}

static void stop_script(void *arg, struct rt_run *run)
{
	(void)arg;
	exec_run_stop(run);
}

static void runner_ready(void *arg)
{
	struct worker *w = arg;

	service_runner_ready(w->service);
}

static void commit(void *arg, struct rt_commit *c)
{
	commit_uv_add(arg, c);
}

static void awake(void *arg)
{
	rt_awake(arg);
}

static int listen_all(struct worker *w, struct buf *reterr)
{
	char text[NET_ADDR_TEXT];
	size_t index;
	int rc;

	for (size_t i = 0; i < w->config->n_listens; i++) {
		const struct config_listen *l = &w->config->listens[i];

		rc = transport_listen(w->transport, l->transport, &l->addr, l->advertise_host,
				      l->advertise_port, &index);
		if (rc < 0) {
			buf_printf(reterr, "cannot listen on %.*s: %s\n", SLICE_FMT(l->text),
				   strerrordesc_np(-rc));
			return rc;
		}
		LOG(LOG_INFO, "listening", LOG_STR("transport", rt_transport_name(l->transport)),
		    LOG_STR("address", net_addr_text(&w->rt->listeners[index].addr, text)),
		    LOG_SLICE("advertised", w->rt->listeners[index].host));
	}
	return 0;
}

static int start_runner(struct worker *w, struct buf *reterr)
{
	struct exec_config config = wire_exec(w->config);
	int rc;

	config.wake = rt_awake;
	config.ready = runner_ready;
	config.arg = w;
	rc = exec_pool_new(w->loop, w->rt, &config, &w->pool);
	if (rc < 0) {
		buf_printf(reterr, "cannot start the spawner: %s\n", strerrordesc_np(-rc));
		return rc;
	}
	runtime_uv_set_runner(w->runtime, run_script, stop_script, w->pool);
	return 0;
}

int worker_new(uv_loop_t *loop, struct config *config, struct worker **ret, struct buf *reterr)
{
	struct transport_config transport = wire_transport(config);
	struct resolver_config resolver = RESOLVER_CONFIG_DEFAULT;
	struct worker *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->loop = loop;
	w->config = config_ref(config);
	rc = runtime_uv_new(loop, &w->runtime);
	if (rc == 0) {
		w->rt = runtime_uv_rt(w->runtime);
		rc = transport_new(loop, w->rt, &transport, &transport_events, w, &w->transport);
	}
	if (rc == 0)
		rc = resolver_new(loop, w->rt, &resolver, &w->resolver);
	if (rc == 0)
		rc = listen_all(w, reterr);
	if (rc == 0)
		rc = start_runner(w, reterr);
	if (rc < 0) {
		if (!reterr->len)
			buf_printf(reterr, "%s\n", strerrordesc_np(-rc));
		worker_free(w);
		return rc;
	}
	*ret = w;
	return 0;
}

static int load_users(struct worker *w)
{
	struct users *users;
	int rc;

	rc = users_sqlite_load(w->users_db, w->rt->seed, &users);
	if (rc < 0) {
		LOG(LOG_ERROR, "users not loaded",
		    LOG_STR("reason", users_sqlite_error(w->users_db)));
		return rc;
	}
	service_set_users(w->service, users);
	users_free(w->users);
	w->users = users;
	return 0;
}

static void check_users(struct wheel_timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, users_timer);

	if (users_sqlite_changed(w->users_db) && load_users(w) == 0)
		LOG(LOG_INFO, "users reloaded", LOG_INT("users", users_count(w->users)));
	rt_timer_in(w->rt, t, USERS_CHECK_MS);
}

static int open_database(struct worker *w, struct buf *reterr)
{
	const char *path = w->config->database.p;
	AUTO_FREE char *why = NULL;
	size_t bindings;
	int rc;

	if (!w->config->database.n)
		return 0;
	rc = location_sqlite_open(path, &w->bindings_db, &why);
	if (rc == 0)
		rc = users_sqlite_open(path, &w->users_db, &why);
	if (rc == 0)
		rc = location_sqlite_load(w->bindings_db, w->location, w->rt->wall);
	if (rc < 0) {
		buf_printf(reterr, "cannot use the database %s: %s\n", path,
			   why ? why : strerrordesc_np(-rc));
		return rc;
	}
	location_count(w->location, &bindings);
	LOG(LOG_INFO, "database opened", LOG_STR("file", path), LOG_INT("bindings", bindings));
	return 0;
}

int worker_start(struct worker *w, struct buf *reterr)
{
	struct service_config *config = NULL;
	int rc;

	rc = location_new(w->rt, &w->location);
	if (rc == 0)
		rc = open_database(w, reterr);
	if (rc == 0)
		rc = commit_uv_new(w->loop, w->rt, w->bindings_db, &w->commits);
	if (rc == 0)
		rc = wire_service(w->config, &config);
	if (rc == 0)
		rc = service_new(w->rt, config, w->location, &w->service);
	service_config_unref(config);
	if (rc == 0 && w->users_db)
		rc = load_users(w);
	if (rc < 0) {
		if (!reterr->len)
			buf_printf(reterr, "%s\n", strerrordesc_np(-rc));
		return rc;
	}
	commit_uv_set_hooks(w->commits, awake, NULL, w->rt);
	runtime_uv_set_commit(w->runtime, commit, w->commits);
	runtime_uv_attach(w->runtime, w->transport, w->resolver);
	w->users_timer.fire = check_users;
	if (w->users_db)
		rt_timer_in(w->rt, &w->users_timer, USERS_CHECK_MS);
	return 0;
}

int worker_reload(struct worker *w, struct config *config)
{
	struct transport_config transport = wire_transport(config);
	struct service_config *service;
	int rc;

	rc = wire_service(config, &service);
	if (rc < 0)
		return rc;
	rc = service_configure(w->service, service);
	service_config_unref(service);
	if (rc < 0)
		return rc;
	transport_configure(w->transport, &transport);
	config_ref(config);
	config_unref(w->config);
	w->config = config;
	return 0;
}

static bool is_idle(const struct worker *w)
{
	return service_busy(w->service) == 0 && commit_uv_idle(w->commits) &&
	       transport_pending(w->transport) == 0;
}

static void check_drained(struct wheel_timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, drain_timer);

	if (is_idle(w) || w->rt->now >= w->drain_until) {
		LOG(LOG_INFO, "drained", LOG_INT("left", service_busy(w->service)));
		w->drained(w->drained_arg);
		return;
	}
	rt_timer_in(w->rt, t, DRAIN_CHECK_MS);
}

void worker_drain(struct worker *w, uint32_t ms, worker_drained_fn *drained, void *arg)
{
	rt_awake(w->rt);
	transport_stop_accepting(w->transport);
	service_drain(w->service);
	w->drained = drained;
	w->drained_arg = arg;
	w->drain_until = w->rt->now + ms;
	w->drain_timer.fire = check_drained;
	/* Once around, so that what was just decided is on its way. */
	rt_timer_in(w->rt, &w->drain_timer, DRAIN_CHECK_MS);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	exec_pool_free(w->pool);
	if (w->commits)
		commit_uv_flush(w->commits);
	if (w->runtime)
		runtime_uv_attach(w->runtime, NULL, NULL);
	service_free(w->service);
	commit_uv_free(w->commits);
	location_free(w->location);
	users_free(w->users);
	users_sqlite_close(w->users_db);
	location_sqlite_close(w->bindings_db);
	transport_free(w->transport);
	resolver_free(w->resolver);
	runtime_uv_free(w->runtime);
	config_unref(w->config);
	free(w);
}
