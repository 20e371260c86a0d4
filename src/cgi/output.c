/*
 * The parser of script output: RFC 3050 5.6, its delimiting rules 1-5, 5.6.1, 5.6.2 and 6.1;
 * SIPCGI.md 3. Every line is checked when it is complete, so an error names its line and comes as
 * early as it can. Nothing that was seen is looked at again but the action line, and bytes are
 * kept as offsets until a message is given out, since the buffer moves as it grows.
 *
 * What an action means, which fields a script may set, and whether the script ended well is for
 * apply.c and run.c.
 */
#include "cgi/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sip/addr.h"
#include "sip/cseq.h"
#include "sip/scan.h"

struct cgi_output_field {
	size_t name, name_len;
	size_t value, value_len;
	unsigned line;
	enum sip_header id;
	bool is_cgi;
};

#define CLAUSE_RULE_1 "RFC 3050, 5.6 rule 1"
#define CLAUSE_RULE_3 "RFC 3050, 5.6 rule 3"
#define CLAUSE_RULE_5 "RFC 3050, 5.6 rule 5"
#define CLAUSE_LINES "RFC 3050, 5.6"
#define CLAUSE_LIMIT "RFC 3050, 5.6: limits"
#define CLAUSE_HEADER "RFC 3050, 5.6.2"

/* --- one line --- */

struct fault {
	const char *reason;
	const char *clause;
};

static bool fault(struct fault *f, const char *reason, const char *clause)
{
	*f = (struct fault){ reason, clause };
	return false;
}

/* UTF-8 without control characters: what may stand in a header field or reason phrase. */
static bool is_line_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return sip_is_text(s);
}

static bool is_version(struct slice word)
{
	return slice_ieq(word, SLICE("SIP/2.0"));
}

/* The rest of the line is an argument and the SIP version. */
static bool one_argument(struct slice rest, struct slice *ret, struct fault *f, const char *clause)
{
	struct slice version, extra;

	if (!slice_word(&rest, ret) || !slice_word(&rest, &version))
		return fault(f, "the action line wants an argument and SIP/2.0", clause);
	if (!is_version(version) || slice_word(&rest, &extra))
		return fault(f, "the action line does not end in SIP/2.0", clause);
	return true;
}

static bool uri_argument(struct slice rest, struct sip_uri *ret, struct fault *f,
			 const char *clause)
{
	const char *reason = "the URI is malformed";
	struct slice text;

	if (!one_argument(rest, &text, f, clause))
		return false;
	if (text.n > SIP_URI_MAX)
		return fault(f, "the URI is too long", clause);
	if (sip_uri_parse(text, ret, &reason) < 0)
		return fault(f, reason, clause);
	return true;
}

/* Status = SIP-Version 3*digit SP reason-phrase; the phrase, and the blank before it, may be
 * missing: the registered one goes out. */
static bool action_status(struct slice rest, struct cgi_message *m, struct fault *f)
{
	static const char clause[] = "RFC 3050, 5.6.1.1";
	struct slice code;
	uint32_t status;

	if (!slice_word(&rest, &code) || code.n != 3 || slice_u32(code, &status) < 0 ||
	    status < 100 || status > 699)
		return fault(f, "the status is not a number from 100 to 699", clause);
	m->action = CGI_STATUS;
	m->status = status;
	m->reason = slice_trim(rest);
	return true;
}

