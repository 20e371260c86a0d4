/*
 * URIs: SIP, SIPS and tel, and any other by its scheme. RFC 3261 19.1 and 25.1, RFC 3966, RFC 5118.
 * All slices point into the text parsed; nothing is unescaped.
 */
#ifndef SIPCGID_SIP_URI_H
#define SIPCGID_SIP_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "sip/scan.h"

#define SIP_URI_MAX 2048      /* bytes; longer is 414 */
#define SIP_URI_PARAMS_MAX 64 /* more are refused: comparing takes their product */
#define SIP_URI_HEADERS_MAX 64

enum sip_scheme { SIP_SCHEME_OTHER, SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL };

struct sip_uri {
	enum sip_scheme scheme;
	struct slice text;        /* all of it */
	struct slice scheme_name; /* without the colon */
	struct slice user;        /* p NULL: no user part. tel: the number */
	struct slice password;    /* p NULL: none */
	struct slice host;        /* brackets included for IPv6; empty for tel and others */
	uint16_t port;            /* 0: none given */
	struct slice params;      /* ";transport=tcp;lr", with the first semicolon; or empty */
	struct slice headers;     /* "a=b&c=d", without the question mark; p NULL: none */
	struct slice opaque;      /* SIP_SCHEME_OTHER: what follows the colon */
};

/*
 * The whole of @s is a URI. -EBADMSG with *reterr_reason (a constant) when it is not. A scheme
 * other than sip, sips and tel is accepted with characters of a URI only. reterr_reason may be
 * NULL.
 */
int sip_uri_parse(struct slice s, struct sip_uri *ret, const char **reterr_reason);

/* The parameter's value; true with an empty value for a flag such as ";lr". */
bool sip_uri_param(const struct sip_uri *u, struct slice name, struct slice *ret_value);
/* Walks ";a=b;c" of a parsed URI: *ret_value has p NULL for a flag. False at the end. */
bool sip_uri_next_param(struct slice *rest, struct slice *ret_name, struct slice *ret_value);
/* transport=...: an enum rt_transport, -1 when there is none, -EINVAL when it is unknown. */
int sip_uri_transport(const struct sip_uri *u);

/* Equal by RFC 3261 19.1.4 (sip, sips), RFC 3966 4 (tel), or byte for byte. */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);
/* Equal hosts: case ignored; IPv6 references are compared as addresses. */
bool sip_host_eq(struct slice a, struct slice b);
/* A host that is an address, or a syntactically good host name? */
bool sip_is_host(struct slice host);

/*
 * The address-of-record in canonical form: RFC 3261 10.3 step 5. "sip:user@host" with needless
 * escapes removed (those of reserved characters stay), host in lower case, the port kept when
 * given, no parameters, password or headers; sips becomes sip. -EINVAL unless it is sip or sips.
 */
int sip_uri_aor(const struct sip_uri *u, struct buf *out);
/* %-escapes of @s decoded to @out (%00 is -EBADMSG, and nothing is added). */
int sip_uri_unescape(struct slice s, struct buf *out);

/*
 * "host[:port]" at the start of *@rest is taken off: a host name, an IPv4 address or an IPv6
 * reference. White space around the colon is allowed if @lws (Via, RFC 3261 20.42).
 */
int sip_take_hostport(struct slice *rest, bool lws, struct slice *ret_host, uint16_t *ret_port);

#endif
