#include "fanfold/factor.h"
#include "kernel/factor/prime_batch.h"
#include "shim/shim.h"

#include <flint/ulong_extras.h>
#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Every path that this machine has says of each number what fan_is_prime_u64 says, which proves it
 * in another way. */
static void expect_same(const uint64_t *n, size_t count)
{
    bool *prime = malloc(count);
    ASSERT_TRUE(prime != NULL);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        memset(prime, 2, count);
        fani_is_prime_batch(fani_lanes_of(isa), n, prime, count);
        for (size_t i = 0; i < count; i++) {
            if (prime[i] != fan_is_prime_u64(n[i]))
                shim_fail(__FILE__, __LINE__, "%s says %d of %llu", fani_isa_name(isa), prime[i],
                          (unsigned long long)n[i]);
        }
    }
    free(prime);
}

static void expect_range(uint64_t first, size_t count)
{
    uint64_t *n = malloc(count * sizeof *n);
    ASSERT_TRUE(n != NULL);
    for (size_t i = 0; i < count; i++)
        n[i] = first + i;
    expect_same(n, count);
    free(n);
}

FAN_TEST(prime_batch, ranges_round_the_words_and_the_engines)
{
    expect_range(0, 120000);
    expect_range((UINT64_C(1) << 32) - 3000, 6000);
    for (unsigned bits = 47; bits < 64; bits++)
        expect_range((UINT64_C(1) << bits) - 1500, 3000);
    expect_range(UINT64_MAX - 3000, 3001);
    expect_same(NULL, 0);
}

FAN_TEST(prime_batch, random_numbers_of_every_size)
{
    enum { COUNT = 40000 };
    uint64_t state = 1, *n = malloc(COUNT * sizeof *n);
    ASSERT_TRUE(n != NULL);
    for (size_t i = 0; i < COUNT; i++)
        n[i] = next_random(&state) >> (i % 64) | (i % 8 != 0);
    expect_same(n, COUNT);
    for (size_t count = 1; count < 40; count++)
        expect_same(n, count);
    free(n);
}

/* A sieve is another proof. */
FAN_TEST(prime_batch, all_below_a_million_against_a_sieve)
{
    enum { END = 1000000 };
    bool *composite = calloc(END, 1), *prime = malloc(END);
    uint64_t *n = malloc(END * sizeof *n);
    ASSERT_TRUE(composite && prime && n);
    for (size_t p = 2; p * p < END; p++) {
        for (size_t m = p * p; !composite[p] && m < END; m += p)
            composite[m] = true;
    }
    for (size_t i = 0; i < END; i++)
        n[i] = i;
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        fani_is_prime_batch(fani_lanes_of(isa), n, prime, END);
        size_t wrong = 0;
        for (size_t i = 2; i < END; i++)
            wrong += prime[i] == composite[i];
        EXPECT_U64(wrong, 0);
    }
    free(composite);
    free(prime);
    free(n);
}

/* Products (k + 1)(r k + 1) of primes are where most strong pseudoprimes to base 2 are: none is
 * taken for a prime. */
static void expect_pseudoprimes(uint64_t from, uint64_t tries, size_t at_least)
{
    enum { ROOM = 4096 };
    static const unsigned ratios[] = {2, 3, 4, 5, 6, 7, 10};
    uint64_t *n = malloc(ROOM * sizeof *n);
    size_t count = 0, all = 0;
    ASSERT_TRUE(n != NULL);
    for (uint64_t k = from; k < from + 2 * tries; k += 2) {
        if (!n_is_prime(k + 1))
            continue;
        for (size_t r = 0; r < sizeof ratios / sizeof ratios[0]; r++) {
            uint64_t product = (k + 1) * (ratios[r] * k + 1);
            if (!n_is_strong_probabprime2_preinv(product, n_preinvert_limb(product), 2,
                                                 (product - 1) >> __builtin_ctzll(product - 1)))
                continue;
            n[count++] = product;
            all++;
            if (count == ROOM) {
                expect_same(n, count);
                count = 0;
            }
        }
    }
    expect_same(n, count);
    EXPECT_TRUE(all >= at_least);
    free(n);
}

FAN_TEST(prime_batch, strong_pseudoprimes)
{
    static const uint64_t known[] = {2047,     3277,          4033,          4681,
                                     8321,     15841,         29341,         3215031751,
                                     25326001, 2152302898747, 3474749660383, 341550071728321,
                                     561,      1105,          1729,          3825123056546413051};
    expect_same(known, sizeof known / sizeof known[0]);
    expect_pseudoprimes(1000, 100000, 500);
    expect_pseudoprimes(1000000, 20000, 100);
    expect_pseudoprimes(UINT64_C(1000000000), 20000, 100);
}

FAN_TEST(prime_batch, long_strong_pseudoprimes)
{
    expect_pseudoprimes(1000, 10000000, 10000);
    expect_pseudoprimes(UINT64_C(1000000000), 10000000, 10000);
}

/* The tests alone: every lane by itself, what passes each. */
FAN_TEST(prime_batch, squares_and_parameters)
{
    uint64_t state = 5, n[200];
    for (size_t i = 0; i < 200; i++) {
        uint64_t p = n_nextprime(317 + next_random(&state) % 4000000000U, 0);
        n[i] = p * p;
        EXPECT_U64(fani_lucas_parameter(n[i]), 0);
    }
    expect_same(n, 200);
    for (size_t i = 0; i < 2000; i++) {
        uint64_t x = n_nextprime(next_random(&state) >> (1 + i % 50), 0), p = 3;
        while (n_jacobi((slong)(p * p - 4), x) != -1)
            p++;
        if (x > FANI_TRIAL_END)
            EXPECT_U64(fani_lucas_parameter(x), p);
    }
}

/* The last 10^8 numbers below 2^64 have 2253052 primes and 67244 pairs of twins (primesieve says
 * the same). */
FAN_TEST(prime_batch, long_last_hundred_millions)
{
    enum { BLOCK = 100000 };
    uint64_t *n = malloc(BLOCK * sizeof *n), primes = 0, twins = 0;
    bool *prime = malloc(BLOCK + 2);
    ASSERT_TRUE(n && prime);
    memset(prime, 0, BLOCK + 2);
    for (uint64_t first = 0 - UINT64_C(100000000); first != 0; first += BLOCK) {
        memcpy(prime, prime + BLOCK, 2);
        for (size_t i = 0; i < BLOCK; i++)
            n[i] = first + i;
        fan_is_prime_u64_array(n, prime + 2, BLOCK);
        for (size_t i = 2; i < BLOCK + 2; i++) {
            primes += prime[i];
            twins += prime[i] && prime[i - 2];
        }
    }
    EXPECT_U64(primes, 2253052);
    EXPECT_U64(twins, 67244);
    free(n);
    free(prime);
}
