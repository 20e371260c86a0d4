/*
 * Header fields and body of a CGI-PROXY-REQUEST, as edits of the request: RFC 3050 5.6.1.2,
 * 5.6.2.2. A field the script gives replaces all of that name at the place of the first; a new one
 * goes behind the Via fields. Route is not edited here but handed to the proxy, which must follow
 * it; Via, Call-ID, CSeq and tags are not a script's to change.
 */
#include <errno.h>

#include "base/log.h"
#include "cgi/run.h"
#include "sip/addr.h"
#include "sip/cred.h"

struct fields {
	struct cgi_run *run;
	const struct cgi_message *m;
	const struct sip_msg *req;
	struct arena *arena;
	struct sip_edits *edits;
	struct proxy_target *target;
	bool is_response;
	uint16_t after_via;
};

static void ignored(const struct fields *f, struct slice name, unsigned line, const char *why)
{
	LOG(LOG_WARN, "script's header field ignored", LOG_SLICE("call-id", f->run->call_id),
	    LOG_SLICE("script", f->run->script->name), LOG_SLICE("name", name),
	    LOG_INT("line", line), LOG_STR("reason", why));
}

static bool same_name(const struct sip_field *field, enum sip_header id, struct slice name)
{
	return id != SIP_H_OTHER ? field->id == id : slice_ieq(field->name, name);
}

static bool is_protected(enum sip_header id)
{
	switch (id) {
	case SIP_H_VIA:
	case SIP_H_FROM:
	case SIP_H_TO:
	case SIP_H_CALL_ID:
	case SIP_H_CSEQ:
	case SIP_H_MAX_FORWARDS:
	case SIP_H_CONTENT_LENGTH:
		return true;
	default:
		return false;
	}
}

/* Removes every field of that name; the index of the first, or SIP_NO_FIELD. */
static int remove_named(struct fields *f, enum sip_header id, struct slice name,
			uint16_t *ret_first)
{
	uint16_t first = SIP_NO_FIELD;
	int rc;

	for (uint16_t i = 0; i < f->req->n_fields; i++) {
		if (!same_name(&f->req->fields[i], id, name))
			continue;
		if (first == SIP_NO_FIELD)
			first = i;
		rc = sip_edits_remove(f->edits, i);
		if (rc < 0)
			return rc;
	}
	*ret_first = first;
	return 0;
}

/* From or To with another URI or name, but the tag it came with. */
static int party(struct fields *f, const struct cgi_header *h, struct slice tag, struct slice *ret)
{
	struct sip_addr addr;
	const char *reason;
	struct slice given;

	if (sip_addr_parse(h->value, &addr, &reason) < 0)
		return -EBADMSG;
	if (sip_addr_param(&addr, SLICE("tag"), &given)) {
		if (!slice_eq(given, tag)) {
			ignored(f, h->name, h->line, "the tag is not the script's to change");
			*ret = SLICE_EMPTY;
			return 0;
		}
		return arena_dup(f->arena, h->value, ret);
	}
	if (!tag.n)
		return arena_dup(f->arena, h->value, ret);
	return arena_printf(f->arena, ret, "%.*s;tag=%.*s", SLICE_FMT(h->value), SLICE_FMT(tag));
}

/* All fields of one name that the script gives, at the place of the first that was there. */
static int put_named(struct fields *f, const struct cgi_header *first)
{
	struct slice text, value;
	uint16_t at;
	int rc;

	rc = remove_named(f, first->id, first->name, &at);
	if (at == SIP_NO_FIELD)
		at = f->after_via;
	for (size_t i = (size_t)(first - f->m->headers); rc == 0 && i < f->m->n_headers; i++) {
		const struct cgi_header *h = &f->m->headers[i];

		if (h->is_cgi || h->id != first->id ||
		    (h->id == SIP_H_OTHER && !slice_ieq(h->name, first->name)))
			continue;
		value = h->value;
		rc = arena_printf(f->arena, &text, "%.*s: %.*s", SLICE_FMT(h->name),
				  SLICE_FMT(value));
		if (rc == 0)
			rc = sip_edits_insert(f->edits, at, text);
	}
	return rc;
}

static int put_party(struct fields *f, const struct cgi_header *h)
{
	const bool is_from = h->id == SIP_H_FROM;
	uint16_t at = f->req->first[h->id];
	struct slice value, text;
	int rc;

	rc = party(f, h, is_from ? f->req->from_tag : f->req->to_tag, &value);
	if (rc < 0 || !value.n || at == SIP_NO_FIELD)
		return rc;
	rc = arena_printf(f->arena, &text, "%.*s: %.*s", SLICE_FMT(h->name), SLICE_FMT(value));
	if (rc == 0)
		rc = sip_edits_replace(f->edits, at, text);
	if (is_from)
		f->target->changed_from = true;
	else
		f->target->changed_to = true;
	return rc;
}

