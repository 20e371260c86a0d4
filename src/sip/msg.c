/*
 * The index of a message: RFC 3261 7. One pass over the head, one block of memory for the message
 * and its first fields. Lines are found with memchr(), which is the fastest thing there is; no
 * byte of a value is looked at unless somebody needs it. What the fields that everybody needs mean
 * is intake.c's business.
 *
 * Lines end with CRLF, but a bare LF is accepted: such a head is copied with CRLFs first, so that
 * no neighbour can read it as something else than we do. A CR alone is a fault.
 */
#include "sip/msg.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "sip/intake.h"

/* Nearly all messages have fewer; the others get an array of their own. */
#define INLINE_FIELDS 24

struct block {
	struct sip_msg msg; /* first: freed by its address */
	struct sip_field fields[INLINE_FIELDS];
};

struct indexer {
	struct sip_intake in;
	const char *p, *end;
	unsigned cap;
	bool bare_lf;
	struct sip_error error;
};

static int give_up(struct indexer *ix, const char *at, const char *reason)
{
	ix->error = sip_intake_error(ix->in.msg, at, reason);
	return -EBADMSG;
}

/*
 * The next line, without its end. False: no line end is left. A CR before the end of the line is
 * noted as a fault.
 */
static inline bool take_line(struct indexer *ix, struct slice *ret)
{
	const char *p = ix->p, *nl, *cr, *end;

	nl = memchr(p, '\n', (size_t)(ix->end - p));
	if (!nl)
		return false;
	ix->p = nl + 1;
	end = nl;
	if (nl > p && nl[-1] == '\r')
		end--;
	else
		ix->bare_lf = true;
	cr = memchr(p, '\r', (size_t)(end - p));
	if (cr)
		sip_intake_fault(&ix->in, cr, 400, "CR without LF");
	*ret = slice_of(p, (size_t)(end - p));
	return true;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_lws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Status-Line = SIP-Version SP Status-Code SP Reason-Phrase. The last SP is often forgotten when
 * there is no phrase: RFC 4475 3.1.1.13. */
static void index_status_line(struct sip_msg *m)
{
	struct slice rest = m->start_line, code;

	(void)slice_split(&rest, ' ', &m->version);
	if (!slice_split(&rest, ' ', &code))
		return;
	m->reason = rest;
	if (code.n != 3)
		return;
	for (size_t i = 0; i < 3; i++) {
		if (code.p[i] < '0' || code.p[i] > '9')
			return;
	}
	if (code.p[0] >= '1' && code.p[0] <= '6')
		m->status = (unsigned)((code.p[0] - '0') * 100 + (code.p[1] - '0') * 10 +
				       (code.p[2] - '0'));
}

/* Request-Line = Method SP Request-URI SP SIP-Version. The URI is what is between the first SP
 * and the last, so that a URI with blanks can be named as the fault that it is. */
static bool index_request_line(struct sip_intake *in)
{
	struct sip_msg *m = in->msg;
	struct slice line = m->start_line;
	const char *first, *last;

	while (line.n && is_blank(line.p[line.n - 1]))
		line.n--;
	if (!line.n)
		return false;
	first = memchr(line.p, ' ', line.n);
	last = memrchr(line.p, ' ', line.n);
	if (!first)
		return false;
	m->version = slice_of(last + 1, (size_t)(line.p + line.n - last - 1));
	if (!slice_istarts(m->version, SLICE("SIP/")))
		return false;

	m->is_request = true;
	m->method_name = slice_of(line.p, (size_t)(first - line.p));
	m->method = sip_method_find(m->method_name);
	m->uri = first < last ? slice_of(first + 1, (size_t)(last - first - 1))
			      : slice_of(first, 0);
	if (line.n != m->start_line.n)
		sip_intake_fault(in, line.p + line.n, 400, "blank at the end of the request line");
	if (m->uri.n && (m->uri.p[0] == ' ' || m->uri.p[m->uri.n - 1] == ' '))
		sip_intake_fault(in, first, 400, "more than one space in the request line");
	return true;
}

static int index_start_line(struct indexer *ix)
{
	struct sip_msg *m = ix->in.msg;
	struct slice line;

	if (!take_line(ix, &line))
		return give_up(ix, ix->end, "no start line");
	m->start_line = line;
	if (slice_istarts(line, SLICE("SIP/")))
		index_status_line(m);
	else if (!index_request_line(&ix->in))
		return give_up(ix, line.p, "not SIP");
	sip_intake_start(&ix->in);
	return 0;
}

/* Room for one more field. */
static int grow(struct indexer *ix)
{
	struct sip_msg *m = ix->in.msg;
	struct block *b = CONTAINER_OF(m, struct block, msg);
	unsigned cap = ix->cap * 4 < SIP_HEADERS_MAX ? ix->cap * 4 : SIP_HEADERS_MAX;
	struct sip_field *more;

	more = realloc(m->fields == b->fields ? NULL : m->fields, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (m->fields == b->fields)
		memcpy(more, b->fields, m->n_fields * sizeof(*more));
	m->fields = more;
	ix->cap = cap;
	return 0;
}

/* All fields and the blank line. */
static int index_fields(struct indexer *ix)
{
	struct sip_msg *m = ix->in.msg;
	const char *start = m->start_line.p;
	uint16_t last[SIP_H_COUNT]; /* valid where m->first[] is */
	struct slice line;

	for (;;) {
		const char *p = ix->p, *end;
		struct sip_field *f;
		size_t n = 0;

		if (!take_line(ix, &line))
			return give_up(ix, p, "the head does not end");
		if (line.n == 0)
			break;
		end = p + line.n;
		while (ix->p < ix->end && is_blank(*ix->p)) {
			if (!take_line(ix, &line))
				return give_up(ix, p, "the head does not end");
			end = line.p + line.n;
		}

		while (p + n < end && sip_is_token_char((unsigned char)p[n]))
			n++;
		line = slice_of(p, n);
		while (p + n < end && is_blank(p[n]))
			n++;
		if (!line.n || p + n == end || p[n] != ':') {
			sip_intake_fault(&ix->in, p, 400, "line that is no header field");
			continue;
		}
		if (ix->p - p > SIP_FIELD_MAX)
			sip_intake_fault(&ix->in, p, 513, "header field too large");
		if (m->n_fields == SIP_HEADERS_MAX) {
			sip_intake_fault(&ix->in, p, 513, "too many header fields");
			continue;
		}
		if (m->n_fields == ix->cap && grow(ix) < 0)
			return -ENOMEM;

		f = &m->fields[m->n_fields];
		f->name = line;
		f->start = (uint32_t)(p - start);
		f->end = (uint32_t)(ix->p - start);
		f->next = SIP_NO_FIELD;
		f->id = (uint8_t)sip_header_find(line);
		for (p += n + 1; p < end && is_lws(*p); p++)
			;
		while (end > p && is_lws(end[-1]))
			end--;
		f->value = slice_of(p, (size_t)(end - p));

		sip_intake_field(&ix->in, f);
		if (f->id != SIP_H_OTHER) {
			if (m->first[f->id] == SIP_NO_FIELD)
				m->first[f->id] = m->n_fields;
			else
				m->fields[last[f->id]].next = m->n_fields;
			last[f->id] = m->n_fields;
		}
		m->n_fields++;
	}
	m->head_len = (size_t)(ix->p - start);
	m->body = slice_of(ix->p, (size_t)(ix->end - ix->p));
	return 0;
}

static struct sip_msg *new_msg(struct packet *p)
{
	struct block *b = malloc(sizeof(*b));

	if (!b)
		return NULL;
	memset(&b->msg, 0, sizeof(b->msg));
	memset(b->msg.first, 0xff, sizeof(b->msg.first)); /* SIP_NO_FIELD */
	b->msg.refs = 1;
	b->msg.packet = packet_ref(p);
	b->msg.fields = b->fields;
	b->msg.max_forwards = -1;
	return &b->msg;
}

/* The same message with CRLF wherever a line of the head ends. */
static struct packet *with_crlf(const struct sip_msg *m)
{
	const char *p = m->start_line.p, *head_end = p + m->head_len;
	const char *end = m->packet->data + m->packet->len;
	size_t extra = 0, len = 0;
	struct packet *copy;

	for (const char *q = p; q < head_end; q++)
		extra += *q == '\n' && (q == p || q[-1] != '\r');
	copy = packet_new((size_t)(end - p) + extra);
	if (!copy)
		return NULL;
	for (const char *q = p; q < head_end; q++) {
		if (*q == '\n' && (q == p || q[-1] != '\r'))
			copy->data[len++] = '\r';
		copy->data[len++] = *q;
	}
	if (end > head_end)
		memcpy(copy->data + len, head_end, (size_t)(end - head_end));
	return copy;
}

static void packet_cleanup(struct packet **p)
{
	packet_unref(*p);
}

static int parse(struct packet *p, struct sip_msg **ret, struct sip_error *reterr, bool *ret_bare)
{
	AUTO_MSG *m = new_msg(p);
	struct indexer ix = { .in.msg = m, .cap = INLINE_FIELDS };
	int rc;

	if (!m)
		return -ENOMEM;
	ix.p = p->data;
	ix.end = p->data + p->len;
	/* RFC 3261 7.5. */
	while (ix.p < ix.end && (*ix.p == '\r' || *ix.p == '\n'))
		ix.p++;
	m->start_line.p = ix.p;

	rc = index_start_line(&ix);
	if (rc == 0)
		rc = index_fields(&ix);
	if (rc < 0) {
		if (rc == -EBADMSG)
			*reterr = ix.error;
		return rc;
	}
	sip_intake_end(&ix.in);
	*ret_bare = ix.bare_lf;
	*ret = TAKE_PTR(m);
	return 0;
}

int sip_msg_parse(struct packet *p, struct sip_msg **ret, struct sip_error *reterr)
{
	AUTO(packet_cleanup) struct packet *copy = NULL;
	struct sip_msg *m = NULL;
	bool bare_lf = false;
	int rc = parse(p, &m, reterr, &bare_lf);

	if (rc == 0 && bare_lf) {
		copy = with_crlf(m);
		sip_msg_unref(TAKE_PTR(m));
		rc = copy ? parse(copy, &m, reterr, &bare_lf) : -ENOMEM;
	}
	if (rc < 0)
		return rc;
	*ret = m;
	return 0;
}

struct sip_msg *sip_msg_ref(struct sip_msg *m)
{
	if (m)
		m->refs++;
	return m;
}

void sip_msg_unref(struct sip_msg *m)
{
	struct block *b;

	if (!m || --m->refs)
		return;
	b = CONTAINER_OF(m, struct block, msg);
	if (m->fields != b->fields)
		free(m->fields);
	packet_unref(m->packet);
	free(b);
}

struct slice sip_msg_value(const struct sip_msg *m, enum sip_header id)
{
	const struct sip_field *f = sip_msg_field(m, id);

	return f ? f->value : SLICE_EMPTY;
}

const struct sip_field *sip_msg_find(const struct sip_msg *m, struct slice name)
{
	enum sip_header id = sip_header_find(name);

	if (id != SIP_H_OTHER)
		return sip_msg_field(m, id);
	for (unsigned i = 0; i < m->n_fields; i++) {
		if (m->fields[i].id == SIP_H_OTHER && slice_ieq(m->fields[i].name, name))
			return &m->fields[i];
	}
	return NULL;
}

bool sip_msg_lists(const struct sip_msg *m, enum sip_header id, struct slice token)
{
	struct sip_values it;
	struct slice element;

	sip_values_init(&it, m, id);
	while (sip_values_next(&it, &element)) {
		if (slice_ieq(element, token))
			return true;
	}
	return false;
}

void sip_values_init(struct sip_values *it, const struct sip_msg *m, enum sip_header id)
{
	*it = (struct sip_values){ .msg = m, .id = id };
}

/* After the end @field stays on the last one, so that asking again gives the same answer. */
bool sip_values_next(struct sip_values *it, struct slice *ret_element)
{
	while (!sip_list_next(&it->rest, ret_element)) {
		const struct sip_field *f = it->field ? sip_msg_next(it->msg, it->field)
						      : sip_msg_field(it->msg, it->id);

		if (!f)
			return false;
		it->field = f;
		it->rest = f->value;
	}
	return true;
}

size_t sip_msg_size(const struct sip_msg *m)
{
	const struct block *b = CONTAINER_OF(m, struct block, msg);
	size_t size = sizeof(*b) + sizeof(*m->packet) + m->packet->len;

	if (m->fields != b->fields)
		size += m->n_fields * sizeof(*m->fields);
	return size;
}
