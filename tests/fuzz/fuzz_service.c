/*
 * The whole service, told of events in an order nobody foresaw: messages from anywhere, answers to
 * what it sent, scripts that say anything, names, commits, time. What leaves it is well-formed
 * (stage.c), nothing is left when all is over, no reference or timer outlives it.
 *
 * The input is text: one byte of policy, then steps that begin with a line "--x", x as in step().
 * In messages $T is the To tag, $B the top branch, $V the top Via, $R the first Record-Route, $I
 * the Call-ID of what was sent last.
 */
#include <errno.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "stage.h"

#define MARK SLICE("\n--")
#define STEPS_MAX 64

static struct rt_flow flow_of(char who)
{
	static const struct {
		char who;
		uint8_t transport, listener, conn;
		const char *host;
	} rows[] = {
		{ 'u', RT_UDP, 0, 0, "198.51.100.1" },          /* a stranger */
		{ 'v', RT_UDP, 0, 0, "203.0.113.9" },           /* trusted */
		{ 't', RT_TCP, 1, STAGE_CONN, "198.51.100.2" }, /* a stream */
		{ '6', RT_UDP, 2, 0, "2001:db8::2" },
	};
	struct rt_flow flow = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].who != who && i > 0)
			continue;
		flow = (struct rt_flow){ .transport = rows[i].transport,
					 .listener = rows[i].listener,
					 .conn = rows[i].conn };
		if (net_addr_parse(slice_str(rows[i].host), 5060, &flow.peer) < 0)
			abort();
	}
	return flow;
}

static struct sip_msg *sent_msg(const struct stage *g, size_t back)
{
	const struct stage_sent *s = stage_sent(g, back);
	struct sip_error error;
	struct sip_msg *m = NULL;

	if (s && sip_msg_parse(s->packet, &m, &error) < 0)
		abort();
	return m;
}

static void put_value(struct buf *out, const struct sip_msg *m, char what)
{
	switch (what) {
	case 'T':
		buf_slice(out, m->to_tag);
		break;
	case 'B':
		buf_slice(out, m->via.branch);
		break;
	case 'V':
		buf_slice(out, sip_msg_value(m, SIP_H_VIA));
		break;
	case 'R':
		buf_slice(out, sip_msg_value(m, SIP_H_RECORD_ROUTE));
		break;
	default:
		buf_slice(out, m->call_id);
	}
}

/* The text with what $ stands for. */
static void expand(const struct stage *g, struct slice text, struct buf *out)
{
	AUTO_MSG *m = sent_msg(g, 0);

	for (size_t i = 0; i < text.n; i++) {
		if (m && text.p[i] == '$' && i + 1 < text.n && strchr("TBVRI", text.p[i + 1]))
			put_value(out, m, text.p[++i]);
		else
			buf_char(out, text.p[i]);
	}
}

static void receive(struct stage *g, char who, struct slice text)
{
	const struct rt_flow flow = flow_of(who);

	stage_receive(g, packet_from(text), &flow);
}

/* A request with alice's credentials for the last challenge: they belong behind its first line. */
static void receive_authorized(struct stage *g, struct slice text)
{
	AUTO_MSG *m = sent_msg(g, 0);
	AUTO_BUF out = BUF_INIT;
	struct sip_challenge ch;
	struct slice line = SLICE_EMPTY, method = SLICE_EMPTY, rest;
	const char *why;
	char response[2 * DIGEST_MAX];
	uint8_t ha1[DIGEST_MAX];
	struct sip_cred cred = { .nc = SLICE("00000001"),
				 .cnonce = SLICE("c"),
				 .qop = SLICE("auth") };
	enum digest_algorithm alg;
	bool proxy = m && m->status == 407;

	if (!m ||
	    sip_challenge_parse(
		    sip_msg_value(m, proxy ? SIP_H_PROXY_AUTHENTICATE : SIP_H_WWW_AUTHENTICATE),
		    &ch, &why) < 0 ||
	    digest_parse(ch.algorithm, &alg) < 0)
		return;
	slice_split(&text, '\n', &line);
	rest = line;
	slice_split(&rest, ' ', &method);
	slice_split(&rest, ' ', &cred.uri);
	cred.nonce = ch.nonce;
	if (digest_ha1(alg, SLICE("alice"), ch.realm, SLICE("secret"), ha1) < 0 ||
	    digest_response(alg, ha1, method, &cred, response) < 0)
		abort();
	buf_slice(&out, line);
	buf_printf(&out,
		   "\n%sAuthorization: Digest username=\"alice\", realm=\"%.*s\", nonce=\"%.*s\", "
		   "uri=\"%.*s\", response=\"%.*s\", algorithm=%.*s, cnonce=\"c\", qop=auth, "
		   "nc=00000001\r\n",
		   proxy ? "Proxy-" : "", SLICE_FMT(ch.realm), SLICE_FMT(ch.nonce),
		   SLICE_FMT(cred.uri), (int)(2 * digest_len(alg)), response,
		   SLICE_FMT(ch.algorithm));
	buf_slice(&out, text);
	receive(g, 'u', buf_view(&out));
}

