/* Stage 1 of Pollard's p-1, with a way back: numbers all of whose primes it finds are split too. */
#ifndef FANI_P_MINUS_1_H
#define FANI_P_MINUS_1_H

#include "factor_internal.h"

/* Looks for the primes p of n (odd, initialized) with no prime power above b1 (below 2^31) in the
 * order of `base` (above 1), which divides p - 1. *divisor = a proper divisor of n, or 1 where none
 * is found; *power is then the base raised to all prime powers up to b1, which is where a stage 2
 * begins. Primes that are found at once are taken apart by the largest primes of these orders, and
 * where they are the same by the next ones. So all primes of n are given up only where the orders
 * are equal: *power is then 1. FAN_E_CANCELLED leaves both undefined; it is looked at every 8192
 * squarings. Source: Pollard 1974. */
fan_status fani_p_minus_1(mpz_srcptr n, uint64_t base, uint32_t b1, const fani_effort *effort,
                          mpz_ptr power, mpz_ptr divisor);

#endif
