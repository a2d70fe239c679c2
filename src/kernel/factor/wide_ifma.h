/* Eight lanes by AVX-512 IFMA in limbs of 52 bits; LIMBS and VECTORS are defined by the file that
 * includes this. As in wide_words.h n is below radix / 16, and nothing is compared with n. */
#ifndef FANI_WIDE_IFMA_H
#define FANI_WIDE_IFMA_H

#include "wide.h"

#include <immintrin.h>

enum { UNIT = 8, LIMB_BITS = 52 };

/* Limbs are below 2^52. */
typedef struct unit {
    __m512i limb[LIMBS];
} unit;

typedef struct moduli {
    __m512i n[LIMBS];
    __m512i twice[LIMBS];
    __m512i minus_inverse;
} moduli;

static inline __m512i all_lanes(uint64_t word)
{
    return _mm512_set1_epi64((long long)word);
}

static inline unit unit_load(const uint64_t *words)
{
    unit out;
    for (unsigned i = 0; i < LIMBS; i++)
        out.limb[i] = all_lanes(words[i]);
    return out;
}

static inline unit unit_small(const uint64_t *lanes)
{
    unit out;
    out.limb[0] = _mm512_loadu_si512(lanes);
    for (unsigned i = 1; i < LIMBS; i++)
        out.limb[i] = _mm512_setzero_si512();
    return out;
}

static inline moduli moduli_load(const fani_wide_modulus *m)
{
    moduli out;
    for (unsigned i = 0; i < LIMBS; i++) {
        out.n[i] = all_lanes(m->n[i]);
        out.twice[i] = all_lanes(m->twice[i]);
    }
    out.minus_inverse = all_lanes(m->minus_inverse);
    return out;
}

static inline void unit_store(unit x, unsigned lane, fani_wide_lanes out)
{
    for (unsigned i = 0; i < LIMBS; i++)
        _mm512_storeu_si512(&out[i][lane], x.limb[i]);
}

/* Brings limbs below 2^52, of a number that is not negative. */
static inline __attribute__((always_inline)) unit carried(unit x)
{
    const __m512i mask = all_lanes((UINT64_C(1) << 52) - 1);
#pragma GCC unroll 8
    for (unsigned i = 0; i + 1 < LIMBS; i++) {
        x.limb[i + 1] = _mm512_add_epi64(x.limb[i + 1], _mm512_srai_epi64(x.limb[i], 52));
        x.limb[i] = _mm512_and_si512(x.limb[i], mask);
    }
    return x;
}

static inline __attribute__((always_inline)) unit unit_mul(const moduli *m, unit a, unit b)
{
    const __m512i zero = _mm512_setzero_si512();
    unit sum;
#pragma GCC unroll 8
    for (unsigned j = 0; j < LIMBS; j++)
        sum.limb[j] = zero;
#pragma GCC unroll 8
    for (unsigned i = 0; i < LIMBS; i++) {
#pragma GCC unroll 8
        for (unsigned j = 0; j < LIMBS; j++)
            sum.limb[j] = _mm512_madd52lo_epu64(sum.limb[j], a.limb[j], b.limb[i]);
        __m512i q = _mm512_madd52lo_epu64(zero, sum.limb[0], m->minus_inverse);
#pragma GCC unroll 8
        for (unsigned j = 0; j < LIMBS; j++)
            sum.limb[j] = _mm512_madd52lo_epu64(sum.limb[j], q, m->n[j]);
        __m512i carry = _mm512_srli_epi64(sum.limb[0], 52);
#pragma GCC unroll 8
        for (unsigned j = 0; j < LIMBS; j++) {
            __m512i t = j + 1 < LIMBS ? sum.limb[j + 1] : zero;
            t = _mm512_madd52hi_epu64(t, a.limb[j], b.limb[i]);
            sum.limb[j] = _mm512_madd52hi_epu64(t, q, m->n[j]);
        }
        sum.limb[0] = _mm512_add_epi64(sum.limb[0], carry);
    }
    return carried(sum);
}

static inline __attribute__((always_inline)) unit unit_sqr(const moduli *m, unit a)
{
    return unit_mul(m, a, a);
}

static inline __attribute__((always_inline)) unit unit_add(const moduli *m, unit a, unit b)
{
    (void)m;
#pragma GCC unroll 8
    for (unsigned i = 0; i < LIMBS; i++)
        a.limb[i] = _mm512_add_epi64(a.limb[i], b.limb[i]);
    return carried(a);
}

/* a - b + 2n. */
static inline __attribute__((always_inline)) unit unit_sub(const moduli *m, unit a, unit b)
{
#pragma GCC unroll 8
    for (unsigned i = 0; i < LIMBS; i++)
        a.limb[i] = _mm512_add_epi64(a.limb[i], _mm512_sub_epi64(m->twice[i], b.limb[i]));
    return carried(a);
}

#endif
