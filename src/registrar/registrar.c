/*
 * RFC 3261 10.3, step by step. Steps 1 to 5 (whose bindings, and may they be changed) are settled
 * when the request comes; steps 6 to 8 when its turn has come among the changes of its
 * address-of-record; the 200 goes out when the change is on disk. A query waits its turn too: so it
 * sees every registration that was received before it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "registrar/contact_set.h"
#include "registrar/registrar.h"
#include "sip/addr.h"
#include "sip/date.h"

/* Fields of a 200 beside its Contacts: Date and Path. */
#define EXTRA_FIELDS 2

struct registrar {
	struct runtime *rt;
	struct location *loc;
	struct registrar_config config;
	struct registrar_policy policy;
	struct map jobs; /* struct job, by the address of its transaction */
};

/* A REGISTER from its acceptance to its answer. */
struct job {
	struct map_node node;
	struct location_change change;
	struct registrar *r;
	struct txn *st; /* NULL: it is gone, the change goes on */
	struct sip_msg *req;
	struct arena arena;
	struct contact_set contacts;
	struct contact_refusal refusal; /* status 0: none */
};

int registrar_new(struct runtime *rt, struct location *loc, const struct registrar_config *config,
		  const struct registrar_policy *policy, struct registrar **ret)
{
	struct registrar *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->rt = rt;
	r->loc = loc;
	r->config = *config;
	r->policy = *policy;
	map_init(&r->jobs);
	*ret = r;
	return 0;
}

void registrar_configure(struct registrar *r, const struct registrar_config *config)
{
	r->config = *config;
}

size_t registrar_pending(const struct registrar *r)
{
	return r->jobs.count;
}

static void job_free(struct job *j)
{
	location_change_forget(&j->change);
	sip_msg_unref(j->req);
	arena_fini(&j->arena);
	free(j);
}

void registrar_free(struct registrar *r)
{
	struct map_node *n = NULL, *last = NULL;
	size_t pos = 0;

	if (!r)
		return;
	while (map_walk(&r->jobs, &pos, &n)) {
		if (last)
			job_free(CONTAINER_OF(last, struct job, node));
		last = n;
	}
	if (last)
		job_free(CONTAINER_OF(last, struct job, node));
	map_fini(&r->jobs);
	free(r);
}

static uint64_t txn_hash(const struct registrar *r, const struct txn *st)
{
	return slice_hash(slice_of((const char *)&st, sizeof(st)), r->rt->seed);
}

void registrar_txn_gone(struct registrar *r, struct txn *st)
{
	for (struct map_node *n = map_first(&r->jobs, txn_hash(r, st)); n; n = map_next(n)) {
		struct job *j = CONTAINER_OF(n, struct job, node);

		if (j->st == st) {
			j->st = NULL;
			return;
		}
	}
}

/* ---- answers ---- */

static void reply(struct txn *st, unsigned status, const struct slice *fields, size_t n)
{
	struct sip_reply reply = { .status = status, .fields = fields, .n_fields = n };

	/* When it fails the client retransmits, and asks again. */
	(void)txn_reply(st, &reply);
}

static void log_refusal(const struct sip_msg *req, unsigned status, const char *reason)
{
	LOG(LOG_INFO, "registration refused", LOG_SLICE("call-id", req->call_id),
	    LOG_ADDR("source", &req->flow.peer), LOG_INT("status", status),
	    LOG_STR("reason", reason));
}

static void refuse(struct registrar *r, struct txn *st, const struct sip_msg *req, unsigned status,
		   const char *reason)
{
	struct arena arena;
	struct slice field;
	size_t n = 0;

	arena_init(&arena, 0);
	/* RFC 3261 20.23: a 423 must say what would do. */
	if (status == 423) {
		n = 1;
		if (arena_printf(&arena, &field, "Min-Expires: %u", r->config.min_expires) < 0) {
			status = 500;
			n = 0;
		}
	}
	log_refusal(req, status, reason);
	if (st)
		reply(st, status, &field, n);
	arena_fini(&arena);
}

/* 420 with the option tags in @tags, comma-separated. */
static void refuse_extension(struct txn *st, const struct sip_msg *req, struct slice tags)
{
	AUTO_BUF field = BUF_INIT;
	struct slice view;

	buf_str(&field, "Unsupported: ");
	buf_slice(&field, tags);
	view = buf_view(&field);
	if (field.err) {
		reply(st, 500, NULL, 0);
		return;
	}
	log_refusal(req, 420, "extension not supported");
	reply(st, 420, &view, 1);
}

