#include "fixture.h"

#include <stdio.h>

static void note(struct bench *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct bench *b, const char *fmt, ...)
{
	size_t n = strlen(b->told);
	va_list ap;

	if (b->in_call)
		fail_msg("told from within a call of the user: after \"%s\"", b->told);
	if (n && n < sizeof(b->told) - 2) {
		memcpy(b->told + n, "; ", 3);
		n += 2;
	}
	va_start(ap, fmt);
	(void)vsnprintf(b->told + n, sizeof(b->told) - n, fmt, ap);
	va_end(ap);
}

static void on_request(void *arg, struct txn *st, struct sip_msg *req)
{
	struct bench *b = arg;

	note(b, "request %.*s", SLICE_FMT(req->method_name));
	b->st = st;
	if (b->on_request)
		b->on_request(b, st);
}

static void on_ack(void *arg, struct txn *st, struct sip_msg *ack UNUSED)
{
	note(arg, "ack %s", st ? "invite" : "-");
}

static void on_cancel(void *arg, struct txn *invite, struct txn *st, struct sip_msg *msg UNUSED)
{
	struct bench *b = arg;

	note(b, "cancel %s", invite ? "invite" : "-");
	b->cancelled = invite;
	if (!invite)
		b->st = st;
}

static void on_failed(void *arg, struct txn *st, enum txn_failure why)
{
	struct bench *b = arg;

	note(b, "failed %s", why == TXN_TIMEOUT ? "timeout" : "transport");
	if (b->on_failed)
		b->on_failed(b, st);
}

static void on_terminated(void *arg, struct txn *st)
{
	struct bench *b = arg;

	note(b, "terminated");
	if (b->on_terminated)
		b->on_terminated(b, st);
	if (b->st == st)
		b->st = NULL;
}

static const struct txn_user user = { on_request, on_ack, on_cancel, on_failed, on_terminated };

static void on_response(void *arg, struct txn *ct, struct sip_msg *resp)
{
	struct bench *b = arg;

	note(b, "%u", resp->status);
	if (b->on_response)
		b->on_response(b, ct, resp);
}

static void on_client_failed(void *arg, struct txn *ct UNUSED, enum txn_failure why)
{
	note(arg, "client failed %s", why == TXN_TIMEOUT ? "timeout" : "transport");
}

static void on_client_terminated(void *arg, struct txn *ct)
{
	struct bench *b = arg;

	note(b, "client terminated");
	if (b->on_terminated)
		b->on_terminated(b, ct);
	if (b->ct == ct)
		b->ct = NULL;
}

const struct txn_client_events bench_events = { on_response, on_client_failed,
						on_client_terminated };

bool bench_init_with(struct bench *b, const struct txn_config *config)
{
	*b = (struct bench){ .l = NULL };
	fake_runtime_init(&b->f);
	b->start = b->f.rt.now;
	if (txn_layer_new(&b->f.rt, config, &user, b, &b->l) == 0)
		return true;
	fake_runtime_fini(&b->f);
	return false;
}

bool bench_init(struct bench *b)
{
	return bench_init_with(b, &TXN_CONFIG_DEFAULT);
}

void bench_fini(struct bench *b)
{
	txn_layer_free(b->l);
	fake_runtime_fini(&b->f);
}

void bench_clear(struct bench *b)
{
	b->told[0] = '\0';
	(void)wire(b);
}

void bench_advance(struct bench *b, uint64_t ms)
{
	fake_runtime_advance(&b->f, ms);
}

static const char *or_else(const char *s, const char *instead)
{
	return s ? s : instead;
}

struct packet *make_packet(const struct parts *m)
{
	char text[4096], start[512];
	const char *method = or_else(m->method, "INVITE");
	int n;

	if (m->status)
		(void)snprintf(start, sizeof(start), "SIP/2.0 %u Whatever", m->status);
	else
		(void)snprintf(start, sizeof(start), "%s %s SIP/2.0", method,
			       or_else(m->uri, "sip:bob@example.com"));
	n = snprintf(text, sizeof(text),
		     "%s\r\nVia: %s\r\nMax-Forwards: 70\r\n%s"
		     "From: Alice <sip:alice@example.com>;tag=%s\r\n"
		     "To: Bob <sip:bob@example.com>%s%s\r\n"
		     "Call-ID: %s\r\nCSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
		     start, or_else(m->via, m->status ? VIA_OUT : VIA_IN), or_else(m->extra, ""),
		     or_else(m->from_tag, "f1"), m->to_tag ? ";tag=" : "", or_else(m->to_tag, ""),
		     or_else(m->call_id, "call-1"), m->cseq ? m->cseq : 1, method);
	assert_in_range(n, 1, sizeof(text) - 1);
	return packet_from(slice_of(text, (size_t)n));
}

