#include "engine.h"
#include "small_primes.h"

#include <immintrin.h>

/* Eight numbers of 32 bits, for 32 of the primes: a bit each. */
static __m256i divisors_of_8(__m256i n, const fani_small_prime *primes)
{
    __m256i bits = _mm256_setzero_si256(), bit = _mm256_set1_epi32(1);
    for (unsigned k = 0; k < 32; k++) {
        fani_small_prime_32 p = fani_small_prime_for_32(&primes[k]);
        __m256i quotient = _mm256_mullo_epi32(n, _mm256_set1_epi32((int32_t)p.inverse));
        __m256i most = _mm256_set1_epi32((int32_t)p.max_quotient);
        __m256i divides = _mm256_cmpeq_epi32(_mm256_max_epu32(quotient, most), most);
        bits = _mm256_or_si256(bits, _mm256_and_si256(divides, bit));
        bit = _mm256_add_epi32(bit, bit);
    }
    return bits;
}

/* Eight numbers below 2^32. */
static void try_8(const uint64_t n[8], uint64_t found[8])
{
    uint32_t narrow[8], first[8], last[8];
    for (int i = 0; i < 8; i++)
        narrow[i] = (uint32_t)n[i];
    __m256i x = _mm256_loadu_si256((const __m256i *)narrow);
    _mm256_storeu_si256((__m256i *)first, divisors_of_8(x, fani_small_primes));
    _mm256_storeu_si256((__m256i *)last, divisors_of_8(x, fani_small_primes + 32));
    for (int i = 0; i < 8; i++)
        found[i] = first[i] | (uint64_t)last[i] << 32;
}

/* AVX2 has no product of 64 bits: longer numbers are as fast one by one. */
void fani_trial_avx2(const uint64_t *n, size_t count, uint64_t *found)
{
    for (size_t i = 0; i < count; i += 8) {
        size_t size = count - i < 8 ? count - i : 8;
        uint64_t all = 0;
        for (size_t k = i; k < i + size; k++)
            all |= n[k];
        if (size == 8 && all <= UINT32_MAX)
            try_8(n + i, found + i);
        else
            fani_trial_scalar(n + i, size, found + i);
    }
}
