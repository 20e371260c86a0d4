/*
 * Where the log goes: a descriptor, as a rule standard error, from which systemd or a shell takes
 * it. Each line is one write(2), so that lines of threads and of scripts' shells do not mix.
 */
#include "daemon/log_sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	struct buf line; /* kept between lines */
	int fd;
	enum config_log_format format;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

const char *log_sink_time(int64_t wall_ms, char out[LOG_SINK_TIME])
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm = { 0 };
	size_t n;

	(void)gmtime_r(&s, &tm);
	n = strftime(out, LOG_SINK_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, LOG_SINK_TIME - n, ".%03uZ", (unsigned)(wall_ms % 1000));
	return out;
}

void log_sink_line(struct buf *out, enum config_log_format format, int64_t wall_ms,
		   enum log_level level, const char *msg, const struct log_field *fields, size_t n)
{
	char time[LOG_SINK_TIME];
	size_t at;

	(void)log_sink_time(wall_ms, time);
	if (format == CONFIG_LOG_TEXT) {
		buf_str(out, time);
		buf_char(out, ' ');
		log_format_text(out, level, msg, fields, n);
		buf_char(out, '\n');
		return;
	}
	/* The time becomes the first member: its last byte takes the place of the brace. */
	buf_printf(out, "{\"time\":\"%s\"", time);
	at = out->len;
	log_format_json(out, level, msg, fields, n);
	if (!out->err)
		out->data[at] = ',';
	buf_char(out, '\n');
}

static void write_line(void *arg, enum log_level level, const char *msg,
		       const struct log_field *fields, size_t n)
{
	int saved = errno;
	struct timespec ts;

	(void)arg;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)pthread_mutex_lock(&sink.lock);
	buf_reset(&sink.line);
	log_sink_line(&sink.line, sink.format, (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000,
		      level, msg, fields, n);
	/* Nobody can be told of a log that cannot be written. */
	if (!sink.line.err && write(sink.fd, sink.line.data, sink.line.len) == -1)
		errno = saved;
	(void)pthread_mutex_unlock(&sink.lock);
	errno = saved;
}

void log_sink_start(int fd)
{
	(void)pthread_mutex_lock(&sink.lock);
	sink.fd = fd;
	(void)pthread_mutex_unlock(&sink.lock);
	log_sink_set(write_line, NULL);
}

void log_sink_format(enum config_log_format format)
{
	(void)pthread_mutex_lock(&sink.lock);
	sink.format = format;
	(void)pthread_mutex_unlock(&sink.lock);
}
