/* The registrar on its index and a fake transaction: what is answered, and what is bound. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "registrar/registrar.h"

/* In place of the transaction layer's: remembers the answer. */
struct txn {
	unsigned status; /* 0: none yet */
	int answers;
	struct buf fields; /* one per line */
};

int txn_reply(struct txn *st, const struct sip_reply *r)
{
	st->status = r->status;
	st->answers++;
	for (size_t i = 0; i < r->n_fields; i++) {
		buf_slice(&st->fields, r->fields[i]);
		buf_char(&st->fields, '\n');
	}
	return 0;
}

static struct fake_runtime fake;
static struct txn answer; /* of the last request that did not bring its own */
static struct location *loc;
static struct registrar *reg;
static struct registrar_config config;
static struct registrar_policy policy;

static bool is_domain(void *arg, struct slice host, uint16_t port)
{
	(void)arg;
	(void)port;
	return slice_ieq(host, SLICE("example.com")) || slice_ieq(host, SLICE("example.org"));
}

static bool is_user(void *arg, struct slice user, struct slice domain)
{
	(void)arg;
	(void)domain;
	return !slice_eq(user, SLICE("nobody"));
}

static bool set_up(void)
{
	fake_runtime_init(&fake);
	config = REGISTRAR_CONFIG_DEFAULT;
	config.max_contacts = 3;
	policy = (struct registrar_policy){ .domain = is_domain, .user = is_user };
	if (location_new(&fake.rt, &loc) < 0) {
		assert_true(harness_alloc_failed());
		fake_runtime_fini(&fake);
		return false;
	}
	if (registrar_new(&fake.rt, loc, &config, &policy, &reg) < 0) {
		assert_true(harness_alloc_failed());
		location_free(loc);
		fake_runtime_fini(&fake);
		return false;
	}
	return true;
}

static void tear_down(void)
{
	registrar_free(reg);
	location_free(loc);
	fake_runtime_fini(&fake);
}

static struct sip_msg *parse(const char *uri, const char *to, const char *call_id, unsigned cseq,
			     const char *fields)
{
	AUTO_BUF text = BUF_INIT;
	struct sip_msg *msg = NULL;
	struct sip_error error;
	struct packet *p;

	buf_printf(&text,
		   "REGISTER %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n"
		   "Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: %s\r\n"
		   "Call-ID: %s\r\nCSeq: %u REGISTER\r\n%sContent-Length: 0\r\n\r\n",
		   uri, to, call_id, cseq, fields);
	if (text.err)
		return NULL;
	p = packet_from(buf_view(&text));
	if (!p)
		return NULL;
	if (sip_msg_parse(p, &msg, &error) < 0)
		msg = NULL;
	packet_unref(p);
	if (!msg)
		return NULL;
	msg->flow = (struct rt_flow){ .transport = RT_TCP, .listener = 1, .conn = 42 };
	assert_int_equal(net_addr_parse(SLICE("192.0.2.9"), 40000, &msg->flow.peer), 0);
	return msg;
}

/* Hands in a REGISTER; the answer may come later. */
static void send_full(struct txn *st, const char *uri, const char *to, const char *call_id,
		      unsigned cseq, const char *fields, const struct auth_identity *who)
{
	AUTO_MSG *msg = parse(uri, to, call_id, cseq, fields);

	if (st == &answer)
		buf_fini(&answer.fields);
	*st = (struct txn){ 0 };
	if (!msg) {
		assert_true(harness_alloc_failed());
		return;
	}
	registrar_handle(reg, st, msg, who);
}

static void send_register(struct txn *st, const char *call_id, unsigned cseq, const char *fields)
{
	send_full(st, "sip:example.com", "<sip:alice@example.com>", call_id, cseq, fields, NULL);
}

/* The same, with the commit carried out; the status. The fields stay in @answer. */
static unsigned do_register(const char *call_id, unsigned cseq, const char *fields)
{
	send_register(&answer, call_id, cseq, fields);
	while (fake_commit_end(&fake, 0))
		;
	return answer.status;
}

