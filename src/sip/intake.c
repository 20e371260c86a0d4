/*
 * Intake: typed parts and faults of a message, found while its fields are indexed.
 *
 * The choices that the torture messages leave open (RFC 4475 3.1.2 to 3.4) are made here:
 *   refused   extra spaces in the start line (lwsstart, trws), LWS or <> in the Request-URI,
 *             unquoted commas in a display name (baddn), spaces inside <> (badaspec), Max-Forwards
 *             above 255, a branch that is only the magic cookie (badbranch)
 *   accepted  a bad Date, Expires or Contact (whoever uses one looks), unknown URI schemes,
 *             headers in the Request-URI (escruri), no From tag, branch or Max-Forwards (inv2543)
 */
#include "sip/intake.h"

#include <errno.h>

#define FAULT_BAD 400
#define FAULT_URI_LONG 414
#define FAULT_VERSION 505
#define FAULT_LARGE 513

#define MAX_FORWARDS_MAX 255 /* RFC 3261 20.22 */

struct sip_error sip_intake_error(const struct sip_msg *m, const char *at, const char *reason)
{
	const char *p = m->start_line.p, *line = p;
	struct sip_error e = { .line = 1, .reason = reason };

	for (; p < at; p++) {
		if (*p == '\n') {
			e.line++;
			line = p + 1;
		}
	}
	e.column = (unsigned)(at - line) + 1;
	return e;
}

/* Lines are counted only once, at the end: a hostile message has a fault in each of its lines. */
void sip_intake_fault(struct sip_intake *in, const char *at, unsigned status, const char *reason)
{
	if (in->fault_at && in->fault_at <= at)
		return;
	in->fault_at = at;
	in->msg->fault.reason = reason;
	in->msg->fault_status = status;
}

/* "SIP" "/" 1*DIGIT "." 1*DIGIT, in any case. */
static bool is_version(struct slice s)
{
	struct slice number;
	uint64_t n;
	ptrdiff_t dot;

	if (!slice_istarts(s, SLICE("SIP/")))
		return false;
	s = slice_skip(s, 4);
	dot = slice_find(s, '.');
	if (dot < 0)
		return false;
	number = slice_head(s, (size_t)dot);
	s = slice_skip(s, (size_t)dot + 1);
	return slice_u64(number, UINT64_MAX, &n) != -EBADMSG &&
	       slice_u64(s, UINT64_MAX, &n) != -EBADMSG;
}

static bool check_version(struct sip_intake *in)
{
	struct sip_msg *m = in->msg;

	if (slice_ieq(m->version, SLICE("SIP/2.0")))
		return true;
	if (is_version(m->version))
		sip_intake_fault(in, m->version.p, FAULT_VERSION, "unknown SIP version");
	else
		sip_intake_fault(in, m->version.p, FAULT_BAD, "malformed SIP version");
	return false;
}

void sip_intake_start(struct sip_intake *in)
{
	struct sip_msg *m = in->msg;
	const char *reason = NULL;

	/* RFC 4475 3.1.2.16: of another version nothing else is to be judged. */
	if (!check_version(in))
		return;
	if (!m->is_request) {
		if (!m->status)
			sip_intake_fault(in, m->version.p + m->version.n, FAULT_BAD,
					 "malformed status code");
		return;
	}
	if (!sip_is_token(m->method_name))
		sip_intake_fault(in, m->start_line.p, FAULT_BAD, "malformed method");
	else if (m->uri.n > SIP_URI_MAX)
		sip_intake_fault(in, m->uri.p, FAULT_URI_LONG, "Request-URI too long");
	else if (sip_uri_parse(m->uri, &m->request_uri, &reason) < 0)
		sip_intake_fault(in, m->uri.p, FAULT_BAD, reason);
	else
		return;
	memset(&m->request_uri, 0, sizeof(m->request_uri));
}

/* Any absolute URI: a scheme, and characters that a URI may have. */
static bool is_uri(struct slice s)
{
	size_t i = 0;

	while (i < s.n && ((unsigned char)((s.p[i] | 0x20) - 'a') < 26 ||
			   (i && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '+' ||
				  s.p[i] == '-' || s.p[i] == '.'))))
		i++;
	if (i == 0 || i + 1 >= s.n || s.p[i] != ':')
		return false;
	for (i++; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '"')
			return false;
	}
	return true;
}

static bool is_lws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * From and To: ( name-addr / addr-spec ) *( SEMI param ). A light check instead of a parse, as
 * every message is asked only for the tag. NULL or what is wrong.
 */
