/*
 * What connections read and write. Reading: messages are cut out of the shared read buffer, only
 * an incomplete one is kept with its connection. Writing: what is queued goes out in one writev(2)
 * when the loop is about to sleep; libuv keeps what the socket does not take. RFC 3261 18.3.
 */
#include "transport/internal.h"

#include <errno.h>
#include <stdlib.h>

#define WRITE_BATCH 64
/* So many bytes are worth a system call of their own. */
#define WRITE_EAGER 65536
/* Reads that complete a message: what it wants, within reason. */
#define READ_MORE 16384
/* Keep-alives answered at a time; more are a flood. */
#define PONGS_MAX 16
#define RING_MIN 8u
#define RING_KEEP 64u

static struct conn_out *out_at(const struct conn *c, unsigned i)
{
	return &c->out[(c->out_head + i) & (c->out_cap - 1)];
}

static int ring_grow(struct conn *c)
{
	unsigned cap = c->out_cap ? 2 * c->out_cap : RING_MIN;
	struct conn_out *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (unsigned i = 0; i < c->out_count; i++)
		ring[i] = *out_at(c, i);
	free(c->out);
	c->out = ring;
	c->out_cap = cap;
	c->out_head = 0;
	return 0;
}

static void out_pop(struct conn *c)
{
	struct conn_out *first = out_at(c, 0);

	c->out_bytes -= first->packet->len;
	c->t->out_bytes -= first->packet->len;
	packet_unref(first->packet);
	c->out_head = (c->out_head + 1) & (c->out_cap - 1);
	c->out_offset = 0;
	if (--c->out_count == 0 && c->out_cap > RING_KEEP) {
		free(TAKE_PTR(c->out));
		c->out_cap = c->out_head = 0;
	}
}

void conn_drop_output(struct conn *c, int err)
{
	for (unsigned i = 0; i < c->n_late; i++)
		transport_fail(c->t, c->late[i], err);
	c->n_late = 0;
	while (c->out_count > 0) {
		transport_fail(c->t, out_at(c, 0)->sender, err);
		out_pop(c);
	}
}

static bool can_write(const struct conn *c)
{
	return c->state == CONN_OPEN || c->state == CONN_HALF || c->state == CONN_DRAINING;
}

int conn_queue(struct conn *c, struct packet *p, uint64_t sender)
{
	struct transport *t = c->t;

	if (c->out_bytes + p->len > t->config.conn_queue_max ||
	    t->out_bytes + p->len > t->config.queue_max)
		return -ENOBUFS;
	if (c->out_count == c->out_cap && ring_grow(c))
		return -ENOMEM;
	*out_at(c, c->out_count++) = (struct conn_out){ packet_ref(p), sender };
	c->out_bytes += p->len;
	t->out_bytes += p->len;
	c->active = t->rt->now;
	if (!can_write(c) || c->writing)
		return 0;
	if (c->out_bytes >= WRITE_EAGER)
		conn_flush(c);
	else if (!list_linked(&c->dirty))
		list_push_back(&t->dirty, &c->dirty);
	return 0;
}

/* A peer that has ended may be gone altogether: what it gets now is watched for a while. */
static void watch_late(struct conn *c, uint64_t sender)
{
	if (sender == 0 || c->n_late == CONN_LATE_MAX)
		return;
	c->late[c->n_late++] = sender;
	if (!wheel_is_set(&c->probe))
		rt_timer_in(c->t->rt, &c->probe, CONN_PROBE_MS);
}

static void written(struct conn *c, size_t n)
{
	c->written += n;
	while (c->out_count > 0) {
		struct conn_out *first = out_at(c, 0);
		size_t left = first->packet->len - c->out_offset;

		if (n < left)
			break;
		n -= left;
		METRIC_INC(c->t->rt, SENT);
		if (c->state == CONN_HALF)
			watch_late(c, first->sender);
		out_pop(c);
	}
	c->out_offset += n;
	if (n == 0 && c->out_count == 0)
		rt_timer_stop(c->t->rt, &c->io);
}

static unsigned fill_bufs(const struct conn *c, uv_buf_t *bufs, size_t *ret_bytes)
{
	unsigned n = c->out_count < WRITE_BATCH ? c->out_count : WRITE_BATCH;
	size_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct packet *p = out_at(c, i)->packet;
		size_t skip = i == 0 ? c->out_offset : 0;

		bufs[i] = uv_buf_init(p->data + skip, (unsigned)(p->len - skip));
		bytes += p->len - skip;
	}
	*ret_bytes = bytes;
	return n;
}

static void write_done(uv_write_t *req, int status)
{
	struct conn *c = CONTAINER_OF(req, struct conn, write);
	size_t n = c->writing;

	c->writing = 0;
	if (c->state == CONN_CLOSED)
		return;
	rt_awake(c->t->rt);
	if (status < 0) {
		conn_event(c, CONN_EV_ERROR, status);
		return;
	}
	c->active = c->t->rt->now;
	written(c, n);
	conn_flush(c);
}

/* The socket is full: libuv waits for it. */
static void write_rest(struct conn *c)
{
	uv_buf_t bufs[WRITE_BATCH];
	unsigned n = fill_bufs(c, bufs, &c->writing);
	int rc = uv_write(&c->write, (uv_stream_t *)&c->tcp, bufs, n, write_done);

	if (rc) {
		c->writing = 0;
		conn_event(c, CONN_EV_ERROR, rc);
		return;
	}
	if (!wheel_is_set(&c->io)) {
		c->stall_mark = c->written;
		rt_timer_in(c->t->rt, &c->io, c->t->config.stall_ms);
	}
}

