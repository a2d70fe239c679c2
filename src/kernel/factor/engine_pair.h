/* Two vectors of an arithmetic side by side, so that the processor has something to do while one
 * waits for a multiplication. The file that includes this has defined, for one vector of UNIT lanes
 * (a word is a vector of one lane):
 *
 *   UNIT, BITS, RADIX      enum constants: lanes, and see engine.h
 *   unit, unit_moduli      a residue, a modulus in each lane
 *   unit_flags, unit_bits  a truth value, a word in each lane
 *   unit_moduli_load(n, one)        from UNIT words each
 *   unit_load(m, w)                 w[i] mod n[i], for words below 2^48
 *   unit_one(m)
 *   unit_store(m, x, w)             w[i] = x[i], of add or sub too, as a number in 0..n[i]; 0 may
 * come out as n[i] unit_mul, unit_sqr(m, ...)      of residues that mul, sqr, or at most one add or
 * sub of such made unit_add, unit_sub(m, a, b)     of residues that load, mul or sqr made
 *   unit_pick(f, a, b)              a where f, else b
 *   unit_bits_load(w), unit_top(b), unit_next(b)   words; which have bit 63 set; all shifted left
 *                                   by one
 *   unit_gcd(n, w)                  w[i] = gcd(n[i], w[i])
 */
#ifndef FANI_ENGINE_PAIR_H
#define FANI_ENGINE_PAIR_H

#include <stdint.h>

enum { LANES = 2 * UNIT };

#define BOTH _Pragma("GCC unroll 2") for (unsigned i = 0; i < 2; i++)

typedef struct residues {
    unit v[2];
} residues;

typedef struct moduli {
    unit_moduli v[2];
} moduli;

typedef struct flags {
    unit_flags v[2];
} flags;

typedef struct bits {
    unit_bits v[2];
} bits;

static inline moduli moduli_load(const uint64_t *n, const uint64_t *one)
{
    moduli m;
    BOTH m.v[i] = unit_moduli_load(n + (size_t)i * UNIT, one + (size_t)i * UNIT);
    return m;
}

static inline residues residues_load(const moduli *m, const uint64_t *words)
{
    residues out;
    BOTH out.v[i] = unit_load(&m->v[i], words + (size_t)i * UNIT);
    return out;
}

static inline residues residues_one(const moduli *m)
{
    residues out;
    BOTH out.v[i] = unit_one(&m->v[i]);
    return out;
}

static inline void residues_store(const moduli *m, residues x, uint64_t *words)
{
    BOTH unit_store(&m->v[i], x.v[i], words + (size_t)i * UNIT);
}

static inline residues mul(const moduli *m, residues a, residues b)
{
    residues out;
    BOTH out.v[i] = unit_mul(&m->v[i], a.v[i], b.v[i]);
    return out;
}

static inline residues sqr(const moduli *m, residues a)
{
    residues out;
    BOTH out.v[i] = unit_sqr(&m->v[i], a.v[i]);
    return out;
}

static inline residues add(const moduli *m, residues a, residues b)
{
    residues out;
    BOTH out.v[i] = unit_add(&m->v[i], a.v[i], b.v[i]);
    return out;
}

static inline residues sub(const moduli *m, residues a, residues b)
{
    residues out;
    BOTH out.v[i] = unit_sub(&m->v[i], a.v[i], b.v[i]);
    return out;
}

static inline residues pick(flags f, residues a, residues b)
{
    residues out;
    BOTH out.v[i] = unit_pick(f.v[i], a.v[i], b.v[i]);
    return out;
}

static inline bits bits_load(const uint64_t *words)
{
    bits out;
    BOTH out.v[i] = unit_bits_load(words + (size_t)i * UNIT);
    return out;
}

static inline flags bits_top(bits b)
{
    flags out;
    BOTH out.v[i] = unit_top(b.v[i]);
    return out;
}

static inline bits bits_next(bits b)
{
    BOTH b.v[i] = unit_next(b.v[i]);
    return b;
}

static inline void gcd_lanes(const uint64_t *n, uint64_t *words)
{
    BOTH unit_gcd(n + (size_t)i * UNIT, words + (size_t)i * UNIT);
}

#endif
