/* The command line. */
#include "daemon/options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config/snapshot.h"

const char options_usage[] =
	"usage: sipcgid [-f] [-c FILE]\n"
	"       sipcgid --check FILE\n"
	"\n"
	"  -c, --config FILE   configuration file (default: " CONFIG_FILE_DEFAULT ";\n"
	"                      without it: UDP and TCP on port 5060, no scripts)\n"
	"      --check FILE    read the file, say what is wrong with it, and end\n"
	"  -f, --foreground    stay in the foreground (always so)\n"
	"  -h, --help          print this and end\n"
	"  -V, --version       print the version and end\n"
	"\n"
	"SIGHUP reads the configuration file again; SIGTERM and SIGINT end calls in\n"
	"progress gracefully, a second one at once.\n";

struct option_row {
	const char *name;
	char letter; /* or 0 */
	bool has_file;
	enum options_mode mode;
};

static const struct option_row rows[] = {
	{ "config", 'c', true, OPTIONS_RUN },       { "check", 0, true, OPTIONS_CHECK },
	{ "foreground", 'f', false, OPTIONS_RUN },  { "help", 'h', false, OPTIONS_HELP },
	{ "version", 'V', false, OPTIONS_VERSION },
};

/* The row of an argument; *ret_value is what follows it in the same argument, or NULL. */
static const struct option_row *find(const char *arg, const char **ret_value)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i].name);

		*ret_value = NULL;
		if (strncmp(arg, "--", 2) == 0) {
			if (strncmp(arg + 2, rows[i].name, n) != 0)
				continue;
			if (arg[2 + n] == '\0')
				return &rows[i];
			if (arg[2 + n] == '=' && rows[i].has_file) {
				*ret_value = arg + 2 + n + 1;
				return &rows[i];
			}
		} else if (arg[0] == '-' && rows[i].letter && arg[1] == rows[i].letter) {
			if (arg[2] == '\0')
				return &rows[i];
			if (rows[i].has_file) {
				*ret_value = arg + 2;
				return &rows[i];
			}
		}
	}
	return NULL;
}

int options_parse(int argc, char *const argv[], struct options *ret, struct buf *reterr)
{
	struct options o = { OPTIONS_RUN, NULL };

	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		const struct option_row *row = find(argv[i], &value);

		if (!row) {
			buf_printf(reterr, "unknown argument \"%s\"", argv[i]);
			return -EINVAL;
		}
		if (row->has_file && !value) {
			if (++i == argc) {
				buf_printf(reterr, "--%s needs a file", row->name);
				return -EINVAL;
			}
			value = argv[i];
		}
		if (row->has_file && o.config) {
			buf_str(reterr, "more than one configuration file");
			return -EINVAL;
		}
		if (row->has_file)
			o.config = value;
		if (o.mode < row->mode)
			o.mode = row->mode;
	}
	*ret = o;
	return 0;
}
