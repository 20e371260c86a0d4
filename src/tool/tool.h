/* The companion: what its commands share. */
#ifndef SIPCGID_TOOL_TOOL_H
#define SIPCGID_TOOL_TOOL_H

#include "base/cleanup.h"

/* Exit statuses. */
#define TOOL_OK 0
#define TOOL_FAILED 1
#define TOOL_USAGE 2

/* "sipcgi: " and the message, with a newline, to standard error. */
void tool_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* sipcgi user ...: @argv[0] is "user". An exit status. */
int tool_user(int argc, char **argv);

#endif
