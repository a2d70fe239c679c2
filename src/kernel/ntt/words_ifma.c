/* AVX-512 IFMA: limbs to residues and back. A group of 512 coefficients is eight blocks of 64, and
 * each block is `bits` whole limbs: with a block in each lane all lanes shift by the same. */
#include "ifma.h"

#include <string.h>

enum {
    BLOCK = 64, /* coefficients */
    BLOCKS = FANI_NTT_GROUP / BLOCK,
    BITS_MAX = 192,
    LIMBS_MAX = BITS_MAX + LANES, /* of a block, and what is read or written too much */
    PARTS = 4,                    /* words of a coefficient */
    /* Words of 52 bits of as many limbs, in whole cycles. */
    LIMB_CYCLE = 13,
    LIMB_CYCLE_WORDS = 16,
    WORDS_MAX = (BITS_MAX + FANI_NTT_CARRY_LIMBS + LIMB_CYCLE - 1) / LIMB_CYCLE * LIMB_CYCLE_WORDS,
};

/* All lanes by the same count, which is a vector, too: that takes one operation less. */
INLINE value shift_left(value x, value count)
{
    return _mm512_sllv_epi64(x, count);
}

INLINE value shift_right(value x, value count)
{
    return _mm512_srlv_epi64(x, count);
}

/* ---- Split ------------------------------------------------------------------------------------
 */

/* Limb i of each block to limbs[i]; reads up to seven limbs behind the group. */
static void turn_limbs(const mp_limb_t *a, unsigned bits, value limbs[LIMBS_MAX + 1])
{
    for (unsigned i = 0; i < bits; i += LANES) {
        for (unsigned k = 0; k < BLOCKS; k++)
            limbs[i + k] = load(a + (size_t)k * bits + i);
        turn(limbs + i);
    }
}

/* Word k of the coefficient at this bit of each block. */
INLINE value word_at(const value *limbs, unsigned bit, unsigned bits, unsigned k)
{
    unsigned left = bits - BITS * k, at = (bit + BITS * k) / 64, shift = (bit + BITS * k) % 64;
    uint64_t mask = left < BITS ? (UINT64_C(1) << left) - 1 : WORD_MASK;
    value low = shift_right(limbs[at], spread(shift));
    value high = shift_left(limbs[at + 1], spread(64 - shift));
    return _mm512_and_si512(_mm512_or_si512(low, high), spread(mask));
}

/* Words in the order of coefficients: words[k][block] is word k of eight neighbours. */
INLINE void words_at(const value *limbs, unsigned first, unsigned bits, unsigned count,
                     value words[PARTS][BLOCKS])
{
    for (unsigned k = 0; k < count; k++) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < LANES; i++)
            words[k][i] = word_at(limbs, (first + i) * bits, bits, k);
        turn(words[k]);
    }
}

/* The sum of at most four values below 2 p. */
INLINE void put(const modulus *m, const fani_ntt_prime *prime, unsigned count,
                value words[PARTS][BLOCKS], uint64_t *to)
{
#pragma GCC unroll 8
    for (unsigned i = 0; i < BLOCKS; i++) {
        value x = lower(m, words[0][i]);
#pragma GCC unroll 8
        for (unsigned k = 1; k < count; k++)
            x = add_times(m, x, words[k][i], spread(prime->split[k].w), spread(prime->split[k].q));
        store(to + (size_t)i * BLOCK, x);
    }
}

INLINE void split_group(const fani_ntt *plan, const mp_limb_t *a, uint64_t *to, unsigned count)
{
    value limbs[LIMBS_MAX + 1], words[PARTS][BLOCKS];
    unsigned bits = plan->sizes.bits;
    turn_limbs(a, bits, limbs);
    limbs[bits] = zero();
    for (unsigned i = 0; i < BLOCK; i += LANES) {
        words_at(limbs, i, bits, count, words);
        for (unsigned j = 0; j < plan->sizes.primes; j++) {
            const modulus m = modulus_of(plan->prime + j);
            put(&m, plan->prime + j, count, words, to + j * plan->stride + i);
        }
    }
}

static void split_counted(const fani_ntt *plan, const mp_limb_t *a, uint64_t *to)
{
    if (plan->sizes.bits <= 2 * BITS)
        split_group(plan, a, to, 2);
    else if (plan->sizes.bits <= 3 * BITS)
        split_group(plan, a, to, 3);
    else
        split_group(plan, a, to, 4);
}

