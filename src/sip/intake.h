/*
 * What is checked and parsed of a message while it is indexed: the fields that every element
 * needs, and the faults of RFC 3261 8.2 and 16.3 that need nothing but syntax. Used by msg.c only.
 */
#ifndef SIPCGID_SIP_INTAKE_H
#define SIPCGID_SIP_INTAKE_H

#include "sip/msg.h"

struct sip_intake {
	struct sip_msg *msg;
	bool has_length; /* a Content-Length was there ... */
	bool bad_length; /* ... and could not be read, or two differ */
	size_t length;
	const char *fault_at; /* of the first fault, when there is one */
};

/* Records a fault at @at (in the message) unless there is one before it. */
void sip_intake_fault(struct sip_intake *in, const char *at, unsigned status, const char *reason);
/* Line and column of a place in the message. */
struct sip_error sip_intake_error(const struct sip_msg *m, const char *at, const char *reason);
/* The start line, whose slices are set; method and status too. */
void sip_intake_start(struct sip_intake *in);
/* One field, not yet in the chain of its name. */
void sip_intake_field(struct sip_intake *in, const struct sip_field *f);
/* Everything is indexed and body holds what came behind the head: cuts the body, looks for what
 * is missing. */
void sip_intake_end(struct sip_intake *in);

#endif
