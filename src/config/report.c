/* Error lines of the configuration reader. */
#include "config/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/snapshot.h"

void config_error(struct config_report *r, unsigned line, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	r->count++;
	if (r->count > CONFIG_ERRORS_MAX)
		return;
	if (r->count == CONFIG_ERRORS_MAX) {
		buf_printf(r->out, "%s: more errors follow\n", r->file);
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (line)
		buf_printf(r->out, "%s:%u: %s\n", r->file, line, text);
	else
		buf_printf(r->out, "%s: %s\n", r->file, text);
}

const char *config_quote(struct slice s, char out[CONFIG_QUOTE])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		/* The longest thing that may follow is "\xNN" and then "...". */
		if (n + 4 + 3 + 1 > CONFIG_QUOTE) {
			n += (size_t)snprintf(out + n, CONFIG_QUOTE - n, "...");
			break;
		}
		if (c >= 0x20 && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, CONFIG_QUOTE - n, "\\x%02x", c);
	}
	out[n] = '\0';
	return out;
}
