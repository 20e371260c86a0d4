/*
 * The registrar: RFC 3261 10.3, RFC 3327 (Path), the instance-id rule of RFC 5626 6. Authentication
 * (step 3) is done by the caller; everything else, from Require to the 200, is done here.
 */
#ifndef SIPCGID_REGISTRAR_REGISTRAR_H
#define SIPCGID_REGISTRAR_REGISTRAR_H

#include "auth/auth.h"
#include "location/location.h"
#include "transaction/txn.h"

struct registrar;

/* Times in seconds. */
struct registrar_config {
	uint32_t default_expires; /* 3600 */
	uint32_t min_expires;     /* 60: shorter ones are refused with 423 if below an hour too */
	uint32_t max_expires;     /* 7200: longer ones are shortened */
	size_t max_contacts;      /* 16 per address-of-record: 403 when a request goes beyond it */
	bool any_user; /* every authenticated user of the domain may register for every other
			  one of it (third-party registration); else 403 */
	/* Users of this realm own the addresses-of-record of their name in all our domains. Empty:
	 * the realm is the domain. Borrowed. */
	struct slice realm;
	bool path_unsupported_ok; /* Path without Supported: path is accepted, not 420 */
};
#define REGISTRAR_CONFIG_DEFAULT ((struct registrar_config){ 3600, 60, 7200, 16 })

/* What only the caller knows. */
struct registrar_policy {
	/* Is this host (as in a URI) a domain we keep bindings for? */
	bool (*domain)(void *arg, struct slice host, uint16_t port);
	/* Does that address-of-record exist? NULL: all do. @user is unescaped. False gives 404. */
	bool (*user)(void *arg, struct slice user, struct slice domain);
	/*
	 * Writes the canonical address-of-record of a To URI in a domain of ours: as
	 * sip_uri_aor(), but that a port of ours is left out and aliases of a domain are one.
	 * NULL: sip_uri_aor(). 0 or a negative errno.
	 */
	int (*aor)(void *arg, const struct sip_uri *uri, struct buf *out);
	void *arg;
};

int registrar_new(struct runtime *rt, struct location *loc, const struct registrar_config *config,
		  const struct registrar_policy *policy, struct registrar **ret);
/* Before location_free(). Requests under way are forgotten. */
void registrar_free(struct registrar *r);
void registrar_configure(struct registrar *r, const struct registrar_config *config);

/*
 * Handles a REGISTER for a domain of ours: @st is answered, now or when the change is on disk.
 * @who: the authenticated user; NULL when authentication was not asked for (open or trusted), and
 * then every address-of-record of our domains may be changed.
 */
void registrar_handle(struct registrar *r, struct txn *st, struct sip_msg *req,
		      const struct auth_identity *who);
/* Must be called from the terminated callback of every server transaction handed in above. The
 * change itself goes on. */
void registrar_txn_gone(struct registrar *r, struct txn *st);
/* Requests whose commit is awaited. */
size_t registrar_pending(const struct registrar *r);

#endif
