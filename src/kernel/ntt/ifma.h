/* Vectors of eight residues by AVX-512 IFMA, whose products are of 52 bits. Only the low 52 bits of
 * a lane mean something: the instructions take factors from there, sums are right modulo 2^52, and
 * what they carry into the upper bits is cut off at the end.
 *
 * Shoup's method, with q = floor(w 2^52 / p): x w - floor(x q / 2^52) p is below 2 p for each x
 * below 2^52; adding the product of the quotient and 2^52 - p is subtracting that of p. */
#ifndef FANI_NTT_IFMA_H
#define FANI_NTT_IFMA_H

#ifndef __AVX512IFMA__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

#include "internal.h"

typedef __m512i value;
enum { LANES = 8, BITS = 52 };
#define WORD_MASK ((UINT64_C(1) << BITS) - 1)

typedef struct modulus {
    value negative; /* 2^52 - p */
    value inverse;  /* floor(2^52 / p) */
    value twice;    /* 2 p */
    value p;
    value negated; /* -1 / p modulo 2^52 */
} modulus;

INLINE value spread(uint64_t x)
{
    return _mm512_set1_epi64((long long)x);
}

INLINE modulus modulus_of(const fani_ntt_prime *prime)
{
    return (modulus){.negative = spread(WORD_MASK + 1 - prime->p),
                     .inverse = spread((WORD_MASK + 1) / prime->p),
                     .twice = spread(2 * prime->p),
                     .p = spread(prime->p),
                     .negated = spread(prime->negated & WORD_MASK)};
}

INLINE value load(const uint64_t *from)
{
    return _mm512_loadu_si512(from);
}

INLINE void store(uint64_t *to, value x)
{
    _mm512_storeu_si512(to, x);
}

INLINE value zero(void)
{
    return _mm512_setzero_si512();
}

INLINE value lower(const modulus *m, value x)
{
    value quotient = _mm512_madd52hi_epu64(zero(), x, m->inverse);
    return _mm512_madd52lo_epu64(x, quotient, m->negative);
}

/* sum + x w */
INLINE value add_times(const modulus *m, value sum, value x, value w, value q)
{
    value quotient = _mm512_madd52hi_epu64(zero(), x, q);
    return _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(sum, x, w), quotient, m->negative);
}

INLINE value times(const modulus *m, value x, const fani_ntt_root *root)
{
    return add_times(m, zero(), x, spread(root->w), spread(root->q));
}

INLINE value plus(value x, value y)
{
    return _mm512_add_epi64(x, y);
}

INLINE value minus(const modulus *m, value x, value y, unsigned k)
{
    value offset = m->twice;
    if (k == 4)
        offset = _mm512_add_epi64(m->twice, m->twice);
    if (k == 5)
        offset = _mm512_add_epi64(_mm512_add_epi64(m->twice, m->twice), m->p);
    return _mm512_sub_epi64(_mm512_add_epi64(x, offset), y);
}

/* x - y w = 2 x + 2 p - (x + y w) */
INLINE void times_plus_minus(const modulus *m, value *x, value *y, const fani_ntt_root *root)
{
    value sum = add_times(m, *x, *y, spread(root->w), spread(root->q));
    value both = _mm512_add_epi64(*x, _mm512_add_epi64(*x, m->twice));
    *x = sum;
    *y = _mm512_sub_epi64(both, sum);
}

INLINE value low_words(value x)
{
    return _mm512_and_si512(x, spread(WORD_MASK));
}

/* Below p, from below 2 p and any upper bits. */
INLINE value canonical(const modulus *m, value x)
{
    x = low_words(x);
    return _mm512_min_epu64(x, _mm512_sub_epi64(x, m->p));
}

/* The 8 by 8 words of these vectors, rows and columns exchanged. */
INLINE void turn(value x[8])
{
    value a[8], b[8];
#pragma GCC unroll 4
    for (unsigned i = 0; i < 8; i += 2) {
        a[i] = _mm512_unpacklo_epi64(x[i], x[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi64(x[i], x[i + 1]);
    }
#pragma GCC unroll 2
    for (unsigned i = 0; i < 8; i += 4) {
        b[i] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0x88);
        b[i + 1] = _mm512_shuffle_i64x2(a[i + 1], a[i + 3], 0x88);
        b[i + 2] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0xdd);
        b[i + 3] = _mm512_shuffle_i64x2(a[i + 1], a[i + 3], 0xdd);
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        x[i] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0x88);
        x[i + 4] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0xdd);
    }
}

void fani_ntt_split_ifma(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                         size_t first, size_t last);
void fani_ntt_join_ifma(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                        mp_limb_t *out, fani_ntt_carry *carry);

#endif
