/*
 * What the tests of the service share: a service on the fake runtime for the domains example.com
 * and example.org, a caller at CALLER, and everything sent as text.
 *
 *     wire(b)   "INVITE>udp:198.51.100.11:5060 180 200": requests with where they go, responses by
 *               their status. Requests are kept as b->out[], the last response as b->last.
 *
 * Requests to sip:script@example.com run the script "one", those to sip:other@... "two". Anybody
 * may relay, and nobody is asked for a password, unless the test says otherwise before start().
 */
#ifndef SIPCGID_TESTS_UNIT_CGI_FIXTURE_H
#define SIPCGID_TESTS_UNIT_CGI_FIXTURE_H

#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "cgi/run.h"

#define CALLER "198.51.100.7"
#define CALLER_PORT 5062
#define VIA_IN "SIP/2.0/UDP " CALLER ":5062;branch=z9hG4bKin"
#define OUT_MAX 64
#define T1_64 32000
#define AT(host) ">udp:" host ":5060"
#define SCRIPT "sip:script@example.com"

struct bench {
	struct fake_runtime f;
	struct service_config config;
	struct cgi_script scripts[2];
	struct cgi_route routes[3];
	struct location *loc;
	struct users *users;
	struct service *s;
	char wire[4096];
	char last[8192];
	struct {
		struct packet *packet;
		struct rt_flow to;
	} out[OUT_MAX];
	size_t n_out;
	unsigned cseq;
};

/* Sets up b->config for the test to change; start() makes the service. False when out of memory:
 * nothing is left to finish then. */
void prepare(struct bench *b);
bool start(struct bench *b);
bool bench_init(struct bench *b);
void bench_fini(struct bench *b);

/* A user with this password, or a binding of that user. */
void add_user(struct bench *b, const char *name, const char *domain, const char *password);
void bind_to(struct bench *b, const char *aor, const struct location_binding *v, size_t n);
void bind_one(struct bench *b, const char *aor, const char *contact);

/* A request of alice@example.com's arrives over UDP. @extra: fields, each with CRLF. */
void request(struct bench *b, const char *method, const char *uri, const char *extra);
/* The same from another place, or with another From. */
void request_from(struct bench *b, const char *method, const char *uri, const char *from,
		  const char *extra);
void receive_text(struct bench *b, const char *text, enum rt_transport transport);
void cancel(struct bench *b, const char *uri);
const char *wire(struct bench *b);
const char *sent_text(struct bench *b, size_t i);
/* The last request sent to that host, or a failed test. */
size_t sent_to(struct bench *b, const char *method, const char *host);
void answer(struct bench *b, size_t i, unsigned status);

/* The oldest run under way prints; ends; or both, well. */
void prints(struct bench *b, const char *text);
void ends(struct bench *b, enum rt_run_end how, int status);
void says(struct bench *b, const char *text);

/* Exactly this was sent, unless an allocation was made to fail. */
#define assert_wire(b, text)                                                                       \
	do {                                                                                       \
		const char *wire_ = wire(b);                                                       \
		if (!harness_alloc_failed())                                                       \
			assert_string_equal(wire_, text);                                          \
	} while (0)
#define assert_has(text, part)                                                                     \
	do {                                                                                       \
		if (!harness_alloc_failed() && !strstr(text, part))                                \
			fail_msg("no %s in\n%s", part, text);                                      \
	} while (0)
#define assert_has_not(text, part)                                                                 \
	do {                                                                                       \
		if (strstr(text, part))                                                            \
			fail_msg("%s in\n%s", part, text);                                         \
	} while (0)

#endif
