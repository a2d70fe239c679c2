/* What GMP-ECM's library does for numbers beyond the sieve. */
#include "kernel/factor/gmp_ecm.h"

#include "kernel/factor/small_primes.h"
#include "shim/shim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first prime above 10^66: with another one too long for the engines of wide.h. */
static void set_long_prime(mpz_ptr out)
{
    mpz_ui_pow_ui(out, 10, 66);
    mpz_nextprime(out, out);
}

/* A prime that is a multiple of a product of small primes, of so many digits, and 1. */
static void set_smooth_plus_1(mpz_ptr out, size_t digits)
{
    mpz_t product;
    mpz_init_set_ui(product, 2);
    for (unsigned i = 1; mpz_sizeinbase(product, 10) < digits; i++)
        mpz_mul_ui(product, product, fani_small_primes[i].prime);
    mpz_set_ui(out, 1);
    do
        mpz_add(out, out, product);
    while (mpz_probab_prime_p(out, 30) == 0);
    mpz_clear(product);
}

static fani_effort effort_for(unsigned digits)
{
    return (fani_effort){.digits = digits, .work = UINT64_MAX};
}

FAN_TEST(gmp_ecm, p_minus_1_finds_what_is_made_for_it)
{
    mpz_t p, n, divisor;
    fani_effort effort = effort_for(15);
    mpz_inits(p, n, divisor, NULL);
    set_smooth_plus_1(p, 40);
    set_long_prime(n);
    mpz_mul(n, n, p);
    ASSERT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_OK);
    EXPECT_TRUE(mpz_cmp(divisor, p) == 0);
    EXPECT_I64(effort.method, FAN_METHOD_P_MINUS_1);
    EXPECT_U64(effort.at.run, 0); /* the parts are for p-1, too */
    mpz_clears(p, n, divisor, NULL);
}

FAN_TEST(gmp_ecm, curves_find_12_digits)
{
    mpz_t p, n, divisor;
    mpz_inits(p, n, divisor, NULL);
    mpz_set_str(p, "700000000000", 10);
    for (unsigned i = 0; i < 4; i++) {
        fani_effort effort = effort_for(20);
        mpz_add_ui(p, p, 1000000000);
        mpz_nextprime(p, p);
        set_long_prime(n);
        mpz_mul(n, n, p);
        ASSERT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_OK);
        EXPECT_TRUE(mpz_cmp(divisor, p) == 0);
        EXPECT_I64(effort.method, effort.at.run == 0 ? FAN_METHOD_P_MINUS_1 : FAN_METHOD_ECM);
    }
    mpz_clears(p, n, divisor, NULL);
}

/* Whole roads, by the public function: the long prime and one of 13 digits. */
FAN_TEST(gmp_ecm, a_number_beyond_the_sieve)
{
    fan_factorization *f;
    mpz_t n;
    mpz_init(n);
    set_long_prime(n);
    mpz_mul_ui(n, n, UINT64_C(1000000000039));
    mpz_mul_ui(n, n, 12);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    ASSERT_U64(fan_factorization_count(f), 4);
    EXPECT_TRUE(mpz_cmp_ui(fan_factorization_value(f, 2), UINT64_C(1000000000039)) == 0);
    EXPECT_TRUE(fan_factorization_proof(f, 3) != FAN_PROOF_NONE);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* Two primes of 51 digits. */
static void set_hard(mpz_ptr n)
{
    mpz_t p;
    mpz_init(p);
    mpz_ui_pow_ui(p, 10, 50);
    mpz_nextprime(n, p);
    mpz_mul_ui(p, p, 3);
    mpz_nextprime(p, p);
    mpz_mul(n, n, p);
    mpz_clear(p);
}

FAN_TEST(gmp_ecm, effort_ends)
{
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    set_hard(n);
    fani_effort effort = effort_for(15);
    EXPECT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_E_EFFORT);
    EXPECT_U64(effort.at.level, 1);
    EXPECT_U64(effort.at.run, 0);
    /* And goes on where it ended: two fifths of the next level's curves. */
    effort.digits = 17;
    effort.work = 0;
    EXPECT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_E_EFFORT);
    EXPECT_U64(effort.at.level, 1);
    EXPECT_U64(effort.at.run, 0);
    mpz_clears(n, divisor, NULL);
}

