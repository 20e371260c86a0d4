/* The lists of sections: where we listen, which scripts there are, which messages they get. */
#include <stdio.h>
#include <string.h>

#include "config/check.h"
#include "config/load.h"
#include "config/value.h"
#include "sip/method.h"
#include "sip/uri.h"

/* The schema of a section by its name in the file. */
static const struct config_section *schema_of(const char *name)
{
	for (size_t i = 0; i < config_root.n_keys; i++) {
		if (strcmp(config_root.keys[i].name, name) == 0)
			return config_root.keys[i].section;
	}
	return NULL;
}

static unsigned count_sections(cfg_t *parent, const char *name)
{
	unsigned n = 0;

	while (load_section(parent, name, n))
		n++;
	return n;
}

static void load_listen(struct loader *l, cfg_t *section, struct config_listen *listen)
{
	const struct config_text *t = config_tree_text(section, "advertise", 0);
	struct slice title = slice_str(cfg_title(section));
	char quoted[CONFIG_QUOTE];
	const char *expected;
	struct slice host;

	listen->line = config_tree_line(section);
	listen->text = load_copy(l, title);
	if (config_listen_parse(title, &listen->transport, &listen->addr, &expected) < 0)
		config_error(&l->report, listen->line, "listen is \"%s\", expected %s",
			     config_quote(title, quoted), expected);
	if (!t)
		return;
	if (config_hostport_parse(slice_str(t->text), &host, &listen->advertise_port) < 0)
		load_wrong(l, "advertise", t, "\"HOST\" or \"HOST:PORT\"");
	else
		listen->advertise_host = load_copy(l, host);
}

/* One UDP and one TCP listener on every IPv4 address. */
static void default_listens(struct loader *l)
{
	static const struct slice texts[] = { SLICE_INIT("udp:0.0.0.0:5060"),
					      SLICE_INIT("tcp:0.0.0.0:5060") };
	struct config_listen *v = load_alloc(l, ARRAY_LEN(texts) * sizeof(*v));
	const char *expected;

	if (!v)
		return;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		v[i].text = texts[i];
		(void)config_listen_parse(texts[i], &v[i].transport, &v[i].addr, &expected);
	}
	l->config->listens = v;
	l->config->n_listens = ARRAY_LEN(texts);
}

void load_listens(struct loader *l)
{
	unsigned n = count_sections(l->root, "listen");
	struct config_listen *v;

	if (n == 0) {
		default_listens(l);
		return;
	}
	v = load_alloc(l, n * sizeof(*v));
	if (!v)
		return;
	for (unsigned i = 0; i < n; i++) {
		load_listen(l, load_section(l->root, "listen", i), &v[i]);
		for (unsigned k = 0; k < i; k++) {
			if (v[k].addr.sa.sa_family && v[k].transport == v[i].transport &&
			    net_addr_port(&v[k].addr) && net_addr_eq(&v[k].addr, &v[i].addr))
				config_error(&l->report, v[i].line,
					     "listen is the same address as on line %u, expected "
					     "each once",
					     v[k].line);
		}
	}
	l->config->listens = v;
	l->config->n_listens = n;
}

struct env_var {
	struct slice name, value;
};

static void env_set(struct env_var *v, size_t *n, struct slice name, struct slice value)
{
	for (size_t i = 0; i < *n; i++) {
		if (slice_eq(v[i].name, name)) {
			v[i].value = value;
			return;
		}
	}
	v[(*n)++] = (struct env_var){ name, value };
}

static void env_add(struct loader *l, cfg_t *section, struct env_var *v, size_t *n)
{
	char quoted[CONFIG_QUOTE];

	for (cfg_opt_t *o = section->opts; o->name; o++) {
		struct slice name = slice_str(o->name);
		unsigned line;

		if (o->type != CFGT_STR || o->nvalues == 0)
			continue;
		line = config_tree_env_line(l->tree, section, name);
		if (!config_is_env_name(name))
			config_error(&l->report, line,
				     "\"%s\" in environment, expected a name of letters, digits "
				     "and underscores",
				     config_quote(name, quoted));
		else if (config_is_metavariable(name))
			config_error(&l->report, line,
				     "\"%s\" in environment is set by the server, expected another "
				     "name",
				     config_quote(name, quoted));
		else
			env_set(v, n, name, slice_str(o->values[0]->string));
	}
}

