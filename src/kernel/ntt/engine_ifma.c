/* AVX-512 IFMA: eight residues a vector, products of 52 bits. Only the low 52 bits of a lane mean
 * something: the instructions take factors from there, sums are right modulo 2^52, and what they
 * carry into the upper bits is cut off at the end. Shoup's method, with q = floor(w 2^52 / p):
 * x w - floor(x q / 2^52) p is below 2 p for each x below 2^52, and adding the product of the
 * quotient and 2^52 - p is subtracting that of p. */
#ifndef __AVX512IFMA__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

#include "internal.h"

typedef __m512i value;
enum { LANES = 8, BITS = 52 };
#define WORD_MASK ((UINT64_C(1) << BITS) - 1)

typedef struct modulus {
    value negative; /* 2^52 - p */
    value inverse;  /* floor(2^52 / p) */
    value twice;    /* 2 p */
    value p;
} modulus;

static inline modulus modulus_of(const fani_ntt_prime *prime)
{
    return (modulus){_mm512_set1_epi64((long long)((UINT64_C(1) << BITS) - prime->p)),
                     _mm512_set1_epi64((long long)((UINT64_C(1) << BITS) / prime->p)),
                     _mm512_set1_epi64((long long)(2 * prime->p)),
                     _mm512_set1_epi64((long long)prime->p)};
}

static inline value load(const uint64_t *from)
{
    return _mm512_loadu_si512(from);
}

static inline void store(uint64_t *to, value x)
{
    _mm512_storeu_si512(to, x);
}

static inline value spread(uint64_t x)
{
    return _mm512_set1_epi64((long long)x);
}

static inline value lower(const modulus *m, value x)
{
    value quotient = _mm512_madd52hi_epu64(_mm512_setzero_si512(), x, m->inverse);
    return _mm512_madd52lo_epu64(x, quotient, m->negative);
}

/* sum + x w */
static inline value add_times(const modulus *m, value sum, value x, value w, value q)
{
    value quotient = _mm512_madd52hi_epu64(_mm512_setzero_si512(), x, q);
    return _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(sum, x, w), quotient, m->negative);
}

static inline value times(const modulus *m, value x, const fani_ntt_root *root)
{
    return add_times(m, _mm512_setzero_si512(), x, spread(root->w), spread(root->q));
}

static inline value plus(value x, value y)
{
    return _mm512_add_epi64(x, y);
}

static inline value minus(const modulus *m, value x, value y, unsigned k)
{
    value offset = m->twice;
    if (k == 4)
        offset = _mm512_add_epi64(m->twice, m->twice);
    if (k == 5)
        offset = _mm512_add_epi64(_mm512_add_epi64(m->twice, m->twice), m->p);
    return _mm512_sub_epi64(_mm512_add_epi64(x, offset), y);
}

/* x - y w = 2 x + 2 p - (x + y w) */
static inline void times_plus_minus(const modulus *m, value *x, value *y, const fani_ntt_root *root)
{
    value sum = add_times(m, *x, *y, spread(root->w), spread(root->q));
    value both = _mm512_add_epi64(*x, _mm512_add_epi64(*x, m->twice));
    *x = sum;
    *y = _mm512_sub_epi64(both, sum);
}

#include "body.h"

static void finish_roots(fani_ntt_root *roots, size_t count, uint64_t p)
{
    for (size_t i = 0; i < count; i++)
        roots[i].q = (uint64_t)(((unsigned __int128)roots[i].w << BITS) / p);
}

static inline value low_words(value x)
{
    return _mm512_and_si512(x, spread(WORD_MASK));
}

/* Below p, from below 2 p and any upper bits. */
static inline value canonical(const modulus *m, value x)
{
    x = low_words(x);
    return _mm512_min_epu64(x, _mm512_sub_epi64(x, m->p));
}

/* Parts of 64 bits in words of 52, as the engine's roots want them. */
static void put(const fani_ntt_prime *prime, uint64_t part[64][3], uint64_t *to)
{
    const modulus m = modulus_of(prime);
    uint64_t words[4][64];
    for (unsigned k = 0; k < 64; k++) {
        words[0][k] = part[k][0] & WORD_MASK;
        words[1][k] = (part[k][0] >> 52 | part[k][1] << 12) & WORD_MASK;
        words[2][k] = (part[k][1] >> 40 | part[k][2] << 24) & WORD_MASK;
        words[3][k] = part[k][2] >> 28;
    }
    for (unsigned k = 0; k < 64; k += LANES) {
        value x = lower(&m, load(words[0] + k));
        for (unsigned i = 1; i < 4; i++)
            x = plus(x, times(&m, load(words[i] + k), prime->split + i));
        store(to + k, x);
    }
}

static void split(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                  size_t first, size_t last)
{
    fani_ntt_split_words(plan, transform, a, an, first, last, put);
}

static void take(const fani_ntt_prime *prime, const uint64_t *from, uint64_t out[64])
{
    const modulus m = modulus_of(prime);
    for (unsigned k = 0; k < 64; k += LANES)
        store(out + k, canonical(&m, times(&m, load(from + k), &prime->join)));
}

static void join(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                 mp_limb_t *out, fani_ntt_carry *carry)
{
    fani_ntt_join_words(plan, product, first, last, out, carry, take);
}

