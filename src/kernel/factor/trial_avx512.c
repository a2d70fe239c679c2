#include "engine.h"
#include "small_primes.h"

#include <immintrin.h>

/* Eight numbers of 64 bits. */
static __m512i divisors_of_8(__m512i n)
{
    __m512i bits = _mm512_setzero_si512(), bit = _mm512_set1_epi64(1);
    for (unsigned k = 0; k < FANI_TRIAL_PRIMES; k++) {
        const fani_small_prime *p = &fani_small_primes[k];
        __m512i quotient = _mm512_mullo_epi64(n, _mm512_set1_epi64((int64_t)p->inverse));
        __mmask8 divides =
            _mm512_cmple_epu64_mask(quotient, _mm512_set1_epi64((int64_t)p->max_quotient));
        bits = _mm512_mask_or_epi64(bits, divides, bits, bit);
        bit = _mm512_add_epi64(bit, bit);
    }
    return bits;
}

/* Sixteen numbers of 32 bits, for 32 of the primes: a bit each. */
static __m512i divisors_of_16(__m512i n, const fani_small_prime *primes)
{
    __m512i bits = _mm512_setzero_si512(), bit = _mm512_set1_epi32(1);
    for (unsigned k = 0; k < 32; k++) {
        fani_small_prime_32 p = fani_small_prime_for_32(&primes[k]);
        __m512i quotient = _mm512_mullo_epi32(n, _mm512_set1_epi32((int32_t)p.inverse));
        __mmask16 divides =
            _mm512_cmple_epu32_mask(quotient, _mm512_set1_epi32((int32_t)p.max_quotient));
        bits = _mm512_mask_or_epi32(bits, divides, bits, bit);
        bit = _mm512_add_epi32(bit, bit);
    }
    return bits;
}

static __m512i widen(__m256i low, __m256i high)
{
    return _mm512_or_si512(_mm512_cvtepu32_epi64(low),
                           _mm512_slli_epi64(_mm512_cvtepu32_epi64(high), 32));
}

/* Two vectors of numbers. Numbers below 2^32 take half the room, and a product a third of the time.
 */
static void try_16(__m512i n[2])
{
    __m512i all = _mm512_or_si512(n[0], n[1]);
    if (_mm512_cmpgt_epu64_mask(all, _mm512_set1_epi64(UINT32_MAX))) {
        n[0] = divisors_of_8(n[0]);
        n[1] = divisors_of_8(n[1]);
        return;
    }
    __m512i narrow = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi64_epi32(n[0])),
                                        _mm512_cvtepi64_epi32(n[1]), 1);
    __m512i first = divisors_of_16(narrow, fani_small_primes);
    __m512i last = divisors_of_16(narrow, fani_small_primes + 32);
    n[0] = widen(_mm512_castsi512_si256(first), _mm512_castsi512_si256(last));
    n[1] = widen(_mm512_extracti64x4_epi64(first, 1), _mm512_extracti64x4_epi64(last, 1));
}

/* The lanes of those of eight places that there are. */
static __mmask8 there(size_t count, size_t from)
{
    if (count <= from)
        return 0;
    return (__mmask8)(count - from < 8 ? (1U << (count - from)) - 1 : 0xff);
}

void fani_trial_avx512(const uint64_t *n, size_t count, uint64_t *found)
{
    for (size_t i = 0; i < count; i += 16) {
        __mmask8 first = there(count, i), last = there(count, i + 8);
        __m512i x[2] = {_mm512_maskz_loadu_epi64(first, n + i),
                        _mm512_maskz_loadu_epi64(last, n + i + 8)};
        try_16(x);
        _mm512_mask_storeu_epi64(found + i, first, x[0]);
        _mm512_mask_storeu_epi64(found + i + 8, last, x[1]);
    }
}