static struct sip_msg *parse(struct packet *p, uint8_t transport)
{
	struct sip_error error;
	struct sip_msg *msg = NULL;

	if (!p)
		return NULL;
	if (sip_msg_parse(p, &msg, &error) == 0) {
		msg->flow = (struct rt_flow){ .transport = transport,
					      .listener = transport == RT_UDP ? 0 : 1,
					      .conn = transport == RT_UDP ? 0 : 77 };
		assert_int_equal(net_addr_parse(SLICE(PEER), PEER_PORT, &msg->flow.peer), 0);
	} else if (!harness_alloc_failed()) {
		fail_msg("line %u: %s", error.line, error.reason);
	}
	packet_unref(p);
	return msg;
}

struct sip_msg *make_msg(const struct parts *m)
{
	return parse(make_packet(m), m->transport);
}

static void deliver(struct bench *b, struct sip_msg *msg)
{
	if (!msg)
		return;
	txn_layer_receive(b->l, msg);
	sip_msg_unref(msg);
}

void receive(struct bench *b, const struct parts *m)
{
	deliver(b, make_msg(m));
}

void receive_text(struct bench *b, const char *text)
{
	deliver(b, parse(packet_from(slice_str(text)), RT_UDP));
}

struct txn *server(struct bench *b, const char *method, enum rt_transport transport)
{
	b->st = NULL;
	RECEIVE(b, .method = method, .transport = (uint8_t)transport);
	return b->st;
}

int respond(struct bench *b, struct txn *st, unsigned status)
{
	struct packet *p = make_packet(&(struct parts){ .status = status, .to_tag = "t1" });
	int rc;

	if (!p)
		return -1;
	rc = CALL(b, txn_respond(st, p, status));
	packet_unref(p);
	return rc;
}

int client_to(struct bench *b, const char *method, enum rt_transport transport, struct txn **ret)
{
	struct packet *p = make_packet(&(struct parts){ .method = method, .via = VIA_OUT });
	struct rt_flow to = { .transport = (uint8_t)transport,
			      .listener = transport == RT_UDP ? 0 : 1 };
	int rc;

	if (!p)
		return -1;
	assert_int_equal(net_addr_parse(SLICE(PEER), 5060, &to.peer), 0);
	rc = CALL(b, txn_client_new(b->l, &to, p, sip_method_find(slice_str(method)),
				    SLICE("z9hG4bKout"), &bench_events, b, ret));
	packet_unref(p);
	return rc;
}

struct txn *client(struct bench *b, const char *method, enum rt_transport transport)
{
	b->ct = NULL;
	if (client_to(b, method, transport, &b->ct) < 0 && !harness_alloc_failed())
		fail_msg("no client transaction");
	return b->ct;
}

void answer(struct bench *b, const char *method, unsigned status)
{
	RECEIVE(b, .method = method, .status = status, .to_tag = "t1");
}

/* The first word, of a response its status. */
static struct slice label(struct slice packet)
{
	struct slice word;

	(void)slice_word(&packet, &word);
	if (slice_eq(word, SLICE("SIP/2.0")))
		(void)slice_word(&packet, &word);
	return word;
}

const char *wire(struct bench *b)
{
	size_t n = 0;

	b->wire[0] = '\0';
	for (struct fake_sent *s; (s = fake_runtime_take(&b->f));) {
		if (n < sizeof(b->wire))
			n += (size_t)snprintf(b->wire + n, sizeof(b->wire) - n, "%s%.*s@%llu",
					      n ? " " : "",
					      SLICE_FMT(label(packet_view(s->packet))),
					      (unsigned long long)(s->at - b->start));
		fake_sent_free(s);
	}
	return b->wire;
}

void take_text(struct bench *b, char *text, size_t cap, char *to, size_t cap_to)
{
	struct fake_sent *s = fake_runtime_take(&b->f);
	char addr[NET_ADDR_TEXT];

	if (!s)
		fail_msg("nothing was sent");
	(void)snprintf(text, cap, "%.*s", SLICE_FMT(packet_view(s->packet)));
	if (to)
		(void)snprintf(to, cap_to, "%s %s", rt_transport_name(s->to.transport),
			       net_addr_text(&s->to.peer, addr));
	fake_sent_free(s);
}
