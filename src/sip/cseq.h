/* CSeq: RFC 3261 20.16. */
#ifndef SIPCGID_SIP_CSEQ_H
#define SIPCGID_SIP_CSEQ_H

#include "sip/method.h"
#include "sip/scan.h"

struct sip_cseq {
	uint32_t number; /* below 2**31 in what is sent; up to 2**32-1 is accepted */
	struct slice method_name;
	enum sip_method method;
};

int sip_cseq_parse(struct slice s, struct sip_cseq *ret, const char **reterr_reason);

#endif
