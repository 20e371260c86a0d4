/* Request methods: RFC 3261 7.1 and the RFCs that added one. */
#include "sip/method.h"

static const struct slice names[SIP_METHOD_COUNT] = {
#define SIP_METHOD_ROW(name) [SIP_##name] = SLICE_INIT(#name),
	SIP_METHODS(SIP_METHOD_ROW)
#undef SIP_METHOD_ROW
};

enum sip_method sip_method_find(struct slice name)
{
	for (unsigned m = 1; m < SIP_METHOD_COUNT; m++) {
		if (names[m].n == name.n && names[m].p[0] == name.p[0] && slice_eq(names[m], name))
			return (enum sip_method)m;
	}
	return SIP_OTHER_METHOD;
}

struct slice sip_method_name(enum sip_method m)
{
	return (unsigned)m < SIP_METHOD_COUNT ? names[m] : SLICE_EMPTY;
}
