/*
 * The daemon: reads the command line and the configuration, makes a worker, gives up the rights it
 * does not need, and serves until it is told to stop. What is served is worker.c's business.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config/snapshot.h"
#include "daemon/log_sink.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/privilege.h"
#include "daemon/signals.h"
#include "daemon/worker.h"
#include "runner/exec/exec.h"

struct daemon {
	uv_loop_t loop;
	struct config *config;
	const char *file; /* NULL: none */
	struct worker *worker;
	struct signals signals;
	bool stopping;
};

/* One log line for each line of @text. */
static void log_lines(enum log_level level, const char *msg, const struct buf *text)
{
	struct slice rest = buf_view(text), line;

	while (slice_split(&rest, '\n', &line)) {
		if (line.n)
			LOG(level, msg, LOG_SLICE("reason", line));
	}
}

static void apply_log(const struct config *c)
{
	log_level_set(c->log.level);
	log_sink_format(c->log.format);
}

static bool same_listens(const struct config *a, const struct config *b)
{
	if (a->n_listens != b->n_listens)
		return false;
	for (size_t i = 0; i < a->n_listens; i++) {
		const struct config_listen *x = &a->listens[i], *y = &b->listens[i];

		if (x->transport != y->transport || !net_addr_eq(&x->addr, &y->addr) ||
		    !slice_eq(x->advertise_host, y->advertise_host) ||
		    x->advertise_port != y->advertise_port)
			return false;
	}
	return true;
}

static void reload(void *arg)
{
	struct daemon *d = arg;
	AUTO_CONFIG *next = NULL;
	AUTO_BUF err = BUF_INIT;
	int rc;

	if (d->stopping)
		return;
	if (!d->file) {
		LOG(LOG_WARN, "nothing to reload: there is no configuration file");
		return;
	}
	rc = config_load(d->file, &next, &err);
	if (rc < 0) {
		log_lines(LOG_ERROR, "configuration refused", &err);
		LOG(LOG_ERROR, "configuration not reloaded, the old one stays",
		    LOG_STR("file", d->file));
		return;
	}
	if (!same_listens(d->config, next))
		LOG(LOG_WARN, "listeners change with a restart only", LOG_STR("file", d->file));
	if (!slice_eq(d->config->database, next->database))
		LOG(LOG_WARN, "the database changes with a restart only", LOG_STR("file", d->file));
	if (d->config->uid != next->uid || d->config->gid != next->gid)
		LOG(LOG_WARN, "the user changes with a restart only", LOG_STR("file", d->file));
	rc = worker_reload(d->worker, next);
	if (rc < 0) {
		LOG(LOG_ERROR, "configuration not reloaded, the old one stays",
		    LOG_STR("file", d->file), LOG_STR("reason", strerror(-rc)));
		return;
	}
	apply_log(next);
	config_unref(d->config);
	d->config = TAKE_PTR(next);
	LOG(LOG_INFO, "configuration reloaded", LOG_STR("file", d->file));
}

static void drained(void *arg)
{
	struct daemon *d = arg;

	uv_stop(&d->loop);
}

static void stop(void *arg)
{
	struct daemon *d = arg;

	if (d->stopping) {
		LOG(LOG_WARN, "stopping at once");
		uv_stop(&d->loop);
		return;
	}
	d->stopping = true;
	LOG(LOG_INFO, "draining", LOG_INT("ms", d->config->drain_ms));
	notify_send("STOPPING=1");
	worker_drain(d->worker, d->config->drain_ms, drained, d);
}

/* The snapshot to start with; faults have been logged. */
static int load(struct daemon *d, const struct options *o)
{
	AUTO_BUF err = BUF_INIT;
	int rc;

	d->file = o->config;
	if (!d->file && access(CONFIG_FILE_DEFAULT, F_OK) == 0)
		d->file = CONFIG_FILE_DEFAULT;
	if (d->file)
		rc = config_load(d->file, &d->config, &err);
	else
		rc = config_default(&d->config, &err);
	if (rc < 0)
		log_lines(LOG_ERROR, "configuration refused", &err);
	if (rc == -ENOMEM)
		LOG(LOG_ERROR, "configuration not loaded", LOG_STR("reason", strerror(-rc)));
	return rc;
}

