/*
 * sim: runs the core in simulated worlds, one per seed.
 *
 *     sim --seeds 1000             seeds 1 to 1000
 *     sim --seeds 100 --first 500  seeds 500 to 599
 *     sim --seed 42 --trace        one, with every message
 *     sim --break=NAME             the world does something wrong on purpose
 *
 * Exits with 1 at the first broken invariant, having said how to replay it; with --break exits
 * with 0 if that very invariant was seen broken, else with 1.
 */
#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "sim.h"

static const struct {
	const char *name;
	enum sim_break brk;
	const char *invariant;
} breaks[] = {
	{ "dup-final", BREAK_DUP_FINAL, "one final response" },
	{ "lose-commit", BREAK_LOSE_COMMIT, "durable" },
	{ "cseq", BREAK_CSEQ, "CSeq" },
	{ "silence", BREAK_SILENCE, "one final response" },
	{ "leak", BREAK_LEAK, "run" },
};

static void usage(void)
{
	fputs("usage: sim [--seeds N] [--first N] [--seed N] [--trace] [--twice] [--break=NAME]\n",
	      stderr);
	exit(2);
}

static uint64_t number(const char *text)
{
	uint64_t n;

	if (slice_u64(slice_str(text), UINT64_MAX, &n) < 0)
		usage();
	return n;
}

static void break_named(const char *name, struct sim_options *opt)
{
	for (size_t i = 0; i < ARRAY_LEN(breaks); i++)
		if (strcmp(breaks[i].name, name) == 0) {
			opt->brk = breaks[i].brk;
			opt->expect = breaks[i].invariant;
			return;
		}
	usage();
}

static void run_seed(struct sim_options *opt, bool twice, struct sim_summary *sum)
{
	struct sim_summary first = { 0 }, second = { 0 };

	sim_run(opt, &first);
	if (twice) {
		sim_run(opt, &second);
		if (first.digest != second.digest) {
			fprintf(stderr, "seed %llu: two runs differ\n",
				(unsigned long long)opt->seed);
			exit(1);
		}
	}
	sum->requests += first.requests;
	sum->messages += first.messages;
	sum->runs += first.runs;
	sum->answered += first.answered;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 's' },
		{ "trace", no_argument, NULL, 't' },
		{ "twice", no_argument, NULL, '2' },
		{ "break", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	struct sim_options opt = { .program = argv[0] };
	struct sim_summary sum = { 0 };
	uint64_t first = 1, n = 1000;
	bool twice = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			n = number(optarg);
			break;
		case 'f':
			first = number(optarg);
			break;
		case 's':
			first = number(optarg);
			n = 1;
			break;
		case 't':
			opt.trace = true;
			break;
		case '2':
			twice = true;
			break;
		case 'b':
			break_named(optarg, &opt);
			break;
		default:
			usage();
		}
	}
	for (uint64_t i = 0; i < n; i++) {
		opt.seed = first + i;
		run_seed(&opt, twice, &sum);
	}
	printf("%llu seeds: %zu requests of agents, %zu messages to the core, %zu answered, "
	       "%zu script runs, %.1f s\n",
	       (unsigned long long)n, sum.requests, sum.messages, sum.answered, sum.runs,
	       (double)clock() / CLOCKS_PER_SEC);
	return opt.brk != BREAK_NOTHING; /* nobody saw it */
}
