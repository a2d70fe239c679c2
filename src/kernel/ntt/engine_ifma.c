/* AVX-512 IFMA: the transforms, and the products of what they give. */
#include "ifma.h"

#include "body.h"

/* floor(w 2^52 / p) of w below p, from floor(2^100 / p): first 48 bits of the quotient, too small
 * by at most 2, then 4 more of what remains (below 3 p), too small by at most 1, then that one. */
INLINE value quotient52(const modulus *m, value inverse, value w)
{
    value first = _mm512_madd52hi_epu64(zero(), w, inverse);
    value rest = low_words(_mm512_madd52lo_epu64(_mm512_slli_epi64(w, 48), first, m->negative));
    value next = _mm512_srli_epi64(_mm512_madd52hi_epu64(zero(), rest, inverse), 44);
    rest = low_words(_mm512_madd52lo_epu64(_mm512_slli_epi64(rest, 4), next, m->negative));
    value all = _mm512_add_epi64(_mm512_slli_epi64(first, 4), next);
    __mmask8 more = _mm512_cmpge_epu64_mask(rest, m->p);
    return _mm512_mask_add_epi64(all, more, all, spread(1));
}

static void finish_roots(fani_ntt_root *roots, size_t count, uint64_t p)
{
    const value even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const value low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const value high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    const value inverse = spread((uint64_t)(((unsigned __int128)1 << 100) / p));
    const modulus m = {.negative = spread(WORD_MASK + 1 - p), .p = spread(p)};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        value first = _mm512_loadu_si512(roots + i), second = _mm512_loadu_si512(roots + i + 4);
        value w = _mm512_permutex2var_epi64(first, even, second);
        value q = quotient52(&m, inverse, w);
        _mm512_storeu_si512(roots + i, _mm512_permutex2var_epi64(w, low, q));
        _mm512_storeu_si512(roots + i + 4, _mm512_permutex2var_epi64(w, high, q));
    }
    for (; i < count; i++)
        roots[i].q = (uint64_t)(((unsigned __int128)roots[i].w << BITS) / p);
}

/* ---- Products of rows -------------------------------------------------------------------------
 *
 * Eight rows at a time, turned so that a lane is a row. */

INLINE void load_rows(value x[8], const uint64_t *from)
{
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++)
        x[i] = load(from + (size_t)8 * i);
    turn(x);
}

/* (high 2^52 + low) / 2^52 modulo p (Montgomery): below high + p + 2^13 for low below 2^64. */
INLINE value montgomery(const modulus *m, value high, value low)
{
    value factor = _mm512_madd52lo_epu64(zero(), low, m->negated);
    value whole = _mm512_madd52lo_epu64(low, factor, m->p);
    high = _mm512_madd52hi_epu64(high, factor, m->p);
    return _mm512_add_epi64(high, _mm512_srli_epi64(whole, BITS));
}

/* Rows r to r+7 of a node's rows: c is w of the pair for even rows and -w for odd ones. */
INLINE void roots_of_rows(const modulus *m, const fani_ntt_root *roots, value *w, value *q)
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
INLINE void multiply_eight(const modulus *m, const fani_ntt_root *roots, uint64_t *out,
                           const uint64_t *a, const uint64_t *b, bool add)
{
    value x[8], y[16], w, q;
    load_rows(x, a);
    load_rows(y + 8, b);
    roots_of_rows(m, roots, &w, &q);
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
        x[i] = lower(m, x[i]);
        y[8 + i] = lower(m, y[8 + i]);
        y[i] = add_times(m, zero(), y[8 + i], w, q);
    }
    value product[8];
#pragma GCC unroll 8
    for (unsigned k = 0; k < 8; k++) {
        value low = zero(), high = zero();
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            low = _mm512_madd52lo_epu64(low, x[i], y[8 + k - i]);
            high = _mm512_madd52hi_epu64(high, x[i], y[8 + k - i]);
        }
        product[k] = montgomery(m, high, low);
    }
    turn(product);
#pragma GCC unroll 8
    for (unsigned k = 0; k < 8; k++) {
        if (add)
            product[k] = lower(m, plus(product[k], lower(m, load(out + (size_t)8 * k))));
        store(out + (size_t)8 * k, product[k]);
    }
}

static void multiply_rows(const modulus *m, const fani_ntt_root *roots, uint64_t *out,
                          const uint64_t *a, const uint64_t *b, size_t rows, bool add)
{
    for (size_t i = 0; i < rows; i += 8) {
        size_t at = i * FANI_NTT_ROW;
        if (add)
            multiply_eight(m, roots + i / 2, out + at, a + at, b + at, true);
        else
            multiply_eight(m, roots + i / 2, out + at, a + at, b + at, false);
    }
}

const fani_ntt_engine fani_ntt_engine_ifma = {.product_shift = BITS,
                                              .split_bits = BITS,
                                              .finish_roots = finish_roots,
                                              .split = fani_ntt_split_ifma,
                                              .down = down,
                                              .up = up,
                                              .multiply = multiply,
                                              .convolve = convolve,
                                              .join = fani_ntt_join_ifma};