/* Route fields of the script take the place of what is left of the request's. */
static int put_route(struct fields *f)
{
	struct slice *route, rest, element;
	size_t n = 0, max = 0;

	for (size_t i = 0; i < f->m->n_headers; i++) {
		rest = f->m->headers[i].value;
		while (f->m->headers[i].id == SIP_H_ROUTE && sip_list_next(&rest, &element))
			max++;
	}
	route = arena_alloc(f->arena, (max + 1) * sizeof(*route));
	if (!route)
		return -ENOMEM;
	for (size_t i = 0; i < f->m->n_headers; i++) {
		rest = f->m->headers[i].value;
		while (f->m->headers[i].id == SIP_H_ROUTE && n < max &&
		       sip_list_next(&rest, &element))
			if (arena_dup(f->arena, element, &route[n++]) < 0)
				return -ENOMEM;
	}
	f->target->route = route;
	f->target->n_route = n;
	f->target->route_changed = true;
	return 0;
}

/* Only the first field of a name does the work for all of them. */
static bool is_first(const struct cgi_message *m, const struct cgi_header *h)
{
	for (const struct cgi_header *o = m->headers; o < h; o++)
		if (o->id == h->id && (h->id != SIP_H_OTHER || slice_ieq(o->name, h->name)))
			return false;
	return true;
}

static int put(struct fields *f, const struct cgi_header *h)
{
	switch (h->id) {
	case SIP_H_VIA:
	case SIP_H_CALL_ID:
	case SIP_H_CSEQ:
		ignored(f, h->name, h->line, "not the script's to change");
		return 0;
	case SIP_H_MAX_BREADTH: /* what a fork may use is counted here: RFC 5393 5.3 */
		if (f->is_response)
			return put_named(f, h);
		ignored(f, h->name, h->line, "not the script's to change");
		return 0;
	case SIP_H_CONTENT_LENGTH:
		return 0; /* that of the body that is sent */
	case SIP_H_FROM:
	case SIP_H_TO:
		return put_party(f, h);
	case SIP_H_ROUTE:
		return f->is_response ? put_named(f, h) : put_route(f);
	case SIP_H_RECORD_ROUTE:
		f->target->keep_record_route = true;
		return put_named(f, h);
	case SIP_H_MAX_FORWARDS:
		f->target->keep_max_forwards = true;
		return put_named(f, h);
	default:
		return put_named(f, h);
	}
}

static int remove_one(struct fields *f, struct slice name, unsigned line)
{
	enum sip_header id = sip_header_find(name);
	uint16_t first;

	if (is_protected(id)) {
		ignored(f, name, line, "cannot be removed");
		return 0;
	}
	if (cgi_message_find(f->m, name)) {
		ignored(f, name, line, "given and removed: the given value stays");
		return 0;
	}
	if (id == SIP_H_ROUTE && !f->is_response) {
		f->target->n_route = 0;
		f->target->route_changed = true;
		return 0;
	}
	return remove_named(f, id, name, &first);
}

static int remove_all(struct fields *f)
{
	struct slice rest, name;
	int rc = 0;

	for (size_t i = 0; i < f->m->n_headers; i++) {
		const struct cgi_header *h = &f->m->headers[i];

		if (!h->is_cgi || !slice_ieq(h->name, SLICE("CGI-Remove")))
			continue;
		rest = h->value;
		while (rc == 0 && sip_list_next(&rest, &name))
			rc = remove_one(f, name, h->line);
	}
	return rc;
}

/* None given: the original one. What described the old body does not describe another. */
static int put_body(struct fields *f)
{
	static const enum sip_header about[] = { SIP_H_CONTENT_TYPE, SIP_H_CONTENT_ENCODING,
						 SIP_H_CONTENT_DISPOSITION,
						 SIP_H_CONTENT_LANGUAGE };
	struct slice body = SLICE_EMPTY;
	int rc = 0;

	if (f->m->body_is == CGI_BODY_NONE)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(about) && rc == 0; i++)
		if (!cgi_message_find(f->m, sip_header_name(about[i])))
			rc = sip_edits_remove_all(f->edits, f->req, about[i]);
	if (rc == 0 && f->m->body_is == CGI_BODY_GIVEN)
		rc = arena_dup(f->arena, f->m->body, &body);
	if (rc == 0)
		sip_edits_body(f->edits, body);
	return rc;
}

/* A field that is not what its name says, or twice what may be there once, must not leave: it is
 * the server that would be blamed. */
static int check_readable(const struct fields *f)
{
	struct packet *packet;
	struct sip_error error;
	AUTO_MSG *msg = NULL;
	int rc;

	rc = sip_render(f->req, f->edits, &packet);
	if (rc < 0)
		return rc == -EMSGSIZE ? -EBADMSG : rc;
	rc = sip_msg_parse(packet, &msg, &error);
	packet_unref(packet);
	return rc == 0 && msg->fault.reason ? -EBADMSG : rc;
}

