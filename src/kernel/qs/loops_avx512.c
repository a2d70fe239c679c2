#ifndef __AVX512BW__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

enum { VECTOR_BYTES = 64, LANE_BITS = 1 };
#include "loops_body.h"

static inline __attribute__((always_inline)) halves smaller_halves(halves a, halves b)
{
    return (halves)_mm512_min_epu16((__m512i)a, (__m512i)b);
}

static inline __attribute__((always_inline)) words smaller_words(words a, words b)
{
    return (words)_mm512_min_epu32((__m512i)a, (__m512i)b);
}

static inline __attribute__((always_inline)) doubles low_product(doubles x, doubles y)
{
    return (doubles)_mm512_mul_epu32((__m512i)x, (__m512i)y);
}

static inline __attribute__((always_inline)) uint64_t marks_of(const uint8_t *bytes)
{
    return _mm512_movepi8_mask(_mm512_loadu_si512(bytes));
}

static inline __attribute__((always_inline)) bool any_of(doubles v)
{
    return _mm512_test_epi64_mask((__m512i)v, (__m512i)v) != 0;
}

static inline __attribute__((always_inline)) uint32_t
pack_below(const fani_qs_long *l, uint32_t *out, words entries, words at, uint32_t end)
{
    (void)l;
    __mmask16 below = _mm512_cmplt_epu32_mask((__m512i)at, _mm512_set1_epi32((int)end));
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(below, (__m512i)entries));
    return (uint32_t)__builtin_popcount(below);
}

enum { DEALT_BY_VECTORS = 12 /* blocks; with more of them entries go quicker one by one */ };

static inline __attribute__((always_inline)) void
deal_chunk(const fani_qs_long *l, uint32_t *cursor, uint32_t blocks, uint32_t found)
{
    if (blocks > DEALT_BY_VECTORS) {
        deal_singly(l, cursor, found);
        return;
    }
    const __m512i places = _mm512_set1_epi32((1 << FANI_QS_PLACE_BITS) - 1);
    for (uint32_t i = 0; i < found; i += WORDS) {
        __m512i entries = _mm512_loadu_si512(l->chunk + i);
        __mmask16 there = (__mmask16)(found - i < WORDS ? (1U << (found - i)) - 1 : 0xffff);
        __m512i block = _mm512_srli_epi32(_mm512_and_si512(entries, places), 15);
        for (uint32_t b = 0; b < blocks; b++) {
            __mmask16 here = _mm512_mask_cmpeq_epi32_mask(there, block, _mm512_set1_epi32((int)b));
            _mm512_storeu_si512(l->bucket + cursor[b], _mm512_maskz_compress_epi32(here, entries));
            cursor[b] += (uint32_t)__builtin_popcount(here);
        }
    }
}

static inline __attribute__((always_inline)) uint64_t lanes_of(halves match)
{
    return _mm512_movepi16_mask((__m512i)match);
}

const fani_qs_loops fani_qs_loops_avx512 = {DOUBLES, begin,      move, fill, sieve,
                                            scan,    hits_small, hits, step};
