/*
 * The list of metavariables and its encoding as an environment: RFC 3050 5.5.1, 6.1, SIPCGI.md 2.
 *
 * No header field can pose as another variable: its name always gets the prefix SIP_, and every
 * variable of our own has another one. The encoding for FastCGI is the runner's.
 */
#include "cgi/metavar.h"

#include <errno.h>
#include <string.h>

#define LIST_ROOM 64 /* variables; what the list begins with */

const char *cgi_event_name(enum cgi_event ev)
{
	static const char *const names[] = {
		[CGI_REQUEST_EVENT] = "request",
		[CGI_RESPONSE_EVENT] = "response",
		[CGI_CANCEL_EVENT] = "cancel",
		[CGI_ACK_EVENT] = "ack",
	};

	return names[ev];
}

/* Variables of the fields we know by name: upper case, '-' is '_' (5.5.1.5). */
static struct slice known_name(enum sip_header id)
{
	static const struct slice names[SIP_H_COUNT] = {
#define METAVAR_NAME(id, name, compact) [SIP_H_##id] = SLICE_INIT("SIP_" #id),
		SIP_HEADERS(METAVAR_NAME)
#undef METAVAR_NAME
	};

	return names[id];
}

static int add(struct cgi_metavars *m, struct slice name, struct slice value)
{
	if (value.n > 0 && memchr(value.p, '\0', value.n))
		return -EBADMSG;
	if (m->n == m->cap) {
		const size_t cap = m->cap ? m->cap * 2 : LIST_ROOM;
		struct cgi_metavar *v = arena_alloc(m->arena, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		if (m->n > 0)
			memcpy(v, m->v, m->n * sizeof(*v));
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n++] = (struct cgi_metavar){ name, value };
	return 0;
}

/* p NULL means undefined: RFC 3050 5.5.1. */
static int add_defined(struct cgi_metavars *m, struct slice name, struct slice value)
{
	return value.p ? add(m, name, value) : 0;
}

static int add_number(struct cgi_metavars *m, struct slice name, size_t value)
{
	struct slice text;
	int rc = arena_printf(m->arena, &text, "%zu", value);

	return rc < 0 ? rc : add(m, name, text);
}

static int add_host(struct cgi_metavars *m, const struct cgi_metavar_input *in)
{
	char text[NET_ADDR_TEXT];
	struct slice value;
	int rc;

	/* A response of our own making comes from ourselves: 5.5.1.7. */
	if (!in->flow)
		return add(m, SLICE("REMOTE_ADDR"), in->ipv6 ? SLICE("::1") : SLICE("127.0.0.1"));
	rc = arena_dup(m->arena, slice_str(net_host_text(&in->flow->peer, text)), &value);
	return rc < 0 ? rc : add(m, SLICE("REMOTE_ADDR"), value);
}

/* One line of a value that may be folded: CR LF and the blanks after it are one blank. */
static int unfold(struct arena *a, struct slice s, struct slice *ret)
{
	size_t n = 0;
	char *p;

	if (slice_find(s, '\r') < 0 && slice_find(s, '\n') < 0) {
		*ret = s.p ? s : SLICE("");
		return 0;
	}
	p = arena_alloc(a, s.n);
	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] != '\r' && s.p[i] != '\n') {
			p[n++] = s.p[i++];
			continue;
		}
		while (i < s.n &&
		       (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == ' ' || s.p[i] == '\t'))
			i++;
		/* Blanks before the line end belong to the fold too. */
		while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
			n--;
		p[n++] = ' ';
	}
	*ret = slice_of(p, n);
	return 0;
}

