/* Numbers that take the sieve of large numbers, through the public call: random semiprimes,
 * repunits and others whose factors are known. */
#include "fanfold/factor.h"
#include "shim/shim.h"
#include "sieve_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The factors of n as text, each of them proven, and one found by the sieve where it is said so. */
static void expect_factors(mpz_srcptr n, const char *factors, bool is_sieved)
{
    fan_factorization *f;
    char *text;
    bool sieved = false;
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    EXPECT_TRUE(fan_factorization_complete(f));
    for (size_t i = 0; i < fan_factorization_count(f); i++) {
        EXPECT_TRUE(fan_factorization_proof(f, i) != FAN_PROOF_NONE);
        sieved = sieved || fan_factorization_method(f, i) == FAN_METHOD_SIQS;
    }
    EXPECT_TRUE(sieved || !is_sieved);
    ASSERT_I64(fan_factorization_text(f, &text), FAN_OK);
    EXPECT_STR(text, factors);
    free(text);
    fan_factorization_destroy(f);
}

/* ---- Random semiprimes ---------------------------------------------------------------------- */

/* Products of a prime of half the digits, or one more, and one that fills it up. */
static void expect_semiprime(gmp_randstate_t random, unsigned digits)
{
    char factors[256];
    mpz_t p, q, n;
    mpz_inits(p, q, n, NULL);
    do {
        kit_prime(random, digits / 2, p);
        kit_prime(random, digits - digits / 2, q);
        mpz_mul(n, p, q);
    } while (mpz_sizeinbase(n, 10) != digits || mpz_cmp(p, q) == 0);
    if (mpz_cmp(p, q) > 0)
        mpz_swap(p, q);
    gmp_snprintf(factors, sizeof factors, "%Zd %Zd", p, q);
    expect_factors(n, factors, false);
    mpz_clears(p, q, n, NULL);
}

FAN_TEST(qs_famous, a_hundred_random_semiprimes)
{
    enum { NUMBERS = 100, SHORTEST = 30, LENGTHS = 16 }; /* to 45 digits */
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, 30045);
    for (unsigned i = 0; i < NUMBERS; i++)
        expect_semiprime(random, SHORTEST + i % LENGTHS);
    gmp_randclear(random);
}

FAN_TEST(qs_famous, long_semiprimes)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, 5070);
    for (unsigned digits = 46; digits <= 68; digits += 2)
        expect_semiprime(random, digits);
    expect_semiprime(random, 70);
    gmp_randclear(random);
}

/* ---- Known factors -------------------------------------------------------------------------- */

typedef struct known {
    unsigned digits;
    const char *factors;
} known;

/* (10^n - 1) / 9. The factors are PARI's, and those of the tables of Cunningham's project. */
static const known repunits[] = {
    {51, "3 37 613 210631 2071723 52986961 5363222357 13168164561429877"},
    {53, "107 1659431 1325815267337711173 47198858799491425660200071"},
    {57, "3 37 21319 10749631 1111111111111111111 3931123022305129377976519"},
    {59, "2559647034361 4340876285657460212144534289928559826755746751"},
    {61, "733 4637 329401 974293 1360682471 106007173861643 7061709990156159479"},
    {62, "11 2791 6943319 57336415063790604359 909090909090909090909090909091"},
    {64, "11 17 73 101 137 353 449 641 1409 19841 69857 976193 5882353 6187457 834427406578561"},
    {65, "41 53 79 271 265371653 162503518711 5538396997364024056286510640780600481"},
    {67, "493121 79863595778924342083 28213380943176667001263153660999177245677"},
    {69, "3 37 277 203864078068831 11111111111111111111111 1595352086329224644348978893"},
    {70, "11 41 71 239 271 4649 9091 123551 909091 4147571 102598800232111471 265212793249617641"},
};

static void expect_repunit(const known *of, bool is_sieved)
{
    mpz_t n;
    mpz_init(n);
    mpz_ui_pow_ui(n, 10, of->digits);
    mpz_sub_ui(n, n, 1);
    mpz_divexact_ui(n, n, 9);
    expect_factors(n, of->factors, is_sieved);
    mpz_clear(n);
}

FAN_TEST(qs_famous, repunits)
{
    for (size_t i = 0; i < sizeof repunits / sizeof repunits[0]; i++)
        expect_repunit(repunits + i, false);
}

/* Of 30 and 41 digits. */
FAN_TEST(qs_famous, long_repunit_of_71_digits)
{
    static const known repunit = {
        71, "241573142393627673576957439049 45994811347886846310221728895223034301839"};
    expect_repunit(&repunit, true);
}

/* 2^128 + 1, by Morrison and Brillhart (1975) with a forerunner of this sieve. */
FAN_TEST(qs_famous, seventh_fermat_number)
{
    mpz_t n;
    mpz_init_set_ui(n, 1);
    mpz_mul_2exp(n, n, 128);
    mpz_add_ui(n, n, 1);
    expect_factors(n, "59649589127497217 5704689200685129054721", false);
    mpz_clear(n);
}

/* The numbers that the documentation of GMP-ECM (the package gmp-ecm) takes as examples, those of
 * up to 70 digits. */
FAN_TEST(qs_famous, examples_of_gmp_ecm)
{
    mpz_t n, other;
    mpz_init_set_ui(n, 3);
    mpz_init(other);
    mpz_mul_2exp(n, n, 210);
    mpz_add_ui(n, n, 1); /* 3 * 2^210 + 1 */
    expect_factors(n, "1358437 3633965853376798575469386911334166777663010943386214885229", false);
    mpz_set_ui(n, (1UL << 24) + 1);
    expect_factors(n, "97 257 673", false);
    mpz_fac_ui(n, 53);
    mpz_add_ui(n, n, 1); /* 53! + 1 */
    expect_factors(n, "9293 604781 4757108478032284831087 159892145824643749201959875233364609431",
                   false);
    static const char *const primes[] = {"67872792749091946529",
                                         "4190453151940208656715582382315221647",
                                         "1207946164033269799036708918081"};
    for (size_t i = 0; i < sizeof primes / sizeof primes[0]; i++) {
        mpz_set_str(n, primes[i], 10);
        expect_factors(n, primes[i], false);
    }
    /* The first and the last one's product. */
    mpz_set_str(other, primes[0], 10);
    mpz_mul(n, n, other);
    expect_factors(n, "67872792749091946529 1207946164033269799036708918081", false);
    mpz_clears(n, other, NULL);
}
