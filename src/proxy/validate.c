/* Request validation: RFC 3261 16.3 steps 2 to 5, RFC 5393 4.2.2. */
#include "proxy/proxy.h"

#include <errno.h>

#include "base/buf.h"

/* urn:service:... (RFC 5031) is a scheme a script may route; nothing else than these is. */
static bool scheme_known(const struct sip_msg *req)
{
	return slice_istarts(req->uri, SLICE("sip:")) || slice_istarts(req->uri, SLICE("sips:")) ||
	       slice_istarts(req->uri, SLICE("tel:")) ||
	       slice_istarts(req->uri, SLICE("urn:service:"));
}

/* Nothing is forwarded then: the last hop allowed was the one to us (16.3 step 3). */
static bool for_the_server(const struct proxy *p, const struct sip_msg *req)
{
	return (req->method == SIP_REGISTER || req->method == SIP_OPTIONS) &&
	       !sip_msg_field(req, SIP_H_ROUTE) && !req->request_uri.user.p &&
	       proxy_is_self(p, &req->request_uri);
}

/* We have no proxy extension that a client could require (RFC 3261 16.3 step 5). */
static int unsupported(const struct sip_msg *req, struct arena *arena, struct slice *ret)
{
	AUTO_BUF text = BUF_INIT;
	struct sip_values it;
	struct slice option;

	sip_values_init(&it, req, SIP_H_PROXY_REQUIRE);
	while (sip_values_next(&it, &option)) {
		buf_str(&text, text.len ? ", " : "Unsupported: ");
		buf_slice(&text, option);
	}
	if (text.err)
		return text.err;
	return arena_dup(arena, buf_view(&text), ret);
}

int proxy_validate(const struct proxy *p, const struct sip_msg *req, struct arena *arena,
		   struct proxy_refusal *ret)
{
	struct proxy_refusal no = { 0 };
	int rc;

	if (!scheme_known(req)) {
		no.status = 416;
	} else if (req->max_forwards == 0 && !for_the_server(p, req)) {
		no.status = 483;
	} else if (proxy_is_loop(p, req, proxy_loop_hash(p, req))) {
		no.status = 482;
	} else if (sip_msg_field(req, SIP_H_PROXY_REQUIRE)) {
		rc = unsupported(req, arena, &no.field);
		if (rc < 0)
			return rc;
		if (no.field.n)
			no.status = 420;
	}
	*ret = no;
	return 0;
}
