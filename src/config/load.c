/*
 * From libConfuse's tree to the snapshot: reads every value, checks it, and copies it to the
 * snapshot's arena. All faults of a file are told, not only the first. Sections that are lists
 * (listen, script, route) are in load_sections.c.
 */
#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/check.h"
#include "config/source.h"
#include "config/value.h"
#include "sip/uri.h"

void *load_alloc(struct loader *l, size_t n)
{
	void *p = arena_zalloc(&l->config->arena, n);

	if (!p)
		l->oom = true;
	return p;
}

struct slice load_copy(struct loader *l, struct slice s)
{
	char *p = load_alloc(l, s.n + 1);

	if (!p)
		return SLICE_EMPTY;
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct slice){ p, s.n };
}

struct slice load_path(struct loader *l, struct slice path)
{
	struct slice ret;
	char *p;

	if (path.n && path.p[0] == '/')
		return load_copy(l, path);
	p = load_alloc(l, l->dir.n + 1 + path.n + 1);
	if (!p)
		return SLICE_EMPTY;
	ret = (struct slice){ p, l->dir.n + 1 + path.n };
	memcpy(p, l->dir.p, l->dir.n);
	p[l->dir.n] = '/';
	if (path.n)
		memcpy(p + l->dir.n + 1, path.p, path.n);
	return ret;
}

struct slice load_lower(struct loader *l, struct slice s)
{
	struct slice ret = load_copy(l, s);

	/* Our own copy, not yet shown to anybody. */
	for (size_t i = 0; i < ret.n; i++)
		((char *)(uintptr_t)ret.p)[i] = slice_lower(ret.p[i]);
	return ret;
}

unsigned load_count(cfg_t *section, const char *key)
{
	unsigned n = 0;

	while (config_tree_text(section, key, n))
		n++;
	return n;
}

void load_wrong(struct loader *l, const char *key, const struct config_text *t,
		const char *expected)
{
	char quoted[CONFIG_QUOTE];

	config_error(&l->report, t->line, "%s is \"%s\", expected %s", key,
		     config_quote(slice_str(t->text), quoted), expected);
}

cfg_t *load_section(cfg_t *parent, const char *name, unsigned i)
{
	for (cfg_opt_t *o = parent->opts; o->name; o++) {
		if (strcmp(o->name, name) == 0)
			return i < o->nvalues ? o->values[i]->section : NULL;
	}
	return NULL;
}

/* One number of any kind, with its limits. */
static void load_number(struct loader *l, const struct config_key *k, const struct config_text *t,
			uint64_t *ret)
{
	char low[CONFIG_NUMBER], high[CONFIG_NUMBER], expected[160];
	bool time = k->kind == CK_MS || k->kind == CK_SECONDS;
	struct slice s = slice_str(t->text);
	uint64_t n;
	int rc;

	if (time)
		rc = config_duration_parse(s, &n);
	else if (k->kind == CK_BYTES)
		rc = config_size_parse(s, &n);
	else
		rc = slice_u64(s, UINT32_MAX, &n);
	if (rc == 0 && n >= k->min && n <= k->max && !(k->kind == CK_SECONDS && n % 1000)) {
		*ret = n;
		return;
	}
	if (time)
		(void)snprintf(expected, sizeof(expected),
			       "a time such as %s\"5s\" or \"2h\" from %s to %s",
			       k->kind == CK_MS ? "\"500ms\", " : "",
			       config_duration_text(k->min, low),
			       config_duration_text(k->max, high));
	else if (k->kind == CK_BYTES)
		(void)snprintf(expected, sizeof(expected),
			       "a size such as \"256KiB\" or \"1MiB\" from %s to %s",
			       config_size_text(k->min, low), config_size_text(k->max, high));
	else
		(void)snprintf(expected, sizeof(expected), "a number from %u to %u",
			       (unsigned)k->min, (unsigned)k->max);
	load_wrong(l, k->name, t, expected);
}

