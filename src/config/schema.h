/*
 * What may stand in a configuration file: one table of sections and keys, from which libConfuse's
 * options, the checks of numbers and the "expected one of" texts are made. See docs/man/
 * sipcgid.conf.5 for what each means.
 */
#ifndef SIPCGID_CONFIG_SCHEMA_H
#define SIPCGID_CONFIG_SCHEMA_H

#include <confuse.h>
#include <stdint.h>

#include "base/slice.h"
#include "config/report.h"

enum config_kind {
	CK_TEXT,    /* one string, which load.c knows how to read */
	CK_TEXTS,   /* a list of strings, the same */
	CK_MS,      /* a duration in milliseconds, uint32_t */
	CK_SECONDS, /* a duration in seconds, uint32_t */
	CK_BYTES,   /* uint32_t */
	CK_COUNT,   /* uint32_t */
	CK_BOOL,    /* bool */
	CK_SECTION, /* a section that is given once */
	CK_MANY,    /* a section that is given any number of times */
	CK_TITLED,  /* the same, each with a title of its own */
	CK_ENV,     /* a section of free keys */
};

struct config_section;

struct config_key {
	const char *name;
	enum config_kind kind;
	size_t offset;  /* numbers and bools: of the member in the section's struct */
	uint64_t value; /* default, and the limits; durations in ms */
	uint64_t min, max;
	const struct config_section *section; /* of sections */
};

struct config_section {
	const char *name;
	const struct config_key *keys;
	size_t n_keys;
};

extern const struct config_section config_root;

/* What libConfuse keeps for each value: where it stood, and its text. */
struct config_text {
	unsigned line;
	char text[];
};

/*
 * The name of a hidden option in each section, whose value carries the line the section began on.
 */
#define CONFIG_LINE_KEY "\001line"

/* Where the free keys of environment sections stood; libConfuse does not keep it. */
struct config_env_line {
	const cfg_t *section;
	struct slice name; /* heap */
	unsigned line;
};

struct config_tree {
	cfg_t *cfg;
	struct config_env_line *env_lines;
	size_t n_env_lines;
};

/*
 * Parses a text that config_source_clean() has passed. 0, or -EBADMSG (reported) or -ENOMEM.
 * libConfuse is not reentrant: one thread at a time, the daemon's main one.
 */
int config_tree_parse(struct slice text, struct config_report *r, struct config_tree *ret);
void config_tree_fini(struct config_tree *t);

/* The line a section began on. */
unsigned config_tree_line(cfg_t *section);
/* The line of a key in an environment section. */
unsigned config_tree_env_line(const struct config_tree *t, cfg_t *section, struct slice name);
/* Value @i of a key; NULL when there are fewer. */
const struct config_text *config_tree_text(cfg_t *section, const char *key, unsigned i);

#endif
