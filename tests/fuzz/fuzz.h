/* What libFuzzer, or replay.c in its place, calls. */
#ifndef SIPCGID_TESTS_FUZZ_FUZZ_H
#define SIPCGID_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Must not change @data; returns 0, and aborts on what should never be. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() that no build turns off. */
#define FUZZ_ASSERT(cond)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

#endif
