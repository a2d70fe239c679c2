/* How long a hard number will take, told before it is begun. */
#ifndef FANI_HARD_ESTIMATE_H
#define FANI_HARD_ESTIMATE_H

#include "base/isa.h"
#include "fanfold/status.h"

#include <gmp.h>

enum {
    FANI_HARD_TEXT = 160,
    /* The sieve of shorter numbers takes some seconds: nothing is said, nor measured. */
    FANI_HARD_TOLD_BITS = 229,
};

/* Says in a line how long the sieve of n (FANI_HARD_TOLD_BITS bits at least, a composite that it
 * takes) will take one core of this machine, measured now for some tenths of a second, and so many
 * workers like it. Errors of fani_qs_make and fani_qs_estimate. */
fan_status fani_hard_estimate(mpz_srcptr n, fani_isa isa, unsigned workers,
                              char text[FANI_HARD_TEXT]);

/* Decimal digits of n > 0, exactly. */
size_t fani_hard_digits(mpz_srcptr n);

/* "45 s", "12 min", "3.4 h", "2.1 days" */
void fani_hard_time(double seconds, char text[32]);

#endif
