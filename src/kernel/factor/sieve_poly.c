/* Polynomials: the choice of a, and all b that belong to it in Gray code's order (Contini 1997). */
#include "quadratic.h"
#include "sieve_internal.h"

#include <math.h>
#include <stdlib.h>

enum {
    TRIES = 30,       /* sets of primes looked at for one a */
    MOST_FAILED = 50, /* choices in a row that give no new a, before the end */
    FIRST_A_INDEX = 8,
};

static uint32_t random_below(fani_sieve_poly *poly, uint32_t end)
{
    uint64_t x = poly->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((x >> 32) * end) >> 32);
}

/* log2 of the a for which Q is as large at the ends of the interval as in its middle. */
static double wanted_log(const fani_sieve *s)
{
    long exponent;
    double mantissa = mpz_get_d_2exp(&exponent, s->kn);
    return ((double)exponent + log2(mantissa) - 1) / 2 - log2(s->params.interval / 2.0);
}

/* The first prime of the base that is not below `value`, or the last one. */
static uint32_t index_of(const fani_sieve_base *base, double value)
{
    uint32_t low = 0, high = base->count - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (base->prime[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many primes a has: of about 9.5 bits, or those of the middle of a small base. More and
 * smaller ones would give more polynomials for the work of an a, but are missing in the sieve. */
static uint32_t prime_count(const fani_sieve *s, double log_a)
{
    uint32_t middle = s->base.count / 2;
    double log_prime = log2(s->base.prime[middle]);
    if (log_prime > 9.5)
        log_prime = 9.5;
    double count = floor(log_a / log_prime + 0.5);
    return count < 1 ? 1 : count > FANI_SIEVE_A_MAX ? FANI_SIEVE_A_MAX : (uint32_t)count;
}

static bool contains(const uint32_t *list, uint32_t count, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == index)
            return true;
    }
    return false;
}

/* All but one prime at random from a window, the last one so that the product fits. Returns by how
 * much log2 a misses what is wanted; a huge number where the set is none. */
static double draw(fani_sieve *s, double log_a, uint32_t count, uint32_t *index)
{
    const fani_sieve_base *base = &s->base;
    uint32_t centre = index_of(base, exp2(log_a / count));
    uint32_t width = 10 + (centre < base->count / 6 ? centre : base->count / 6) / 2;
    uint32_t low = centre > width + FIRST_A_INDEX ? centre - width : FIRST_A_INDEX;
    uint32_t high = centre + width < base->count ? centre + width : base->count;
    if (low + count > high)
        low = high > count + 1 ? high - count - 1 : 1;
    double left = log_a;
    for (uint32_t i = 0; i + 1 < count; i++) {
        uint32_t tries = 0;
        do {
            index[i] = low + random_below(&s->poly, high - low);
            if (++tries > 100)
                return INFINITY;
        } while (contains(index, i, index[i]) || base->square_root[index[i]] == 0);
        left -= log2(base->prime[index[i]]);
    }
    uint32_t last = index_of(base, exp2(left));
    while (last < base->count && (contains(index, count - 1, last) || base->square_root[last] == 0))
        last++;
    if (last >= base->count || last == 0)
        return INFINITY;
    index[count - 1] = last;
    return fabs(left - log2(base->prime[last]));
}

static fani_u128 product(const fani_sieve_base *base, const uint32_t *index, uint32_t count)
{
    fani_u128 a = 1;
    for (uint32_t i = 0; i < count; i++)
        a *= base->prime[index[i]];
    return a;
}

static bool is_used(const fani_sieve_poly *poly, fani_u128 a)
{
    for (size_t i = 0; i < poly->used_count; i++) {
        if (poly->used[i] == a)
            return true;
    }
    return false;
}

static fan_status remember(fani_sieve_poly *poly)
{
    if (poly->used_count == poly->used_capacity) {
        size_t capacity = poly->used_capacity == 0 ? 64 : 2 * poly->used_capacity;
        fani_u128 *used = reallocarray(poly->used, capacity, sizeof *used);
        if (!used)
            return FAN_E_MEMORY;
        poly->used = used;
        poly->used_capacity = capacity;
    }
    poly->used[poly->used_count++] = poly->a;
    return FAN_OK;
}

/* Of some sets the one whose product fits best and is new. */
static fan_status choose_a(fani_sieve *s)
{
    fani_sieve_poly *poly = &s->poly;
    double log_a = wanted_log(s), best = INFINITY;
    poly->a_count = prime_count(s, log_a);
    for (uint32_t failed = 0; failed < MOST_FAILED && best == INFINITY; failed++) {
        for (uint32_t i = 0; i < TRIES && best > 0.03; i++) {
            uint32_t index[FANI_SIEVE_A_MAX] = {0};
            double miss = draw(s, log_a, poly->a_count, index);
            if (miss >= best || miss > 3)
                continue;
            fani_u128 a = product(&s->base, index, poly->a_count);
            if (is_used(poly, a))
                continue;
            best = miss;
            poly->a = a;
            for (uint32_t k = 0; k < poly->a_count; k++)
                poly->a_index[k] = index[k];
        }
    }
    return best == INFINITY ? FAN_E_EFFORT : remember(poly);
}

static uint32_t residue(fani_i128 x, uint32_t p)
{
    fani_u128 magnitude = x < 0 ? -(fani_u128)x : (fani_u128)x;
    /* 2^64 mod p folds the upper half, so that words are divided. */
    uint64_t upper = (uint64_t)(magnitude >> 64) % p;
    uint64_t fold = (UINT64_MAX % p + 1) % p;
    uint32_t rest = (uint32_t)((upper * fold + (uint64_t)magnitude % p) % p);
    return x < 0 && rest != 0 ? p - rest : rest;
}

/* part[j] is a square root of k n modulo its own prime of a, and 0 modulo the others. */
static void make_parts(fani_sieve *s)
{
    fani_sieve_poly *poly = &s->poly;
    fani_i128 b = 0;
    for (uint32_t j = 0; j < poly->a_count; j++) {
        uint32_t q = s->base.prime[poly->a_index[j]];
        fani_i128 others = (fani_i128)(poly->a / q);
        uint32_t gamma = fani_mod_mul(s->base.square_root[poly->a_index[j]],
                                      fani_mod_inverse(residue(others, q), q), q);
        poly->part[j] = others * (gamma > q / 2 ? q - gamma : gamma);
        b += poly->part[j];
    }
    poly->b = b % 2 == 0 ? b + (fani_i128)poly->a : b;
}

static void set_i128(mpz_ptr out, fani_i128 x)
{
    fani_u128 magnitude = x < 0 ? -(fani_u128)x : (fani_u128)x;
    fani_set_u128(out, magnitude);
    if (x < 0)
        mpz_neg(out, out);
}

/* c = (b^2 - k n) / 4a, whose length is that of values of Q. */
static void set_c(fani_sieve *s)
{
    mpz_t c, a;
    mpz_inits(c, a, NULL);
    set_i128(c, s->poly.b);
    set_i128(a, (fani_i128)s->poly.a);
    mpz_mul_2exp(a, a, 2);
    mpz_mul(c, c, c);
    mpz_sub(c, c, s->kn);
    mpz_divexact(c, c, a);
    fani_u128 magnitude = (fani_u128)mpz_getlimbn(c, 1) << 64 | mpz_getlimbn(c, 0);
    s->poly.c = mpz_sgn(c) < 0 ? -(fani_i128)magnitude : (fani_i128)magnitude;
    mpz_clears(c, a, NULL);
}

/* Roots of Q and how they move, for one prime that does not divide a. */
static void first_roots(fani_sieve *s, uint32_t i)
{
    fani_sieve_base *base = &s->base;
    uint32_t p = base->prime[i];
    uint32_t inverse = fani_mod_inverse(residue((fani_i128)s->poly.a, p), p);
    uint32_t half = fani_mod_mul(inverse, p / 2 + 1, p); /* 1 / 2a */
    uint32_t b = residue(s->poly.b, p), t = base->square_root[i];
    uint32_t middle = s->params.interval / 2 % p;
    base->root[0][i] = (fani_mod_mul(t + p - b, half, p) + middle) % p;
    base->root[1][i] = (fani_mod_mul(2 * p - t - b, half, p) + middle) % p;
    for (uint32_t j = 0; j < s->poly.a_count; j++)
        base->delta[(size_t)j * base->padded + i] =
            fani_mod_mul(residue(s->poly.part[j], p), inverse, p);
}

/* Primes of a have one root of their own: it is not sieved for, and looked at by division. */
static void drop_roots(fani_sieve *s, uint32_t i)
{
    fani_sieve_base *base = &s->base;
    base->log[i] = 0;
    base->root[0][i] = base->root[1][i] = 0;
    for (uint32_t j = 0; j < s->poly.a_count; j++)
        base->delta[(size_t)j * base->padded + i] = 0;
}

static void begin_a(fani_sieve *s)
{
    make_parts(s);
    set_c(s);
    for (uint32_t i = 0; i < s->base.count; i++) {
        if (contains(s->poly.a_index, s->poly.a_count, i))
            drop_roots(s, i);
        else
            first_roots(s, i);
    }
    s->poly.switched = 1;
}

/* One sign of b changes; that of the last part never does: -b gives the same values. */
static void switch_b(fani_sieve *s)
{
    fani_sieve_poly *poly = &s->poly;
    unsigned j = (unsigned)__builtin_ctz(poly->switched);
    bool down = (poly->switched >> (j + 1)) % 2 == 0; /* b loses its part twice */
    poly->b += down ? -2 * poly->part[j] : 2 * poly->part[j];
    poly->switched++;
    set_c(s);
    s->loops->move(&s->base, j, down);
}

fan_status fani_sieve_next_poly(fani_sieve *s)
{
    fani_sieve_poly *poly = &s->poly;
    if (poly->switched != 0 && poly->switched < 1U << (poly->a_count - 1)) {
        switch_b(s);
        return FAN_OK;
    }
    for (uint32_t j = 0; j < poly->a_count; j++)
        s->base.log[poly->a_index[j]] = fani_sieve_log(s->base.prime[poly->a_index[j]]);
    fan_status status = choose_a(s);
    if (status == FAN_OK)
        begin_a(s);
    return status;
}
