/* Primality of many numbers below 2^64: trial division, a strong test to base 2, and the almost
 * extra strong Lucas test (Baillie-PSW).
 *
 * Why that is a proof: no composite below 2^64 passes both. Feitsma has listed all base-2
 * pseudoprimes below 2^64, and the Lucas test with these parameters (the first P >= 3 for which P^2
 * - 4 is no square modulo n, Q = 1) was run on all of them: Jacobsen, "Pseudoprime statistics,
 * tables, and data" (ntheory.org); Baillie, Fiori and Wagstaff, "Strengthening the Baillie-PSW
 * primality test", Math. Comp. 90 (2021). PARI relies on the same pair. The tests compare with
 * another proof (prime.c). */
#include "prime_batch.h"

#include "fanfold/factor.h"
#include "jacobi.h"
#include "montgomery.h"
#include "small_primes.h"

#include <math.h>

enum { BLOCK = 256 };

static bool is_square(uint64_t n)
{
    uint64_t root = (uint64_t)sqrt((double)n);
    return root * root == n || (root + 1) * (root + 1) == n;
}

/* The symbols of P^2 - 4 for P = 3, 4, 5, 6 are those of 5, 3, 21 and 2, which remainders tell;
 * they settle 15 of 16 numbers. */
uint64_t fani_lucas_parameter(uint64_t n)
{
    static const uint32_t minus_5 = 1U << 2 | 1U << 3, minus_12 = 1U << 5 | 1U << 7,
                          minus_21 = 1U << 2 | 1U << 8 | 1U << 10 | 1U << 11 | 1U << 13 | 1U << 19,
                          minus_8 = 1U << 3 | 1U << 5;
    if ((minus_5 >> n % 5 & 1) != 0)
        return 3;
    if ((minus_12 >> n % 12 & 1) != 0)
        return 4;
    if ((minus_21 >> n % 21 & 1) != 0)
        return 5;
    if ((minus_8 >> n % 8 & 1) != 0)
        return 6;
    if (is_square(n))
        return 0;
    for (uint64_t p = 7;; p++) {
        if (fani_jacobi(p * p - 4, n) == -1)
            return p;
    }
}

uint64_t fani_power_of_two(unsigned radix, uint64_t n)
{
    if (radix == 64)
        return (0 - n) % n;
    if (radix < 64)
        return (UINT64_C(1) << radix) % n;
    return (uint64_t)(((fani_u128)1 << radix) % n);
}

unsigned fani_engine_for(const fani_lanes *lanes, uint64_t n)
{
    unsigned e = 0;
    while (lanes->engines[e]->bits < 64 && n >> lanes->engines[e]->bits != 0)
        e++;
    return e;
}

/* Numbers of a block that an engine has to look at. */
typedef struct candidates {
    uint64_t n[BLOCK + FANI_LANES_MAX] FANI_ALIGNED;
    uint64_t one[BLOCK + FANI_LANES_MAX] FANI_ALIGNED;
    uint64_t p[BLOCK + FANI_LANES_MAX] FANI_ALIGNED;
    uint16_t place[BLOCK + FANI_LANES_MAX];
    size_t count;
} candidates;

/* Fills the last vector up with copies. */
static void pad(candidates *c, unsigned lanes)
{
    for (size_t i = c->count; i % lanes != 0; i++) {
        c->n[i] = c->n[i - 1];
        c->one[i] = c->one[i - 1];
        c->p[i] = c->p[i - 1];
    }
}

static void keep(candidates *c, const uint8_t *passes, size_t from, unsigned lanes, size_t *kept)
{
    for (size_t i = from; i < from + lanes && i < c->count; i++) {
        if (!passes[i - from])
            continue;
        c->n[*kept] = c->n[i];
        c->one[*kept] = c->one[i];
        c->place[*kept] = c->place[i];
        ++*kept;
    }
}

static void run_strong(const fani_engine *engine, candidates *c)
{
    uint8_t passes[FANI_LANES_MAX];
    size_t kept = 0;
    pad(c, engine->lanes);
    for (size_t i = 0; i < c->count; i += engine->lanes) {
        engine->strong(c->n + i, c->one + i, passes);
        keep(c, passes, i, engine->lanes, &kept);
    }
    c->count = kept;
}

static void run_lucas(const fani_engine *engine, candidates *c, bool *prime)
{
    uint8_t passes[FANI_LANES_MAX];
    for (size_t i = 0; i < c->count; i++)
        c->p[i] = fani_lucas_parameter(c->n[i]);
    pad(c, engine->lanes);
    for (size_t i = 0; i < c->count; i += engine->lanes) {
        engine->lucas(c->n + i, c->one + i, c->p + i, passes);
        for (size_t k = i; k < i + engine->lanes && k < c->count; k++)
            prime[c->place[k]] = passes[k - i] && c->p[k] != 0;
    }
}

/* Answers where trial division can; the others go to `c`. */
static void sort_out(const uint64_t *n, const uint64_t *found, bool *prime, size_t count,
                     const fani_lanes *lanes, unsigned engine, candidates *c)
{
    const uint64_t sure = (uint64_t)FANI_TRIAL_END * FANI_TRIAL_END;
    c->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (found[i] != 0 || n[i] % 2 == 0 || n[i] < sure) {
            uint64_t only = found[i] != 0 ? fani_small_primes[__builtin_ctzll(found[i])].prime : 2;
            bool none = found[i] == 0 && n[i] % 2 != 0;
            prime[i] = none ? n[i] > 1 : n[i] == only;
        } else if (fani_engine_for(lanes, n[i]) == engine) {
            c->n[c->count] = n[i];
            c->p[c->count] = 0;
            c->one[c->count] = fani_power_of_two(lanes->engines[engine]->radix, n[i]);
            c->place[c->count++] = (uint16_t)i;
            prime[i] = false;
        }
    }
}

void fani_is_prime_batch(const fani_lanes *lanes, const uint64_t *n, bool *prime, size_t count)
{
    uint64_t found[BLOCK];
    candidates c;
    for (size_t done = 0; done < count; done += BLOCK) {
        size_t size = count - done < BLOCK ? count - done : BLOCK;
        lanes->trial(n + done, size, found);
        for (unsigned e = 0; e < FANI_ENGINES_MAX && lanes->engines[e]; e++) {
            sort_out(n + done, found, prime + done, size, lanes, e, &c);
            run_strong(lanes->engines[e], &c);
            run_lucas(lanes->engines[e], &c, prime + done);
        }
    }
}

void fan_is_prime_u64_array(const uint64_t *n, bool *prime, size_t count)
{
    fani_is_prime_batch(fani_lanes_of(fani_isa_wanted()), n, prime, count);
}