/* An answer to the @back-th request sent: its first line and what else it has are the input's. */
static void answer(struct stage *g, size_t back, struct slice text)
{
	static const enum sip_header copied[] = { SIP_H_VIA, SIP_H_RECORD_ROUTE, SIP_H_FROM,
						  SIP_H_TO,  SIP_H_CALL_ID,      SIP_H_CSEQ };
	const struct stage_sent *s = stage_sent(g, back);
	AUTO_MSG *m = sent_msg(g, back);
	AUTO_BUF out = BUF_INIT;
	struct slice line = SLICE_EMPTY;

	if (!m || !m->is_request)
		return;
	slice_split(&text, '\n', &line);
	buf_str(&out, "SIP/2.0 ");
	buf_slice(&out, line);
	buf_str(&out, "\r\n");
	for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
		for (const struct sip_field *f = sip_msg_field(m, copied[i]); f;
		     f = sip_msg_next(m, f)) {
			buf_slice(&out, f->name);
			buf_str(&out, ": ");
			buf_slice(&out, f->value);
			if (f->id == SIP_H_TO && !m->to_tag.n)
				buf_str(&out, ";tag=callee");
			buf_str(&out, "\r\n");
		}
	}
	buf_slice(&out, text);
	stage_receive(g, packet_from(buf_view(&out)), &s->to);
}

/* What was sent comes back, as from whom it went to. */
static void reflect(struct stage *g, size_t back)
{
	const struct stage_sent *s = stage_sent(g, back);

	if (s) {
		const struct rt_flow from = s->to;

		stage_receive(g, packet_ref(s->packet), &from);
	}
}

static void end_run(struct stage *g, char how)
{
	static const char hows[] = "esntcl";
	struct rt_run *run = stage_run(g, false);
	const char *at = how ? strchr(hows, how) : NULL;

	if (!run)
		return;
	switch (at ? at - hows : 0) {
	case 1:
		stage_run_end(run, RT_RUN_SIGNALED, 9);
		break;
	case 2:
		stage_run_end(run, RT_RUN_NOT_STARTED, ENOENT);
		break;
	case 3:
		stage_run_end(run, RT_RUN_TIMEOUT, 0);
		break;
	case 4:
		stage_run_end(run, RT_RUN_CANCELLED, 0);
		break;
	case 5:
		stage_run_end(run, RT_RUN_LOST, 0);
		break;
	default:
		stage_run_end(run, RT_RUN_EXITED, how == 'f');
	}
}

static void bad_frame(struct stage *g, struct slice head, bool too_large)
{
	const struct rt_flow flow = flow_of('t');
	char *copy = malloc(head.n ? head.n : 1);

	if (!copy)
		abort();
	if (head.n)
		memcpy(copy, head.p, head.n);
	g->n_in++;
	g->faulty_in = true;
	service_bad_frame(g->svc, slice_of(copy, head.n), &flow, too_large);
	free(copy);
}

static unsigned number(struct slice s, unsigned max)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && n < max; i++)
		n = n * 10 + (unsigned)(s.p[i] - '0');
	return n < max ? n : max;
}

static void step(struct stage *g, char what, struct slice text)
{
	const char first = text.n ? text.p[0] : '\0';
	const struct stage_sent *last = stage_sent(g, 0);
	struct rt_run *run = stage_run(g, what == 'O');
	AUTO_BUF show = BUF_INIT;

	switch (what) {
	case 'a':
		stage_advance(g, number(text, 400000));
		break;
	case 'r': /* an answer; the digit says to which request */
	case 'R':
		answer(g, what == 'R' ? 1 : 0, text);
		break;
	case 'l':
		reflect(g, number(text, STAGE_SENT));
		break;
	case 'd':
		receive_authorized(g, text);
		break;
	case 'o':
	case 'O':
	case 'e':
		if (run)
			stage_run_output(run, text, what == 'e');
		break;
	case 'x':
		end_run(g, first);
		break;
	case 'c':
		stage_commit_end(g, first == '!' ? -EIO : 0);
		break;
	case 'n':
		stage_resolved(g, first == '!' ? -ENOENT : 0);
		break;
	case 'f':
		if (last)
			service_send_failed(g->svc, last->sender, -ECONNREFUSED);
		break;
	case 'S':
		g->send_error = first == '!' ? -ENOBUFS : 0;
		break;
	case 'E':
		g->run_error = first == '!' ? -EPIPE : first == '?' ? -EAGAIN : 0;
		service_runner_ready(g->svc);
		break;
	case 'G':
		stage_configure(g, (unsigned char)first);
		break;
	case 'D':
		service_drain(g->svc);
		break;
	case 'H':
		service_show(g->svc, &show);
		break;
	case 'b':
	case 'B':
		bad_frame(g, text, what == 'B');
		break;
	default:
		receive(g, what, text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stage g;
	struct slice rest = slice_of((const char *)data, size);
	unsigned flags = size ? data[0] : 0, n = 0;
	bool halfway = flags & 128;

	stage_init(&g, flags);
	while (n++ < STEPS_MAX && rest.n) {
		const char *at = memmem(rest.p, rest.n, MARK.p, MARK.n), *end;
		AUTO_BUF text = BUF_INIT;
		struct slice one;
		char what;

		if (!at || at + MARK.n == rest.p + rest.n)
			break;
		rest = slice_skip(rest, (size_t)(at - rest.p) + MARK.n);
		what = rest.p[0];
		rest = slice_skip(rest, 1);
		end = memmem(rest.p, rest.n, MARK.p, MARK.n);
		one = slice_head(rest, end ? (size_t)(end - rest.p) : rest.n);
		if (one.n && one.p[0] == '\n')
			one = slice_skip(one, 1);
		expand(&g, one, &text);
		step(&g, what, buf_view(&text));
	}
	if (!halfway)
		stage_drain(&g);
	stage_fini(&g);
	return 0;
}