static const char *check_addr(struct slice s, struct slice *ret_tag)
{
	struct slice rest = s, uri, name, value, tag = SLICE_EMPTY;
	bool brackets = false;
	int rc;

	if (rest.n && rest.p[0] == '"') {
		if (!sip_take_quoted(&rest, &name))
			return "malformed quoted string";
		sip_skip_lws(&rest);
		if (!rest.n || rest.p[0] != '<')
			return "display name without <URI>";
		brackets = true;
	} else {
		size_t i = 0;

		/* No blank is needed before the bracket: RFC 4475 3.1.1.6. */
		while (i < s.n && (sip_is_token_char((unsigned char)s.p[i]) || is_lws(s.p[i])))
			i++;
		if (i < s.n && s.p[i] == '<') {
			brackets = true;
			rest = slice_skip(s, i);
		}
	}
	if (brackets) {
		ptrdiff_t end = slice_find(rest, '>');

		if (end < 0)
			return "< without >";
		uri = slice_of(rest.p + 1, (size_t)end - 1);
		rest = slice_skip(rest, (size_t)end + 1);
	} else {
		size_t i = 0;

		/* Without brackets a URI has no comma, question mark or semicolon: 20.10. */
		while (i < s.n && s.p[i] != ';' && !is_lws(s.p[i])) {
			if (s.p[i] == ',' || s.p[i] == '?')
				return "URI needs <>";
			i++;
		}
		uri = slice_head(s, i);
		rest = slice_skip(s, i);
	}
	if (!is_uri(uri))
		return "malformed URI";
	while ((rc = sip_take_param(&rest, &name, &value)) > 0) {
		if (name.n != 3 || !slice_ieq(name, SLICE("tag")))
			continue;
		if (!value.n || tag.n)
			return "malformed tag";
		tag = value;
	}
	if (rc < 0)
		return "malformed parameter";
	*ret_tag = tag;
	return NULL;
}

/* callid = word [ "@" word ]. Anything printable goes: it is compared and copied, no more. */
static bool is_call_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)(s.p[i] - 0x21) > 0x7e - 0x21)
			return false;
	}
	return s.n > 0;
}

static void intake_via(struct sip_intake *in, const struct sip_field *f)
{
	struct sip_msg *m = in->msg;
	struct slice rest = f->value, top;
	const char *reason = "empty Via";

	if (!sip_list_next(&rest, &top) || sip_via_parse(top, &m->via, &reason) < 0) {
		memset(&m->via, 0, sizeof(m->via));
		sip_intake_fault(in, f->value.p, FAULT_BAD, reason);
		return;
	}
	/* All requests of its sender would be one transaction: RFC 4475 3.2.1. */
	if (m->is_request && slice_ieq(m->via.branch, SLICE(SIP_BRANCH_COOKIE)))
		sip_intake_fault(in, m->via.branch.p, FAULT_BAD, "branch without an identifier");
}

static void intake_cseq(struct sip_intake *in, const struct sip_field *f)
{
	struct sip_msg *m = in->msg;
	const char *reason = NULL;

	if (sip_cseq_parse(f->value, &m->cseq, &reason) < 0) {
		memset(&m->cseq, 0, sizeof(m->cseq));
		sip_intake_fault(in, f->value.p, FAULT_BAD, reason);
		return;
	}
	if (!m->is_request)
		m->method = m->cseq.method;
	else if (!slice_eq(m->cseq.method_name, m->method_name))
		sip_intake_fault(in, m->cseq.method_name.p, FAULT_BAD,
				 "CSeq has another method than the request");
}

static void intake_length(struct sip_intake *in, const struct sip_field *f)
{
	uint64_t n = 0;
	int rc = slice_u64(f->value, SIZE_MAX, &n);

	/* A number beyond all numbers is just more than there is. */
	if (rc == -ERANGE)
		n = SIZE_MAX;
	if (rc == -EBADMSG) {
		in->bad_length = true;
		sip_intake_fault(in, f->value.p, FAULT_BAD, "malformed Content-Length");
	} else if (in->has_length && in->length != n) {
		/* RFC 4475 3.3.9. */
		in->bad_length = true;
		sip_intake_fault(in, f->value.p, FAULT_BAD, "Content-Lengths that differ");
	}
	in->has_length = true;
	in->length = (size_t)n;
}

