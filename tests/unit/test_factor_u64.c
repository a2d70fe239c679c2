#include "fanfold/factor.h"
#include "kernel/factor/small_primes.h"
#include "shim/shim.h"

#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void expect_text(uint64_t n, const char *expected)
{
    fan_factors_u64 factors;
    char text[FAN_FACTORS_U64_TEXT];
    EXPECT_I64(fan_factor_u64(n, &factors), FAN_OK);
    EXPECT_U64(fan_factors_u64_text(&factors, text), strlen(expected));
    EXPECT_STR(text, expected);
}

/* Every factor prime, ascending, and the product n. */
static void expect_factored(uint64_t n)
{
    fan_factors_u64 factors;
    ASSERT_I64(fan_factor_u64(n, &factors), FAN_OK);
    uint64_t product = 1;
    for (size_t i = 0; i < factors.count; i++) {
        ASSERT_TRUE(fan_is_prime_u64(factors.prime[i]));
        ASSERT_TRUE(factors.exponent[i] > 0);
        ASSERT_TRUE(i == 0 || factors.prime[i - 1] < factors.prime[i]);
        for (unsigned k = 0; k < factors.exponent[i]; k++)
            ASSERT_TRUE(!__builtin_mul_overflow(product, factors.prime[i], &product));
    }
    ASSERT_U64(product, n);
}

static uint64_t random_prime(uint64_t *state, int bits)
{
    uint64_t n;
    do
        n = next_random(state) >> (64 - bits) | UINT64_C(1) << (bits - 1) | 1;
    while (!fan_is_prime_u64(n));
    return n;
}

FAN_TEST(factor_u64, table_of_small_primes)
{
    uint32_t last = 2;
    for (size_t i = 0; i < FANI_SMALL_PRIMES; i++) {
        const fani_small_prime *p = &fani_small_primes[i];
        for (uint32_t n = last + 1; n <= p->prime; n++) {
            bool prime = true;
            for (uint32_t d = 2; d * d <= n; d++)
                prime = prime && n % d != 0;
            ASSERT_I64(prime, n == p->prime);
        }
        ASSERT_U64(p->inverse * p->prime, 1);
        ASSERT_U64(p->max_quotient, UINT64_MAX / p->prime);
        last = p->prime;
    }
    EXPECT_TRUE(fan_is_prime_u64(FANI_SMALL_PRIMES_END));
    EXPECT_U64(last, 4093);
}

/* Published sums over n <= 10^6: of phi, of the number and of the sum of divisors, the Mertens
 * function, the count of squarefree numbers, the Liouville function; and pi(10^6). */
FAN_TEST(factor_u64, sums_to_a_million)
{
    uint64_t phi_sum = 0, divisors = 0, sigma_sum = 0, squarefree = 0, primes = 0;
    int64_t mertens = 0, liouville = 0;
    for (uint64_t n = 1; n <= 1000000; n++) {
        fan_factors_u64 factors;
        ASSERT_I64(fan_factor_u64(n, &factors), FAN_OK);
        uint64_t phi = n, sigma = 1;
        int moebius = 1, parity = 1;
        for (size_t i = 0; i < factors.count; i++) {
            uint64_t p = factors.prime[i], terms = 1;
            phi = phi / p * (p - 1);
            for (unsigned k = 0; k < factors.exponent[i]; k++) {
                terms = terms * p + 1;
                parity = -parity;
            }
            sigma *= terms;
            moebius = factors.exponent[i] == 1 ? -moebius : 0;
        }
        phi_sum += phi;
        sigma_sum += sigma;
        divisors += fan_divisor_count_u64(&factors);
        squarefree += moebius != 0;
        mertens += moebius;
        liouville += parity;
        primes += fan_is_prime_u64(n);
    }
    EXPECT_U64(phi_sum, 303963552392);
    EXPECT_U64(divisors, 13970034);
    EXPECT_U64(sigma_sum, 822468118437);
    EXPECT_I64(mertens, 212);
    EXPECT_U64(squarefree, 607926);
    EXPECT_I64(liouville, -530);
    EXPECT_U64(primes, 78498);
}