static bool answered_with(const char *line)
{
	struct slice rest = buf_view(&answer.fields), one;

	while (slice_split(&rest, '\n', &one)) {
		if (slice_eq(one, slice_str(line)))
			return true;
	}
	return false;
}

/* Alice's contacts, "sip:a@x sip:b@x". */
static const char *bound(void)
{
	static char text[512];
	struct location_binding b;
	struct location_iter it;
	size_t n = 0;

	text[0] = '\0';
	location_iter_init(&it, location_find(loc, SLICE("sip:alice@example.com")), fake.rt.wall);
	while (location_iter_next(&it, &b))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", n ? " " : "",
				      SLICE_FMT(b.contact));
	return text;
}

static void a_binding_is_acknowledged_when_it_is_committed(void **state)
{
	struct txn st;

	(void)state;
	if (!set_up())
		return;
	send_register(&st, "c1", 1, "Contact: \"A\" <sip:a@192.0.2.9>;q=0.7;foo=bar\r\n");
	assert_string_equal(bound(), "");
	if (st.answers == 0 && registrar_pending(reg)) {
		assert_true(fake_commit_end(&fake, 0));
		assert_string_equal(bound(), "sip:a@192.0.2.9");
	}
	/* Out of memory it is a 500, before or after the commit. */
	if (harness_alloc_failed()) {
		assert_true(st.status == 0 || st.status == 200 || st.status == 500);
		assert_true(st.answers <= 1);
		buf_fini(&st.fields);
		tear_down();
		return;
	}
	assert_int_equal(st.status, 200);
	assert_int_equal(st.answers, 1);
	assert_int_equal(registrar_pending(reg), 0);
	assert_string_equal(bound(), "sip:a@192.0.2.9");
	assert_true(slice_eq(buf_view(&st.fields),
			     SLICE("Contact: \"A\" <sip:a@192.0.2.9>;q=0.7;foo=bar;expires=3600\n"
				   "Date: Tue, 14 Nov 2023 22:13:20 GMT\n")));
	buf_fini(&st.fields);
	tear_down();
}

static void a_binding_keeps_everything_known_of_it(void **state)
{
	struct location_binding b;
	struct location_iter it;

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(do_register("c1", 7,
				     "Contact: <sip:a@x;transport=tcp>;expires=120;reg-id=1;"
				     "+sip.instance=\"<urn:uuid:1>\"\r\n"
				     "Supported: path\r\nPath: <sip:p1;lr>,<sip:p2;lr>\r\n"
				     "Path: <sip:p3;lr>\r\n"),
			 200);
	location_iter_init(&it, location_find(loc, SLICE("sip:alice@example.com")), fake.rt.wall);
	assert_true(location_iter_next(&it, &b));
	assert_true(slice_eq(b.contact, SLICE("sip:a@x;transport=tcp")));
	assert_true(slice_eq(b.params, SLICE(";reg-id=1;+sip.instance=\"<urn:uuid:1>\"")));
	assert_true(slice_eq(b.path, SLICE("<sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>")));
	assert_true(slice_eq(b.received, SLICE("tcp:192.0.2.9:40000")));
	assert_true(slice_eq(b.call_id, SLICE("c1")));
	assert_int_equal(b.conn, 42);
	assert_int_equal(b.listener, 1);
	assert_int_equal(b.cseq, 7);
	assert_int_equal(b.reg_id, 1);
	assert_int_equal(b.q, 1000);
	assert_int_equal(b.expires_at, fake.rt.wall + 120000);
	assert_true(answered_with("Path: <sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>"));
	tear_down();
}

static void a_failed_commit_is_a_500_and_changes_nothing(void **state)
{
	struct txn st;

	(void)state;
	if (!set_up())
		return;
	assert_int_equal(do_register("c1", 1, "Contact: <sip:a@x>\r\n"), 200);
	send_register(&st, "c1", 2, "Contact: <sip:b@x>\r\n");
	harness_expect_log(LOG_ERROR, "registration could not be stored");
	assert_true(fake_commit_end(&fake, -EIO));
	assert_int_equal(st.status, 500);
	assert_string_equal(bound(), "sip:a@x");
	/* And the number is not used up. */
	assert_int_equal(do_register("c1", 2, "Contact: <sip:b@x>\r\n"), 200);
	tear_down();
}

