/* The multiplier and the factor base. */
#include "jacobi.h"
#include "sieve_internal.h"
#include "small_primes.h"

#include <math.h>
#include <stdlib.h>

enum { MULTIPLIER_END = 200, SCORED_PRIMES = 60 };

static bool has_square(uint32_t k)
{
    for (uint32_t d = 2; d * d <= k; d++) {
        if (k % (d * d) == 0)
            return true;
    }
    return false;
}

/* What the small primes take off a value on average, in natural logarithms, less what the
 * multiplier adds (Knuth and Schroeppel). */
static double score(uint32_t k, const int8_t *symbols)
{
    double sum = -0.5 * log(k);
    for (uint32_t i = 0; i < SCORED_PRIMES; i++) {
        uint32_t p = fani_small_primes[i].prime;
        if (k % p == 0)
            sum += log(p) / p;
        else if (fani_jacobi(k % p, p) * symbols[i] == 1)
            sum += 2 * log(p) / (p - 1);
    }
    return sum;
}

void fani_sieve_choose_multiplier(fani_sieve *s)
{
    int8_t symbols[SCORED_PRIMES];
    double best = -1e9;
    for (uint32_t i = 0; i < SCORED_PRIMES; i++) {
        uint32_t p = fani_small_primes[i].prime;
        symbols[i] = (int8_t)fani_jacobi((uint32_t)mpz_fdiv_ui(s->n, p), p);
    }
    uint32_t rest = (uint32_t)mpz_fdiv_ui(s->n, 8);
    for (uint32_t k = rest; k < MULTIPLIER_END; k += 8) { /* k n = k^2 = 1 mod 8 */
        if (has_square(k))
            continue;
        double value = score(k, symbols);
        if (value > best) {
            best = value;
            s->multiplier = k;
        }
    }
    mpz_mul_ui(s->kn, s->n, s->multiplier);
}

static uint32_t power(uint32_t x, uint32_t e, uint32_t p)
{
    uint32_t out = 1;
    for (; e > 0; e /= 2) {
        if (e % 2 == 1)
            out = fani_sieve_mul(out, x, p);
        x = fani_sieve_mul(x, x, p);
    }
    return out;
}

/* A square root of a square a modulo an odd prime (Tonelli and Shanks). */
static uint32_t square_root(uint32_t a, uint32_t p)
{
    if (a == 0)
        return 0;
    if (p % 4 == 3)
        return power(a, (p + 1) / 4, p);
    uint32_t odd = p - 1, twos = 0, z = 2;
    for (; odd % 2 == 0; twos++)
        odd /= 2;
    while (fani_jacobi(z, p) != -1)
        z++;
    uint32_t generator = power(z, odd, p);
    uint32_t half = power(a, odd / 2, p);
    uint32_t x = fani_sieve_mul(a, half, p);
    uint32_t t = fani_sieve_mul(x, half, p);
    while (t != 1) {
        uint32_t order = 0;
        for (uint32_t u = t; u != 1; order++)
            u = fani_sieve_mul(u, u, p);
        uint32_t step = generator;
        for (uint32_t i = order + 1; i < twos; i++)
            step = fani_sieve_mul(step, step, p);
        x = fani_sieve_mul(x, step, p);
        generator = fani_sieve_mul(step, step, p);
        t = fani_sieve_mul(t, generator, p);
        twos = order;
    }
    return x;
}

uint32_t fani_sieve_inverse(uint32_t x, uint32_t p)
{
    int64_t u = 0, v = 1;
    uint32_t a = p, b = x;
    while (b != 0) {
        uint32_t q = a / b, rest = a % b;
        int64_t w = u - (int64_t)q * v;
        a = b;
        b = rest;
        u = v;
        v = w;
    }
    return (uint32_t)(u < 0 ? u + p : u);
}

static void *aligned(size_t count, size_t size)
{
    void *room = aligned_alloc(64, (count * size + 63) / 64 * 64);
    return room;
}

