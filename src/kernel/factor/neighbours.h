/* Numbers that follow each other, as in `seq 1000000`: a sieve knows which of them a prime divides
 * without asking each. */
#ifndef FANI_NEIGHBOURS_H
#define FANI_NEIGHBOURS_H

#include "fanfold/factor.h"
#include "small_primes.h"

enum { FANI_NEIGHBOURS_MAX = 512 };

/* How many of the first numbers are n[0], n[0] + 1, n[0] + 2, ...; at most FANI_NEIGHBOURS_MAX, and
 * 0 where they are too few to be worth a sieve, or n[0] is 0 or 1. */
size_t fani_neighbours_count(const uint64_t *n, size_t count);

/* Writes prime factors of `first` >= 2 and the `count` - 1 numbers behind it, which are at most
 * 2^64 - 1, into out[i], and into rest[i] what is still to be factored: 1, or a number without a
 * prime of the table. True: there is nothing. */
bool fani_neighbours_divide(uint64_t first, size_t count, fan_factors_u64 *out, uint64_t *rest);

#endif
