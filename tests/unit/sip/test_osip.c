/*
 * libosip2 as an oracle: thousands of generated messages, half of them damaged, are read by its
 * parser and by ours. Where the two disagree on whether a message is good, or on what it says, the
 * disagreement must be one of those listed here with its reason; any other is printed and fails.
 *
 * SIPCGID_OSIP_SEED and SIPCGID_OSIP_COUNT in the environment choose other messages.
 */
#include "harness.h"

#include <stdio.h>

#include <osipparser2/osip_parser.h>

#include "messages.h"
#include "sip/addr.h"
#include "sip/cred.h"
#include "sip/msg.h"

/* What a message says, as far as it is compared. */
struct reading {
	bool good;
	const char *fault;  /* ours: why not */
	const char *excuse; /* ours: why libosip2 may not follow */
	bool is_request;
	bool other_scheme; /* ours: of the Request-URI */
	bool nul_in_user;  /* ours: escaped */
	bool no_reason;    /* ours: not even the blank before it */
	unsigned status;
	unsigned vias, routes;
	struct buf text[10]; /* enum piece */
};

enum piece {
	P_METHOD,
	P_USER,
	P_HOST,
	P_PORT,
	P_CALL_ID,
	P_CSEQ,
	P_CSEQ_METHOD,
	P_BRANCH,
	P_FROM_TAG,
	P_TO_TAG
};

static const char *const piece_names[] = {
	"method", "user",        "host",   "port",     "Call-ID",
	"CSeq",   "CSeq method", "branch", "From tag", "To tag",
};

static void reading_fini(struct reading *r)
{
	for (size_t i = 0; i < ARRAY_LEN(r->text); i++)
		buf_fini(&r->text[i]);
}

static const char *find_excuse(const struct sip_msg *m);

static void set(struct reading *r, enum piece piece, struct slice s)
{
	buf_reset(&r->text[piece]);
	buf_slice(&r->text[piece], s);
}

static void set_str(struct reading *r, enum piece piece, const char *s)
{
	set(r, piece, slice_str(s));
}

/* --- Our reading --------------------------------------------------------------------------- */

static unsigned count_values(const struct sip_msg *m, enum sip_header id)
{
	struct sip_values it;
	struct slice element;
	unsigned n = 0;

	sip_values_init(&it, m, id);
	while (sip_values_next(&it, &element))
		n++;
	return n;
}

static void read_ours(struct slice bytes, struct reading *r)
{
	struct packet *p = packet_from(bytes);
	struct sip_error error;
	const struct sip_uri *u;
	struct sip_msg *m;

	assert_non_null(p);
	if (sip_msg_parse(p, &m, &error) < 0) {
		r->fault = error.reason;
		packet_unref(p);
		return;
	}
	r->fault = m->fault.reason;
	r->no_reason = !m->is_request && m->start_line.n == strlen("SIP/2.0 200");
	r->good = !r->fault;
	r->is_request = m->is_request;
	r->status = m->status;
	r->vias = count_values(m, SIP_H_VIA);
	r->routes = count_values(m, SIP_H_ROUTE);
	if (m->is_request) {
		u = &m->request_uri;
		r->other_scheme = u->scheme == SIP_SCHEME_OTHER;
		set(r, P_METHOD, m->method_name);
		/* No URI of the generator is a tel: one, and no escape in it is bad. */
		r->nul_in_user = sip_uri_unescape(u->user, &r->text[P_USER]) < 0;
		set(r, P_HOST, u->host);
		if (u->port)
			buf_u64(&r->text[P_PORT], u->port);
	}
	set(r, P_CALL_ID, m->call_id);
	buf_u64(&r->text[P_CSEQ], m->cseq.number);
	set(r, P_CSEQ_METHOD, m->cseq.method_name);
	set(r, P_BRANCH, m->via.branch);
	set(r, P_FROM_TAG, m->from_tag);
	set(r, P_TO_TAG, m->to_tag);
	if (r->good && m->packet != p)
		r->excuse = "lines that end with a bare LF are made good first, folds and all";
	else if (r->good)
		r->excuse = find_excuse(m);
	sip_msg_unref(m);
	packet_unref(p);
}

/* --- That of libosip2 ---------------------------------------------------------------------- */

