/*
 * The table of sections and keys, and how libConfuse is used: every value is kept as text with its
 * line (load.c reads it), every section may be repeated as far as libConfuse is concerned (so that
 * a second one is an error here and not silently merged), and libConfuse's own messages are
 * turned into "found, expected".
 */
#include "config/schema.h"

#include <errno.h>
#include <stdio.h>

#include "config/snapshot.h"

#define MS 1u
#define S 1000u
#define MIN (60 * S)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define KIB 1024u
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define KEYS(a) .keys = (a), .n_keys = ARRAY_LEN(a)
#define AT(member) offsetof(struct config, member)
#define SCRIPT_AT(member) offsetof(struct config_script, member)
#define ROUTE_AT(member) offsetof(struct config_route, member)

static const struct config_section environment_section = { .name = "environment" };

static const struct config_key listen_keys[] = {
	{ "advertise", CK_TEXT },
};
static const struct config_section listen_section = { "listen", KEYS(listen_keys) };

static const struct config_key log_keys[] = {
	{ "level", CK_TEXT },
	{ "format", CK_TEXT },
};
static const struct config_section log_section = { "log", KEYS(log_keys) };

static const struct config_key registrar_keys[] = {
	{ "min-expires", CK_SECONDS, AT(registrar.min_expires), 60 * S, 1 * S, 1 * DAY },
	{ "max-expires", CK_SECONDS, AT(registrar.max_expires), 2 * HOUR, 1 * S, 30 * DAY },
	{ "default-expires", CK_SECONDS, AT(registrar.default_expires), 1 * HOUR, 1 * S, 30 * DAY },
	{ "max-contacts", CK_COUNT, AT(registrar.max_contacts), 10, 1, 1000 },
};
static const struct config_section registrar_section = { "registrar", KEYS(registrar_keys) };

static const struct config_key auth_keys[] = {
	{ "nonce-age", CK_SECONDS, AT(auth.nonce_age), 5 * MIN, 1 * S, 1 * DAY },
	{ "algorithms", CK_TEXTS },
};
static const struct config_section auth_section = { "auth", KEYS(auth_keys) };

/* RFC 3261 17.1.1.1 for T1, T2, T4; 16.6 step 11: timer C is longer than 3 minutes. Shorter ones
 * are allowed for tests. */
static const struct config_key transaction_keys[] = {
	{ "t1", CK_MS, AT(transaction.t1), 500 * MS, 1 * MS, 10 * S },
	{ "t2", CK_MS, AT(transaction.t2), 4 * S, 1 * MS, 1 * MIN },
	{ "t4", CK_MS, AT(transaction.t4), 5 * S, 1 * MS, 1 * MIN },
	{ "timer-c", CK_MS, AT(transaction.timer_c), 181 * S, 1 * MS, 1 * HOUR },
	{ "max", CK_COUNT, AT(transaction.max), 1000000, 1, 100000000 },
};
static const struct config_section transaction_section = { "transaction", KEYS(transaction_keys) };

static const struct config_key proxy_keys[] = {
	{ "max-breadth", CK_COUNT, AT(proxy.max_breadth), 60, 1, 1000 },
	{ "max-branches", CK_COUNT, AT(proxy.max_branches), 64, 1, 1000 },
	{ "mtu", CK_BYTES, AT(proxy.mtu), 1300, 500, 65535 },
};
static const struct config_section proxy_section = { "proxy", KEYS(proxy_keys) };

static const struct config_key transport_keys[] = {
	{ "max-connections", CK_COUNT, AT(transport.max_connections), 10000, 1, 1000000 },
	{ "idle-timeout", CK_MS, AT(transport.idle_timeout_ms), 10 * MIN, 1 * MS, 7 * DAY },
	{ "connect-timeout", CK_MS, AT(transport.connect_timeout_ms), 5 * S, 1 * MS, 2 * MIN },
	{ "send-queue", CK_BYTES, AT(transport.send_queue), 1 * MIB, 64 * KIB, 1 * GIB },
};
static const struct config_section transport_section = { "transport", KEYS(transport_keys) };

