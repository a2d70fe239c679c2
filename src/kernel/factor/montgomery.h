/* Multiplication modulo an odd number below 2^64 in Montgomery's form (Montgomery 1985): x stands
 * for x / 2^64 mod n. Inline, because a call would cost as much as the work. */
#ifndef FANI_MONTGOMERY_H
#define FANI_MONTGOMERY_H

#include <stdint.h>

__extension__ typedef unsigned __int128 fani_u128;

typedef struct fani_mont {
    uint64_t n;
    uint64_t inverse; /* n * inverse = 1 mod 2^64 */
    uint64_t one;     /* 1 in this form: 2^64 mod n */
} fani_mont;

/* The inverse of an odd number mod 2^64: 5 right bits at first (3n xor 2), twice as many each step.
 */
static inline uint64_t fani_inverse_u64(uint64_t n)
{
    uint64_t x = (3 * n) ^ 2;
    for (int i = 0; i < 4; i++)
        x *= 2 - n * x;
    return x;
}

static inline fani_mont fani_mont_make(uint64_t n)
{
    return (fani_mont){.n = n, .inverse = fani_inverse_u64(n), .one = (0 - n) % n};
}

static inline uint64_t fani_mont_add(const fani_mont *m, uint64_t a, uint64_t b)
{
    uint64_t room = m->n - b;
    return a - room + (m->n & (0 - (uint64_t)(a < room)));
}

/* (high * 2^64 + low) / 2^64 mod n for high < n. Both answers are made and one is taken without a
 * branch: which one is a coin toss, and high + n is ready long before it is needed. */
static inline uint64_t fani_mont_reduce(const fani_mont *m, uint64_t high, uint64_t low)
{
    uint64_t q = low * m->inverse;
    uint64_t subtract = (uint64_t)(((fani_u128)q * m->n) >> 64);
    uint64_t raised = high + m->n;
    return high < subtract ? raised - subtract : high - subtract;
}

static inline uint64_t fani_mont_mul(const fani_mont *m, uint64_t a, uint64_t b)
{
    fani_u128 product = (fani_u128)a * b;
    return fani_mont_reduce(m, (uint64_t)(product >> 64), (uint64_t)product);
}

/* a^2 + c in the form. c is added beside the reduction, off the path that the next step waits for.
 */
static inline uint64_t fani_mont_square_add(const fani_mont *m, uint64_t a, uint64_t c)
{
    fani_u128 product = (fani_u128)a * a;
    uint64_t high = fani_mont_add(m, (uint64_t)(product >> 64), c);
    return fani_mont_reduce(m, high, (uint64_t)product);
}

/* 2^128 mod n, the multiplier that brings numbers into the form: 2 squared six times. */
static inline uint64_t fani_mont_r2(const fani_mont *m)
{
    uint64_t x = fani_mont_add(m, m->one, m->one);
    for (int i = 0; i < 6; i++)
        x = fani_mont_mul(m, x, x);
    return x;
}

#endif
