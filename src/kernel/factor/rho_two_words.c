/* Rho's arithmetic for n of 65 to 128 bits: Montgomery multiplication on a word of 128 bits. The
 * reduction subtracts (as in montgomery.h), so no carry leaves the word however large n is. */
#include "factor_internal.h"
#include "rho.h"

#include <stdlib.h>

typedef struct two_words {
    fani_u128 n;
    fani_u128 inverse; /* n * inverse = 1 mod 2^128 */
    fani_u128 minus_c;
    fani_u128 y;
    fani_u128 marked;
    fani_u128 saved;
    fani_u128 product;
} two_words;

static inline uint64_t low_word(fani_u128 x)
{
    return (uint64_t)x;
}

static inline uint64_t high_word(fani_u128 x)
{
    return (uint64_t)(x >> 64);
}

/* The high half of a * b; *low_half is the low one. */
static inline fani_u128 multiply_wide(fani_u128 a, fani_u128 b, fani_u128 *low_half)
{
    fani_u128 lowest = (fani_u128)low_word(a) * low_word(b);
    fani_u128 middle = (fani_u128)low_word(a) * high_word(b) + high_word(lowest);
    fani_u128 other = (fani_u128)high_word(a) * low_word(b) + low_word(middle);
    *low_half = other << 64 | low_word(lowest);
    return (fani_u128)high_word(a) * high_word(b) + high_word(middle) + high_word(other);
}

/* a - b mod n for a, b < n. Masked, because a branch would be a coin toss. */
static inline fani_u128 subtract_mod(fani_u128 n, fani_u128 a, fani_u128 b)
{
    fani_u128 difference;
    uint64_t mask = 0 - (uint64_t)__builtin_sub_overflow(a, b, &difference);
    return difference + ((fani_u128)(high_word(n) & mask) << 64 | (low_word(n) & mask));
}

/* (high_half * 2^128 + low_half) / 2^128 mod n for high_half < n. */
static inline fani_u128 reduce(const two_words *t, fani_u128 high_half, fani_u128 low_half)
{
    fani_u128 ignored;
    return subtract_mod(t->n, high_half, multiply_wide(low_half * t->inverse, t->n, &ignored));
}

static inline fani_u128 multiply(const two_words *t, fani_u128 a, fani_u128 b)
{
    fani_u128 low_half;
    fani_u128 high_half = multiply_wide(a, b, &low_half);
    return reduce(t, high_half, low_half);
}

/* y^2 + c, with c added beside the reduction. */
static inline fani_u128 step(const two_words *t, fani_u128 y)
{
    fani_u128 low_half;
    fani_u128 high_half = multiply_wide(y, y, &low_half);
    return reduce(t, subtract_mod(t->n, high_half, t->minus_c), low_half);
}

/* Up to its sign mod n, which no gcd sees. */
static inline fani_u128 distance(const two_words *t, fani_u128 y)
{
    return subtract_mod(t->n, t->marked, y);
}

static void *create(mpz_srcptr n)
{
    two_words *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->n = (fani_u128)mpz_getlimbn(n, 1) << 64 | mpz_getlimbn(n, 0);
    t->inverse = fani_inverse_u64(low_word(t->n));
    t->inverse *= 2 - t->n * t->inverse;
    return t;
}

static void start(void *state, uint64_t start_value, uint64_t c)
{
    two_words *t = state;
    t->minus_c = t->n - c;
    t->y = start_value;
    t->product = 1;
}

static void mark(void *state)
{
    two_words *t = state;
    t->marked = t->y;
}

static void advance(void *state, uint64_t steps)
{
    two_words *t = state;
    const two_words fixed = *t;
    fani_u128 y = t->y;
    for (uint64_t i = 0; i < steps; i++)
        y = step(&fixed, y);
    t->y = y;
}

static void collect(void *state, uint64_t steps)
{
    two_words *t = state;
    const two_words fixed = *t;
    fani_u128 y = t->y;
    fani_u128 product = t->product;
    for (uint64_t i = 0; i < steps; i++) {
        y = step(&fixed, y);
        product = multiply(&fixed, product, distance(&fixed, y));
    }
    t->saved = fixed.y;
    t->y = y;
    t->product = product;
}

static void product_out(void *state, mpz_ptr out)
{
    const two_words *t = state;
    fani_set_u128(out, t->product);
}

static void retrace(void *state, mpz_ptr out)
{
    two_words *t = state;
    t->saved = step(t, t->saved);
    fani_set_u128(out, distance(t, t->saved));
}

const fani_rho_ops fani_rho_two_words = {
    .chunk = 512,
    .create = create,
    .destroy = free,
    .start = start,
    .mark = mark,
    .advance = advance,
    .collect = collect,
    .product = product_out,
    .retrace = retrace,
};
