/* What load.c and load_sections.c share. */
#ifndef SIPCGID_CONFIG_LOAD_H
#define SIPCGID_CONFIG_LOAD_H

#include "config/report.h"
#include "config/schema.h"
#include "config/snapshot.h"

struct loader {
	struct config *config; /* being built */
	struct config_report report;
	const struct config_tree *tree;
	cfg_t *root;
	struct slice dir; /* what relative paths are relative to */
	bool oom;
};

/* From the snapshot's arena, zeroed; NULL sets l->oom. */
void *load_alloc(struct loader *l, size_t n);
/* Copies with a NUL behind; empty when out of memory. */
struct slice load_copy(struct loader *l, struct slice s);
struct slice load_lower(struct loader *l, struct slice s);
/* The same of a path, made absolute. */
struct slice load_path(struct loader *l, struct slice path);

/* How many values a key has. */
unsigned load_count(cfg_t *section, const char *key);
/* The @i-th section of that name, or NULL. */
cfg_t *load_section(cfg_t *parent, const char *name, unsigned i);
/* "key is "value", expected ...". */
void load_wrong(struct loader *l, const char *key, const struct config_text *t,
		const char *expected);
/* Sets every number and bool of @schema in @base, from the file or the default; @section may be
 * NULL. */
void load_numbers(struct loader *l, cfg_t *section, const struct config_section *schema,
		  void *base);
void load_prefixes(struct loader *l, cfg_t *section, const char *key, struct config_prefixes *ret);
/* Which of @choices it is; 0, reported, when it is none. */
size_t load_choice(struct loader *l, const char *key, const struct config_text *t,
		   const char *const *choices, size_t n, const char *expected);

void load_listens(struct loader *l);
void load_scripts(struct loader *l);
/* After the scripts, which routes name. */
void load_routes(struct loader *l);

#endif
