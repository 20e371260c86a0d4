/* SIP-date: RFC 3261 20.17, always GMT. */
#ifndef SIPCGID_SIP_DATE_H
#define SIPCGID_SIP_DATE_H

#include <stdint.h>

#include "base/slice.h"

#define SIP_DATE_LEN 29

/* "Sat, 13 Nov 2010 23:29:00 GMT" to seconds since 1970; -EBADMSG. */
int sip_date_parse(struct slice s, int64_t *ret);
/* SIP_DATE_LEN bytes and a NUL. */
void sip_date_format(int64_t t, char out[SIP_DATE_LEN + 1]);

#endif
