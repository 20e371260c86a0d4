/*
 * Scripts: what they print, in what pieces, when, and how they end. Most know what they want, some
 * print nonsense, stop in the middle, hang, die, or are never started.
 */
#include <errno.h>
#include <signal.h>

#include "agent.h"
#include "cgi/metavar.h"
#include "sim.h"

#define RUNS_MAX 6

struct rt_run {
	struct list link;
	struct wheel_timer timer;
	struct sim *w;
	struct rt_run_events ev;
	void *arg;
	struct slice transaction;
	struct slice output; /* what is left of it */
	enum rt_run_end how;
	int status;
	uint64_t deadline;
	bool hangs, stopped;
};

static const char *const statuses[] = {
	"SIP/2.0 486 Busy Here\n\n",
	"SIP/2.0 200 OK\nContent-Type: text/plain\nContent-Length: 5\n\nhello",
	"SIP/2.0 302 Moved\nContact: <sip:f0@one.foreign.test>\n\n",
	"SIP/2.0 603 Decline\nFrom: \"Me\" <sip:me@example.test>\nTo: "
	"<sip:you@example.test>;tag=x\n\n",
	"SIP/2.0 404 Not Found\nVia: SIP/2.0/UDP 6.6.6.6;branch=z9hG4bKevil\nCall-ID: evil\n"
	"CSeq: 99 BYE\nX-Ok: yes\n\n",
	"SIP/2.0 480\n\n",
	"SIP/2.0 503 Later\nRetry-After: 5\nCGI-Whatever: x\n\n",
	"SIP/2.0 401 Who\nWWW-Authenticate: Digest realm=\"s\", nonce=\"n\"\n\n",
};

static const char *const fields[] = {
	"X-New: something\n",
	"Subject: from the script\nX-Two: 2\n",
	"CGI-Remove: X-Sim, Subject, Via, From, Call-ID\n",
	"Via: SIP/2.0/UDP 6.6.6.6;branch=z9hG4bKevil\n",
	"Call-ID: evil\nCSeq: 7 BYE\n",
	"From: \"Anonymous\" <sip:anonymous@anonymous.invalid>\n",
	"From: <sip:a@b>;tag=evil\n",
	"To: <sip:else@where.test>\n",
	"To: <sip:else@where.test>;tag=evil\n",
	"Max-Forwards: 5\n",
	"CGI-Request-Token: t1\n",
	"CGI-Remove: Contact-Nothing\nCGI-Unknown: 1\n",
	"Content-Length: 0\n",
	"Content-Type: application/sdp\nContent-Length: 4\n",
	"Expires: 30\n",
	"Route: <sip:198.51.100.250;lr>\n",
	"CGI-Remove: Route\n",
	"Record-Route: <sip:192.0.2.1:5060;lr>\n",
	"Max-Forwards: many\n",
	"Contact: <<<>>\n",
	"Max-Breadth: 0\n",
	"Expires: 1\n",
	"Expires: 20\n",
	"Content-Length: 12\n",
};

static const char *const nonsense[] = {
	"hello world\n\n",
	"SIP/2.0 99 Low\n\n",
	"SIP/2.0 777 High\n\n",
	"CGI-PROXY-REQUEST SIP/2.0\n\n",
	"CGI-PROXY-REQUEST sip:a@b c SIP/2.0\n\n",
	"CGI-PROXY-REQUEST sip:a@b SIP/3.0\n\n",
	"CGI-FORWARD-RESPONSE this SIP/2.0\n\n",
	"CGI-FORWARD-RESPONSE nothing SIP/2.0\n\n",
	"CGI-AGAIN perhaps SIP/2.0\n\n",
	"SIP/2.0 180 Ringing\nno colon here\n\n",
	"SIP/2.0 200 OK\nContent-Type: text/plain\nContent-Length: 500\n\nshort",
	"Content-Type: text/plain\n\n",
	"\xff\xfe\xfd\n\n",
	"MESSAGE sip:a@b SIP/2.0\n\n",
	"CGI-PROXY-REQUEST mailto:a@b SIP/2.0\n\n",
	"SIP/2.0 180 Ringing\nX: \x01\x02\n\n",
};

