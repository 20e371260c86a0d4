/* What the files of this module share. Nothing here is for others. */
#ifndef SIPCGID_TRANSPORT_INTERNAL_H
#define SIPCGID_TRANSPORT_INTERNAL_H

#include "sip/frame.h"
#include "transport/transport.h"

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"

#define STREAM_READ_MAX 65536
#define CONN_LATE_MAX 16
#define CONN_PROBE_MS 250

struct udp;
struct udp_batch;

struct listener {
	struct transport *t;
	uint16_t index;
	enum rt_transport transport;
	int fd; /* -1 once closed */
	int family;
	uv_poll_t poll;
	bool polled;               /* poll has been initialized: it has to be closed */
	struct udp *udp;           /* owned; NULL for streams */
	struct wheel_timer resume; /* streams: accept again */
	char *host;                /* owned: the advertised name */
};

/* Accepted connections per source. */
struct source {
	struct map_node node;
	struct net_addr host; /* port 0; IPv6: the /64 */
	size_t count;
	bool told; /* that its limit is reached */
};

enum conn_state {
	CONN_CONNECTING,
	CONN_OPEN,
	CONN_HALF,     /* the peer has ended; answers still go out */
	CONN_DRAINING, /* what waits still goes out, then we end */
	CONN_LINGER,   /* we have ended; until the peer has too */
	CONN_CLOSED,   /* nothing but its memory is left */
	CONN_STATES
};

struct conn_out {
	struct packet *packet;
	uint64_t sender;
};

struct conn {
	struct transport *t;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct list link;  /* transport.conns */
	struct list half;  /* transport.half, while CONN_HALF: who may go first */
	struct list dirty; /* transport.dirty: has something to write */
	struct map_node by_id;
	struct map_node by_peer;
	bool reusable;         /* in transport.by_peer */
	bool heard;            /* it has brought a message */
	struct source *source; /* NULL if we opened it */
	enum conn_state state;
	uint64_t id;
	enum rt_transport transport;
	uint16_t listener;
	struct net_addr peer;

	struct sip_frame frame;
	struct buf in; /* an incomplete message; no memory between messages */

	struct conn_out *out; /* ring; @out_cap is a power of two or 0 */
	unsigned out_cap, out_head, out_count;
	size_t out_offset;   /* of the first: so many bytes are written */
	size_t out_bytes;    /* that wait */
	size_t writing;      /* bytes that are with libuv; 0: none */
	uint64_t written;    /* bytes in all */
	uint64_t stall_mark; /* of these, when the stall timer was set */

	uint64_t late[CONN_LATE_MAX]; /* senders after the peer's end, not known to have arrived */
	unsigned n_late;

	uint64_t active; /* runtime.now of the last message, either way */
	struct wheel_timer idle;
	struct wheel_timer message;
	struct wheel_timer io;    /* connect, stall, half and linger: what the state means */
	struct wheel_timer probe; /* CONN_HALF: has the peer taken it? */
};

struct failure {
	uint64_t sender;
	int err;
};

struct transport {
	uv_loop_t *loop;
	struct runtime *rt;
	struct transport_config config;
	struct transport_events events;
	void *arg;
	bool freed;     /* goes with its last handle */
	size_t handles; /* open or closing */

	struct listener **listeners; /* as rt->listeners, index by index */
	struct rt_listener *public;  /* what rt->listeners points to */
	size_t n_listeners;

	struct udp_batch *batch; /* made by the first UDP listener */
	uint64_t udp_salt;       /* upper half of the conn of a datagram */

	struct list conns;
	struct list half; /* the longest ended first */
	struct list dirty;
	struct map by_id;
	struct map by_peer;
	struct map sources;
	size_t n_conns;
	size_t out_bytes; /* that wait on all of them */
	uint64_t next_conn;
	char *read_buf; /* STREAM_READ_MAX, made by the first stream listener */
	int spare;      /* a descriptor for refusing when there are no others */
	bool starved;   /* said already that there are none */
	bool stopped;   /* transport_stop_accepting() */
	bool crowded;   /* said already that the limit is reached */

	struct failure *failures; /* to be told by transport_flush() */
	size_t n_failures, failures_cap;
};

/* transport.c */
/* Remembers that @sender has failed, for transport_flush(); 0 is nobody. */
void transport_fail(struct transport *t, uint64_t sender, int err);
/* One handle less; the last one takes a freed transport with it. */
void transport_handle_closed(struct transport *t);

/* listen.c */
void listener_close(struct listener *l); /* frees it too, from the loop */
/* The first listener of that transport and family, or NULL. */
struct listener *listener_find(const struct transport *t, enum rt_transport transport, int family);
void accept_start(struct listener *l);
void accept_stop(struct listener *l);
void accept_resume(struct wheel_timer *timer);
void accept_ready(uv_poll_t *handle, int status, int events);

/* udp.c */
int udp_open(struct listener *l, bool wildcard);
void udp_close(struct listener *l);
int udp_send(struct listener *l, const struct rt_flow *to, struct packet *p, uint64_t sender);
void udp_flush(struct listener *l);
size_t udp_pending(const struct listener *l);

/* conn.c */
int stream_send(struct transport *t, const struct rt_flow *to, struct packet *p, uint64_t sender);
/* Takes @fd in any case. */
void conn_accept(struct listener *l, int fd, const struct net_addr *peer);
void conn_close(struct conn *c, int err);
/* Closes the connection whose peer has ended the longest ago, of @s if that is not NULL, which may
 * go with it. False: there is none. */
bool conn_make_room(struct transport *t, const struct source *s);
const char *conn_state_name(enum conn_state state);

enum conn_event {
	CONN_EV_CONNECTED,
	CONN_EV_EOF,     /* the peer has ended */
	CONN_EV_FAULT,   /* the stream cannot be followed */
	CONN_EV_FLUSHED, /* nothing waits any more */
	CONN_EV_ERROR,
	CONN_EV_TIMEOUT, /* any of the timers */
	CONN_EVENTS
};
void conn_event(struct conn *c, enum conn_event ev, int err);
/* The state that follows, or -ENOENT: such an event is ignored there. */
int conn_step(enum conn_state in, enum conn_event on, enum conn_state *ret);

/* tcp.c */
/* -ENOBUFS: the queue is full; -ENOMEM. */
int conn_queue(struct conn *c, struct packet *p, uint64_t sender);
void conn_flush(struct conn *c);
int conn_read_start(struct conn *c);
void conn_drop_output(struct conn *c, int err);

#endif
