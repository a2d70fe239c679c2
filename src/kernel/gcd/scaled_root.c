/* The one division of a scaled tree, by a reciprocal (reciprocal.h): all its work is products.
 *
 * Let D be the product with a limb of zeros below, shifted so that B^n/2 <= D < B^n, and V its
 * reciprocal. The fraction of a remainder R < 3 D is that of R V B^-2n, too small by less than 24
 * B^-n, and 1 B^-n for rounding: within FANI_SCALED_ROOT_ERROR. */
#include "reciprocal.h"
#include "scaled.h"

/* Limbs: below, plain division is as fast. */
enum { NEWTON_FROM = 300 };

#define BITS(limbs) ((mp_bitcnt_t)(limbs)*GMP_NUMB_BITS)

static fan_status divide(const fani_multiplier *m, mpz_ptr fraction, mpz_ptr x, mpz_srcptr product)
{
    size_t n = fani_scaled_size(product);
    mp_bitcnt_t shift = BITS(n) - mpz_sizeinbase(product, 2);
    mpz_t divisor, reciprocal;
    mpz_inits(divisor, reciprocal, NULL);
    mpz_mul_2exp(divisor, product, shift);
    mpz_mul_2exp(x, x, shift);
    fan_status status = fani_reciprocal_invert(m, reciprocal, divisor, n);
    if (status == FAN_OK)
        status = fani_reciprocal_remainder(m, x, divisor, reciprocal, n);
    if (status == FAN_OK)
        status = fani_multiply(m, fraction, x, reciprocal);
    mpz_tdiv_q_2exp(fraction, fraction, BITS(n));
    mpz_tdiv_r_2exp(fraction, fraction, BITS(n));
    mpz_clears(divisor, reciprocal, NULL);
    return status;
}

fan_status fani_scaled_root(const fani_multiplier *multiplier, mpz_ptr fraction, mpz_srcptr sum,
                            mpz_srcptr product, mpz_srcptr others)
{
    mp_bitcnt_t bits = BITS(fani_scaled_size(product));
    mpz_t x;
    fani_multiplier own;
    fan_status status = fani_multiplier_open(&own, multiplier);
    if (status != FAN_OK)
        return status;
    mpz_init(x);
    status = fani_multiply(&own, x, sum, others);
    if (status == FAN_OK && mpz_size(product) >= NEWTON_FROM) {
        status = divide(&own, fraction, x, product);
    } else if (status == FAN_OK) {
        mpz_mul_2exp(x, x, bits);
        mpz_tdiv_q(fraction, x, product);
        mpz_tdiv_r_2exp(fraction, fraction, bits);
    }
    mpz_clear(x);
    fani_multiplier_close(&own);
    return status;
}