static void read_osip_uri(const osip_uri_t *u, struct reading *r)
{
	if (u->username)
		set_str(r, P_USER, u->username);
	if (u->host && strchr(u->host, ':'))
		buf_printf(&r->text[P_HOST], "[%s]", u->host);
	else if (u->host)
		set_str(r, P_HOST, u->host);
	if (u->port)
		buf_u64(&r->text[P_PORT], strtoull(u->port, NULL, 10));
}

static void read_osip_message(osip_message_t *m, struct reading *r)
{
	osip_generic_param_t *param = NULL;
	osip_via_t *via = osip_list_get(&m->vias, 0);

	/* Which fields must be there is left to its caller. */
	r->good = via && m->from && m->to && m->call_id && m->cseq && m->cseq->number;
	r->is_request = m->sip_method != NULL;
	r->status = m->sip_method ? 0 : (unsigned)m->status_code;
	r->vias = (unsigned)osip_list_size(&m->vias);
	r->routes = (unsigned)osip_list_size(&m->routes);
	if (m->sip_method)
		set_str(r, P_METHOD, m->sip_method);
	if (m->req_uri)
		read_osip_uri(m->req_uri, r);
	if (m->call_id) {
		set_str(r, P_CALL_ID, m->call_id->number);
		if (m->call_id->host)
			buf_printf(&r->text[P_CALL_ID], "@%s", m->call_id->host);
	}
	if (m->cseq && m->cseq->number)
		buf_u64(&r->text[P_CSEQ], strtoull(m->cseq->number, NULL, 10));
	if (m->cseq && m->cseq->method)
		set_str(r, P_CSEQ_METHOD, m->cseq->method);
	if (via && osip_via_param_get_byname(via, (char *)"branch", &param) == 0 && param->gvalue)
		set_str(r, P_BRANCH, param->gvalue);
	if (m->from && osip_from_param_get_byname(m->from, (char *)"tag", &param) == 0 &&
	    param->gvalue)
		set_str(r, P_FROM_TAG, param->gvalue);
	if (m->to && osip_to_param_get_byname(m->to, (char *)"tag", &param) == 0 && param->gvalue)
		set_str(r, P_TO_TAG, param->gvalue);
}

static void read_osip(struct slice bytes, struct reading *r)
{
	osip_message_t *m = NULL;

	assert_int_equal(osip_message_init(&m), 0);
	if (osip_message_parse(m, bytes.p, bytes.n) == 0)
		read_osip_message(m, r);
	osip_message_free(m);
}

/* --- Disagreements ------------------------------------------------------------------------- */

/*
 * Refused by us with this reason, though good for libosip2. Those "of a URI", "of From and To" and
 * "of Via" are about characters that RFC 3261 25.1 does not allow there: libosip2 cuts at
 * separators and copies what is between them.
 */
