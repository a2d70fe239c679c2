/* Many remainders by one divisor.
 *
 * Where transforms pay, a product x y of 2n limbs and its remainder take eight of them: x, y and
 * back for the product (2n limbs), the upper half of it and back for the quotient (2n), the
 * quotient and back for what it takes away (n limbs, cyclic: the remainder has no more). Those of
 * the reciprocal (2n) and of the divisor (n) are there. Why the remainder is in [0, 3 D) is told in
 * reciprocal.c. */
#include "ring.h"

#include "reciprocal.h"

#include "kernel/ntt/kept.h"

#include <stdlib.h>
#include <string.h>

#define BITS(limbs) ((mp_bitcnt_t)(limbs)*GMP_NUMB_BITS)

typedef struct fani_ring_kept {
    fani_ntt *wide, *narrow;        /* of 2n + 2 limbs and more, of n + 2 and more */
    uint64_t *reciprocal, *divisor; /* transforms: wide, narrow */
    uint64_t *scratch[2];           /* wide */
    mp_limb_t *product, *upper;     /* wide */
} fani_ring_kept;

/* ---- With transforms ------------------------------------------------------------------------- */

static void free_kept(fani_ring_kept *kept)
{
    if (!kept)
        return;
    fani_ntt_free(kept->wide);
    fani_ntt_free(kept->narrow);
    free(kept->reciprocal);
    free(kept->divisor);
    free(kept->scratch[0]);
    free(kept->scratch[1]);
    free(kept->product);
    free(kept->upper);
    free(kept);
}

static fan_status allocate(fani_ring_kept *kept)
{
    size_t limbs = fani_ntt_limbs(kept->wide);
    fan_status status = fani_ntt_allocate(kept->wide, 1, &kept->reciprocal);
    if (status == FAN_OK)
        status = fani_ntt_allocate(kept->narrow, 1, &kept->divisor);
    for (size_t i = 0; i < 2 && status == FAN_OK; i++)
        status = fani_ntt_allocate(kept->wide, 1, &kept->scratch[i]);
    kept->product = malloc(limbs * sizeof *kept->product);
    kept->upper = malloc(limbs * sizeof *kept->upper);
    return status == FAN_OK && kept->product && kept->upper ? FAN_OK : FAN_E_MEMORY;
}

static fan_status make_kept(fani_ring_divisor *d, fani_isa isa)
{
    fani_ring_kept *kept = calloc(1, sizeof *kept);
    if (!kept)
        return FAN_E_MEMORY;
    fan_status status = fani_ntt_make(2 * d->limbs + 2, isa, &kept->wide);
    if (status == FAN_OK)
        status = fani_ntt_make(d->limbs + 2, isa, &kept->narrow);
    if (status == FAN_OK)
        status = allocate(kept);
    if (status != FAN_OK) {
        free_kept(kept);
        return status;
    }
    fani_ntt_transform(kept->wide, kept->reciprocal, mpz_limbs_read(d->reciprocal),
                       mpz_size(d->reciprocal));
    fani_ntt_transform(kept->narrow, kept->divisor, mpz_limbs_read(d->divisor),
                       mpz_size(d->divisor));
    d->kept = kept;
    return FAN_OK;
}

static void settle(const fani_ntt *plan, const uint64_t *product, mp_limb_t *out)
{
    fani_ntt_carry carry;
    fani_ntt_join(plan, product, 0, 1, out, &carry);
    fani_ntt_settle(plan, &carry, 1, out);
}

/* out = a times what is transformed in b. */
static void convolve(const fani_ntt *plan, uint64_t *scratch, const mp_limb_t *a, size_t an,
                     const uint64_t *b, mp_limb_t *out)
{
    fani_ntt_split(plan, scratch, a, an, 0, 1);
    for (unsigned prime = 0; prime < fani_ntt_primes(plan); prime++)
        fani_ntt_convolve(plan, scratch, an, b, prime);
    settle(plan, scratch, out);
}

static void multiply(const fani_ring_kept *kept, mpz_srcptr x, mpz_srcptr y)
{
    size_t xn = mpz_size(x), yn = mpz_size(y);
    fani_ntt_split(kept->wide, kept->scratch[0], mpz_limbs_read(x), xn, 0, 1);
    fani_ntt_split(kept->wide, kept->scratch[1], mpz_limbs_read(y), yn, 0, 1);
    for (unsigned prime = 0; prime < fani_ntt_primes(kept->wide); prime++)
        fani_ntt_convolve_both(kept->wide, kept->scratch[0], xn, kept->scratch[1], yn, prime);
    settle(kept->wide, kept->scratch[0], kept->product);
}

