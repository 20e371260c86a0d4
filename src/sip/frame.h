/* Cutting messages out of a byte stream: RFC 3261 18.3, 7.5; RFC 5626 3.5.1 keep-alives. */
#ifndef SIPCGID_SIP_FRAME_H
#define SIPCGID_SIP_FRAME_H

#include <stddef.h>

#include "base/slice.h"
#include "sip/scan.h"

/* State of one stream; zero it to begin. Nothing seen is scanned again. */
struct sip_frame {
	size_t scanned;  /* bytes of the current message already looked at */
	size_t line;     /* where the line that is being looked at begins */
	size_t head_len; /* once the blank line was found, else 0 */
	size_t body_len; /* of Content-Length */
	bool has_length;
	bool bad_length;
	unsigned crlfs; /* CRLFs since the last message or ping: 0 or 1 */
	unsigned pings; /* CRLF CRLF between messages, not yet answered: clear when answered */
};

/*
 * Looks at the bytes received and not yet consumed, the same as last time and more.
 * After a negative answer the stream is over.
 *   > 0         so many bytes are done with: *ret_msg is one whole message among them, or empty
 *               if they were only CRLFs between messages
 *   0           more bytes are needed
 *   -EBADMSG    no Content-Length, a bad one, or two that differ: the stream cannot be followed.
 *               *ret_msg is the head (its body unknown) so that a request can be answered
 *   -EMSGSIZE   larger than SIP_MSG_MAX; *ret_msg is the head if its end was seen, else empty
 */
ptrdiff_t sip_frame(struct sip_frame *f, struct slice bytes, struct slice *ret_msg);

#endif
