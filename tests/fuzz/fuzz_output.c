/*
 * Any output of a script is taken apart or refused with a line; what is given out is what may go
 * on the wire; and it makes no difference in how many pieces it arrived.
 */
#include <errno.h>

#include "cgi/output.h"
#include "fuzz.h"
#include "sip/scan.h"

static uint64_t mix(uint64_t sum, struct slice s)
{
	return sum * 31 + slice_hash(s, s.n);
}

static uint64_t look(const struct cgi_message *m, uint64_t sum)
{
	sum = sum * 31 + m->action * 1000 + m->line + m->status + m->again + (uint64_t)m->body_is;
	FUZZ_ASSERT(m->action != CGI_STATUS || (m->status >= 100 && m->status <= 699));
	FUZZ_ASSERT(m->action != CGI_COOKIE || sip_is_token(m->token));
	FUZZ_ASSERT(!m->token.n || sip_is_token(m->token));
	FUZZ_ASSERT(!m->request_token.p || sip_is_token(m->request_token));
	FUZZ_ASSERT(!m->reason.n || sip_is_text(m->reason));
	FUZZ_ASSERT(slice_find(m->reason, '\r') < 0 && slice_find(m->reason, '\n') < 0);
	FUZZ_ASSERT(m->n_headers <= CGI_OUTPUT_HEADERS);
	FUZZ_ASSERT(m->body_is == CGI_BODY_GIVEN || m->body.n == 0);
	for (size_t i = 0; i < m->n_headers; i++) {
		const struct cgi_header *h = &m->headers[i];

		FUZZ_ASSERT(sip_is_token(h->name));
		FUZZ_ASSERT(!h->value.n || sip_is_text(h->value));
		FUZZ_ASSERT(slice_find(h->value, '\r') < 0 && slice_find(h->value, '\n') < 0);
		FUZZ_ASSERT(cgi_message_find(m, h->name) != NULL);
		(void)cgi_message_removes(m, h->name);
		sum = mix(mix(sum, h->name), h->value) + h->line;
	}
	sum = mix(mix(mix(sum, m->reason), m->uri.text), m->token);
	return mix(mix(sum, m->method_name), m->body);
}

/* A number that stands for all that was given out, and the error. */
static uint64_t feed(struct slice in, size_t step, bool http_compat)
{
	const struct cgi_output_limits limits = { .bytes = 20000,
						  .actions = 8,
						  .http_compat = http_compat };
	struct cgi_output_error err = { 0 };
	struct cgi_output o;
	struct cgi_message m;
	uint64_t sum = 1;
	int rc = 0;

	cgi_output_init(&o, &limits);
	while (rc == 0 && in.n > 0) {
		FUZZ_ASSERT(cgi_output_put(&o, slice_head(in, step)) == 0);
		in = slice_skip(in, step);
		while ((rc = cgi_output_next(&o, &m, &err)) == 1)
			sum = look(&m, sum);
	}
	if (rc == 0) {
		rc = cgi_output_end(&o, &m, &err);
		if (rc > 0)
			sum = look(&m, sum);
	}
	FUZZ_ASSERT(rc == -EBADMSG || (rc >= 0 && rc <= 2));
	if (rc == -EBADMSG)
		FUZZ_ASSERT(err.reason && err.clause && err.line > 0);
	sum = mix(sum * 31 + err.line + (uint64_t)(rc + 100), slice_str(err.reason));
	cgi_output_fini(&o);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool http_compat = size > 0 && data[0] == 'X';
	const struct slice in = slice_of((const char *)data, size);
	const uint64_t whole = feed(in, size + 1, http_compat);

	FUZZ_ASSERT(feed(in, 1, http_compat) == whole);
	FUZZ_ASSERT(feed(in, 7, http_compat) == whole);
	return 0;
}
