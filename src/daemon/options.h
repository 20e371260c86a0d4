/* The command line: sipcgid(8). */
#ifndef SIPCGID_DAEMON_OPTIONS_H
#define SIPCGID_DAEMON_OPTIONS_H

#include "base/buf.h"

enum options_mode {
	OPTIONS_RUN,
	OPTIONS_CHECK, /* read the configuration file, say what is wrong with it, and end */
	OPTIONS_HELP,
	OPTIONS_VERSION,
};

struct options {
	enum options_mode mode;
	const char *config; /* borrowed from argv; NULL: the default file, if there is one */
};

/* -EINVAL: @reterr says why, without a newline. */
int options_parse(int argc, char *const argv[], struct options *ret, struct buf *reterr);
extern const char options_usage[];

#endif