static struct slice variable(const struct rt_job *job, struct slice name)
{
	struct slice rest = job->env, one;

	while (rest.n) {
		one = slice_of(rest.p, strnlen(rest.p, rest.n));
		rest = slice_skip(rest, one.n + 1);
		if (slice_starts(one, name) && one.n > name.n && one.p[name.n] == '=')
			return slice_skip(one, name.n + 1);
	}
	return SLICE_EMPTY;
}

static bool is_response(const struct rt_job *job)
{
	return slice_eq(variable(job, SLICE("SIPCGI_EVENT")), SLICE("response"));
}

static void put_target(struct sim *w, struct buf *b)
{
	const struct agent *a = &w->agents[rng_below(&w->chance, (unsigned)w->n_agents)];
	unsigned what = rng_below(&w->chance, 100);

	if (what < 40)
		buf_printf(b, "sip:%.*s@" SIM_DOMAIN, SLICE_FMT(a->user));
	else if (what < 65)
		buf_slice(b, a->contact);
	else if (what < 85)
		buf_printf(b, "sip:%u@%.*s", rng_below(&w->chance, 100),
			   SLICE_FMT(w->names[rng_below(&w->chance, SIM_NAMES)].host));
	else if (what < 90)
		buf_str(b, "sip:nobody@" SIM_DOMAIN);
	else if (what < 93)
		buf_str(b, "sip:" SIM_DOMAIN);
	else if (what < 95)
		buf_str(b, "tel:+15550100");
	else if (what < 97)
		buf_str(b, "sip:loop@192.0.2.1:5060;user=phone");
	else
		buf_str(b, "sip:x@198.51.100.77;maddr=192.0.2.1?Subject=a");
}

static void put_proxy(struct sim *w, struct buf *b)
{
	unsigned n = rng_percent(&w->chance, 50) ? rng_below(&w->chance, 4) : 0;
	bool body = false;

	buf_str(b, rng_percent(&w->chance, 20) ? "cgi-proxy-request  " : "CGI-PROXY-REQUEST ");
	put_target(w, b);
	buf_str(b, " SIP/2.0\n");
	while (n--) {
		unsigned i = rng_below(&w->chance, ARRAY_LEN(fields));

		if (body && strstr(fields[i], "Content-"))
			continue;
		body |= strstr(fields[i], "Content-") != NULL;
		buf_str(b, fields[i]);
		if (strstr(fields[i], "Content-Type")) {
			buf_str(b, "\nv=0\n");
			return;
		}
	}
	buf_char(b, '\n');
}

/* A response by the token it was told of in this run or an earlier one, with or without edits. */
static void put_forward(struct sim *w, struct buf *b, const struct rt_job *job)
{
	struct slice token = SLICE("this");
	unsigned what = rng_below(&w->chance, 100);

	if (what < 20)
		token = variable(job, SLICE("RESPONSE_TOKEN"));
	else if (what < 40)
		token = variable(job, SLICE("SIPCGI_BEST"));
	else if (what < 60)
		token = variable(job, SLICE("SCRIPT_COOKIE"));
	buf_str(b, "CGI-FORWARD-RESPONSE ");
	buf_slice(b, token.n ? token : SLICE("this"));
	buf_str(b, " SIP/2.0\n");
	if (rng_percent(&w->chance, 50)) {
		const char *field = fields[rng_below(&w->chance, ARRAY_LEN(fields))];

		buf_str(b, field);
		if (strstr(field, "Content-Type"))
			buf_str(b, "\nv=0\n");
	}
	buf_char(b, '\n');
}

