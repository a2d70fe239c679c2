/* AVX2 and FMA: four residues a vector, whole numbers of either sign in doubles. With h + l = x w
 * exactly (a product and a fused one) and the quotient k = round(x (w / p)), (h - k p) + l is x w
 * modulo p. For absolute values of x below 10 p and of w below p / 2 the quotient is below 5 p,
 * less than 2^51.1: it is rounded from a value that is wrong by less than 2^51.1 / 2^53 * 2 < 0.54,
 * so that the product is below 1.04 p. k p and h are below 2^101; h - k p is a whole number below
 * 1.04 p + 2^48, which is exact in the fused product, and so is the sum. Values at rest are
 * below 5 p. */
#ifndef __FMA__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set"
#endif

#include <immintrin.h>

#include "internal.h"

#include <string.h>

typedef __m256d value;
enum { LANES = 4, SPLIT_BITS = 48 };

typedef struct modulus {
    value p, inverse; /* 1 / p */
} modulus;

INLINE value spread(double x)
{
    return _mm256_set1_pd(x);
}

INLINE modulus modulus_of(const fani_ntt_prime *prime)
{
    double p = (double)prime->p;
    return (modulus){spread(p), spread(1 / p)};
}

INLINE value load(const uint64_t *from)
{
    return _mm256_loadu_pd((const double *)(const void *)from);
}

INLINE void store(uint64_t *to, value x)
{
    _mm256_storeu_pd((double *)(void *)to, x);
}

INLINE value rounded(value x)
{
    return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE value lower(const modulus *m, value x)
{
    return _mm256_fnmadd_pd(rounded(_mm256_mul_pd(x, m->inverse)), m->p, x);
}

/* x w, with q about w / p */
INLINE value product(const modulus *m, value x, value w, value q)
{
    value high = _mm256_mul_pd(x, w), low = _mm256_fmsub_pd(x, w, high);
    value quotient = rounded(_mm256_mul_pd(x, q));
    return _mm256_add_pd(_mm256_fnmadd_pd(quotient, m->p, high), low);
}

INLINE value root_w(const fani_ntt_root *root)
{
    return _mm256_broadcast_sd((const double *)(const void *)&root->w);
}

INLINE value root_q(const fani_ntt_root *root)
{
    return _mm256_broadcast_sd((const double *)(const void *)&root->q);
}

INLINE value times(const modulus *m, value x, const fani_ntt_root *root)
{
    return product(m, x, root_w(root), root_q(root));
}

INLINE value zero(void)
{
    return _mm256_setzero_pd();
}

INLINE value plus(value x, value y)
{
    return _mm256_add_pd(x, y);
}

/* Signed values need no multiple of p. */
INLINE value minus(const modulus *m, value x, value y, unsigned k)
{
    (void)m;
    (void)k;
    return _mm256_sub_pd(x, y);
}

INLINE void times_plus_minus(const modulus *m, value *x, value *y, const fani_ntt_root *root)
{
    value t = times(m, *y, root);
    *y = _mm256_sub_pd(*x, t);
    *x = _mm256_add_pd(*x, t);
}

#include "body.h"

static void finish_roots(fani_ntt_root *roots, size_t count, uint64_t p)
{
    for (size_t i = 0; i < count; i++) {
        double w = roots[i].w > p / 2 ? -(double)(p - roots[i].w) : (double)roots[i].w;
        double q = w / (double)p;
        memcpy(&roots[i].w, &w, sizeof w);
        memcpy(&roots[i].q, &q, sizeof q);
    }
}

/* Words below 2^52 as doubles: as the low bits of 2^52 and that. */
INLINE value from_words(const uint64_t *words)
{
    const __m256i bias = _mm256_set1_epi64x(0x4330000000000000);
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)words);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(x, bias)), spread(0x1p52));
}

/* The first part is below 2^48 < p, each product below 1.04 p. */
static void put(const fani_ntt_prime *prime, uint64_t part[64][3], uint64_t *to)
{
    const modulus m = modulus_of(prime);
    const uint64_t mask = (UINT64_C(1) << SPLIT_BITS) - 1;
    uint64_t words[4][64];
    for (unsigned k = 0; k < 64; k++) {
        words[0][k] = part[k][0] & mask;
        words[1][k] = (part[k][0] >> 48 | part[k][1] << 16) & mask;
        words[2][k] = (part[k][1] >> 32 | part[k][2] << 32) & mask;
        words[3][k] = part[k][2] >> 16;
    }
    for (unsigned k = 0; k < 64; k += LANES) {
        value x = from_words(words[0] + k);
        for (unsigned i = 1; i < 4; i++)
            x = plus(x, times(&m, from_words(words[i] + k), prime->split + i));
        store(to + k, x);
    }
}

static void split(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                  size_t first, size_t last)
{
    fani_ntt_split_words(plan, transform, a, an, first, last, put);
}

