/*
 * Loops and branches: RFC 5393 4.2, RFC 3261 16.6 step 8 and 8.1.1.7.
 *
 * A branch is the magic cookie, 16 random hexadecimal digits, a dot and the 16 digits of the loop
 * hash. The digits are random and not counted: who can guess a branch can forge a response to it.
 * The hash has a key of its own, so nobody can make a request of somebody else's look like a loop,
 * and what it may tell about its key tells nothing about the hash tables'.
 */
#include "proxy/proxy.h"

/* Everything that decides where a request goes: the Request-URI and Route, and for scripts From
 * and To. Not the method: an ACK or CANCEL carries its INVITE's branch. */
uint64_t proxy_loop_hash(const struct proxy *p, const struct sip_msg *req)
{
	uint64_t hash = slice_hash(req->uri, p->loop_key);

	hash = slice_hash(req->call_id, hash);
	hash = slice_hash(sip_msg_value(req, SIP_H_FROM), hash);
	hash = slice_hash(sip_msg_value(req, SIP_H_TO), hash);
	for (const struct sip_field *f = sip_msg_field(req, SIP_H_ROUTE); f;
	     f = sip_msg_next(req, f))
		hash = slice_hash(f->value, hash);
	return hash;
}

static void put_hex(char out[16], uint64_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 15; i >= 0; i--, n >>= 4)
		out[i] = digits[n & 15];
}

void proxy_branch_make(struct proxy *p, uint64_t loop_hash, char out[PROXY_BRANCH_LEN])
{
	memcpy(out, SIP_BRANCH_COOKIE, 7);
	put_hex(out + 7, rt_random64(p->rt));
	out[23] = '.';
	put_hex(out + 24, loop_hash);
}

bool proxy_is_loop(const struct proxy *p, const struct sip_msg *req, uint64_t hash)
{
	struct sip_values it;
	struct slice element;
	struct sip_via via;
	const char *reason;
	bool seen = false;
	char text[16];

	put_hex(text, hash);
	for (const struct sip_field *f = sip_msg_field(req, SIP_H_VIA); f && !seen;
	     f = sip_msg_next(req, f))
		seen = memmem(f->value.p, f->value.n, text, sizeof(text));
	if (!seen)
		return false;
	sip_values_init(&it, req, SIP_H_VIA);
	while (sip_values_next(&it, &element)) {
		if (sip_via_parse(element, &via, &reason) < 0)
			continue;
		if (via.branch.n == PROXY_BRANCH_LEN && proxy_is_own_via(p, &via) &&
		    memcmp(via.branch.p + 24, text, 16) == 0)
			return true;
	}
	return false;
}

unsigned proxy_breadth(const struct proxy *p, const struct sip_msg *req)
{
	struct slice text = sip_msg_value(req, SIP_H_MAX_BREADTH);
	uint32_t n;

	if (!text.p || slice_u32(text, &n) < 0 || n > p->config.max_breadth)
		return p->config.max_breadth;
	return n;
}
