/* Requests as they leave, byte for byte: RFC 3261 16.6 steps 1 to 9; and where to. */
#include "fixture.h"

#define BRANCH "z9hG4bK0123456789abcdef.0123456789abcdef"
#define TAIL                                                                                       \
	"From: <sip:a@a.test>;tag=1\r\nTo: <sip:b@b.test>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"     \
	"Content-Length: 0\r\n\r\n"

/* Renders it as it goes to 198.51.100.2:5060 from this listener; -1: an error. */
static const char *render(struct bench *b, const char *text, struct proxy_forward f,
			  unsigned listener)
{
	static char out[9000];
	struct rt_flow to = { .transport = (uint8_t)b->f.listeners[listener].transport,
			      .listener = (uint16_t)listener };
	struct sip_msg *req = parse_text(text, RT_UDP);
	struct packet *p;
	int rc;

	out[0] = '\0';
	if (!req)
		return out;
	f.req = req;
	if (!f.uri.n)
		f.uri = req->uri;
	if (!f.max_breadth)
		f.max_breadth = 60;
	if (!f.drop_field)
		f.drop_field = SIP_NO_FIELD;
	assert_int_equal(net_addr_parse(SLICE("198.51.100.2"), 5060, &to.peer), 0);
	rc = proxy_render(&b->p, &f, &to, SLICE(BRANCH), &p);
	if (rc == 0) {
		(void)snprintf(out, sizeof(out), "%.*s", SLICE_FMT(packet_view(p)));
		packet_unref(p);
	} else {
		(void)snprintf(out, sizeof(out), "%d", rc);
	}
	sip_msg_unref(req);
	return out;
}

static const struct slice loose[] = { SLICE_INIT("<sip:p1.test;lr>"),
				      SLICE_INIT("\"P\" <sip:p2.test;lr>;x") };
static const struct slice strict[] = { SLICE_INIT("<sip:p1.test;x=1>"),
				       SLICE_INIT("<sip:p2.test;lr>") };
static const struct slice secure[] = { SLICE_INIT("<sips:p1.test;lr>") };

