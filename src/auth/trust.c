/* A list of address prefixes. It is short (an operator wrote it), so it is walked. */
#include <errno.h>
#include <stdlib.h>

#include "auth/trust.h"

void trust_init(struct trust *t)
{
	*t = (struct trust){ 0 };
}

void trust_fini(struct trust *t)
{
	free(t->v);
	*t = (struct trust){ 0 };
}

int trust_add(struct trust *t, struct slice prefix)
{
	struct net_prefix p, *v;
	int err = net_prefix_parse(prefix, &p);

	if (err)
		return err;
	v = realloc(t->v, (t->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	v[t->n++] = p;
	t->v = v;
	return 0;
}

bool trust_has(const struct trust *t, const struct net_addr *a)
{
	for (size_t i = 0; i < t->n; i++) {
		if (net_prefix_has(&t->v[i], a))
			return true;
	}
	return false;
}
