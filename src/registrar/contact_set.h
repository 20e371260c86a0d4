/*
 * The Contact fields of a REGISTER, and what they make of the bindings there are: RFC 3261 10.3
 * steps 6 and 7, RFC 5626 6. Pure: what is asked for, and the present set, to the next set.
 */
#ifndef SIPCGID_REGISTRAR_CONTACT_SET_H
#define SIPCGID_REGISTRAR_CONTACT_SET_H

#include "base/arena.h"
#include "location/binding.h"
#include "registrar/registrar.h"
#include "sip/msg.h"
#include "sip/uri.h"

/* Contact values in one request. */
#define CONTACT_SET_MAX 64

struct contact {
	struct location_binding b; /* texts in the arena; expires_at is not set yet */
	struct sip_uri uri;        /* of b.contact */
	uint32_t expires;          /* seconds; 0: remove */
};

struct contact_set {
	struct contact *v;
	size_t n;
	bool wildcard; /* "Contact: *": remove all */
	struct slice call_id;
	uint32_t cseq;
};

/* Why a REGISTER is refused. */
struct contact_refusal {
	unsigned status;
	const char *reason; /* a constant: for the log */
};

/*
 * Everything is copied into @arena, folds undone. -EBADMSG: refuse it as @reterr says (400, or 423
 * with min_expires); -ENOMEM. A request without Contact gives an empty set: a query.
 */
int contact_set_parse(const struct sip_msg *req, const struct registrar_config *config,
		      struct arena *arena, struct contact_set *ret, struct contact_refusal *reterr);
/*
 * The bindings of @aor after the request, from @now (NULL: none) those of them not expired at
 * @wall. *ret_next is NULL if none is left. -EBADMSG: refuse, nothing changes; -ENOMEM.
 */
int contact_set_apply(const struct contact_set *set, struct slice aor, struct location_set *now,
		      int64_t wall, size_t max_contacts, struct location_set **ret_next,
		      struct contact_refusal *reterr);

#endif
