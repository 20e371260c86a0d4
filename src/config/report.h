/* How the reader of a configuration file tells what is wrong with it: "file:line: found, expected".
 */
#ifndef SIPCGID_CONFIG_REPORT_H
#define SIPCGID_CONFIG_REPORT_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/slice.h"

struct config_report {
	struct buf *out;  /* one error to a line */
	const char *file; /* as the operator named it */
	unsigned count;   /* errors so far; past CONFIG_ERRORS_MAX they are only counted */
};

/* @line 0: the file as a whole. */
void config_error(struct config_report *r, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Foreign text for a message: cut, and what is not printable ASCII escaped. Returns @out. */
#define CONFIG_QUOTE 128
const char *config_quote(struct slice s, char out[CONFIG_QUOTE]);

#endif
