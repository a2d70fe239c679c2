/* The multiplier, square roots modulo primes, and the primes of a factor base. */
#include "quadratic.h"

#include "jacobi.h"
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

uint32_t fani_quadratic_multiplier(mpz_srcptr n)
{
    int8_t symbols[SCORED_PRIMES];
    double best = -1e9;
    uint32_t multiplier = 1;
    for (uint32_t i = 0; i < SCORED_PRIMES; i++) {
        uint32_t p = fani_small_primes[i].prime;
        symbols[i] = (int8_t)fani_jacobi((uint32_t)mpz_fdiv_ui(n, p), p);
    }
    uint32_t rest = (uint32_t)mpz_fdiv_ui(n, 8);
    for (uint32_t k = rest; k < MULTIPLIER_END; k += 8) { /* k n = k^2 = 1 mod 8 */
        if (has_square(k))
            continue;
        double value = score(k, symbols);
        if (value > best) {
            best = value;
            multiplier = k;
        }
    }
    return multiplier;
}

static uint32_t power(uint32_t x, uint32_t e, uint32_t p)
{
    uint32_t out = 1;
    for (; e > 0; e /= 2) {
        if (e % 2 == 1)
            out = fani_mod_mul(out, x, p);
        x = fani_mod_mul(x, x, p);
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
    uint32_t x = fani_mod_mul(a, half, p);
    uint32_t t = fani_mod_mul(x, half, p);
    while (t != 1) {
        uint32_t order = 0;
        for (uint32_t u = t; u != 1; order++)
            u = fani_mod_mul(u, u, p);
        uint32_t step = generator;
        for (uint32_t i = order + 1; i < twos; i++)
            step = fani_mod_mul(step, step, p);
        x = fani_mod_mul(x, step, p);
        generator = fani_mod_mul(step, step, p);
        t = fani_mod_mul(t, generator, p);
        twos = order;
    }
    return x;
}

uint32_t fani_mod_inverse(uint32_t x, uint32_t p)
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

/* An end of the search below which there are `count` primes of the base: it takes every second
 * prime, and there is room to spare. */
static uint32_t search_end(uint32_t count)
{
    double twice = 2.0 * count + 2;
    return (uint32_t)(1.5 * twice * log(twice)) + 1000;
}

bool fani_quadratic_base(mpz_srcptr kn, uint32_t count, uint32_t *prime, uint32_t *square_roots)
{
    uint32_t end = search_end(count), found = 0;
    uint8_t *composite = calloc(end / 2 + 1, 1);
    if (!composite)
        return false;
    for (uint32_t p = 3; p < end && found < count; p += 2) {
        if (composite[p / 2])
            continue;
        for (uint64_t multiple = (uint64_t)p * p; multiple < end; multiple += 2UL * p)
            composite[multiple / 2] = 1;
        uint32_t residue = (uint32_t)mpz_fdiv_ui(kn, p);
        if (residue != 0 && fani_jacobi(residue, p) != 1)
            continue;
        prime[found] = p;
        square_roots[found++] = square_root(residue, p);
    }
    free(composite);
    return found == count;
}
