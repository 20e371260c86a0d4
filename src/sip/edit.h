/*
 * What is sent is a received message plus an edit list, rendered in one pass: what nobody edits
 * is copied byte for byte. Positions are indexes of fields in the original.
 *
 * All slices given are borrowed until the message is rendered; lists live in an arena.
 */
#ifndef SIPCGID_SIP_EDIT_H
#define SIPCGID_SIP_EDIT_H

#include "base/arena.h"
#include "base/packet.h"
#include "sip/msg.h"

enum sip_edit_op { SIP_EDIT_INSERT, SIP_EDIT_REPLACE, SIP_EDIT_REMOVE };

struct sip_edit {
	uint16_t at;  /* INSERT: before this field; n_fields: behind the last */
	uint16_t seq; /* order among inserts at one place */
	enum sip_edit_op op;
	struct slice text; /* "Name: value", without CRLF */
};

struct sip_edits {
	struct arena *arena;
	struct sip_edit *v; /* sorted by (at, inserts first, seq) */
	uint16_t n, cap;
	bool has_start;
	bool has_body;      /* then Content-Length is ours */
	struct slice start; /* without CRLF */
	struct slice body;
};

void sip_edits_init(struct sip_edits *e, struct arena *arena);
/* An independent list with the same edits, in @arena. The texts are still borrowed. */
int sip_edits_copy(struct sip_edits *e, const struct sip_edits *from, struct arena *arena);
/* A new start line. */
void sip_edits_start(struct sip_edits *e, struct slice line);
/* Inserts before the field @at; several at one place stay in the order of the calls. */
int sip_edits_insert(struct sip_edits *e, uint16_t at, struct slice field);
/* A later replace or remove of the same field wins. */
int sip_edits_replace(struct sip_edits *e, uint16_t at, struct slice field);
int sip_edits_remove(struct sip_edits *e, uint16_t at);
int sip_edits_remove_all(struct sip_edits *e, const struct sip_msg *m, enum sip_header id);
/* A new body (empty: none). Content-Length is rewritten or added; Content-Type is the caller's. */
void sip_edits_body(struct sip_edits *e, struct slice body);
/* Removes the topmost value of a list header, its field too if it was the only one. What was
 * removed or replaced before is seen so; what was inserted is not looked at. -ENOENT: none left. */
int sip_edits_pop(struct sip_edits *e, const struct sip_msg *m, enum sip_header id);

/*
 * The message to send, one reference for the caller. A message without Content-Length gets one;
 * edits of a Content-Length that is there have no effect, it is always the body's.
 * @e may be NULL: the message as it came. -ENOMEM; -EMSGSIZE above SIP_MSG_MAX.
 */
int sip_render(const struct sip_msg *m, const struct sip_edits *e, struct packet **ret);

#endif
