/* sipcgi: the companion of the daemon. This file only finds the command. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tool/tool.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "user", tool_user, "add, change, remove, list and import users" },
};

void tool_error(const char *fmt, ...)
{
	va_list ap;

	fputs("sipcgi: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void usage(FILE *to)
{
	fputs("usage: sipcgi COMMAND ...\n\n", to);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fputs("\nsipcgi COMMAND --help tells more. See sipcgi(1).\n", to);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return TOOL_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return TOOL_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("sipcgi " SIPCGID_VERSION);
		return TOOL_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	tool_error("no such command: %s", argv[1]);
	usage(stderr);
	return TOOL_USAGE;
}