void load_numbers(struct loader *l, cfg_t *section, const struct config_section *schema, void *base)
{
	for (size_t i = 0; i < schema->n_keys; i++) {
		const struct config_key *k = &schema->keys[i];
		const struct config_text *t = section ? config_tree_text(section, k->name, 0)
						      : NULL;
		char *member = (char *)base + k->offset;
		uint64_t n = k->value;

		switch (k->kind) {
		case CK_MS:
		case CK_BYTES:
		case CK_COUNT:
		case CK_SECONDS:
			if (t)
				load_number(l, k, t, &n);
			if (k->kind == CK_SECONDS)
				n /= 1000;
			*(uint32_t *)(void *)member = (uint32_t)n;
			break;
		case CK_BOOL:
			*(bool *)(void *)member = n;
			if (t && config_bool_parse(slice_str(t->text), (bool *)(void *)member) < 0)
				load_wrong(l, k->name, t, "true or false");
			break;
		default:
			break;
		}
	}
}

void load_prefixes(struct loader *l, cfg_t *section, const char *key, struct config_prefixes *ret)
{
	unsigned n = load_count(section, key);
	struct net_prefix *v = n ? load_alloc(l, n * sizeof(*v)) : NULL;

	for (unsigned i = 0; v && i < n; i++) {
		const struct config_text *t = config_tree_text(section, key, i);

		if (net_prefix_parse(slice_str(t->text), &v[i]) < 0)
			load_wrong(l, key, t,
				   "an address or a prefix such as \"10.0.0.0/8\" or "
				   "\"2001:db8::/32\"");
	}
	*ret = (struct config_prefixes){ v ? n : 0, v };
}

size_t load_choice(struct loader *l, const char *key, const struct config_text *t,
		   const char *const *choices, size_t n, const char *expected)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(t->text, choices[i]) == 0)
			return i;
	}
	load_wrong(l, key, t, expected);
	return 0;
}

/* Domains are compared without regard to case, so they are kept in lower case. */
static void load_domains(struct loader *l, const char *key, struct config_list *ret)
{
	unsigned n = load_count(l->root, key);
	struct slice *v = n ? load_alloc(l, n * sizeof(*v)) : NULL;

	for (unsigned i = 0; v && i < n; i++) {
		const struct config_text *t = config_tree_text(l->root, key, i);

		v[i] = load_lower(l, slice_str(t->text));
		if (!sip_is_host(v[i]))
			load_wrong(l, key, t, "a domain name or an address, without a port");
		for (unsigned k = 0; k < i; k++) {
			if (slice_eq(v[k], v[i]))
				load_wrong(l, key, t, "each domain once");
		}
	}
	*ret = (struct config_list){ v ? n : 0, v };
}

static bool list_has(const struct config_list *list, struct slice s)
{
	for (size_t i = 0; i < list->n; i++) {
		if (slice_eq(list->v[i], s))
			return true;
	}
	return false;
}

static void load_names(struct loader *l)
{
	const struct config_text *t = config_tree_text(l->root, "server-name", 0);
	struct config *c = l->config;
	char host[HOST_NAME_MAX + 1] = "";

	load_domains(l, "domains", &c->domains);
	load_domains(l, "redirect-domains", &c->redirect_domains);
	for (unsigned i = 0; i < c->redirect_domains.n; i++) {
		if (!list_has(&c->domains, c->redirect_domains.v[i]))
			load_wrong(l, "redirect-domains",
				   config_tree_text(l->root, "redirect-domains", i),
				   "one of the domains");
	}
	if (t) {
		c->server_name = load_lower(l, slice_str(t->text));
		if (!sip_is_host(c->server_name))
			load_wrong(l, "server-name", t, "a host name or an address");
	} else {
		if (gethostname(host, sizeof(host) - 1) == -1 || !sip_is_host(slice_str(host)))
			(void)snprintf(host, sizeof(host), "localhost");
		c->server_name = load_lower(l, slice_str(host));
	}
	t = config_tree_text(l->root, "realm", 0);
	if (t) {
		c->realm = load_copy(l, slice_str(t->text));
		for (size_t i = 0; i < c->realm.n; i++) {
			if ((unsigned char)c->realm.p[i] < 0x20 || c->realm.p[i] == 0x7f) {
				load_wrong(l, "realm", t, "text without control characters");
				break;
			}
		}
	}
	t = config_tree_text(l->root, "tel-gateway", 0);
	if (t) {
		struct sip_uri uri;
		const char *why;

		c->tel_gateway = load_copy(l, slice_str(t->text));
		if (sip_uri_parse(c->tel_gateway, &uri, &why) < 0 ||
		    (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS) || uri.user.p ||
		    uri.headers.p)
			load_wrong(l, "tel-gateway", t,
				   "a SIP URI without a user, such as \"sip:gw.example.com\"");
	}
}

