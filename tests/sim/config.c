/* A random configuration: domains, policy, routes and scripts. */
#include "sim.h"

struct owned {
	struct service_config c;
	struct slice domains[3];
	struct cgi_script scripts[3];
	struct cgi_route routes[4];
};

static const struct slice methods[] = { SLICE_INIT("INVITE"), SLICE_INIT("MESSAGE"),
					SLICE_INIT("REGISTER") };
static const struct slice redirects[] = { SLICE_INIT(SIM_DOMAIN2) };

static void config_free(struct service_config *c)
{
	trust_fini(&c->trusted);
	free(CONTAINER_OF(c, struct owned, c));
}

static void script_init(struct sim *w, struct cgi_script *s, struct slice name)
{
	*s = (struct cgi_script){
		.name = name,
		.path = SLICE("/scripts/it"),
		.dir = SLICE("/scripts"),
		.env = SLICE("PATH=/usr/bin\0LANG=C\0"),
		.n_env = 2,
		.timeout_ms = 1000 + rng_below(&w->chance, 10000),
		.max_output = rng_percent(&w->chance, 10) ? 100 : 0,
		.max_actions = rng_percent(&w->chance, 10) ? 1 : 0,
		.max_branches = rng_percent(&w->chance, 10) ? 1 : 64,
		.concurrency = 1 + rng_below(&w->chance, 4),
		.queue = rng_below(&w->chance, 4),
		.queue_age_ms = 500 + rng_below(&w->chance, 20000),
		.fail_open = rng_percent(&w->chance, 30),
		.http_compat = rng_percent(&w->chance, 20),
		.pass_authorization = rng_percent(&w->chance, 20),
		.uid = UINT32_MAX,
		.gid = UINT32_MAX,
	};
}

static void routes_init(struct sim *w, struct owned *o)
{
	script_init(w, &o->scripts[0], SLICE("one"));
	script_init(w, &o->scripts[1], SLICE("two"));
	script_init(w, &o->scripts[2], SLICE("three"));
	o->routes[0] = (struct cgi_route){ .methods = methods,
					   .n_methods = 1,
					   .request_uri = SLICE("sip:u0*"),
					   .script = &o->scripts[0] };
	o->routes[1] = (struct cgi_route){ .methods = methods + 1,
					   .n_methods = 1,
					   .script = &o->scripts[1] };
	o->routes[2] = (struct cgi_route){ .methods = methods,
					   .n_methods = rng_percent(&w->chance, 10) ? 3 : 1,
					   .request_uri = SLICE("sip:*"),
					   .script = &o->scripts[2] };
	o->routes[3] =
		(struct cgi_route){ .in_dialog = true,
				    .script = rng_percent(&w->chance, 50) ? &o->scripts[0] : NULL };
	o->c.routes = o->routes;
	if (!rng_percent(&w->chance, w->p.script_percent)) {
		o->c.n_routes = 0;
		return;
	}
	o->c.n_routes = 1 + rng_below(&w->chance, 4);
	/* One for what is in no dialog, the last also for what is. */
	o->routes[3].request_uri = SLICE("sip:*@198.51.100.1*");
}

struct service_config *sim_config_new(struct sim *w)
{
	struct owned *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	o->domains[0] = SLICE(SIM_DOMAIN);
	o->domains[1] = SLICE(SIM_DOMAIN2);
	o->domains[2] = SLICE("192.0.2.1");
	o->c = (struct service_config){
		.refs = 1,
		.free = config_free,
		.proxy = PROXY_CONFIG_DEFAULT,
		.txn = TXN_CONFIG_DEFAULT,
		.registrar = REGISTRAR_CONFIG_DEFAULT,
		.auth = AUTH_CONFIG_DEFAULT,
		.server_name = SLICE(SIM_DOMAIN),
		.realm = rng_percent(&w->chance, 50) ? SLICE(SIM_DOMAIN) : SLICE_EMPTY,
		.authenticate_register = rng_percent(&w->chance, 50),
		.authenticate_calls = rng_percent(&w->chance, 40),
		.redirect_domains = redirects,
		.n_redirect_domains = rng_percent(&w->chance, 20),
		.max_branches = 64,
	};
	o->c.registrar.realm = o->c.realm;
	o->c.proxy.domains = o->domains;
	o->c.proxy.n_domains = ARRAY_LEN(o->domains);
	o->c.proxy.record_route = rng_percent(&w->chance, 70);
	o->c.proxy.max_breadth = rng_percent(&w->chance, 20) ? 3 : PROXY_MAX_BREADTH;
	if (rng_percent(&w->chance, 30))
		o->c.proxy.tel_gateway = SLICE("sip:one.foreign.test");
	if (rng_percent(&w->chance, 3)) {
		o->c.txn.max = 5;
		w->overload = true;
	}
	trust_init(&o->c.trusted);
	if (rng_percent(&w->chance, 60) &&
	    trust_add(&o->c.trusted, rng_percent(&w->chance, 50) ? SLICE("198.51.100.0/29")
								 : SLICE("198.51.100.0/24")) < 0)
		abort();
	routes_init(w, o);
	return &o->c;
}
