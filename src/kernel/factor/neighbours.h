/* Numbers that follow each other, as in `seq 1000000`: a sieve knows which of them a prime divides
 * without asking each. */
#ifndef FANI_NEIGHBOURS_H
#define FANI_NEIGHBOURS_H

#include "fanfold/factor.h"
#include "small_primes.h"

enum { FANI_NEIGHBOURS_MAX = 512 };

/* What is left of a number once its primes of the table are divided out is prime, or 1, where it is
 * below this. */
#define FANI_NEIGHBOURS_PRIME ((uint64_t)FANI_SMALL_PRIMES_END * FANI_SMALL_PRIMES_END)

/* How many of the first numbers are n[0], n[0] + 1, n[0] + 2, ...; at most FANI_NEIGHBOURS_MAX, and
 * 0 where they are too few to be worth a sieve, or n[0] is 0 or 1. */
size_t fani_neighbours_count(const uint64_t *n, size_t count);

/* Writes the prime factors below FANI_SMALL_PRIMES_END of `first` >= 2 and the `count` - 1 numbers
 * behind it, which are at most 2^64 - 1, into out[i], and what is left of each into rest[i]. */
void fani_neighbours_divide(uint64_t first, size_t count, fan_factors_u64 *out, uint64_t *rest);

#endif
