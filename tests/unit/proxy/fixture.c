#include "fixture.h"

void note(struct bench *b, const char *fmt, ...)
{
	size_t n = strlen(b->told);
	va_list ap;

	if (n && n < sizeof(b->told) - 2) {
		memcpy(b->told + n, "; ", 3);
		n += 2;
	}
	va_start(ap, fmt);
	(void)vsnprintf(b->told + n, sizeof(b->told) - n, fmt, ap);
	va_end(ap);
}

static bool on_response(void *arg, struct proxy_branch *branch, struct sip_msg *resp, bool local)
{
	struct bench *b = arg;

	note(b, "%u%s", resp->status, local ? " local" : "");
	if (!b->queue)
		return false;
	assert_in_range(b->n_queued, 0, ARRAY_LEN(b->queued) - 1);
	b->queued[b->n_queued].b = branch;
	b->queued[b->n_queued++].resp = sip_msg_ref(resp);
	return true;
}

static void on_exhausted(void *arg)
{
	note(arg, "exhausted");
}

static void on_freed(void *arg)
{
	struct bench *b = arg;

	note(b, "freed");
	for (size_t i = 0; i < b->n_queued; i++)
		sip_msg_unref(b->queued[i].resp);
	b->n_queued = 0;
	b->ctx = NULL;
}

static const struct proxy_hooks hooks = {
	.response = on_response,
	.exhausted = on_exhausted,
	.freed = on_freed,
};

static void on_request(void *arg, struct txn *st, struct sip_msg *req)
{
	struct bench *b = arg;
	struct proxy_ctx *ctx;

	if (proxy_ctx_new(&b->p, st, req, &hooks, b, &ctx) < 0) {
		txn_abandon(st);
		return;
	}
	txn_set_data(st, ctx);
	ctx->keep = b->keep;
	b->ctx = ctx;
	b->st = st;
	b->req = req;
	if (b->on_request)
		b->on_request(b);
}

static void on_ack(void *arg, struct txn *st UNUSED, struct sip_msg *msg UNUSED)
{
	note(arg, "ack");
}

static void on_cancel(void *arg UNUSED, struct txn *invite, struct txn *st,
		      struct sip_msg *msg UNUSED)
{
	struct sip_reply reply = { .status = 481 };

	if (!invite)
		(void)txn_reply(st, &reply);
	else if (txn_data(invite))
		proxy_ctx_cancel(txn_data(invite));
}

static void on_failed(void *arg, struct txn *st UNUSED, enum txn_failure why)
{
	note(arg, "failed %s", why == TXN_TIMEOUT ? "timeout" : "transport");
}

static void on_terminated(void *arg, struct txn *st)
{
	struct bench *b = arg;

	if (b->st == st)
		b->st = NULL;
	if (txn_data(st))
		proxy_ctx_release(txn_data(st));
}

static const struct txn_user user = { on_request, on_ack, on_cancel, on_failed, on_terminated };

bool bench_init_with(struct bench *b, const struct proxy_config *config)
{
	struct txn_layer *l;

	*b = (struct bench){ 0 };
	fake_runtime_init(&b->f);
	if (txn_layer_new(&b->f.rt, &TXN_CONFIG_DEFAULT, &user, b, &l) < 0) {
		assert_true(harness_alloc_failed());
		fake_runtime_fini(&b->f);
		return false;
	}
	proxy_init(&b->p, &b->f.rt, l, config);
	return true;
}

bool bench_init(struct bench *b)
{
	return bench_init_with(b, &PROXY_CONFIG_DEFAULT);
}

void bench_fini(struct bench *b)
{
	(void)wire(b);
	if (b->ctx)
		proxy_ctx_abort(b->ctx);
	txn_layer_free(b->p.txns);
	for (size_t i = 0; i < b->n_out; i++)
		packet_unref(b->out[i].packet);
	fake_runtime_fini(&b->f);
}

void bench_advance(struct bench *b, uint64_t ms)
{
	fake_runtime_advance(&b->f, ms);
}

struct sip_msg *parse_text(const char *text, enum rt_transport transport)
{
	struct packet *p = packet_from(slice_str(text));
	struct sip_msg *msg = NULL;
	struct sip_error error;

	if (!p)
		return NULL;
	if (sip_msg_parse(p, &msg, &error) == 0) {
		msg->flow = (struct rt_flow){ .transport = (uint8_t)transport,
					      .listener = transport == RT_UDP ? 0 : 1,
					      .conn = transport == RT_UDP ? 0 : 77 };
		assert_int_equal(net_addr_parse(SLICE(CALLER), CALLER_PORT, &msg->flow.peer), 0);
	} else if (!harness_alloc_failed()) {
		fail_msg("line %u: %s", error.line, error.reason);
	}
	packet_unref(p);
	return msg;
}

struct sip_msg *make_request(const char *method, const char *uri, const char *extra)
{
	char text[8192];

