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

/* fraction = sum others / product. The reciprocal comes first: while it is made, nothing of the
 * length of sum others is there. */
static fan_status divide(fani_multiplier *m, mpz_ptr fraction, mpz_srcptr sum, mpz_srcptr product,
                         mpz_srcptr others)
{
    size_t n = fani_scaled_size(product);
    mp_bitcnt_t shift = BITS(n) - mpz_sizeinbase(product, 2);
    mpz_t divisor, reciprocal, x;
    mpz_inits(divisor, reciprocal, x, NULL);
    mpz_mul_2exp(divisor, product, shift);
    fan_status status = fani_reciprocal_invert(m, reciprocal, divisor, n);
    fani_multiplier_trim(m); /* plans of all lengths up to here */
    if (status == FAN_OK)
        status = fani_multiply(m, x, sum, others);
    mpz_mul_2exp(x, x, shift);
    if (status == FAN_OK)
        status = fani_reciprocal_remainder(m, x, divisor, reciprocal, n);
    mpz_realloc2(divisor, 1);
    if (status == FAN_OK)
        status = fani_multiply(m, fraction, x, reciprocal);
    mpz_tdiv_q_2exp(fraction, fraction, BITS(n));
    mpz_tdiv_r_2exp(fraction, fraction, BITS(n));
    mpz_clears(divisor, reciprocal, x, NULL);
    return status;
}

static fan_status divide_plainly(mpz_ptr fraction, mpz_srcptr sum, mpz_srcptr product,
                                 mpz_srcptr others)
{
    mp_bitcnt_t bits = BITS(fani_scaled_size(product));
    mpz_t x;
    mpz_init(x);
    mpz_mul(x, sum, others);
    mpz_mul_2exp(x, x, bits);
    mpz_tdiv_q(fraction, x, product);
    mpz_tdiv_r_2exp(fraction, fraction, bits);
    mpz_clear(x);
    return FAN_OK;
}

fan_status fani_scaled_root(const fani_multiplier *multiplier, mpz_ptr fraction, mpz_srcptr sum,
                            mpz_srcptr product, mpz_srcptr others)
{
    fani_multiplier own;
    if (mpz_size(product) < NEWTON_FROM)
        return divide_plainly(fraction, sum, product, others);
    fan_status status = fani_multiplier_open(&own, multiplier);
    if (status != FAN_OK)
        return status;
    status = divide(&own, fraction, sum, product, others);
    fani_multiplier_close(&own);
    return status;
}
