/* The quadratic sieve of large numbers on one thread, from a number to a divisor. */
#ifndef FANI_QS_SPLIT_H
#define FANI_QS_SPLIT_H

#include "kernel/factor/factor_internal.h"

/* *divisor = a proper divisor of n, which is odd, composite, no perfect power, and has
 * FANI_QS_BITS_MIN to FANI_QS_BITS_MAX bits; small prime factors are found sooner otherwise. Only
 * the cancel hook of the effort is used. The answer does not depend on isa. Any thread; up to 90
 * digits it takes less than 300 MB. Errors: FAN_E_ARGUMENT (not so many bits, or even),
 * FAN_E_EFFORT (there are too few polynomials: numbers near the lower end), FAN_E_CANCELLED,
 * FAN_E_MEMORY, FAN_E_FAILED (the machine computes wrongly). Sources: qs.h, algebra.h. */
fan_status fani_qs_split(mpz_srcptr n, const fani_effort *effort, fani_isa isa, mpz_ptr divisor);

#endif
