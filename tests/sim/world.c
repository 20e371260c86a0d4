/* One run: what kind of world it is, the loop, the end, and what is said when something is wrong.
 */
#include <stdio.h>

#include "agent.h"
#include "base/log.h"
#include "sim.h"

#define HOUR_MS UINT64_C(3600000)

struct kept {
	struct list link;
	struct packet *packet;
};

void *sim_alloc(struct sim *w, size_t n)
{
	void *p = arena_zalloc(&w->mem, n);

	if (!p)
		abort();
	return p;
}

struct slice sim_printf(struct sim *w, const char *fmt, ...)
{
	struct slice ret;
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0 || arena_dup(&w->mem, slice_of(text, (size_t)n), &ret) < 0)
		abort();
	free(text);
	return ret;
}

struct packet *sim_keep(struct sim *w, struct packet *p)
{
	struct kept *k = sim_alloc(w, sizeof(*k));

	k->packet = p;
	list_push_back(&w->packets, &k->link);
	return p;
}

bool sim_chance(struct sim *w, unsigned per_thousand)
{
	return rng_below(&w->chance, 1000) < per_thousand;
}

/* ---- what happened ---- */

void sim_log(struct sim *w, const char *fmt, ...)
{
	char *line = w->tail[w->n_tail++ % SIM_TAIL];
	va_list args;
	int n;

	n = snprintf(line, sizeof(*w->tail), "%9.3f ", (double)(w->rt.now - 1000000) / 1000);
	va_start(args, fmt);
	(void)vsnprintf(line + n, sizeof(*w->tail) - (size_t)n, fmt, args);
	va_end(args);
	w->digest = slice_hash(slice_str(line), w->digest);
	if (w->opt.trace)
		printf("%s\n", line);
}

void sim_log_packet(struct sim *w, const char *what, const struct packet *p)
{
	struct slice all = packet_view(p);
	ptrdiff_t end = slice_find(all, '\r');

	sim_log(w, "%s %.*s", what, (int)(end < 0 ? (ptrdiff_t)all.n : end), all.p);
	if (w->opt.trace)
		printf("%.*s\n", SLICE_FMT(all));
}

void sim_fail(struct sim *w, const char *invariant, const char *fmt, ...)
{
	size_t first = w->n_tail > SIM_TAIL ? w->n_tail - SIM_TAIL : 0;
	AUTO_BUF show = BUF_INIT;
	va_list args;

	fflush(stdout);
	if (!w->opt.trace)
		for (size_t i = first; i < w->n_tail; i++)
			fprintf(stderr, "%s\n", w->tail[i % SIM_TAIL]);
	if (w->svc)
		service_show(w->svc, &show);
	fprintf(stderr, "%.*s\nseed %llu: broken invariant: %s: ", SLICE_FMT(buf_view(&show)),
		(unsigned long long)w->opt.seed, invariant);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	if (w->opt.expect)
		_exit(strcmp(w->opt.expect, invariant) != 0);
	fprintf(stderr, "replay: %s --seed %llu --trace\n", w->opt.program,
		(unsigned long long)w->opt.seed);
	/* The run's memory is not given back: that is no leak worth a report. */
	_exit(1);
}

/* What the core says about it, with --trace. */
static void log_line(void *arg, enum log_level level, const char *msg,
		     const struct log_field *fields, size_t n)
{
	AUTO_BUF line = BUF_INIT;

	(void)arg;
	log_format_text(&line, level, msg, fields, n);
	printf("          %.*s\n", SLICE_FMT(buf_view(&line)));
}

/* ---- the world ---- */

static void draw_profile(struct sim *w)
{
	struct rng *r = &w->chance;
	struct profile *p = &w->p;

	p->quiet = rng_percent(r, 35);
	p->delay_min = rng_below(r, 20);
	p->delay_max = p->delay_min + (rng_percent(r, 50) ? 10 : 500);
	p->dns_late = rng_percent(r, 50) ? 60 : 0;
	p->commit_ms = rng_percent(r, 80) ? 10 : 3000;
	p->script_percent = rng_percent(r, 70) ? 100 : 0;
	p->agents = 5 + rng_below(r, SIM_AGENTS_MAX - 4);
	p->calls = 20 + rng_below(r, 60);
	p->span = rng_percent(r, 50) ? 5000 : 120000;
	p->reconfigure = rng_percent(r, 20);
	if (p->quiet)
		return;
	p->loss = rng_percent(r, 70) ? rng_below(r, 300) : 0;
	p->copies = rng_percent(r, 50) ? rng_below(r, 200) : 0;
	p->send_error = rng_percent(r, 30) ? rng_below(r, 100) : 0;
	p->late_error = rng_percent(r, 30) ? rng_below(r, 100) : 0;
	p->conn_break = rng_percent(r, 50) ? rng_below(r, 100) : 0;
	p->dns_fail = rng_percent(r, 30) ? 30 : 0;
	p->commit_fail = rng_percent(r, 20) ? 200 : 0;
	p->mutate = rng_percent(r, 60) ? rng_below(r, 300) : 0;
	if (p->mutate && rng_percent(r, 20))
		p->mutate_responses = rng_below(r, 300);
	p->rude = rng_percent(r, 50) ? 20 : 0;
	p->restart = rng_percent(r, 15);
	p->abort = rng_percent(r, 10);
	p->drain = rng_percent(r, 10);
}