static const struct {
	const char *fault, *why;
} refused_by_us[] = {
	{ "line that is no header field", "osip skips the line or reads what it can of it" },
	{ "CR without LF", "osip takes a CR alone for a line end: two readings of one message" },
	{ "NUL in a header field", "osip ends the line there" },
	{ "the head does not end", "osip does without the blank line" },
	{ "not SIP", "osip looks at the start line less closely" },
	{ "malformed SIP version", "osip compares a few characters" },
	{ "unknown SIP version", "as above; answered 505" },
	{ "malformed method", "osip takes any characters" },
	{ "malformed status code", "osip converts what digits there are" },
	{ "more than one space in the request line", "RFC 4475 3.1.2.9 allows either" },
	{ "blank at the end of the request line", "RFC 4475 3.1.2.10 allows either" },
	{ "header field that may be there once", "osip keeps one: RFC 4475 3.3.8 says 400" },
	{ "body without Content-Type", "RFC 3261 20.15 demands it, osip does not" },
	{ "malformed Content-Length", "osip converts what digits there are" },
	{ "Content-Lengths that differ", "osip keeps one: RFC 4475 3.3.9" },
	{ "Content-Length beyond the end of the message", "osip does not mind in some cases" },
	{ "malformed Max-Forwards", "osip leaves the value to its caller" },
	{ "malformed Call-ID", "osip takes any characters" },
	{ "CSeq without a number", "osip leaves the value to its caller" },
	{ "CSeq without a method", "osip leaves the value to its caller" },
	{ "CSeq number too large", "osip leaves the value to its caller" },
	{ "CSeq has another method than the request", "osip does not compare: RFC 4475 3.1.2.17" },
	{ "branch without an identifier", "RFC 4475 3.2.1" },
	{ "malformed quoted string", "of From and To" },
	{ "display name without <URI>", "of From and To" },
	{ "< without >", "of From and To" },
	{ "URI needs <>", "of From and To: RFC 3261 20.10" },
	{ "malformed URI", "of From and To" },
	{ "malformed parameter", "of From and To" },
	{ "malformed tag", "of From and To" },
	{ "empty Via", "osip goes on without" },
	{ "bad protocol in Via", "of Via" },
	{ "Via is not of SIP/2.0", "of Via" },
	{ "no sent-by in Via", "of Via" },
	{ "bad host or port in Via", "of Via" },
	{ "bad parameter in Via", "of Via" },
	{ "parameter given twice in Via", "osip keeps both" },
	{ "empty branch in Via", "of Via" },
	{ "empty received in Via", "of Via" },
	{ "bad rport in Via", "of Via" },
	{ "bad maddr in Via", "of Via" },
	{ "bad ttl in Via", "of Via" },
	{ "no scheme in a URI", "of a URI" },
	{ "empty URI or a bad character in it", "of a URI" },
	{ "empty user part or a bad character in it", "of a URI" },
	{ "bad character in the user part", "of a URI" },
	{ "bad host or port in a URI", "of a URI" },
	{ "empty or bad URI parameter name", "of a URI" },
	{ "empty or bad URI parameter value", "of a URI" },
	{ "bad header in a URI", "of a URI" },
	{ "bad character in a URI", "of a URI" },
};

static bool is_refusal_listed(const char *fault)
{
	for (size_t i = 0; i < ARRAY_LEN(refused_by_us); i++) {
		if (strcmp(fault, refused_by_us[i].fault) == 0)
			return true;
	}
	return false;
}

static bool has_bad_later_via(const struct sip_msg *m)
{
	struct sip_values it;
	struct slice element;
	struct sip_via v;

	sip_values_init(&it, m, SIP_H_VIA);
	while (sip_values_next(&it, &element)) {
		if (sip_via_parse(element, &v, NULL) < 0)
			return true;
	}
	return false;
}

static bool has_parenthesis_in_via(const struct sip_msg *m)
{
	struct sip_values it;
	struct slice element;

	sip_values_init(&it, m, SIP_H_VIA);
	while (sip_values_next(&it, &element)) {
		if (slice_find(element, '(') >= 0)
			return true;
	}
	return false;
}

/* Is there an address, parsed (or with @a NULL not), about which @odd is true? */
static bool any_addr(const struct sip_msg *m, bool (*odd)(const struct sip_addr *a))
{
	static const enum sip_header ids[] = { SIP_H_FROM, SIP_H_TO, SIP_H_CONTACT, SIP_H_ROUTE,
					       SIP_H_RECORD_ROUTE };
	struct sip_values it;
	struct slice element;
	struct sip_addr a;

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		sip_values_init(&it, m, ids[i]);
		while (sip_values_next(&it, &element)) {
			if (odd(sip_addr_parse(element, &a, NULL) == 0 ? &a : NULL))
				return true;
		}
	}
	return false;
}

static bool is_bad(const struct sip_addr *a)
{
	return !a;
}

static bool is_blank_behind_bare_uri(const struct sip_addr *a)
{
	return a && !a->brackets && a->uri_text.n < a->text.n && a->text.p[a->uri_text.n] != ';';
}

static bool is_other_scheme(const struct sip_addr *a)
{
	return a && a->uri.scheme == SIP_SCHEME_OTHER;
}

static bool is_tab_by_display(const struct sip_addr *a)
{
	return a && slice_find(slice_head(a->text, (size_t)(a->uri_text.p - a->text.p)), '\t') >= 0;
}

static bool is_empty_password(const struct sip_addr *a)
{
	return a && a->uri.password.p && a->uri.password.n == 0;
}

static bool is_odd_bracket(const struct sip_addr *a)
{
	return a && (slice_find(a->uri.params, '[') >= 0 || slice_find(a->uri.params, ']') >= 0);
}