static void load_policy(struct loader *l)
{
	static const char *const kinds[] = { "register", "calls" };
	unsigned n = load_count(l->root, "authenticate");
	struct config *c = l->config;
	bool given = false;

	/* An empty list is an answer too: nobody is asked. */
	for (cfg_opt_t *o = l->root->opts; o->name; o++)
		given |= strcmp(o->name, "authenticate") == 0 && (o->flags & CFGF_MODIFIED);
	c->authenticate_register = c->authenticate_calls = !given;
	for (unsigned i = 0; i < n; i++) {
		const struct config_text *t = config_tree_text(l->root, "authenticate", i);

		if (load_choice(l, "authenticate", t, kinds, ARRAY_LEN(kinds),
				"\"register\" or \"calls\"") == 0)
			c->authenticate_register = true;
		else
			c->authenticate_calls = true;
	}
	load_prefixes(l, l->root, "trusted", &c->trusted);
}

static void load_log(struct loader *l)
{
	static const char *const formats[] = { "text", "json" };
	cfg_t *section = load_section(l->root, "log", 0);
	const struct config_text *t = section ? config_tree_text(section, "level", 0) : NULL;
	struct config *c = l->config;

	c->log.level = LOG_INFO;
	if (t && log_level_parse(slice_str(t->text), &c->log.level) < 0)
		load_wrong(l, "level", t, "\"error\", \"warn\", \"info\" or \"debug\"");
	t = section ? config_tree_text(section, "format", 0) : NULL;
	if (t && load_choice(l, "format", t, formats, ARRAY_LEN(formats), "\"text\" or \"json\""))
		c->log.format = CONFIG_LOG_JSON;
}

static void load_auth(struct loader *l)
{
	static const char *const algorithms[] = { "SHA-256", "MD5" };
	cfg_t *section = load_section(l->root, "auth", 0);
	unsigned n = section ? load_count(section, "algorithms") : 0;
	struct config *c = l->config;

	c->auth.sha256 = c->auth.md5 = n == 0;
	for (unsigned i = 0; i < n; i++) {
		const struct config_text *t = config_tree_text(section, "algorithms", i);

		if (load_choice(l, "algorithms", t, algorithms, ARRAY_LEN(algorithms),
				"\"SHA-256\" or \"MD5\"") == 0)
			c->auth.sha256 = true;
		else
			c->auth.md5 = true;
	}
}

/* The line of a key, or of the section when the key is not there. */
static unsigned key_line(cfg_t *section, const char *key)
{
	const struct config_text *t = section ? config_tree_text(section, key, 0) : NULL;

	return t ? t->line : section ? config_tree_line(section) : 0;
}

static void load_registrar(struct loader *l)
{
	cfg_t *section = load_section(l->root, "registrar", 0);
	struct config *c = l->config;

	if (c->registrar.min_expires > c->registrar.max_expires)
		config_error(&l->report, key_line(section, "min-expires"),
			     "min-expires is %us, expected at most max-expires, which is %us",
			     c->registrar.min_expires, c->registrar.max_expires);
	else if (section && config_tree_text(section, "default-expires", 0) == NULL &&
		 c->registrar.default_expires > c->registrar.max_expires)
		c->registrar.default_expires = c->registrar.max_expires;
	else if (c->registrar.default_expires > c->registrar.max_expires ||
		 c->registrar.default_expires < c->registrar.min_expires)
		config_error(&l->report, key_line(section, "default-expires"),
			     "default-expires is %us, expected from min-expires (%us) to "
			     "max-expires (%us)",
			     c->registrar.default_expires, c->registrar.min_expires,
			     c->registrar.max_expires);
}

static void load_process(struct loader *l)
{
	const struct config_text *user = config_tree_text(l->root, "user", 0);
	const struct config_text *group = config_tree_text(l->root, "group", 0);
	const struct config_text *t = config_tree_text(l->root, "database", 0);
	struct config *c = l->config;

	c->database = SLICE(CONFIG_DATABASE_DEFAULT);
	if (t)
		c->database = *t->text ? load_path(l, slice_str(t->text)) : load_copy(l, SLICE(""));
	c->uid = CONFIG_NO_ID;
	c->gid = CONFIG_NO_ID;
	if (group && !user)
		config_error(&l->report, group->line, "group without user, expected user too");
	if (user) {
		c->user = load_copy(l, slice_str(user->text));
		(void)config_check_account(&l->report, group ? group->line : user->line, user->text,
					   group ? group->text : NULL, &c->uid, &c->gid);
	}
}