/* Step 8: all bindings, the Path of this request (RFC 3327 5.3), the date. */
static void reply_ok(struct job *j, struct location_set *set)
{
	struct registrar *r = j->r;
	size_t n = 0, room = location_set_count(set) + EXTRA_FIELDS;
	struct slice *fields = arena_alloc(&j->arena, room * sizeof(*fields));
	char date[SIP_DATE_LEN + 1];
	AUTO_BUF text = BUF_INIT;
	struct location_binding b;
	struct location_iter it;
	bool failed = !fields;

	location_iter_init(&it, set, r->rt->wall);
	while (!failed && location_iter_next(&it, &b)) {
		buf_reset(&text);
		buf_str(&text, "Contact: ");
		location_contact_text(&b, r->rt->wall, &text);
		failed = text.err || arena_dup(&j->arena, buf_view(&text), &fields[n++]) < 0;
	}
	if (!failed && j->contacts.n && j->contacts.v[0].b.path.n)
		failed = ARENA_JOIN(&j->arena, &fields[n++], SLICE("Path: "),
				    j->contacts.v[0].b.path) < 0;
	if (!failed) {
		sip_date_format(r->rt->wall / 1000, date);
		failed = arena_printf(&j->arena, &fields[n++], "Date: %s", date) < 0;
	}
	if (failed)
		reply(j->st, 500, NULL, 0);
	else
		reply(j->st, 200, fields, n);
}

/* ---- the change ---- */

static int job_apply(struct location_change *c, struct location_set *now,
		     struct location_set **ret_next)
{
	struct job *j = CONTAINER_OF(c, struct job, change);
	struct registrar *r = j->r;
	int err;

	if (j->contacts.n == 0 && !j->contacts.wildcard)
		return -ECANCELED;
	err = contact_set_apply(&j->contacts, c->aor, now, r->rt->wall, r->config.max_contacts,
				ret_next, &j->refusal);
	/* Nothing from nothing: not worth a disk write, and it could be had for free by anybody. */
	if (!err && !now && !*ret_next)
		return -ECANCELED;
	return err == -EBADMSG ? -ECANCELED : err;
}

static void job_done(struct location_change *c, int err, struct location_set *set)
{
	struct job *j = CONTAINER_OF(c, struct job, change);
	struct registrar *r = j->r;

	if (err && err != -ECANCELED) {
		/* Step 7: a failed commit fails the request, and nothing changed. */
		METRIC_INC(r->rt, REGISTER_FAILED);
		LOG(LOG_ERROR, "registration could not be stored", LOG_SLICE("aor", c->aor),
		    LOG_SLICE("call-id", j->req->call_id), LOG_STR("reason", strerror(-err)));
		if (j->st)
			reply(j->st, 500, NULL, 0);
	} else if (j->refusal.status) {
		refuse(r, j->st, j->req, j->refusal.status, j->refusal.reason);
	} else {
		METRIC_INC(r->rt, REGISTER_OK);
		if (j->st)
			reply_ok(j, set);
	}
	map_del(&r->jobs, &j->node);
	job_free(j);
}

/* Steps 6 and 7: what is asked for, then wait for its turn. */
static int start_job(struct registrar *r, struct txn *st, struct sip_msg *req, struct slice aor,
		     struct contact_refusal *reterr)
{
	struct job *j = calloc(1, sizeof(*j));
	int err;

	if (!j)
		return -ENOMEM;
	arena_init(&j->arena, 0);
	j->r = r;
	j->st = st;
	j->req = sip_msg_ref(req);
	j->change.apply = job_apply;
	j->change.done = job_done;
	err = contact_set_parse(req, &r->config, &j->arena, &j->contacts, reterr);
	if (!err)
		err = arena_dup(&j->arena, aor, &j->change.aor);
	if (!err)
		err = map_add(&r->jobs, &j->node, txn_hash(r, st));
	if (err) {
		job_free(j);
		return err;
	}
	/* From here the change may be over, and the job gone, when this returns. */
	err = location_change_start(r->loc, &j->change);
	if (err) {
		map_del(&r->jobs, &j->node);
		job_free(j);
	}
	return err;
}

/* ---- may it? ---- */

