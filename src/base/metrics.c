/* Names and help texts of the counters. */
#include "base/metrics.h"

#include <stddef.h>

static const struct {
	const char *name;
	const char *help;
} table[METRIC_COUNT] = {
#define METRIC_ROW(id, name, help) [METRIC_##id] = { name, help },
	METRICS(METRIC_ROW)
#undef METRIC_ROW
};

const char *metric_name(enum metric m)
{
	return (unsigned)m < METRIC_COUNT ? table[m].name : NULL;
}

const char *metric_help(enum metric m)
{
	return (unsigned)m < METRIC_COUNT ? table[m].help : NULL;
}