void conn_flush(struct conn *c)
{
	list_del(&c->dirty);
	if (!can_write(c) || c->writing)
		return;
	while (c->out_count > 0) {
		uv_buf_t bufs[WRITE_BATCH];
		size_t bytes;
		unsigned n = fill_bufs(c, bufs, &bytes);
		int rc = uv_try_write((uv_stream_t *)&c->tcp, bufs, n);

		if (rc < 0 && rc != UV_EAGAIN) {
			conn_event(c, CONN_EV_ERROR, rc);
			return;
		}
		if (rc > 0)
			written(c, (size_t)rc);
		if (rc < 0 || (size_t)rc < bytes) {
			write_rest(c);
			return;
		}
	}
	conn_event(c, CONN_EV_FLUSHED, 0);
}

static struct rt_flow flow_of(const struct conn *c)
{
	return (struct rt_flow){
		.transport = (uint8_t)c->transport,
		.listener = c->listener,
		.conn = c->id,
		.peer = c->peer,
	};
}

/* RFC 5626 3.5.1: a double CRLF is answered with a single one. */
static void answer_pings(struct conn *c)
{
	unsigned n = c->frame.pings < PONGS_MAX ? c->frame.pings : PONGS_MAX;
	struct packet *p = NULL;

	c->frame.pings = 0;
	if (n > 0 && c->state == CONN_OPEN)
		p = packet_new(2 * (size_t)n);
	if (!p)
		return;
	for (unsigned i = 0; i < n; i++)
		memcpy(p->data + 2 * (size_t)i, "\r\n", 2);
	(void)conn_queue(c, p, 0);
	packet_unref(p);
}

static int deliver(struct conn *c, struct slice msg)
{
	struct transport *t = c->t;
	struct rt_flow flow = flow_of(c);
	struct packet *p = packet_from(msg);

	if (!p)
		return -ENOMEM;
	c->active = t->rt->now;
	c->heard = true;
	METRIC_INC(t->rt, RECV_STREAM);
	t->events.message(t->arg, p, &flow);
	packet_unref(p);
	return 0;
}

static void deliver_fault(struct conn *c, struct slice head, int err)
{
	struct transport *t = c->t;
	struct rt_flow flow = flow_of(c);
	struct packet *p = packet_from(head);

	if (p && t->events.malformed)
		t->events.malformed(t->arg, p, &flow, err);
	packet_unref(p);
	conn_event(c, CONN_EV_FAULT, err);
}

/* Messages in @bytes; how many bytes are done with. */
static size_t cut(struct conn *c, struct slice bytes)
{
	struct slice rest = bytes;

	while (rest.n > 0 && c->state == CONN_OPEN) {
		struct slice msg = SLICE_EMPTY;
		ptrdiff_t n = sip_frame(&c->frame, rest, &msg);

		if (n == 0)
			break;
		if (n < 0) {
			deliver_fault(c, msg, (int)n);
			return bytes.n;
		}
		rt_timer_stop(c->t->rt, &c->message);
		if (msg.n > 0 && deliver(c, msg)) {
			conn_event(c, CONN_EV_ERROR, -ENOMEM);
			return bytes.n;
		}
		rest = slice_skip(rest, (size_t)n);
	}
	answer_pings(c);
	return bytes.n - rest.n;
}

/* What has not been used is the beginning of a message. */
static void keep(struct conn *c, struct slice rest)
{
	if (c->state != CONN_OPEN)
		return;
	if (rest.n == 0) {
		buf_fini(&c->in);
		c->in = BUF_INIT;
		return;
	}
	if (c->in.len == 0)
		buf_slice(&c->in, rest);
	else
		buf_consume(&c->in, c->in.len - rest.n);
	if (c->in.err)
		conn_event(c, CONN_EV_ERROR, -ENOMEM);
	else if (!wheel_is_set(&c->message))
		rt_timer_in(c->t->rt, &c->message, c->t->config.message_ms);
}

static void alloc_read(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = handle->data;
	char *p;

	(void)suggested;
	if (c->in.len == 0) {
		*buf = uv_buf_init(c->t->read_buf, STREAM_READ_MAX);
		return;
	}
	p = buf_reserve(&c->in, READ_MORE);
	*buf = uv_buf_init(p, p ? READ_MORE : 0); /* of no bytes: libuv says UV_ENOBUFS */
}

static void has_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;
	struct slice bytes;

	if (n == 0 || c->state == CONN_CLOSED)
		return;
	rt_awake(c->t->rt);
	if (n < 0) {
		/* Who came and said nothing waits for no answer. */
		bool wants = c->heard || !c->source;

		conn_event(c, n == UV_EOF && wants ? CONN_EV_EOF : CONN_EV_ERROR, (int)n);
		return;
	}
	if (c->state != CONN_OPEN)
		return; /* lingering: nobody reads it */
	if (c->in.len > 0) {
		buf_commit(&c->in, (size_t)n);
		bytes = buf_view(&c->in);
	} else {
		bytes = slice_of(buf->base, (size_t)n);
	}
	keep(c, slice_skip(bytes, cut(c, bytes)));
}

int conn_read_start(struct conn *c)
{
	return uv_read_start((uv_stream_t *)&c->tcp, alloc_read, has_read);
}
