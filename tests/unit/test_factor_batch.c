#include "fanfold/factor.h"
#include "kernel/factor/factor_batch.h"
#include "kernel/factor/small_primes.h"
#include "shim/shim.h"

#include <flint/ulong_extras.h>
#include <gmp.h>
#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t random_prime(uint64_t *state, int bits)
{
    uint64_t n;
    do
        n = next_random(state) >> (64 - bits) | UINT64_C(1) << (bits - 1) | 1;
    while (!n_is_prime(n));
    return n;
}

/* Ascending primes, proven by another method than ours, that multiply back to n. */
static bool is_factored(const fan_factors_u64 *f, uint64_t n)
{
    uint64_t product = 1;
    for (size_t i = 0; i < f->count; i++) {
        if (f->exponent[i] == 0 || (i > 0 && f->prime[i - 1] >= f->prime[i]) ||
            !fan_is_prime_u64(f->prime[i]))
            return false;
        for (unsigned k = 0; k < f->exponent[i]; k++)
            if (__builtin_mul_overflow(product, f->prime[i], &product))
                return false;
    }
    return product == n || (n == 0 && f->count == 0);
}

/* On every path that this machine has. */
static void expect_factored(const uint64_t *n, size_t count)
{
    fan_factors_u64 *out = malloc((count + 1) * sizeof *out);
    ASSERT_TRUE(out != NULL);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        memset(out, 0xa5, (count + 1) * sizeof *out);
        EXPECT_I64(fani_factor_batch(fani_lanes_of(isa), n, out, count), FAN_OK);
        for (size_t i = 0; i < count; i++) {
            if (!is_factored(&out[i], n[i]))
                shim_fail(__FILE__, __LINE__, "%s: wrong factors of %llu", fani_isa_name(isa),
                          (unsigned long long)n[i]);
        }
        EXPECT_U64(out[count].count, 0xa5);
    }
    free(out);
}

/* Upwards, by the sieve for neighbours, and downwards, each by itself. */
static void expect_range(uint64_t first, size_t count)
{
    uint64_t *n = malloc(count * sizeof *n);
    ASSERT_TRUE(n != NULL);
    for (size_t i = 0; i < count; i++)
        n[i] = first + i;
    expect_factored(n, count);
    for (size_t i = 0; i < count; i++)
        n[i] = first + (count - 1 - i);
    expect_factored(n, count);
    free(n);
}

FAN_TEST(factor_batch, every_number_of_some_ranges)
{
    expect_range(0, 120000);
    expect_range(UINT64_C(317) * 317 * 317 - 1000, 2000);
    expect_range((UINT64_C(1) << 32) - 1000, 2000);
    for (unsigned bits = 47; bits < 64; bits++)
        expect_range((UINT64_C(1) << bits) - 150, 300);
    expect_range(UINT64_MAX - 300, 301);
}

/* Runs of neighbours of all lengths round the least that is sieved and the most that is sieved at
 * once, one behind the other; the last run wraps round to 0, which is no neighbour. */
FAN_TEST(factor_batch, runs_of_neighbours)
{
    enum { MOST = 600, TOTAL = 40 * MOST };
    static const size_t lengths[] = {1, 16, 63, 64, 65, 100, 511, 512, 513, MOST};
    static const uint64_t starts[] = {1, 2, 16800000, UINT64_C(1) << 40, UINT64_MAX - 399};
    uint64_t *n = malloc(TOTAL * sizeof *n);
    size_t used = 0;
    ASSERT_TRUE(n != NULL);
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (size_t i = 0; i < lengths[l]; i++)
                n[used++] = starts[s] + i;
    EXPECT_TRUE(used <= TOTAL);
    expect_factored(n, used);
    free(n);
}

FAN_TEST(factor_batch, any_count)
{
    uint64_t state = 1, n[70];
    for (size_t i = 0; i < 70; i++)
        n[i] = next_random(&state);
    for (size_t count = 0; count <= 70; count++)
        expect_factored(n, count);
    expect_factored(NULL, 0);
}