/* Step 2, RFC 3261 8.2.2.3; and the policy that RFC 3327 5.3 recommends. */
static bool check_extensions(struct registrar *r, struct txn *st, struct sip_msg *req)
{
	AUTO_BUF unsupported = BUF_INIT;
	struct sip_values it;
	struct slice tag;

	sip_values_init(&it, req, SIP_H_REQUIRE);
	while (sip_values_next(&it, &tag)) {
		if (slice_ieq(tag, SLICE("path")))
			continue;
		if (unsupported.len)
			buf_str(&unsupported, ", ");
		/* Echoed only if it is what it should be. */
		buf_slice(&unsupported, sip_is_token(tag) ? tag : SLICE("invalid"));
	}
	if (!unsupported.len && !unsupported.err && sip_msg_field(req, SIP_H_PATH) &&
	    !r->config.path_unsupported_ok && !sip_msg_lists(req, SIP_H_SUPPORTED, SLICE("path")) &&
	    !sip_msg_lists(req, SIP_H_REQUIRE, SLICE("path")))
		buf_str(&unsupported, "path");
	if (unsupported.err) {
		reply(st, 500, NULL, 0);
		return false;
	}
	if (unsupported.len) {
		refuse_extension(st, req, buf_view(&unsupported));
		return false;
	}
	return true;
}

/* Step 4: an address-of-record belongs to the user of its name in the realm. */
static bool may_change(const struct registrar *r, const struct auth_identity *who,
		       struct slice user, struct slice host)
{
	struct slice realm = r->config.realm.n ? r->config.realm : host;

	if (!who)
		return true;
	if (!slice_ieq(who->realm, realm))
		return false;
	return r->config.any_user || slice_eq(auth_name(who), user);
}

static int canonical(struct registrar *r, const struct sip_uri *uri, struct buf *out,
		     struct sip_uri *ret)
{
	const char *why;
	int err = r->policy.aor ? r->policy.aor(r->policy.arg, uri, out) : sip_uri_aor(uri, out);

	if (!err)
		err = out->err;
	if (!err)
		err = sip_uri_parse(buf_view(out), ret, &why);
	return err;
}

/* Steps 1, 4 and 5. 0 with the key in @aor, or the status to refuse with, or -ENOMEM. */
static int check_aor(struct registrar *r, const struct sip_msg *req,
		     const struct auth_identity *who, struct buf *aor, const char **reterr_reason)
{
	AUTO_BUF user = BUF_INIT, domain = BUF_INIT;
	struct sip_uri uri, uri_key, key;
	struct sip_addr to;
	int err;

	if (sip_uri_parse(req->uri, &uri, reterr_reason) < 0 ||
	    sip_addr_parse(sip_msg_value(req, SIP_H_TO), &to, reterr_reason) < 0)
		return 400;
	*reterr_reason = "To is not a SIP URI";
	if (to.uri.scheme != SIP_SCHEME_SIP && to.uri.scheme != SIP_SCHEME_SIPS)
		return 400;
	*reterr_reason = "To is not an address-of-record of the domain in the Request-URI";
	if (!uri.host.n || !r->policy.domain(r->policy.arg, uri.host, uri.port) || !to.uri.host.n ||
	    !r->policy.domain(r->policy.arg, to.uri.host, to.uri.port) || to.uri.user.n == 0)
		return 404;

	err = canonical(r, &uri, &domain, &uri_key);
	if (!err)
		err = canonical(r, &to.uri, aor, &key);
	if (!err && !sip_host_eq(key.host, uri_key.host))
		return 404;
	/* With %00 it is the name of nobody who could have a password, but an address-of-record:
	 * RFC 4475 3.1.1.4. */
	if (!err)
		(void)sip_uri_unescape(key.user, &user);
	if (!err)
		err = user.err;
	if (err == -ENOMEM)
		return err;
	if (err) {
		*reterr_reason = "To cannot be made an address-of-record";
		return 400;
	}
	*reterr_reason = "the user may not change bindings of this address-of-record";
	if (!may_change(r, who, buf_view(&user), key.host))
		return 403;
	*reterr_reason = "no such address-of-record";
	if (r->policy.user && !r->policy.user(r->policy.arg, buf_view(&user), key.host))
		return 404;
	return 0;
}

void registrar_handle(struct registrar *r, struct txn *st, struct sip_msg *req,
		      const struct auth_identity *who)
{
	AUTO_BUF aor = BUF_INIT;
	struct contact_refusal refusal = { 500, "out of memory" };
	const char *reason = NULL;
	int err;

	if (!check_extensions(r, st, req))
		return;
	err = check_aor(r, req, who, &aor, &reason);
	if (err > 0) {
		refuse(r, st, req, (unsigned)err, reason);
		return;
	}
	if (!err)
		err = start_job(r, st, req, buf_view(&aor), &refusal);
	if (err)
		refuse(r, st, req, refusal.status, refusal.reason);
}
