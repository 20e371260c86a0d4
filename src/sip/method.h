/* Request methods. Names are case-sensitive (RFC 3261 7.1). */
#ifndef SIPCGID_SIP_METHOD_H
#define SIPCGID_SIP_METHOD_H

#include "base/slice.h"

#define SIP_METHODS(X)                                                                             \
	X(INVITE)                                                                                  \
	X(ACK)                                                                                     \
	X(BYE)                                                                                     \
	X(CANCEL)                                                                                  \
	X(REGISTER)                                                                                \
	X(OPTIONS)                                                                                 \
	X(PRACK)                                                                                   \
	X(SUBSCRIBE)                                                                               \
	X(NOTIFY)                                                                                  \
	X(PUBLISH)                                                                                 \
	X(INFO)                                                                                    \
	X(REFER)                                                                                   \
	X(MESSAGE)                                                                                 \
	X(UPDATE)

enum sip_method {
	SIP_OTHER_METHOD,
#define SIP_METHOD_ENUM(name) SIP_##name,
	SIP_METHODS(SIP_METHOD_ENUM)
#undef SIP_METHOD_ENUM
		SIP_METHOD_COUNT
};

enum sip_method sip_method_find(struct slice name);
struct slice sip_method_name(enum sip_method m); /* empty for SIP_OTHER_METHOD */

#endif