void fani_ntt_split_ifma(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                         size_t first, size_t last)
{
    mp_limb_t padded[BLOCKS * BITS_MAX + LANES];
    size_t limbs = (size_t)BLOCKS * plan->sizes.bits;
    for (size_t group = first; group < last; group++) {
        size_t at = group * limbs;
        uint64_t *to = transform + group * FANI_NTT_GROUP;
        if (at + limbs + LANES <= an) {
            split_counted(plan, a + at, to);
        } else if (at < an) {
            memset(padded, 0, sizeof padded);
            memcpy(padded, a + at, (an - at < limbs ? an - at : limbs) * sizeof *a);
            split_counted(plan, padded, to);
        } else {
            for (unsigned j = 0; j < plan->sizes.primes; j++)
                memset(to + j * plan->stride, 0, FANI_NTT_GROUP * sizeof *to);
        }
    }
}

/* ---- Join -------------------------------------------------------------------------------------
 */

/* Residues first .. first+7 of each block, times join, below p. */
INLINE void take(const modulus *m, const fani_ntt_prime *prime, const uint64_t *from,
                 value x[LANES])
{
#pragma GCC unroll 8
    for (unsigned k = 0; k < BLOCKS; k++)
        x[k] = canonical(m, times(m, load(from + (size_t)k * BLOCK), &prime->join));
    turn(x);
}

/* The coefficient with these residues, in words of 52 bits: see combine in words.c. What leaves the
 * last word are multiples of 2^(52 primes): -product is taken modulo that. */
INLINE void combine(const fani_ntt *plan, unsigned primes, value x[][LANES], unsigned i,
                    value words[FANI_NTT_PRIMES_MAX])
{
    value parts = spread(UINT64_C(1) << 47);
#pragma GCC unroll 8
    for (unsigned k = 0; k < primes; k++)
        words[k] = zero();
#pragma GCC unroll 8
    for (unsigned j = 0; j < primes; j++) {
        const fani_ntt_prime *prime = plan->prime + j;
        parts = _mm512_madd52hi_epu64(parts, x[j][i], spread(prime->inverse >> 12));
#pragma GCC unroll 8
        for (unsigned k = 0; k + 1 < primes; k++) {
            value cofactor = spread(prime->cofactor52[k]);
            words[k] = _mm512_madd52lo_epu64(words[k], x[j][i], cofactor);
            words[k + 1] = _mm512_madd52hi_epu64(words[k + 1], x[j][i], cofactor);
        }
    }
    parts = _mm512_srli_epi64(parts, 48);
#pragma GCC unroll 8
    for (unsigned k = 0; k < primes; k++) {
        value negative = spread(plan->negative52[k]);
        words[k] = _mm512_madd52lo_epu64(words[k], parts, negative);
        if (k + 1 < primes)
            words[k + 1] = _mm512_madd52hi_epu64(words[k + 1], parts, negative);
    }
}

/* Adds words (below 2^57, the last modulo 2^52) at a bit of each block. Each word of a block gets
 * at most four such addends: they stay below 2^55. */
INLINE void add_shifted(value *block, unsigned bit, unsigned primes, value *words)
{
    value *to = block + bit / BITS, before = zero();
    const value left = spread(bit % BITS), right = spread(BITS - bit % BITS);
#pragma GCC unroll 8
    for (unsigned k = 0; k < primes; k++) {
        if (k + 1 < primes)
            words[k + 1] = _mm512_add_epi64(words[k + 1], _mm512_srli_epi64(words[k], BITS));
        words[k] = low_words(words[k]);
        value both = _mm512_or_si512(shift_left(words[k], left), before);
        to[k] = _mm512_add_epi64(to[k], low_words(both));
        before = shift_right(words[k], right);
    }
    to[primes] = _mm512_add_epi64(to[primes], before);
}

/* Words to limbs, in place: 16 words are 13 limbs, so that all shifts are constants. What a word
 * has above its 52 bits goes over to the next one first. */
static void words_to_limbs(value *block, unsigned count)
{
    value over = zero(), word[LIMB_CYCLE_WORDS];
    value *limb = block;
    for (unsigned i = 0; i < count; i += LIMB_CYCLE_WORDS) {
#pragma GCC unroll 16
        for (unsigned k = 0; k < LIMB_CYCLE_WORDS; k++) {
            value sum = _mm512_add_epi64(block[i + k], over);
            over = _mm512_srli_epi64(sum, BITS);
            word[k] = low_words(sum);
        }
#pragma GCC unroll 13
        for (unsigned k = 0; k < LIMB_CYCLE; k++) {
            unsigned at = k * 64 / BITS, shift = k * 64 % BITS;
            value low = _mm512_srli_epi64(word[at], shift);
            value x = _mm512_or_si512(low, _mm512_slli_epi64(word[at + 1], BITS - shift));
            if (2 * BITS - shift < 64)
                x = _mm512_or_si512(x, _mm512_slli_epi64(word[at + 2], 2 * BITS - shift));
            *limb++ = x;
        }
    }
}

