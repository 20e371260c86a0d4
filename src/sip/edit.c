/*
 * Edit lists, and rendering a message with one: runs of untouched bytes are copied as they are,
 * between them goes what was edited. The list is short and kept sorted, so rendering is a merge.
 *
 * Content-Length is nobody's to edit: it says how long the body is that is sent (RFC 3261 20.14),
 * whatever a list says about it.
 */
#include "sip/edit.h"

#include <errno.h>

#include "sip/out.h"

#define FIRST_EDITS 8

void sip_edits_init(struct sip_edits *e, struct arena *arena)
{
	*e = (struct sip_edits){ .arena = arena };
}

int sip_edits_copy(struct sip_edits *e, const struct sip_edits *from, struct arena *arena)
{
	struct sip_edit *v = NULL;

	if (from->n) {
		v = arena_alloc(arena, from->n * sizeof(*v));
		if (!v)
			return -ENOMEM;
		memcpy(v, from->v, from->n * sizeof(*v));
	}
	*e = *from;
	e->arena = arena;
	e->v = v;
	e->cap = from->n;
	return 0;
}

void sip_edits_start(struct sip_edits *e, struct slice line)
{
	e->has_start = true;
	e->start = line;
}

void sip_edits_body(struct sip_edits *e, struct slice body)
{
	e->has_body = true;
	e->body = body;
}

