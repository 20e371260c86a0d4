/*
 * The glue between c-ares and libuv. c-ares says which descriptors it wants to be watched; each
 * gets a uv_poll_t. Search domains are never applied: a SIP domain is always complete.
 */
#include "resolve/cares.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"

struct cares {
	uv_loop_t *loop;
	struct runtime *rt;
	ares_channel channel;
	uv_timer_t timer;
	struct list sockets;
	size_t handles; /* open or closing; the last one takes all with it */
};

struct cares_socket {
	struct list link;
	struct cares *c;
	uv_poll_t poll;
	ares_socket_t fd;
	int events;
	bool closing;
};

static void handle_closed(struct cares *c)
{
	if (--c->handles == 0)
		free(c);
}

static void socket_closed(uv_handle_t *handle)
{
	struct cares_socket *s = handle->data;
	struct cares *c = s->c;

	free(s);
	handle_closed(c);
}

static void timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void timer_fired(uv_timer_t *timer);

/* After every call into c-ares: when it wants to be called again. */
static void arm(struct cares *c)
{
	struct timeval tv;
	struct timeval *next = ares_timeout(c->channel, NULL, &tv);

	if (!next)
		(void)uv_timer_stop(&c->timer);
	else
		(void)uv_timer_start(
			&c->timer, timer_fired,
			(uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1, 0);
}

static void timer_fired(uv_timer_t *timer)
{
	struct cares *c = timer->data;

	rt_awake(c->rt);
	ares_process_fd(c->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(c);
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct cares_socket *s = poll->data;
	struct cares *c = s->c;

	rt_awake(c->rt);
	/* An error is for c-ares to find; libuv has stopped the handle then. */
	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	ares_process_fd(c->channel, events & UV_READABLE ? s->fd : ARES_SOCKET_BAD,
			events & UV_WRITABLE ? s->fd : ARES_SOCKET_BAD);
	if (status < 0 && !s->closing)
		(void)uv_poll_start(&s->poll, s->events, socket_ready);
	arm(c);
}

static struct cares_socket *socket_find(struct cares *c, ares_socket_t fd)
{
	LIST_EACH (&c->sockets, it) {
		struct cares_socket *s = LIST_ENTRY(it, struct cares_socket, link);

		if (s->fd == fd)
			return s;
	}
	return NULL;
}

static struct cares_socket *socket_add(struct cares *c, ares_socket_t fd)
{
	struct cares_socket *s = calloc(1, sizeof(*s));

	/* Without memory the query runs into its timeout. */
	if (!s)
		return NULL;
	s->c = c;
	s->fd = fd;
	if (uv_poll_init(c->loop, &s->poll, fd)) {
		free(s);
		return NULL;
	}
	s->poll.data = s;
	c->handles++;
	list_push_back(&c->sockets, &s->link);
	return s;
}

/* Called before c-ares closes the descriptor, with neither wanted. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct cares *c = arg;
	struct cares_socket *s = socket_find(c, fd);

	if (!readable && !writable) {
		if (!s)
			return;
		s->closing = true;
		list_del(&s->link);
		uv_close((uv_handle_t *)&s->poll, socket_closed);
		return;
	}
	if (!s)
		s = socket_add(c, fd);
	if (!s)
		return;
	s->events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
	(void)uv_poll_start(&s->poll, s->events, socket_ready);
}

int cares_new(uv_loop_t *loop, struct runtime *rt, const char *servers, uint32_t timeout_ms,
	      unsigned tries, struct cares **ret)
{
	struct ares_options options = { 0 };
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS;
	AUTO_FREE struct cares *c = NULL;
	char lookups[] = "fb";
	int rc;

	/* Counted by the library; nothing of ours ends it. */
	if (ares_library_init(ARES_LIB_INIT_ALL))
		return -ENOMEM;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->rt = rt;
	list_init(&c->sockets);
	options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
	options.timeout = (int)timeout_ms;
	options.tries = (int)tries;
	options.lookups = lookups;
	options.sock_state_cb = socket_state;
	options.sock_state_cb_data = c;
	if (ares_init_options(&c->channel, &options, mask))
		return -ENOMEM;
	if (servers) {
		rc = ares_set_servers_ports_csv(c->channel, servers);
		if (rc) {
			ares_destroy(c->channel);
			return rc == ARES_ENOMEM ? -ENOMEM : -EINVAL;
		}
	}
	(void)uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->handles = 1;
	*ret = TAKE_PTR(c);
	return 0;
}

void cares_free(struct cares *c)
{
	if (!c)
		return;
	ares_destroy(c->channel);
	uv_close((uv_handle_t *)&c->timer, timer_closed);
}

void cares_addresses(struct cares *c, const char *name, int family, ares_addrinfo_callback fn,
		     void *arg)
{
	struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT, .ai_family = family };

	ares_getaddrinfo(c->channel, name, NULL, &hints, fn, arg);
	arm(c);
}

int cares_error(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return -ENOENT;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	case ARES_ENOMEM:
		return -ENOMEM;
	default:
		return -EAGAIN;
	}
}
