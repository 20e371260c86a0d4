/*
 * Each element of a list is taken for an address, a Via and a q value: accepted or refused with a
 * reason, with all parts inside the input. A stamped Via is a Via, and says where it came from.
 */
#include "base/buf.h"
#include "base/net.h"
#include "fuzz.h"
#include "sip/addr.h"
#include "sip/via.h"

static void check_inside(struct slice s, struct slice in)
{
	FUZZ_ASSERT(!s.n || (s.p >= in.p && s.n <= (size_t)(in.p + in.n - s.p)));
}

static void check_addr(struct slice element)
{
	const char *reason = NULL;
	struct sip_addr a, b;
	struct slice v;

	if (sip_addr_parse(element, &a, &reason) < 0) {
		FUZZ_ASSERT(reason);
		return;
	}
	check_inside(a.display, element);
	check_inside(a.uri_text, element);
	check_inside(a.params, element);
	if (sip_addr_param(&a, SLICE("tag"), &v))
		check_inside(v, a.params);
	/* Itself again, without what surrounds it. */
	FUZZ_ASSERT(sip_addr_parse(a.text, &b, NULL) == 0 && sip_uri_eq(&a.uri, &b.uri));
}

static void check_via(struct slice element)
{
	AUTO_BUF out = BUF_INIT;
	const char *reason = NULL;
	struct net_addr source, seen;
	struct sip_via v, w;
	struct slice host;
	uint16_t port;

	if (sip_via_parse(element, &v, &reason) < 0) {
		FUZZ_ASSERT(reason);
		return;
	}
	check_inside(v.host, element);
	check_inside(v.params, element);
	check_inside(v.branch, v.params);
	check_inside(v.received, v.params);
	check_inside(v.maddr, v.params);
	FUZZ_ASSERT(!sip_via_is_3261(&v) || v.branch.n > 0);
	sip_via_reply_to(&v, &host, &port);
	check_inside(host, element);

	FUZZ_ASSERT(net_addr_parse(SLICE("2001:db8::5"), 5070, &source) == 0);
	if (!sip_via_stamp(&v, &source, &out)) {
		FUZZ_ASSERT(out.len == 0 && !v.rport && !v.received.n);
		return;
	}
	FUZZ_ASSERT(sip_via_parse(buf_view(&out), &w, NULL) == 0);
	FUZZ_ASSERT(slice_eq(w.branch, v.branch) && slice_eq(w.host, v.host));
	FUZZ_ASSERT(w.rport == v.rport && w.rport_value == (v.rport ? 5070 : 0));
	if (!w.received.n) {
		FUZZ_ASSERT(!v.rport && net_addr_parse(w.host, 0, &seen) == 0);
		return;
	}
	FUZZ_ASSERT(net_addr_parse(w.received, 0, &seen) == 0);
	FUZZ_ASSERT(net_addr_same_host(&seen, &source));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of((const char *)data, size), element;
	unsigned q = 0;

	while (sip_list_next(&rest, &element)) {
		check_addr(element);
		check_via(element);
		FUZZ_ASSERT(sip_qvalue_parse(element, &q) < 0 || q <= 1000);
	}
	return 0;
}