static void put_message(struct sim *w, struct buf *b, const struct rt_job *job)
{
	struct slice token = variable(job, SLICE("RESPONSE_TOKEN"));
	unsigned what = rng_below(&w->chance, 100);

	if (token.n && rng_percent(&w->chance, 35))
		put_forward(w, b, job);
	else if (token.n && rng_percent(&w->chance, 20))
		buf_printf(b, "CGI-SET-COOKIE %.*s SIP/2.0\n\n", SLICE_FMT(token));
	else if (what < 50)
		put_proxy(w, b);
	else if (what < 65)
		buf_str(b, statuses[rng_below(&w->chance, ARRAY_LEN(statuses))]);
	else if (what < 80)
		buf_printf(b, "SIP/2.0 %u Progress\nX-P: 1\n\n", 100 + rng_below(&w->chance, 90));
	else if (what < 88)
		buf_str(b, "CGI-SET-COOKIE abc123 SIP/2.0\n\n");
	else if (what < 94)
		buf_printf(b, "CGI-AGAIN %s SIP/2.0\n\n",
			   rng_percent(&w->chance, 50) ? "yes" : "no");
	else
		buf_str(b, nonsense[rng_below(&w->chance, ARRAY_LEN(nonsense))]);
}

static void plan_output(struct rt_run *run, const struct rt_job *job)
{
	struct sim *w = run->w;
	AUTO_BUF b = BUF_INIT;
	unsigned n = rng_percent(&w->chance, 15) ? 0 : 1 + rng_below(&w->chance, 3);

	if (rng_percent(&w->chance, 50))
		buf_str(&b, "CGI-AGAIN yes SIP/2.0\n\n");
	while (n--)
		put_message(w, &b, job);
	if (b.len && rng_percent(&w->chance, 5))
		b.len = rng_below(&w->chance, (unsigned)b.len); /* ends in the middle */
	if (b.len && rng_percent(&w->chance, 10) && b.data[b.len - 1] == '\n')
		b.len--;
	run->output = sim_printf(w, "%.*s", SLICE_FMT(buf_view(&b)));
}

static void plan_end(struct rt_run *run)
{
	static const int errnos[] = { ENOENT, EACCES, ENOEXEC, ENOMEM };
	struct sim *w = run->w;
	unsigned what = rng_below(&w->chance, 100);

	run->how = RT_RUN_EXITED;
	if (what < 5) {
		run->how = RT_RUN_SIGNALED;
		run->status = SIGSEGV;
	} else if (what < 12) {
		run->status = 1;
	} else if (what < 15) {
		run->how = RT_RUN_NOT_STARTED;
		run->status = errnos[rng_below(&w->chance, ARRAY_LEN(errnos))];
		run->output = SLICE_EMPTY;
	} else if (what < 17) {
		run->how = RT_RUN_LOST;
	} else if (what < 23) {
		run->hangs = true;
	}
}

static void run_end(struct rt_run *run, enum rt_run_end how, int status)
{
	struct sim *w = run->w;

	if (w->opt.brk == BREAK_LEAK)
		return;
	sim_log(w, "script of %.*s ends: %d %d", SLICE_FMT(run->transaction), how, status);
	list_del(&run->link);
	w->n_runs--;
	check_run(w, run->transaction, SLICE_EMPTY, false);
	run->ev.ended(run->arg, how, status);
}

static void speak(struct rt_run *run)
{
	struct sim *w = run->w;
	size_t n = rng_percent(&w->chance, 60) ? run->output.n
					       : 1 + rng_below(&w->chance, (unsigned)run->output.n);
	struct slice part = slice_head(run->output, n);
	/* A block of its own, so that a read past its end is seen. */
	char *copy = malloc(part.n);

	if (!copy)
		abort();
	memcpy(copy, part.p, part.n);
	run->output = slice_skip(run->output, part.n);
	sim_log(w, "script of %.*s says %.*s", SLICE_FMT(run->transaction), SLICE_FMT(part));
	run->ev.output(run->arg, slice_of(copy, part.n));
	free(copy);
}