	(void)snprintf(text, sizeof(text),
		       "%s %s SIP/2.0\r\nVia: " VIA_IN "\r\n%s%s"
		       "From: Alice <sip:alice@example.com>;tag=f1\r\n"
		       "To: Bob <sip:bob@example.com>\r\nCall-ID: call-1\r\nCSeq: 1 %s\r\n"
		       "Content-Length: 0\r\n\r\n",
		       method, uri ? uri : "sip:bob@example.com",
		       strstr(extra, "Max-Forwards") ? "" : "Max-Forwards: 70\r\n", extra, method);
	return parse_text(text, RT_UDP);
}

void receive(struct bench *b, struct sip_msg *msg)
{
	if (!msg) {
		assert_true(harness_alloc_failed());
		return;
	}
	txn_layer_receive(b->p.txns, msg);
	sip_msg_unref(msg);
}

void request(struct bench *b, const char *method, const char *extra)
{
	receive(b, make_request(method, NULL, extra));
}

void cancel(struct bench *b)
{
	request(b, "CANCEL", "");
}

void ack(struct bench *b)
{
	request(b, "ACK", "");
}

static bool is_response(struct slice text)
{
	return slice_starts(text, SLICE("SIP/2.0 "));
}

const char *wire(struct bench *b)
{
	char addr[NET_ADDR_TEXT];
	size_t n = 0;

	b->wire[0] = '\0';
	for (struct fake_sent *s; (s = fake_runtime_take(&b->f));) {
		struct slice text = packet_view(s->packet), word;

		if (is_response(text)) {
			n += (size_t)snprintf(b->wire + n, sizeof(b->wire) - n, "%s%.3s",
					      n ? " " : "", text.p + 8);
			(void)snprintf(b->last, sizeof(b->last), "%.*s", SLICE_FMT(text));
		} else {
			assert_in_range(b->n_out, 0, OUT_MAX - 1);
			b->out[b->n_out].packet = packet_ref(s->packet);
			b->out[b->n_out++].to = s->to;
			(void)slice_word(&text, &word);
			n += (size_t)snprintf(b->wire + n, sizeof(b->wire) - n, "%s%.*s>%s:%s",
					      n ? " " : "", SLICE_FMT(word),
					      rt_transport_name(s->to.transport),
					      net_addr_text(&s->to.peer, addr));
		}
		fake_sent_free(s);
	}
	return b->wire;
}

const char *sent_text(struct bench *b, size_t i)
{
	static char text[9000];

	assert_in_range(i, 0, b->n_out - 1);
	(void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(packet_view(b->out[i].packet)));
	return text;
}

size_t sent_to(struct bench *b, const char *method, const char *host)
{
	char addr[NET_ADDR_TEXT];

	for (size_t i = b->n_out; i-- > 0;)
		if (slice_starts(packet_view(b->out[i].packet), slice_str(method)) &&
		    strstr(net_addr_text(&b->out[i].to.peer, addr), host))
			return i;
	fail_msg("no %s was sent to %s", method, host);
	return 0;
}

void answer_with(struct bench *b, size_t i, unsigned status, const char *extra)
{
	struct slice fields[4], rest = slice_str(extra), line;
	struct sip_reply reply = { .status = status, .fields = fields };
	struct sip_msg *req = NULL, *resp = NULL;
	struct sip_error error;
	struct packet *p;
	char tag[16];

	if (i >= b->n_out && harness_alloc_failed())
		return;
	assert_in_range(i, 0, b->n_out - 1);
	(void)snprintf(tag, sizeof(tag), "callee%zu", i);
	reply.to_tag = slice_str(tag);
	while (slice_split(&rest, '\n', &line))
		fields[reply.n_fields++] = line;
	if (sip_msg_parse(b->out[i].packet, &req, &error) < 0) {
		assert_true(harness_alloc_failed());
		return;
	}
	if (sip_reply_render(req, SLICE_EMPTY, &reply, &p) == 0) {
		if (sip_msg_parse(p, &resp, &error) == 0) {
			resp->flow = b->out[i].to;
			txn_layer_receive(b->p.txns, resp);
		}
		packet_unref(p);
	}
	sip_msg_unref(resp);
	sip_msg_unref(req);
}

void answer(struct bench *b, size_t i, unsigned status)
{
	answer_with(b, i, status, "");
}

void add(struct bench *b, const char *uri)
{
	struct proxy_target t = { .uri = slice_str(uri), .q = 1000 };

	if (proxy_ctx_add(b->ctx, &t, 1) < 0)
		assert_true(harness_alloc_failed() || b->ctx->closed || b->ctx->cancelled);
}

void add_q(struct bench *b, const char *const *uris, const unsigned *q, size_t n)
{
	struct proxy_target t[16] = { 0 };

	for (size_t i = 0; i < n; i++) {
		t[i].uri = slice_str(uris[i]);
		t[i].q = q[i];
	}
	if (proxy_ctx_add(b->ctx, t, n) < 0)
		assert_true(harness_alloc_failed());
}