/* Sections that may be given once only. */
static void load_once(struct loader *l)
{
	for (size_t i = 0; i < config_root.n_keys; i++) {
		const struct config_key *k = &config_root.keys[i];
		cfg_t *again;

		if (k->kind != CK_SECTION && k->kind != CK_ENV)
			continue;
		again = load_section(l->root, k->name, 1);
		if (again)
			config_error(&l->report, config_tree_line(again),
				     "section %s is given twice, expected once", k->name);
		if (k->kind == CK_SECTION)
			load_numbers(l, load_section(l->root, k->name, 0), k->section, l->config);
	}
}

/* The directory that relative paths are relative to, as an absolute path. */
static int find_dir(struct loader *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct slice dir = slash ? slice_of(path, (size_t)(slash - path)) : SLICE("");
	AUTO_FREE char *cwd = NULL;

	if (path[0] == '/') {
		l->dir = load_copy(l, dir);
		return l->oom ? -ENOMEM : 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return -errno;
	l->dir = slice_str(cwd);
	l->dir = dir.n ? load_path(l, dir) : load_copy(l, l->dir);
	return l->oom ? -ENOMEM : 0;
}

static void load_all(struct loader *l)
{
	load_numbers(l, l->root, &config_root, l->config);
	load_once(l);
	load_names(l);
	load_policy(l);
	load_log(l);
	load_auth(l);
	load_registrar(l);
	load_process(l);
	load_listens(l);
	load_scripts(l);
	load_routes(l);
}

static int config_new(struct config **ret)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	arena_init(&c->arena, 4096);
	*ret = c;
	return 0;
}

int config_parse(struct slice text, const char *path, struct config **ret, struct buf *reterr)
{
	AUTO(config_tree_fini) struct config_tree tree = { 0 };
	struct loader l = { .report = { .out = reterr, .file = path }, .tree = &tree };
	AUTO_CONFIG *c = NULL;
	AUTO_FREE char *clean = NULL;
	int rc;

	rc = config_new(&c);
	if (rc < 0)
		return rc;
	l.config = c;
	c->file = load_copy(&l, slice_str(path));
	rc = find_dir(&l, path);
	if (rc < 0)
		return rc;
	clean = malloc(text.n + 1);
	if (!clean)
		return -ENOMEM;
	rc = config_source_clean(text, clean, &l.report);
	if (rc < 0)
		return rc;
	rc = config_tree_parse(slice_of(clean, text.n), &l.report, &tree);
	if (rc < 0)
		return rc;
	l.root = tree.cfg;
	load_all(&l);
	if (l.oom || reterr->err)
		return -ENOMEM;
	if (l.report.count)
		return -EBADMSG;
	*ret = TAKE_PTR(c);
	return 0;
}

/* The whole file, or a negative errno. */
static int read_file(const char *path, struct buf *out)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	for (;;) {
		char *p = buf_reserve(out, 16384);
		ssize_t n;

		if (!p)
			return -ENOMEM;
		n = read(fd, p, 16384);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
		if (out->len > CONFIG_FILE_MAX)
			return -EFBIG;
	}
}

int config_load(const char *path, struct config **ret, struct buf *reterr)
{
	struct config_report report = { .out = reterr, .file = path };
	AUTO_BUF text = BUF_INIT;
	int rc = read_file(path, &text);

	if (rc < 0) {
		config_error(&report, 0, "%s, expected a configuration file", strerror(-rc));
		return rc;
	}
	return config_parse(buf_view(&text), path, ret, reterr);
}

int config_default(struct config **ret, struct buf *reterr)
{
	/* Without a place for it there is no database; nothing that needs one is lost either. */
	bool usable = access("/var/lib/sipcgid", W_OK | X_OK) == 0;
	struct slice text = usable ? SLICE("") : SLICE("database = \"\"\n");
	AUTO_CONFIG *c = NULL;
	int rc;

	rc = config_parse(text, "/", &c, reterr);
	if (rc < 0)
		return rc;
	c->file = SLICE("");
	*ret = TAKE_PTR(c);
	return 0;
}

struct config *config_ref(struct config *c)
{
	if (c)
		(void)__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void config_unref(struct config *c)
{
	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_fini(&c->arena);
	free(c);
}
