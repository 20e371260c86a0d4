/*
 * Any bytes are indexed or refused with a place; the index stays inside the message; what is good
 * is rendered to a message that is as good, and every request can be answered.
 */
#include <errno.h>

#include "fuzz.h"
#include "sip/edit.h"
#include "sip/reply.h"

static void check_slice(const struct sip_msg *m, struct slice s)
{
	const char *begin = m->packet->data, *end = begin + m->packet->len;

	FUZZ_ASSERT(!s.n || (s.p >= begin && s.n <= (size_t)(end - s.p)));
}

static void check_index(const struct sip_msg *m)
{
	size_t at = m->start_line.n + 2;

	check_slice(m, m->start_line);
	check_slice(m, m->uri);
	check_slice(m, m->reason);
	check_slice(m, m->body);
	check_slice(m, m->via.text);
	check_slice(m, m->cseq.method_name);
	check_slice(m, m->from_tag);
	check_slice(m, m->to_tag);
	FUZZ_ASSERT(m->n_fields <= SIP_HEADERS_MAX);
	for (unsigned i = 0; i < m->n_fields; i++) {
		const struct sip_field *f = &m->fields[i];

		check_slice(m, f->name);
		check_slice(m, f->value);
		/* Lines that are no fields may lie between, but only in a faulty message. */
		FUZZ_ASSERT(f->start == at || (f->start > at && m->fault.reason));
		FUZZ_ASSERT(f->end > f->start && f->end <= m->head_len - 2);
		FUZZ_ASSERT(f->id == SIP_H_OTHER || m->first[f->id] <= i);
		FUZZ_ASSERT(f->next == SIP_NO_FIELD || (f->next > i && f->next < m->n_fields));
		at = f->end;
	}
	FUZZ_ASSERT(!m->fault.reason == !m->fault_status);
	FUZZ_ASSERT(!m->fault.reason || (m->fault.line >= 1 && m->fault.column >= 1));
	if (m->fault.reason)
		return;
	FUZZ_ASSERT(at + 2 == m->head_len);
	FUZZ_ASSERT(m->via.text.n && m->cseq.method_name.n && m->call_id.n);
	FUZZ_ASSERT(m->is_request ? m->request_uri.text.n > 0
				  : m->status >= 100 && m->status < 700);
}

static struct sip_msg *parse_again(struct packet *p)
{
	struct sip_msg *m = NULL;
	struct sip_error e;

	FUZZ_ASSERT(sip_msg_parse(p, &m, &e) == 0);
	packet_unref(p);
	return m;
}

/* Is it so far from the limits that what is added does not make it faulty? */
static bool has_room(const struct sip_msg *m)
{
	return m->n_fields < SIP_HEADERS_MAX - 2 && m->head_len < SIP_FIELD_MAX - 64;
}

/* What is sent is read as what was received. */
static void check_render(const struct sip_msg *m)
{
	struct sip_msg *again;
	struct packet *p = NULL;
	int rc = sip_render(m, NULL, &p);

	FUZZ_ASSERT(rc == 0 || rc == -EMSGSIZE);
	if (rc < 0)
		return;
	if (m->fault.reason || !has_room(m)) {
		packet_unref(p);
		return;
	}
	again = parse_again(p);
	FUZZ_ASSERT(!again->fault.reason);
	FUZZ_ASSERT(slice_eq(again->start_line, m->start_line));
	FUZZ_ASSERT(slice_eq(again->body, m->body));
	FUZZ_ASSERT(slice_eq(again->to_tag, m->to_tag) && slice_eq(again->from_tag, m->from_tag));
	for (unsigned i = 0; i < m->n_fields; i++) {
		FUZZ_ASSERT(slice_eq(again->fields[i].name, m->fields[i].name));
		FUZZ_ASSERT(slice_eq(again->fields[i].value, m->fields[i].value));
	}
	sip_msg_unref(again);
}

/* What a proxy does to every request, and then to every field. */
static void check_edits(const struct sip_msg *m)
{
	struct sip_edits e;
	struct arena arena;
	struct packet *p;

	arena_init(&arena, 0);
	sip_edits_init(&e, &arena);
	FUZZ_ASSERT(sip_edits_insert(&e, 0, SLICE("Via: SIP/2.0/UDP h;branch=z9hG4bKx")) == 0);
	FUZZ_ASSERT(sip_edits_insert(&e, m->n_fields, SLICE("X-Last: 1")) == 0);
	while (sip_edits_pop(&e, m, SIP_H_ROUTE) == 0)
		;
	sip_edits_body(&e, SLICE_EMPTY);
	if (sip_render(m, &e, &p) == 0) {
		if (m->fault.reason || !has_room(m)) {
			packet_unref(p);
		} else {
			struct sip_msg *again = parse_again(p);

			FUZZ_ASSERT(again->via.branch.n == 8);
			FUZZ_ASSERT(again->body.n == 0);
			sip_msg_unref(again);
		}
	}
	for (uint16_t i = 0; i < m->n_fields; i++)
		FUZZ_ASSERT(sip_edits_remove(&e, i) == 0);
	if (sip_render(m, &e, &p) == 0)
		packet_unref(p);
	arena_fini(&arena);
}

static void check_reply(const struct sip_msg *m)
{
	static const struct sip_reply r = { .status = 400,
					    .to_tag = SLICE_INIT("t"),
					    .record_route = true };
	struct packet *p;
	int rc = sip_reply_render(m, SLICE_EMPTY, &r, &p);

	FUZZ_ASSERT(rc == 0 || rc == -EMSGSIZE);
	if (rc < 0)
		return;
	if (m->fault.reason || !has_room(m)) {
		packet_unref(p);
	} else {
		struct sip_msg *again = parse_again(p);

		FUZZ_ASSERT(!again->fault.reason && again->status == 400);
		FUZZ_ASSERT(slice_eq(again->via.branch, m->via.branch));
		FUZZ_ASSERT(again->to_tag.n > 0);
		sip_msg_unref(again);
	}
}

static void check_lookups(const struct sip_msg *m)
{
	for (unsigned id = 1; id < SIP_H_COUNT; id++) {
		struct sip_values it;
		struct slice v;

		sip_values_init(&it, m, (enum sip_header)id);
		while (sip_values_next(&it, &v)) {
			FUZZ_ASSERT(v.n > 0);
			check_slice(m, v);
		}
	}
	FUZZ_ASSERT(sip_msg_find(m, SLICE("v")) == sip_msg_field(m, SIP_H_VIA));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet *p = packet_from(slice_of((const char *)data, size));
	struct sip_error e = { 0, 0, NULL };
	struct sip_msg *m = NULL;
	int rc;

	if (!p)
		return 0;
	rc = sip_msg_parse(p, &m, &e);
	packet_unref(p);
	FUZZ_ASSERT(rc == 0 || rc == -EBADMSG);
	if (rc < 0) {
		FUZZ_ASSERT(!m && e.reason && e.line >= 1 && e.column >= 1);
		return 0;
	}
	check_index(m);
	check_lookups(m);
	check_render(m);
	check_edits(m);
	if (m->is_request)
		check_reply(m);
	sip_msg_unref(m);
	return 0;
}
