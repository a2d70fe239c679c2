#include "lanes.h"

#include <immintrin.h>
#include <string.h>

/* The binary algorithm as in words_avx512_body.h. AVX2 counts no zeros. A power of two has them in
 * the exponent of the floating-point number that it is: integers below 2^52 become a double by an
 * OR and a subtraction, those below 2^31 a float by one instruction. What is longer is counted by a
 * table of half bytes, which takes twice as long. */
enum { FLIGHT = 4, LANES = 4, BLOCK = FLIGHT * LANES, STEPS = 2 };

typedef struct pairs {
    __m256i a[FLIGHT], b[FLIGHT];
} pairs;

static inline __attribute__((always_inline)) __m256i zeros_by_table(__m256i d)
{
    const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                            2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i half = _mm256_set1_epi8(15);
    __m256i ones = _mm256_andnot_si256(d, _mm256_add_epi64(d, _mm256_set1_epi64x(-1)));
    __m256i low = _mm256_shuffle_epi8(counts, _mm256_and_si256(ones, half));
    __m256i high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(ones, 4), half));
    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

/* Of 0: so many that nothing is left of a word moved by them. */
static inline __attribute__((always_inline)) __m256i zeros_by_double(__m256i d)
{
    const __m256d two_52 = _mm256_set1_pd(4503599627370496.0);
    __m256i lowest = _mm256_and_si256(d, _mm256_sub_epi64(_mm256_setzero_si256(), d));
    __m256d raised = _mm256_or_pd(_mm256_castsi256_pd(lowest), two_52);
    __m256i exponent = _mm256_srli_epi64(_mm256_castpd_si256(_mm256_sub_pd(raised, two_52)), 52);
    return _mm256_sub_epi64(exponent, _mm256_set1_epi64x(1023));
}

static inline __attribute__((always_inline)) __m256i zeros_by_float(__m256i d)
{
    __m256i lowest = _mm256_and_si256(d, _mm256_sub_epi32(_mm256_setzero_si256(), d));
    __m256i exponent = _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(lowest)), 23);
    return _mm256_sub_epi32(exponent, _mm256_set1_epi32(127));
}

/* `less`: all ones where a is below b. */
static inline __attribute__((always_inline)) void step_64(__m256i *a, __m256i *b, __m256i less,
                                                          __m256i d, __m256i zeros)
{
    *b = _mm256_blendv_epi8(*b, *a, less);
    *a = _mm256_srlv_epi64(_mm256_sub_epi64(_mm256_xor_si256(d, less), less), zeros);
}

/* Any words. */
static inline __attribute__((always_inline)) void step_long(__m256i *a, __m256i *b)
{
    const __m256i top = _mm256_set1_epi64x(INT64_MIN);
    __m256i d = _mm256_sub_epi64(*a, *b);
    __m256i less = _mm256_cmpgt_epi64(_mm256_xor_si256(*b, top), _mm256_xor_si256(*a, top));
    step_64(a, b, less, d, zeros_by_table(d));
}

/* Below 2^52. */
static inline __attribute__((always_inline)) void step_middle(__m256i *a, __m256i *b)
{
    __m256i d = _mm256_sub_epi64(*a, *b);
    step_64(a, b, _mm256_cmpgt_epi64(*b, *a), d, zeros_by_double(d));
}

/* Below 2^31. */
static inline __attribute__((always_inline)) void step_short(__m256i *a, __m256i *b)
{
    __m256i less = _mm256_min_epi32(*a, *b);
    __m256i d = _mm256_sub_epi32(_mm256_max_epi32(*a, *b), less);
    *b = less;
    *a = _mm256_srlv_epi32(d, zeros_by_float(d));
}

/* Whether a lane has `bits` bits or more. */
static inline __attribute__((always_inline)) int any_of(const pairs *p, int bits)
{
    __m256i any = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int k = 0; k < FLIGHT; k++)
        any = _mm256_or_si256(any, _mm256_or_si256(p->a[k], p->b[k]));
    return !_mm256_testz_si256(any, _mm256_set1_epi64x(-(1LL << bits)));
}