static void what_leaves_is_what_came_with_few_changes(void **state UNUSED)
{
	static const struct {
		const char *in;
		struct proxy_forward f;
		unsigned listener;
		const char *out;
	} rows[] = {
		/* Max-Forwards counts down in its place, Max-Breadth is added. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nX-A:  1 ,2\r\n"
		  "Max-Forwards: 70\r\n" TAIL,
		  { .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\n"
		  "Via: " VIA_IN "\r\nMax-Breadth: 60\r\nX-A:  1 ,2\r\nMax-Forwards: 69\r\n" TAIL },
		/* ... is supplied when missing; a Max-Breadth is replaced. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Breadth: 50\r\n" TAIL,
		  { .listener_in = 0, .max_breadth = 7 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\n"
		  "Via: " VIA_IN "\r\nMax-Forwards: 70\r\nMax-Breadth: 7\r\n" TAIL },
		/* A new target. What may not stand in a Request-URI does not: 19.1.1. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nv: " VIA_IN "\r\nMax-Forwards: 1\r\n" TAIL,
		  { .uri = SLICE_INIT("sip:b@c.test;Method=BYE;transport=tcp;lr?X=y"),
		    .listener_in = 0 },
		  1,
		  "INVITE sip:b@c.test;transport=tcp;lr SIP/2.0\r\n"
		  "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=" BRANCH "\r\n"
		  "v: " VIA_IN "\r\nMax-Breadth: 60\r\nMax-Forwards: 0\r\n" TAIL },
		{ "INVITE sip:b@b.test SIP/2.0\r\nv: " VIA_IN "\r\nMax-Forwards: 1\r\n" TAIL,
		  { .uri = SLICE_INIT("tel:+1;ext=2"), .listener_in = 0 },
		  2,
		  "INVITE tel:+1;ext=2 SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=" BRANCH "\r\n"
		  "v: " VIA_IN "\r\nMax-Breadth: 60\r\nMax-Forwards: 0\r\n" TAIL },
		/* The stamped Via, alone in its field and before others. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nX: 1\r\nVia: " VIA_IN
		  "\r\nMax-Forwards: 9\r\n" TAIL,
		  { .via_top = SLICE_INIT("SIP/2.0/UDP stamped"), .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nMax-Breadth: 60\r\nX: 1\r\n"
		  "Via: SIP/2.0/UDP stamped\r\nMax-Forwards: 8\r\n" TAIL },
		{ "INVITE sip:b@b.test SIP/2.0\r\nv: " VIA_IN " , SIP/2.0/UDP x;branch=z9hG4bKx\r\n"
		  "Via: SIP/2.0/UDP y\r\nMax-Forwards: 9\r\n" TAIL,
		  { .via_top = SLICE_INIT("SIP/2.0/UDP stamped"), .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\n"
		  "Via: SIP/2.0/UDP stamped , SIP/2.0/UDP x;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP "
		  "y\r\n"
		  "Max-Breadth: 60\r\nMax-Forwards: 8\r\n" TAIL },
		/* Record-Route: behind the Via fields, or above those that are there. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n" TAIL,
		  { .record_route = true, .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Record-Route: <sip:192.0.2.1:5060;lr>\r\nMax-Breadth: 60\r\n"
		  "Max-Forwards: 8\r\n" TAIL },
		/* Two where the sides differ, that of the callee's side above: RFC 5658. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n"
		  "Record-Route: <sip:q.test;lr>\r\n" TAIL,
		  { .record_route = true, .listener_in = 0 },
		  1,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nMax-Forwards: 8\r\n"
		  "Record-Route: <sip:192.0.2.1:5060;transport=tcp;lr>\r\n"
		  "Record-Route: <sip:192.0.2.1:5060;lr>\r\nRecord-Route: "
		  "<sip:q.test;lr>\r\n" TAIL },
		/* Nobody's listener: an event of our own. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n" TAIL,
		  { .record_route = true, .listener_in = -1 },
		  3,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/TCP [2001:db8::1]:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Record-Route: <sip:[2001:db8::1]:5060;transport=tcp;lr>\r\nMax-Breadth: 60\r\n"
		  "Max-Forwards: 8\r\n" TAIL },
		/* sips: in the target or in the first Route: 16.6 step 4. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n" TAIL,
		  { .uri = SLICE_INIT("sips:b@b.test"), .record_route = true, .listener_in = 1 },
		  1,
		  "INVITE sips:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Record-Route: <sips:192.0.2.1:5060;transport=tcp;lr>\r\nMax-Breadth: 60\r\n"
		  "Max-Forwards: 8\r\n" TAIL },
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n"
		  "Route: <sips:p1.test;lr>\r\n" TAIL,
		  { .route = secure, .n_route = 1, .record_route = true, .listener_in = 1 },
		  1,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Record-Route: <sips:192.0.2.1:5060;transport=tcp;lr>\r\nMax-Breadth: 60\r\n"
		  "Max-Forwards: 8\r\nRoute: <sips:p1.test;lr>\r\n" TAIL },
		/* What is left of the Route fields stands where the first was. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n"
		  "Route: <sip:us;lr>,<sip:p1.test;lr>\r\nX: 1\r\nroute: \"P\" "
		  "<sip:p2.test;lr>;x\r\n" TAIL,
		  { .route = loose, .n_route = 2, .route_changed = true, .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nMax-Forwards: 8\r\n"
		  "Route: <sip:p1.test;lr>, \"P\" <sip:p2.test;lr>;x\r\nX: 1\r\n" TAIL },
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n"
		  "Route: <sip:us;lr>\r\nX: 1\r\n" TAIL,
		  { .route_changed = true, .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nMax-Forwards: 8\r\nX: 1\r\n" TAIL },
		/* Untouched, they stay as they came. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n"
		  "Route:<sip:p1.test;lr> ,\"P\" <sip:p2.test;lr>;x\r\n" TAIL,
		  { .route = loose, .n_route = 2, .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nMax-Forwards: 8\r\n"
		  "Route:<sip:p1.test;lr> ,\"P\" <sip:p2.test;lr>;x\r\n" TAIL },
		/* A new Route of a Path or script, where there was none. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n" TAIL,
		  { .route = loose, .n_route = 1, .route_changed = true, .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nRoute: <sip:p1.test;lr>\r\nMax-Forwards: 8\r\n" TAIL },
		/* A strict router next: it is the Request-URI, the target the last Route. */
		{ "INVITE sip:b@b.test;lr SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n"
		  "Route: <sip:p1.test;x=1>,<sip:p2.test;lr>\r\n" TAIL,
		  { .route = strict, .n_route = 2, .listener_in = 0 },
		  0,
		  "INVITE sip:p1.test;x=1 SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nMax-Forwards: 8\r\n"
		  "Route: <sip:p2.test;lr>, <sip:b@b.test;lr>\r\n" TAIL },
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nMax-Forwards: 9\r\n"
		  "Route: <sip:p1.test;x=1>\r\n" TAIL,
		  { .route = strict, .n_route = 1, .listener_in = 0 },
		  0,
		  "INVITE sip:p1.test;x=1 SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nMax-Forwards: 8\r\nRoute: <sip:b@b.test>\r\n" TAIL },
		/* Credentials that were for us stay here: RFC 3261 22.3. */
		{ "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN
		  "\r\nProxy-Authorization: Digest a=b\r\n"
		  "Proxy-Authorization: Digest c=d\r\nMax-Forwards: 9\r\n" TAIL,
		  { .drop_field = 1, .listener_in = 0 },
		  0,
		  "INVITE sip:b@b.test SIP/2.0\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\nVia: " VIA_IN "\r\n"
		  "Max-Breadth: 60\r\nProxy-Authorization: Digest c=d\r\nMax-Forwards: "
		  "8\r\n" TAIL },
	};
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(render(&b, rows[i].in, rows[i].f, rows[i].listener),
				    rows[i].out);
	bench_fini(&b);
}