static bool allocate(fani_sieve_base *b, uint32_t count)
{
    b->padded = (count + FANI_SIEVE_PAD - 1) / FANI_SIEVE_PAD * FANI_SIEVE_PAD;
    b->prime = aligned(b->padded, sizeof *b->prime);
    b->inverse = aligned(b->padded, sizeof *b->inverse);
    b->max_quotient = aligned(b->padded, sizeof *b->max_quotient);
    b->square_root = aligned(b->padded, sizeof *b->square_root);
    b->delta = aligned((size_t)b->padded * FANI_SIEVE_A_MAX, sizeof *b->delta);
    b->log = aligned(b->padded, sizeof *b->log);
    bool made = b->prime && b->inverse && b->max_quotient && b->square_root && b->delta && b->log;
    for (unsigned k = 0; k < 2; k++) {
        b->root[k] = aligned(b->padded, sizeof *b->root[k]);
        b->next[k] = aligned(b->padded, sizeof *b->next[k]);
        made = made && b->root[k] && b->next[k];
    }
    return made;
}

void fani_sieve_base_clear(fani_sieve_base *b)
{
    free(b->prime);
    free(b->inverse);
    free(b->max_quotient);
    free(b->square_root);
    free(b->delta);
    free(b->log);
    for (unsigned k = 0; k < 2; k++) {
        free(b->root[k]);
        free(b->next[k]);
    }
    *b = (fani_sieve_base){0};
}

uint8_t fani_sieve_log(uint32_t prime)
{
    return (uint8_t)(log2(prime) + 0.5);
}

static void add_prime(fani_sieve_base *b, uint32_t p, uint32_t residue)
{
    uint32_t i = b->count++;
    b->prime[i] = p;
    b->inverse[i] = (uint32_t)fani_inverse_u64(p);
    b->max_quotient[i] = UINT32_MAX / p;
    b->square_root[i] = square_root(residue, p);
    b->log[i] = fani_sieve_log(p);
}

/* Entries that no position hits. */
static void pad(fani_sieve_base *b)
{
    for (uint32_t i = b->count; i < b->padded; i++) {
        b->prime[i] = 0;
        b->inverse[i] = 1;
        b->max_quotient[i] = 0;
        b->square_root[i] = 0;
        b->log[i] = 0;
        for (unsigned k = 0; k < 2; k++)
            b->root[k][i] = UINT32_MAX;
        for (unsigned j = 0; j < FANI_SIEVE_A_MAX; j++)
            b->delta[(size_t)j * b->padded + i] = 0;
    }
}

static uint32_t first_from(const fani_sieve_base *b, uint32_t least)
{
    uint32_t i = b->first_sieved;
    while (i < b->count && b->prime[i] < least)
        i++;
    return i;
}

static void set_classes(fani_sieve *s)
{
    fani_sieve_base *b = &s->base;
    b->first_sieved = first_from(b, s->params.small);
    for (uint32_t k = 0; k < 8; k++)
        b->first_of[k] = first_from(b, (s->params.interval + k) / (k + 1));
    b->first_middle = first_from(b, FANI_SIEVE_BLOCK / 8);
    if (b->first_middle > b->first_of[7])
        b->first_middle = b->first_of[7];
}

bool fani_sieve_base_make(fani_sieve *s)
{
    fani_sieve_base *b = &s->base;
    /* The base takes every second prime: its last one is below this with room to spare. */
    double count = 2.0 * s->params.base;
    uint32_t end = (uint32_t)(1.5 * count * log(count)) + 1000;
    uint8_t *composite = calloc(end / 2 + 1, 1);
    bool made = allocate(b, s->params.base) && composite;
    for (uint32_t p = 3; made && p < end && b->count < s->params.base; p += 2) {
        if (composite[p / 2])
            continue;
        for (uint64_t multiple = (uint64_t)p * p; multiple < end; multiple += 2UL * p)
            composite[multiple / 2] = 1;
        uint32_t residue = (uint32_t)mpz_fdiv_ui(s->kn, p);
        if (residue == 0 || fani_jacobi(residue, p) == 1)
            add_prime(b, p, residue);
    }
    free(composite);
    if (!made)
        return false;
    pad(b);
    set_classes(s);
    return true;
}

/* The last multiple that is struck lies below the prime's class: k + 1 times interval / k. */
size_t fani_sieve_interval_room(const fani_sieve *s)
{
    size_t longest = s->base.prime[s->base.count - 1];
    size_t room = 2 * (size_t)s->params.interval;
    return (room > longest ? room : longest) + 64;
}