static bool action_cgi(struct slice name, struct slice rest, struct cgi_message *m, struct fault *f)
{
	struct slice arg;

	if (slice_ieq(name, SLICE("CGI-PROXY-REQUEST"))) {
		m->action = CGI_PROXY;
		return uri_argument(rest, &m->uri, f, "RFC 3050, 5.6.1.2");
	}
	if (slice_ieq(name, SLICE("CGI-FORWARD-RESPONSE"))) {
		static const char clause[] = "RFC 3050, 5.6.1.3";

		m->action = CGI_FORWARD;
		if (!one_argument(rest, &arg, f, clause))
			return false;
		if (!sip_is_token(arg))
			return fault(f, "the response name is not a token", clause);
		m->token = slice_ieq(arg, SLICE("this")) ? SLICE_EMPTY : arg;
		return true;
	}
	if (slice_ieq(name, SLICE("CGI-SET-COOKIE"))) {
		static const char clause[] = "RFC 3050, 5.6.1.4";

		m->action = CGI_COOKIE;
		if (!one_argument(rest, &m->token, f, clause))
			return false;
		if (!sip_is_token(m->token))
			return fault(f, "the cookie is not a token", clause);
		if (m->token.n > CGI_COOKIE_MAX)
			return fault(f, "the cookie is longer than 4 KiB", clause);
		return true;
	}
	if (slice_ieq(name, SLICE("CGI-AGAIN"))) {
		static const char clause[] = "RFC 3050, 5.6.1.5";

		m->action = CGI_AGAIN;
		if (!one_argument(rest, &arg, f, clause))
			return false;
		m->again = slice_ieq(arg, SLICE("yes"));
		if (!m->again && !slice_ieq(arg, SLICE("no")))
			return fault(f, "neither yes nor no", clause);
		return true;
	}
	return fault(f, "unknown CGI action", CLAUSE_RULE_1);
}

/* Literals ignore case and words are split by blanks: RFC 2543, appendix C. */
static bool parse_action(struct slice line, struct cgi_message *m, struct fault *f)
{
	struct slice rest = line, name;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return fault(f, "a line begins with a blank", CLAUSE_LINES);
	if (!slice_word(&rest, &name))
		return fault(f, "not an action line", CLAUSE_RULE_1);
	if (is_version(name))
		return action_status(rest, m, f);
	if (slice_istarts(name, SLICE("SIP/")))
		return fault(f, "the SIP version is not SIP/2.0", "RFC 3050, 5.6.1.1");
	if (slice_istarts(name, SLICE("CGI-")))
		return action_cgi(name, rest, m, f);

	/* A request line: SIPCGI.md 3, the action that RFC 3050 names without giving its line. */
	if (!sip_is_token(name) || slice_trim(rest).n == 0)
		return fault(f, "not an action line", CLAUSE_RULE_1);
	m->action = CGI_REQUEST;
	m->method_name = name;
	m->method = sip_method_find(name);
	if (!uri_argument(rest, &m->uri, f, CLAUSE_RULE_1))
		return false;
	if (m->method == SIP_CANCEL)
		return fault(f, "CANCEL cannot be originated", "RFC 3050, 5.6.1");
	return true;
}

/* 1#addr: at least one element, each a name-addr or addr-spec. */
static bool is_addr_list(struct slice s, const char **reterr_reason)
{
	struct slice one;
	struct sip_addr addr;
	size_t n = 0;

	for (; sip_list_next(&s, &one); n++)
		if (sip_addr_parse(one, &addr, reterr_reason) < 0)
			return false;
	*reterr_reason = "the list is empty";
	return n > 0;
}

static bool is_media_type(struct slice s)
{
	struct slice token, name, value;
	int rc;

	if (!sip_take_token(&s, &token) || !sip_take_char(&s, '/') || !sip_take_token(&s, &token))
		return false;
	while ((rc = sip_take_param(&s, &name, &value)) == 1)
		;
	return rc == 0 && slice_trim(s).n == 0;
}

