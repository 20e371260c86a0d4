#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void wake(struct runtime *rt)
{
	rt->now = uv_hrtime() / 1000000;
}

static void on_tick(uv_timer_t *t)
{
	struct world *w = t->data;

	wake(&w->rt);
	wheel_advance(&w->rt.wheel, w->rt.now);
}

static void on_ready(void *arg)
{
	((struct world *)arg)->ready++;
}

size_t world_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

void world_pool(struct world *w, const struct exec_config *config)
{
	world_pool_free(w);
	w->config = *config;
	w->config.wake = wake;
	w->config.ready = on_ready;
	w->config.arg = w;
	assert_int_equal(exec_pool_new(&w->loop, &w->rt, &w->config, &w->pool), 0);
}

void world_pool_free(struct world *w)
{
	exec_pool_free(w->pool);
	w->pool = NULL;
}

struct world *world_new(void)
{
	static struct world world;
	struct world *w = &world;
	const struct exec_config config = { .max_runs = 8,
					    .uid = UINT32_MAX,
					    .gid = UINT32_MAX,
					    .kill_grace_ms = 100,
					    .pipe_grace_ms = 100 };

	memset(w, 0, sizeof(*w));
	/* The first loop of a process opens descriptors for signals that stay. */
	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	w->fds_before = world_fds();
	(void)strcpy(w->dir, "/tmp/sipcgid-exec-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chmod(w->dir, 0755), 0);
	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(uv_timer_init(&w->loop, &w->tick), 0);
	w->tick.data = w;
	wake(&w->rt);
	wheel_init(&w->rt.wheel, w->rt.now);
	(void)uv_timer_start(&w->tick, on_tick, 1, 1);
	world_pool(w, &config);
	return w;
}

void world_end(struct world *w)
{
	char command[128];

	world_pool_free(w);
	uv_close((uv_handle_t *)&w->tick, NULL);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	assert_int_equal(w->rt.wheel.count, 0);
	assert_int_equal(world_fds(), w->fds_before);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
}

const char *world_path(struct world *w, const char *name)
{
	static char path[8][128];
	static unsigned next;
	char *p = path[next++ % ARRAY_LEN(path)];

	(void)snprintf(p, sizeof(path[0]), "%s/%s", w->dir, name);
	return p;
}

const char *world_script(struct world *w, const char *name, const char *text)
{
	const char *path = world_path(w, name);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	return path;
}

struct rt_job world_job(struct world *w, const char *path)
{
	return (struct rt_job){ .path = slice_str(path),
				.dir = slice_str(w->dir),
				.env = SLICE_EMPTY,
				.timeout_ms = 20000,
				.uid = UINT32_MAX,
				.gid = UINT32_MAX };
}

struct rt_job world_sh(struct world *w, const char *name, const char *text)
{
	struct rt_job job = world_job(w, world_script(w, name, text));

	job.env = SLICE("PATH=/bin:/usr/bin\0");
	job.n_env = 1;
	return job;
}

static void on_bytes(struct seen *s, struct buf *to, struct slice bytes)
{
	assert_int_equal(s->ended, 0);
	assert_true(bytes.n > 0);
	if (!s->count_only)
		buf_slice(to, bytes);
}

static void on_output(void *arg, struct slice bytes)
{
	struct seen *s = arg;

	on_bytes(s, &s->out, bytes);
	s->out_bytes += bytes.n;
	if (s->stop_at && s->out_bytes >= s->stop_at)
		exec_run_stop(s->run);
}

static void on_error_output(void *arg, struct slice bytes)
{
	struct seen *s = arg;

	on_bytes(s, &s->err, bytes);
}

static void on_ended(void *arg, enum rt_run_end how, int status)
{
	struct seen *s = arg;

	s->ended++;
	s->how = how;
	s->status = status;
	s->run = NULL;
	if (s->again)
		assert_int_equal(world_start(s->w, s->again, s->again_seen), 0);
}

int world_start(struct world *w, const struct rt_job *job, struct seen *s)
{
	static const struct rt_run_events events = { on_output, on_error_output, on_ended };

	s->w = w;
	return exec_run_start(w->pool, job, &events, s, &s->run);
}

void seen_free(struct seen *s)
{
	buf_fini(&s->out);
	buf_fini(&s->err);
}

bool seen_has(const struct seen *s, const char *text)
{
	return s->out.len > 0 && memmem(s->out.data, s->out.len, text, strlen(text));
}

static long number_in(const char *path)
{
	char text[64] = "";
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return 0;
	(void)!read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	return strtol(text, NULL, 10);
}

long world_number(struct world *w, const char *name)
{
	return number_in(world_path(w, name));
}

bool world_gone(long pid)
{
	return kill((pid_t)pid, 0) == -1 && errno == ESRCH;
}

long world_child_of(long pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", pid, pid);
	return number_in(path);
}

bool world_turn(struct world *w, uint64_t since)
{
	(void)uv_run(&w->loop, UV_RUN_ONCE);
	return uv_hrtime() - since < (uint64_t)WORLD_DEADLINE_MS * 1000000;
}

int world_main(int argc, char **argv, const char *group, const struct harness_test *tests, size_t n)
{
	if (argc == 2 && strcmp(argv[1], EXEC_SPAWNER_ARG) == 0)
		return exec_spawner_main();
	return harness_run(group, tests, n);
}
