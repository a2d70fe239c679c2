/* The road for 65 to 250 bits, held against outside truths on each instruction set. */
#include "base/isa.h"
#include "fanfold/factor.h"
#include "shim/shim.h"

#include <flint/fmpz.h>
#include <flint/fmpz_factor.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const isa_names[] = {"scalar", "avx2", "avx512"};

/* Factors n; what comes out is proven prime and multiplies to it. */
static void expect_primes(mpz_srcptr n, fan_factorization *f)
{
    mpz_t product, power;
    mpz_init_set_ui(product, 1);
    mpz_init(power);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    for (size_t i = 0; i < fan_factorization_count(f); i++) {
        mpz_srcptr value = fan_factorization_value(f, i);
        EXPECT_TRUE(mpz_probab_prime_p(value, 30) != 0);
        EXPECT_TRUE(fan_factorization_proof(f, i) != FAN_PROOF_NONE);
        EXPECT_U64(fan_factorization_proof(f, i) == FAN_PROOF_U64, mpz_size(value) == 1);
        mpz_pow_ui(power, value, fan_factorization_exponent(f, i));
        mpz_mul(product, product, power);
    }
    EXPECT_TRUE(mpz_cmp(product, n) == 0);
    mpz_clears(product, power, NULL);
}

/* Runs the body once for each instruction set of this machine. */
static void on_each_isa(void (*body)(fan_factorization *f))
{
    const char *before = getenv("FANFOLD_ISA");
    char kept[32];
    fan_factorization *f = NULL;
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        setenv("FANFOLD_ISA", isa_names[isa], 1);
        EXPECT_I64(fani_isa_wanted(), isa);
        body(f);
    }
    if (before)
        setenv("FANFOLD_ISA", kept, 1);
    else
        unsetenv("FANFOLD_ISA");
    fan_factorization_destroy(f);
}

static void random_prime(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    do {
        mpz_urandomb(out, random, bits);
        mpz_setbit(out, bits - 1);
        mpz_nextprime(out, out);
    } while (mpz_sizeinbase(out, 2) != bits);
}

