/* What the engines for AVX-512 share. */
#ifndef FANI_LANES_AVX512_H
#define FANI_LANES_AVX512_H

#include <immintrin.h>
#include <stdint.h>

typedef __m512i unit_bits;
typedef __mmask8 unit_flags;

static inline unit_bits unit_bits_load(const uint64_t *words)
{
    return _mm512_load_si512(words);
}

static inline unit_flags unit_top(unit_bits b)
{
    return _mm512_movepi64_mask(b);
}

static inline unit_bits unit_next(unit_bits b)
{
    return _mm512_add_epi64(b, b);
}

static inline __m512i low_of(__m512i start, __m512i a, __m512i b)
{
    return _mm512_madd52lo_epu64(start, a, b);
}

static inline __m512i high_of(__m512i start, __m512i a, __m512i b)
{
    return _mm512_madd52hi_epu64(start, a, b);
}

/* The inverse of odd numbers modulo 2^52, as fani_inverse_u64; the upper bits are cut off. */
static inline __m512i inverse_52(__m512i n)
{
    const __m512i zero = _mm512_setzero_si512(), two = _mm512_set1_epi64(2);
    __m512i x = _mm512_xor_si512(_mm512_add_epi64(_mm512_add_epi64(n, n), n), two);
    for (int i = 0; i < 4; i++)
        x = low_of(zero, x, _mm512_sub_epi64(two, low_of(zero, n, x)));
    return x;
}

/* gcd(n, x) for odd n: binary, the larger one becomes the difference without its zeros. */
static inline __m512i gcd_words(__m512i n, __m512i x)
{
    const __m512i zero = _mm512_setzero_si512(), top = _mm512_set1_epi64(63);
    __mmask8 left = _mm512_test_epi64_mask(x, x);
    while (left) {
        __m512i lowest = _mm512_and_si512(x, _mm512_sub_epi64(zero, x));
        x = _mm512_mask_srlv_epi64(x, left, x, _mm512_sub_epi64(top, _mm512_lzcnt_epi64(lowest)));
        __m512i less = _mm512_min_epu64(n, x);
        x = _mm512_mask_sub_epi64(x, left, _mm512_max_epu64(n, x), less);
        n = _mm512_mask_mov_epi64(n, left, less);
        left = _mm512_test_epi64_mask(x, x);
    }
    return n;
}

static inline void unit_gcd(const uint64_t *n, uint64_t *words)
{
    _mm512_store_si512(words, gcd_words(_mm512_load_si512(n), _mm512_load_si512(words)));
}

#endif
