/*
 * Bindings and the immutable set of them that one address-of-record has: RFC 3261 10, RFC 3327
 * (Path), RFC 5626 (+sip.instance, reg-id). A set is one block of memory; what is handed out is a
 * view of one binding, with slices into the set.
 */
#ifndef SIPCGID_LOCATION_BINDING_H
#define SIPCGID_LOCATION_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Bytes of all texts of one binding together. */
#define LOCATION_TEXT_MAX 8192

/* A view: every slice lives as long as the set it came from. */
struct location_binding {
	struct slice contact; /* the URI, as registered */
	struct slice display; /* display name as written, quotes included; empty: none */
	struct slice params;  /* ";q=0.5;+sip.instance=...": as given but for expires; or empty */
	struct slice call_id;
	struct slice path;     /* Path values in order, joined with ", "; empty: none */
	struct slice instance; /* of @params, +sip.instance as written: set by location_set_new() */
	/*
	 * Where the REGISTER came from, "tcp:192.0.2.7:49152". Its connection, if it is one, is
	 * @conn (as in struct rt_flow), which is 0 after a restart, and @listener.
	 */
	struct slice received;
	uint64_t conn;
	int64_t expires_at; /* rt.wall, ms */
	uint32_t cseq;
	uint32_t reg_id; /* 0: none */
	uint16_t q;      /* thousandths; 1000 when none was given (RFC 3261 16.6 leaves it open) */
	uint16_t listener;
};

/* Opaque. Reference-counted by the thread that owns the index; contents never change, so other
 * threads may read a set while that thread keeps a reference. */
struct location_set;

/*
 * Copies @aor and the @n bindings, oldest update first. -ENOMEM; -EMSGSIZE if a binding's texts
 * exceed LOCATION_TEXT_MAX. One reference for the caller. @n may be 0.
 */
int location_set_new(struct slice aor, const struct location_binding *v, size_t n,
		     struct location_set **ret);
struct location_set *location_set_ref(struct location_set *s);
void location_set_unref(struct location_set *s);
struct slice location_set_aor(const struct location_set *s);
/* Bindings in it, expired ones too. NULL has none. */
size_t location_set_count(const struct location_set *s);
/* Bytes of memory. */
size_t location_set_size(const struct location_set *s);

/* Walks the bindings that have not expired, in the order of their last update. */
struct location_iter {
	const struct location_set *set;
	size_t at;
	size_t left;
	int64_t wall;
};

/* @set may be NULL: no bindings. @wall: rt.wall; INT64_MIN walks expired ones too. */
void location_iter_init(struct location_iter *it, const struct location_set *set, int64_t wall);
bool location_iter_next(struct location_iter *it, struct location_binding *ret);

/* A binding as a Contact of a 200 or 302 shows it: "<sip:a@b>;q=0.5;expires=300", the expiry in
 * seconds rounded up. */
void location_contact_text(const struct location_binding *b, int64_t wall, struct buf *out);

#endif
