/* The parts of an arithmetic whose residues are words of 64 bits in Montgomery's form. The file
 * that includes it defines unit_mul, unit_add and unit_sub. */
#ifndef FANI_WORD_SCALAR_H
#define FANI_WORD_SCALAR_H

#include "fanfold/gcd.h"
#include "montgomery.h"

enum { UNIT = 1, RADIX = 64 };

typedef uint64_t unit;
typedef uint64_t unit_bits;
typedef uint64_t unit_flags; /* all ones or 0 */

typedef struct unit_moduli {
    fani_mont m;
    uint64_t square; /* 2^128 mod n */
} unit_moduli;

static inline unit unit_mul(const unit_moduli *m, unit a, unit b);

static inline unit unit_sqr(const unit_moduli *m, unit a)
{
    return unit_mul(m, a, a);
}

static inline unit_moduli unit_moduli_load(const uint64_t *n, const uint64_t *one)
{
    unit_moduli m = {.m = {*n, fani_inverse_u64(*n), *one}};
    m.square = fani_mont_r2(&m.m);
    return m;
}

static inline unit unit_load(const unit_moduli *m, const uint64_t *words)
{
    return unit_mul(m, *words, m->square);
}

static inline unit unit_one(const unit_moduli *m)
{
    return m->m.one;
}

/* Multiplied by 1 outside the form, a residue leaves the form, and is in 0..n. */
static inline void unit_store(const unit_moduli *m, unit x, uint64_t *words)
{
    *words = unit_mul(m, x, 1);
}

static inline unit unit_pick(unit_flags f, unit a, unit b)
{
    return (a & f) | (b & ~f);
}

static inline unit_bits unit_bits_load(const uint64_t *words)
{
    return *words;
}

static inline unit_flags unit_top(unit_bits b)
{
    return 0 - (b >> 63);
}

static inline unit_bits unit_next(unit_bits b)
{
    return b << 1;
}

static inline void unit_gcd(const uint64_t *n, uint64_t *words)
{
    *words = fan_gcd_u64(*n, *words);
}

#endif