static inline __attribute__((always_inline)) int any_left(const __m256i *b, int count)
{
    __m256i any = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int k = 0; k < count; k++)
        any = _mm256_or_si256(any, b[k]);
    return !_mm256_testz_si256(any, any);
}

/* To the end, where all is below 2^31. */
static inline __attribute__((always_inline)) void steps_short(pairs *p)
{
    __m256i a[FLIGHT / 2], b[FLIGHT / 2];
#pragma GCC unroll 4
    for (size_t k = 0; k < FLIGHT / 2; k++) {
        a[k] = _mm256_or_si256(p->a[2 * k], _mm256_slli_epi64(p->a[2 * k + 1], 32));
        b[k] = _mm256_or_si256(p->b[2 * k], _mm256_slli_epi64(p->b[2 * k + 1], 32));
    }
    do {
#pragma GCC unroll 4
        for (int k = 0; k < FLIGHT / 2 * STEPS; k++)
            step_short(&a[k % (FLIGHT / 2)], &b[k % (FLIGHT / 2)]);
    } while (any_left(b, FLIGHT / 2));
#pragma GCC unroll 4
    for (size_t k = 0; k < FLIGHT / 2; k++) {
        p->a[2 * k] = _mm256_blend_epi32(a[k], _mm256_setzero_si256(), 0xaa);
        p->a[2 * k + 1] = _mm256_srli_epi64(a[k], 32);
        p->b[2 * k] = p->b[2 * k + 1] = _mm256_setzero_si256();
    }
}

/* Of pairs that are odd; the gcds are left in p->a. */
static inline __attribute__((always_inline)) void steps(pairs *p)
{
    while (any_of(p, 52) && any_left(p->b, FLIGHT)) {
#pragma GCC unroll 8
        for (int k = 0; k < FLIGHT * STEPS; k++)
            step_long(&p->a[k % FLIGHT], &p->b[k % FLIGHT]);
    }
    while (any_of(p, 31) && any_left(p->b, FLIGHT)) {
#pragma GCC unroll 8
        for (int k = 0; k < FLIGHT * STEPS; k++)
            step_middle(&p->a[k % FLIGHT], &p->b[k % FLIGHT]);
    }
    if (any_left(p->b, FLIGHT))
        steps_short(p);
}

static inline __attribute__((always_inline)) __m256i load(const uint64_t *words, int k)
{
    return _mm256_loadu_si256((const __m256i *)words + k);
}

static void gcd_block(const uint64_t *x, const uint64_t *y, uint64_t *out)
{
    pairs p;
    __m256i shared[FLIGHT];
#pragma GCC unroll 4
    for (int k = 0; k < FLIGHT; k++) {
        shared[k] = zeros_by_table(_mm256_or_si256(load(x, k), load(y, k)));
        p.a[k] = _mm256_srlv_epi64(load(x, k), zeros_by_table(load(x, k)));
        p.b[k] = _mm256_srlv_epi64(load(y, k), zeros_by_table(load(y, k)));
    }
    steps(&p);
#pragma GCC unroll 4
    for (int k = 0; k < FLIGHT; k++) {
        __m256i gcd = _mm256_or_si256(p.a[k], p.b[k]);
        _mm256_storeu_si256((__m256i *)out + k, _mm256_sllv_epi64(gcd, shared[k]));
    }
}

void fani_gcd_words_avx2(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n)
{
    uint64_t x[BLOCK] = {0}, y[BLOCK] = {0};
    size_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK)
        gcd_block(a + i, b + i, out + i);
    if (i == n)
        return;
    memcpy(x, a + i, (n - i) * sizeof *x);
    memcpy(y, b + i, (n - i) * sizeof *y);
    gcd_block(x, y, x);
    memcpy(out + i, x, (n - i) * sizeof *x);
}
