/* Stage 1 of p-1 on numbers all of whose primes it finds. */
#include "kernel/factor/p_minus_1.h"

#include "kernel/factor/gmp_ecm.h"
#include "shim/shim.h"

enum { B1 = 20000, BASE = 10 };

/* *p = a prime above 2^bits for which `given` divides p - 1, and the rest of p - 1 has primes up to
 * 97, each up to its largest power below 9973. */
static void smooth_prime(gmp_randstate_t random, mpz_srcptr given, size_t bits, mpz_ptr p)
{
    static const unsigned small[] = {2,  3,  5,  7,  11, 13, 17, 19, 23, 29, 31, 37, 41,
                                     43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97};
    enum { SMALL = sizeof small / sizeof small[0] };
    do {
        unsigned long powers[SMALL] = {2};
        mpz_mul_2exp(p, given, 1);
        while (mpz_sizeinbase(p, 2) <= bits) {
            unsigned long i = gmp_urandomm_ui(random, SMALL);
            unsigned long power = (powers[i] ? powers[i] : 1) * small[i];
            if (power < 9973) {
                powers[i] = power;
                mpz_mul_ui(p, p, small[i]);
            }
        }
        mpz_add_ui(p, p, 1);
    } while (mpz_probab_prime_p(p, 30) == 0);
}

static void smooth_prime_ui(gmp_randstate_t random, unsigned long given, size_t bits, mpz_ptr p)
{
    mpz_t factor;
    mpz_init_set_ui(factor, given);
    smooth_prime(random, factor, bits, p);
    mpz_clear(factor);
}

static const fani_effort patient;

/* How many primes n is split into, by nothing else. */
static unsigned split_all(mpz_srcptr n, uint64_t base)
{
    mpz_t power, divisor, rest;
    mpz_inits(power, divisor, rest, NULL);
    unsigned parts = 1;
    EXPECT_I64(fani_p_minus_1(n, base, B1, &patient, power, divisor), FAN_OK);
    if (mpz_cmp_ui(divisor, 1) > 0) {
        EXPECT_TRUE(mpz_cmp(divisor, n) < 0 && mpz_divisible_p(n, divisor));
        mpz_divexact(rest, n, divisor);
        parts = split_all(divisor, base) + split_all(rest, base);
    }
    mpz_clears(power, divisor, rest, NULL);
    return parts;
}