/* What would make the message malformed on the wire, where that is cheap to see. */
static bool check_value(enum sip_header id, struct slice value, struct fault *f)
{
	const char *reason = "malformed value";
	struct sip_addr addr;
	struct sip_cseq cseq;
	uint64_t n;

	switch (id) {
	case SIP_H_FROM:
	case SIP_H_TO:
		if (sip_addr_parse(value, &addr, &reason) < 0)
			return fault(f, reason, CLAUSE_LINES);
		return true;
	case SIP_H_CONTACT:
		if (slice_eq(value, SLICE("*")))
			return true;
		/* fall through */
	case SIP_H_ROUTE:
	case SIP_H_RECORD_ROUTE:
	case SIP_H_PATH:
		if (!is_addr_list(value, &reason))
			return fault(f, reason, CLAUSE_LINES);
		return true;
	case SIP_H_CSEQ:
		if (sip_cseq_parse(value, &cseq, &reason) < 0)
			return fault(f, reason, CLAUSE_LINES);
		return true;
	case SIP_H_MAX_FORWARDS:
		if (slice_u64(value, 255, &n) < 0)
			return fault(f, "Max-Forwards is not a number up to 255", CLAUSE_LINES);
		return true;
	case SIP_H_EXPIRES:
	case SIP_H_MIN_EXPIRES:
		if (slice_u64(value, UINT32_MAX, &n) < 0)
			return fault(f, "not a number of seconds", CLAUSE_LINES);
		return true;
	case SIP_H_CONTENT_TYPE:
		if (!is_media_type(value))
			return fault(f, "Content-Type is not type/subtype", CLAUSE_LINES);
		return true;
	default:
		return true;
	}
}

/* CGI-Remove = 1#field-name: RFC 3050 5.6.2.2. */
static bool is_name_list(struct slice s)
{
	struct slice one;
	size_t n = 0;

	for (; slice_split(&s, ',', &one); n++)
		if (!sip_is_token(slice_trim(one)))
			return false;
	return n > 0;
}

static bool split_header(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
	const ptrdiff_t colon = slice_find(line, ':');

	if (colon < 1)
		return false;
	*ret_name = slice_trim(slice_head(line, (size_t)colon));
	*ret_value = slice_trim(slice_skip(line, (size_t)colon + 1));
	if (!ret_value->p)
		ret_value->p = line.p + line.n;
	return line.p[0] != ' ' && line.p[0] != '\t' && sip_is_token(*ret_name);
}

/* --- the message --- */

static int fail(struct cgi_output *o, unsigned line, const char *reason, const char *clause)
{
	o->error = (struct cgi_output_error){ line, reason, clause };
	return -EBADMSG;
}

static struct slice message_bytes(const struct cgi_output *o)
{
	return slice_skip(buf_view(&o->in), o->start);
}

static int add_field(struct cgi_output *o, const struct cgi_output_field *field)
{
	const size_t cap = o->cap ? o->cap * 2 : 16;
	struct cgi_output_field *fields;
	struct cgi_header *headers;

	if (o->n_fields == o->cap) {
		fields = realloc(o->fields, cap * sizeof(*fields));
		if (!fields)
			return -ENOMEM;
		o->fields = fields;
		/* Room to give them out, now: then that cannot fail any more. */
		headers = realloc(o->headers, cap * sizeof(*headers));
		if (!headers)
			return -ENOMEM;
		o->headers = headers;
		o->cap = cap;
	}
	o->fields[o->n_fields++] = *field;
	return 0;
}

