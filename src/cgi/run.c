/*
 * One run of a script: RFC 3050 5.3 to 5.6, 7.5. Makes the environment, follows the output, and
 * decides what a run that went wrong means. What the messages do is apply.c's.
 */
#include "cgi/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define ERROR_LINE_MAX 1024 /* bytes of a line of standard error that are logged */
#define ERROR_LINES_MAX 100 /* lines of one run that are logged */

static const struct cgi_output_error no_end = { 0, "no end within its time", "RFC 3050 5.6" };

static void run_free(struct cgi_run *run)
{
	if (!run)
		return;
	list_del(&run->link);
	if (run->svc)
		rt_timer_stop(run->svc->rt, &run->limit);
	cgi_output_fini(&run->output);
	buf_fini(&run->error_line);
	buf_fini(&run->env);
	arena_fini(&run->arena);
	sip_msg_unref(run->msg);
	service_config_unref(run->config);
	free(run);
}

/* The script failed: RFC 3050 5.6. What it did before stays done. */
static void fail(struct cgi_run *run, unsigned status, const struct cgi_output_error *error)
{
	struct session *ss = run->ss;

	METRIC_INC(run->svc->rt, SCRIPT_FAILED);
	LOG(LOG_WARN, "script failed", LOG_SLICE("call-id", run->call_id),
	    LOG_SLICE("script", run->script->name), LOG_INT("status", status),
	    LOG_INT("line", error->line), LOG_STR("reason", error->reason),
	    LOG_STR("clause", error->clause));
	run->failed = true;
	/* A callee that has answered is not left alone with its call: SIPCGI.md 3. */
	if (ss && !queue_rescue(ss))
		session_answer(ss, status, SLICE_EMPTY);
}

static void malformed(struct cgi_run *run, const struct cgi_output_error *error)
{
	struct session *ss = run->ss;

	if (!run->script->fail_open || run->acted || !ss) {
		fail(run, 500, error);
		return;
	}
	METRIC_INC(run->svc->rt, SCRIPT_FAILED);
	LOG(LOG_WARN, "script failed, default action follows", LOG_SLICE("call-id", run->call_id),
	    LOG_SLICE("script", run->script->name), LOG_INT("line", error->line),
	    LOG_STR("reason", error->reason), LOG_STR("clause", error->clause));
	run->failed = true;
	if (run->event == CGI_REQUEST_EVENT) {
		run->acted = true;
		default_action(ss);
	}
}

/* Takes what the parser has; false: the run is not listened to any more. */
static bool take_messages(struct cgi_run *run)
{
	struct cgi_output_error error = { 0 };
	struct cgi_message m;
	int rc = 0;

	while (!run->failed && run->ss && (rc = cgi_output_next(&run->output, &m, &error)) > 0) {
		rc = apply_message(run, &m, &error);
		if (rc < 0)
			break;
	}
	if (rc == -ENOMEM)
		error = (struct cgi_output_error){ .reason = "out of memory", .clause = "" };
	if (rc < 0) {
		/* What came before has taken effect, also in the same read: SIPCGI.md 3. */
		if (run->ss)
			proxy_ctx_start(run->ss->ctx, true);
		malformed(run, &error);
	}
	return !run->failed && run->ss;
}

static void on_output(void *arg, struct slice bytes)
{
	struct cgi_run *run = arg;

	if (run->failed || !run->ss)
		return;
	if (cgi_output_put(&run->output, bytes) < 0)
		fail(run, 500, &(struct cgi_output_error){ 0, "out of memory", "" });
	else if (take_messages(run) && run->ss)
		proxy_ctx_start(run->ss->ctx, true);
	if (run->failed)
		run->svc->rt->ops->run_stop(run->svc->rt, run->rt_run);
}

/*
 * The answer does not wait for processes that have to be killed: RFC 3050 5.6. The runner counts
 * the same time; who is first does not matter.
 */
static void on_limit(struct wheel_timer *t)
{
	struct cgi_run *run = CONTAINER_OF(t, struct cgi_run, limit);

	if (run->failed)
		return;
	fail(run, 504, &no_end);
	run->svc->rt->ops->run_stop(run->svc->rt, run->rt_run);
}

static void log_error_line(struct cgi_run *run)
{
	if (run->error_line.len && run->error_lines++ < ERROR_LINES_MAX)
		LOG(LOG_WARN, "script stderr", LOG_SLICE("call-id", run->call_id),
		    LOG_SLICE("script", run->script->name),
		    LOG_SLICE("text", buf_view(&run->error_line)));
	buf_reset(&run->error_line);
}

static void on_error_output(void *arg, struct slice bytes)
{
	struct cgi_run *run = arg;
	struct slice line;
	bool ends;

	while (bytes.n) {
		ends = slice_find(bytes, '\n') >= 0;
		slice_split(&bytes, '\n', &line);
		if (run->error_line.len < ERROR_LINE_MAX)
			buf_slice(&run->error_line,
				  slice_head(line, ERROR_LINE_MAX - run->error_line.len));
		if (ends)
			log_error_line(run);
	}
}

