/* The parts of an engine whose residues are words of 52 bits in Montgomery's form, in two vectors
 * of eight. The file that includes it has defined multiply(m, i, a, b) for vector i. */
#ifndef FANI_PAIR_AVX512_H
#define FANI_PAIR_AVX512_H

#include "lanes_avx512.h"

#define EACH_VECTOR _Pragma("GCC unroll 2") for (unsigned i = 0; i < 2; i++)

typedef struct residues {
    __m512i v[2];
} residues;

typedef residues bits;

typedef struct flags {
    __mmask8 v[2];
} flags;

typedef struct moduli {
    __m512i n[2], twice[2], inverse[2], one[2], square[2];
} moduli;

static inline __m512i multiply(const moduli *m, unsigned i, __m512i a, __m512i b);
static inline __m512i plus_of(const moduli *m, unsigned i, __m512i a, __m512i b);
static inline __m512i minus_of(const moduli *m, unsigned i, __m512i a, __m512i b);

static inline residues mul(const moduli *m, residues a, residues b)
{
    residues out;
    EACH_VECTOR
    out.v[i] = multiply(m, i, a.v[i], b.v[i]);
    return out;
}

static inline residues sqr(const moduli *m, residues a)
{
    return mul(m, a, a);
}

static inline residues add(const moduli *m, residues a, residues b)
{
    residues out;
    EACH_VECTOR
    out.v[i] = plus_of(m, i, a.v[i], b.v[i]);
    return out;
}

static inline residues sub(const moduli *m, residues a, residues b)
{
    residues out;
    EACH_VECTOR
    out.v[i] = minus_of(m, i, a.v[i], b.v[i]);
    return out;
}

static inline residues pick(flags f, residues a, residues b)
{
    residues out;
    EACH_VECTOR
    out.v[i] = _mm512_mask_mov_epi64(b.v[i], f.v[i], a.v[i]);
    return out;
}

static inline bits bits_load(const uint64_t *words)
{
    return (bits){{_mm512_load_si512(words), _mm512_load_si512(words + 8)}};
}

static inline flags bits_top(bits b)
{
    return (flags){{_mm512_movepi64_mask(b.v[0]), _mm512_movepi64_mask(b.v[1])}};
}

static inline bits bits_next(bits b)
{
    return (bits){{_mm512_add_epi64(b.v[0], b.v[0]), _mm512_add_epi64(b.v[1], b.v[1])}};
}

/* 2^104 mod n: in the form, 1 doubled and squared to 2^52. */
static inline __m512i square_of_radix(const moduli *m, unsigned i)
{
    __m512i x = m->one[i];
    for (unsigned bit = 32; bit > 0; bit >>= 1) {
        x = multiply(m, i, x, x);
        if ((52 & bit) != 0)
            x = multiply(m, i, plus_of(m, i, x, x), m->one[i]);
    }
    return x;
}

static inline moduli moduli_load(const uint64_t *n, const uint64_t *one)
{
    moduli m;
    EACH_VECTOR
    {
        m.n[i] = _mm512_load_si512(n + 8 * i);
        m.twice[i] = _mm512_add_epi64(m.n[i], m.n[i]);
        m.inverse[i] = inverse_52(m.n[i]);
        m.one[i] = _mm512_load_si512(one + 8 * i);
        m.square[i] = square_of_radix(&m, i);
    }
    return m;
}

static inline residues residues_load(const moduli *m, const uint64_t *words)
{
    return mul(m, bits_load(words), (residues){{m->square[0], m->square[1]}});
}

static inline residues residues_one(const moduli *m)
{
    return (residues){{m->one[0], m->one[1]}};
}

static inline void residues_store(const moduli *m, residues x, uint64_t *words)
{
    EACH_VECTOR
    _mm512_store_si512(words + 8 * i, multiply(m, i, x.v[i], _mm512_set1_epi64(1)));
}

static inline void gcd_lanes(const uint64_t *n, uint64_t *words)
{
    EACH_VECTOR
    _mm512_store_si512(words + 8 * i,
                       gcd_words(_mm512_load_si512(n + 8 * i), _mm512_load_si512(words + 8 * i)));
}

#endif