void sip_intake_field(struct sip_intake *in, const struct sip_field *f)
{
	struct sip_msg *m = in->msg;
	bool again = f->id != SIP_H_OTHER && m->first[f->id] != SIP_NO_FIELD;
	const char *reason;
	uint64_t n;

	switch ((enum sip_header)f->id) {
	case SIP_H_VIA:
		if (!again)
			intake_via(in, f);
		return;
	case SIP_H_CONTENT_LENGTH:
		intake_length(in, f);
		return;
	case SIP_H_FROM:
	case SIP_H_TO:
	case SIP_H_CALL_ID:
	case SIP_H_CSEQ:
	case SIP_H_MAX_FORWARDS:
		break;
	default:
		return;
	}

	/* RFC 4475 3.3.8: what there can be only one of. */
	if (again) {
		sip_intake_fault(in, f->name.p, FAULT_BAD, "header field that may be there once");
		return;
	}
	switch ((enum sip_header)f->id) {
	case SIP_H_FROM:
		reason = check_addr(f->value, &m->from_tag);
		if (reason)
			sip_intake_fault(in, f->value.p, FAULT_BAD, reason);
		return;
	case SIP_H_TO:
		reason = check_addr(f->value, &m->to_tag);
		if (reason)
			sip_intake_fault(in, f->value.p, FAULT_BAD, reason);
		return;
	case SIP_H_CALL_ID:
		if (is_call_id(f->value))
			m->call_id = f->value;
		else
			sip_intake_fault(in, f->value.p, FAULT_BAD, "malformed Call-ID");
		return;
	case SIP_H_CSEQ:
		intake_cseq(in, f);
		return;
	default:
		if (slice_u64(f->value, MAX_FORWARDS_MAX, &n) == 0)
			m->max_forwards = (int)n;
		else
			sip_intake_fault(in, f->value.p, FAULT_BAD, "malformed Max-Forwards");
	}
}

/* A NUL is legal only as a quoted pair (RFC 4475 3.1.1.2), which an odd backslash makes it. */
static void check_nul(struct sip_intake *in)
{
	const struct sip_msg *m = in->msg;
	const char *p = m->start_line.p, *end = p + m->head_len;

	while ((p = memchr(p, '\0', (size_t)(end - p)))) {
		const char *q = p;

		while (q > m->start_line.p && q[-1] == '\\')
			q--;
		if ((p - q) % 2 == 0) {
			sip_intake_fault(in, p, FAULT_BAD, "NUL in a header field");
			return;
		}
		p++;
	}
}

/* RFC 3261 8.1.1, but for Max-Forwards, which a proxy adds: 16.3 step 3. */
static void check_missing(struct sip_intake *in, const char *head_end)
{
	static const struct {
		enum sip_header id;
		const char *reason;
	} needed[] = {
		{ SIP_H_VIA, "no Via" },         { SIP_H_FROM, "no From" }, { SIP_H_TO, "no To" },
		{ SIP_H_CALL_ID, "no Call-ID" }, { SIP_H_CSEQ, "no CSeq" },
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (in->msg->first[needed[i].id] == SIP_NO_FIELD)
			sip_intake_fault(in, head_end, FAULT_BAD, needed[i].reason);
	}
}

void sip_intake_end(struct sip_intake *in)
{
	struct sip_msg *m = in->msg;
	const struct sip_field *length = sip_msg_field(m, SIP_H_CONTENT_LENGTH);
	/* Where the blank line begins: a CRLF, or a bare LF. */
	const char *head_end = m->start_line.p + m->head_len - 1;

	if (head_end[-1] == '\r')
		head_end--;
	check_nul(in);
	check_missing(in, head_end);

	if (m->head_len + m->body.n > SIP_MSG_MAX)
		sip_intake_fault(in, m->start_line.p, FAULT_LARGE, "message too large");
	if (in->bad_length) {
		m->body = SLICE_EMPTY;
	} else if (in->has_length && in->length > m->body.n) {
		sip_intake_fault(in, length ? length->value.p : head_end, FAULT_BAD,
				 "Content-Length beyond the end of the message");
		m->body = SLICE_EMPTY;
	} else if (in->has_length) {
		m->body.n = in->length;
	}
	if (!m->body.n)
		m->body = SLICE_EMPTY;
	if (m->is_request && m->body.n && !sip_msg_field(m, SIP_H_CONTENT_TYPE))
		sip_intake_fault(in, head_end, FAULT_BAD, "body without Content-Type");
	if (in->fault_at)
		m->fault = sip_intake_error(m, in->fault_at, m->fault.reason);
}
