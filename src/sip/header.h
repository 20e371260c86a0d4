/* Names of header fields: full, compact, and the number each has here. RFC 3261 20 and later. */
#ifndef SIPCGID_SIP_HEADER_H
#define SIPCGID_SIP_HEADER_H

#include "base/slice.h"

/* id, full name, compact form or 0. Sorted by nothing; the lookup hashes. */
#define SIP_HEADERS(X)                                                                             \
	X(VIA, "Via", 'v')                                                                         \
	X(FROM, "From", 'f')                                                                       \
	X(TO, "To", 't')                                                                           \
	X(CALL_ID, "Call-ID", 'i')                                                                 \
	X(CSEQ, "CSeq", 0)                                                                         \
	X(CONTACT, "Contact", 'm')                                                                 \
	X(MAX_FORWARDS, "Max-Forwards", 0)                                                         \
	X(ROUTE, "Route", 0)                                                                       \
	X(RECORD_ROUTE, "Record-Route", 0)                                                         \
	X(CONTENT_LENGTH, "Content-Length", 'l')                                                   \
	X(CONTENT_TYPE, "Content-Type", 'c')                                                       \
	X(CONTENT_ENCODING, "Content-Encoding", 'e')                                               \
	X(CONTENT_DISPOSITION, "Content-Disposition", 0)                                           \
	X(CONTENT_LANGUAGE, "Content-Language", 0)                                                 \
	X(EXPIRES, "Expires", 0)                                                                   \
	X(MIN_EXPIRES, "Min-Expires", 0)                                                           \
	X(REQUIRE, "Require", 0)                                                                   \
	X(PROXY_REQUIRE, "Proxy-Require", 0)                                                       \
	X(SUPPORTED, "Supported", 'k')                                                             \
	X(UNSUPPORTED, "Unsupported", 0)                                                           \
	X(ALLOW, "Allow", 0)                                                                       \
	X(ACCEPT, "Accept", 0)                                                                     \
	X(ACCEPT_ENCODING, "Accept-Encoding", 0)                                                   \
	X(ACCEPT_LANGUAGE, "Accept-Language", 0)                                                   \
	X(AUTHORIZATION, "Authorization", 0)                                                       \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization", 0)                                           \
	X(WWW_AUTHENTICATE, "WWW-Authenticate", 0)                                                 \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 0)                                             \
	X(AUTHENTICATION_INFO, "Authentication-Info", 0)                                           \
	X(PATH, "Path", 0)                                                                         \
	X(SERVICE_ROUTE, "Service-Route", 0)                                                       \
	X(MAX_BREADTH, "Max-Breadth", 0)                                                           \
	X(TIMESTAMP, "Timestamp", 0)                                                               \
	X(DATE, "Date", 0)                                                                         \
	X(RETRY_AFTER, "Retry-After", 0)                                                           \
	X(SUBJECT, "Subject", 's')                                                                 \
	X(USER_AGENT, "User-Agent", 0)                                                             \
	X(SERVER, "Server", 0)                                                                     \
	X(WARNING, "Warning", 0)                                                                   \
	X(REASON, "Reason", 0)                                                                     \
	X(EVENT, "Event", 'o')                                                                     \
	X(ALLOW_EVENTS, "Allow-Events", 'u')                                                       \
	X(REFER_TO, "Refer-To", 'r')                                                               \
	X(REFERRED_BY, "Referred-By", 'b')                                                         \
	X(SESSION_EXPIRES, "Session-Expires", 'x')                                                 \
	X(ACCEPT_CONTACT, "Accept-Contact", 'a')                                                   \
	X(REJECT_CONTACT, "Reject-Contact", 'j')                                                   \
	X(REQUEST_DISPOSITION, "Request-Disposition", 'd')                                         \
	X(IDENTITY, "Identity", 'y')                                                               \
	X(IDENTITY_INFO, "Identity-Info", 'n')                                                     \
	X(MIME_VERSION, "MIME-Version", 0)                                                         \
	X(IN_REPLY_TO, "In-Reply-To", 0)                                                           \
	X(ORGANIZATION, "Organization", 0)                                                         \
	X(PRIORITY, "Priority", 0)                                                                 \
	X(ALERT_INFO, "Alert-Info", 0)                                                             \
	X(CALL_INFO, "Call-Info", 0)                                                               \
	X(ERROR_INFO, "Error-Info", 0)                                                             \
	X(REPLY_TO, "Reply-To", 0)                                                                 \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", 0)                                           \
	X(PRIVACY, "Privacy", 0)                                                                   \
	X(RSEQ, "RSeq", 0)                                                                         \
	X(RACK, "RAck", 0)                                                                         \
	X(SIP_ETAG, "SIP-ETag", 0)                                                                 \
	X(SIP_IF_MATCH, "SIP-If-Match", 0)                                                         \
	X(SUBSCRIPTION_STATE, "Subscription-State", 0)                                             \
	X(FLOW_TIMER, "Flow-Timer", 0)                                                             \
	X(HISTORY_INFO, "History-Info", 0)                                                         \
	X(DIVERSION, "Diversion", 0)

enum sip_header {
	SIP_H_OTHER, /* a name that is not in the list */
#define SIP_HEADER_ENUM(id, name, compact) SIP_H_##id,
	SIP_HEADERS(SIP_HEADER_ENUM)
#undef SIP_HEADER_ENUM
		SIP_H_COUNT
};

/* By full or compact name, any case; SIP_H_OTHER when unknown. */
enum sip_header sip_header_find(struct slice name);
/* The full name; empty for SIP_H_OTHER. */
struct slice sip_header_name(enum sip_header id);

#endif