static void each_step_of_rfc_3261_10_3_answers_as_it_says(void **state)
{
	static const struct {
		const char *uri, *to, *fields;
		unsigned status;
		const char *field; /* one the answer has */
	} rows[] = {
		/* 1 and 5: whose bindings */
		{ "sip:other.example", "<sip:alice@example.com>", "", 404, NULL },
		{ "sip:example.com", "<sip:alice@other.example>", "", 404, NULL },
		{ "sip:example.com", "<sip:alice@example.org>", "", 404, NULL },
		{ "sip:example.com", "<sip:nobody@example.com>", "", 404, NULL },
		{ "sip:example.com", "<sip:example.com>", "", 404, NULL },
		{ "sip:example.com", "<tel:+4930123>", "", 400, NULL },
		{ "sip:example.com", "<sip:al%00ice@example.com>", "", 200, NULL },
		{ "sip:example.com", "<sip:alice@example.com>", "", 200, NULL },
		{ "sips:example.com", "<sips:alice@example.com>", "", 200, NULL },
		{ "sip:EXAMPLE.com", "Alice <sip:%61lice@Example.COM;user=phone>;x=y", "", 200,
		  NULL },
		/* 2: extensions */
		{ "sip:example.com", "<sip:alice@example.com>", "Require: gruu, path,foo\r\n", 420,
		  "Unsupported: gruu, foo" },
		{ "sip:example.com", "<sip:alice@example.com>", "Require: path\r\n", 200, NULL },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>\r\nPath: <sip:p;lr>\r\n", 420, "Unsupported: path" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>\r\nSupported: path\r\nPath: p\r\n", 400, NULL },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>\r\nSupported: path\r\nPath: <tel:1>\r\n", 400, NULL },
		/* 6: the wildcard */
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: *\r\n", 400, NULL },
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: *\r\nExpires: 1\r\n", 400,
		  NULL },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: *, <sip:a@x>\r\nExpires: 0\r\n", 400, NULL },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>\r\nContact: *\r\nExpires: 0\r\n", 400, NULL },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: *\r\nContact: *\r\nExpires: 0\r\n", 400, NULL },
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: *\r\nExpires: 0\r\n", 200,
		  NULL },
		/* 7: contacts and their expiry */
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: <sip:a@>\r\n", 400,
		  NULL },
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: <sip:a@x>;q=2\r\n", 400,
		  NULL },
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: <sip:a@x>;reg-id=x\r\n",
		  400, NULL },
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: <sip:a@x>;expires=59\r\n",
		  423, "Min-Expires: 60" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>\r\nExpires: 1\r\n", 423, "Min-Expires: 60" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>;expires=60\r\nExpires: 1\r\n", 200,
		  "Contact: <sip:a@x>;expires=60" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>\r\nExpires: 300\r\n", 200, "Contact: <sip:a@x>;expires=300" },
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: <sip:a@x>\r\n", 200,
		  "Contact: <sip:a@x>;expires=3600" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>;expires=99999999999999999999\r\n", 200,
		  "Contact: <sip:a@x>;expires=7200" },
		/* 10.2.1.1: malformed counts as an hour */
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>;expires=soon\r\n", 200, "Contact: <sip:a@x>;expires=3600" },
		{ "sip:example.com", "<sip:alice@example.com>", "Contact: <sip:a@x>;expires=0\r\n",
		  200, NULL },
		{ "sip:example.com", "<sip:alice@example.com>", "m: sip:a@x;q=0.1;expires=61\r\n",
		  200, "Contact: <sip:a@x>;q=0.1;expires=61" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <mailto:a@x>,<tel:+1>;expires=61\r\n", 200,
		  "Contact: <tel:+1>;expires=61" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: \"a\r\n b\" <sip:a@x> ;\r\n p=\"c\r\n d\" ; expires = 61\r\n", 200,
		  "Contact: \"a   b\" <sip:a@x>;p=\"c   d\";expires=61" },
		{ "sip:example.com", "<sip:alice@example.com>",
		  "Contact: <sip:a@x>,<sip:b@x>,<sip:c@x>,<sip:d@x>\r\n", 403, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!set_up())
			return;
		send_full(&answer, rows[i].uri, rows[i].to, "c1", 1, rows[i].fields, NULL);
		while (fake_commit_end(&fake, 0))
			;
		if (answer.status != rows[i].status ||
		    (rows[i].field && !answered_with(rows[i].field)))
			fail_msg("row %zu: %u\n%.*s", i, answer.status,
				 SLICE_FMT(buf_view(&answer.fields)));
		assert_int_equal(answer.answers, 1);
		if (rows[i].status != 200)
			assert_string_equal(bound(), "");
		tear_down();
	}
}

