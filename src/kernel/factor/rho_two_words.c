/* Rho's arithmetic for n of 65 to 128 bits: Montgomery multiplication, operand scanning, with the
 * carry beyond 128 bits kept so that n may be as large as 2^128 - 1. */
#include "montgomery.h"
#include "rho.h"

#include <stdlib.h>

typedef struct two_words {
    fani_u128 n;
    uint64_t minus_inverse; /* n * minus_inverse = -1 mod 2^64 */
    fani_u128 c;
    fani_u128 y;
    fani_u128 marked;
    fani_u128 saved;
    fani_u128 product;
} two_words;

static inline uint64_t low(fani_u128 x)
{
    return (uint64_t)x;
}

static inline uint64_t high(fani_u128 x)
{
    return (uint64_t)(x >> 64);
}

/* a * b / 2^128 mod n for a, b < n. */
static inline fani_u128 multiply(const two_words *t, fani_u128 a, fani_u128 b)
{
    uint64_t n0 = low(t->n);
    uint64_t n1 = high(t->n);
    fani_u128 first = (fani_u128)low(a) * low(b);
    fani_u128 second = (fani_u128)low(a) * high(b) + high(first);
    uint64_t q = low(first) * t->minus_inverse;
    fani_u128 dropped = (fani_u128)q * n0 + low(first);
    fani_u128 sum0 = (fani_u128)q * n1 + low(second) + high(dropped);
    fani_u128 sum1 = (fani_u128)high(second) + high(sum0);

    first = (fani_u128)high(a) * low(b) + low(sum0);
    second = (fani_u128)high(a) * high(b) + low(sum1) + high(first);
    fani_u128 carried = (fani_u128)high(sum1) + high(second);
    q = low(first) * t->minus_inverse;
    dropped = (fani_u128)q * n0 + low(first);
    sum0 = (fani_u128)q * n1 + low(second) + high(dropped);
    sum1 = carried + high(sum0);

    fani_u128 result = sum1 << 64 | low(sum0);
    fani_u128 lowered = result - t->n;
    return (high(sum1) != 0) | (result >= t->n) ? lowered : result;
}

static inline fani_u128 step(const two_words *t, fani_u128 y)
{
    y = multiply(t, y, y);
    fani_u128 room = t->n - t->c;
    fani_u128 lowered = y - room;
    return y >= room ? lowered : y + t->c;
}

static inline fani_u128 distance(fani_u128 a, fani_u128 b)
{
    fani_u128 forward = a - b;
    fani_u128 backward = b - a;
    return a > b ? forward : backward;
}

static void export_value(fani_u128 x, mpz_ptr out)
{
    const uint64_t words[2] = {low(x), high(x)};
    mpz_import(out, 2, -1, sizeof words[0], 0, 0, words);
}

static void *create(mpz_srcptr n)
{
    two_words *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->n = (fani_u128)mpz_getlimbn(n, 1) << 64 | mpz_getlimbn(n, 0);
    t->minus_inverse = 0 - fani_inverse_u64(low(t->n));
    return t;
}

static void start(void *state, uint64_t start_value, uint64_t c)
{
    two_words *t = state;
    t->c = c;
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
        product = multiply(&fixed, product, distance(fixed.marked, y));
    }
    t->saved = fixed.y;
    t->y = y;
    t->product = product;
}

static void product_out(void *state, mpz_ptr out)
{
    const two_words *t = state;
    export_value(t->product, out);
}

static void retrace(void *state, mpz_ptr out)
{
    two_words *t = state;
    t->saved = step(t, t->saved);
    export_value(distance(t->marked, t->saved), out);
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