static int header_line(struct cgi_output *o, struct slice line)
{
	const char *base = message_bytes(o).p;
	struct cgi_output_field field = { .line = o->line };
	struct cgi_message ignored = { 0 };
	struct slice name, value;
	struct fault f = { 0 };
	uint64_t n = 0;
	int rc;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return fail(o, o->line, "a line begins with a blank: nothing is continued",
			    CLAUSE_LINES);
	if (!split_header(line, &name, &value)) {
		if (parse_action(line, &ignored, &f))
			return fail(o, o->line, "a second action line without a blank line",
				    CLAUSE_LINES);
		return fail(o, o->line, "not a header field", CLAUSE_LINES);
	}
	if (o->n_fields == CGI_OUTPUT_HEADERS)
		return fail(o, o->line, "too many header fields", CLAUSE_LIMIT);

	field.id = sip_header_find(name);
	field.is_cgi = slice_istarts(name, SLICE("CGI-"));
	field.name = (size_t)(name.p - base);
	field.name_len = name.n;
	field.value = (size_t)(value.p - base);
	field.value_len = value.n;

	if (!check_value(field.id, value, &f))
		return fail(o, o->line, f.reason, f.clause);
	if (field.id == SIP_H_CONTENT_TYPE && o->has_type)
		return fail(o, o->line, "a second Content-Type", CLAUSE_LINES);
	if (field.id == SIP_H_CONTENT_LENGTH) {
		rc = slice_u64(value, SIZE_MAX / 2, &n);
		if (rc < 0)
			return fail(o, o->line, "Content-Length is not a number", CLAUSE_LINES);
		if (n > o->limits.bytes)
			return fail(o, o->line, "Content-Length is above the output limit",
				    CLAUSE_LIMIT);
		if (o->has_length)
			return fail(o, o->line, "a second Content-Length", CLAUSE_LINES);
	}
	if (slice_ieq(name, SLICE("CGI-Request-Token"))) {
		if (!sip_is_token(value))
			return fail(o, o->line, "CGI-Request-Token is not a token",
				    "RFC 3050, 5.6.2.1");
		if (o->has_token)
			return fail(o, o->line, "a second CGI-Request-Token", "RFC 3050, 5.6.2.1");
	}
	if (slice_ieq(name, SLICE("CGI-Remove")) && !is_name_list(value))
		return fail(o, o->line, "CGI-Remove is not a list of header names",
			    "RFC 3050, 5.6.2.2");

	rc = add_field(o, &field);
	if (rc < 0)
		return rc;
	if (field.id == SIP_H_CONTENT_TYPE)
		o->has_type = true;
	if (field.id == SIP_H_CONTENT_LENGTH) {
		o->has_length = true;
		o->body_len = (size_t)n;
	}
	o->has_token |= slice_ieq(name, SLICE("CGI-Request-Token"));
	return 0;
}

static int action_line(struct cgi_output *o, struct slice line)
{
	struct cgi_message ignored = { 0 };
	struct slice name, value;
	struct fault f = { 0 };
	int rc;

	o->implied = false;
	if (!parse_action(line, &ignored, &f)) {
		if (!o->limits.http_compat || !split_header(line, &name, &value))
			return fail(o, o->line, f.reason, f.clause);
		o->implied = true;
	}
	if (o->actions == o->limits.actions)
		return fail(o, o->line, "too many action lines", CLAUSE_LIMIT);
	o->action_line = o->line;
	o->action_len = line.n;
	o->n_fields = 0;
	o->has_type = o->has_length = o->has_token = false;
	o->body_len = 0;
	if (o->implied) {
		rc = header_line(o, line);
		if (rc < 0)
			return rc;
	}
	o->actions++;
	o->state = CGI_OUT_HEAD;
	return 0;
}

/* The blank line: rules 2 to 5. 1: the message is complete. */
static int head_end(struct cgi_output *o)
{
	if (o->implied && !o->has_type)
		return fail(o, o->action_line, "neither an action line nor a Content-Type",
			    CLAUSE_RULE_1);
	if (o->has_length && o->body_len > 0 && !o->has_type)
		return fail(o, o->action_line, "Content-Length without Content-Type",
			    CLAUSE_RULE_5);
	if (!o->has_type || (o->has_length && o->body_len == 0))
		return 1;
	o->state = o->has_length ? CGI_OUT_BODY : CGI_OUT_BODY_TO_EOF;
	return 0;
}

