/*
 * Each line is a URI or refused with a reason; what is accepted lies inside the input, equals
 * itself, and has one address-of-record, which is a URI again. Two lines in a row are compared.
 */
#include <errno.h>

#include "base/buf.h"
#include "fuzz.h"
#include "sip/uri.h"

static void check_inside(struct slice s, struct slice in)
{
	FUZZ_ASSERT(!s.n || (s.p >= in.p && s.n <= (size_t)(in.p + in.n - s.p)));
}

static void check_uri(const struct sip_uri *u, struct slice in)
{
	AUTO_BUF aor = BUF_INIT, again = BUF_INIT, text = BUF_INIT;
	struct slice rest = u->params, name, value;
	struct sip_uri v;
	int rc;

	check_inside(u->user, in);
	check_inside(u->password, in);
	check_inside(u->host, in);
	check_inside(u->params, in);
	check_inside(u->headers, in);
	check_inside(u->opaque, in);
	FUZZ_ASSERT(sip_uri_eq(u, u));
	while (sip_uri_next_param(&rest, &name, &value)) {
		check_inside(name, in);
		check_inside(value, in);
		FUZZ_ASSERT(name.n > 0 && sip_uri_param(u, name, &value));
	}
	(void)sip_uri_transport(u);
	rc = sip_uri_unescape(u->text, &text);
	FUZZ_ASSERT(rc == -EBADMSG ? text.len == 0 : text.len <= u->text.n);

	rc = sip_uri_aor(u, &aor);
	FUZZ_ASSERT((rc == 0) == (u->scheme == SIP_SCHEME_SIP || u->scheme == SIP_SCHEME_SIPS));
	if (rc < 0)
		return;
	FUZZ_ASSERT(sip_is_host(u->host));
	FUZZ_ASSERT(sip_uri_parse(buf_view(&aor), &v, NULL) == 0);
	FUZZ_ASSERT(sip_uri_aor(&v, &again) == 0);
	FUZZ_ASSERT(slice_eq(buf_view(&aor), buf_view(&again)));
}

/* Equal in both directions; equal URIs share their address-of-record. */
static void check_pair(const struct sip_uri *u, const struct sip_uri *v)
{
	AUTO_BUF a = BUF_INIT, b = BUF_INIT;
	bool eq = sip_uri_eq(u, v);

	FUZZ_ASSERT(eq == sip_uri_eq(v, u));
	if (!eq)
		return;
	FUZZ_ASSERT(sip_uri_aor(u, &a) == sip_uri_aor(v, &b));
	FUZZ_ASSERT(slice_eq(buf_view(&a), buf_view(&b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of((const char *)data, size), line;
	struct sip_uri last = { 0 };

	while (slice_split(&rest, '\n', &line)) {
		const char *reason = NULL;
		struct sip_uri u;

		if (sip_uri_parse(line, &u, &reason) < 0) {
			FUZZ_ASSERT(reason);
			continue;
		}
		check_uri(&u, line);
		if (last.text.n)
			check_pair(&u, &last);
		last = u;
	}
	return 0;
}
