#include "fixture.h"

#include "sip/reply.h"

static void config_free(struct service_config *c)
{
	trust_fini(&c->trusted);
}

void prepare(struct bench *b)
{
	static const struct slice domains[] = { SLICE_INIT("example.com"),
						SLICE_INIT("example.org") };
	static const struct cgi_script script = {
		.name = SLICE_INIT("one"),
		.path = SLICE_INIT("/scripts/one"),
		.dir = SLICE_INIT("/scripts"),
		.timeout_ms = 10000,
		.max_output = 65536,
		.max_actions = 32,
		.max_branches = 4,
		.concurrency = 2,
		.queue = 2,
		.queue_age_ms = 3000,
		.uid = UINT32_MAX,
		.gid = UINT32_MAX,
	};

	*b = (struct bench){ .cseq = 1 };
	fake_runtime_init(&b->f);
	b->scripts[0] = b->scripts[1] = script;
	b->scripts[1].name = SLICE("two");
	b->routes[0] =
		(struct cgi_route){ .request_uri = SLICE("sip:script*"), .script = &b->scripts[0] };
	b->routes[1] =
		(struct cgi_route){ .request_uri = SLICE("sip:other*"), .script = &b->scripts[1] };
	b->config = (struct service_config){
		.refs = 1,
		.free = config_free,
		.proxy = PROXY_CONFIG_DEFAULT,
		.txn = TXN_CONFIG_DEFAULT,
		.registrar = REGISTRAR_CONFIG_DEFAULT,
		.auth = AUTH_CONFIG_DEFAULT,
		.server_name = SLICE("proxy.example.com"),
		.routes = b->routes,
		.n_routes = 2,
		.max_branches = 16,
	};
	b->config.proxy.domains = domains;
	b->config.proxy.n_domains = ARRAY_LEN(domains);
	trust_init(&b->config.trusted);
}

static void drop_all(struct bench *b)
{
	service_free(b->s);
	/* A runner's runs outlive the service. */
	while (fake_run_job(&b->f))
		fake_run_end(&b->f, RT_RUN_CANCELLED, 0);
	location_free(b->loc);
	users_free(b->users);
	service_config_unref(&b->config);
	fake_runtime_fini(&b->f);
}

bool start(struct bench *b)
{
	if (users_new(1, &b->users) == 0 && location_new(&b->f.rt, &b->loc) == 0 &&
	    service_new(&b->f.rt, &b->config, b->loc, &b->s) == 0) {
		service_set_users(b->s, b->users);
		return true;
	}
	assert_true(harness_alloc_failed());
	drop_all(b);
	return false;
}

static void trust_caller(struct bench *b)
{
	if (trust_add(&b->config.trusted, SLICE(CALLER)) < 0)
		assert_true(harness_alloc_failed());
}

bool bench_init(struct bench *b)
{
	prepare(b);
	trust_caller(b);
	return start(b);
}

void bench_fini(struct bench *b)
{
	(void)wire(b);
	for (size_t i = 0; i < b->n_out; i++)
		packet_unref(b->out[i].packet);
	drop_all(b);
	assert_int_equal(b->config.refs, 0);
}

void add_user(struct bench *b, const char *name, const char *domain, const char *password)
{
	struct user user = { .name = slice_str(name), .domain = slice_str(domain) };

	if (user_set_password(&user, slice_str(password)) < 0 || users_add(b->users, &user) < 0)
		assert_true(harness_alloc_failed());
}

void bind_to(struct bench *b, const char *aor, const struct location_binding *v, size_t n)
{
	struct location_set *set;

	if (location_set_new(slice_str(aor), v, n, &set) < 0) {
		assert_true(harness_alloc_failed());
		return;
	}
	if (location_load(b->loc, set) < 0)
		assert_true(harness_alloc_failed());
	location_set_unref(set);
}

void bind_one(struct bench *b, const char *aor, const char *contact)
{
	struct location_binding v = { .contact = slice_str(contact),
				      .call_id = SLICE("reg"),
				      .received = SLICE("udp:198.51.100.50:5060"),
				      .expires_at = b->f.rt.wall + 3600000,
				      .q = 1000 };

	bind_to(b, aor, &v, 1);
}

void receive_text(struct bench *b, const char *text, enum rt_transport transport)
{
	struct rt_flow flow = { .transport = (uint8_t)transport,
				.listener = transport == RT_UDP ? 0 : 1,
				.conn = transport == RT_UDP ? 0 : 77 };
	struct packet *p = packet_from(slice_str(text));

	assert_int_equal(net_addr_parse(SLICE(CALLER), CALLER_PORT, &flow.peer), 0);
	if (p)
		service_receive(b->s, p, &flow);
	packet_unref(p);
}

void request_from(struct bench *b, const char *method, const char *uri, const char *from,
		  const char *extra)
{
	char text[8192];

	(void)snprintf(text, sizeof(text),
		       "%s %s SIP/2.0\r\nVia: " VIA_IN "%u\r\n%s%sFrom: %s;tag=f1\r\n%s"
		       "Call-ID: call-1\r\nCSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
		       method, uri, b->cseq,
		       strstr(extra, "Max-Forwards:") ? "" : "Max-Forwards: 70\r\n", extra, from,
		       strstr(extra, "To: ") ? "" : "To: <sip:bob@example.com>\r\n", b->cseq,
		       method);
	receive_text(b, text, RT_UDP);
}

void request(struct bench *b, const char *method, const char *uri, const char *extra)
{
	request_from(b, method, uri, "Alice <sip:alice@example.com>", extra);
}

void cancel(struct bench *b, const char *uri)
{
	request(b, "CANCEL", uri, "");
}

const char *wire(struct bench *b)
{
	char addr[NET_ADDR_TEXT];
	size_t n = 0;

	b->wire[0] = '\0';
	for (struct fake_sent *s; (s = fake_runtime_take(&b->f));) {
		struct slice text = packet_view(s->packet), word;

		if (slice_starts(text, SLICE("SIP/2.0 "))) {
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

	if (i >= b->n_out) {
		assert_true(harness_alloc_failed());
		return "";
	}
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
	assert_true(harness_alloc_failed());
	return OUT_MAX;
}

void answer(struct bench *b, size_t i, unsigned status)
{
	struct sip_reply reply = { .status = status, .to_tag = SLICE("callee") };
	struct sip_msg *req = NULL;
	struct sip_error error;
	struct packet *p;

	if (i >= b->n_out) {
		assert_true(harness_alloc_failed());
		return;
	}
	if (sip_msg_parse(b->out[i].packet, &req, &error) < 0) {
		assert_true(harness_alloc_failed());
		return;
	}
	if (sip_reply_render(req, SLICE_EMPTY, &reply, &p) == 0) {
		service_receive(b->s, p, &b->out[i].to);
		packet_unref(p);
	}
	sip_msg_unref(req);
}

void prints(struct bench *b, const char *text)
{
	if (fake_run_job(&b->f))
		fake_run_output(&b->f, slice_str(text));
	else
		assert_true(harness_alloc_failed());
}

void ends(struct bench *b, enum rt_run_end how, int status)
{
	if (fake_run_job(&b->f))
		fake_run_end(&b->f, how, status);
	else
		assert_true(harness_alloc_failed());
}

void says(struct bench *b, const char *text)
{
	prints(b, text);
	ends(b, RT_RUN_EXITED, 0);
}
