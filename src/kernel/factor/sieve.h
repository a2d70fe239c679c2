/* A small self-initializing quadratic sieve, for numbers of up to FANI_SIEVE_BITS bits, on one
 * thread. docs/factoring.md has the outline; what its files share is in sieve_internal.h. */
#ifndef FANI_SIEVE_H
#define FANI_SIEVE_H

#include "base/isa.h"
#include "factor_internal.h"

enum {
    FANI_SIEVE_BITS_MIN = 50,
    FANI_SIEVE_BITS = 140, /* beyond, the large sieve (kernel/qs) is quicker */
};

/* *divisor = a proper divisor of n, which is odd, composite, no perfect power, has
 * FANI_SIEVE_BITS_MIN to FANI_SIEVE_BITS bits and no prime factor below 256. Only the cancel hook
 * of the effort is used. FAN_E_EFFORT: not split (too few polynomials for so small a number).
 * FAN_E_CANCELLED, FAN_E_MEMORY. Any thread. Source: Contini, "Factoring integers with the
 * self-initializing quadratic sieve", 1997. */
fan_status fani_sieve_split(mpz_srcptr n, const fani_effort *effort, fani_isa isa, mpz_ptr divisor);

#endif