/* One line without its end. 1: a message is complete. */
static int take_line(struct cgi_output *o, struct slice line)
{
	if (line.n == 0)
		return o->state == CGI_OUT_HEAD ? head_end(o) : 0;
	if (line.n > CGI_OUTPUT_LINE)
		return fail(o, o->line, "the line is too long", CLAUSE_LIMIT);
	if (!is_line_text(line))
		return fail(o, o->line, "a line has bytes that are not UTF-8 text", CLAUSE_LINES);
	return o->state == CGI_OUT_HEAD ? header_line(o, line) : action_line(o, line);
}

/* Gives the current message out; @body_len bytes at o->pos are its body. */
static void deliver(struct cgi_output *o, size_t body_len, struct cgi_message *ret)
{
	const struct slice bytes = message_bytes(o);
	struct cgi_message m = { 0 };
	struct fault f;

	if (o->implied) {
		m.action = CGI_STATUS;
		m.status = 200;
	} else {
		(void)parse_action(slice_head(bytes, o->action_len), &m, &f);
	}
	m.line = o->action_line;
	for (size_t i = 0; i < o->n_fields; i++) {
		const struct cgi_output_field *s = &o->fields[i];

		o->headers[i] = (struct cgi_header){
			.name = { bytes.p + s->name, s->name_len },
			.value = { bytes.p + s->value, s->value_len },
			.id = s->id,
			.line = s->line,
			.is_cgi = s->is_cgi,
		};
		if (slice_ieq(o->headers[i].name, SLICE("CGI-Request-Token")))
			m.request_token = o->headers[i].value;
	}
	m.headers = o->headers;
	m.n_headers = o->n_fields;
	if (o->has_length && o->body_len == 0)
		m.body_is = CGI_BODY_EMPTY;
	else if (o->has_type)
		m.body_is = CGI_BODY_GIVEN;
	m.body = slice_head(slice_skip(bytes, o->pos), body_len);
	for (size_t i = 0; i < body_len; i++)
		o->line += bytes.p[o->pos + i] == '\n';
	o->pos += body_len;
	o->delivered = true;
	*ret = m;
}

/* What was given out, or was a blank line, is done with. */
static void drop(struct cgi_output *o)
{
	o->start += o->pos;
	o->pos = o->scanned = 0;
	o->state = CGI_OUT_BETWEEN;
	o->delivered = false;
}

static struct slice without_cr(struct slice line)
{
	return line.n > 0 && line.p[line.n - 1] == '\r' ? slice_head(line, line.n - 1) : line;
}

/* --- the interface --- */

void cgi_output_init(struct cgi_output *o, const struct cgi_output_limits *limits)
{
	*o = (struct cgi_output){ .limits = *limits, .line = 1 };
	if (!o->limits.bytes)
		o->limits.bytes = CGI_OUTPUT_BYTES;
	if (!o->limits.actions)
		o->limits.actions = CGI_OUTPUT_ACTIONS;
}

void cgi_output_fini(struct cgi_output *o)
{
	buf_fini(&o->in);
	free(o->fields);
	free(o->headers);
	o->fields = NULL;
	o->headers = NULL;
}

int cgi_output_put(struct cgi_output *o, struct slice bytes)
{
	const size_t room = o->limits.bytes - o->total;

	if (o->delivered)
		drop(o);
	if (bytes.n > room)
		o->over = true;
	bytes = slice_head(bytes, room);
	buf_consume(&o->in, o->start);
	o->start = 0;
	if (bytes.n == 0)
		return 0;
	if (!buf_reserve(&o->in, bytes.n)) {
		o->in.err = 0; /* nothing was written: the caller may try again */
		return -ENOMEM;
	}
	buf_slice(&o->in, bytes);
	o->total += bytes.n;
	return 0;
}