static void settle(struct cgi_run *run)
{
	struct session *ss = run->ss;

	if (!ss)
		return;
	ss->run = NULL;
	run->ss = NULL;
	queue_ended(ss, run->acted, run->again);
}

static void ended_well(struct cgi_run *run, bool clean)
{
	struct cgi_output_error error = { 0 };
	struct cgi_message m;
	int rc;

	rc = cgi_output_end(&run->output, &m, &error);
	if (rc == 2 && !clean)
		rc = -EBADMSG;
	if (rc > 0)
		rc = apply_message(run, &m, &error);
	if (rc == -ENOMEM)
		error = (struct cgi_output_error){ 0, "out of memory", "" };
	if (rc < 0)
		malformed(run, &error);
}

static void conclude(struct cgi_run *run, enum rt_run_end how, int status)
{
	char text[96];
	struct cgi_output_error error = { .reason = text, .clause = "" };

	switch (how) {
	case RT_RUN_TIMEOUT:
		fail(run, 504, &no_end);
		return;
	case RT_RUN_NOT_STARTED:
		snprintf(text, sizeof(text), "not started: %s", strerrordesc_np(status));
		fail(run, 500, &error);
		return;
	case RT_RUN_LOST:
		error.reason = "the spawner died";
		fail(run, 500, &error);
		return;
	case RT_RUN_CANCELLED:
		error.reason = "stopped";
		fail(run, 500, &error);
		return;
	case RT_RUN_EXITED:
	case RT_RUN_SIGNALED:
		break;
	}
	ended_well(run, how == RT_RUN_EXITED && status == 0);
	if (run->failed || !run->ss || (how == RT_RUN_EXITED && status == 0))
		return;
	snprintf(text, sizeof(text), how == RT_RUN_EXITED ? "exit status %d" : "signal %d", status);
	if (!run->acted)
		fail(run, 500, &error);
	else
		LOG(LOG_WARN, "script ended badly after it acted",
		    LOG_SLICE("call-id", run->call_id), LOG_SLICE("script", run->script->name),
		    LOG_STR("reason", text));
}

static void on_ended(void *arg, enum rt_run_end how, int status)
{
	struct cgi_run *run = arg;
	struct cgi_lane *lane = run->lane;
	struct service *s = run->svc;

	log_error_line(run);
	if (!s) {
		run_free(run);
		return;
	}
	if (!run->failed && run->ss)
		conclude(run, how, status);
	settle(run);
	lane->running--;
	run_free(run);
	lanes_next(s);
}

static const struct rt_run_events events = {
	.output = on_output,
	.error_output = on_error_output,
	.ended = on_ended,
};

static struct slice registrations(struct cgi_run *run)
{
	struct session *ss = run->ss;
	struct location_set *set;
	AUTO_BUF text = BUF_INIT;
	struct slice ret = SLICE_EMPTY;

	if (!proxy_is_self(&ss->svc->proxy, &ss->routing.parsed) || !ss->routing.parsed.user.p ||
	    lookup_bindings(ss->svc, &ss->routing.parsed, &set) != LOOKUP_FOUND ||
	    lookup_contacts(set, ss->svc->rt->wall, &text) < 0)
		return ret;
	return arena_dup(&run->arena, buf_view(&text), &ret) < 0 ? SLICE_EMPTY : ret;
}

/* What only a run for a response is told. */
static void about_response(const struct cgi_run *run, struct cgi_metavar_input *in)
{
	struct session *ss = run->ss;
	const struct proxy_target *target = &run->resp->branch->target;
	const struct cgi_response *best = queue_best(ss);

	in->request_token = target->token;
	in->response_token = run->resp->token;
	in->branch_uri = target->uri;
	in->best_token = best ? best->token : SLICE_EMPTY;
	in->pending = proxy_ctx_pending(ss->ctx);
	if (run->resp->local) {
		in->flow = NULL;
		in->ipv6 = ss->ctx->req->flow.peer.sa.sa_family == AF_INET6;
	}
}

static int make_environment(struct cgi_run *run, struct rt_job *job)
{
	struct session *ss = run->ss;
	const struct sip_msg *req = ss->ctx->req, *msg = run->msg;
	bool is_local = run->resp && run->resp->local;
	const struct rt_listener *l =
		&ss->svc->rt->listeners[(is_local ? req : msg)->flow.listener];
	struct cgi_metavar_input in = {
		.event = run->event,
		.msg = msg,
		.flow = &msg->flow,
		.server_port = net_addr_port(&l->addr),
		.server_name = ss->config->server_name,
		.registrations = registrations(run),
		.cookie = ss->cookie,
		.script_path = run->script->path,
		.script_name = run->script->name,
		.pass_authorization = run->script->pass_authorization,
		.extra = run->script->env,
	};
	struct cgi_metavars vars;
	int rc = 0;

	if (run->resp)
		about_response(run, &in);
	if (proxy_is_self(&ss->svc->proxy, &ss->routing.parsed))
		in.server_name = ss->routing.parsed.host;
	/* Of the request alone the sender was verified. */
	if (ss->user.p && run->event == CGI_REQUEST_EVENT) {
		in.auth_type = SLICE("Digest");
		in.remote_user = ss->user;
	}
	/* It outlives the transaction itself: a run for its CANCEL may come later. */
	if (!ss->transaction.p)
		rc = arena_printf(&ss->ctx->arena, &ss->transaction, "%016llx",
				  (unsigned long long)txn_id(ss->ctx->st));
	in.transaction = ss->transaction;
	if (rc == 0)
		rc = cgi_metavars_build(&in, &run->arena, &vars);
	if (rc == 0)
		rc = cgi_metavars_env(&vars, &run->env, &job->n_env);
	job->env = buf_view(&run->env);
	return rc;
}