/* ---- Products of rows -------------------------------------------------------------------------
 *
 * Eight rows at a time, turned so that a lane is a row. */

static inline void turn(value x[8])
{
    value a[8], b[8];
#pragma GCC unroll 4
    for (unsigned i = 0; i < 8; i += 2) {
        a[i] = _mm512_unpacklo_epi64(x[i], x[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi64(x[i], x[i + 1]);
    }
#pragma GCC unroll 2
    for (unsigned i = 0; i < 8; i += 4) {
        b[i] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0x88);
        b[i + 1] = _mm512_shuffle_i64x2(a[i + 1], a[i + 3], 0x88);
        b[i + 2] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0xdd);
        b[i + 3] = _mm512_shuffle_i64x2(a[i + 1], a[i + 3], 0xdd);
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        x[i] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0x88);
        x[i + 4] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0xdd);
    }
}

static inline void load_rows(value x[8], const uint64_t *from)
{
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++)
        x[i] = load(from + 8 * i);
    turn(x);
}

/* (high 2^52 + low) / 2^52 modulo p (Montgomery): below high + p + 2^13 for low below 2^64.
 * negated: -1 / p modulo 2^52. */
static inline value montgomery(const modulus *m, value high, value low, value negated)
{
    value factor = _mm512_madd52lo_epu64(_mm512_setzero_si512(), low, negated);
    value whole = _mm512_madd52lo_epu64(low, factor, m->p);
    high = _mm512_madd52hi_epu64(high, factor, m->p);
    return _mm512_add_epi64(high, _mm512_srli_epi64(whole, BITS));
}

/* Rows r to r+7 of a node's rows: c is w of the pair for even rows and -w for odd ones. */
static inline void roots_of_rows(const modulus *m, const fani_ntt_root *roots, value *w, value *q)
{
    const value even = _mm512_setr_epi64(0, 0, 2, 2, 4, 4, 6, 6);
    const value odd = _mm512_setr_epi64(1, 1, 3, 3, 5, 5, 7, 7);
    value pairs = _mm512_loadu_si512(roots);
    value all_w = _mm512_permutexvar_epi64(even, pairs),
          all_q = _mm512_permutexvar_epi64(odd, pairs);
    *w = _mm512_mask_sub_epi64(all_w, 0xaa, m->p, all_w);
    *q = _mm512_mask_sub_epi64(all_q, 0xaa, spread(WORD_MASK), all_q);
}

/* out = a b modulo x^8 - c in each lane: the products that go over x^8 are made with c b. Eight
 * products of values below 2 p, divided by 2^52, are below 3.2 p as p is below 2^52 / 10: the
 * results are below 4.3 p. */
static inline void multiply_rows(const modulus *m, value negated, const fani_ntt_root *roots,
                                 uint64_t *out, const uint64_t *a, const uint64_t *b, bool add)
{
    value x[8], y[16], w, q;
    load_rows(x, a);
    load_rows(y + 8, b);
    roots_of_rows(m, roots, &w, &q);
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
        x[i] = lower(m, x[i]);
        y[8 + i] = lower(m, y[8 + i]);
        y[i] = add_times(m, _mm512_setzero_si512(), y[8 + i], w, q);
    }
    value product[8];
#pragma GCC unroll 8
    for (unsigned k = 0; k < 8; k++) {
        value low = _mm512_setzero_si512(), high = _mm512_setzero_si512();
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            low = _mm512_madd52lo_epu64(low, x[i], y[8 + k - i]);
            high = _mm512_madd52hi_epu64(high, x[i], y[8 + k - i]);
        }
        product[k] = montgomery(m, high, low, negated);
    }
    turn(product);
#pragma GCC unroll 8
    for (unsigned k = 0; k < 8; k++) {
        if (add)
            product[k] = lower(m, plus(product[k], lower(m, load(out + 8 * k))));
        store(out + 8 * k, product[k]);
    }
}

static void multiply(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *out,
                     const uint64_t *a, const uint64_t *b, bool add)
{
    const fani_ntt_root *levels[FANI_NTT_DEPTH_MAX];
    size_t rows = (size_t)1 << plan->sizes.rows_log;
    const modulus m = modulus_of(prime);
    uint64_t inverse = prime->p;
    for (unsigned i = 0; i < 5; i++)
        inverse *= 2 - prime->p * inverse;
    const value negated = spread(-inverse & WORD_MASK);
    for (unsigned tree = 0; tree < plan->sizes.factor; tree++) {
        fani_ntt_levels(plan, prime->down, tree, levels);
        const fani_ntt_root *roots = levels[plan->sizes.rows_log - 1];
        for (size_t row = 0; row < rows; row += 8) {
            size_t at = (tree * rows + row) * FANI_NTT_ROW;
            if (add)
                multiply_rows(&m, negated, roots + row / 2, out + at, a + at, b + at, true);
            else
                multiply_rows(&m, negated, roots + row / 2, out + at, a + at, b + at, false);
        }
    }
}

const fani_ntt_engine fani_ntt_engine_ifma = {.product_shift = BITS,
                                              .split_bits = BITS,
                                              .finish_roots = finish_roots,
                                              .split = split,
                                              .down = down,
                                              .up = up,
                                              .multiply = multiply,
                                              .join = join};
