/* Two lanes in words of 64 bits, for any machine: a multiplication alone would leave the processor
 * waiting. LIMBS is defined by the file that includes this.
 * n is below radix / 16: then products of sums and differences of products come out below 2n, and
 * nothing is ever compared with n. (x = 1 + (2x)(x + 2) / 16 has the solution 2.) */
#ifndef FANI_WIDE_WORDS_H
#define FANI_WIDE_WORDS_H

#include "montgomery.h"
#include "wide.h"

enum { UNIT = 1, VECTORS = 2, LIMB_BITS = 64 };

typedef struct unit {
    uint64_t limb[LIMBS];
} unit;

typedef struct moduli {
    uint64_t n[LIMBS];
    uint64_t twice[LIMBS];
    uint64_t minus_inverse;
} moduli;

static inline unit unit_load(const uint64_t *words)
{
    unit out;
    for (unsigned i = 0; i < LIMBS; i++)
        out.limb[i] = words[i];
    return out;
}

static inline unit unit_small(const uint64_t *lanes)
{
    unit out = {{lanes[0]}};
    return out;
}

static inline moduli moduli_load(const fani_wide_modulus *m)
{
    moduli out = {.minus_inverse = m->minus_inverse};
    for (unsigned i = 0; i < LIMBS; i++) {
        out.n[i] = m->n[i];
        out.twice[i] = m->twice[i];
    }
    return out;
}

static inline void unit_store(unit x, unsigned lane, fani_wide_lanes out)
{
    for (unsigned i = 0; i < LIMBS; i++)
        out[i][lane] = x.limb[i];
}

static inline __attribute__((always_inline)) unit unit_mul(const moduli *m, unit a, unit b)
{
    uint64_t sum[LIMBS + 1] = {0};
#pragma GCC unroll 8
    for (unsigned i = 0; i < LIMBS; i++) {
        fani_u128 t = 0;
#pragma GCC unroll 8
        for (unsigned j = 0; j < LIMBS; j++) {
            t = (fani_u128)a.limb[j] * b.limb[i] + sum[j] + (uint64_t)(t >> 64);
            sum[j] = (uint64_t)t;
        }
        sum[LIMBS] = (uint64_t)(t >> 64);
        uint64_t q = sum[0] * m->minus_inverse;
        t = (fani_u128)q * m->n[0] + sum[0];
#pragma GCC unroll 8
        for (unsigned j = 1; j < LIMBS; j++) {
            t = (fani_u128)q * m->n[j] + sum[j] + (uint64_t)(t >> 64);
            sum[j - 1] = (uint64_t)t;
        }
        sum[LIMBS - 1] = sum[LIMBS] + (uint64_t)(t >> 64);
    }
    return unit_load(sum);
}

static inline __attribute__((always_inline)) unit unit_sqr(const moduli *m, unit a)
{
    return unit_mul(m, a, a);
}

static inline unit unit_add(const moduli *m, unit a, unit b)
{
    (void)m;
    fani_u128 t = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < LIMBS; i++) {
        t = (fani_u128)a.limb[i] + b.limb[i] + (uint64_t)(t >> 64);
        a.limb[i] = (uint64_t)t;
    }
    return a;
}

/* a - b + 2n. */
static inline unit unit_sub(const moduli *m, unit a, unit b)
{
    unsigned char borrow = 0, carry = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < LIMBS; i++) {
        uint64_t raised, lowered;
        bool over = __builtin_add_overflow(a.limb[i], m->twice[i], &raised);
        over |= __builtin_add_overflow(raised, carry, &raised);
        bool under = __builtin_sub_overflow(raised, b.limb[i], &lowered);
        under |= __builtin_sub_overflow(lowered, borrow, &lowered);
        carry = over;
        borrow = under;
        a.limb[i] = lowered;
    }
    return a;
}

#endif