/* Limits and their defaults: SIPCGI.md 3. */
static const struct config_key script_keys[] = {
	{ "path", CK_TEXT },
	{ "timeout", CK_MS, SCRIPT_AT(timeout_ms), 10 * S, 1 * MS, 1 * HOUR },
	{ "max-output", CK_BYTES, SCRIPT_AT(max_output), 256 * KIB, 1, 64 * MIB },
	{ "max-actions", CK_COUNT, SCRIPT_AT(max_actions), 32, 1, 10000 },
	{ "max-branches", CK_COUNT, SCRIPT_AT(max_branches), 64, 1, 1000 },
	{ "concurrency", CK_COUNT, SCRIPT_AT(concurrency), 64, 1, 10000 },
	{ "queue", CK_COUNT, SCRIPT_AT(queue), 1024, 0, 1000000 },
	{ "queue-age", CK_MS, SCRIPT_AT(queue_age_ms), 5 * S, 1 * MS, 1 * HOUR },
	{ "on-error", CK_TEXT },
	{ "http-compat", CK_BOOL, SCRIPT_AT(http_compat), false },
	{ "pass-authorization", CK_BOOL, SCRIPT_AT(pass_authorization), false },
	{ "user", CK_TEXT },
	{ "group", CK_TEXT },
	{ "environment", CK_ENV, .section = &environment_section },
};
static const struct config_section script_section = { "script", KEYS(script_keys) };

static const struct config_key route_keys[] = {
	{ "methods", CK_TEXTS },   { "request-uri", CK_TEXT },
	{ "from", CK_TEXT },       { "to", CK_TEXT },
	{ "user", CK_TEXT },       { "source", CK_TEXTS },
	{ "transport", CK_TEXTS }, { "in-dialog", CK_BOOL, ROUTE_AT(in_dialog), false },
	{ "script", CK_TEXT },     { "default", CK_TEXT },
};
static const struct config_section route_section = { "route", KEYS(route_keys) };

static const struct config_key root_keys[] = {
	{ "domains", CK_TEXTS },
	{ "server-name", CK_TEXT },
	{ "database", CK_TEXT },
	{ "trusted", CK_TEXTS },
	{ "authenticate", CK_TEXTS },
	{ "realm", CK_TEXT },
	{ "record-route", CK_BOOL, AT(record_route), true },
	{ "redirect-domains", CK_TEXTS },
	{ "tel-gateway", CK_TEXT },
	{ "user", CK_TEXT },
	{ "group", CK_TEXT },
	{ "drain", CK_MS, AT(drain_ms), 10 * S, 0, 1 * HOUR },
	{ "log", CK_SECTION, .section = &log_section },
	{ "registrar", CK_SECTION, .section = &registrar_section },
	{ "auth", CK_SECTION, .section = &auth_section },
	{ "transaction", CK_SECTION, .section = &transaction_section },
	{ "proxy", CK_SECTION, .section = &proxy_section },
	{ "transport", CK_SECTION, .section = &transport_section },
	{ "environment", CK_ENV, .section = &environment_section },
	{ "listen", CK_TITLED, .section = &listen_section },
	{ "script", CK_TITLED, .section = &script_section },
	{ "route", CK_MANY, .section = &route_section },
};
const struct config_section config_root = { "the file", KEYS(root_keys) };

/* Set in an option's flags once it has a value: libConfuse forgets that it is set twice. */
#define FLAG_SEEN (1 << 30)

/* Where libConfuse's callbacks, which carry no argument, find their parse. */
static struct {
	struct config_report *report;
	struct config_tree *tree;
	unsigned line; /* of the last value */
	bool oom;
} current;

static int keep_text(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct config_text *t;
	size_t n = strlen(value);

	if ((opt->flags & FLAG_SEEN) && opt->nvalues <= 1 && opt->name[0] != CONFIG_LINE_KEY[0])
		config_error(current.report, (unsigned)cfg->line,
			     "%s is given twice, expected once", opt->name);
	t = malloc(sizeof(*t) + n + 1);
	if (!t) {
		/* An error here in the value of CONFIG_LINE_KEY would make libConfuse abort(). */
		current.oom = true;
		*(void **)result = NULL;
		return 0;
	}
	opt->flags |= FLAG_SEEN;
	current.line = t->line = (unsigned)cfg->line;
	memcpy(t->text, value, n + 1);
	*(void **)result = t;
	return 0;
}

