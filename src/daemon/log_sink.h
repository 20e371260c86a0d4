/* Log lines to standard error, with their time. */
#ifndef SIPCGID_DAEMON_LOG_SINK_H
#define SIPCGID_DAEMON_LOG_SINK_H

#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "config/snapshot.h"

/* Becomes the log's sink, in text form. Threads may log. May be called again. */
void log_sink_start(int fd);
void log_sink_format(enum config_log_format format);

/* RFC 3339 in UTC with milliseconds: "2026-01-31T12:00:00.123Z". */
#define LOG_SINK_TIME 32
const char *log_sink_time(int64_t wall_ms, char out[LOG_SINK_TIME]);
/* One line with its newline. */
void log_sink_line(struct buf *out, enum config_log_format format, int64_t wall_ms,
		   enum log_level level, const char *msg, const struct log_field *fields, size_t n);

#endif
