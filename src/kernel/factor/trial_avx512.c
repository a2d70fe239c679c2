#include "engine.h"
#include "small_primes.h"

#include <immintrin.h>

void fani_trial_avx512(const uint64_t *n, size_t count, uint64_t *found)
{
    for (size_t i = 0; i < count; i += 8) {
        __mmask8 there = (__mmask8)(count - i < 8 ? (1U << (count - i)) - 1 : 0xff);
        __m512i x = _mm512_maskz_loadu_epi64(there, n + i);
        __m512i bits = _mm512_setzero_si512();
        __m512i bit = _mm512_set1_epi64(1);
        for (unsigned k = 0; k < FANI_TRIAL_PRIMES; k++) {
            const fani_small_prime *p = &fani_small_primes[k];
            __m512i quotient = _mm512_mullo_epi64(x, _mm512_set1_epi64((int64_t)p->inverse));
            __mmask8 divides =
                _mm512_cmple_epu64_mask(quotient, _mm512_set1_epi64((int64_t)p->max_quotient));
            bits = _mm512_mask_or_epi64(bits, divides, bits, bit);
            bit = _mm512_add_epi64(bit, bit);
        }
        _mm512_mask_storeu_epi64(found + i, there, bits);
    }
}