/* A script gets PATH and LANG, what environment {} of the file adds, then its own. */
static void load_env(struct loader *l, cfg_t *common, cfg_t *own, struct config_env *ret)
{
	size_t room = 2 + (common ? cfg_num(common) : 0) + (own ? cfg_num(own) : 0);
	struct env_var *v = load_alloc(l, room * sizeof(*v));
	size_t bytes = 0, n = 0;
	char *p;

	if (!v)
		return;
	env_set(v, &n, SLICE("PATH"), SLICE("/usr/local/bin:/usr/bin:/bin"));
	env_set(v, &n, SLICE("LANG"), SLICE("C.UTF-8"));
	if (common)
		env_add(l, common, v, &n);
	if (own)
		env_add(l, own, v, &n);
	for (size_t i = 0; i < n; i++)
		bytes += v[i].name.n + 1 + v[i].value.n + 1;
	p = load_alloc(l, bytes);
	if (!p)
		return;
	*ret = (struct config_env){ n, { p, bytes } };
	for (size_t i = 0; i < n; i++) {
		memcpy(p, v[i].name.p, v[i].name.n);
		p += v[i].name.n;
		*p++ = '=';
		memcpy(p, v[i].value.p, v[i].value.n);
		p += v[i].value.n;
		*p++ = '\0';
	}
}

static void load_script_path(struct loader *l, cfg_t *section, struct config_script *s)
{
	const struct config_text *t = config_tree_text(section, "path", 0);
	const char *slash;

	if (!t) {
		config_error(&l->report, s->line,
			     "script \"%s\" without a path, expected path = \"FILE\"",
			     cfg_title(section));
		return;
	}
	if (!*t->text) {
		load_wrong(l, "path", t, "a file");
		return;
	}
	s->path = load_path(l, slice_str(t->text));
	slash = s->path.n ? memrchr(s->path.p, '/', s->path.n) : NULL;
	if (!slash)
		return; /* out of memory */
	s->dir = load_copy(
		l, slice_of(s->path.p, slash == s->path.p ? 1 : (size_t)(slash - s->path.p)));
	(void)config_check_script(&l->report, t->line, s->path.p);
}

static void load_script(struct loader *l, cfg_t *section, struct config_script *s)
{
	static const char *const on_error[] = { "fail", "default-action" };
	const struct config_text *user = config_tree_text(section, "user", 0);
	const struct config_text *group = config_tree_text(section, "group", 0);
	const struct config_text *t = config_tree_text(section, "on-error", 0);
	char quoted[CONFIG_QUOTE];
	cfg_t *again;

	s->line = config_tree_line(section);
	s->name = load_copy(l, slice_str(cfg_title(section)));
	if (!config_is_token(s->name))
		config_error(&l->report, s->line,
			     "script name is \"%s\", expected letters, digits and -._~",
			     config_quote(s->name, quoted));
	load_numbers(l, section, schema_of("script"), s);
	load_script_path(l, section, s);
	if (t && load_choice(l, "on-error", t, on_error, ARRAY_LEN(on_error),
			     "\"fail\" or \"default-action\""))
		s->on_error = CONFIG_ON_ERROR_DEFAULT_ACTION;

	/* Without an account of its own a script runs as the daemon does, never as root that
	 * started it. */
	s->uid = l->config->uid;
	s->gid = l->config->gid;
	if (group && !user)
		config_error(&l->report, group->line, "group without user, expected user too");
	if (user)
		(void)config_check_account(&l->report, group ? group->line : user->line, user->text,
					   group ? group->text : NULL, &s->uid, &s->gid);
	again = load_section(section, "environment", 1);
	if (again)
		config_error(&l->report, config_tree_line(again),
			     "section environment is given twice, expected once");
	load_env(l, load_section(l->root, "environment", 0),
		 load_section(section, "environment", 0), &s->env);
}

/* With no script to give it to, the common environment is still checked. */
static void check_common_env(struct loader *l)
{
	struct config_env unused;

	load_env(l, load_section(l->root, "environment", 0), NULL, &unused);
}

void load_scripts(struct loader *l)
{
	unsigned n = count_sections(l->root, "script");
	struct config_script *v;
	unsigned before;

	before = l->report.count;
	check_common_env(l);
	if (n == 0 || l->report.count != before)
		return; /* its faults would be told once for each script */
	v = load_alloc(l, n * sizeof(*v));
	if (!v)
		return;
	for (unsigned i = 0; i < n; i++)
		load_script(l, load_section(l->root, "script", i), &v[i]);
	l->config->scripts = v;
	l->config->n_scripts = n;
}

