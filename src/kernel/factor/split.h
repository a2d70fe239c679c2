/* The road for a composite number of 65 bits and more: elliptic curves, the sieve, rho,
 * p-1. */
#ifndef FANI_SPLIT_H
#define FANI_SPLIT_H

#include "factor_internal.h"

/* *divisor = a proper divisor of n, which is odd, composite, above 2^64, no perfect power, and has
 * no prime factor below 4096. Errors as fani_rho_mpz; which numbers are split within the effort
 * does not depend on effort->isa. */
fan_status fani_split(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor);

/* Runs the next rounds of curves, from effort->at.round up to `last_round`, until one finds
 * *divisor; 1 where none does, or n is longer than FANI_WIDE_BITS. With `any` the divisor depends
 * on effort->isa, and is found sooner. FAN_E_CANCELLED, FAN_E_MEMORY. */
fan_status fani_split_by_curves(mpz_srcptr n, fani_effort *effort, unsigned last_round, bool any,
                                mpz_ptr divisor);

#endif
