/* GMP's cyclic products, a third faster where a third of the product is not wanted. The library
 * exports them under these names since version 5 and its headers do not declare them: configure
 * looks for them, and takes multiplier_public.c where they are missing. */
#include "multiplier.h"

#include <stdlib.h>
#include <string.h>

mp_size_t __gmpn_mulmod_bnm1_next_size(mp_size_t size);
void __gmpn_mulmod_bnm1(mp_limb_t *out, mp_size_t size, const mp_limb_t *a, mp_size_t an,
                        const mp_limb_t *b, mp_size_t bn, mp_limb_t *scratch);
int __gmpn_fft_best_k(mp_size_t size, int square);
mp_limb_t __gmpn_mul_fft(mp_limb_t *out, mp_size_t size, const mp_limb_t *a, mp_size_t an,
                         const mp_limb_t *b, mp_size_t bn, int k);

/* Below, products mod B^n - 1 are made of whole ones; and a transform needs so many pieces. */
enum { CYCLIC_FROM = 100, NEGACYCLIC_FROM = 500, PIECES_LOG_MIN = 4 };

static size_t cyclic_size(size_t size)
{
    return (size_t)__gmpn_mulmod_bnm1_next_size((mp_size_t)size);
}

static fan_status cyclic(const fani_multiplier *self, mp_limb_t *out, size_t size,
                         const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn)
{
    if (an + bn <= size)
        return fani_multiplier_plain.cyclic(self, out, size, a, an, b, bn);
    mp_limb_t *scratch = malloc((2 * size + 4) * sizeof *scratch);
    if (!scratch)
        return FAN_E_MEMORY;
    if (an >= bn)
        __gmpn_mulmod_bnm1(out, (mp_size_t)size, a, (mp_size_t)an, b, (mp_size_t)bn, scratch);
    else
        __gmpn_mulmod_bnm1(out, (mp_size_t)size, b, (mp_size_t)bn, a, (mp_size_t)an, scratch);
    free(scratch);
    return FAN_OK;
}

/* The transform cuts its numbers into 2^k pieces of whole limbs. */
static int pieces_log(size_t size)
{
    int k = __gmpn_fft_best_k((mp_size_t)size, 0);
    while (k > 0 && size & (((size_t)1 << k) - 1))
        k--;
    return k;
}

static fan_status negacyclic(const fani_multiplier *self, mp_limb_t *out, size_t size,
                             const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn)
{
    int k = size < NEGACYCLIC_FROM ? 0 : pieces_log(size);
    if (k < PIECES_LOG_MIN || an + bn <= size)
        return fani_multiplier_plain.negacyclic(self, out, size, a, an, b, bn);
    out[size] = __gmpn_mul_fft(out, (mp_size_t)size, a, (mp_size_t)an, b, (mp_size_t)bn, k);
    return FAN_OK;
}

static fan_status product(const fani_multiplier *self, mp_limb_t *out, const mp_limb_t *a,
                          size_t an, const mp_limb_t *b, size_t bn)
{
    return fani_multiplier_plain.product(self, out, a, an, b, bn);
}

const fani_multiplier *fani_multiplier_best(void)
{
    static const fani_multiplier gmp = {
        .name = "GMP with cyclic products",
        .product = product,
        .cyclic_from = CYCLIC_FROM,
        .cyclic_size = cyclic_size,
        .cyclic = cyclic,
        .negacyclic = negacyclic,
    };
    return &gmp;
}