static void expect_random(uint64_t seed, size_t count)
{
    uint64_t *n = malloc(count * sizeof *n);
    ASSERT_TRUE(n != NULL);
    for (size_t i = 0; i < count; i++)
        n[i] = next_random(&seed) >> (i % 5 == 0 ? i % 61 : 0);
    expect_factored(n, count);
    free(n);
}

FAN_TEST(factor_batch, random_numbers)
{
    expect_random(2, 10000);
}

FAN_TEST(factor_batch, long_random_numbers)
{
    expect_random(3, 100000);
}

/* Equal lengths from where trial division ends; the largest primes of a length, and their squares.
 */
static void expect_semiprimes(uint64_t seed, size_t of_each)
{
    uint64_t *n = malloc(3 * of_each * sizeof *n);
    ASSERT_TRUE(n != NULL);
    for (int bits = 9; bits <= 32; bits++) {
        uint64_t end = UINT64_C(1) << bits, close = end - 1;
        for (size_t i = 0; i < of_each; i++) {
            uint64_t p = random_prime(&seed, bits);
            do
                close = close < end / 2 ? end - 1 : close - 2;
            while (!n_is_prime(close));
            n[3 * i] = p * random_prime(&seed, bits);
            n[3 * i + 1] = close * n_nextprime(close, 0);
            n[3 * i + 2] = p * random_prime(&seed, 64 - bits);
        }
        expect_factored(n, 3 * of_each);
    }
    free(n);
}

FAN_TEST(factor_batch, semiprimes)
{
    expect_semiprimes(4, 40);
}

FAN_TEST(factor_batch, long_semiprimes)
{
    expect_semiprimes(5, 2000);
}

/* Squares of 32-bit primes, and all powers of primes round the end of trial division. */
FAN_TEST(factor_batch, powers)
{
    static const uint64_t primes[] = {2,     3,     311,   313,    317,     331,    65521,
                                      65537, 65539, 99991, 104729, 1299709, 2642239};
    uint64_t state = 6, n[600];
    size_t count = 0;
    for (size_t i = 0; i < sizeof primes / sizeof primes[0]; i++)
        for (uint64_t power = 1; !__builtin_mul_overflow(power, primes[i], &power);)
            n[count++] = power;
    for (int bits = 9; bits <= 32; bits++) {
        for (int i = 0; i < 4; i++) {
            uint64_t p = random_prime(&state, bits);
            n[count++] = p * p;
            if (bits <= 21)
                n[count++] = p * p * p;
            if (bits <= 16)
                n[count++] = p * p * p * p;
            if (bits <= 21)
                n[count++] = p * p * random_prime(&state, bits);
        }
    }
    expect_factored(n, count);
}

/* n with p - 1 | n - 1 for all its primes, found by Korselt's criterion. */
FAN_TEST(factor_batch, carmichael_numbers_and_pseudoprimes)
{
    static const uint64_t known[] = {3215031751,          4759123141,       1122004669633,
                                     55245642489451,      7999252175582851, 585226005592931977,
                                     3825123056546413051, 1436697831295441};
    uint64_t n[4000];
    size_t count = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        n[count++] = known[i];
    /* Chernick: (6k + 1)(12k + 1)(18k + 1), and (k + 1)(2k + 1), where these are primes. */
    for (uint64_t k = 50; k < 200000 && count < 4000; k++) {
        if (n_is_prime(6 * k + 1) && n_is_prime(12 * k + 1) && n_is_prime(18 * k + 1))
            n[count++] = (6 * k + 1) * (12 * k + 1) * (18 * k + 1);
        if (k % 64 == 0 && n_is_prime(k * 10001 + 1) && n_is_prime(k * 20002 + 1))
            n[count++] = (k * 10001 + 1) * (k * 20002 + 1);
    }
    EXPECT_TRUE(count > 300);
    expect_factored(n, count);
}

