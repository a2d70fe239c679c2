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

/* value += x factor, in `limbs` limbs. */
INLINE void add_product(mp_limb_t *value, const uint64_t *factor, uint64_t x, unsigned limbs)
{
    uint64_t over = 0;
#pragma GCC unroll 7
    for (unsigned k = 0; k < limbs; k++) {
        unsigned __int128 sum = (unsigned __int128)x * factor[k] + value[k] + over;
        value[k] = (mp_limb_t)sum;
        over = (uint64_t)(sum >> 64);
    }
}

/* The coefficient with these residues x[j] (below p, times join): sum x[j] cofactor[j] - q product,
 * where q is sum x[j] / p[j] rounded: the coefficient is below a quarter of the product (shape.c).
 * Each term of q is too small by less than 2 units of 2^-48. All is modulo 2^(64 limbs). */
INLINE void combine(const fani_ntt *plan, const uint64_t x[FANI_NTT_PRIMES_MAX][BLOCK], size_t k,
                    mp_limb_t value[VALUE_LIMBS], unsigned primes, unsigned limbs)
{
    uint64_t parts = UINT64_C(1) << 47;
    memset(value, 0, limbs * sizeof *value);
#pragma GCC unroll 8
    for (unsigned j = 0; j < primes; j++) {
        add_product(value, plan->prime[j].cofactor, x[j][k], limbs);
        parts += (uint64_t)((unsigned __int128)x[j][k] * plan->prime[j].inverse >> 64);
    }
    add_product(value, plan->negative, parts >> 48, limbs);
}

/* Adds value << bit. What is in the window from there on is below 2^387 (a coefficient and what
 * went over from those before), and so below 2^(64 limbs + 63): nothing is carried out. */
INLINE void add_shifted(mp_limb_t *window, size_t bit, const mp_limb_t value[VALUE_LIMBS],
                        unsigned limbs)
{
    mp_limb_t *to = window + bit / 64, before = 0;
    unsigned shift = bit % 64;
    uint64_t over = 0;
#pragma GCC unroll 7
    for (unsigned k = 0; k < limbs; k++) {
        unsigned __int128 moved = (unsigned __int128)value[k] << shift;
        unsigned __int128 sum = (unsigned __int128)to[k] + ((mp_limb_t)moved | before) + over;
        before = (mp_limb_t)(moved >> 64);
        to[k] = (mp_limb_t)sum;
        over = (uint64_t)(sum >> 64);
    }
    to[limbs] += before + over;
}

typedef void block_joiner(const fani_ntt *plan, const uint64_t x[FANI_NTT_PRIMES_MAX][BLOCK],
                          mp_limb_t *window);

#define JOINER(primes, limbs)                                                                      \
    static void join_##primes(const fani_ntt *plan, const uint64_t x[FANI_NTT_PRIMES_MAX][BLOCK],  \
                              mp_limb_t *window)                                                   \
    {                                                                                              \
        mp_limb_t value[VALUE_LIMBS];                                                              \
        for (size_t k = 0; k < BLOCK; k++) {                                                       \
            combine(plan, x, k, value, primes, limbs);                                             \
            add_shifted(window, k * plan->sizes.bits, value, limbs);                               \
        }                                                                                          \
    }

/* The limbs that a coefficient takes: it is below a quarter of the primes' product. */
JOINER(3, 3)
JOINER(4, 4)
JOINER(5, 4)
JOINER(6, 5)
JOINER(7, 6)
JOINER(8, 7)

void fani_ntt_join_words(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                         mp_limb_t *out, fani_ntt_carry *carry, fani_ntt_take *take)
{
    static block_joiner *const joiners[FANI_NTT_PRIMES_MAX + 1] = {
        [3] = join_3, [4] = join_4, [5] = join_5, [6] = join_6, [7] = join_7, [8] = join_8};
    block_joiner *join = joiners[plan->sizes.primes];
    uint64_t x[FANI_NTT_PRIMES_MAX][BLOCK];
    mp_limb_t window[WINDOW_LIMBS] = {0};
    unsigned bits = plan->sizes.bits;
    for (size_t i = first * FANI_NTT_GROUP; i < last * FANI_NTT_GROUP; i += BLOCK) {
        for (unsigned j = 0; j < plan->sizes.primes; j++)
            take(plan->prime + j, product + j * plan->stride + i, x[j]);
        join(plan, x, window);
        memcpy(out + i / BLOCK * bits, window, bits * sizeof *window);
        memmove(window, window + bits, FANI_NTT_CARRY_LIMBS * sizeof *window);
        memset(window + FANI_NTT_CARRY_LIMBS, 0, bits * sizeof *window);
    }
    memcpy(carry->limb, window, sizeof carry->limb);
}
