/* The command line. */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "daemon/options.h"

#define ARGS_MAX 5

static void the_command_line_is_read(void **state)
{
	static const struct {
		const char *argv[ARGS_MAX];
		enum options_mode mode;
		const char *config;
	} rows[] = {
		{ { NULL }, OPTIONS_RUN, NULL },
		{ { "-f" }, OPTIONS_RUN, NULL },
		{ { "-c", "x" }, OPTIONS_RUN, "x" },
		{ { "-cx" }, OPTIONS_RUN, "x" },
		{ { "--config", "x", "--foreground" }, OPTIONS_RUN, "x" },
		{ { "--config=x" }, OPTIONS_RUN, "x" },
		{ { "--config=" }, OPTIONS_RUN, "" },
		{ { "--check", "x" }, OPTIONS_CHECK, "x" },
		{ { "--check=x" }, OPTIONS_CHECK, "x" },
		{ { "-h" }, OPTIONS_HELP, NULL },
		{ { "--help", "-c", "x" }, OPTIONS_HELP, "x" },
		{ { "-V" }, OPTIONS_VERSION, NULL },
		{ { "--version" }, OPTIONS_VERSION, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *argv[ARGS_MAX + 1] = { (char *)"sipcgid" };
		AUTO_BUF err = BUF_INIT;
		struct options o;
		int argc = 1;

		while (argc <= ARGS_MAX && rows[i].argv[argc - 1]) {
			argv[argc] = (char *)(uintptr_t)rows[i].argv[argc - 1];
			argc++;
		}
		assert_int_equal(options_parse(argc, argv, &o, &err), 0);
		assert_int_equal(o.mode, rows[i].mode);
		if (rows[i].config)
			assert_string_equal(o.config, rows[i].config);
		else
			assert_null(o.config);
	}
}

static void what_is_wrong_with_it_is_told(void **state)
{
	static const struct {
		const char *argv[ARGS_MAX];
		const char *said;
	} rows[] = {
		{ { "-x" }, "unknown argument \"-x\"" },
		{ { "-" }, "unknown argument \"-\"" },
		{ { "--" }, "unknown argument \"--\"" },
		{ { "file" }, "unknown argument \"file\"" },
		{ { "--configx" }, "unknown argument \"--configx\"" },
		{ { "--help=x" }, "unknown argument \"--help=x\"" },
		{ { "-hx" }, "unknown argument \"-hx\"" },
		{ { "-c" }, "--config needs a file" },
		{ { "--check" }, "--check needs a file" },
		{ { "-c", "x", "-c", "y" }, "more than one configuration file" },
		{ { "-c", "x", "--check", "y" }, "more than one configuration file" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *argv[ARGS_MAX + 1] = { (char *)"sipcgid" };
		AUTO_BUF err = BUF_INIT;
		struct options o;
		int argc = 1;

		while (argc <= ARGS_MAX && rows[i].argv[argc - 1]) {
			argv[argc] = (char *)(uintptr_t)rows[i].argv[argc - 1];
			argc++;
		}
		assert_int_equal(options_parse(argc, argv, &o, &err), -EINVAL);
		assert_true(slice_eq(buf_view(&err), slice_str(rows[i].said)));
	}
}

static void the_usage_names_every_option(void **state)
{
	(void)state;
	assert_non_null(strstr(options_usage, "--config"));
	assert_non_null(strstr(options_usage, "--check"));
	assert_non_null(strstr(options_usage, "--foreground"));
	assert_non_null(strstr(options_usage, "--help"));
	assert_non_null(strstr(options_usage, "--version"));
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_command_line_is_read),
		HARNESS_TEST(what_is_wrong_with_it_is_told),
		HARNESS_TEST(the_usage_names_every_option),
	};

	return harness_run("daemon/options", tests, ARRAY_LEN(tests));
}
