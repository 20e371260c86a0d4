/*
 * The immutable set of bindings of one address-of-record, packed into one block: a header, the
 * address-of-record, and one record after the other, each with its texts behind it. A registration
 * with one contact costs about 200 bytes here.
 */
#include <errno.h>
#include <stdlib.h>

#include "location/binding.h"
#include "sip/scan.h"

enum { T_CONTACT, T_DISPLAY, T_PARAMS, T_CALL_ID, T_PATH, T_RECEIVED, T_COUNT };

struct record {
	int64_t expires_at;
	uint64_t conn;
	uint32_t cseq;
	uint32_t reg_id;
	uint16_t q;
	uint16_t listener;
	uint16_t len[T_COUNT];
	uint16_t instance_at; /* offset in the parameters */
	uint16_t instance_len;
	char text[]; /* in the order of the enum */
};

/* References: the index, one; a change under way and its write, one; who asks for one. Counted by
 * the thread that owns the index. */
struct location_set {
	uint32_t refs;
	uint32_t size;  /* of the whole block */
	uint32_t first; /* offset of the first record */
	uint16_t n;
	uint16_t aor_len;
	char aor[];
};

#define ALIGN(n) (((n) + _Alignof(struct record) - 1) & ~(_Alignof(struct record) - 1))

static void record_texts(const struct location_binding *b, struct slice t[T_COUNT])
{
	t[T_CONTACT] = b->contact;
	t[T_DISPLAY] = b->display;
	t[T_PARAMS] = b->params;
	t[T_CALL_ID] = b->call_id;
	t[T_PATH] = b->path;
	t[T_RECEIVED] = b->received;
}

static size_t texts_len(const struct location_binding *b)
{
	struct slice t[T_COUNT];
	size_t len = 0;

	record_texts(b, t);
	for (size_t i = 0; i < T_COUNT; i++) {
		if (t[i].n > LOCATION_TEXT_MAX)
			return SIZE_MAX;
		len += t[i].n;
	}
	return len;
}

static size_t record_size(const struct record *r)
{
	size_t len = sizeof(*r);

	for (size_t i = 0; i < T_COUNT; i++)
		len += r->len[i];
	return ALIGN(len);
}

static void record_fill(struct record *r, const struct location_binding *b)
{
	struct slice t[T_COUNT], instance;
	char *p = r->text;

	r->expires_at = b->expires_at;
	r->conn = b->conn;
	r->cseq = b->cseq;
	r->reg_id = b->reg_id;
	r->q = b->q;
	r->listener = b->listener;
	record_texts(b, t);
	for (size_t i = 0; i < T_COUNT; i++) {
		r->len[i] = (uint16_t)t[i].n;
		if (t[i].n)
			memcpy(p, t[i].p, t[i].n);
		p += t[i].n;
	}
	if (sip_find_param(b->params, SLICE("+sip.instance"), &instance) && instance.n) {
		r->instance_at = (uint16_t)(instance.p - b->params.p);
		r->instance_len = (uint16_t)instance.n;
	}
}

int location_set_new(struct slice aor, const struct location_binding *v, size_t n,
		     struct location_set **ret)
{
	struct location_set *s;
	size_t first, size, at;

	if (aor.n > LOCATION_TEXT_MAX || n > UINT16_MAX)
		return -EMSGSIZE;
	first = size = ALIGN(sizeof(*s) + aor.n);
	for (size_t i = 0; i < n; i++) {
		size_t len = texts_len(&v[i]);

		if (len > LOCATION_TEXT_MAX)
			return -EMSGSIZE;
		size += ALIGN(sizeof(struct record) + len);
	}
	if (size > UINT32_MAX)
		return -EMSGSIZE;

	/* Zeroed: padding never shows old memory, and records need no other initialisation. */
	s = calloc(1, size);
	if (!s)
		return -ENOMEM;
	s->refs = 1;
	s->size = (uint32_t)size;
	s->first = (uint32_t)first;
	s->n = (uint16_t)n;
	s->aor_len = (uint16_t)aor.n;
	if (aor.n)
		memcpy(s->aor, aor.p, aor.n);
	at = first;
	for (size_t i = 0; i < n; i++) {
		struct record *r = (struct record *)((char *)s + at);

		record_fill(r, &v[i]);
		at += record_size(r);
	}
	*ret = s;
	return 0;
}

struct location_set *location_set_ref(struct location_set *s)
{
	if (s)
		s->refs++;
	return s;
}

void location_set_unref(struct location_set *s)
{
	if (s && --s->refs == 0)
		free(s);
}

struct slice location_set_aor(const struct location_set *s)
{
	return slice_of(s->aor, s->aor_len);
}

size_t location_set_count(const struct location_set *s)
{
	return s ? s->n : 0;
}

size_t location_set_size(const struct location_set *s)
{
	return s ? s->size : 0;
}

void location_iter_init(struct location_iter *it, const struct location_set *set, int64_t wall)
{
	*it = (struct location_iter){ .set = set, .wall = wall };
	if (set) {
		it->at = set->first;
		it->left = set->n;
	}
}

static void record_view(const struct record *r, struct location_binding *ret)
{
	struct slice t[T_COUNT];
	const char *p = r->text;

	for (size_t i = 0; i < T_COUNT; i++) {
		t[i] = slice_of(p, r->len[i]);
		p += r->len[i];
	}
	*ret = (struct location_binding){
		.contact = t[T_CONTACT],
		.display = t[T_DISPLAY],
		.params = t[T_PARAMS],
		.call_id = t[T_CALL_ID],
		.path = t[T_PATH],
		.received = t[T_RECEIVED],
		.instance = slice_of(t[T_PARAMS].p + r->instance_at, r->instance_len),
		.conn = r->conn,
		.expires_at = r->expires_at,
		.cseq = r->cseq,
		.reg_id = r->reg_id,
		.q = r->q,
		.listener = r->listener,
	};
}

bool location_iter_next(struct location_iter *it, struct location_binding *ret)
{
	while (it->left) {
		const struct record *r = (const struct record *)((const char *)it->set + it->at);

		it->left--;
		it->at += record_size(r);
		if (r->expires_at <= it->wall)
			continue;
		record_view(r, ret);
		return true;
	}
	return false;
}

void location_contact_text(const struct location_binding *b, int64_t wall, struct buf *out)
{
	int64_t left = b->expires_at > wall ? b->expires_at - wall : 0;

	if (b->display.n) {
		buf_slice(out, b->display);
		buf_char(out, ' ');
	}
	buf_char(out, '<');
	buf_slice(out, b->contact);
	buf_char(out, '>');
	buf_slice(out, b->params);
	buf_str(out, ";expires=");
	buf_u64(out, ((uint64_t)left + 999) / 1000);
}