static void users_init(struct sim *w)
{
	if (users_new(w->rt.seed, &w->users) < 0)
		abort();
	for (size_t i = 0; i < w->n_agents; i++) {
		const struct agent *a = &w->agents[i];
		struct user user = { .name = a->user, .domain = SLICE(SIM_DOMAIN) };

		if (a->foreign)
			continue;
		if (user_set_password(&user, a->password) < 0 || users_add(w->users, &user) < 0)
			abort();
	}
}

void sim_service_start(struct sim *w)
{
	if (location_new(&w->rt, &w->loc) < 0 ||
	    service_new(&w->rt, w->config, w->loc, &w->svc) < 0)
		abort();
	service_set_users(w->svc, w->users);
	store_load(w);
}

void sim_service_stop(struct sim *w)
{
	/* What is in the middle of being written may or may not be on the disk: here it is not. */
	struct service *svc = w->svc;

	w->svc = NULL;
	w->epoch++;
	runtime_forget_commits(w);
	service_free(svc);
	script_forget(w);
	location_free(w->loc);
	w->loc = NULL;
	runtime_check_idle(w);
	check_restart(w);
}

static void reconfigure(struct sim *w)
{
	struct service_config *c = sim_config_new(w);

	sim_log(w, "new configuration");
	if (service_configure(w->svc, c) < 0)
		abort();
	service_config_unref(w->config);
	w->config = c;
	check_live(w);
}

/* One step of time. False: nothing will ever happen any more. */
static bool step(struct sim *w)
{
	uint64_t core = wheel_next(&w->rt.wheel), world = wheel_next(&w->wheel);
	uint64_t next = core < world ? core : world;

	if (next == WHEEL_NEVER)
		return false;
	w->rt.wall += (int64_t)(next - w->rt.now);
	w->rt.now = next;
	wheel_advance(&w->rt.wheel, next);
	check_live(w);
	wheel_advance(&w->wheel, next);
	return true;
}

static void run_until(struct sim *w, uint64_t end)
{
	while (w->rt.now < end && step(w))
		if (w->p.conn_break && rng_below(&w->net_random, 1000) == 0)
			net_break_some(w);
}

/* Something from outside, once, in the middle of the calls. */
static void disturb(struct sim *w)
{
	if (w->p.reconfigure)
		reconfigure(w);
	if (w->p.restart) {
		sim_log(w, "the process dies and starts again");
		sim_service_stop(w);
		sim_service_start(w);
	}
	if (w->p.drain) {
		sim_log(w, "draining");
		service_drain(w->svc);
	}
}

static void live(struct sim *w)
{
	uint64_t start = w->rt.now;

	agents_start(w);
	run_until(w, start + w->p.span / 2 + 1);
	disturb(w);
	run_until(w, start + 2 * w->p.span);
	if (w->p.abort)
		return;
	w->ending = true;
	/* Timer C, then a CANCEL that nobody answers; the last binding's expiry is the last. */
	run_until(w, w->rt.now + 3 * HOUR_MS);
	if (step(w))
		sim_fail(w, "end", "there are still timers");
	check_end(w);
}

static void sim_init(struct sim *w, const struct sim_options *opt)
{
	*w = (struct sim){ .opt = *opt };
	w->chance.state = opt->seed * UINT64_C(0x9e3779b97f4a7c15);
	w->core_random.state = rng_next(&w->chance);
	w->net_random.state = rng_next(&w->chance);
	w->chance.state = rng_next(&w->chance);
	arena_init(&w->mem, 65536);
	w->tail = calloc(SIM_TAIL, sizeof(*w->tail));
	if (!w->tail)
		abort();
	list_init(&w->packets);
	list_init(&w->flights);
	list_init(&w->conns);
	list_init(&w->runs);
	map_init(&w->uass);
	if (opt->trace) {
		log_sink_set(log_line, NULL);
		log_level_set(LOG_DEBUG);
	}
	draw_profile(w);
	runtime_init(w);
	check_init(w);
	agents_init(w);
	users_init(w);
	w->config = sim_config_new(w);
	sim_service_start(w);
}

static void sim_fini(struct sim *w)
{
	struct list *n;

	sim_service_stop(w);
	if (w->rt.wheel.count)
		sim_fail(w, "timers", "%zu are set when nothing is left", w->rt.wheel.count);
	net_fini(w);
	runtime_fini(w);
	agents_fini(w);
	check_fini(w);
	service_config_unref(w->config);
	users_free(w->users);
	while ((n = list_pop(&w->packets)))
		packet_unref(LIST_ENTRY(n, struct kept, link)->packet);
	map_fini(&w->uass);
	free(w->uacs);
	free(w->dialogs);
	free(w->tail);
	buf_fini(&w->scratch);
	arena_fini(&w->mem);
}

void sim_run(const struct sim_options *opt, struct sim_summary *ret)
{
	struct sim *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	sim_init(w, opt);
	live(w);
	ret->requests += w->n_uacs;
	ret->messages += w->n_messages;
	ret->answered += check_answered(w);
	ret->runs += w->rt.metrics.count[METRIC_SCRIPT_RUNS];
	ret->digest = slice_hash(slice_of((char *)&w->digest, 8), ret->digest);
	sim_fini(w);
	free(w);
}