/* Writes the limbs that are in block, and those that stick out to over[]. */
static void put_limbs(const value *block, unsigned bits, mp_limb_t *out,
                      mp_limb_t over[BLOCKS][FANI_NTT_CARRY_LIMBS])
{
    value x[LANES];
    for (unsigned i = 0; i < bits; i += LANES) {
        unsigned left = bits - i < LANES ? bits - i : LANES;
        const __mmask8 there = (__mmask8)((1U << left) - 1);
        for (unsigned k = 0; k < LANES; k++)
            x[k] = block[i + k];
        turn(x);
        for (unsigned k = 0; k < BLOCKS; k++)
            _mm512_mask_storeu_epi64(out + (size_t)k * bits + i, there, x[k]);
    }
    for (unsigned k = 0; k < FANI_NTT_CARRY_LIMBS; k++)
        x[k] = block[bits + k];
    turn(x);
    for (unsigned k = 0; k < BLOCKS; k++)
        store(over[k], x[k]);
}

INLINE void join_group(const fani_ntt *plan, const uint64_t *from, mp_limb_t *out,
                       mp_limb_t over[BLOCKS][FANI_NTT_CARRY_LIMBS], unsigned primes)
{
    value block[WORDS_MAX], x[FANI_NTT_PRIMES_MAX][LANES], words[FANI_NTT_PRIMES_MAX];
    unsigned bits = plan->sizes.bits, limbs = bits + FANI_NTT_CARRY_LIMBS;
    unsigned count = (limbs + LIMB_CYCLE - 1) / LIMB_CYCLE * LIMB_CYCLE_WORDS;
    for (unsigned i = 0; i < count; i++)
        block[i] = zero();
    for (unsigned i = 0; i < BLOCK; i += LANES) {
        for (unsigned j = 0; j < primes; j++) {
            const modulus m = modulus_of(plan->prime + j);
            take(&m, plan->prime + j, from + j * plan->stride + i, x[j]);
        }
        for (unsigned k = 0; k < LANES; k++) {
            combine(plan, primes, x, k, words);
            add_shifted(block, (i + k) * bits, primes, words);
        }
    }
    words_to_limbs(block, count);
    put_limbs(block, bits, out, over);
}

typedef void group_joiner(const fani_ntt *plan, const uint64_t *from, mp_limb_t *out,
                          mp_limb_t over[BLOCKS][FANI_NTT_CARRY_LIMBS]);

#define JOINER(primes)                                                                             \
    static void join_##primes(const fani_ntt *plan, const uint64_t *from, mp_limb_t *out,          \
                              mp_limb_t over[BLOCKS][FANI_NTT_CARRY_LIMBS])                        \
    {                                                                                              \
        join_group(plan, from, out, over, primes);                                                 \
    }

JOINER(3)
JOINER(4)
JOINER(5)
JOINER(6)
JOINER(7)
JOINER(8)

/* Adds what stuck out of each block to the next one; what goes over the whole of that sticks out of
 * it in turn. */
static void chain(mp_limb_t *out, unsigned bits, fani_ntt_carry *carry,
                  mp_limb_t over[BLOCKS][FANI_NTT_CARRY_LIMBS])
{
    enum { N = FANI_NTT_CARRY_LIMBS };
    for (unsigned k = 0; k < BLOCKS; k++, out += bits) {
        mp_limb_t more = mpn_add_n(out, out, carry->limb, N);
        more = mpn_add_1(out + N, out + N, bits - N, more);
        memcpy(carry->limb, over[k], sizeof carry->limb);
        mpn_add_1(carry->limb, carry->limb, N, more);
    }
}

void fani_ntt_join_ifma(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                        mp_limb_t *out, fani_ntt_carry *carry)
{
    static group_joiner *const joiners[FANI_NTT_PRIMES_MAX + 1] = {
        [3] = join_3, [4] = join_4, [5] = join_5, [6] = join_6, [7] = join_7, [8] = join_8};
    group_joiner *join = joiners[plan->sizes.primes];
    mp_limb_t over[BLOCKS][FANI_NTT_CARRY_LIMBS];
    for (size_t group = first; group < last; group++) {
        mp_limb_t *to = out + group * BLOCKS * plan->sizes.bits;
        join(plan, product + group * FANI_NTT_GROUP, to, over);
        chain(to, plan->sizes.bits, carry, over);
    }
}
