/*
 * RFC 3261 10.3 steps 6 and 7. The whole request is judged before anything changes: the next set is
 * built beside the present one and either handed over or dropped.
 *
 * An address-of-record has a handful of bindings, so finding one is a walk with URI comparison.
 */
#include <errno.h>
#include <stdlib.h>

#include "registrar/contact_set.h"
#include "sip/addr.h"

#define HOUR 3600

static int refuse(struct contact_refusal *reterr, unsigned status, const char *reason)
{
	*reterr = (struct contact_refusal){ status, reason };
	return -EBADMSG;
}

/* A copy in which a folded line is one line. */
static int dup_unfolded(struct arena *a, struct slice s, struct slice *ret)
{
	char *p;

	if (s.n == 0) {
		*ret = SLICE_EMPTY;
		return 0;
	}
	p = arena_alloc(a, s.n);
	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] == '\r' || s.p[i] == '\n' ? ' ' : s.p[i];
	*ret = slice_of(p, s.n);
	return 0;
}

/* RFC 3261 10.2.1.1: what is malformed counts as an hour. */
static uint32_t parse_expires(struct slice s)
{
	uint64_t n;

	switch (slice_u64(s, UINT32_MAX, &n)) {
	case 0:
		return (uint32_t)n;
	case -ERANGE:
		return UINT32_MAX;
	default:
		return HOUR;
	}
}

/*
 * The header parameters as they were given, without expires: that one is ours to say. Fills in q,
 * reg-id and, if there is an expires, the expiry.
 */
static int parse_params(struct slice params, struct arena *arena, struct contact *c,
			struct contact_refusal *reterr)
{
	char *out = arena_alloc(arena, params.n + 1);
	struct slice name, value;
	size_t n = 0;
	unsigned q;
	int rc;

	if (!out)
		return -ENOMEM;
	while ((rc = sip_take_param(&params, &name, &value)) == 1) {
		if (slice_ieq(name, SLICE("expires"))) {
			c->expires = parse_expires(value);
			continue;
		}
		if (slice_ieq(name, SLICE("q"))) {
			if (sip_qvalue_parse(value, &q) < 0)
				return refuse(reterr, 400, "malformed q in Contact");
			c->b.q = (uint16_t)q;
		} else if (slice_ieq(name, SLICE("reg-id"))) {
			if (slice_u32(value, &c->b.reg_id) < 0)
				return refuse(reterr, 400, "malformed reg-id in Contact");
		}
		/* Never longer than what it came from: white space goes, nothing is added. */
		out[n++] = ';';
		memcpy(out + n, name.p, name.n);
		n += name.n;
		if (!value.p)
			continue;
		out[n++] = '=';
		for (size_t i = 0; i < value.n; i++) {
			char ch = value.p[i];

			out[n++] = ch == '\r' || ch == '\n' ? ' ' : ch;
		}
	}
	if (rc < 0)
		return refuse(reterr, 400, "malformed parameter in Contact");
	c->b.params = slice_of(out, n);
	return 0;
}

/* One Contact value. @expires is what the request says for those without an own one. */
static int parse_contact(struct slice text, uint32_t expires, const struct registrar_config *config,
			 struct arena *arena, struct contact *c, struct contact_refusal *reterr)
{
	struct sip_addr addr;
	const char *why;
	int err;

	if (sip_addr_parse(text, &addr, &why) < 0)
		return refuse(reterr, 400, why);
	*c = (struct contact){ .expires = expires, .b.q = 1000 };
	err = parse_params(addr.params, arena, c, reterr);
	if (!err)
		err = arena_dup(arena, addr.uri_text, &c->b.contact);
	if (!err)
		err = dup_unfolded(arena, slice_trim(addr.display), &c->b.display);
	if (err)
		return err;
	if (sip_uri_parse(c->b.contact, &c->uri, &why) < 0)
		return refuse(reterr, 400, why);
	(void)sip_find_param(c->b.params, SLICE("+sip.instance"), &c->b.instance);

