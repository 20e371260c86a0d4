/*
 * A pass over the file before libConfuse reads it. libConfuse 3.3 counts comment lines two or
 * three times, drops characters it does not know without a word, takes the end of the file for the
 * end of every open section, and lets a string run on to the next quote anywhere in the file. So
 * comments are blanked out here and these faults are reported where they begin.
 *
 * Leaves the grammar to libConfuse (schema.c) and the meaning to load.c.
 */
#include "config/source.h"

#include <errno.h>
#include <stdbool.h>

struct source {
	struct slice text;
	char *out;
	struct config_report *report;
	size_t at;
	unsigned line;
	unsigned open[CONFIG_DEPTH_MAX]; /* lines of the open braces */
	size_t depth;
};

static char peek(const struct source *s, size_t ahead)
{
	return s->at + ahead < s->text.n ? s->text.p[s->at + ahead] : '\0';
}

/* Copies one byte, or a blank in its place; newlines always stay. */
static void step(struct source *s, bool keep)
{
	char c = s->text.p[s->at];

	if (c == '\n')
		s->line++;
	s->out[s->at++] = keep || c == '\n' ? c : ' ';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

static int string(struct source *s)
{
	char quote = peek(s, 0);
	unsigned line = s->line;

	step(s, true);
	while (s->at < s->text.n) {
		char c = peek(s, 0);

		if (c == '\n')
			break;
		if (is_control(c) || c == '\r') {
			config_error(s->report, s->line,
				     "control character 0x%02x in a string, expected text",
				     (unsigned char)c);
			return -EBADMSG;
		}
		step(s, true);
		if (c == quote)
			return 0;
		if (c == '\\' && s->at < s->text.n && peek(s, 0) != '\n')
			step(s, true);
	}
	config_error(s->report, line, "string without its closing %c, expected it on the same line",
		     quote);
	return -EBADMSG;
}

static int block_comment(struct source *s)
{
	unsigned line = s->line;

	step(s, false);
	step(s, false);
	while (s->at < s->text.n) {
		if (peek(s, 0) == '*' && peek(s, 1) == '/') {
			step(s, false);
			step(s, false);
			return 0;
		}
		step(s, false);
	}
	config_error(s->report, line, "comment without its end, expected */");
	return -EBADMSG;
}

static int brace(struct source *s)
{
	if (peek(s, 0) == '{') {
		if (s->depth == CONFIG_DEPTH_MAX) {
			config_error(s->report, s->line,
				     "braces nested too deeply, expected at most %d",
				     CONFIG_DEPTH_MAX);
			return -EBADMSG;
		}
		s->open[s->depth++] = s->line;
	} else if (s->depth == 0) {
		config_error(s->report, s->line, "\"}\" without a \"{\" before it");
		return -EBADMSG;
	} else {
		s->depth--;
	}
	step(s, true);
	return 0;
}

int config_source_clean(struct slice text, char *out, struct config_report *r)
{
	struct source s = { .text = text, .out = out, .report = r, .line = 1 };
	bool word = false; /* inside an unquoted word, where // is no comment */
	int rc = 0;

	while (rc == 0 && s.at < text.n) {
		char c = peek(&s, 0);

		if (c == '"' || c == '\'') {
			rc = string(&s);
			word = false;
		} else if (c == '#' || (!word && c == '/' && peek(&s, 1) == '/')) {
			while (s.at < text.n && peek(&s, 0) != '\n')
				step(&s, false);
			word = false;
		} else if (!word && c == '/' && peek(&s, 1) == '*') {
			rc = block_comment(&s);
		} else if (c == '{' || c == '}') {
			rc = brace(&s);
			word = false;
		} else if (is_control(c)) {
			config_error(r, s.line, "control character 0x%02x, expected text",
				     (unsigned char)c);
			return -EBADMSG;
		} else if (c == '*' || (c == '+' && peek(&s, 1) != '=')) {
			config_error(r, s.line,
				     "\"%c\" outside of quotes, expected \"...\" around it", c);
			return -EBADMSG;
		} else {
			word = c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '=' &&
			       c != ',' && c != '(' && c != ')';
			step(&s, c != '\r');
		}
	}
	if (rc < 0)
		return rc;
	if (s.depth) {
		config_error(r, s.open[s.depth - 1], "\"{\" without its \"}\"");
		return -EBADMSG;
	}
	return 0;
}
