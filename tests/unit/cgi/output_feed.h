/*
 * Feeds script output to the parser in pieces and tells as text what it made of it. For the
 * programs that test cgi/output.
 */
#ifndef SIPCGID_TESTS_UNIT_CGI_OUTPUT_FEED_H
#define SIPCGID_TESTS_UNIT_CGI_OUTPUT_FEED_H

#include "harness.h"

#include <errno.h>

#include "cgi/output.h"

/* What was said, as text to compare: one line per message, then how it ended. */
static void describe(struct buf *out, const struct cgi_message *m)
{
	static const char *const names[] = { "status", "proxy", "forward",
					     "cookie", "again", "request" };
	static const char *const bodies[] = { "", " nobody", " body" };

	buf_printf(out, "%u %s", m->line, names[m->action]);
	switch (m->action) {
	case CGI_STATUS:
		buf_printf(out, " %u <%.*s>", m->status, SLICE_FMT(m->reason));
		break;
	case CGI_PROXY:
		buf_printf(out, " %.*s", SLICE_FMT(m->uri.text));
		break;
	case CGI_REQUEST:
		buf_printf(out, " %.*s %.*s", SLICE_FMT(m->method_name), SLICE_FMT(m->uri.text));
		break;
	case CGI_FORWARD:
		buf_printf(out, " %.*s", SLICE_FMT(m->token.n ? m->token : SLICE("(this)")));
		break;
	case CGI_COOKIE:
		buf_printf(out, " %.*s", SLICE_FMT(slice_head(m->token, 20)));
		break;
	case CGI_AGAIN:
		buf_str(out, m->again ? " yes" : " no");
		break;
	}
	if (m->request_token.p)
		buf_printf(out, " token=%.*s", SLICE_FMT(m->request_token));
	for (size_t i = 0; i < m->n_headers && i < 5; i++)
		buf_printf(out, "|%.*s=%.*s", SLICE_FMT(m->headers[i].name),
			   SLICE_FMT(slice_head(m->headers[i].value, 40)));
	buf_str(out, bodies[m->body_is]);
	if (m->body_is == CGI_BODY_GIVEN)
		buf_printf(out, "(%.*s)", SLICE_FMT(m->body));
	buf_char(out, '\n');
}

static bool take(struct cgi_output *o, struct buf *out)
{
	struct cgi_output_error err;
	struct cgi_message m;
	int rc;

	while ((rc = cgi_output_next(o, &m, &err)) == 1)
		describe(out, &m);
	if (rc == -EBADMSG)
		buf_printf(out, "error %u: %s", err.line, err.reason);
	assert_true(rc == 0 || rc == -EBADMSG);
	return rc == 0;
}

/* Feeds `in` in pieces: up to @cut, then @step bytes at a time. */
static void feed(struct slice in, const struct cgi_output_limits *limits, size_t cut, size_t step,
		 struct buf *out)
{
	struct cgi_output_error err;
	struct cgi_output o;
	struct cgi_message m;
	bool well = true;
	int rc;

	cgi_output_init(&o, limits);
	while (well && in.n > 0) {
		const size_t n = cut ? cut : step;
		struct slice piece = exact_bytes(in.p, n < in.n ? n : in.n);

		assert_int_equal(cgi_output_put(&o, piece), 0);
		exact_free(piece);
		in = slice_skip(in, n);
		cut = 0;
		well = take(&o, out);
	}
	if (well) {
		rc = cgi_output_end(&o, &m, &err);
		if (rc > 0)
			describe(out, &m);
		if (rc == 2)
			buf_printf(out, "unclosed %u", err.line);
		if (rc == -EBADMSG)
			buf_printf(out, "error %u: %s", err.line, err.reason);
	}
	cgi_output_fini(&o);
}

static void same_however_it_arrives(struct slice in, const struct cgi_output_limits *limits,
				    const char *want)
{
	AUTO_BUF whole = BUF_INIT;

	feed(in, limits, 0, in.n + 1, &whole);
	buf_char(&whole, '\0');
	assert_string_equal(whole.data, want);
	for (size_t cut = 0; cut < in.n; cut++) {
		AUTO_BUF parts = BUF_INIT;

		feed(in, limits, cut, cut ? in.n : 1, &parts);
		buf_char(&parts, '\0');
		assert_string_equal(parts.data, want);
	}
}

#endif