/* From -1.04 p to 1.04 p: lowered to at most about p / 2, then to [0, p). */
static void take(const fani_ntt_prime *prime, const uint64_t *from, uint64_t out[64])
{
    const modulus m = modulus_of(prime);
    for (unsigned k = 0; k < 64; k += LANES) {
        value x = lower(&m, times(&m, load(from + k), &prime->join));
        x = plus(x, _mm256_and_pd(m.p, _mm256_cmp_pd(x, spread(0), _CMP_LT_OQ)));
        __m256i words = _mm256_castpd_si256(plus(x, spread(0x1p52)));
        words = _mm256_and_si256(words, _mm256_set1_epi64x(0xfffffffffffff));
        _mm256_storeu_si256((__m256i *)(void *)(out + k), words);
    }
}

static void join(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                 mp_limb_t *out, fani_ntt_carry *carry)
{
    fani_ntt_join_words(plan, product, first, last, out, carry, take);
}

/* ---- Products of rows: four at a time, turned so that a lane is a row -------------------------
 */

/* Rows of 8 words to x[i] = word i of each row; and back. */
INLINE void turn4(value *x)
{
    value a = _mm256_unpacklo_pd(x[0], x[1]), b = _mm256_unpackhi_pd(x[0], x[1]);
    value c = _mm256_unpacklo_pd(x[2], x[3]), d = _mm256_unpackhi_pd(x[2], x[3]);
    x[0] = _mm256_permute2f128_pd(a, c, 0x20);
    x[1] = _mm256_permute2f128_pd(b, d, 0x20);
    x[2] = _mm256_permute2f128_pd(a, c, 0x31);
    x[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

INLINE void load_rows(const modulus *m, value x[8], const uint64_t *from)
{
    for (unsigned i = 0; i < 8; i++)
        x[i] = lower(m, load(&from[i % 4 * FANI_NTT_ROW + i / 4 * LANES]));
    turn4(x);
    turn4(x + 4);
}

/* c is w of the pair for even rows and -w for odd ones. */
INLINE void roots_of_rows(const fani_ntt_root *roots, value *w, value *q)
{
    const value odd = _mm256_setr_pd(0.0, -0.0, 0.0, -0.0);
    value first = load(&roots[0].w); /* w, q, w, q */
    *w = _mm256_xor_pd(_mm256_permute4x64_pd(first, 0xa0), odd);
    *q = _mm256_xor_pd(_mm256_permute4x64_pd(first, 0xf5), odd);
}

/* x below 10 p, w below p / 2 in absolute values: the quotient from x w itself, which is as exact
 * as from w / p. */
INLINE value variable_product(const modulus *m, value x, value w)
{
    value high = _mm256_mul_pd(x, w), low = _mm256_fmsub_pd(x, w, high);
    value quotient = rounded(_mm256_mul_pd(high, m->inverse));
    return _mm256_add_pd(_mm256_fnmadd_pd(quotient, m->p, high), low);
}

/* out = a b modulo x^8 - c in each lane: the products that go over x^8 are made with c b. Factors
 * are little above p / 2, products therefore, too, and eight of them below 5 p. */
INLINE void multiply_four(const modulus *m, const fani_ntt_root *roots, uint64_t *out,
                          const uint64_t *a, const uint64_t *b, bool add)
{
    value x[8], y[16], sum[8], w, q;
    load_rows(m, x, a);
    load_rows(m, y + 8, b);
    roots_of_rows(roots, &w, &q);
    for (unsigned i = 0; i < 8; i++)
        y[i] = product(m, y[8 + i], w, q);
    for (unsigned k = 0; k < 8; k++) {
        sum[k] = variable_product(m, x[0], y[8 + k]);
        for (unsigned i = 1; i < 8; i++)
            sum[k] = plus(sum[k], variable_product(m, x[i], y[8 + k - i]));
    }
    turn4(sum);
    turn4(sum + 4);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t *to = &out[i % 4 * FANI_NTT_ROW + i / 4 * LANES];
        if (add)
            sum[i] = lower(m, plus(lower(m, sum[i]), lower(m, load(to))));
        store(to, sum[i]);
    }
}

static void multiply_rows(const modulus *m, const fani_ntt_root *roots, uint64_t *out,
                          const uint64_t *a, const uint64_t *b, size_t rows, bool add)
{
    for (size_t i = 0; i < rows; i += LANES) {
        size_t at = i * FANI_NTT_ROW;
        multiply_four(m, roots + i / 2, out + at, a + at, b + at, add);
    }
}

const fani_ntt_engine fani_ntt_engine_avx2 = {.product_shift = 0,
                                              .split_bits = SPLIT_BITS,
                                              .finish_roots = finish_roots,
                                              .split = split,
                                              .down = down,
                                              .up = up,
                                              .multiply = multiply,
                                              .convolve = convolve,
                                              .join = join};
