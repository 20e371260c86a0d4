/* Networks whose requests are believed without credentials. */
#ifndef SIPCGID_AUTH_TRUST_H
#define SIPCGID_AUTH_TRUST_H

#include "base/net.h"

struct trust {
	struct net_prefix *v; /* owned */
	size_t n;
};

void trust_init(struct trust *t);
void trust_fini(struct trust *t);
/* "10.0.0.0/8", "2001:db8::1"; -EINVAL, -ENOMEM. */
int trust_add(struct trust *t, struct slice prefix);
bool trust_has(const struct trust *t, const struct net_addr *a);

#endif