/* out[0 .. size) = x - y modulo B^size - 1, from 0 to B^size - 2. x has at most 2 size limbs. */
static void subtract_folded(mp_limb_t *out, size_t size, const mp_limb_t *x, size_t xn,
                            const mp_limb_t *y)
{
    size_t upper = xn > size ? xn - size : 0;
    mpn_copyi(out, x, (mp_size_t)(xn - upper));
    mpn_zero(out + (xn - upper), (mp_size_t)(size - (xn - upper)));
    if (upper && mpn_add(out, out, (mp_size_t)size, x + size, (mp_size_t)upper))
        mpn_add_1(out, out, (mp_size_t)size, 1);
    if (mpn_sub_n(out, out, y, (mp_size_t)size))
        mpn_sub_1(out, out, (mp_size_t)size, 1);
    size_t ones = 0;
    while (ones < size && out[ones] == GMP_NUMB_MAX)
        ones++;
    if (ones == size)
        mpn_zero(out, (mp_size_t)size);
}

/* x y mod D, for products of at most 2n - 1 limbs. */
static void times_kept(const fani_ring_divisor *d, mpz_ptr x, mpz_srcptr y)
{
    fani_ring_kept *kept = d->kept;
    size_t n = d->limbs, size = fani_ntt_limbs(kept->narrow);
    mp_limb_t *quotient = kept->upper + (n + 1);
    multiply(kept, x, y);
    convolve(kept->wide, kept->scratch[0], kept->product + (n - 1), n, kept->reciprocal,
             kept->upper);
    convolve(kept->narrow, kept->scratch[0], quotient, n, kept->divisor, kept->upper);
    mp_limb_t *out = mpz_limbs_write(x, (mp_size_t)size);
    subtract_folded(out, size, kept->product, 2 * n - 1, kept->upper);
    mpz_limbs_finish(x, (mp_size_t)size);
}

/* ---- All of it ------------------------------------------------------------------------------- */

fan_status fani_ring_divisor_open(fani_ring_divisor *divisor, const fani_multiplier *multiplier,
                                  mpz_srcptr product, size_t n)
{
    *divisor = (fani_ring_divisor){.limbs = n};
    mpz_inits(divisor->divisor, divisor->reciprocal, NULL);
    divisor->shift = BITS(n) - mpz_sizeinbase(product, 2);
    mpz_mul_2exp(divisor->divisor, product, divisor->shift);
    fan_status status =
        fani_reciprocal_invert(multiplier, divisor->reciprocal, divisor->divisor, n);
    if (status == FAN_OK && multiplier->kept && n >= multiplier->cyclic_from)
        status = make_kept(divisor, multiplier->isa);
    if (status != FAN_OK)
        fani_ring_divisor_close(divisor);
    return status;
}

fan_status fani_ring_divisor_times(const fani_ring_divisor *divisor,
                                   const fani_multiplier *multiplier, mpz_ptr x, mpz_srcptr y)
{
    size_t size = mpz_size(x) + mpz_size(y);
    if (!mpz_sgn(x) || !mpz_sgn(y)) {
        mpz_set_ui(x, 0);
        return FAN_OK;
    }
    if (divisor->kept && size <= 2 * divisor->limbs - 1 && size > divisor->limbs) {
        times_kept(divisor, x, y);
        return FAN_OK;
    }
    mpz_t product;
    mpz_init(product);
    fan_status status = fani_multiply(multiplier, product, x, y);
    if (status == FAN_OK)
        status = fani_reciprocal_remainder(multiplier, product, divisor->divisor,
                                           divisor->reciprocal, divisor->limbs);
    mpz_swap(x, product);
    mpz_clear(product);
    return status;
}

fan_status fani_ring_divisor_fraction(const fani_ring_divisor *divisor,
                                      const fani_multiplier *multiplier, mpz_srcptr x,
                                      mpz_ptr fraction, size_t limbs)
{
    fan_status status = fani_multiply(multiplier, fraction, x, divisor->reciprocal);
    mpz_tdiv_q_2exp(fraction, fraction, BITS(2 * divisor->limbs - limbs));
    mpz_tdiv_r_2exp(fraction, fraction, BITS(limbs));
    return status;
}

void fani_ring_divisor_close(fani_ring_divisor *divisor)
{
    if (!divisor->limbs)
        return;
    mpz_clears(divisor->divisor, divisor->reciprocal, NULL);
    free_kept(divisor->kept);
    *divisor = (fani_ring_divisor){0};
}