static void load_methods(struct loader *l, cfg_t *section, struct config_list *ret)
{
	unsigned n = load_count(section, "methods");
	struct slice *v = n ? load_alloc(l, n * sizeof(*v)) : NULL;

	for (unsigned i = 0; v && i < n; i++) {
		const struct config_text *t = config_tree_text(section, "methods", i);
		struct slice s = slice_str(t->text);
		bool lower = false;

		v[i] = load_copy(l, s);
		for (size_t k = 0; k < s.n; k++)
			lower |= s.p[k] >= 'a' && s.p[k] <= 'z';
		/* Names are case-sensitive (RFC 3261 7.1), and none in use has small letters. */
		if (!config_is_token(s) || lower)
			load_wrong(l, "methods", t, "a method in upper case, such as \"INVITE\"");
		/* SIPCGI.md 1: neither ever selects a script. */
		else if (slice_eq(s, SLICE("ACK")) || slice_eq(s, SLICE("CANCEL")))
			load_wrong(l, "methods", t,
				   "a method that begins a transaction of its own");
	}
	*ret = (struct config_list){ v ? n : 0, v };
}

static void load_pattern(struct loader *l, cfg_t *section, const char *key, struct slice *ret)
{
	const struct config_text *t = config_tree_text(section, key, 0);

	if (!t)
		return;
	*ret = load_copy(l, slice_str(t->text));
	if (!config_is_pattern(slice_str(t->text)))
		load_wrong(l, key, t, "a pattern without blanks, such as \"sip:*@example.com\"");
}

static void load_transports(struct loader *l, cfg_t *section, uint32_t *ret)
{
	unsigned n = load_count(section, "transport");

	for (unsigned i = 0; i < n; i++) {
		const struct config_text *t = config_tree_text(section, "transport", i);
		enum rt_transport transport;

		if (rt_transport_parse(slice_str(t->text), &transport) < 0 ||
		    (transport != RT_UDP && transport != RT_TCP))
			load_wrong(l, "transport", t, "\"udp\" or \"tcp\"");
		else
			*ret |= 1u << transport;
	}
}

static void load_route_script(struct loader *l, cfg_t *section, struct config_route *r)
{
	const struct config_text *name = config_tree_text(section, "script", 0);
	const struct config_text *deflt = config_tree_text(section, "default", 0);
	const struct config *c = l->config;
	bool by_default = !name;

	if (deflt && config_bool_parse(slice_str(deflt->text), &by_default) < 0)
		load_wrong(l, "default", deflt, "true or false");
	else if (deflt && name && by_default)
		config_error(&l->report, deflt->line,
			     "route with both script and default, expected one of them");
	else if (deflt && !name && !by_default)
		config_error(
			&l->report, deflt->line,
			"route without a script, expected script = \"NAME\" or default = true");
	if (!name)
		return;
	for (size_t i = 0; i < c->n_scripts; i++) {
		if (slice_eq(c->scripts[i].name, slice_str(name->text)))
			r->script = &c->scripts[i];
	}
	/* Were the scripts not read for their faults, none is known. */
	if (!r->script && (c->n_scripts || count_sections(l->root, "script") == 0))
		load_wrong(l, "script", name, "the name of a script section");
}

void load_routes(struct loader *l)
{
	unsigned n = count_sections(l->root, "route");
	struct config_route *v = n ? load_alloc(l, n * sizeof(*v)) : NULL;

	if (!v)
		return;
	for (unsigned i = 0; i < n; i++) {
		cfg_t *section = load_section(l->root, "route", i);
		struct config_route *r = &v[i];

		r->line = config_tree_line(section);
		load_numbers(l, section, schema_of("route"), r);
		load_methods(l, section, &r->methods);
		load_pattern(l, section, "request-uri", &r->request_uri);
		load_pattern(l, section, "from", &r->from);
		load_pattern(l, section, "to", &r->to);
		load_pattern(l, section, "user", &r->user);
		load_prefixes(l, section, "source", &r->source);
		load_transports(l, section, &r->transports);
		load_route_script(l, section, r);
	}
	l->config->routes = v;
	l->config->n_routes = n;
}