static void who_may_change_an_address_of_record(void **state)
{
	static const struct {
		const char *name, *realm;
		const char *config_realm;
		bool any_user;
		unsigned status;
	} rows[] = {
		{ "alice", "example.com", "", false, 200 },
		{ "alice", "EXAMPLE.COM", "", false, 200 },
		{ "bob", "example.com", "", false, 403 },
		{ "Alice", "example.com", "", false, 403 },
		{ "alice", "example.org", "", false, 403 },
		{ "bob", "example.com", "", true, 200 },
		{ "bob", "example.org", "", true, 403 },
		{ "alice", "all", "all", false, 200 },
		{ "alice", "example.com", "all", false, 403 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct auth_identity who = { .realm = slice_str(rows[i].realm) };

		if (!set_up())
			return;
		who.name_len = strlen(rows[i].name);
		memcpy(who.name_buf, rows[i].name, who.name_len);
		config.any_user = rows[i].any_user;
		config.realm = slice_str(rows[i].config_realm);
		registrar_configure(reg, &config);
		send_full(&answer, "sip:example.com", "<sip:%61lice@example.com>", "c1", 1,
			  "Contact: <sip:a@x>\r\n", &who);
		while (fake_commit_end(&fake, 0))
			;
		assert_int_equal(answer.status, rows[i].status);
		tear_down();
	}
}

/* A history of REGISTERs and what is bound after each. */
static void call_id_and_cseq_order_requests(void **state)
{
	static const struct {
		const char *call_id;
		unsigned cseq;
		const char *fields;
		unsigned status;
		const char *bound;
	} rows[] = {
		{ "c1", 5, "Contact: <sip:a@x>\r\n", 200, "sip:a@x" },
		{ "c1", 5, "Contact: <sip:a@x>\r\n", 500, "sip:a@x" },
		{ "c1", 4, "Contact: <sip:a@x>;expires=0\r\n", 500, "sip:a@x" },
		{ "c1", 6, "Contact: <sip:a@x>\r\n", 200, "sip:a@x" },
		{ "c1", 1, "Contact: <sip:b@x>\r\n", 200, "sip:a@x sip:b@x" },
		/* all or nothing: the second contact is out of order */
		{ "c1", 5, "Contact: <sip:c@x>, <sip:a@x>\r\n", 500, "sip:a@x sip:b@x" },
		{ "c1", 5, "Contact: <sip:b@x>;expires=0, <sip:a@x>\r\n", 500, "sip:a@x sip:b@x" },
		/* another Call-ID has no order: the phone was restarted */
		{ "c2", 1, "Contact: <sip:a@x>\r\n", 200, "sip:b@x sip:a@x" },
		{ "c1", 7, "Contact: <sip:a@x>;expires=0\r\n", 200, "sip:b@x" },
		{ "c3", 1, "Contact: <sip:c@x>\r\n", 200, "sip:b@x sip:c@x" },
		/* the wildcard too */
		{ "c3", 1, "Contact: *\r\nExpires: 0\r\n", 500, "sip:b@x sip:c@x" },
		{ "c3", 2, "Contact: *\r\nExpires: 0\r\n", 200, "" },
		{ "c3", 3, "Contact: *\r\nExpires: 0\r\n", 200, "" },
		/* twice the same address in one request: the last says what counts */
		{ "c4", 1, "Contact: <sip:a@x>, <sip:a@X>;q=0.3\r\n", 200, "sip:a@X" },
		{ "c4", 2, "Contact: <sip:a@x>;expires=0, <sip:zz@x>;expires=0\r\n", 200, "" },
	};

	(void)state;
	if (!set_up())
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned status = do_register(rows[i].call_id, rows[i].cseq, rows[i].fields);

		if (status != rows[i].status || strcmp(bound(), rows[i].bound) != 0)
			fail_msg("row %zu: %u, %s", i, status, bound());
	}
	tear_down();
}

