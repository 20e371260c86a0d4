/*
 * The torture messages of RFC 4475 and RFC 5118 against the parser, as tests/golden/expected.txt
 * says. What a server does with them is tested from outside.
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "sip/addr.h"
#include "sip/edit.h"
#include "sip/msg.h"

#define ROWS_MAX 128

/* One line of the table; the pieces point into table_text. */
struct row {
	struct slice name, section, kind, parser, element, why;
};

static char table_text[32768];
static struct row table[ROWS_MAX];
static size_t n_rows;

static size_t load(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	n = fread(buf, 1, cap, f);
	assert_true(feof(f) || n < cap);
	(void)fclose(f);
	return n;
}

static void read_table(void)
{
	struct slice rest, line;

	rest = slice_of(table_text,
			load(GOLDEN_DIR "/expected.txt", table_text, sizeof(table_text)));
	n_rows = 0;
	while (slice_split(&rest, '\n', &line)) {
		struct row *r = &table[n_rows];
		struct slice *cells[] = { &r->name,   &r->section, &r->kind,
					  &r->parser, &r->element, &r->why };

		if (line.n == 0 || line.p[0] == '#')
			continue;
		assert_true(n_rows < ROWS_MAX);
		for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
			assert_true(slice_split(&line, '|', cells[i]));
			*cells[i] = slice_trim(*cells[i]);
			assert_true(cells[i]->n > 0);
		}
		assert_int_equal(line.n, 0);
		n_rows++;
	}
}

static struct packet *load_message(struct slice name)
{
	static char buf[SIP_MSG_MAX];
	char path[512];

	assert_true(snprintf(path, sizeof(path), GOLDEN_DIR "/%.*s.dat", SLICE_FMT(name)) <
		    (int)sizeof(path));
	return packet_from(slice_of(buf, load(path, buf, sizeof(buf))));
}

static size_t count_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

static void all_messages_of_both_rfcs_are_in_the_table(void **state)
{
	size_t n_4475 = 0, n_5118 = 0;

	(void)state;
	read_table();
	for (size_t i = 0; i < n_rows; i++) {
		n_4475 += slice_starts(table[i].name, SLICE("rfc4475/"));
		n_5118 += slice_starts(table[i].name, SLICE("rfc5118/"));
		for (size_t j = 0; j < i; j++)
			assert_false(slice_eq(table[i].name, table[j].name));
	}
	assert_int_equal(n_4475, 50); /* 49 and baddn-ended */
	assert_int_equal(n_5118, 12);
	assert_int_equal(count_files(GOLDEN_DIR "/rfc4475"), n_4475);
	assert_int_equal(count_files(GOLDEN_DIR "/rfc5118"), n_5118);
}

static void each_message_is_found_good_or_faulty_as_its_section_says(void **state)
{
	(void)state;
	read_table();
	for (size_t i = 0; i < n_rows; i++) {
		const struct row *r = &table[i];
		struct packet *p = load_message(r->name);
		struct sip_error error = { 0 };
		struct sip_msg *m;
		char got[16];
		int rc;

		rc = p ? sip_msg_parse(p, &m, &error) : -ENOMEM;
		packet_unref(p);
		if (rc == -ENOMEM && harness_alloc_failed())
			return;
		if (rc < 0) {
			if (!slice_eq(r->parser, SLICE("none")))
				fail_msg("%.*s: %u:%u: %s", SLICE_FMT(r->name), error.line,
					 error.column, error.reason);
			continue;
		}
		if (m->fault.reason)
			(void)snprintf(got, sizeof(got), "%u", m->fault_status);
		else
			(void)snprintf(got, sizeof(got), "ok");
		if (!slice_eq(r->parser, slice_str(got)))
			fail_msg("%.*s: %s, %u:%u: %s", SLICE_FMT(r->name), got, m->fault.line,
				 m->fault.column, m->fault.reason ? m->fault.reason : "");
		if (m->is_request != slice_eq(r->kind, SLICE("request")))
			fail_msg("%.*s: request or response?", SLICE_FMT(r->name));
		assert_true(!m->fault.reason || (m->fault.line > 0 && m->fault.column > 0));
		sip_msg_unref(m);
	}
}

static size_t count_values(const struct sip_msg *m, enum sip_header id)
{
	struct sip_values it;
	struct slice element;
	size_t n = 0;

	sip_values_init(&it, m, id);
	while (sip_values_next(&it, &element))
		n++;
	return n;
}

