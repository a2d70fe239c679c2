#ifndef __AVX2__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

enum { VECTOR_BYTES = 32, LANE_BITS = 2 };
#include "loops_body.h"

static inline __attribute__((always_inline)) halves smaller_halves(halves a, halves b)
{
    return (halves)_mm256_min_epu16((__m256i)a, (__m256i)b);
}

static inline __attribute__((always_inline)) words smaller_words(words a, words b)
{
    return (words)_mm256_min_epu32((__m256i)a, (__m256i)b);
}

static inline __attribute__((always_inline)) doubles low_product(doubles x, doubles y)
{
    return (doubles)_mm256_mul_epu32((__m256i)x, (__m256i)y);
}

static inline __attribute__((always_inline)) uint64_t marks_of(const uint8_t *bytes)
{
    const __m256i *at = (const __m256i *)bytes;
    uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_loadu_si256(at));
    uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_loadu_si256(at + 1));
    return (uint64_t)high << 32 | low;
}

static inline __attribute__((always_inline)) bool any_of(doubles v)
{
    return _mm256_testz_si256((__m256i)v, (__m256i)v) == 0;
}

/* Both numbers compared are below 2^31. */
static inline __attribute__((always_inline)) uint32_t
pack_below(const fani_qs_long *l, uint32_t *out, words entries, words at, uint32_t end)
{
    __m256i below = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)end), (__m256i)at);
    unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(below));
    __m256i order = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)l->order[mask]));
    _mm256_storeu_si256((__m256i *)out, _mm256_permutevar8x32_epi32((__m256i)entries, order));
    return (uint32_t)__builtin_popcount(mask);
}

static inline __attribute__((always_inline)) void
deal_chunk(const fani_qs_long *l, uint32_t *cursor, uint32_t blocks, uint32_t found)
{
    (void)blocks;
    deal_singly(l, cursor, found);
}

static inline __attribute__((always_inline)) uint64_t lanes_of(halves match)
{
    return (uint32_t)_mm256_movemask_epi8((__m256i)match) & 0x55555555U;
}

const fani_qs_loops fani_qs_loops_avx2 = {DOUBLES, begin,      move, fill, sieve,
                                          scan,    hits_small, hits, step};
