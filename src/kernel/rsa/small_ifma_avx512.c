#include "small_ifma.h"

#include <immintrin.h>

enum { LANES = 8, ROWS = 2 };

#define UNROLLED _Pragma("GCC unroll 8")

/* Sums of the lower and the upper halves of products: low + 2^52 * high. */
typedef struct sums {
    __m512i low, high;
} sums;

static inline __m512i load(const uint64_t *at)
{
    return _mm512_loadu_si512(at);
}

/* (low + 2^52 * high) / 2^52 modulo m, below high + m + 64: what the lower 52 bits are is taken
 * away with a multiple of m (P. Montgomery). */
static inline __m512i reduce(__m512i low, __m512i high, __m512i m, __m512i inverse)
{
    __m512i zero = _mm512_setzero_si512();
    __m512i factor = _mm512_madd52lo_epu64(zero, low, inverse);
    __m512i taken = _mm512_madd52hi_epu64(zero, factor, m);
    __m512i carried = _mm512_add_epi64(high, _mm512_srli_epi64(low, 52));
    return _mm512_add_epi64(carried, _mm512_sub_epi64(m, taken));
}

/* The sums times 2^(52 * 40) modulo m: two reductions, and a product that makes up for them. */
static inline sums shift_chunk(sums s, const fani_rsa_ifma_table *t, size_t j)
{
    __m512i m = load(&t->modulus[j]), inverse = load(&t->inverse[j]), shift = load(&t->shift[j]);
    __m512i zero = _mm512_setzero_si512(), once = reduce(s.low, s.high, m, inverse);
    __m512i twice = reduce(once, zero, m, inverse);
    return (sums){_mm512_madd52lo_epu64(zero, twice, shift),
                  _mm512_madd52hi_epu64(zero, twice, shift)};
}

static inline bool has_divisor(sums s, const fani_rsa_ifma_table *t, size_t j)
{
    __m512i r = reduce(s.low, s.high, load(&t->modulus[j]), load(&t->inverse[j]));
    __mmask8 divides = 0;
    UNROLLED for (int k = 0; k < 3; k++)
    {
        __m512i quotient = _mm512_mullo_epi64(r, load(&t->prime_inverse[k][j]));
        divides |= _mm512_cmple_epu64_mask(quotient, load(&t->most[k][j]));
    }
    return divides != 0;
}

void fani_rsa_small_ifma_avx512(const fani_rsa_ifma_table *t, const uint64_t *digits, size_t count,
                                bool found[static FANI_RSA_SMALL_NUMBERS])
{
    const __m512i zero = _mm512_setzero_si512();
    bool any[FANI_RSA_SMALL_NUMBERS] = {false};
    for (size_t j = 0; j < FANI_RSA_IFMA_TRIPLES; j += (size_t)LANES * ROWS) {
        const uint64_t *weight = &t->weights[j / FANI_RSA_IFMA_BLOCK][0][j % FANI_RSA_IFMA_BLOCK];
        sums all[FANI_RSA_SMALL_NUMBERS][ROWS];
        size_t end = count, size = (count - 1) % FANI_RSA_IFMA_DIGITS + 1;
        UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
            UNROLLED for (size_t row = 0; row < ROWS; row++) all[k][row] = (sums){zero, zero};
        for (;;) {
            const uint64_t *from = digits + (end - size);
            for (size_t i = 0; i < size; i++) {
                __m512i weights[ROWS] = {load(weight + i * FANI_RSA_IFMA_BLOCK),
                                         load(weight + i * FANI_RSA_IFMA_BLOCK + LANES)};
                UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
                {
                    __m512i d = _mm512_set1_epi64((long long)from[i + k * count]);
                    UNROLLED for (size_t row = 0; row < ROWS; row++)
                    {
                        sums *s = &all[k][row];
                        s->low = _mm512_madd52lo_epu64(s->low, weights[row], d);
                        s->high = _mm512_madd52hi_epu64(s->high, weights[row], d);
                    }
                }
            }
            end -= size;
            if (!end)
                break;
            size = FANI_RSA_IFMA_DIGITS;
            UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
                UNROLLED for (size_t row = 0; row < ROWS; row++) all[k][row] =
                    shift_chunk(all[k][row], t, j + row * LANES);
        }
        UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
            UNROLLED for (size_t row = 0; row < ROWS; row++) any[k] |=
            has_divisor(all[k][row], t, j + row * LANES);
    }
    for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
        found[k] = any[k];
}