static void contacts_are_compared_as_uris(void **state)
{
	static const struct {
		const char *second;
		const char *bound;
	} rows[] = {
		{ "Contact: <sip:%61@X.example;transport=UDP>\r\n",
		  "sip:%61@X.example;transport=UDP" },
		{ "Contact: <sip:A@x.example;transport=udp>\r\n",
		  "sip:a@x.example;transport=udp sip:A@x.example;transport=udp" },
		{ "Contact: <sip:a@x.example>\r\n",
		  "sip:a@x.example;transport=udp sip:a@x.example" },
		{ "Contact: <sip:a@x.example:5060;transport=udp>\r\n",
		  "sip:a@x.example;transport=udp sip:a@x.example:5060;transport=udp" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!set_up())
			return;
		assert_int_equal(
			do_register("c1", 1, "Contact: <sip:a@x.example;transport=udp>\r\n"), 200);
		assert_int_equal(do_register("c1", 2, rows[i].second), 200);
		assert_string_equal(bound(), rows[i].bound);
		tear_down();
	}
}

static void the_same_instance_replaces_its_old_contact(void **state)
{
	static const struct {
		const char *second;
		const char *bound;
	} rows[] = {
		{ "Contact: <sip:b@x>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n", "sip:b@x" },
		{ "Contact: <sip:b@x>;+sip.instance=\"<urn:uuid:1>\";reg-id=2\r\n",
		  "sip:a@x sip:b@x" },
		{ "Contact: <sip:b@x>;+sip.instance=\"<urn:uuid:2>\";reg-id=1\r\n",
		  "sip:a@x sip:b@x" },
		{ "Contact: <sip:b@x>\r\n", "sip:a@x sip:b@x" },
		{ "Contact: <sip:b@x>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=0\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!set_up())
			return;
		assert_int_equal(
			do_register(
				"c1", 1,
				"Contact: <sip:a@x>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n"),
			200);
		assert_int_equal(do_register("c1", 2, rows[i].second), 200);
		assert_string_equal(bound(), rows[i].bound);
		tear_down();
	}
}

static void a_query_lists_all_bindings_and_commits_nothing(void **state)
{
	(void)state;
	if (!set_up())
		return;
	assert_int_equal(do_register("c1", 1, "Contact: <sip:a@x>;q=0.5, <sip:b@x>;expires=90\r\n"),
			 200);
	fake_runtime_advance(&fake, 30000);
	send_register(&answer, "c1", 2, "");
	assert_int_equal(answer.status, 200);
	assert_true(answered_with("Contact: <sip:a@x>;q=0.5;expires=3570"));
	assert_true(answered_with("Contact: <sip:b@x>;expires=60"));
	assert_false(fake_commit_end(&fake, 0));
	fake_runtime_advance(&fake, 60000);
	send_register(&answer, "c1", 3, "");
	assert_false(answered_with("Contact: <sip:b@x>;expires=0"));
	tear_down();
}

static void removing_what_is_not_there_commits_nothing(void **state)
{
	(void)state;
	if (!set_up())
		return;
	send_register(&answer, "c1", 1, "Contact: <sip:a@x>;expires=0\r\n");
	assert_int_equal(answer.status, 200);
	send_register(&answer, "c1", 2, "Contact: *\r\nExpires: 0\r\n");
	assert_int_equal(answer.status, 200);
	assert_false(fake_commit_end(&fake, 0));
	tear_down();
}

static void a_query_sees_what_was_received_before_it(void **state)
{
	struct txn first;

	(void)state;
	if (!set_up())
		return;
	send_register(&first, "c1", 1, "Contact: <sip:a@x>\r\n");
	send_register(&answer, "c1", 2, "");
	assert_int_equal(answer.status, 0);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(first.status, 200);
	assert_int_equal(answer.status, 200);
	assert_true(answered_with("Contact: <sip:a@x>;expires=3600"));
	buf_fini(&first.fields);
	tear_down();
}

static void requests_received_together_are_processed_in_their_order(void **state)
{
	struct txn st[3];

	(void)state;
	if (!set_up())
		return;
	send_register(&st[0], "c1", 2, "Contact: <sip:a@x>\r\n");
	send_register(&st[1], "c1", 1, "Contact: <sip:a@x>;expires=0\r\n");
	send_register(&st[2], "c1", 3, "Contact: <sip:a@x>;expires=300\r\n");
	while (fake_commit_end(&fake, 0))
		;
	assert_int_equal(st[0].status, 200);
	assert_int_equal(st[1].status, 500);
	assert_int_equal(st[2].status, 200);
	assert_string_equal(bound(), "sip:a@x");
	for (size_t i = 0; i < ARRAY_LEN(st); i++)
		buf_fini(&st[i].fields);
	tear_down();
}

static void a_limit_holds_for_new_contacts_only(void **state)
{
	(void)state;
	if (!set_up())
		return;
	assert_int_equal(do_register("c1", 1, "Contact: <sip:a@x>,<sip:b@x>,<sip:c@x>\r\n"), 200);
	assert_int_equal(do_register("c2", 1, "Contact: <sip:d@x>\r\n"), 403);
	assert_string_equal(bound(), "sip:a@x sip:b@x sip:c@x");
	config.max_contacts = 1;
	registrar_configure(reg, &config);
	assert_int_equal(do_register("c1", 2, "Contact: <sip:a@x>\r\n"), 200);
	assert_int_equal(do_register("c1", 3, "Contact: <sip:a@x>;expires=0\r\n"), 200);
	assert_string_equal(bound(), "sip:b@x sip:c@x");
	/* One in place of another is no more than before. */
	assert_int_equal(do_register("c1", 4, "Contact: <sip:b@x>;expires=0,<sip:e@x>\r\n"), 200);
	tear_down();
}

static void more_contacts_than_a_request_may_have_are_refused(void **state)
{
	AUTO_BUF fields = BUF_INIT;

	(void)state;
	if (!set_up())
		return;
	buf_str(&fields, "Contact: <sip:0@x>;expires=0");
	for (int i = 1; i < 65; i++)
		buf_printf(&fields, ",<sip:%d@x>;expires=0", i);
	buf_str(&fields, "\r\n");
	buf_char(&fields, '\0');
	assert_int_equal(do_register("c1", 1, fields.data), 400);
	tear_down();
}

static void contacts_too_large_to_keep_are_refused(void **state)
{
	AUTO_BUF fields = BUF_INIT;

	(void)state;
	if (!set_up())
		return;
	buf_str(&fields, "Supported: path\r\nContact: <sip:a@x>\r\n");
	for (int i = 0; i < 100; i++)
		buf_printf(&fields, "Path: <sip:%0100d@x;lr>\r\n", i);
	buf_char(&fields, '\0');
	assert_int_equal(do_register("c1", 1, fields.data), 400);
	assert_string_equal(bound(), "");
	tear_down();
}

static void a_transaction_that_is_gone_is_not_answered_but_the_change_goes_on(void **state)
{
	struct txn st, other;

	(void)state;
	if (!set_up())
		return;
	send_register(&st, "c1", 1, "Contact: <sip:a@x>\r\n");
	registrar_txn_gone(reg, &other);
	registrar_txn_gone(reg, &st);
	assert_true(fake_commit_end(&fake, 0));
	assert_int_equal(st.answers, 0);
	assert_string_equal(bound(), "sip:a@x");
	registrar_txn_gone(reg, &st);
	tear_down();
}

static void requests_under_way_are_forgotten_at_the_end(void **state)
{
	struct txn st[2];

	(void)state;
	if (!set_up())
		return;
	send_register(&st[0], "c1", 1, "Contact: <sip:a@x>\r\n");
	send_register(&st[1], "c1", 2, "Contact: <sip:a@x>\r\n");
	list_init(&fake.commits); /* the machine is switched off */
	tear_down();
	assert_int_equal(st[0].answers + st[1].answers, 0);
}

static void path_without_support_can_be_accepted(void **state)
{
	(void)state;
	if (!set_up())
		return;
	config.path_unsupported_ok = true;
	registrar_configure(reg, &config);
	assert_int_equal(do_register("c1", 1, "Contact: <sip:a@x>\r\nPath: <sip:p;lr>\r\n"), 200);
	tear_down();
}

static int one_alias(void *arg, const struct sip_uri *uri, struct buf *out)
{
	struct sip_uri plain = *uri;

	(void)arg;
	plain.port = 0;
	plain.host = SLICE("example.com");
	return sip_uri_aor(&plain, out);
}

static void the_caller_may_say_what_the_canonical_form_is(void **state)
{
	struct auth_identity who = { .name_buf = "alice", .name_len = 5 };

	(void)state;
	if (!set_up())
		return;
	registrar_free(reg);
	policy.aor = one_alias;
	assert_int_equal(registrar_new(&fake.rt, loc, &config, &policy, &reg), 0);
	who.realm = SLICE("example.com");
	send_full(&answer, "sip:example.org", "<sip:alice@example.com:5060>", "c1", 1,
		  "Contact: <sip:a@x>\r\n", &who);
	while (fake_commit_end(&fake, 0))
		;
	assert_int_equal(answer.status, 200);
	assert_string_equal(bound(), "sip:a@x");
	tear_down();
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_ALLOC_TEST(a_binding_is_acknowledged_when_it_is_committed),
		HARNESS_TEST(a_binding_keeps_everything_known_of_it),
		HARNESS_TEST(a_failed_commit_is_a_500_and_changes_nothing),
		HARNESS_TEST(each_step_of_rfc_3261_10_3_answers_as_it_says),
		HARNESS_TEST(who_may_change_an_address_of_record),
		HARNESS_TEST(call_id_and_cseq_order_requests),
		HARNESS_TEST(contacts_are_compared_as_uris),
		HARNESS_TEST(the_same_instance_replaces_its_old_contact),
		HARNESS_TEST(a_query_lists_all_bindings_and_commits_nothing),
		HARNESS_TEST(removing_what_is_not_there_commits_nothing),
		HARNESS_TEST(a_query_sees_what_was_received_before_it),
		HARNESS_TEST(requests_received_together_are_processed_in_their_order),
		HARNESS_TEST(a_limit_holds_for_new_contacts_only),
		HARNESS_TEST(more_contacts_than_a_request_may_have_are_refused),
		HARNESS_TEST(contacts_too_large_to_keep_are_refused),
		HARNESS_TEST(a_transaction_that_is_gone_is_not_answered_but_the_change_goes_on),
		HARNESS_TEST(requests_under_way_are_forgotten_at_the_end),
		HARNESS_TEST(path_without_support_can_be_accepted),
		HARNESS_TEST(the_caller_may_say_what_the_canonical_form_is),
	};
	int status = harness_run("registrar", tests, ARRAY_LEN(tests));

	buf_fini(&answer.fields);
	return status;
}