/* Letters, digits and '-' only: X_A and X-A would otherwise be one variable. */
static bool is_passable(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		const char c = slice_lower(name.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return name.n > 0;
}

static bool is_credential(uint8_t id)
{
	return id == SIP_H_AUTHORIZATION || id == SIP_H_PROXY_AUTHORIZATION;
}

/* RFC 3261 7.3.1: the four whose values may have commas of their own. */
static bool is_joinable(uint8_t id)
{
	return !is_credential(id) && id != SIP_H_WWW_AUTHENTICATE && id != SIP_H_PROXY_AUTHENTICATE;
}

static bool same_name(const struct sip_field *a, const struct sip_field *b)
{
	return a->id == b->id && (a->id != SIP_H_OTHER || slice_ieq(a->name, b->name));
}

/* The next field behind @f of the same name, NULL. */
static const struct sip_field *next_same(const struct sip_msg *msg, const struct sip_field *f)
{
	if (f->id != SIP_H_OTHER)
		return sip_msg_next(msg, f);
	for (const struct sip_field *g = f + 1; g < msg->fields + msg->n_fields; g++)
		if (same_name(f, g))
			return g;
	return NULL;
}

static bool is_first(const struct sip_msg *msg, const struct sip_field *f)
{
	if (f->id != SIP_H_OTHER)
		return sip_msg_field(msg, f->id) == f;
	for (const struct sip_field *g = msg->fields; g < f; g++)
		if (same_name(f, g))
			return false;
	return true;
}

static int other_name(struct arena *a, struct slice name, struct slice *ret)
{
	char *p = arena_alloc(a, 4 + name.n);

	if (!p)
		return -ENOMEM;
	memcpy(p, "SIP_", 4);
	for (size_t i = 0; i < name.n; i++) {
		const char c = name.p[i];

		p[4 + i] = c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
	}
	*ret = slice_of(p, 4 + name.n);
	return 0;
}

/* The values of all fields of that name, as one field with the same meaning. */
static int joined(struct cgi_metavars *m, const struct sip_msg *msg, const struct sip_field *f,
		  struct slice *ret)
{
	struct slice one, all = SLICE("");
	size_t n = 0;
	char *p;
	int rc;

	if (!is_joinable(f->id) || !next_same(msg, f))
		return unfold(m->arena, f->value, ret);
	for (const struct sip_field *g = f; g; g = next_same(msg, g))
		n += g->value.n + 2;
	p = arena_alloc(m->arena, n);
	if (!p)
		return -ENOMEM;
	for (const struct sip_field *g = f; g; g = next_same(msg, g)) {
		rc = unfold(m->arena, g->value, &one);
		if (rc < 0)
			return rc;
		if (one.n == 0)
			continue; /* an empty list adds nothing */
		if (all.n > 0) {
			memcpy(p + all.n, ", ", 2);
			all.n += 2;
		}
		memcpy(p + all.n, one.p, one.n);
		all = slice_of(p, all.n + one.n);
	}
	*ret = all;
	return 0;
}

static int add_fields(struct cgi_metavars *m, const struct cgi_metavar_input *in)
{
	const struct sip_msg *msg = in->msg;

	for (uint16_t i = 0; i < msg->n_fields; i++) {
		const struct sip_field *f = &msg->fields[i];
		struct slice name, value;
		int rc = 0;

		if (!is_passable(f->name) || (is_credential(f->id) && !in->pass_authorization) ||
		    !is_first(msg, f))
			continue;
		if (f->id == SIP_H_OTHER)
			rc = other_name(m->arena, f->name, &name);
		else
			name = known_name(f->id);
		if (rc == 0)
			rc = joined(m, msg, f, &value);
		if (rc == 0)
			rc = add(m, name, value);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Challenges cannot be joined: each has a variable of its own. */
static int add_challenges(struct cgi_metavars *m, const struct sip_msg *msg, enum sip_header id,
			  const char *prefix)
{
	unsigned n = 0;

	for (const struct sip_field *f = sip_msg_field(msg, id); f; f = sip_msg_next(msg, f)) {
		struct slice name, value;
		int rc = arena_printf(m->arena, &name, "%s%u", prefix, ++n);

		if (rc == 0)
			rc = unfold(m->arena, f->value, &value);
		if (rc == 0)
			rc = add(m, name, value);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_extra(struct cgi_metavars *m, struct slice extra)
{
	const size_t ours = m->n;
	struct slice one;

	while (slice_split(&extra, '\0', &one)) {
		const ptrdiff_t eq = slice_find(one, '=');
		const struct slice *known;
		struct slice value;
		int rc;

		if (eq < 1)
			continue;
		value = slice_skip(one, (size_t)eq + 1);
		one = slice_head(one, (size_t)eq);
		known = cgi_metavars_get(m, one);
		if (!known) {
			rc = add(m, one, value);
			if (rc < 0)
				return rc;
		} else if (known >= &m->v[ours].value) {
			/* Configured twice: the later, which is the script's own. */
			CONTAINER_OF(known, struct cgi_metavar, value)->value = value;
		}
	}
	return 0;
}

/* What only a request, or only a response, has. */
static int add_start_line(struct cgi_metavars *m, const struct cgi_metavar_input *in)
{
	const struct sip_msg *msg = in->msg;
	int rc;

	if (in->event != CGI_RESPONSE_EVENT) {
		rc = add(m, SLICE("REQUEST_METHOD"), msg->method_name);
		return rc < 0 ? rc : add(m, SLICE("REQUEST_URI"), msg->uri);
	}
	rc = add_number(m, SLICE("RESPONSE_STATUS"), msg->status);
	if (rc == 0)
		rc = add(m, SLICE("RESPONSE_REASON"), msg->reason);
	if (rc == 0)
		rc = add(m, SLICE("RESPONSE_TOKEN"), in->response_token);
	if (rc == 0)
		rc = add_defined(m, SLICE("REQUEST_TOKEN"), in->request_token);
	return rc;
}

static int add_standard(struct cgi_metavars *m, const struct cgi_metavar_input *in)
{
	const struct sip_msg *msg = in->msg;
	int rc;

	rc = add(m, SLICE("GATEWAY_INTERFACE"), SLICE("SIP-CGI/1.1"));
	if (rc == 0)
		rc = add(m, SLICE("SERVER_SOFTWARE"), SLICE("sipcgid/" SIPCGID_VERSION));
	if (rc == 0)
		rc = add(m, SLICE("SERVER_PROTOCOL"), msg->version);
	if (rc == 0)
		rc = add(m, SLICE("SERVER_NAME"), in->server_name);
	if (rc == 0)
		rc = add_number(m, SLICE("SERVER_PORT"), in->server_port);
	if (rc == 0)
		rc = add_host(m, in);
	if (rc == 0)
		rc = add_defined(m, SLICE("REMOTE_HOST"), in->remote_host);
	if (rc == 0)
		rc = add_defined(m, SLICE("AUTH_TYPE"), in->auth_type);
	if (rc == 0 && in->auth_type.p)
		rc = add_defined(m, SLICE("REMOTE_USER"), in->remote_user);
	if (rc == 0)
		rc = add_start_line(m, in);
	if (rc == 0)
		rc = add_defined(m, SLICE("REGISTRATIONS"), in->registrations);
	if (rc == 0)
		rc = add_defined(m, SLICE("SCRIPT_COOKIE"), in->cookie);
	/* Of the body itself, whatever the header says (5.5.1.2); without one undefined. */
	if (rc == 0 && msg->body.n > 0)
		rc = add_number(m, SLICE("CONTENT_LENGTH"), msg->body.n);
	if (rc == 0 && msg->body.n > 0 && sip_msg_field(msg, SIP_H_CONTENT_TYPE)) {
		struct slice type;

		rc = unfold(m->arena, sip_msg_value(msg, SIP_H_CONTENT_TYPE), &type);
		if (rc == 0)
			rc = add(m, SLICE("CONTENT_TYPE"), type);
	}
	return rc;
}

static int add_ours(struct cgi_metavars *m, const struct cgi_metavar_input *in)
{
	int rc;

	rc = add(m, SLICE("SIPCGI_EVENT"), slice_str(cgi_event_name(in->event)));
	if (rc == 0)
		rc = add(m, SLICE("SIPCGI_TRANSACTION"), in->transaction);
	if (rc == 0 && in->flow)
		rc = add(m, SLICE("SIPCGI_TRANSPORT"),
			 slice_str(rt_transport_name(in->flow->transport)));
	if (rc == 0 && in->flow)
		rc = add_number(m, SLICE("SIPCGI_REMOTE_PORT"), net_addr_port(&in->flow->peer));
	if (rc == 0)
		rc = add_defined(m, SLICE("SIPCGI_TLS_CLIENT_NAME"), in->tls_client_name);
	if (rc == 0 && in->event == CGI_RESPONSE_EVENT) {
		rc = add(m, SLICE("SIPCGI_RESPONSE_ORIGIN"),
			 in->flow ? SLICE("network") : SLICE("local"));
		if (rc == 0)
			rc = add_defined(m, SLICE("SIPCGI_BRANCH_URI"), in->branch_uri);
		if (rc == 0)
			rc = add_defined(m, SLICE("SIPCGI_BEST"), in->best_token);
		if (rc == 0)
			rc = add_number(m, SLICE("SIPCGI_PENDING"), in->pending);
	}
	if (rc == 0)
		rc = add_challenges(m, in->msg, SIP_H_WWW_AUTHENTICATE, "SIPCGI_WWW_AUTHENTICATE_");
	if (rc == 0)
		rc = add_challenges(m, in->msg, SIP_H_PROXY_AUTHENTICATE,
				    "SIPCGI_PROXY_AUTHENTICATE_");
	if (rc == 0)
		rc = add(m, SLICE("SCRIPT_FILENAME"), in->script_path);
	if (rc == 0)
		rc = add(m, SLICE("SCRIPT_NAME"), in->script_name);
	return rc;
}

int cgi_metavars_build(const struct cgi_metavar_input *in, struct arena *arena,
		       struct cgi_metavars *ret)
{
	struct cgi_metavars m = { .arena = arena };
	int rc;

	rc = add_standard(&m, in);
	if (rc == 0)
		rc = add_ours(&m, in);
	if (rc == 0)
		rc = add_fields(&m, in);
	if (rc == 0)
		rc = add_extra(&m, in->extra);
	if (rc == 0)
		*ret = m;
	return rc;
}

const struct slice *cgi_metavars_get(const struct cgi_metavars *m, struct slice name)
{
	/* Two names must not differ in case only: 5.5.1. */
	for (size_t i = 0; i < m->n; i++)
		if (slice_ieq(m->v[i].name, name))
			return &m->v[i].value;
	return NULL;
}

/* What the kernel counts: each string with its NUL, and a pointer to it. */
int cgi_metavars_check(const struct cgi_metavars *m)
{
	size_t total = 0;

	for (size_t i = 0; i < m->n; i++) {
		const size_t one = m->v[i].name.n + 1 + m->v[i].value.n + 1;

		total += one + sizeof(char *);
		if (one > CGI_ENV_STRING_MAX || total > CGI_ENV_MAX)
			return -E2BIG;
	}
	return 0;
}

int cgi_metavars_env(const struct cgi_metavars *m, struct buf *out, size_t *ret_n)
{
	int rc = cgi_metavars_check(m);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->n; i++) {
		buf_slice(out, m->v[i].name);
		buf_char(out, '=');
		buf_slice(out, m->v[i].value);
		buf_char(out, '\0');
	}
	if (out->err)
		return out->err;
	*ret_n = m->n;
	return 0;
}
