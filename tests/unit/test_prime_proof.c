/* Proofs by the factors of n - 1: what they prove is prime, and composites are never proven. */
#include "kernel/factor/factor_internal.h"
#include "kernel/factor/prime_proof.h"
#include "shim/shim.h"

#include <flint/fmpz.h>

static bool flint_says_prime(mpz_srcptr n)
{
    fmpz_t copy;
    fmpz_init(copy);
    fmpz_set_mpz(copy, n);
    bool prime = fmpz_is_prime(copy) == 1;
    fmpz_clear(copy);
    return prime;
}

static bool proves(mpz_srcptr n)
{
    bool proven = false;
    EXPECT_I64(fani_prove_by_n_minus_1(n, &proven), FAN_OK);
    return proven;
}

static fani_verdict judge(mpz_srcptr n)
{
    fani_verdict verdict = {0};
    EXPECT_I64(fani_judge_mpz(n, &verdict), FAN_OK);
    return verdict;
}

FAN_TEST(prime_proof, random_primes)
{
    unsigned proven = 0, judged = 0, all = 0;
    gmp_randstate_t random;
    mpz_t n;
    gmp_randinit_default(random);
    mpz_init(n);
    for (unsigned bits = 70; bits <= 180; bits += 2) {
        mpz_urandomb(n, random, bits);
        mpz_setbit(n, bits - 1);
        mpz_nextprime(n, n);
        EXPECT_TRUE(flint_says_prime(n));
        all++;
        proven += proves(n);
        fani_verdict verdict = judge(n);
        judged += verdict.kind == FAN_FACTOR_PRIME && verdict.proof != FAN_PROOF_NONE;
    }
    EXPECT_U64(judged, all);
    EXPECT_TRUE(proven > all / 2);
    mpz_clear(n);
    gmp_randclear(random);
}

/* n - 1 is easily factored, or a prime in it has to be proven in turn: 2^k 3^m + 1, and primes
 * 2 k q + 1 over a chain of primes q. */
FAN_TEST(prime_proof, made_for_it)
{
    mpz_t n, q;
    mpz_init_set_ui(q, 1000003);
    mpz_init(n);
    while (mpz_sizeinbase(q, 2) < 220) {
        mpz_mul_2exp(n, q, 20);
        mpz_add_ui(n, n, 1);
        while (mpz_probab_prime_p(n, 30) == 0)
            mpz_addmul_ui(n, q, 2);
        EXPECT_TRUE(proves(n));
        mpz_swap(n, q);
    }
    /* 3 2^189 + 1 and 5 2^127 + 1 are Proth's. */
    mpz_set_ui(n, 3);
    mpz_mul_2exp(n, n, 189);
    mpz_add_ui(n, n, 1);
    EXPECT_TRUE(proves(n));
    mpz_set_ui(n, 5);
    mpz_mul_2exp(n, n, 127);
    mpz_add_ui(n, n, 1);
    EXPECT_TRUE(proves(n));
    mpz_clears(n, q, NULL);
}

/* Composites whose n - 1 is smooth, so that only the witnesses and the last condition stand between
 * them and a proof: Carmichael numbers (6k + 1)(12k + 1)(18k + 1), products (2^a k + 1)(2^b m + 1)
 * of primes, squares of such. */
FAN_TEST(prime_proof, composites_are_never_proven)
{
    unsigned tried = 0;
    mpz_t n, p, q;
    mpz_inits(n, p, q, NULL);
    for (unsigned long k = 1UL << 24; tried < 12; k++) {
        mpz_set_ui(p, 6 * k + 1);
        mpz_set_ui(q, 12 * k + 1);
        mpz_set_ui(n, 18 * k + 1);
        if (!mpz_probab_prime_p(p, 30) || !mpz_probab_prime_p(q, 30) || !mpz_probab_prime_p(n, 30))
            continue;
        mpz_mul(n, n, p);
        mpz_mul(n, n, q);
        EXPECT_TRUE(!proves(n));
        EXPECT_I64(judge(n).kind, FAN_FACTOR_COMPOSITE);
        tried++;
    }
    for (unsigned shift = 36; shift <= 60; shift += 6) {
        mpz_set_ui(p, 3);
        mpz_mul_2exp(p, p, shift);
        mpz_add_ui(p, p, 1);
        while (!mpz_probab_prime_p(p, 30)) {
            mpz_set_ui(q, 1);
            mpz_mul_2exp(q, q, shift);
            mpz_add(p, p, q);
        }
        mpz_mul(n, p, p); /* p^2 - 1 = (p - 1)(p + 1): F is large enough */
        EXPECT_TRUE(!proves(n));
        mpz_set_ui(q, 1);
        mpz_mul_2exp(q, q, shift);
        mpz_add(q, p, q);
        while (!mpz_probab_prime_p(q, 30)) {
            mpz_t step;
            mpz_init_set_ui(step, 1);
            mpz_mul_2exp(step, step, shift);
            mpz_add(q, q, step);
            mpz_clear(step);
        }
        mpz_mul(n, p, q);
        EXPECT_TRUE(!proves(n));
    }
    mpz_clears(n, p, q, NULL);
}