/* A number of 6 words: 2000 units of work for a run of the first level. */
FAN_TEST(gmp_ecm, work_is_bounded)
{
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    set_hard(n);
    ASSERT_U64(mpz_size(n), 6);
    fani_effort effort = effort_for(30);
    effort.work = 3 * 200000 + 1;
    EXPECT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_E_EFFORT);
    EXPECT_U64(effort.at.level, 0);
    EXPECT_U64(effort.at.run, 3);
    EXPECT_U64(effort.work, 1);
    mpz_clears(n, divisor, NULL);
}

/* What the rounds of curves before have looked for is not looked for again. */
FAN_TEST(gmp_ecm, levels_after_rounds)
{
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    set_hard(n);
    fani_effort effort = effort_for(30);
    effort.at.round = 1;
    effort.work = 0;
    EXPECT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_E_EFFORT);
    EXPECT_U64(effort.at.level, 2);
    mpz_clears(n, divisor, NULL);
}

static bool cancel_after(void *context)
{
    unsigned *left = context;
    return *left == 0 || (*left)-- == 0;
}

FAN_TEST(gmp_ecm, cancelled_within_curves)
{
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    set_hard(n);
    for (unsigned polls = 0; polls < 2000; polls += 333) {
        unsigned left = polls;
        fani_effort effort = effort_for(50);
        effort.cancelled = cancel_after;
        effort.context = &left;
        EXPECT_I64(fani_gmp_ecm_split(n, &effort, divisor), FAN_E_CANCELLED);
        EXPECT_U64(left, 0);
    }
    mpz_clears(n, divisor, NULL);
}

FAN_TEST(gmp_ecm, too_many_digits_are_refused)
{
    fan_factorization *f;
    fan_error error = {0};
    fan_factor_options options = {.digits = FAN_FACTOR_DIGITS_MAX + 1};
    mpz_t n;
    mpz_init_set_ui(n, 6);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, &options, f, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "50 digits");
    EXPECT_U64(fan_factorization_count(f), 0);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* ---- Threads --------------------------------------------------------------------------------- */

typedef struct answers {
    char texts[6][400];
} answers;

static void *factor_some(void *out)
{
    answers *a = out;
    fan_factorization *f;
    mpz_t n, p;
    mpz_inits(n, p, NULL);
    if (fan_factorization_create(&f) != FAN_OK)
        abort();
    for (unsigned i = 0; i < 6; i++) {
        char *text;
        mpz_set_ui(p, UINT64_C(100000000000) * (i + 1));
        mpz_nextprime(p, p);
        set_long_prime(n);
        mpz_mul(n, n, p);
        (void)fan_factor_mpz(n, NULL, f, NULL);
        if (fan_factorization_text(f, &text) != FAN_OK)
            abort();
        snprintf(a->texts[i], sizeof a->texts[i], "%s", text);
        free(text);
    }
    fan_factorization_destroy(f);
    mpz_clears(n, p, NULL);
    fani_factor_thread_end();
    return NULL;
}

FAN_TEST(gmp_ecm, threads_do_not_disturb_each_other)
{
    enum { THREADS = 3 };
    static answers alone, together[THREADS];
    pthread_t threads[THREADS];
    (void)factor_some(&alone);
    EXPECT_CONTAINS(alone.texts[5], "600000000");
    for (unsigned i = 0; i < THREADS; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, factor_some, &together[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        ASSERT_I64(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        EXPECT_TRUE(memcmp(&alone, &together[i], sizeof alone) == 0);
}

/* What is promised by default: factors of up to 30 digits, in numbers of 80 to 90. Most such are
 * found; these are, which takes a minute and a half in all. */
FAN_TEST(gmp_ecm, long_factors_of_20_to_26_digits)
{
    static const char *const primes[] = {"31415926535897932384", "2718281828459045235360",
                                         "577215664901532860606512", "1618033988749894848204586",
                                         "27182818284590452353602874"};
    fan_factorization *f;
    mpz_t n, p;
    mpz_inits(n, p, NULL);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (unsigned i = 0; i < sizeof primes / sizeof primes[0]; i++) {
        mpz_set_str(p, primes[i], 10);
        mpz_nextprime(p, p);
        mpz_ui_pow_ui(n, 10, 90 + i); /* beyond what the sieve takes */
        mpz_nextprime(n, n);
        mpz_mul(n, n, p);
        EXPECT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
        ASSERT_U64(fan_factorization_count(f), 2);
        EXPECT_TRUE(mpz_cmp(fan_factorization_value(f, 0), p) == 0);
    }
    fan_factorization_destroy(f);
    mpz_clears(n, p, NULL);
}