/* Body and fields that an Identity covers: RFC 4474 section 9, RFC 8224 section 4. */
static const char *unsigned_now(const struct fields *f)
{
	if (f->target->changed_from)
		return "From";
	if (f->target->changed_to)
		return "To";
	if (cgi_message_find(f->m, SLICE("Date")) || cgi_message_removes(f->m, SLICE("Date")))
		return "Date";
	if (cgi_message_find(f->m, SLICE("Contact")) || cgi_message_removes(f->m, SLICE("Contact")))
		return "Contact";
	return f->m->body_is == CGI_BODY_NONE ? NULL : "body";
}

/* Credentials whose proof covers the body: RFC 7616 3.4.3. */
static bool covers_body(const struct sip_msg *req, enum sip_header id)
{
	for (const struct sip_field *field = sip_msg_field(req, id); field;
	     field = sip_msg_next(req, field)) {
		struct sip_cred cred;
		const char *reason;

		if (sip_cred_parse(field->value, &cred, &reason) == 0 &&
		    slice_ieq(cred.qop, SLICE("auth-int")))
			return true;
	}
	return false;
}

/* The callee will not believe such a request any more: RFC 3050 7.2. The script may mean it. */
static void warn_of_signatures(struct fields *f)
{
	const char *what = NULL, *by = NULL;

	if (sip_msg_field(f->req, SIP_H_IDENTITY)) {
		by = "Identity";
		what = unsigned_now(f);
	} else if (f->m->body_is != CGI_BODY_NONE &&
		   (covers_body(f->req, SIP_H_AUTHORIZATION) ||
		    covers_body(f->req, SIP_H_PROXY_AUTHORIZATION))) {
		by = "auth-int";
		what = "body";
	}
	if (!what)
		return;
	METRIC_INC(f->run->svc->rt, SCRIPT_UNSIGNED);
	LOG(LOG_WARN, "script changes what is signed", LOG_SLICE("call-id", f->run->call_id),
	    LOG_SLICE("script", f->run->script->name), LOG_INT("line", f->m->line),
	    LOG_STR("by", by), LOG_STR("changed", what));
}

static int put_all(struct fields *f)
{
	const struct cgi_message *m = f->m;
	int rc = 0;

	while (f->after_via < f->req->n_fields && f->req->fields[f->after_via].id == SIP_H_VIA)
		f->after_via++;
	f->edits = arena_zalloc(f->arena, sizeof(*f->edits));
	if (!f->edits)
		return -ENOMEM;
	sip_edits_init(f->edits, f->arena);
	for (size_t i = 0; i < m->n_headers && rc == 0; i++)
		if (!m->headers[i].is_cgi && is_first(m, &m->headers[i]))
			rc = put(f, &m->headers[i]);
	if (rc == 0)
		rc = remove_all(f);
	if (rc == 0)
		rc = put_body(f);
	if (rc == 0)
		rc = check_readable(f);
	return rc;
}

int fields_to_response(struct cgi_run *run, const struct cgi_message *m, struct sip_msg *resp,
		       struct proxy_edit *ret)
{
	struct proxy_target target = { 0 };
	struct fields f = { .run = run,
			    .m = m,
			    .req = resp,
			    .arena = &run->arena,
			    .target = &target,
			    .is_response = true };
	int rc;

	*ret = (struct proxy_edit){ 0 };
	if (!m->n_headers && m->body_is == CGI_BODY_NONE)
		return 0;
	rc = put_all(&f);
	if (rc == 0)
		*ret = (struct proxy_edit){ f.edits, target.changed_from, target.changed_to };
	return rc;
}

/* RFC 3050 5.7: the branch ends by itself after so many seconds. */
static void take_expires(const struct cgi_message *m, struct proxy_target *target)
{
	const struct cgi_header *h = cgi_message_find(m, SLICE("Expires"));
	uint64_t seconds;

	if (!h || slice_u64(h->value, UINT32_MAX, &seconds) < 0)
		return;
	seconds = seconds > UINT32_MAX / 1000 ? UINT32_MAX / 1000 : seconds;
	target->expires_ms = seconds ? (uint32_t)seconds * 1000 : 1;
}

int fields_to_target(struct cgi_run *run, const struct cgi_message *m, struct proxy_target *target)
{
	struct proxy_ctx *ctx = run->ss->ctx;
	struct fields f = {
		.run = run, .m = m, .req = ctx->req, .arena = &ctx->arena, .target = target
	};
	int rc;

	if (!m->n_headers && m->body_is == CGI_BODY_NONE)
		return 0;
	rc = put_all(&f);
	take_expires(m, target);
	if (rc == 0)
		warn_of_signatures(&f);
	target->edits = f.edits;
	return rc;
}