/* libConfuse has no name for the section an error is in but its cfg_t. */
static const struct config_section *find_section(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(root_keys); i++) {
		if (root_keys[i].section && strcmp(root_keys[i].name, name) == 0)
			return root_keys[i].section;
	}
	return &config_root;
}

static void unknown_option(const cfg_t *cfg, const char *name)
{
	const struct config_section *section = find_section(cfg->name);
	char quoted[CONFIG_QUOTE];
	AUTO_BUF expected = BUF_INIT;

	for (size_t i = 0; i < section->n_keys; i++) {
		buf_str(&expected, i ? ", " : "");
		buf_str(&expected, section->keys[i].name);
	}
	config_error(current.report, (unsigned)cfg->line,
		     "unknown option \"%s\" in %s, expected one of: %.*s",
		     config_quote(slice_str(name), quoted), section->name,
		     SLICE_FMT(buf_view(&expected)));
}

static void env_line(const cfg_t *cfg, const char *name)
{
	struct config_tree *t = current.tree;
	struct config_env_line *grown;
	char *copy = slice_dup(slice_str(name));

	grown = copy ? realloc(t->env_lines, (t->n_env_lines + 1) * sizeof(*grown)) : NULL;
	if (!grown) {
		free(copy);
		current.oom = true;
		return;
	}
	t->env_lines = grown;
	t->env_lines[t->n_env_lines++] = (struct config_env_line){
		.section = cfg,
		.name = slice_str(copy),
		.line = (unsigned)cfg->line,
	};
}

/* libConfuse's messages, and what each means in our words. */
static void parse_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	static const struct {
		const char *theirs, *ours;
	} rows[] = {
		{ "missing equal sign after option '%s'",
		  "\"%s\" without a value, expected \"=\"" },
		{ "attempt to append to non-list option '%s'",
		  "\"+=\" to \"%s\", which is no list, expected \"=\"" },
		{ "missing opening brace for section '%s'",
		  "\"%s\" is a section, expected \"{\" after it" },
		{ "missing title for section '%s'",
		  "\"%s\" without a name, expected a name in quotes and \"{\"" },
		{ "found duplicate title '%s'", "\"%s\" is given twice, expected each name once" },
		{ "unexpected token '%s'",
		  "unexpected \"%s\", expected NAME = VALUE or NAME { ... }" },
		{ "bad escape sequence '%s'", "unknown escape \"%s\" in a string" },
		{ "invalid octal number '%s'", "unknown escape \"%s\" in a string" },
		{ "no sub-section title/index for '%s'", "unknown option \"%s\"" },
		{ "no sub-section '%s'", "unknown option \"%s\"" },
	};
	char quoted[CONFIG_QUOTE];
	char text[512];

	if (strcmp(fmt, "no such option '%s'") == 0) {
		const char *name = va_arg(ap, const char *);

		/* Also said, without being an error, of each new key in a section of free keys. */
		if (cfg->flags & CFGF_KEYSTRVAL)
			env_line(cfg, name);
		else
			unknown_option(cfg, name);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(fmt, rows[i].theirs) != 0)
			continue;
		(void)config_quote(slice_str(va_arg(ap, const char *)), quoted);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		config_error(current.report, (unsigned)cfg->line, rows[i].ours, quoted);
#pragma GCC diagnostic pop
		return;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)vsnprintf(text, sizeof(text), fmt, ap);
#pragma GCC diagnostic pop
	config_error(current.report, (unsigned)cfg->line, "%s", text);
}

/* All options of all sections, one terminator for each, one hidden line for each but the root. */
#define OPTIONS_MAX 128

struct options {
	cfg_opt_t v[OPTIONS_MAX];
	size_t used;
};

