/* Generated SIP messages, the same for the same seed. Not thread-safe. */
#ifndef SIPCGID_TESTS_UNIT_SIP_MESSAGES_H
#define SIPCGID_TESTS_UNIT_SIP_MESSAGES_H

#include "base/buf.h"

void messages_seed(uint64_t seed);
/* The next random number below @n. */
size_t messages_below(size_t n);
/* Replaces what is in @b with a good message; look at b->err. */
void messages_generate(struct buf *b);
/* Damages what is in @b, one byte or line of it; nothing happens to an empty one. */
void messages_damage(struct buf *b);

#endif
