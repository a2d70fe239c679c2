#include "lanes.h"

#include <immintrin.h>

/* d - 1 without the bits of d is as many ones as d has trailing zeros (AVX512_VPOPCNTDQ). */
static inline __attribute__((always_inline)) __m512i odd_64(__m512i x, __m512i d)
{
    __m512i ones = _mm512_andnot_si512(d, _mm512_add_epi64(d, _mm512_set1_epi64(-1)));
    return _mm512_srlv_epi64(x, _mm512_popcnt_epi64(ones));
}

static inline __attribute__((always_inline)) __m512i odd_32(__m512i x, __m512i d)
{
    __m512i ones = _mm512_andnot_si512(d, _mm512_add_epi32(d, _mm512_set1_epi32(-1)));
    return _mm512_srlv_epi32(x, _mm512_popcnt_epi32(ones));
}

#define words_here fani_gcd_words_count_avx512
#include "words_avx512_body.h"