static int become_user(const struct config *c)
{
	int rc;

	if (c->uid == CONFIG_NO_ID) {
		if (geteuid() == 0)
			LOG(LOG_WARN, "running as root, and so do scripts without a user of their "
				      "own: set user in the configuration");
		return 0;
	}
	rc = privilege_drop(c->user.p, c->uid, c->gid);
	if (rc < 0)
		LOG(LOG_ERROR, "cannot become the configured user", LOG_SLICE("user", c->user),
		    LOG_STR("reason", strerror(-rc)));
	return rc;
}

static int serve(struct daemon *d)
{
	const struct signals_handler handler = { reload, stop, d };
	AUTO_BUF err = BUF_INIT;
	int rc;

	rc = worker_new(&d->loop, d->config, &d->worker, &err);
	if (rc < 0) {
		log_lines(LOG_ERROR, "cannot start", &err);
		return rc;
	}
	rc = become_user(d->config);
	if (rc < 0)
		return rc;
	rc = worker_start(d->worker, &err);
	if (rc < 0) {
		log_lines(LOG_ERROR, "cannot start", &err);
		return rc;
	}
	rc = signals_start(&d->loop, &handler, &d->signals);
	if (rc < 0) {
		LOG(LOG_ERROR, "cannot watch signals", LOG_STR("reason", strerror(-rc)));
		return rc;
	}
	if (!d->config->database.n && d->config->authenticate_register)
		LOG(LOG_WARN, "there is no database of users, so that nobody can register: set "
			      "database, trusted or authenticate in the configuration");
	LOG(LOG_INFO, "ready", LOG_STR("version", SIPCGID_VERSION), LOG_INT("pid", getpid()),
	    LOG_STR("file", d->file ? d->file : ""));
	notify_send("READY=1");
	(void)uv_run(&d->loop, UV_RUN_DEFAULT);
	return 0;
}

static int run(const struct options *o)
{
	struct daemon d = { .worker = NULL };
	int rc;

	if (privilege_fill_standard() < 0)
		return 1;
	/* The database and what else we create is not for everybody. */
	(void)umask(027);
	log_sink_start(STDERR_FILENO);
	rc = load(&d, o);
	if (rc < 0)
		return 1;
	apply_log(d.config);
	(void)privilege_raise_files();
	rc = uv_loop_init(&d.loop);
	if (rc < 0) {
		LOG(LOG_ERROR, "cannot start", LOG_STR("reason", strerror(-rc)));
		config_unref(d.config);
		return 1;
	}
	rc = serve(&d);
	worker_free(d.worker);
	signals_stop(&d.signals);
	(void)uv_run(&d.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&d.loop);
	if (rc == 0)
		LOG(LOG_INFO, "stopped");
	config_unref(d.config);
	return rc < 0 ? 1 : 0;
}

static int check(const char *file)
{
	AUTO_CONFIG *c = NULL;
	AUTO_BUF err = BUF_INIT;
	int rc = config_load(file, &c, &err);

	if (rc < 0) {
		(void)fwrite(err.data, 1, err.len, stderr);
		if (rc == -ENOMEM)
			(void)fprintf(stderr, "%s: %s\n", file, strerror(-rc));
		return 1;
	}
	(void)printf("%s: %zu listeners, %zu scripts, %zu routes\n", file, c->n_listens,
		     c->n_scripts, c->n_routes);
	return 0;
}

int main(int argc, char **argv)
{
	AUTO_BUF err = BUF_INIT;
	struct options o;

	/* The spawner is this program too: before anything else, as exec.h asks. */
	if (argc > 1 && strcmp(argv[1], EXEC_SPAWNER_ARG) == 0)
		return exec_spawner_main();
	if (options_parse(argc, argv, &o, &err) < 0) {
		(void)fprintf(stderr, "sipcgid: %.*s\n%s", SLICE_FMT(buf_view(&err)),
			      options_usage);
		return 2;
	}
	switch (o.mode) {
	case OPTIONS_HELP:
		(void)fputs(options_usage, stdout);
		return 0;
	case OPTIONS_VERSION:
		(void)puts("sipcgid " SIPCGID_VERSION);
		return 0;
	case OPTIONS_CHECK:
		return check(o.config);
	case OPTIONS_RUN:
		break;
	}
	return run(&o);
}
