/* Status codes and the reason phrases we give them: RFC 3261 21 and later. */
#ifndef SIPCGID_SIP_STATUS_H
#define SIPCGID_SIP_STATUS_H

#include "base/slice.h"

/* The registered phrase; for an unknown code that of its class. */
struct slice sip_status_reason(unsigned status);

#endif