static void step(struct wheel_timer *t)
{
	struct rt_run *run = CONTAINER_OF(t, struct rt_run, timer);
	struct sim *w = run->w;

	w->n_events++;
	if (run->stopped) {
		run_end(run, RT_RUN_CANCELLED, 0);
	} else if (w->rt.now >= run->deadline) {
		run_end(run, RT_RUN_TIMEOUT, 0);
	} else if (run->output.n) {
		if (rng_percent(&w->chance, 5))
			run->ev.error_output(run->arg, SLICE("warning: \x01odd\nand more"));
		/* It may have been stopped by what it said; then its end is on its way. */
		speak(run);
		if (!run->stopped)
			sim_timer(w, &run->timer, 1 + rng_below(&w->chance, 60));
	} else if (!run->hangs) {
		run_end(run, run->how, run->status);
	} else {
		wheel_set(&w->wheel, &run->timer, run->deadline);
	}
	check_live(w);
}

static void spawner_ready(struct wheel_timer *t)
{
	struct sim *w = CONTAINER_OF(t, struct sim, spawner_ready);

	w->n_events++;
	sim_log(w, "spawner ready");
	service_runner_ready(w->svc);
	check_live(w);
}

/* What every job must be, whatever the request was. */
static void check_job(struct sim *w, const struct rt_job *job)
{
	struct slice rest = job->env, one;
	size_t n = 0;

	for (; rest.n; n++) {
		one = slice_of(rest.p, strnlen(rest.p, rest.n));
		if (one.n == rest.n || slice_find(one, '=') < 1)
			sim_fail(w, "environment", "not NAME=value: %.*s", SLICE_FMT(one));
		rest = slice_skip(rest, one.n + 1);
	}
	if (n != job->n_env || !job->timeout_ms)
		sim_fail(w, "environment", "%zu variables, %zu said", n, job->n_env);
	if (!slice_eq(variable(job, SLICE("GATEWAY_INTERFACE")), SLICE("SIP-CGI/1.1")) ||
	    !variable(job, is_response(job) ? SLICE("RESPONSE_TOKEN") : SLICE("REQUEST_METHOD"))
		     .n ||
	    !variable(job, SLICE("SIP_CALL_ID")).n)
		sim_fail(w, "environment", "a metavariable is missing");
}

int script_run(struct runtime *rt, const struct rt_job *job, const struct rt_run_events *ev,
	       void *arg, struct rt_run **ret_run)
{
	struct sim *w = sim_of(rt);
	struct rt_run *run;

	check_job(w, job);
	if (w->n_runs >= RUNS_MAX || (w->n_runs && rng_percent(&w->chance, 5)))
		return -EAGAIN;
	if (!w->p.quiet && (wheel_is_set(&w->spawner_ready) || rng_percent(&w->chance, 2))) {
		w->spawner_ready.fire = spawner_ready;
		if (!wheel_is_set(&w->spawner_ready))
			sim_timer(w, &w->spawner_ready, 1 + rng_below(&w->chance, 3000));
		return -EPIPE;
	}
	run = sim_alloc(w, sizeof(*run));
	*run = (struct rt_run){ .w = w, .ev = *ev, .arg = arg };
	run->transaction =
		sim_printf(w, "%.*s", SLICE_FMT(variable(job, SLICE("SIPCGI_TRANSACTION"))));
	run->deadline = w->rt.now + job->timeout_ms;
	plan_output(run, job);
	plan_end(run);
	run->timer.fire = step;
	check_run(w, run->transaction,
		  is_response(job) ? SLICE_EMPTY : variable(job, SLICE("SIP_VIA")), true);
	list_push_back(&w->runs, &run->link);
	w->n_runs++;
	sim_timer(w, &run->timer, 1 + rng_below(&w->chance, 30));
	*ret_run = run;
	return 0;
}

void script_run_stop(struct runtime *rt, struct rt_run *run)
{
	struct sim *w = sim_of(rt);

	if (!list_linked(&run->link))
		sim_fail(w, "run", "a run is stopped that is over");
	run->stopped = true;
	sim_timer(w, &run->timer, 1 + rng_below(&w->chance, 20));
}

void script_forget(struct sim *w)
{
	wheel_cancel(&w->wheel, &w->spawner_ready);
	while (!list_empty(&w->runs)) {
		struct rt_run *run = LIST_ENTRY(w->runs.next, struct rt_run, link);

		wheel_cancel(&w->wheel, &run->timer);
		run_end(run, RT_RUN_CANCELLED, 0);
	}
}