static int grow(struct sip_edits *e)
{
	unsigned cap = e->cap ? e->cap * 2u : FIRST_EDITS;
	struct sip_edit *v;

	if (cap > UINT16_MAX)
		return -ENOMEM;
	v = arena_alloc(e->arena, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (e->n)
		memcpy(v, e->v, e->n * sizeof(*v));
	e->v = v;
	e->cap = (uint16_t)cap;
	return 0;
}

static int insert_at(struct sip_edits *e, unsigned i, const struct sip_edit *edit)
{
	if (e->n == e->cap && grow(e) < 0)
		return -ENOMEM;
	memmove(&e->v[i + 1], &e->v[i], (e->n - i) * sizeof(*e->v));
	e->v[i] = *edit;
	e->n++;
	return 0;
}

int sip_edits_insert(struct sip_edits *e, uint16_t at, struct slice field)
{
	struct sip_edit edit = { .at = at, .op = SIP_EDIT_INSERT, .text = field };
	unsigned i = e->n;

	while (i > 0 &&
	       (e->v[i - 1].at > at || (e->v[i - 1].at == at && e->v[i - 1].op != SIP_EDIT_INSERT)))
		i--;
	if (i > 0 && e->v[i - 1].at == at)
		edit.seq = (uint16_t)(e->v[i - 1].seq + 1);
	return insert_at(e, i, &edit);
}

/* The replacement or removal of field @at, or NULL and where it would be. */
static struct sip_edit *find_change(const struct sip_edits *e, uint16_t at, unsigned *ret_place)
{
	unsigned i = e->n;

	while (i > 0 && e->v[i - 1].at > at)
		i--;
	*ret_place = i;
	if (i > 0 && e->v[i - 1].at == at && e->v[i - 1].op != SIP_EDIT_INSERT)
		return &e->v[i - 1];
	return NULL;
}

static int change(struct sip_edits *e, uint16_t at, enum sip_edit_op op, struct slice text)
{
	struct sip_edit edit = { .at = at, .op = op, .text = text };
	unsigned place;
	struct sip_edit *old = find_change(e, at, &place);

	if (old) {
		*old = edit;
		return 0;
	}
	return insert_at(e, place, &edit);
}

int sip_edits_replace(struct sip_edits *e, uint16_t at, struct slice field)
{
	return change(e, at, SIP_EDIT_REPLACE, field);
}

int sip_edits_remove(struct sip_edits *e, uint16_t at)
{
	return change(e, at, SIP_EDIT_REMOVE, SLICE_EMPTY);
}

int sip_edits_remove_all(struct sip_edits *e, const struct sip_msg *m, enum sip_header id)
{
	const struct sip_field *f;

	for (f = sip_msg_field(m, id); f; f = sip_msg_next(m, f)) {
		int rc = sip_edits_remove(e, (uint16_t)(f - m->fields));

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Replaces the field by what is left of its value. */
static int keep_rest(struct sip_edits *e, const struct sip_field *f, uint16_t at, struct slice rest)
{
	size_t len = f->name.n + 2 + rest.n;
	char *text = arena_alloc(e->arena, len);

	if (!text)
		return -ENOMEM;
	memcpy(text, f->name.p, f->name.n);
	memcpy(text + f->name.n, ": ", 2);
	memcpy(text + f->name.n + 2, rest.p, rest.n);
	return sip_edits_replace(e, at, slice_of(text, len));
}

int sip_edits_pop(struct sip_edits *e, const struct sip_msg *m, enum sip_header id)
{
	const struct sip_field *f;

	for (f = sip_msg_field(m, id); f; f = sip_msg_next(m, f)) {
		uint16_t at = (uint16_t)(f - m->fields);
		struct slice rest = f->value, top, left;
		unsigned place;
		const struct sip_edit *old = find_change(e, at, &place);

		if (old && old->op == SIP_EDIT_REMOVE)
			continue;
		if (old) {
			rest = old->text;
			if (!slice_split(&rest, ':', &top))
				continue;
		}
		if (!sip_list_next(&rest, &top))
			continue;
		left = rest;
		if (!sip_list_next(&left, &top))
			return sip_edits_remove(e, at);
		/* From the next element to the end, as written. */
		return keep_rest(e, f, at,
				 slice_trim(slice_of(top.p, (size_t)(rest.p + rest.n - top.p))));
	}
	return -ENOENT;
}

/* The original's bytes from *pos up to @end. */
static void copy_to(struct sip_out *o, const struct sip_msg *m, size_t *pos, size_t end)
{
	sip_out_put(o, slice_of(m->start_line.p + *pos, end - *pos));
	*pos = end;
}

static void apply(struct sip_out *o, const struct sip_msg *m, const struct sip_edit *edit,
		  size_t *pos)
{
	const struct sip_field *f = edit->at < m->n_fields ? &m->fields[edit->at] : NULL;

	if (edit->op == SIP_EDIT_INSERT) {
		copy_to(o, m, pos, f ? f->start : m->head_len - 2);
		sip_out_line(o, edit->text);
		return;
	}
	if (!f || f->id == SIP_H_CONTENT_LENGTH)
		return;
	copy_to(o, m, pos, f->start);
	if (edit->op == SIP_EDIT_REPLACE)
		sip_out_line(o, edit->text);
	*pos = f->end;
}

static void emit(struct sip_out *o, const struct sip_msg *m, const struct sip_edits *e)
{
	struct slice body = e->has_body ? e->body : m->body;
	uint16_t old_length = e->has_body ? m->first[SIP_H_CONTENT_LENGTH] : SIP_NO_FIELD;
	bool has_length = m->first[SIP_H_CONTENT_LENGTH] != SIP_NO_FIELD;
	size_t pos = 0;
	unsigned i = 0;

	if (e->has_start) {
		sip_out_line(o, e->start);
		pos = m->start_line.n + 2;
	}
	while (i < e->n || old_length != SIP_NO_FIELD) {
		const struct sip_field *f;

		if (i < e->n && (e->v[i].at < old_length ||
				 (e->v[i].at == old_length && e->v[i].op == SIP_EDIT_INSERT))) {
			apply(o, m, &e->v[i++], &pos);
			continue;
		}
		/* Our length stands where the first one was; its twins go. */
		f = &m->fields[old_length];
		copy_to(o, m, &pos, f->start);
		if (old_length == m->first[SIP_H_CONTENT_LENGTH])
			sip_out_content_length(o, body.n);
		pos = f->end;
		old_length = f->next;
	}
	copy_to(o, m, &pos, m->head_len - 2);
	if (!has_length)
		sip_out_content_length(o, body.n);
	sip_out_put(o, SLICE("\r\n"));
	sip_out_put(o, body);
}

int sip_render(const struct sip_msg *m, const struct sip_edits *e, struct packet **ret)
{
	static const struct sip_edits none;
	struct sip_out o = { NULL, 0 };
	struct packet *p;

	if (!e)
		e = &none;
	/* Nothing to change, and nothing around the message: the bytes are there already. */
	if (!e->n && !e->has_start && !e->has_body &&
	    m->first[SIP_H_CONTENT_LENGTH] != SIP_NO_FIELD && m->start_line.p == m->packet->data &&
	    m->packet->len == m->head_len + m->body.n && m->packet->len <= SIP_MSG_MAX) {
		*ret = packet_ref(m->packet);
		return 0;
	}

	emit(&o, m, e);
	if (o.n > SIP_MSG_MAX)
		return -EMSGSIZE;
	p = packet_new(o.n);
	if (!p)
		return -ENOMEM;
	o = (struct sip_out){ p->data, 0 };
	emit(&o, m, e);
	*ret = p;
	return 0;
}