static void a_body_goes_along_and_gets_its_length(void **state UNUSED)
{
	struct bench b;
	const char *out;

	assert_true(bench_init(&b));
	out = render(
		&b,
		"MESSAGE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nFrom: <sip:a@a>;tag=1\r\n"
		"To: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n"
		"Max-Forwards: 5\r\n\r\nhello",
		(struct proxy_forward){ .listener_in = 0 }, 0);
	assert_non_null(strstr(out, "Max-Forwards: 4\r\nContent-Length: 5\r\n\r\nhello"));
	bench_fini(&b);
}

static void a_scripts_edits_are_among_ours(void **state UNUSED)
{
	struct proxy_forward f = { .listener_in = 0, .keep_max_forwards = true };
	struct sip_edits edits;
	struct arena arena;
	struct bench b;
	const char *out;

	if (!bench_init(&b))
		return;
	arena_init(&arena, 0);
	sip_edits_init(&edits, &arena);
	/* A Subject in its place, a new field behind the Vias, Max-Forwards of its own, a body. */
	if (sip_edits_replace(&edits, 1, SLICE("Subject: new")) == 0 &&
	    sip_edits_insert(&edits, 1, SLICE("X-New: 1")) == 0 &&
	    sip_edits_replace(&edits, 2, SLICE("Max-Forwards: 33")) == 0) {
		sip_edits_body(&edits, SLICE("hi"));
		f.edits = &edits;
		out = render(&b,
			     "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nSubject: old\r\n"
			     "Max-Forwards: 9\r\n" TAIL,
			     f, 0);
		if (!harness_alloc_failed())
			assert_string_equal(out,
					    "INVITE sip:b@b.test SIP/2.0\r\n"
					    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" BRANCH "\r\n"
					    "Via: " VIA_IN
					    "\r\nX-New: 1\r\nMax-Breadth: 60\r\nSubject: new\r\n"
					    "Max-Forwards: 33\r\nFrom: <sip:a@a.test>;tag=1\r\n"
					    "To: <sip:b@b.test>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
					    "Content-Length: 2\r\n\r\nhi");
		/* The script's list is as it was: other branches use it too. */
		assert_int_equal(edits.n, 3);
	} else {
		assert_true(harness_alloc_failed());
	}
	arena_fini(&arena);
	bench_fini(&b);
}

