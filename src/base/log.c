/*
 * The log: one level, one sink, two formats. Whatever a stranger may have put into a field leaves
 * here as printable text on one line.
 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static _Atomic int log_level = LOG_INFO;
/* Set once before there are threads. */
static log_sink_fn *log_sink;
static void *log_sink_arg;

enum log_level log_level_get(void)
{
	return (enum log_level)atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_level_set(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

int log_level_parse(struct slice name, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (slice_ieq(name, slice_str(level_names[i]))) {
			*ret = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

void log_sink_set(log_sink_fn *sink, void *arg)
{
	log_sink = sink;
	log_sink_arg = arg;
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t n)
{
	if (log_sink && level <= log_level_get())
		log_sink(log_sink_arg, level, msg, fields, n);
}

/*
 * Length of the UTF-8 sequence (RFC 3629 4) at the start of @s, 0 if there is none. Control
 * characters beyond ASCII count as none: terminals obey them.
 */
static size_t utf8_len(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s.n < n)
		return 0;
	switch (p[0]) {
	case 0xc2: /* U+0080 to U+009F */
	case 0xe0: /* overlong */
		low = 0xa0;
		break;
	case 0xf0:
		low = 0x90;
		break;
	case 0xed: /* surrogates */
		high = 0x9f;
		break;
	case 0xf4: /* past U+10FFFF */
		high = 0x8f;
		break;
	default:
		break;
	}
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* One byte as an escape: the short ones, then \xNN for text and \u00NN for JSON. */
static void put_escaped(struct buf *out, unsigned char c, bool json)
{
	switch (c) {
	case '"':
		buf_str(out, "\\\"");
		break;
	case '\\':
		buf_str(out, "\\\\");
		break;
	case '\n':
		buf_str(out, "\\n");
		break;
	case '\r':
		buf_str(out, "\\r");
		break;
	case '\t':
		buf_str(out, "\\t");
		break;
	default:
		buf_str(out, json ? "\\u00" : "\\x");
		buf_hex(out, &c, 1);
	}
}

static void put_quoted(struct buf *out, struct slice s, bool json)
{
	bool cut = s.n > LOG_FIELD_MAX;

	if (cut) {
		size_t n = LOG_FIELD_MAX;

		/* Not within a character. */
		while (n > LOG_FIELD_MAX - 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
			n--;
		s = slice_head(s, n);
	}
	buf_char(out, '"');
	while (s.n) {
		unsigned char c = (unsigned char)s.p[0];
		size_t n = utf8_len(s);

		if (n == 0 || c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
			put_escaped(out, c, json);
			n = 1;
		} else {
			buf_put(out, s.p, n);
		}
		s = slice_skip(s, n);
	}
	if (cut)
		buf_str(out, "...");
	buf_char(out, '"');
}

/* May it stand in key=value without quotes? */
static bool is_plain(struct slice s)
{
	if (s.n == 0 || s.n > LOG_FIELD_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\"\\=", s.p[i]))
			return false;
	return true;
}

static void put_int(struct buf *out, int64_t i)
{
	if (i < 0)
		buf_char(out, '-');
	buf_u64(out, i < 0 ? -(uint64_t)i : (uint64_t)i);
}

static void put_value(struct buf *out, const struct log_field *f, bool json)
{
	char text[NET_ADDR_TEXT];
	struct slice s;

	if (f->type == LOG_F_INT) {
		put_int(out, f->i);
		return;
	}
	if (f->type == LOG_F_ADDR)
		s = slice_str(f->a ? net_addr_text(f->a, text) : "-");
	else
		s = f->s;
	if (!json && is_plain(s))
		buf_slice(out, s);
	else
		put_quoted(out, s, json);
}

void log_format_text(struct buf *out, enum log_level level, const char *msg,
		     const struct log_field *fields, size_t n)
{
	buf_str(out, "level=");
	buf_str(out, log_level_name(level));
	buf_str(out, " msg=");
	put_quoted(out, slice_str(msg), false);
	for (size_t i = 0; i < n; i++) {
		buf_char(out, ' ');
		buf_str(out, fields[i].key);
		buf_char(out, '=');
		put_value(out, &fields[i], false);
	}
}

void log_format_json(struct buf *out, enum log_level level, const char *msg,
		     const struct log_field *fields, size_t n)
{
	buf_str(out, "{\"level\":\"");
	buf_str(out, log_level_name(level));
	buf_str(out, "\",\"msg\":");
	put_quoted(out, slice_str(msg), true);
	for (size_t i = 0; i < n; i++) {
		buf_char(out, ',');
		put_quoted(out, slice_str(fields[i].key), true);
		buf_char(out, ':');
		put_value(out, &fields[i], true);
	}
	buf_char(out, '}');
}