/* Two primes, with these in what is below them. */
static void expect_split(unsigned long a, unsigned long b)
{
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    mpz_inits(n, p, NULL);
    smooth_prime_ui(random, a, 130, n);
    do
        smooth_prime_ui(random, b, 130, p);
    while (mpz_cmp(p, n) == 0);
    mpz_mul(n, n, p);
    EXPECT_U64(split_all(n, BASE), 2);
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

FAN_TEST(p_minus_1, bounds_that_differ)
{
    expect_split(1009, 19997); /* in different chunks */
    expect_split(1009, 1013);  /* within the first one */
    expect_split(19991, 19997);
    expect_split(1, 1); /* 97 and less */
}

FAN_TEST(p_minus_1, bounds_that_are_equal)
{
    expect_split(19997, 19997); /* what is below it decides */
    expect_split(19997UL * 9973, 19997UL * 9973);
    expect_split(19997UL * 9973, 19997UL * 9967);
    expect_split(127UL * 127, 127); /* the power of the last prime does */
    expect_split(127UL * 127, 127UL * 127);
}

/* A prime that is found and one that is not. */
FAN_TEST(p_minus_1, leaves_other_primes)
{
    gmp_randstate_t random;
    mpz_t n, p, power, divisor;
    gmp_randinit_default(random);
    mpz_inits(n, p, power, divisor, NULL);
    smooth_prime_ui(random, 20011, 130, n);
    EXPECT_I64(fani_p_minus_1(n, BASE, B1, &patient, power, divisor), FAN_OK);
    EXPECT_TRUE(mpz_cmp_ui(divisor, 1) == 0);
    mpz_powm_ui(power, power, 20011, n); /* where a stage 2 would find it */
    EXPECT_TRUE(mpz_cmp_ui(power, 1) == 0);
    smooth_prime_ui(random, 19997, 130, p);
    mpz_mul(n, n, p);
    EXPECT_I64(fani_p_minus_1(n, BASE, B1, &patient, power, divisor), FAN_OK);
    EXPECT_TRUE(mpz_cmp(divisor, p) == 0);
    mpz_clears(n, p, power, divisor, NULL);
    gmp_randclear(random);
}

/* 3 has the order 29 modulo each prime of (3^29 - 1) / 2; another base has others. */
FAN_TEST(p_minus_1, orders_that_are_equal)
{
    mpz_t n, power, divisor;
    mpz_inits(n, power, divisor, NULL);
    mpz_ui_pow_ui(n, 3, 29);
    mpz_sub_ui(n, n, 1);
    mpz_divexact_ui(n, n, 2);
    EXPECT_I64(fani_p_minus_1(n, 3, B1, &patient, power, divisor), FAN_OK);
    EXPECT_TRUE(mpz_cmp_ui(divisor, 1) == 0);
    EXPECT_TRUE(mpz_cmp_ui(power, 1) == 0);
    EXPECT_I64(fani_p_minus_1(n, BASE, B1, &patient, power, divisor), FAN_OK);
    EXPECT_TRUE(mpz_cmp_ui(divisor, 1) > 0);
    mpz_clears(n, power, divisor, NULL);
}

/* Whatever the primes are, as long as all are found: two to seven, with some of few larger primes
 * below them, so that many agree. */
FAN_TEST(p_minus_1, splits_all_that_it_finds)
{
    static const unsigned long larger[] = {127UL * 127, 1009, 9973, 19997};
    gmp_randstate_t random;
    mpz_t n, p, given;
    gmp_randinit_default(random);
    mpz_inits(n, p, given, NULL);
    for (unsigned i = 0; i < 48; i++) {
        unsigned primes = 0, wanted = 2 + i % 6;
        for (mpz_set_ui(n, 1); primes < wanted;) {
            mpz_set_ui(given, 1);
            for (unsigned k = 0; k < 4; k++)
                mpz_mul_ui(given, given, gmp_urandomb_ui(random, 1) ? larger[k] : 1);
            smooth_prime(random, given, 90 + gmp_urandomm_ui(random, 40), p);
            if (!mpz_divisible_p(n, p)) {
                mpz_mul(n, n, p);
                primes++;
            }
        }
        EXPECT_U64(split_all(n, BASE), wanted);
    }
    mpz_clears(n, p, given, NULL);
    gmp_randclear(random);
}

static bool cancel_after(void *context)
{
    unsigned *left = context;
    return *left == 0 || (*left)-- == 0;
}

FAN_TEST(p_minus_1, is_cancelled)
{
    mpz_t n, power, divisor;
    mpz_inits(n, power, divisor, NULL);
    mpz_ui_pow_ui(n, 2, 1279);
    mpz_sub_ui(n, n, 1);
    for (unsigned polls = 0; polls < 3; polls++) {
        unsigned left = polls;
        fani_effort effort = {.cancelled = cancel_after, .context = &left};
        EXPECT_I64(fani_p_minus_1(n, BASE, B1, &effort, power, divisor), FAN_E_CANCELLED);
    }
    mpz_clears(n, power, divisor, NULL);
}

/* The road as a whole: p-1 takes a number of 300 digits apart, whose primes have 39 digits each. */
FAN_TEST(p_minus_1, a_long_number_by_the_public_function)
{
    fan_factorization *f;
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    mpz_init_set_ui(n, 1);
    mpz_init(p);
    for (unsigned i = 0; i < 8; i++) {
        smooth_prime_ui(random, i % 2 ? 19997 : 9973, 128, p);
        mpz_mul(n, n, p);
    }
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, &(fan_factor_options){.digits = 15}, f, NULL), FAN_OK);
    EXPECT_U64(fan_factorization_count(f), 8);
    for (size_t i = 0; i < fan_factorization_count(f); i++)
        EXPECT_I64(fan_factorization_method(f, i), FAN_METHOD_P_MINUS_1);
    fan_factorization_destroy(f);
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

/* ---- The library's stages -------------------------------------------------------------------- */

/* n times the first safe prime 2q + 1 from a number on: p-1 finds it by q. */
static void times_safe_prime(unsigned long from, mpz_ptr n)
{
    mpz_t q, p;
    mpz_init_set_ui(q, from / 2);
    mpz_init(p);
    do {
        mpz_nextprime(q, q);
        mpz_mul_2exp(p, q, 1);
        mpz_add_ui(p, p, 1);
    } while (mpz_probab_prime_p(p, 30) == 0);
    mpz_mul(n, n, p);
    mpz_clears(q, p, NULL);
}

/* How many runs it takes to split 20 products of two such primes. */
static unsigned runs_for(unsigned long from, fan_factor_method method)
{
    unsigned runs = 0;
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    for (unsigned i = 0; i < 20; i++) {
        fani_effort effort = {.digits = 20, .work = UINT64_MAX};
        mpz_set_ui(n, 1);
        times_safe_prime(from + 100000UL * i, n);
        times_safe_prime(2 * from + 100000UL * i, n);
        EXPECT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_OK);
        EXPECT_TRUE(mpz_cmp_ui(divisor, 1) > 0 && mpz_cmp(divisor, n) < 0);
        EXPECT_TRUE(mpz_divisible_p(n, divisor));
        EXPECT_I64(effort.method, method);
        runs += effort.at.run;
    }
    mpz_clears(n, divisor, NULL);
    return runs;
}

/* What stage 2 of p-1 finds at once comes apart too: no curve is run. */
FAN_TEST(p_minus_1, stage_2_finds_all)
{
    EXPECT_U64(runs_for(2000000, FAN_METHOD_P_MINUS_1), 0);
}

/* Most curves find both of such short primes: by far most split them, too. */
FAN_TEST(p_minus_1, curves_find_all)
{
    EXPECT_TRUE(runs_for(30000000, FAN_METHOD_ECM) <= 50);
}