	if (c->expires > 0 && c->expires < HOUR && c->expires < config->min_expires)
		return refuse(reterr, 423, "expiry is below the minimum");
	if (c->expires > config->max_expires)
		c->expires = config->max_expires;
	return 0;
}

/* Path values in their order, joined: RFC 3327 5.3. */
static int parse_path(const struct sip_msg *req, struct arena *arena, struct slice *ret,
		      struct contact_refusal *reterr)
{
	AUTO_BUF out = BUF_INIT;
	struct sip_values it;
	struct slice element;
	int err;

	sip_values_init(&it, req, SIP_H_PATH);
	while (sip_values_next(&it, &element)) {
		struct sip_addr addr;
		const char *why;

		/* Each becomes a Route later: RFC 3327 4 has the syntax of one. */
		if (sip_addr_parse(element, &addr, &why) < 0)
			return refuse(reterr, 400, why);
		if (!addr.brackets || addr.uri.scheme == SIP_SCHEME_OTHER ||
		    addr.uri.scheme == SIP_SCHEME_TEL)
			return refuse(reterr, 400, "malformed Path");
		if (out.len)
			buf_str(&out, ", ");
		buf_slice(&out, element);
	}
	err = out.err;
	return err ? err : dup_unfolded(arena, buf_view(&out), ret);
}

/* Where it came from: "tcp:192.0.2.7:49152". */
static int source_text(const struct sip_msg *req, struct arena *arena, struct slice *ret)
{
	char text[NET_ADDR_TEXT];

	if (req->flow.peer.sa.sa_family == AF_UNSPEC) {
		*ret = SLICE_EMPTY;
		return 0;
	}
	return arena_printf(arena, ret, "%s:%s",
			    rt_transport_name((enum rt_transport)req->flow.transport),
			    net_addr_text(&req->flow.peer, text));
}

static int parse_all(const struct sip_msg *req, const struct registrar_config *config,
		     struct arena *arena, struct contact_set *set, struct contact_refusal *reterr)
{
	struct slice header = sip_msg_value(req, SIP_H_EXPIRES);
	uint32_t expires = header.p ? parse_expires(header) : config->default_expires;
	struct sip_values it;
	struct slice element;

	sip_values_init(&it, req, SIP_H_CONTACT);
	while (sip_values_next(&it, &element)) {
		int err;

		if (set->wildcard || (set->n && slice_eq(element, SLICE("*"))))
			return refuse(reterr, 400, "Contact: * beside another Contact");
		if (slice_eq(element, SLICE("*"))) {
			if (!header.p || expires != 0)
				return refuse(reterr, 400, "Contact: * without Expires: 0");
			set->wildcard = true;
			continue;
		}
		if (set->n == CONTACT_SET_MAX)
			return refuse(reterr, 400, "too many Contact values");
		err = parse_contact(element, expires, config, arena, &set->v[set->n], reterr);
		if (err)
			return err;
		set->n++;
	}
	return 0;
}

int contact_set_parse(const struct sip_msg *req, const struct registrar_config *config,
		      struct arena *arena, struct contact_set *ret, struct contact_refusal *reterr)
{
	struct contact_set set = { .cseq = req->cseq.number };
	struct slice path = SLICE_EMPTY, source = SLICE_EMPTY, element;
	struct sip_values it;
	size_t count = 0;
	int err;

	sip_values_init(&it, req, SIP_H_CONTACT);
	while (count < CONTACT_SET_MAX && sip_values_next(&it, &element))
		count++;
	/* A Contact field without any value says nothing that could be done. */
	if (count == 0 && sip_msg_field(req, SIP_H_CONTACT))
		return refuse(reterr, 400, "empty Contact");
	if (count) {
		set.v = arena_zalloc(arena, count * sizeof(*set.v));
		if (!set.v)
			return -ENOMEM;
	}
	err = parse_all(req, config, arena, &set, reterr);
	if (!err)
		err = parse_path(req, arena, &path, reterr);
	if (!err)
		err = arena_dup(arena, req->call_id, &set.call_id);
	if (!err)
		err = source_text(req, arena, &source);
	if (err)
		return err;
	for (size_t i = 0; i < set.n; i++) {
		struct location_binding *b = &set.v[i].b;

		b->call_id = set.call_id;
		b->cseq = set.cseq;
		b->path = path;
		b->received = source;
		b->conn = req->flow.conn;
		b->listener = req->flow.listener;
	}
	*ret = set;
	return 0;
}

