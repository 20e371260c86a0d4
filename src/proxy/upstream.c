/* Responses on their way up: RFC 3261 16.7 steps 3 and 6 to 9. */
#include "proxy/context.h"

#include <errno.h>

#include "base/log.h"

static int add_challenges(struct sip_edits *e, const struct sip_msg *onto, const struct sip_msg *m,
			  enum sip_header id)
{
	int rc = 0;

	for (const struct sip_field *f = sip_msg_field(m, id); f && rc == 0;
	     f = sip_msg_next(m, f)) {
		struct slice text =
			slice_of(f->name.p, (size_t)(f->value.p + f->value.n - f->name.p));

		rc = sip_edits_insert(e, onto->n_fields, text);
	}
	return rc;
}

/* A client must see every realm's challenge, whichever response goes up: step 7. */
static int merge_challenges(struct sip_edits *e, struct proxy_branch *b, struct sip_msg *resp)
{
	int rc = 0;

	LIST_EACH (&b->ctx->branches, it) {
		struct proxy_branch *o = LIST_ENTRY(it, struct proxy_branch, link);

		if (o == b || !o->final || (o->final->status != 401 && o->final->status != 407))
			continue;
		rc = add_challenges(e, resp, o->final, SIP_H_WWW_AUTHENTICATE);
		if (rc == 0)
			rc = add_challenges(e, resp, o->final, SIP_H_PROXY_AUTHENTICATE);
		if (rc < 0)
			break;
	}
	return rc;
}

/* The caller sees the From it sent, and the To it sent with the callee's tag. */
static int put_back(struct sip_edits *e, struct arena *arena, struct proxy_branch *b,
		    struct sip_msg *resp, const struct proxy_edit *edit)
{
	const struct sip_msg *req = b->ctx->req;
	const struct sip_field *from = sip_msg_field(req, SIP_H_FROM);
	const struct sip_field *to = sip_msg_field(req, SIP_H_TO);
	bool add_tag = resp->to_tag.n && !req->to_tag.n;
	struct slice text;
	int rc = 0;

	if (b->target.changed_from && !edit->from && from &&
	    resp->first[SIP_H_FROM] != SIP_NO_FIELD) {
		rc = ARENA_JOIN(arena, &text, SLICE("From: "), from->value);
		if (rc == 0)
			rc = sip_edits_replace(e, resp->first[SIP_H_FROM], text);
	}
	if (rc == 0 && b->target.changed_to && !edit->to && to &&
	    resp->first[SIP_H_TO] != SIP_NO_FIELD) {
		rc = ARENA_JOIN(arena, &text, SLICE("To: "), to->value,
				add_tag ? SLICE(";tag=") : SLICE_EMPTY,
				add_tag ? resp->to_tag : SLICE_EMPTY);
		if (rc == 0)
			rc = sip_edits_replace(e, resp->first[SIP_H_TO], text);
	}
	return rc;
}

static bool has_second_via(const struct sip_msg *resp)
{
	struct sip_values it;
	struct slice via;

	sip_values_init(&it, resp, SIP_H_VIA);
	return sip_values_next(&it, &via) && sip_values_next(&it, &via);
}

int proxy_edit_response(struct proxy_branch *b, struct sip_msg *resp, bool local,
			const struct proxy_edit *edit, struct packet **ret)
{
	struct sip_edits edits;
	struct arena arena;
	int rc = 0;

	if (!b->ctx->st)
		return -ESTALE;
	/* Somebody took out the Via fields below ours: nobody could make sense of it (step 3). */
	if (!local && !has_second_via(resp))
		return -EBADMSG;
	arena_init(&arena, 0);
	sip_edits_init(&edits, &arena);
	if (edit->edits)
		rc = sip_edits_copy(&edits, edit->edits, &arena);
	if (rc == 0 && !local)
		rc = sip_edits_pop(&edits, resp, SIP_H_VIA);
	if (rc == 0 && !local && (b->target.changed_from || b->target.changed_to))
		rc = put_back(&edits, &arena, b, resp, edit);
	if (rc == 0 && (resp->status == 401 || resp->status == 407))
		rc = merge_challenges(&edits, b, resp);
	if (rc == 0)
		rc = sip_render(resp, &edits, ret);
	arena_fini(&arena);
	return rc;
}

int proxy_forward_response(struct proxy_branch *b, struct sip_msg *resp, bool local)
{
	struct proxy_ctx *ctx = b->ctx;
	struct packet *packet;
	int rc;

	rc = proxy_edit_response(b, resp, local, &(struct proxy_edit){ 0 }, &packet);
	if (rc < 0)
		return rc;
	/* Our own 503 would make the caller give up on us, not on the one that failed. */
	if (resp->status == 503) {
		packet_unref(packet);
		return proxy_reply(ctx, 500);
	}
	rc = txn_respond(ctx->st, packet, resp->status);
	packet_unref(packet);
	return rc;
}

int proxy_reply(struct proxy_ctx *ctx, unsigned status)
{
	struct sip_reply reply = { .status = status };
	int rc;

	if (!ctx->st)
		return -ESTALE;
	rc = txn_reply(ctx->st, &reply);
	/* Without memory even for that, the request is forgotten: if it comes again it starts anew.
	 */
	if (rc < 0)
		txn_abandon(ctx->st);
	return rc;
}
