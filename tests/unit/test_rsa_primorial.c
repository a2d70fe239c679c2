/* The small primes as one number: whose divisors they are, and what is left of a scan's gcds when
 * that number takes no part any more; against division and brute force over all moduli. */
#include "kernel/rsa/primorial.h"

#include "kernel/rsa/checks.h"

#include "shim.h"

static gmp_randstate_t randomness;

static void expect_divisors(fani_rsa_primorial *primorial, mpz_srcptr n,
                            const uint16_t primes[static FANI_RSA_SMALL_PRIMES])
{
    fani_mpzs got = {0};
    size_t next = 0;
    EXPECT_I64(fani_rsa_primorial_divisors(primorial, n, &got), FAN_OK);
    for (size_t i = 0; i < FANI_RSA_SMALL_PRIMES; i++)
        if (mpz_divisible_ui_p(n, primes[i]))
            SHIM_CHECK(next < got.count && !mpz_cmp_ui(got.values + next++, primes[i]), break,
                       "%u is missing", primes[i]);
    EXPECT_U64(next, got.count);
    fani_mpzs_free(&got);
}

FAN_TEST(rsa_primorial, the_divisors_are_those_that_division_finds)
{
    static uint16_t primes[FANI_RSA_SMALL_PRIMES];
    mpz_t n;
    mpz_init(n);
    gmp_randinit_default(randomness);
    gmp_randseed_ui(randomness, 1);
    fani_rsa_small_primes(primes);
    fani_rsa_primorial *primorial = fani_rsa_primorial_new();
    for (unsigned i = 0; i < FANI_RSA_SMALL_PRIMES; i += i < 10 || i > 6530 ? 1 : 211) {
        mpz_set_ui(n, primes[i]);
        expect_divisors(primorial, n, primes);
        mpz_urandomb(n, randomness, 700);
        mpz_add_ui(n, n, 1);
        mpz_mul_ui(n, n, primes[i]);
        mpz_mul_ui(n, n, primes[i]);
        expect_divisors(primorial, n, primes);
    }
    mpz_set_ui(n, 1);
    expect_divisors(primorial, n, primes);
    mpz_set_ui(n, 65537);
    expect_divisors(primorial, n, primes);
    mpz_primorial_ui(n, 65536);
    expect_divisors(primorial, n, primes);
    fani_rsa_primorial_free(primorial);
    gmp_randclear(randomness);
    mpz_clear(n);
}

/* ---- Parting --------------------------------------------------------------------------------- */

/* gcds of each of a list with the product of the others, one by one. */
static void find_gcds(const fani_mpzs *list, fani_mpzs *gcds)
{
    mpz_t others;
    mpz_init(others);
    ASSERT_I64(fani_mpzs_resize(gcds, list->count), FAN_OK);
    for (size_t i = 0; i < list->count; i++) {
        mpz_set_ui(others, 1);
        for (size_t k = 0; k < list->count; k++)
            if (k != i)
                mpz_mul(others, others, list->values + k);
        mpz_gcd(gcds->values + i, others, list->values + i);
    }
    mpz_clear(others);
}

/* Small primes of a few, and of some large ones; all of them with powers. */
static void random_modulus(mpz_ptr n)
{
    static const unsigned long small[] = {2, 2, 2, 3, 3, 5, 7, 251, 257, 65519, 65521, 65537};
    static const unsigned large[] = {89, 107, 127, 521};
    mpz_t p;
    mpz_init(p);
    mpz_set_ui(n, 1);
    for (unsigned long k = gmp_urandomm_ui(randomness, 7); k > 0; k--)
        mpz_mul_ui(n, n, small[gmp_urandomm_ui(randomness, sizeof small / sizeof *small)]);
    for (unsigned long k = gmp_urandomm_ui(randomness, 3); k > 0; k--) {
        mpz_set_ui(p, 1);
        mpz_mul_2exp(p, p, large[gmp_urandomm_ui(randomness, 4)]);
        mpz_sub_ui(p, p, 1);
        mpz_mul(n, n, p);
    }
    if (!mpz_cmp_ui(n, 1))
        mpz_set_ui(n, 65521);
    mpz_clear(p);
}

static bool is_in(const fani_mpzs *list, mpz_srcptr n)
{
    for (size_t i = 0; i < list->count; i++)
        if (!mpz_cmp(list->values + i, n))
            return true;
    return false;
}

static void make_distinct(fani_mpzs *list, size_t count, bool with_product)
{
    mpz_t n;
    mpz_init(n);
    while (list->count < count) {
        random_modulus(n);
        if (!is_in(list, n))
            ASSERT_I64(fani_mpzs_push(list, n), FAN_OK);
    }
    mpz_primorial_ui(n, 65535);
    if (with_product)
        ASSERT_I64(fani_mpzs_push(list, n), FAN_OK);
    mpz_clear(n);
}

FAN_TEST(rsa_primorial, what_only_the_product_shares_leaves_the_gcds)
{
    fani_rsa_checker *checker = fani_rsa_checker_new(fani_isa_wanted());
    unsigned seen[2] = {0};
    gmp_randinit_default(randomness);
    gmp_randseed_ui(randomness, 2);
    for (size_t round = 0; round < 30 && !shim_failed(); round++) {
        fani_mpzs list = {0}, want = {0}, got = {0};
        bool has_small[32];
        make_distinct(&list, 1 + round % 20, round % 10 == 9);
        size_t count = list.count;
        find_gcds(&list, &want);
        EXPECT_I64(fani_rsa_primorial_join(&list), FAN_OK);
        find_gcds(&list, &got);
        EXPECT_I64(fani_rsa_primorial_part(&list, &got, has_small), FAN_OK);
        EXPECT_U64(list.count, count);
        EXPECT_U64(got.count, count);
        for (size_t i = 0; i < count; i++) {
            unsigned weakness = 0;
            EXPECT_TRUE(!mpz_cmp(want.values + i, got.values + i));
            EXPECT_I64(
                fani_rsa_check(checker, list.values + i, 1, FAN_WEAKKEYS_SMALL_FACTOR, &weakness),
                FAN_OK);
            EXPECT_I64(has_small[i], weakness != 0);
            seen[has_small[i]]++;
        }
        fani_mpzs_free(&list);
        fani_mpzs_free(&want);
        fani_mpzs_free(&got);
    }
    EXPECT_TRUE(seen[0] > 10 && seen[1] > 20);
    gmp_randclear(randomness);
    fani_rsa_checker_free(checker);
}

FAN_TEST(rsa_primorial, a_set_must_be_large_for_the_product_to_pay)
{
    fani_mpzs list = {0};
    mpz_t n;
    mpz_init(n);
    mpz_setbit(n, 2047);
    EXPECT_TRUE(!fani_rsa_primorial_pays(&list));
    for (size_t i = 0; i < 511; i++)
        ASSERT_I64(fani_mpzs_push(&list, n), FAN_OK);
    EXPECT_TRUE(!fani_rsa_primorial_pays(&list));
    ASSERT_I64(fani_mpzs_push(&list, n), FAN_OK);
    EXPECT_TRUE(fani_rsa_primorial_pays(&list));
    fani_mpzs_free(&list);
    mpz_clear(n);
}