/* The smallest composites that pass Miller-Rabin to the first 1, 2, ... prime bases, the smallest
 * beyond the set {2, 7, 61}, and Carmichael numbers. */
FAN_TEST(factor_u64, pseudoprimes)
{
    static const uint64_t composites[] = {2047,
                                          1373653,
                                          25326001,
                                          3215031751,
                                          2152302898747,
                                          3474749660383,
                                          341550071728321,
                                          3825123056546413051,
                                          4759123141,
                                          561,
                                          1105,
                                          1729,
                                          41041,
                                          825265,
                                          321197185,
                                          5394826801,
                                          232250619601,
                                          9746347772161,
                                          1436697831295441};
    for (size_t i = 0; i < sizeof composites / sizeof composites[0]; i++) {
        EXPECT_TRUE(!fan_is_prime_u64(composites[i]));
        expect_factored(composites[i]);
    }
    expect_text(3215031751, "151 751 28351");
    expect_text(3825123056546413051, "149491 747451 34233211");
    expect_text(1436697831295441, "11 13 19 29 31 37 41 43 71 127");
}

FAN_TEST(factor_u64, zero_one_and_word_boundaries)
{
    expect_text(0, "");
    expect_text(1, "");
    expect_text(2, "2");
    expect_text(12, "2 2 3");
    expect_text(UINT32_MAX, "3 5 17 257 65537");
    expect_text(UINT64_C(4294967296),
                "2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2");
    expect_text(UINT64_MAX, "3 5 17 257 641 65537 6700417");
    expect_text(UINT64_MAX - 58, "18446744073709551557");
    expect_text((UINT64_C(1) << 61) - 1, "2305843009213693951");
    expect_text(UINT64_C(614889782588491410), "2 3 5 7 11 13 17 19 23 29 31 37 41 43 47");
    expect_text(UINT64_C(4294967291) * 4294967291, "4294967291 4294967291");
    expect_text(UINT64_C(4294967291) * 4294967279, "4294967279 4294967291");
    expect_text(UINT64_C(4294967311) * 4294967279, "4294967279 4294967311");
    EXPECT_TRUE(!fan_is_prime_u64(0) && !fan_is_prime_u64(1) && fan_is_prime_u64(2));
    EXPECT_TRUE(fan_is_prime_u64(UINT64_MAX - 58));
}

/* 2^p - 1 for p <= 63: prime for the known exponents alone. */
FAN_TEST(factor_u64, mersenne)
{
    static const unsigned exponents[] = {2, 3, 5, 7, 13, 17, 19, 31, 61};
    size_t next = 0;
    for (unsigned p = 2; p <= 63; p++) {
        uint64_t n = (UINT64_C(1) << p) - 1;
        bool known = next < 9 && exponents[next] == p;
        next += known;
        EXPECT_I64(fan_is_prime_u64(n), known);
        expect_factored(n);
    }
    expect_text((UINT64_C(1) << 59) - 1, "179951 3203431780337");
    expect_text((UINT64_C(1) << 32) + 1, "641 6700417");
}

FAN_TEST(factor_u64, prime_powers)
{
    static const uint64_t primes[] = {2, 3, 5, 7, 251, 257, 1229, 1231, 4093, 4099, 65521, 65537};
    for (size_t i = 0; i < sizeof primes / sizeof primes[0]; i++) {
        uint64_t n = primes[i];
        for (unsigned k = 1;; k++) {
            fan_factors_u64 factors;
            ASSERT_I64(fan_factor_u64(n, &factors), FAN_OK);
            EXPECT_U64(factors.count, 1);
            EXPECT_U64(factors.prime[0], primes[i]);
            EXPECT_U64(factors.exponent[0], k);
            if (__builtin_mul_overflow(n, primes[i], &n))
                break;
        }
    }
}