static void products_of_two(fan_factorization *f)
{
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    mpz_inits(n, p, NULL);
    for (unsigned bits = 65; bits <= 130; bits++) {
        random_prime(random, bits / 2, n);
        random_prime(random, bits - bits / 2, p);
        mpz_mul(n, n, p);
        expect_primes(n, f);
    }
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

FAN_TEST(factor_wide, semiprimes_of_65_to_130_bits)
{
    on_each_isa(products_of_two);
}

/* A prime of each size times a smaller one, two of them, and the next prime. */
static void primes_of_each_size(fan_factorization *f)
{
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, 7);
    mpz_inits(n, p, NULL);
    for (unsigned bits = 33; bits <= 100; bits += 3) {
        random_prime(random, bits, n);
        random_prime(random, 33, p);
        mpz_mul(n, n, p);
        expect_primes(n, f);
        random_prime(random, 17, p);
        mpz_mul(n, n, p);
        expect_primes(n, f);
        EXPECT_U64(fan_factorization_count(f), 3);
    }
    for (unsigned bits = 33; bits <= 60; bits += 3) { /* close primes */
        random_prime(random, bits, p);
        mpz_nextprime(n, p);
        mpz_mul(n, n, p);
        expect_primes(n, f);
        EXPECT_U64(fan_factorization_count(f), 2);
    }
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

FAN_TEST(factor_wide, primes_of_each_size)
{
    on_each_isa(primes_of_each_size);
}

/* Many small primes at once, which every curve finds together; their squares and cubes. */
static void crowds_and_powers(fan_factorization *f)
{
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    mpz_inits(n, p, NULL);
    for (unsigned bits = 13; bits <= 30; bits += 2) {
        mpz_set_ui(n, 1);
        while (mpz_sizeinbase(n, 2) + bits < 200) {
            random_prime(random, bits, p);
            mpz_mul(n, n, p);
            if (mpz_sizeinbase(n, 2) > 64)
                expect_primes(n, f);
        }
    }
    for (unsigned bits = 23; bits <= 62; bits += 3) {
        for (unsigned k = 2; k <= 3; k++) {
            random_prime(random, bits, n);
            mpz_pow_ui(n, n, k);
            expect_primes(n, f);
            random_prime(random, 40, p);
            mpz_mul(n, n, p); /* no power */
            expect_primes(n, f);
        }
    }
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

FAN_TEST(factor_wide, crowds_of_primes_and_powers)
{
    on_each_isa(crowds_and_powers);
}

/* 2^k - 1, 2^k + 1, Fibonacci numbers, partition numbers, repunits. */
static void famous_numbers(fan_factorization *f)
{
    mpz_t n;
    mpz_init(n);
    for (unsigned long k = 65; k <= 140; k += 3) {
        mpz_set_ui(n, 1);
        mpz_mul_2exp(n, n, k);
        mpz_sub_ui(n, n, 1);
        expect_primes(n, f);
        mpz_add_ui(n, n, 2);
        expect_primes(n, f);
        mpz_fib_ui(n, k + k / 3);
        expect_primes(n, f);
    }
    for (unsigned long digits = 20; digits <= 41; digits += 3) {
        mpz_ui_pow_ui(n, 10, digits);
        mpz_fdiv_q_ui(n, n, 9);
        expect_primes(n, f);
    }
    mpz_t p[901]; /* Euler's recurrence over pentagonal numbers */
    for (long i = 0; i <= 900; i++) {
        mpz_init_set_ui(p[i], i == 0);
        for (long k = 1; k * (3 * k - 1) / 2 <= i; k++) {
            long first = k * (3 * k - 1) / 2, second = k * (3 * k + 1) / 2;
            void (*const step)(mpz_ptr, mpz_srcptr, mpz_srcptr) = k % 2 == 1 ? mpz_add : mpz_sub;
            step(p[i], p[i], p[i - first]);
            if (second <= i)
                step(p[i], p[i], p[i - second]);
        }
        if (i >= 400 && i % 50 == 0)
            expect_primes(p[i], f);
    }
    EXPECT_U64(mpz_fdiv_ui(p[100], 1000000007), 190569292);
    for (long i = 0; i <= 900; i++)
        mpz_clear(p[i]);
    mpz_clear(n);
}

FAN_TEST(factor_wide, famous_numbers)
{
    on_each_isa(famous_numbers);
}

/* Random numbers, against FLINT. */
static void as_flint(unsigned bits, unsigned count)
{
    gmp_randstate_t random;
    fan_factorization *f;
    fmpz_t copy, value;
    mpz_t n;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    mpz_init(n);
    fmpz_init(copy);
    fmpz_init(value);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (unsigned i = 0; i < count; i++) {
        fmpz_factor_t expected;
        mpz_urandomb(n, random, bits);
        mpz_setbit(n, bits - 1);
        expect_primes(n, f);
        fmpz_set_mpz(copy, n);
        fmpz_factor_init(expected);
        fmpz_factor(expected, copy);
        EXPECT_U64((uint64_t)expected->num, fan_factorization_count(f));
        for (size_t k = 0; k < fan_factorization_count(f); k++) {
            bool found = false;
            fmpz_set_mpz(value, fan_factorization_value(f, k));
            for (slong m = 0; m < expected->num; m++)
                found = found || (fmpz_equal(value, expected->p + m) &&
                                  expected->exp[m] == fan_factorization_exponent(f, k));
            EXPECT_TRUE(found);
        }
        fmpz_factor_clear(expected);
    }
    fan_factorization_destroy(f);
    fmpz_clear(copy);
    fmpz_clear(value);
    mpz_clear(n);
    gmp_randclear(random);
}

FAN_TEST(factor_wide, random_numbers_as_flint)
{
    as_flint(66, 40);
    as_flint(80, 40);
    as_flint(100, 30);
    as_flint(128, 10);
}

FAN_TEST(factor_wide, long_random_numbers_as_flint)
{
    for (unsigned bits = 65; bits <= 150; bits++)
        as_flint(bits, 15);
    as_flint(160, 10);
    as_flint(200, 2);
}

/* The sum of the divisors less n. */
static void next_of_aliquot(mpz_t n, fan_factorization *f)
{
    mpz_t sum, term, less;
    mpz_init_set_ui(sum, 1);
    mpz_inits(term, less, NULL);
    for (size_t i = 0; i < fan_factorization_count(f); i++) {
        mpz_srcptr p = fan_factorization_value(f, i);
        mpz_pow_ui(term, p, fan_factorization_exponent(f, i) + 1);
        mpz_sub_ui(term, term, 1);
        mpz_sub_ui(less, p, 1);
        mpz_divexact(term, term, less);
        mpz_mul(sum, sum, term);
    }
    mpz_sub(n, sum, n);
    mpz_clears(sum, term, less, NULL);
}

/* The aliquot sequence of 840 goes up to 49 digits and comes down to 1 after 747 steps: one wrong
 * factor anywhere, and it goes elsewhere. */
FAN_TEST(factor_wide, aliquot_sequence_of_840)
{
    unsigned steps = 0;
    size_t longest = 0;
    fan_factorization *f;
    mpz_t n;
    mpz_init_set_ui(n, 840);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (; mpz_cmp_ui(n, 1) > 0 && steps < 1000; steps++) {
        ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
        next_of_aliquot(n, f);
        longest = mpz_sizeinbase(n, 10) > longest ? mpz_sizeinbase(n, 10) : longest;
    }
    EXPECT_U64(steps, 747);
    EXPECT_U64(longest, 49);
    EXPECT_TRUE(mpz_cmp_ui(n, 1) == 0);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* ---- Cancelling, and effort ----------------------------------------------------------------- */

typedef struct polls {
    double from, limit, last; /* seconds of CPU time */
    double longest;           /* between two polls */
} polls;

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool at_limit(void *context)
{
    polls *p = context;
    double now = cpu_seconds();
    p->longest = now - p->last > p->longest ? now - p->last : p->longest;
    p->last = now;
    return now - p->from > p->limit;
}

/* Among trial division, curves and the sieve of a hard number of 200 bits. */
static void cancel_hard_number(fan_factorization *f)
{
    static const double limits[] = {0, 1e-3, 0.03, 0.4};
    mpz_t n, p;
    mpz_init_set_ui(n, 1);
    mpz_init(p);
    mpz_mul_2exp(n, n, 99);
    mpz_nextprime(p, n);
    mpz_mul_ui(n, n, 2);
    mpz_nextprime(n, n);
    mpz_mul(n, n, p);
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        double now = cpu_seconds();
        polls context = {.from = now, .limit = limits[i], .last = now};
        fan_factor_options options = {.cancelled = at_limit, .context = &context};
        EXPECT_I64(fan_factor_mpz(n, &options, f, NULL), FAN_E_CANCELLED);
        ASSERT_U64(fan_factorization_count(f), 1);
        EXPECT_TRUE(mpz_cmp(fan_factorization_value(f, 0), n) == 0);
        EXPECT_TRUE(context.longest < 60); /* under a second where nothing slows it */
    }
    mpz_clears(n, p, NULL);
}

FAN_TEST(factor_wide, cancelled_on_the_road)
{
    on_each_isa(cancel_hard_number);
}

/* What is too long for the sieve ends, the same with each instruction set: 2^64 + 13 is prime, and
 * so are the others; a prime of 40 bits is found. */
static void beyond_the_sieve(fan_factorization *f)
{
    mpz_t n, p;
    mpz_inits(n, p, NULL);
    mpz_set_ui(p, 1);
    mpz_mul_2exp(p, p, 190);
    mpz_nextprime(n, p);
    mpz_set_ui(p, 1099511627791);
    mpz_mul(n, n, p);
    expect_primes(n, f);
    EXPECT_U64(fan_factorization_count(f), 2);
    mpz_clears(n, p, NULL);
}

FAN_TEST(factor_wide, beyond_the_sieve)
{
    on_each_isa(beyond_the_sieve);
}
