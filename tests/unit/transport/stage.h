/*
 * A loop, a runtime and a transport for tests over real loopback sockets: turned until something
 * is true, with a deadline that only a fault reaches. What comes in is kept, and echoed on request.
 */
#ifndef SIPCGID_TESTS_UNIT_TRANSPORT_STAGE_H
#define SIPCGID_TESTS_UNIT_TRANSPORT_STAGE_H

#include "harness.h"

#include <errno.h>
#include <uv.h>

#include "daemon/runtime_uv.h"
#include "transport/transport.h"

#define STAGE_KEEP 512
#define STAGE_CLIENTS 16

struct stage_msg {
	struct packet *p;
	struct rt_flow flow;
	int err; /* 0: a message; else what malformed() was told */
};

struct stage {
	uv_loop_t loop;
	struct runtime_uv *u;
	struct runtime *rt;
	struct transport *t;
	bool echo;           /* everything is sent back where it came from */
	const char *refusal; /* sent from within malformed() */
	bool sending;        /* a call into the transport is under way: no event may come */
	struct stage_msg got[STAGE_KEEP];
	size_t n_got;
	struct {
		uint64_t sender;
		int err;
	} failed[STAGE_KEEP];
	size_t n_failed;
	int clients[STAGE_CLIENTS]; /* closed by stage_down() */
	size_t n_clients;
	uint64_t deadline;
};

/* False: an allocation was made to fail; nothing to take down. @config NULL: the default. */
bool stage_up(struct stage *s, const struct transport_config *config);
void stage_down(struct stage *s);
/* A listener on the loopback address of that family; false: an allocation was made to fail. */
bool stage_listen(struct stage *s, enum rt_transport transport, int family, size_t *ret_index);
int stage_send(struct stage *s, const struct rt_flow *to, const char *text, uint64_t sender);
/* One turn; false when waiting is in vain: an allocation has failed. Fails the test when late. */
bool stage_turn(struct stage *s);
#define STAGE_UNTIL(s, condition)                                                                  \
	do {                                                                                       \
		(s)->deadline = uv_hrtime() + 10 * UINT64_C(1000000000);                           \
		for (unsigned turns_ = 0; !(condition) && turns_ < 20;)                            \
			turns_ += stage_turn(s) ? 0 : 1;                                           \
	} while (0)

/* System calls made through the linker's --wrap, since the test set them to 0. */
extern struct stage_calls {
	unsigned sendmmsg, recvmmsg;
	unsigned block; /* so many sendmmsg(2) from now on find the socket full */
} stage_calls;

bool stage_has_failed(const struct stage *s, uint64_t sender, int err);

/* Plain non-blocking sockets of the test. @from NULL: any. */
int client_udp(struct stage *s, const char *from);
int client_tcp(struct stage *s, const struct net_addr *to);
/* Listens; its address is stored. */
int client_listen(struct stage *s, const char *host, int backlog, struct net_addr *ret);
int client_accept(struct stage *s, int fd);
void client_close(struct stage *s, int fd);
void client_send(int fd, const char *text, size_t n);
void client_send_to(int fd, const struct net_addr *to, const void *p, size_t n);
struct net_addr client_addr(int fd);
/* The stage's name for an address of its own. */
struct net_addr stage_addr(const struct stage *s, size_t listener);

#endif
