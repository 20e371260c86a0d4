/*
 * The log: leveled lines of a message and named fields, as key=value text or JSON. Foreign text
 * (anything from the network or a script) is only ever passed as a field: it is escaped and cut
 * to LOG_FIELD_MAX bytes. The time is the sink's business. One process-wide logger; the sink must
 * be thread-safe when there are several workers.
 *
 *     LOG(LOG_WARN, "request refused", LOG_SLICE("call-id", id), LOG_ADDR("source", &peer),
 *         LOG_INT("status", 403));
 *
 * Message texts are constants, so that an operator can search for them. Field names: call-id,
 * source, status, reason, script, branch, aor, file.
 */
#ifndef SIPCGID_BASE_LOG_H
#define SIPCGID_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/net.h"
#include "base/slice.h"

#define LOG_FIELD_MAX 512

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_field {
	const char *key;
	enum { LOG_F_SLICE, LOG_F_INT, LOG_F_ADDR } type;
	union {
		struct slice s;
		int64_t i;
		const struct net_addr *a;
	};
};

/* clang-format off */
#define LOG_SLICE(k, v) { .key = (k), .type = LOG_F_SLICE, .s = (v) }
#define LOG_STR(k, v) { .key = (k), .type = LOG_F_SLICE, .s = slice_str(v) }
#define LOG_INT(k, v) { .key = (k), .type = LOG_F_INT, .i = (int64_t)(v) }
#define LOG_ADDR(k, v) { .key = (k), .type = LOG_F_ADDR, .a = (v) }
/* clang-format on */

#define LOG(level, msg, ...)                                                                       \
	do {                                                                                       \
		if ((level) <= log_level_get()) {                                                  \
			const struct log_field log_fields_[] = { { 0 }, ##__VA_ARGS__ };           \
			log_write((level), (msg), log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);    \
		}                                                                                  \
	} while (0)

typedef void log_sink_fn(void *arg, enum log_level level, const char *msg,
			 const struct log_field *fields, size_t n);

enum log_level log_level_get(void);
void log_level_set(enum log_level level);
/* "error", "warn", "info", "debug"; -EINVAL. */
int log_level_parse(struct slice name, enum log_level *ret);
const char *log_level_name(enum log_level level);
/* Where lines go; NULL drops them (the state before the first call). */
void log_sink_set(log_sink_fn *sink, void *arg);
void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t n);

/* Formats without a time or a newline: level=info msg="..." key=value ... */
void log_format_text(struct buf *out, enum log_level level, const char *msg,
		     const struct log_field *fields, size_t n);
/* {"level":"info","msg":"...",...} without a newline; invalid UTF-8 is escaped as \u00XX. */
void log_format_json(struct buf *out, enum log_level level, const char *msg,
		     const struct log_field *fields, size_t n);

#endif
