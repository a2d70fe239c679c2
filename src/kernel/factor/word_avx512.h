/* The parts of an arithmetic whose residues are words of 52 bits in Montgomery's form, eight in a
 * vector. The file that includes it defines unit_mul, unit_add and unit_sub. */
#ifndef FANI_WORD_AVX512_H
#define FANI_WORD_AVX512_H

#include "lanes_avx512.h"

enum { UNIT = 8, RADIX = 52 };

typedef __m512i unit;

typedef struct unit_moduli {
    __m512i n, twice, inverse, one, square; /* square: 2^104 mod n */
} unit_moduli;

static inline unit unit_mul(const unit_moduli *m, unit a, unit b);
static inline unit unit_add(const unit_moduli *m, unit a, unit b);

static inline unit unit_sqr(const unit_moduli *m, unit a)
{
    return unit_mul(m, a, a);
}

static inline unit unit_pick(unit_flags f, unit a, unit b)
{
    return _mm512_mask_mov_epi64(b, f, a);
}

/* 2^104 mod n: in the form, 1 doubled and squared to 2^52. */
static inline __m512i square_of_radix(const unit_moduli *m)
{
    __m512i x = m->one;
    for (unsigned bit = 32; bit > 0; bit >>= 1) {
        x = unit_mul(m, x, x);
        if ((52 & bit) != 0)
            x = unit_mul(m, unit_add(m, x, x), m->one);
    }
    return x;
}

static inline unit_moduli unit_moduli_load(const uint64_t *n, const uint64_t *one)
{
    unit_moduli m = {0};
    m.n = _mm512_load_si512(n);
    m.twice = _mm512_add_epi64(m.n, m.n);
    m.inverse = inverse_52(m.n);
    m.one = _mm512_load_si512(one);
    m.square = square_of_radix(&m);
    return m;
}

static inline unit unit_load(const unit_moduli *m, const uint64_t *words)
{
    return unit_mul(m, _mm512_load_si512(words), m->square);
}

static inline unit unit_one(const unit_moduli *m)
{
    return m->one;
}

/* Multiplied by 1 outside the form, a residue leaves the form, and is in 0..n. */
static inline void unit_store(const unit_moduli *m, unit x, uint64_t *words)
{
    _mm512_store_si512(words, unit_mul(m, x, _mm512_set1_epi64(1)));
}

#endif
