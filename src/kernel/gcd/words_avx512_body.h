/* gcd of pairs of words in the lanes of AVX-512. The source that includes this defines
 *
 *   odd_64(x, d), odd_32(x, d)   x without as many trailing zeros as d has; x and d are 0 together
 *   words_here                   the function's name
 *
 * Binary algorithm: of an odd pair the larger becomes the difference without its zeros. A lane that
 * has come to its end, (g, 0), stays there, so that nothing asks for it. A step's instructions wait
 * for one another: many vectors in flight fill that time. Once no lane has more than 32 bits the
 * rest is done in lanes of 32 bits, two vectors in one. */
#include <immintrin.h>
#include <string.h>

enum { FLIGHT = 12, LANES = 8, BLOCK = FLIGHT * LANES, STEPS = 3 };

typedef struct pairs {
    __m512i a[FLIGHT], b[FLIGHT];
} pairs;

static inline __attribute__((always_inline)) void step_64(__m512i *a, __m512i *b)
{
    __m512i d = _mm512_sub_epi64(*a, *b);
    __mmask8 less = _mm512_cmplt_epu64_mask(*a, *b);
    __m512i larger_less = _mm512_mask_sub_epi64(d, less, *b, *a);
    *b = _mm512_mask_mov_epi64(*b, less, *a);
    *a = odd_64(larger_less, d);
}

static inline __attribute__((always_inline)) void step_32(__m512i *a, __m512i *b)
{
    __m512i less = _mm512_min_epu32(*a, *b);
    __m512i d = _mm512_sub_epi32(_mm512_max_epu32(*a, *b), less);
    *b = less;
    *a = odd_32(d, d);
}

/* Until no lane has more than 32 bits, or all have come to their end. */
static inline __attribute__((always_inline)) void steps_64(pairs *p)
{
    const __m512i upper = _mm512_set1_epi64(-(1LL << 32));
    __m512i any, left;
    do {
        any = left = _mm512_setzero_si512();
#pragma GCC unroll 4
        for (int s = 0; s < STEPS; s++) {
#pragma GCC unroll 16
            for (int k = 0; k < FLIGHT; k++) {
                step_64(&p->a[k], &p->b[k]);
                if (s < STEPS - 1)
                    continue;
                any = _mm512_or_si512(any, _mm512_or_si512(p->a[k], p->b[k]));
                left = _mm512_or_si512(left, p->b[k]);
            }
        }
    } while (_mm512_test_epi64_mask(any, upper) && _mm512_test_epi64_mask(left, left));
}

/* Vector 2k in the lower halves of the lanes, vector 2k + 1 in the upper. */
static inline __attribute__((always_inline)) __m512i narrow(const __m512i *x)
{
    return _mm512_or_si512(x[0], _mm512_slli_epi64(x[1], 32));
}

/* To the end, where all is narrow; leaves the gcds of the odd pairs in p->a. */
static inline __attribute__((always_inline)) void steps_32(pairs *p)
{
    __m512i a[FLIGHT / 2], b[FLIGHT / 2], left;
#pragma GCC unroll 16
    for (size_t k = 0; k < FLIGHT / 2; k++) {
        a[k] = narrow(&p->a[2 * k]);
        b[k] = narrow(&p->b[2 * k]);
    }
    do {
        left = _mm512_setzero_si512();
#pragma GCC unroll 4
        for (int s = 0; s < STEPS; s++) {
#pragma GCC unroll 16
            for (int k = 0; k < FLIGHT / 2; k++) {
                step_32(&a[k], &b[k]);
                left = s < STEPS - 1 ? left : _mm512_or_si512(left, b[k]);
            }
        }
    } while (_mm512_test_epi64_mask(left, left));
#pragma GCC unroll 16
    for (size_t k = 0; k < FLIGHT / 2; k++) {
        p->a[2 * k] = _mm512_maskz_mov_epi32(0x5555, a[k]);
        p->a[2 * k + 1] = _mm512_srli_epi64(a[k], 32);
    }
}

/* Of 0: so many that nothing is left of a word moved by them. */
static inline __attribute__((always_inline)) __m512i trailing_zeros(__m512i x)
{
    __m512i lowest = _mm512_and_si512(x, _mm512_sub_epi64(_mm512_setzero_si512(), x));
    return _mm512_sub_epi64(_mm512_set1_epi64(63), _mm512_lzcnt_epi64(lowest));
}

static inline __attribute__((always_inline)) __m512i load(const uint64_t *words, int k)
{
    return _mm512_loadu_si512(words + (size_t)k * LANES);
}

static void gcd_block(const uint64_t *x, const uint64_t *y, uint64_t *out)
{
    pairs p;
    __m512i left = _mm512_setzero_si512();
#pragma GCC unroll 16
    for (int k = 0; k < FLIGHT; k++) {
        p.a[k] = odd_64(load(x, k), load(x, k));
        p.b[k] = odd_64(load(y, k), load(y, k));
    }
    steps_64(&p);
#pragma GCC unroll 16
    for (int k = 0; k < FLIGHT; k++)
        left = _mm512_or_si512(left, p.b[k]);
    if (_mm512_test_epi64_mask(left, left))
        steps_32(&p);
#pragma GCC unroll 16
    for (int k = 0; k < FLIGHT; k++) {
        __m512i zeros = trailing_zeros(_mm512_or_si512(load(x, k), load(y, k)));
        _mm512_storeu_si512(out + (size_t)k * LANES, _mm512_sllv_epi64(p.a[k], zeros));
    }
}

void words_here(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n)
{
    uint64_t x[BLOCK], y[BLOCK];
    size_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK)
        gcd_block(a + i, b + i, out + i);
    if (i == n)
        return;
    memset(x, 0, sizeof x);
    memset(y, 0, sizeof y);
    memcpy(x, a + i, (n - i) * sizeof *x);
    memcpy(y, b + i, (n - i) * sizeof *y);
    gcd_block(x, y, x);
    memcpy(out + i, x, (n - i) * sizeof *x);
}
