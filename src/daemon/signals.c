/* Signals become events of the loop. */
#include "daemon/signals.h"

#include <signal.h>

#include "base/cleanup.h"

static void arrived(uv_signal_t *watch, int number)
{
	struct signals *s = watch->data;

	if (number == SIGHUP)
		s->handler.reload(s->handler.arg);
	else
		s->handler.stop(s->handler.arg);
}

int signals_start(uv_loop_t *loop, const struct signals_handler *handler, struct signals *s)
{
	static const int numbers[] = { SIGHUP, SIGTERM, SIGINT };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int rc;

	*s = (struct signals){ .handler = *handler };
	(void)sigaction(SIGPIPE, &ignore, NULL);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		/* libuv's error codes are negative errno values. */
		rc = uv_signal_init(loop, &s->watch[i]);
		if (rc < 0)
			return rc;
		s->active++;
		s->watch[i].data = s;
		rc = uv_signal_start(&s->watch[i], arrived, numbers[i]);
		if (rc < 0)
			return rc;
		uv_unref((uv_handle_t *)&s->watch[i]);
	}
	return 0;
}

void signals_stop(struct signals *s)
{
	for (int i = 0; i < s->active; i++)
		uv_close((uv_handle_t *)&s->watch[i], NULL);
	s->active = 0;
}
