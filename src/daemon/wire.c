/* The one place where a configured value finds its way into a module. */
#include "daemon/wire.h"

#include <errno.h>
#include <stdlib.h>

/* What is handed to the core, with what keeps it alive. */
struct wired {
	struct service_config service;
	struct config *config;
	struct arena arena;
};

static void wired_free(struct service_config *c)
{
	struct wired *w = CONTAINER_OF(c, struct wired, service);

	trust_fini(&w->service.trusted);
	arena_fini(&w->arena);
	config_unref(w->config);
	free(w);
}

static void wire_script(struct cgi_script *to, const struct config_script *from)
{
	*to = (struct cgi_script){
		.name = from->name,
		.path = from->path,
		.dir = from->dir,
		.env = from->env.text,
		.n_env = from->env.n,
		.timeout_ms = from->timeout_ms,
		.max_output = from->max_output,
		.max_actions = from->max_actions,
		.max_branches = from->max_branches,
		.concurrency = from->concurrency,
		.queue = from->queue,
		.queue_age_ms = from->queue_age_ms,
		.fail_open = from->on_error == CONFIG_ON_ERROR_DEFAULT_ACTION,
		.http_compat = from->http_compat,
		.pass_authorization = from->pass_authorization,
		.uid = from->uid == CONFIG_NO_ID ? UINT32_MAX : from->uid,
		.gid = from->gid == CONFIG_NO_ID ? UINT32_MAX : from->gid,
	};
}

static void wire_route(struct cgi_route *to, const struct config_route *from,
		       const struct cgi_script *script)
{
	*to = (struct cgi_route){
		.methods = from->methods.v,
		.n_methods = from->methods.n,
		.request_uri = from->request_uri,
		.from = from->from,
		.to = from->to,
		.user = from->user,
		.sources = from->source.v,
		.n_sources = from->source.n,
		.transports = from->transports,
		.in_dialog = from->in_dialog,
		.script = script,
	};
}

static int wire_routes(struct wired *w)
{
	const struct config *c = w->config;
	struct cgi_script *scripts = arena_alloc(&w->arena, c->n_scripts * sizeof(*scripts));
	struct cgi_route *routes = arena_alloc(&w->arena, c->n_routes * sizeof(*routes));

	if ((c->n_scripts && !scripts) || (c->n_routes && !routes))
		return -ENOMEM;
	for (size_t i = 0; i < c->n_scripts; i++)
		wire_script(&scripts[i], &c->scripts[i]);
	for (size_t i = 0; i < c->n_routes; i++) {
		const struct config_script *script = c->routes[i].script;

		wire_route(&routes[i], &c->routes[i],
			   script ? &scripts[script - c->scripts] : NULL);
	}
	w->service.routes = routes;
	w->service.n_routes = c->n_routes;
	return 0;
}

static int wire_trust(struct wired *w)
{
	const struct config_prefixes *from = &w->config->trusted;
	struct trust *to = &w->service.trusted;

	trust_init(to);
	if (!from->n)
		return 0;
	to->v = calloc(from->n, sizeof(*to->v));
	if (!to->v)
		return -ENOMEM;
	memcpy(to->v, from->v, from->n * sizeof(*to->v));
	to->n = from->n;
	return 0;
}

int wire_service(struct config *config, struct service_config **ret)
{
	const struct config *c = config;
	struct wired *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->config = config_ref(config);
	arena_init(&w->arena, 4096);
	w->service = (struct service_config){
		.refs = 1,
		.free = wired_free,
		.proxy = { .domains = c->domains.v,
			   .n_domains = c->domains.n,
			   .record_route = c->record_route,
			   .timer_c_ms = c->transaction.timer_c,
			   .max_breadth = c->proxy.max_breadth,
			   .mtu = c->proxy.mtu,
			   .tel_gateway = c->tel_gateway },
		.txn = TXN_CONFIG_DEFAULT,
		.registrar = REGISTRAR_CONFIG_DEFAULT,
		.auth = AUTH_CONFIG_DEFAULT,
		.server_name = c->server_name,
		.realm = c->realm,
		.authenticate_register = c->authenticate_register,
		.authenticate_calls = c->authenticate_calls,
		.redirect_domains = c->redirect_domains.v,
		.n_redirect_domains = c->redirect_domains.n,
		.max_branches = c->proxy.max_branches,
	};
	w->service.txn.t1 = c->transaction.t1;
	w->service.txn.t2 = c->transaction.t2;
	w->service.txn.t4 = c->transaction.t4;
	w->service.txn.max = c->transaction.max;
	w->service.registrar.default_expires = c->registrar.default_expires;
	w->service.registrar.min_expires = c->registrar.min_expires;
	w->service.registrar.max_expires = c->registrar.max_expires;
	w->service.registrar.max_contacts = c->registrar.max_contacts;
	w->service.registrar.realm = c->realm;
	w->service.auth.nonce_max_age_s = c->auth.nonce_age;
	w->service.auth.sha256 = c->auth.sha256;
	w->service.auth.md5 = c->auth.md5;
	rc = wire_trust(w);
	if (rc == 0)
		rc = wire_routes(w);
	if (rc < 0) {
		wired_free(&w->service);
		return rc;
	}
	*ret = &w->service;
	return 0;
}

struct transport_config wire_transport(const struct config *config)
{
	struct transport_config t = TRANSPORT_CONFIG_DEFAULT;

	t.conn_max = config->transport.max_connections;
	t.idle_ms = config->transport.idle_timeout_ms;
	t.connect_ms = config->transport.connect_timeout_ms;
	t.conn_queue_max = config->transport.send_queue;
	return t;
}

struct exec_config wire_exec(const struct config *config)
{
	struct exec_config e = { .max_runs = 0, .uid = UINT32_MAX, .gid = UINT32_MAX };

	/* Every script's own limit holds; the pool only has to have room for all of them. */
	for (size_t i = 0; i < config->n_scripts; i++)
		e.max_runs += config->scripts[i].concurrency;
	return e;
}