static struct cgi_run *run_new(struct session *ss, struct cgi_lane *lane)
{
	struct cgi_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->ss = ss;
	run->svc = ss->svc;
	run->lane = lane;
	run->config = service_config_ref(ss->config);
	run->script = ss->script;
	run->msg = sip_msg_ref(ss->trigger ? ss->trigger->msg : ss->ctx->req);
	run->event = ss->trigger ? ss->trigger->event : CGI_REQUEST_EVENT;
	run->resp = ss->trigger ? ss->trigger->resp : NULL;
	run->call_id = run->msg->call_id;
	arena_init(&run->arena, 4096);
	cgi_output_init(&run->output,
			&(struct cgi_output_limits){ .bytes = run->script->max_output,
						     .actions = run->script->max_actions,
						     .http_compat = run->script->http_compat });
	return run;
}

bool run_start(struct session *ss)
{
	struct service *s = ss->svc;
	struct cgi_lane *lane = lane_of(s, ss->script);
	struct rt_job job = { .path = ss->script->path,
			      .dir = ss->script->dir,
			      .timeout_ms = ss->script->timeout_ms,
			      .uid = ss->script->uid,
			      .gid = ss->script->gid };
	struct cgi_run *run;
	int rc;

	if (lane && lane->running >= ss->script->concurrency)
		return false;
	run = lane ? run_new(ss, lane) : NULL;
	if (run)
		job.body = run->msg->body;
	rc = run ? make_environment(run, &job) : -ENOMEM;
	if (rc == 0)
		rc = s->rt->ops->run(s->rt, &job, &events, run, &run->rt_run);
	if (rc == 0) {
		METRIC_INC(s->rt, SCRIPT_RUNS);
		lane->running++;
		list_push_back(&s->runs, &run->link);
		ss->run = run;
		ss->n_runs++;
		ss->armed = false;
		run->limit.fire = on_limit;
		rt_timer_in(s->rt, &run->limit, ss->script->timeout_ms);
		return true;
	}
	run_free(run);
	if (rc == -EAGAIN || rc == -EPIPE)
		return false;
	LOG(LOG_WARN, "script not run", LOG_SLICE("call-id", ss->ctx->req->call_id),
	    LOG_SLICE("script", ss->script->name), LOG_INT("error", -rc));
	METRIC_INC(s->rt, SCRIPT_FAILED);
	if (!ss->trigger) {
		session_answer(ss, rc == -E2BIG ? 513 : rc == -EBADMSG ? 400 : 500, SLICE_EMPTY);
		return true;
	}
	if (!queue_rescue(ss))
		session_answer(ss, 500, SLICE_EMPTY);
	queue_ended(ss, false, false);
	return true;
}

void run_begin(struct session *ss)
{
	struct cgi_lane *lane = lane_of(ss->svc, ss->script);

	if (!lane) {
		session_answer(ss, 500, SLICE_EMPTY);
		return;
	}
	ss->ctx->keep = ss->ctx->more = true;
	/* Whoever came before has the first place. */
	if (lane->n_waiting || !run_start(ss))
		lane_wait(lane, ss);
}

void run_again(struct session *ss)
{
	struct cgi_lane *lane = lane_of(ss->svc, ss->script);

	if (!lane)
		queue_ended(ss, false, false);
	else if (lane->n_waiting || !run_start(ss))
		lane_wait(lane, ss);
}

void run_give_up_waiting(struct session *ss)
{
	if (!list_linked(&ss->waiting))
		return;
	list_del(&ss->waiting);
	ss->lane->n_waiting--;
	rt_timer_stop(ss->svc->rt, &ss->patience);
}

void run_stop_all(struct service *s)
{
	for (struct list *it; (it = list_pop(&s->runs));) {
		struct cgi_run *run = LIST_ENTRY(it, struct cgi_run, link);

		rt_timer_stop(s->rt, &run->limit);
		run->svc = NULL;
		run->lane = NULL;
		s->rt->ops->run_stop(s->rt, run->rt_run);
	}
}

/* The script is left to end in its own time: it may have work of its own to finish. */
void run_forget(struct session *ss)
{
	run_give_up_waiting(ss);
	if (ss->run)
		ss->run->ss = NULL;
	ss->run = NULL;
}