static void rendering_fails_cleanly_without_memory(void **state UNUSED)
{
	struct proxy_forward f = { .uri = SLICE("sip:b@c.test;method=BYE?a=b"),
				   .via_top = SLICE("SIP/2.0/UDP stamped"),
				   .route = strict,
				   .n_route = 2,
				   .record_route = true,
				   .listener_in = 0 };
	const char *out;
	struct bench b;

	if (!bench_init(&b))
		return;
	out = render(&b, "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\nX: 1\r\n" TAIL, f, 1);
	if (harness_alloc_failed())
		assert_true(!*out || strcmp(out, "-12") == 0 || strstr(out, "INVITE"));
	else
		assert_non_null(strstr(out, "Route: <sip:p2.test;lr>, <sip:b@c.test>\r\n"));
	bench_fini(&b);
}

static void a_target_that_is_no_uri_is_refused(void **state UNUSED)
{
	struct proxy_forward f = { .uri = SLICE("sip:b@c.test:x;y"), .listener_in = 0 };
	struct bench b;

	assert_true(bench_init(&b));
	assert_string_equal(
		render(&b, "INVITE sip:b@b.test SIP/2.0\r\nVia: " VIA_IN "\r\n" TAIL, f, 0), "-74");
	bench_fini(&b);
}

static void the_next_hop_is_the_first_route_or_the_target(void **state UNUSED)
{
	static const struct slice broken[] = { SLICE_INIT("<sip:p1.test") };
	static const struct {
		const char *uri;
		const struct slice *route;
		size_t n_route;
		int rc;
		const char *host;
		unsigned port;
		int transport;
		bool secure;
	} rows[] = {
		{ "sip:b@b.test", NULL, 0, 0, "b.test", 0, -1, false },
		{ "sip:b@b.test:5070;transport=TCP", NULL, 0, 0, "b.test", 5070, RT_TCP, false },
		{ "sips:b@[2001:db8::2]", NULL, 0, 0, "[2001:db8::2]", 0, -1, true },
		{ "sip:b@b.test;maddr=192.0.2.77", NULL, 0, 0, "192.0.2.77", 0, -1, false },
		{ "sip:b@b.test", loose, 2, 0, "p1.test", 0, -1, false },
		{ "tel:+49301", loose, 2, 0, "p1.test", 0, -1, false },
		{ "sip:b@b.test", strict, 2, 0, "p1.test", 0, -1, false },
		{ "sip:b@b.test", secure, 1, 0, "p1.test", 0, -1, true },
		{ "sip:b@b.test", broken, 1, -EBADMSG, NULL, 0, 0, false },
		{ "sip:b@b.test:99999", NULL, 0, -EBADMSG, NULL, 0, 0, false },
		{ "tel:+49301", NULL, 0, -ENOTSUP, NULL, 0, 0, false },
		{ "urn:service:sos", NULL, 0, -ENOTSUP, NULL, 0, 0, false },
		{ "sip:b@b.test;transport=sctp", NULL, 0, -ENOTSUP, NULL, 0, 0, false },
	};
	struct rt_query q;
	struct sip_uri uri;
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxy_forward f = { .uri = slice_str(rows[i].uri),
					   .route = rows[i].route,
					   .n_route = rows[i].n_route };

		if (proxy_next_hop(&b.p, &f, &uri, &q) != rows[i].rc)
			fail_msg("%s", rows[i].uri);
		if (rows[i].rc < 0)
			continue;
		assert_true(slice_eq(q.host, slice_str(rows[i].host)));
		assert_int_equal(q.port, rows[i].port);
		assert_int_equal(q.transport, rows[i].transport);
		assert_int_equal(q.secure, rows[i].secure);
	}
	bench_fini(&b);
}

