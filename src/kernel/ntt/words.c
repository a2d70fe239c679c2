#include "internal.h"

#include <string.h>

enum {
    BLOCK = 64, /* coefficients: they take `bits` limbs */
    VALUE_LIMBS = FANI_NTT_COFACTOR_LIMBS,
    WINDOW_LIMBS = 192 + FANI_NTT_CARRY_LIMBS,
};

/* Coefficient i, of at most three words. */
static void cut(const mp_limb_t *a, size_t an, unsigned bits, size_t i, uint64_t part[3])
{
    size_t at = i * bits / 64;
    unsigned shift = (unsigned)(i * bits % 64);
    for (unsigned k = 0; k < 3; k++) {
        uint64_t low = fani_ntt_limb(a, an, at + k), high = fani_ntt_limb(a, an, at + k + 1);
        uint64_t word = shift ? low >> shift | high << (64 - shift) : low;
        unsigned left = bits < 64 * k ? 0 : bits - 64 * k;
        part[k] = left >= 64 ? word : word & ((UINT64_C(1) << left) - 1);
    }
}

void fani_ntt_split_words(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                          size_t first, size_t last, fani_ntt_put *put)
{
    uint64_t part[BLOCK][3];
    for (size_t i = first * FANI_NTT_GROUP; i < last * FANI_NTT_GROUP; i += BLOCK) {
        for (size_t k = 0; k < BLOCK; k++)
            cut(a, an, plan->sizes.bits, i + k, part[k]);
        for (unsigned j = 0; j < plan->sizes.primes; j++)
            put(plan->prime + j, part, transform + j * plan->stride + i);
    }
}

/* The coefficient with these residues x[j] (below p, times join): sum x[j] cofactor[j] - q product,
 * where q is sum x[j] / p[j] rounded: the coefficient is below a quarter of the product (shape.c).
 * Each term of q is too small by less than 2 units of 2^-48. */
static void combine(const fani_ntt *plan, const uint64_t x[FANI_NTT_PRIMES_MAX][BLOCK], size_t k,
                    mp_limb_t value[VALUE_LIMBS])
{
    uint64_t parts = UINT64_C(1) << 47;
    memset(value, 0, VALUE_LIMBS * sizeof *value);
    for (unsigned j = 0; j < plan->sizes.primes; j++) {
        const fani_ntt_prime *prime = plan->prime + j;
        mpn_addmul_1(value, prime->cofactor, VALUE_LIMBS, x[j][k]);
        parts += (uint64_t)((unsigned __int128)x[j][k] * prime->inverse >> 64);
    }
    mpn_submul_1(value, plan->product, VALUE_LIMBS, parts >> 48);
}

/* Adds value << bit. What is in the window from there on is below 2^387 (a coefficient and what
 * went over from those before), so that nothing is carried out of the eight limbs. */
static void add_shifted(mp_limb_t *window, size_t bit, const mp_limb_t value[VALUE_LIMBS])
{
    mp_limb_t shifted[VALUE_LIMBS + 1] = {0};
    unsigned shift = bit % 64;
    if (shift)
        shifted[VALUE_LIMBS] = mpn_lshift(shifted, value, VALUE_LIMBS, shift);
    else
        mpn_copyi(shifted, value, VALUE_LIMBS);
    mpn_add_n(window + bit / 64, window + bit / 64, shifted, VALUE_LIMBS + 1);
}

void fani_ntt_join_words(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                         mp_limb_t *out, fani_ntt_carry *carry, fani_ntt_take *take)
{
    uint64_t x[FANI_NTT_PRIMES_MAX][BLOCK];
    mp_limb_t window[WINDOW_LIMBS] = {0}, value[VALUE_LIMBS];
    unsigned bits = plan->sizes.bits;
    for (size_t i = first * FANI_NTT_GROUP; i < last * FANI_NTT_GROUP; i += BLOCK) {
        for (unsigned j = 0; j < plan->sizes.primes; j++)
            take(plan->prime + j, product + j * plan->stride + i, x[j]);
        for (size_t k = 0; k < BLOCK; k++) {
            combine(plan, x, k, value);
            add_shifted(window, k * bits, value);
        }
        memcpy(out + i / BLOCK * bits, window, bits * sizeof *window);
        memmove(window, window + bits, FANI_NTT_CARRY_LIMBS * sizeof *window);
        memset(window + FANI_NTT_CARRY_LIMBS, 0, bits * sizeof *window);
    }
    memcpy(carry->limb, window, sizeof carry->limb);
}