static bool is_one_letter_host(const struct sip_addr *a)
{
	return a && a->uri.host.n == 1;
}

static bool has_bad_address(const struct sip_msg *m)
{
	return any_addr(m, is_bad);
}

static bool has_blank_behind_bare_uri(const struct sip_msg *m)
{
	return any_addr(m, is_blank_behind_bare_uri);
}

/* A good one is escaped, inside quotes: RFC 4475 3.1.1.2. */
static bool has_nul(const struct sip_msg *m)
{
	return memchr(m->start_line.p, '\0', m->head_len) != NULL;
}

static bool has_other_scheme(const struct sip_msg *m)
{
	return (m->is_request && m->request_uri.scheme == SIP_SCHEME_OTHER) ||
	       any_addr(m, is_other_scheme);
}

static bool has_tab_by_display(const struct sip_msg *m)
{
	return any_addr(m, is_tab_by_display);
}

static bool has_empty_password(const struct sip_msg *m)
{
	return (m->request_uri.password.p && m->request_uri.password.n == 0) ||
	       any_addr(m, is_empty_password);
}

static bool has_one_letter_host(const struct sip_msg *m)
{
	return m->request_uri.host.n == 1 || any_addr(m, is_one_letter_host);
}

static bool has_odd_bracket(const struct sip_msg *m)
{
	return any_addr(m, is_odd_bracket);
}

static bool has_empty_field(const struct sip_msg *m)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		if (m->fields[i].value.n == 0)
			return true;
	}
	return false;
}

static bool has_call_id_without_word(const struct sip_msg *m)
{
	return slice_starts(m->call_id, SLICE("@")) ||
	       slice_find(m->call_id, '@') + 1 == (ptrdiff_t)m->call_id.n;
}

/* Folds aside, which both read as one space. */
static bool has_tab(const struct sip_field *f)
{
	for (size_t i = 1; i < f->value.n; i++) {
		if (f->value.p[i] == '\t' && f->value.p[i - 1] != '\n')
			return true;
	}
	return false;
}

static bool has_tab_between_words(const struct sip_msg *m)
{
	static const enum sip_header ids[] = { SIP_H_VIA, SIP_H_CSEQ, SIP_H_FROM, SIP_H_TO };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		const struct sip_field *f = sip_msg_field(m, ids[i]);

		for (; f; f = sip_msg_next(m, f)) {
			if (has_tab(f))
				return true;
		}
	}
	return false;
}

static bool has_two(const struct sip_msg *m)
{
	static const enum sip_header ids[] = { SIP_H_CONTENT_TYPE, SIP_H_CONTENT_LENGTH };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		const struct sip_field *f = sip_msg_field(m, ids[i]);

		if (f && sip_msg_next(m, f))
			return true;
	}
	return false;
}

/* type "/" subtype, each a token */
static bool has_bad_type(const struct sip_msg *m)
{
	struct slice rest = sip_msg_value(m, SIP_H_CONTENT_TYPE), word;

	return rest.p && (!sip_take_token(&rest, &word) || !sip_take_char(&rest, '/') ||
			  !sip_take_token(&rest, &word) || rest.n > 0);
}

static bool has_bad_credentials(const struct sip_msg *m)
{
	struct slice value = sip_msg_value(m, SIP_H_AUTHORIZATION);
	struct sip_cred c;

	return value.p && sip_cred_parse(value, &c, NULL) < 0;
}

/* What we accept and libosip2 refuses, or drops from a list that both accept. */
static const struct {
	bool (*applies)(const struct sip_msg *m);
	const char *why;
} accepted_by_us[] = {
	{ has_bad_later_via,
	  "only the topmost Via is ours to judge; the others go out as they came" },
	{ has_parenthesis_in_via, "a comment for osip, as in RFC 2543; no more in RFC 3261" },
	{ has_bad_address, "addresses are parsed in full only when somebody needs them" },
	{ has_blank_behind_bare_uri,
	  "osip takes the blank before a semicolon into a URI without <>" },
	{ has_other_scheme, "any scheme may stand where an address is wanted: RFC 4475 3.3.2" },
	{ has_nul, "the text ends there for osip" },
	{ has_tab_by_display, "osip knows only the space in and behind a display name" },
	{ has_empty_password, "legal by RFC 3261 25.1, but not for osip" },
	{ has_one_letter_host, "osip wants two" },
	{ has_odd_bracket, "osip looks for the brackets of a host in the URI's parameters, too" },
	{ has_empty_field, "an empty list is a list" },
	{ has_call_id_without_word, "a Call-ID is only compared and copied" },
	{ has_tab_between_words, "osip knows only the space between their words" },
	{ has_two, "what says the same twice, or is for the endpoints, is not our business" },
	{ has_bad_type, "the type of the body is for the endpoints" },
	{ has_bad_credentials, "credentials are for whom they are meant" },
};