/* The bindings while they are changed. */
struct draft {
	struct location_binding *v;
	bool *ours; /* put there by this request */
	size_t n;
};

static void draft_remove(struct draft *d, size_t at)
{
	d->n--;
	memmove(&d->v[at], &d->v[at + 1], (d->n - at) * sizeof(*d->v));
	memmove(&d->ours[at], &d->ours[at + 1], (d->n - at) * sizeof(*d->ours));
}

/* Step 7: a request that is not newer than what it would change is out of order. */
static bool out_of_order(const struct contact_set *set, const struct location_binding *b)
{
	return slice_eq(b->call_id, set->call_id) && set->cseq <= b->cseq;
}

static bool same_binding(const struct location_binding *b, const struct contact *c)
{
	struct sip_uri uri;
	const char *why;

	if (slice_eq(b->contact, c->b.contact))
		return true;
	/* RFC 5626 6: the same flow of the same device, whatever its address is now. */
	if (c->b.instance.n && slice_eq(b->instance, c->b.instance) && b->reg_id == c->b.reg_id)
		return true;
	return sip_uri_parse(b->contact, &uri, &why) == 0 && sip_uri_eq(&uri, &c->uri);
}

static int draft_contact(struct draft *d, const struct contact_set *set, const struct contact *c,
			 int64_t wall, struct contact_refusal *reterr)
{
	for (size_t i = 0; i < d->n;) {
		if (!same_binding(&d->v[i], c)) {
			i++;
			continue;
		}
		/* The same address twice in one request is not an order of requests: the last wins.
		 */
		if (!d->ours[i] && out_of_order(set, &d->v[i]))
			return refuse(reterr, 500, "CSeq is not higher than that of the binding");
		draft_remove(d, i);
	}
	if (c->expires) {
		d->v[d->n] = c->b;
		d->v[d->n].expires_at = wall + (int64_t)c->expires * 1000;
		d->ours[d->n++] = true;
	}
	return 0;
}

static int draft_change(struct draft *d, const struct contact_set *set, int64_t wall,
			struct contact_refusal *reterr)
{
	int err = 0;

	if (set->wildcard) {
		for (size_t i = 0; i < d->n; i++) {
			if (out_of_order(set, &d->v[i]))
				return refuse(reterr, 500,
					      "CSeq is not higher than that of the binding");
		}
		d->n = 0;
	}
	for (size_t i = 0; !err && i < set->n; i++)
		err = draft_contact(d, set, &set->v[i], wall, reterr);
	return err;
}

int contact_set_apply(const struct contact_set *set, struct slice aor, struct location_set *now,
		      int64_t wall, size_t max_contacts, struct location_set **ret_next,
		      struct contact_refusal *reterr)
{
	size_t room = location_set_count(now) + set->n + 1;
	AUTO_FREE struct location_binding *v = malloc(room * sizeof(*v));
	AUTO_FREE bool *ours = calloc(room, sizeof(*ours));
	struct draft d = { .v = v, .ours = ours };
	struct location_iter it;
	size_t before;
	int err;

	if (!v || !ours)
		return -ENOMEM;
	location_iter_init(&it, now, wall);
	while (location_iter_next(&it, &d.v[d.n]))
		d.n++;
	before = d.n;
	err = draft_change(&d, set, wall, reterr);
	if (err)
		return err;
	/* After a limit was lowered those beyond it may still refresh and leave. */
	if (d.n > max_contacts && d.n > before)
		return refuse(reterr, 403, "too many bindings for one address-of-record");
	if (d.n == 0) {
		*ret_next = NULL;
		return 0;
	}
	err = location_set_new(aor, d.v, d.n, ret_next);
	return err == -EMSGSIZE ? refuse(reterr, 400, "Contact and Path are too long") : err;
}
