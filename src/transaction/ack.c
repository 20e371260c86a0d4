/*
 * Builds the ACK for a non-2xx final response from the INVITE that was sent and the response:
 * RFC 3261 17.1.1.3. Its To is the response's, all else is as in a CANCEL. No body.
 */
#include "transaction/layer.h"

int txn_ack_build(struct packet *invite, const struct sip_msg *resp, struct packet **ret)
{
	AUTO_MSG *msg = NULL;
	AUTO_BUF out = BUF_INIT;
	struct sip_error error;
	int rc;

	rc = sip_msg_parse(invite, &msg, &error);
	if (rc < 0)
		return rc;
	txn_hop_begin(&out, msg, SLICE("ACK"));
	txn_hop_field(&out, resp, SIP_H_TO);
	return txn_hop_end(&out, msg, SLICE("ACK"), ret);
}
