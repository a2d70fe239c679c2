/* p-1 and elliptic curves by GMP-ECM's library, for composites that neither the engines of wide.h
 * nor the sieve take. */
#ifndef FANI_GMP_ECM_H
#define FANI_GMP_ECM_H

#include "factor_internal.h"

/* The most work of fani_effort.work that a number gets where nobody asked for more: all of what
 * finds factors of FANI_DIGITS_USUAL digits up to 150 digits, less beyond (docs/factoring.md). */
uint64_t fani_gmp_ecm_usual_work(void);

/* Goes on at effort->at with the levels of curves for factors of up to effort->digits digits, each
 * begun with p-1, until *divisor is a proper divisor of n, which is odd and has no prime factor
 * below 4096. effort->method says whether p-1 found it. FAN_E_EFFORT when the levels or
 * effort->work are spent, FAN_E_CANCELLED, FAN_E_MEMORY (the library's stage 2 had too little);
 * then *divisor is undefined. Any thread: the library writes the same values to its few globals for
 * every call, and the hook that it polls is kept in a variable of the thread. With each curve
 * version 7.0.5 loses four numbers as long as n: less than a kilobyte a second. Like GMP, the
 * library ends the process where other memory runs out. Cancelling takes effect at the next prime
 * of stage 1 or the next polynomial of stage 2: at once up to 1000 digits. Source: Lenstra 1987;
 * Pollard 1974; P. Zimmermann and B. Dodson, "20 years of ECM", 2006. */
fan_status fani_gmp_ecm_split(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor);

/* The same up to `to` (level and run), which is not run; NULL: to the end. *divisor = 1 where it
 * came there. */
fan_status fani_gmp_ecm_stretch(mpz_srcptr n, fani_effort *effort, const fani_progress *to,
                                mpz_ptr divisor);

/* Goes from *at over runs that cost `cost` of fani_effort.work or little more, all together, and
 * takes them from *work: what finds nothing does the same. At least one; false: none is left. */
bool fani_gmp_ecm_cut(mpz_srcptr n, unsigned digits, uint64_t cost, fani_progress *at,
                      uint64_t *work);

#endif
