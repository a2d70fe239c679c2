/* Remainders of many long numbers by one that is long itself: its reciprocal and the transforms of
 * both are kept.
 *
 * Newton's reciprocal as in reciprocal.h; a group of limbs then costs two products by numbers whose
 * transforms are there. */
#ifndef FANI_GCD_MODULUS_H
#define FANI_GCD_MODULUS_H

#include "multiplier.h"

#include <stdint.h>

/* Zero bytes are none. */
typedef struct fani_modulus {
    fani_multiplier multiplier; /* its own */
    mpz_t value;
    size_t limbs; /* of the divisor: one more than the value has */
    mpz_t divisor;
    mpz_t reciprocal;
    /* The rest is there from the first long remainder on: */
    uint64_t *of_reciprocal, *of_divisor, *transform;
    mp_limb_t *whole, *group;
} fani_modulus;

/* value: above 0, copied. reciprocal: of an earlier fani_modulus of the same value; NULL: it is
 * made. On error it is empty: FAN_E_MEMORY, FAN_E_TOO_LARGE. One thread at a time. */
fan_status fani_modulus_open(fani_modulus *m, const fani_multiplier *multiplier, mpz_srcptr value,
                             mpz_srcptr reciprocal);

/* x >= 0 becomes its remainder. Errors of the multiplier. */
fan_status fani_modulus_reduce(fani_modulus *m, mpz_ptr x);

/* out (initialized by the caller) = the product of `count` numbers (none: 1) mod the value; they
 * are at least 0 and of any size. Errors of the multiplier. */
fan_status fani_modulus_product(fani_modulus *m, mpz_ptr out, mpz_srcptr numbers, size_t count);

/* Frees. Accepts zero bytes. */
void fani_modulus_close(fani_modulus *m);

#endif
