/* Lines as they reach standard error. */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log_sink.h"

static void times_are_rfc_3339_in_utc(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ 951782399999, "2000-02-28T23:59:59.999Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 4102444800123, "2100-01-01T00:00:00.123Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[LOG_SINK_TIME];

		assert_string_equal(log_sink_time(rows[i].ms, out), rows[i].text);
	}
}

static void a_line_is_text_or_json_with_its_time(void **state)
{
	const struct log_field fields[] = { LOG_STR("reason", "a\nb"), LOG_INT("status", 403) };
	static const struct {
		enum config_log_format format;
		const char *line;
	} rows[] = {
		{ CONFIG_LOG_TEXT, "1970-01-01T00:00:00.007Z level=warn msg=\"refused it\" "
				   "reason=\"a\\nb\" status=403\n" },
		{ CONFIG_LOG_JSON,
		  "{\"time\":\"1970-01-01T00:00:00.007Z\",\"level\":\"warn\","
		  "\"msg\":\"refused it\",\"reason\":\"a\\nb\",\"status\":403}\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF out = BUF_INIT;

		log_sink_line(&out, rows[i].format, 7, LOG_WARN, "refused it", fields, 2);
		if (out.err == -ENOMEM && harness_alloc_failed())
			return;
		assert_int_equal(out.err, 0);
		if (!slice_eq(buf_view(&out), slice_str(rows[i].line)))
			fail_msg("%.*s", (int)out.len, out.data);
	}
}

static void each_line_is_one_write(void **state)
{
	char got[256];
	int fds[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_sink_start(fds[1]);
	log_sink_format(CONFIG_LOG_JSON);
	errno = EPERM;
	LOG(LOG_ERROR, "one");
	assert_int_equal(errno, EPERM);
	n = read(fds[0], got, sizeof(got));
	assert_true(n > 30);
	assert_memory_equal(got, "{\"time\":\"2", 10);
	assert_memory_equal(got + n - 2, "}\n", 2);
	log_sink_format(CONFIG_LOG_TEXT);
	log_sink_set(NULL, NULL);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(times_are_rfc_3339_in_utc),
		HARNESS_ALLOC_TEST(a_line_is_text_or_json_with_its_time),
		HARNESS_TEST(each_line_is_one_write),
	};

	return harness_run("daemon/log_sink", tests, ARRAY_LEN(tests));
}
