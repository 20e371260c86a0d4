/* What the operator says by signals, told on the loop. */
#ifndef SIPCGID_DAEMON_SIGNALS_H
#define SIPCGID_DAEMON_SIGNALS_H

#include <uv.h>

struct signals_handler {
	void (*reload)(void *arg); /* SIGHUP */
	void (*stop)(void *arg);   /* SIGTERM, SIGINT; each time */
	void *arg;
};

/* SIGHUP, SIGTERM, SIGINT. */
#define SIGNALS_COUNT 3

struct signals {
	uv_signal_t watch[SIGNALS_COUNT];
	struct signals_handler handler;
	int active; /* watches that are open */
};

/*
 * Ignores SIGPIPE: a peer that has gone is an error of write(2). Does not keep the loop alive.
 * A negative errno leaves nothing to stop but what signals_stop() closes.
 */
int signals_start(uv_loop_t *loop, const struct signals_handler *handler, struct signals *s);
/* The loop must run once more before @s goes. */
void signals_stop(struct signals *s);

#endif