/* libConfuse copies what it is given, so that the strings need not be writable in fact. */
static cfg_opt_t *make_options(struct options *all, const struct config_section *section,
			       bool is_root)
{
	cfg_opt_t *first = &all->v[all->used];
	cfg_opt_t *o = first;

	all->used += section->n_keys + (is_root ? 1 : 2);
	for (size_t i = 0; i < section->n_keys; i++) {
		const struct config_key *k = &section->keys[i];

		*o = (cfg_opt_t){ .name = k->name, .flags = CFGF_NODEFAULT };
		if (k->section) {
			o->type = CFGT_SEC;
			o->flags = CFGF_MULTI;
			if (k->kind == CK_TITLED)
				o->flags |= CFGF_TITLE | CFGF_NO_TITLE_DUPES;
			if (k->kind == CK_ENV)
				o->flags |= CFGF_KEYSTRVAL;
			o->subopts = make_options(all, k->section, false);
		} else {
			o->type = CFGT_PTR;
			o->parsecb = keep_text;
			o->freecb = free;
			if (k->kind == CK_TEXTS)
				o->flags |= CFGF_LIST;
		}
		o++;
	}
	/* A default in text form makes libConfuse call back when the section begins. */
	if (!is_root)
		*o++ = (cfg_opt_t){
			.name = CONFIG_LINE_KEY,
			.type = CFGT_PTR,
			.def = { .parsed = (char *)(uintptr_t) "x" },
			.parsecb = keep_text,
			.freecb = free,
		};
	*o = (cfg_opt_t)CFG_END();
	return first;
}

static void close_file(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

int config_tree_parse(struct slice text, struct config_report *r, struct config_tree *ret)
{
	AUTO(config_tree_fini) struct config_tree tree = { 0 };
	AUTO(close_file) FILE *f = NULL;
	struct options options = { .used = 0 };
	unsigned before = r->count;

	tree.cfg = cfg_init(make_options(&options, &config_root, true), 0);
	if (!tree.cfg)
		return -ENOMEM;
	(void)cfg_set_error_function(tree.cfg, parse_error);
	current.report = r;
	current.tree = &tree;
	current.line = 1;
	current.oom = false;
	if (text.n) {
		f = fmemopen((void *)(uintptr_t)text.p, text.n, "r");
		if (!f)
			return -ENOMEM;
		if (cfg_parse_fp(tree.cfg, f) != CFG_SUCCESS && r->count == before && !current.oom)
			config_error(r, current.line,
				     "something after this line is not understood, expected "
				     "NAME = VALUE or NAME { ... }");
	}
	if (current.oom)
		return -ENOMEM;
	if (r->count != before)
		return -EBADMSG;
	*ret = tree;
	tree = (struct config_tree){ 0 };
	return 0;
}

void config_tree_fini(struct config_tree *t)
{
	for (size_t i = 0; i < t->n_env_lines; i++)
		free((void *)(uintptr_t)t->env_lines[i].name.p);
	free(t->env_lines);
	if (t->cfg)
		(void)cfg_free(t->cfg);
	*t = (struct config_tree){ 0 };
}

const struct config_text *config_tree_text(cfg_t *section, const char *key, unsigned i)
{
	cfg_opt_t *o = NULL;

	/* Not cfg_getopt(): it reads '|' in names and complains through parse_error(). */
	for (cfg_opt_t *at = section->opts; at->name && !o; at++) {
		if (strcmp(at->name, key) == 0)
			o = at;
	}
	return o && o->type == CFGT_PTR && i < o->nvalues ? o->values[i]->ptr : NULL;
}

unsigned config_tree_line(cfg_t *section)
{
	const struct config_text *t = config_tree_text(section, CONFIG_LINE_KEY, 0);

	return t ? t->line : 0;
}

unsigned config_tree_env_line(const struct config_tree *t, cfg_t *section, struct slice name)
{
	for (size_t i = 0; i < t->n_env_lines; i++) {
		if (t->env_lines[i].section == section && slice_eq(t->env_lines[i].name, name))
			return t->env_lines[i].line;
	}
	return config_tree_line(section);
}