/* Products of equal, neighbouring and unequal primes of every size. */
FAN_TEST(factor_u64, products_of_two_primes)
{
    uint64_t state = 2;
    for (int bits = 2; bits <= 32; bits++) {
        for (int i = 0; i < 10; i++) {
            uint64_t p = random_prime(&state, bits);
            uint64_t close = p + 2;
            while (!fan_is_prime_u64(close))
                close += 2;
            expect_factored(p * p);
            if (close < UINT32_MAX)
                expect_factored(p * close);
            expect_factored(p * random_prime(&state, 64 - bits));
        }
    }
}

FAN_TEST(factor_u64, random_numbers)
{
    uint64_t state = 3;
    for (int i = 0; i < 20000; i++) {
        uint64_t n = next_random(&state);
        expect_factored(n >> (n % 61) | 1);
    }
}

FAN_TEST(factor_u64, array_agrees_with_single)
{
    uint64_t state = 4, n[100];
    fan_factors_u64 many[100], one;
    for (size_t i = 0; i < 100; i++)
        n[i] = i < 3 ? i : next_random(&state) >> (i % 40);
    ASSERT_I64(fan_factor_u64_array(n, many, 100), FAN_OK);
    for (size_t i = 0; i < 100; i++) {
        char left[FAN_FACTORS_U64_TEXT], right[FAN_FACTORS_U64_TEXT];
        ASSERT_I64(fan_factor_u64(n[i], &one), FAN_OK);
        fan_factors_u64_text(&many[i], left);
        fan_factors_u64_text(&one, right);
        EXPECT_STR(left, right);
    }
    EXPECT_I64(fan_factor_u64_array(NULL, NULL, 0), FAN_OK);
}

FAN_TEST(factor_u64, longest_text_fits)
{
    fan_factors_u64 factors;
    char text[FAN_FACTORS_U64_TEXT];
    ASSERT_I64(fan_factor_u64(UINT64_C(1) << 63, &factors), FAN_OK);
    EXPECT_U64(fan_factors_u64_text(&factors, text), 125);
}

static void expect_divisors(uint64_t n, const uint64_t *expected, size_t count)
{
    fan_factors_u64 factors;
    ASSERT_I64(fan_factor_u64(n, &factors), FAN_OK);
    ASSERT_U64(fan_divisor_count_u64(&factors), count);
    uint64_t *divisors = malloc(count * sizeof *divisors);
    ASSERT_TRUE(divisors != NULL);
    fan_divisors_u64(&factors, divisors);
    for (size_t i = 0; i < count; i++)
        EXPECT_U64(divisors[i], expected[i]);
    free(divisors);
}

/* Against trial division by every number. */
FAN_TEST(divisors_u64, by_definition)
{
    static const uint64_t numbers[] = {1,     2,      12,      97,      360,     1024,   83160,
                                       65536, 720720, 2139079, 1214759, 1516637, 1852285};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint64_t expected[300];
        size_t count = 0;
        for (uint64_t d = 1; d <= numbers[i]; d++) {
            if (numbers[i] % d == 0)
                expected[count++] = d;
        }
        expect_divisors(numbers[i], expected, count);
    }
}

/* The number below 2^64 with the most divisors: they pair up to n, strictly ascending. */
FAN_TEST(divisors_u64, most_of_all)
{
    uint64_t n = UINT64_C(18401055938125660800);
    fan_factors_u64 factors;
    ASSERT_I64(fan_factor_u64(n, &factors), FAN_OK);
    uint64_t count = fan_divisor_count_u64(&factors);
    ASSERT_U64(count, 184320);
    uint64_t *divisors = malloc(count * sizeof *divisors);
    ASSERT_TRUE(divisors != NULL);
    fan_divisors_u64(&factors, divisors);
    for (size_t i = 0; i < count; i++) {
        ASSERT_TRUE(i == 0 || divisors[i - 1] < divisors[i]);
        ASSERT_U64(divisors[i] * divisors[count - 1 - i], n);
    }
    free(divisors);
}