static const char *find_excuse(const struct sip_msg *m)
{
	for (size_t i = 0; i < ARRAY_LEN(accepted_by_us); i++) {
		if (accepted_by_us[i].applies(m))
			return accepted_by_us[i].why;
	}
	return NULL;
}

/* NULL, or where the two readings differ and no table says why. */
static const char *compare(const struct reading *ours, const struct reading *osip)
{
	/* RFC 4475 3.1.1.13 lets us accept it; osip looks for the blank in the next line. */
	if (ours->no_reason)
		return NULL;
	if (!ours->good) {
		if (osip->good && !is_refusal_listed(ours->fault))
			return ours->fault;
		return NULL;
	}
	if (!osip->good)
		return ours->excuse ? NULL : "accepted by us only";
	for (size_t i = 0; i < ARRAY_LEN(ours->text); i++) {
		/* To osip every scheme that begins with "sip" has a user, a host and a port. */
		if (ours->other_scheme && (i == P_USER || i == P_HOST || i == P_PORT))
			continue;
		/* RFC 4475 3.1.1.4: for osip the user ends there. */
		if (ours->nul_in_user && i == P_USER)
			continue;
		/* Where they part ways over a From or To, osip may see a tag inside of quotes. */
		if (ours->excuse && (i == P_FROM_TAG || i == P_TO_TAG))
			continue;
		if (!slice_eq(buf_view(&ours->text[i]), buf_view(&osip->text[i])))
			return piece_names[i];
	}
	if (ours->is_request != osip->is_request || ours->status != osip->status)
		return "start line";
	if (!ours->excuse && ours->vias != osip->vias)
		return "number of Vias";
	if (!ours->excuse && ours->routes != osip->routes)
		return "number of Routes";
	return NULL;
}

static unsigned long env_number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 0) : otherwise;
}

static void libosip2_disagrees_only_where_the_tables_say_why(void **state)
{
	unsigned long seed = env_number("SIPCGID_OSIP_SEED", 1);
	unsigned long count = env_number("SIPCGID_OSIP_COUNT", 6000);
	unsigned long both_good = 0;
	AUTO_BUF b = BUF_INIT;

	(void)state;
	for (unsigned long i = 0; i < count; i++) {
		bool damaged = i % 2;
		struct reading ours = { 0 }, osip = { 0 };
		struct slice bytes;
		const char *difference;

		messages_seed(seed * 1000003 + i);
		messages_generate(&b);
		for (size_t n = damaged ? messages_below(3) + 1 : 0; n; n--)
			messages_damage(&b);
		assert_int_equal(b.err, 0);
		bytes = exact_bytes(b.data, b.len);
		read_ours(bytes, &ours);
		read_osip(bytes, &osip);
		both_good += ours.good && osip.good;
		difference = compare(&ours, &osip);
		if (!ours.good && !damaged)
			difference = "a good message is refused";
		if (difference)
			fail_msg("message %lu of seed %lu: %s: ours %s\n%.*s", i, seed, difference,
				 ours.good ? "good" : ours.fault, SLICE_FMT(bytes));
		reading_fini(&ours);
		reading_fini(&osip);
		exact_free(bytes);
	}
	/* Else nothing was compared. */
	assert_true(both_good > count / 2);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(libosip2_disagrees_only_where_the_tables_say_why),
	};

	assert_int_equal(parser_init(), 0);
	osip_trace_initialize(TRACE_LEVEL0, NULL);
	for (int level = 0; level < END_TRACE_LEVEL; level++)
		osip_trace_disable_level((osip_trace_level_t)level);
	return harness_run("osip", tests, ARRAY_LEN(tests));
}