/* The factors are FLINT's, not only some. */
FAN_TEST(factor_batch, agrees_with_flint)
{
    enum { COUNT = 300 };
    uint64_t state = 7, n[COUNT];
    fan_factors_u64 out[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        n[i] = next_random(&state);
    ASSERT_I64(fan_factor_u64_array(n, out, COUNT), FAN_OK);
    for (size_t i = 0; i < COUNT; i++) {
        n_factor_t found;
        n_factor_init(&found);
        n_factor(&found, n[i], 1);
        EXPECT_I64(found.num, out[i].count);
        for (size_t k = 0; k < out[i].count; k++) {
            bool there = false;
            for (int j = 0; j < found.num; j++)
                there =
                    there || (found.p[j] == out[i].prime[k] && found.exp[j] == out[i].exponent[k]);
            EXPECT_TRUE(there);
        }
    }
}

/* Trial division by lanes finds what division finds. */
FAN_TEST(factor_batch, trial_division)
{
    uint64_t state = 8, n[37], found[37];
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (size_t count = 0; count <= 37; count++) {
            for (size_t i = 0; i < count; i++)
                n[i] = next_random(&state) >> (i % 64);
            fani_lanes_of(isa)->trial(n, count, found);
            for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < FANI_TRIAL_PRIMES; k++)
                    ASSERT_I64(found[i] >> k & 1, n[i] % fani_small_primes[k].prime == 0);
        }
    }
    EXPECT_U64(fani_small_primes[FANI_TRIAL_PRIMES].prime, FANI_TRIAL_END);
}

/* Neighbouring primes, on both sides of each word's and engine's end too. */
FAN_TEST(factor_batch, products_of_close_primes)
{
    uint64_t state = 9, n[300];
    size_t count = 0;
    for (int bits = 9; bits <= 31; bits++) {
        for (int i = 0; i < 8; i++) {
            uint64_t p = random_prime(&state, bits);
            n[count++] = p * n_nextprime(p, 1);
        }
    }
    for (int bits = 24; bits <= 32; bits++) {
        uint64_t p = (UINT64_C(1) << bits) - 1;
        while (!n_is_prime(p))
            p--;
        n[count++] = p * p;
        if (bits < 32)
            n[count++] = p * n_nextprime(p, 1);
    }
    n[count++] = UINT64_C(4294967291) * 4294967279;
    n[count++] = UINT64_C(4294967279) * 4294967311;
    expect_factored(n, count);
}

/* ---- The product is checked ------------------------------------------------------------------ */

FAN_TEST(factor_batch, wrong_products_are_seen)
{
    static const struct {
        fan_factors_u64 factors;
        uint64_t n;
        bool right;
    } cases[] = {
        {{{2, 3}, {2, 1}, 2}, 12, true},
        {{{2, 3}, {1, 1}, 2}, 12, false},
        {{{2, 3}, {2, 2}, 2}, 12, false},
        {{{0}, {0}, 0}, 0, true},
        {{{0}, {0}, 0}, 1, true},
        {{{0}, {0}, 0}, 2, false},
        {{{2}, {64}, 1}, 0, false}, /* 2^64, which is 0 in a word */
        {{{4294967296, 4294967297}, {1, 1}, 2}, 4294967296, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        EXPECT_I64(fani_factors_are_of(&cases[i].factors, cases[i].n), cases[i].right);
}

/* Curves of a broken machine: 3 divides everything. */
static void say_three(const fani_ecm_plan *plan, const uint64_t *n, const uint64_t *one,
                      const uint8_t *curve, uint64_t *divisor, uint64_t *early)
{
    (void)plan, (void)n, (void)one, (void)curve;
    for (unsigned i = 0; i < fani_engine_scalar.lanes; i++)
        divisor[i] = early[i] = 3;
}

FAN_TEST(factor_batch, what_a_broken_machine_answers_is_refused)
{
    fani_engine broken = fani_engine_scalar;
    const fani_lanes lanes = {fani_trial_scalar, {&broken}};
    const uint64_t p = 1000003;
    uint64_t q = 1000033, n[3];
    fan_factors_u64 out[3];
    while (!n_is_prime(q) || p * q % 3 == 0 ||
           !n_is_prime(p * q / 3)) /* so that all comes to an end */
        q += 2;
    n[0] = 12;
    n[1] = p * q;
    n[2] = 35;
    EXPECT_I64(fani_factor_batch(&lanes, n, out, 3), FAN_OK);
    broken.curve = say_three;
    EXPECT_I64(fani_factor_batch(&lanes, n, out, 3), FAN_E_FAILED);
    EXPECT_TRUE(is_factored(&out[0], 12) && is_factored(&out[2], 35));
}
