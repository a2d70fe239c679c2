#include "lanes.h"

#include <immintrin.h>

/* Leading zeros (AVX512_CD) count the trailing ones: the lowest bit that is set stands alone. To
 * the left round the end by one more than stand before it is to the right by those behind it. */
static inline __attribute__((always_inline)) __m512i odd_64(__m512i x, __m512i d)
{
    __m512i lowest = _mm512_and_si512(d, _mm512_sub_epi64(_mm512_setzero_si512(), d));
    __m512i before = _mm512_lzcnt_epi64(lowest);
    return _mm512_rolv_epi64(x, _mm512_add_epi64(before, _mm512_set1_epi64(1)));
}

static inline __attribute__((always_inline)) __m512i odd_32(__m512i x, __m512i d)
{
    __m512i lowest = _mm512_and_si512(d, _mm512_sub_epi32(_mm512_setzero_si512(), d));
    __m512i before = _mm512_lzcnt_epi32(lowest);
    return _mm512_rolv_epi32(x, _mm512_add_epi32(before, _mm512_set1_epi32(1)));
}

#define words_here fani_gcd_words_avx512
#include "words_avx512_body.h"
