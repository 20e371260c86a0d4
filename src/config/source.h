/* The text of a configuration file, made safe for libConfuse's lexer. */
#ifndef SIPCGID_CONFIG_SOURCE_H
#define SIPCGID_CONFIG_SOURCE_H

#include "base/slice.h"
#include "config/report.h"

#define CONFIG_DEPTH_MAX 8 /* braces inside braces */

/*
 * Copies @text to @out (text.n bytes) with comments blanked out, so that bytes keep their lines
 * and columns. -EBADMSG: it was reported why.
 */
int config_source_clean(struct slice text, char *out, struct config_report *r);

#endif