int cgi_output_next(struct cgi_output *o, struct cgi_message *ret, struct cgi_output_error *reterr)
{
	int rc = 0;

	if (o->delivered)
		drop(o);
	while (!o->error.reason && rc == 0) {
		const struct slice bytes = message_bytes(o);
		const char *nl;
		size_t end;

		if (o->state == CGI_OUT_BODY && bytes.n - o->pos >= o->body_len) {
			deliver(o, o->body_len, ret);
			return 1;
		}
		if (o->state == CGI_OUT_BODY || o->state == CGI_OUT_BODY_TO_EOF)
			break;

		nl = bytes.n > o->scanned ? memchr(bytes.p + o->scanned, '\n', bytes.n - o->scanned)
					  : NULL;
		if (!nl) {
			o->scanned = bytes.n;
			/* One more for a CR that may belong to the line's end. */
			if (bytes.n - o->pos > CGI_OUTPUT_LINE + 1)
				rc = fail(o, o->line, "the line is too long", CLAUSE_LIMIT);
			break;
		}
		end = (size_t)(nl - bytes.p);
		rc = take_line(o, without_cr(slice_of(bytes.p + o->pos, end - o->pos)));
		if (rc < 0)
			break;
		o->pos = o->scanned = end + 1;
		o->line++;
		if (rc == 1) {
			deliver(o, 0, ret);
			return 1;
		}
		if (o->state == CGI_OUT_BETWEEN)
			drop(o);
	}
	if (rc == 0 && !o->error.reason && o->over)
		(void)fail(o, o->line, "more output than allowed", CLAUSE_LIMIT);
	if (o->error.reason) {
		*reterr = o->error;
		return -EBADMSG;
	}
	return rc;
}

int cgi_output_end(struct cgi_output *o, struct cgi_message *ret, struct cgi_output_error *reterr)
{
	const struct slice bytes = message_bytes(o);
	const struct slice last = without_cr(slice_skip(bytes, o->pos));
	bool closed = false;
	int rc = 0;

	if (o->error.reason) {
		*reterr = o->error;
		return -EBADMSG;
	}
	if (o->state == CGI_OUT_BODY_TO_EOF) {
		deliver(o, bytes.n - o->pos, ret); /* rule 4 */
		return 1;
	}

	/* The last line need not have its newline: it is a line all the same. */
	if (o->state != CGI_OUT_BODY && bytes.n > o->pos) {
		rc = take_line(o, last);
		closed = last.n == 0;
	}
	if (rc == 0 && o->state == CGI_OUT_BETWEEN)
		return 0;
	if (rc == 0 && o->state == CGI_OUT_HEAD)
		rc = head_end(o);
	if (rc == 0 && o->state == CGI_OUT_BODY)
		rc = fail(o, o->action_line, "ended before Content-Length octets of body",
			  CLAUSE_RULE_3);
	if (rc == -EBADMSG)
		*reterr = o->error;
	if (rc < 0)
		return rc;
	o->pos = bytes.n;
	deliver(o, 0, ret);
	if (closed)
		return 1;
	*reterr = (struct cgi_output_error){ o->line,
					     "ended without the blank line that closes a message",
					     CLAUSE_LINES };
	return 2;
}

bool cgi_message_removes(const struct cgi_message *m, struct slice name)
{
	const enum sip_header id = sip_header_find(name);

	for (size_t i = 0; i < m->n_headers; i++) {
		struct slice list = m->headers[i].value, one;

		if (!slice_ieq(m->headers[i].name, SLICE("CGI-Remove")))
			continue;
		while (slice_split(&list, ',', &one)) {
			one = slice_trim(one);
			if (id == SIP_H_OTHER ? slice_ieq(one, name) : sip_header_find(one) == id)
				return true;
		}
	}
	return false;
}

const struct cgi_header *cgi_message_find(const struct cgi_message *m, struct slice name)
{
	const enum sip_header id = sip_header_find(name);

	for (size_t i = 0; i < m->n_headers; i++) {
		const struct cgi_header *h = &m->headers[i];

		if (id == SIP_H_OTHER ? slice_ieq(h->name, name) : h->id == id)
			return h;
	}
	return NULL;
}
