/* Reciprocals of long numbers, and remainders by them. B is 2^64, and a divisor D of n limbs is
 * shifted so that B^n/2 <= D < B^n. */
#ifndef FANI_GCD_RECIPROCAL_H
#define FANI_GCD_RECIPROCAL_H

#include "multiplier.h"

/* out = a b, of any signs; out is none of them. Errors of the multiplier. */
fan_status fani_multiply(const fani_multiplier *m, mpz_ptr out, mpz_srcptr a, mpz_srcptr b);

/* reciprocal (initialized by the caller) = B^2n / D or up to 8 B^n less: n + 1 limbs at most.
 * Errors of the multiplier. Any thread. */
fan_status fani_reciprocal_invert(const fani_multiplier *m, mpz_ptr reciprocal, mpz_srcptr divisor,
                                  size_t n);

/* x >= 0, of any size, becomes one that is congruent to it modulo D and from 0 to 3 D. Goes from
 * the top in groups of n - 1 limbs. n >= 2. Errors of the multiplier. */
fan_status fani_reciprocal_remainder(const fani_multiplier *m, mpz_ptr x, mpz_srcptr divisor,
                                     mpz_srcptr reciprocal, size_t n);

#endif
