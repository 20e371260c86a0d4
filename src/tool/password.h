/* Where a password comes from. */
#ifndef SIPCGID_TOOL_PASSWORD_H
#define SIPCGID_TOOL_PASSWORD_H

#include <stdio.h>

#include "base/slice.h"

#define PASSWORD_MAX 1024 /* bytes */

/* Asks for it twice on the terminal, without echo. False: an error message was printed. Wipe @buf
 * after use. */
bool password_ask(const char *who, char buf[PASSWORD_MAX + 1], struct slice *ret);
/* The first line of @in without its line end. */
bool password_read(FILE *in, char buf[PASSWORD_MAX + 1], struct slice *ret);

#endif