static void a_tel_uri_goes_to_the_gateway(void **state UNUSED)
{
	struct proxy_forward f = { .uri = SLICE("tel:+49301") };
	struct rt_query q;
	struct sip_uri uri;
	struct bench b;

	assert_true(bench_init(&b));
	b.p.config.tel_gateway = SLICE("sip:gw.test:5070;transport=tcp");
	assert_int_equal(proxy_next_hop(&b.p, &f, &uri, &q), 0);
	assert_true(slice_eq(q.host, SLICE("gw.test")));
	assert_int_equal(q.port, 5070);
	assert_int_equal(q.transport, RT_TCP);
	bench_fini(&b);
}

static void the_listener_fits_transport_family_and_reach(void **state UNUSED)
{
	static const struct {
		enum rt_transport transport;
		const char *peer;
		int prefer, ret;
	} rows[] = {
		{ RT_UDP, "198.51.100.2", 0, 0 },  { RT_TCP, "198.51.100.2", 0, 1 },
		{ RT_UDP, "198.51.100.2", -1, 0 }, { RT_UDP, "2001:db8::2", 0, 2 },
		{ RT_TCP, "2001:db8::2", 2, 3 },   { RT_TLS, "198.51.100.2", 0, -EHOSTUNREACH },
		{ RT_UDP, "198.51.100.2", 9, 0 },
	};
	struct net_addr peer;
	struct bench b;

	assert_true(bench_init(&b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(net_addr_parse(slice_str(rows[i].peer), 5060, &peer), 0);
		assert_int_equal(proxy_listener(&b.p, rows[i].transport, &peer, rows[i].prefer),
				 rows[i].ret);
	}
	/* The one whose name the caller knows, before the first that would do. */
	b.f.listeners[2] = b.f.listeners[3] = b.f.listeners[0];
	b.f.listeners[3].transport = RT_TCP;
	b.f.listeners[2].host = b.f.listeners[3].host = SLICE("other.test");
	assert_int_equal(net_addr_parse(SLICE("198.51.100.2"), 5060, &peer), 0);
	assert_int_equal(proxy_listener(&b.p, RT_TCP, &peer, 0), 1);
	assert_int_equal(proxy_listener(&b.p, RT_TCP, &peer, 2), 3);
	/* From a loopback address nobody else can be reached. */
	assert_int_equal(net_addr_parse(SLICE("127.0.0.1"), 5060, &b.f.listeners[0].addr), 0);
	assert_int_equal(proxy_listener(&b.p, RT_UDP, &peer, 0), 2);
	assert_int_equal(net_addr_parse(SLICE("127.0.0.9"), 5060, &peer), 0);
	assert_int_equal(proxy_listener(&b.p, RT_UDP, &peer, 0), 0);
	bench_fini(&b);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(what_leaves_is_what_came_with_few_changes),
		HARNESS_TEST(a_body_goes_along_and_gets_its_length),
		HARNESS_ALLOC_TEST(a_scripts_edits_are_among_ours),
		HARNESS_ALLOC_TEST(rendering_fails_cleanly_without_memory),
		HARNESS_TEST(a_target_that_is_no_uri_is_refused),
		HARNESS_TEST(the_next_hop_is_the_first_route_or_the_target),
		HARNESS_TEST(a_tel_uri_goes_to_the_gateway),
		HARNESS_TEST(the_listener_fits_transport_family_and_reach),
	};

	return harness_run("forward", tests, ARRAY_LEN(tests));
}