static void assert_slice(const char *name, struct slice s, const char *want)
{
	if (!slice_eq(s, slice_str(want)))
		fail_msg("%s: \"%.*s\" is not \"%s\"", name, SLICE_FMT(s), want);
}

static struct sip_msg *parse_message(struct slice name)
{
	struct packet *p = load_message(name);
	struct sip_error error;
	struct sip_msg *m;

	assert_non_null(p);
	assert_int_equal(sip_msg_parse(p, &m, &error), 0);
	packet_unref(p);
	return m;
}

static void what_good_messages_say_is_understood(void **state)
{
	static const struct {
		const char *name, *method, *call_id;
		uint32_t cseq;
		const char *from_tag, *to_tag;
		int max_forwards;
		size_t vias, contacts, body;
		const char *user; /* of the Request-URI */
	} rows[] = {
		{ "rfc4475/wsinv", "INVITE", "wsinv.ndaksdj@192.0.2.1", 9, "98asjd8", "1918181833n",
		  68, 3, 1, 150, "vivekg" },
		{ "rfc4475/intmeth", "!interesting-Method0123456789_*+`.%indeed'~",
		  "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{", 139122385, "_token~1'+`*%!-.", "",
		  255, 1, 0, 0, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*" },
		{ "rfc4475/esc01", "INVITE", "esc01.239409asdfakjkn23onasd0-3234", 234234, "938",
		  "", 87, 1, 1, 150, "sips%3Auser%40example.com" },
		{ "rfc4475/escnull", "REGISTER", "escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd",
		  14398234, "839923423", "", 70, 1, 2, 0, "" },
		{ "rfc4475/esc02", "RE%47IST%45R", "esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf",
		  29344, "f232jadfj23", "", 70, 1, 2, 0, "" },
		{ "rfc4475/lwsdisp", "OPTIONS", "lwsdisp.1234abcd@funky.example.com", 60, "323", "",
		  70, 1, 0, 0, "user" },
		{ "rfc4475/dblreq", "REGISTER", "dblreq.0ha0isndaksdj99sdfafnl3lk233412", 8,
		  "43251j3j324", "", 8, 1, 1, 0, "" },
		{ "rfc4475/semiuri", "OPTIONS", "semiuri.0ha0isndaksdj", 8, "33242", "", 3, 1, 0, 0,
		  "user;par=u%40example.net" },
		{ "rfc4475/transports", "OPTIONS", "transports.kijh4akdnaqjkwendsasfdj", 60, "323",
		  "", 70, 5, 0, 0, "user" },
		{ "rfc4475/mpart01", "MESSAGE", "3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..", 1,
		  "2fb0dcc9", "", 70, 1, 1, 553, "kumiko" },
		{ "rfc4475/unreason", "", "unreason.1234ksdfak3j2erwedfsASdf", 35, "11141343",
		  "2229", -1, 1, 1, 154, "" },
		{ "rfc4475/noreason", "", "noreason.asndj203insdf99223ndf", 35, "39ansfi3",
		  "902jndnke3", -1, 1, 1, 0, "" },
		{ "rfc4475/zeromf", "OPTIONS", "zeromf.jfasdlfnm2o2l43r5u0asdfas", 39234321,
		  "3ghsd41", "", 0, 1, 0, 0, "user" },
		{ "rfc4475/inv2543", "INVITE", "inv2543.1717@ift.client.example.com", 56, "", "",
		  -1, 1, 0, 105, "UserB" },
		{ "rfc5118/mult-ip-in-header", "BYE", "997077@lau_4100", 89187, "81x2", "9817--94",
		  70, 3, 0, 0, "user" },
		{ "rfc5118/ipv4-mapped-ipv6", "INVITE", "SSG9559905523997077@hlau_4100", 612,
		  "81x2", "", 70, 2, 1, 245, "user" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name = rows[i].name;
		AUTO_MSG *m = parse_message(slice_str(name));

		assert_null(m->fault.reason);
		assert_slice(name, m->method_name, rows[i].method);
		assert_slice(name, m->call_id, rows[i].call_id);
		assert_int_equal(m->cseq.number, rows[i].cseq);
		assert_slice(name, m->from_tag, rows[i].from_tag);
		assert_slice(name, m->to_tag, rows[i].to_tag);
		assert_int_equal(m->max_forwards, rows[i].max_forwards);
		assert_int_equal(count_values(m, SIP_H_VIA), rows[i].vias);
		assert_int_equal(count_values(m, SIP_H_CONTACT), rows[i].contacts);
		assert_int_equal(m->body.n, rows[i].body);
		assert_slice(name, m->request_uri.user, rows[i].user);
	}
}

static void every_address_and_via_of_a_good_message_can_be_parsed(void **state)
{
	static const enum sip_header addresses[] = {
		SIP_H_FROM, SIP_H_TO, SIP_H_CONTACT, SIP_H_ROUTE, SIP_H_RECORD_ROUTE,
	};

	(void)state;
	read_table();
	for (size_t i = 0; i < n_rows; i++) {
		struct slice name = table[i].name, element;
		const char *reason = "";
		struct sip_values it;
		struct sip_msg *m;
		struct sip_addr a;
		struct sip_via v;

		if (!slice_eq(table[i].parser, SLICE("ok")))
			continue;
		m = parse_message(name);
		sip_values_init(&it, m, SIP_H_VIA);
		while (sip_values_next(&it, &element)) {
			if (sip_via_parse(element, &v, &reason) < 0)
				fail_msg("%.*s: %.*s: %s", SLICE_FMT(name), SLICE_FMT(element),
					 reason);
		}
		for (size_t h = 0; h < ARRAY_LEN(addresses); h++) {
			/* Section 3.1.2.13: the registrar's business, and bad. */
			bool good = addresses[h] != SIP_H_CONTACT ||
				    !slice_eq(name, SLICE("rfc4475/regbadct"));

			sip_values_init(&it, m, addresses[h]);
			while (sip_values_next(&it, &element)) {
				if ((sip_addr_parse(element, &a, &reason) == 0) != good)
					fail_msg("%.*s: %.*s: %s", SLICE_FMT(name),
						 SLICE_FMT(element), reason);
			}
		}
		sip_msg_unref(m);
	}
}

static void unedited_good_messages_are_rendered_as_they_came(void **state)
{
	(void)state;
	read_table();
	for (size_t i = 0; i < n_rows; i++) {
		struct packet *out = NULL;
		struct slice want, got;
		struct sip_msg *m;

		if (!slice_eq(table[i].parser, SLICE("ok")))
			continue;
		m = parse_message(table[i].name);
		if (sip_msg_field(m, SIP_H_CONTENT_LENGTH)) {
			assert_int_equal(sip_render(m, NULL, &out), 0);
			/* What lies behind the body is not ours. */
			want = slice_head(packet_view(m->packet), m->head_len + m->body.n);
			got = packet_view(out);
			if (!slice_eq(got, want))
				fail_msg("%.*s", SLICE_FMT(table[i].name));
			packet_unref(out);
		}
		sip_msg_unref(m);
	}
}

/* Parses exactly these bytes and asks for everything there is. */
static void parse_any(struct slice bytes)
{
	struct packet *p = packet_from(bytes);
	struct sip_error error;
	struct sip_values it;
	struct slice element;
	struct sip_addr a;
	struct sip_via v;
	struct sip_msg *m;

	assert_non_null(p);
	if (sip_msg_parse(p, &m, &error) == 0) {
		sip_values_init(&it, m, SIP_H_VIA);
		while (sip_values_next(&it, &element))
			(void)sip_via_parse(element, &v, NULL);
		sip_values_init(&it, m, SIP_H_CONTACT);
		while (sip_values_next(&it, &element))
			(void)sip_addr_parse(element, &a, NULL);
		sip_msg_unref(m);
	} else {
		assert_non_null(error.reason);
	}
	packet_unref(p);
}

static void every_prefix_and_every_changed_byte_ends_in_an_answer(void **state)
{
	static const char hostile[] = {
		'\0', '\r', '\n', '"', '<', '>', ':', ';', ',', '%', '\x80'
	};

	(void)state;
	read_table();
	for (size_t i = 0; i < n_rows; i++) {
		struct packet *p = load_message(table[i].name);

		assert_non_null(p);
		for (size_t n = 0; n < p->len; n++) {
			char old = p->data[n];

			parse_any(slice_of(p->data, n));
			p->data[n] = hostile[n % sizeof(hostile)];
			parse_any(packet_view(p));
			p->data[n] = old;
		}
		packet_unref(p);
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(all_messages_of_both_rfcs_are_in_the_table),
		HARNESS_ALLOC_TEST(each_message_is_found_good_or_faulty_as_its_section_says),
		HARNESS_TEST(what_good_messages_say_is_understood),
		HARNESS_TEST(every_address_and_via_of_a_good_message_can_be_parsed),
		HARNESS_TEST(unedited_good_messages_are_rendered_as_they_came),
		HARNESS_TEST(every_prefix_and_every_changed_byte_ends_in_an_answer),
	};

	return harness_run("golden", tests, ARRAY_LEN(tests));
}
