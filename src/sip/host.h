/* What the files behind uri.h share: hosts and comparison. Not for other modules. */
#ifndef SIPCGID_SIP_HOST_H
#define SIPCGID_SIP_HOST_H

#include "sip/uri.h"

#define SIP_HOST_MAX 255 /* bytes of a host name: RFC 1035 2.3.4 */
#define SIP_IP6_LEN 16

/* An IPv6 address, with or without brackets, as its bytes. */
bool sip_host_ip6(struct slice s, uint8_t out[SIP_IP6_LEN]);

/* Equal as parts of a URI: escapes undone (RFC 3261 19.1.4). */
bool sip_uri_text_eq(struct slice a, struct slice b, bool exact_case);
/* sip_uri_eq(), also from inside the headers of another URI. */
bool sip_uri_eq_nested(const struct sip_uri *a, const struct sip_uri *b, bool nested);

#endif
