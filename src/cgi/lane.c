/* Runs that wait: each script has its own bounded, aged queue, so that a slow one delays only
 * itself. RFC 3050 7.5. */
#include <stdlib.h>

#include "base/log.h"
#include "cgi/queue.h"
#include "cgi/run.h"

struct cgi_lane *lane_of(struct service *s, const struct cgi_script *script)
{
	struct cgi_lane *lane;

	LIST_EACH (&s->lanes, it) {
		lane = LIST_ENTRY(it, struct cgi_lane, link);
		if (slice_eq(slice_str(lane->name), script->name))
			return lane;
	}
	lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	lane->name = slice_dup(script->name);
	if (!lane->name) {
		free(lane);
		return NULL;
	}
	list_init(&lane->waiting);
	list_push_back(&s->lanes, &lane->link);
	return lane;
}

void run_lanes_free(struct service *s)
{
	struct list *it;

	while ((it = list_pop(&s->lanes))) {
		struct cgi_lane *lane = LIST_ENTRY(it, struct cgi_lane, link);

		free(lane->name);
		free(lane);
	}
}

static void refuse(struct session *ss, const char *why)
{
	METRIC_INC(ss->svc->rt, SCRIPT_REFUSED);
	LOG(LOG_WARN, "script run refused", LOG_SLICE("call-id", ss->ctx->req->call_id),
	    LOG_SLICE("script", ss->script->name), LOG_STR("reason", why));
	/* What comes after the first run is not a new request: the default action. */
	if (ss->trigger)
		queue_ended(ss, false, false);
	else
		session_answer(ss, 503, SLICE("Retry-After: 5"));
}

static void too_old(struct wheel_timer *t)
{
	struct session *ss = CONTAINER_OF(t, struct session, patience);

	run_give_up_waiting(ss);
	refuse(ss, "waited too long for a place");
}

bool lane_wait(struct cgi_lane *lane, struct session *ss)
{
	if (lane->n_waiting >= ss->script->queue) {
		refuse(ss, "queue is full");
		return false;
	}
	ss->lane = lane;
	list_push_back(&lane->waiting, &ss->waiting);
	lane->n_waiting++;
	METRIC_INC(ss->svc->rt, SCRIPT_QUEUED);
	ss->patience.fire = too_old;
	rt_timer_in(ss->svc->rt, &ss->patience, ss->script->queue_age_ms);
	return true;
}

static void lane_next(struct cgi_lane *lane)
{
	while (!list_empty(&lane->waiting)) {
		struct session *ss = LIST_ENTRY(lane->waiting.next, struct session, waiting);
		struct list *next = ss->waiting.next;

		run_give_up_waiting(ss);
		if (run_start(ss))
			continue;
		/* Still no place: back to where it stood, with the patience it has left. */
		list_insert_(&ss->waiting, next->prev, next);
		lane->n_waiting++;
		wheel_set(&ss->svc->rt->wheel, &ss->patience, ss->patience.at);
		return;
	}
}

void lanes_next(struct service *s)
{
	struct list *first = list_empty(&s->lanes) ? NULL : s->lanes.next;

	LIST_EACH (&s->lanes, it)
		lane_next(LIST_ENTRY(it, struct cgi_lane, link));
	/* Where places of the runner are short, each script is the first in turn. */
	if (first) {
		list_del(first);
		list_push_back(&s->lanes, first);
	}
}
