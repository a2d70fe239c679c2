#include "fanfold/factor.h"
#include "kernel/factor/factor_internal.h"
#include "kernel/factor/rho.h"
#include "shim/shim.h"

#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void random_bits(uint64_t *state, unsigned bits, mpz_t out)
{
    mpz_set_ui(out, 0);
    for (unsigned made = 0; made < bits; made += 64) {
        mpz_mul_2exp(out, out, 64);
        mpz_add_ui(out, out, next_random(state));
    }
    mpz_tdiv_r_2exp(out, out, bits - 1);
    mpz_setbit(out, bits - 1);
}

/* Factors `n` (decimal, or 0x...) and compares status and text. */
static void expect_text(const char *n, const fan_factor_options *options, fan_status status,
                        const char *expected)
{
    mpz_t number;
    mpz_init_set_str(number, n, 0);
    fan_factorization *f;
    char *text = NULL;
    fan_error error = {0};
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(number, options, f, &error), status);
    EXPECT_I64(error.status, status);
    EXPECT_I64(fan_factorization_complete(f), status == FAN_OK);
    EXPECT_TRUE(mpz_cmp(fan_factorization_number(f), number) == 0);
    ASSERT_I64(fan_factorization_text(f, &text), FAN_OK);
    EXPECT_STR(text, expected);
    free(text);
    fan_factorization_destroy(f);
    mpz_clear(number);
}

/* Factors n completely; every factor is prime, ascending and proven, and they multiply to n. */
static void expect_factored(mpz_srcptr n, fan_factorization *f)
{
    mpz_t product, power;
    mpz_init_set_ui(product, 1);
    mpz_init(power);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    for (size_t i = 0; i < fan_factorization_count(f); i++) {
        mpz_srcptr value = fan_factorization_value(f, i);
        EXPECT_TRUE(mpz_probab_prime_p(value, 30) != 0);
        EXPECT_I64(fan_factorization_kind(f, i), FAN_FACTOR_PRIME);
        EXPECT_TRUE(fan_factorization_proof(f, i) != FAN_PROOF_NONE);
        EXPECT_U64(fan_factorization_proof(f, i) == FAN_PROOF_U64, mpz_size(value) == 1);
        EXPECT_TRUE(i == 0 || mpz_cmp(fan_factorization_value(f, i - 1), value) < 0);
        mpz_pow_ui(power, value, fan_factorization_exponent(f, i));
        mpz_mul(product, product, power);
    }
    EXPECT_TRUE(mpz_cmp(product, n) == 0);
    mpz_clears(product, power, NULL);
}

FAN_TEST(factor_mpz, small_and_word_boundaries)
{
    expect_text("0", NULL, FAN_OK, "");
    expect_text("1", NULL, FAN_OK, "");
    expect_text("2", NULL, FAN_OK, "2");
    expect_text("720", NULL, FAN_OK, "2 2 2 2 3 3 5");
    expect_text("0xffffffffffffffff", NULL, FAN_OK, "3 5 17 257 641 65537 6700417");
    expect_text("0xffffffffffffffc5", NULL, FAN_OK, "18446744073709551557");
    expect_text("0x10000000000000001", NULL, FAN_OK, "274177 67280421310721");
    expect_text("0xffffffffffffffffffffffffffffffff", NULL, FAN_OK,
                "3 5 17 257 641 65537 274177 6700417 67280421310721");
    expect_text("0xffffffffffffffffffffffffffffff61", NULL, FAN_OK,
                "340282366920938463463374607431768211297");
    expect_text("730750818665451459112596905638433048232067471723", NULL, FAN_OK,
                "730750818665451459112596905638433048232067471723");
}

FAN_TEST(factor_mpz, negative_is_refused_and_nothing_lost)
{
    fan_factorization *f;
    fan_error error = {0};
    mpz_t n;
    mpz_init_set_ui(n, 12);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_U64(fan_factorization_count(f), 0);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, &error), FAN_OK);
    EXPECT_I64(error.status, FAN_OK);
    mpz_set_si(n, -12);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "negative");
    EXPECT_U64(fan_factorization_count(f), 2);
    fan_factorization_destroy(f);
    fan_factorization_destroy(NULL);
    mpz_clear(n);
}

/* The smallest composites that pass Miller-Rabin to the first 12 and 13 primes, and others known
 * from the literature: proofs must not be fooled. */
FAN_TEST(factor_mpz, strong_pseudoprimes)
{
    expect_text("318665857834031151167461", NULL, FAN_OK, "399165290221 798330580441");
    expect_text("3317044064679887385961981", NULL, FAN_OK, "1287836182261 2575672364521");
    expect_text("360681321802296925566181", NULL, FAN_OK, "424665351661 849330703321");
    expect_text("164280218643672633986221", NULL, FAN_OK, "286600958341 573201916681");
}

FAN_TEST(factor_mpz, mersenne_fermat_repunits)
{
    expect_text("0x7ffffffffffffffff", NULL, FAN_OK, "193707721 761838257287"); /* 2^67 - 1 */
    expect_text("0x7fffffffffffffffff", NULL, FAN_OK, "228479 48544121 212885833");
    expect_text("0x1ffffffffffffffffffffff", NULL, FAN_OK,
                "618970019642690137449562111"); /* 2^89 - 1 */
    expect_text("0x7fffffffffffffffffffffffffffffff", NULL, FAN_OK,
                "170141183460469231731687303715884105727");
    expect_text("1111111111111111111", NULL, FAN_OK, "1111111111111111111");
    expect_text("11111111111111111111111", NULL, FAN_OK, "11111111111111111111111");
    expect_text("111111111111111111111111111111", NULL, FAN_OK,
                "3 7 11 13 31 37 41 211 241 271 2161 9091 2906161");
}

FAN_TEST(factor_mpz, perfect_powers)
{
    uint64_t state = 5;
    fan_factorization *f;
    mpz_t root, n;
    mpz_inits(root, n, NULL);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (unsigned bits = 13; bits <= 100; bits += 3) {
        random_bits(&state, bits, root);
        mpz_nextprime(root, root);
        for (unsigned k = 2; k <= 12; k++) {
            mpz_pow_ui(n, root, k);
            expect_factored(n, f);
            EXPECT_U64(fan_factorization_count(f), 1);
            EXPECT_U64(fan_factorization_exponent(f, 0), k);
        }
    }
    mpz_set_ui(n, 1);
    mpz_mul_2exp(n, n, 100000);
    expect_factored(n, f);
    EXPECT_U64(fan_factorization_exponent(f, 0), 100000);
    /* Powers of composites, which are roots of unknown kind first: (p q)^6, (p^2 q)^3. */
    mpz_set_ui(root, 4294967291);
    mpz_mul_ui(n, root, 4294967279);
    mpz_pow_ui(n, n, 6);
    expect_factored(n, f);
    mpz_mul_ui(n, root, 4294967279);
    mpz_mul(n, n, root);
    mpz_pow_ui(n, n, 3);
    expect_factored(n, f);
    EXPECT_U64(fan_factorization_exponent(f, 0), 3);
    EXPECT_U64(fan_factorization_exponent(f, 1), 6);
    fan_factorization_destroy(f);
    mpz_clears(root, n, NULL);
}

/* Random primes of chosen sizes multiplied, so that each arithmetic is met at every word length;
 * the largest is beyond what rho could find, and proven. */
FAN_TEST(factor_mpz, random_products)
{
    uint64_t state = 6;
    fan_factorization *f;
    mpz_t n, prime;
    mpz_inits(n, prime, NULL);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (unsigned bits = 40; bits <= 280; bits += 12) {
        mpz_set_ui(n, 1);
        for (int i = 0; i < 3; i++) {
            random_bits(&state, 8 + (unsigned)(next_random(&state) % 28), prime);
            mpz_nextprime(prime, prime);
            mpz_mul(n, n, prime);
        }
        random_bits(&state, bits, prime);
        mpz_nextprime(prime, prime);
        mpz_mul(n, n, prime);
        expect_factored(n, f);
    }
    fan_factorization_destroy(f);
    mpz_clears(n, prime, NULL);
}

/* Moduli of exactly 128 bits and near a full word, where carries run over. */
FAN_TEST(factor_mpz, full_words)
{
    fan_factorization *f;
    mpz_t n, small, large;
    mpz_inits(n, small, large, NULL);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (unsigned bits = 128; bits <= 320; bits += 64) {
        for (unsigned i = 0; i < 6; i++) {
            mpz_set_ui(small, 1000000007 + 1000 * i);
            mpz_nextprime(small, small);
            mpz_set_ui(n, 1);
            mpz_mul_2exp(n, n, bits);
            mpz_fdiv_q(large, n, small);
            do
                mpz_sub_ui(large, large, 1);
            while (mpz_probab_prime_p(large, 25) == 0);
            mpz_mul(n, small, large);
            ASSERT_U64(mpz_sizeinbase(n, 2), bits);
            expect_factored(n, f);
        }
    }
    fan_factorization_destroy(f);
    mpz_clears(n, small, large, NULL);
}

/* 2^128 + 1 = 59649589127497217 * 5704689200685129054721: out of reach, and said so. */
FAN_TEST(factor_mpz, effort_spent)
{
    fan_factor_options little = {.digits = 10};
    expect_text("0x100000000000000000000000000000001", &little, FAN_E_EFFORT,
                "c340282366920938463463374607431768211457");
    /* The square of it, times 2^2 3: the root is known to be composite. */
    expect_text("0xc000000000000000000000000000000180000000000000000000000000000000c", &little,
                FAN_E_EFFORT,
                "2 2 3 c340282366920938463463374607431768211457 "
                "c340282366920938463463374607431768211457");
    expect_text("59649589127497217", NULL, FAN_OK, "59649589127497217");
    expect_text("5704689200685129054721", NULL, FAN_OK, "5704689200685129054721");
}

/* Who looks for half of a number's digits gets all of it. */
FAN_TEST(factor_mpz, effort_for_half_the_digits)
{
    fan_factor_options options = {.digits = 20};
    expect_text("0x100000000000000000000000000000001", &options, FAN_OK,
                "59649589127497217 5704689200685129054721");
}

/* The composite left by one call goes on in the same object. */
FAN_TEST(factor_mpz, an_entry_factored_further)
{
    fan_factor_options options = {.digits = 5};
    fan_factorization *f;
    mpz_t n;
    mpz_init_set_str(n, "510423550381407695195061911147652317181", 10); /* 3 (2^127 - 1) */
    mpz_mul_ui(n, n, 4294967291);
    mpz_mul_ui(n, n, 4294967279);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, &options, f, NULL), FAN_E_EFFORT);
    ASSERT_U64(fan_factorization_count(f), 2);
    EXPECT_I64(fan_factor_mpz(fan_factorization_value(f, 1), NULL, f, NULL), FAN_OK);
    ASSERT_U64(fan_factorization_count(f), 3);
    EXPECT_TRUE(mpz_cmp_ui(fan_factorization_value(f, 1), 4294967291) == 0);
    mpz_divexact_ui(n, n, 3);
    EXPECT_TRUE(mpz_cmp(fan_factorization_number(f), n) == 0);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* More digits are found with more effort; nothing else changes. */
FAN_TEST(factor_mpz, effort_raised)
{
    /* 1000000000039 * (2^127 - 1) */
    fan_factor_options options = {.digits = 6};
    expect_text("170141183467104737886645603753419910571919480123353", &options, FAN_E_EFFORT,
                "c170141183467104737886645603753419910571919480123353");
    options.digits = 14;
    expect_text("170141183467104737886645603753419910571919480123353", &options, FAN_OK,
                "1000000000039 170141183460469231731687303715884105727");
}

static bool cancel_after(void *context)
{
    unsigned *left = context;
    return (*left)-- == 0;
}

FAN_TEST(factor_mpz, cancelled)
{
    for (unsigned polls = 0; polls < 6000; polls += 449) {
        unsigned left = polls;
        fan_factor_options options = {.digits = 14, .cancelled = cancel_after, .context = &left};
        fan_factorization *f;
        mpz_t n, product, power;
        mpz_init_set_str(n, "0x600000000000000000000000000000006", 0);
        mpz_init_set_ui(product, 1);
        mpz_init(power);
        ASSERT_I64(fan_factorization_create(&f), FAN_OK);
        EXPECT_I64(fan_factor_mpz(n, &options, f, NULL), FAN_E_CANCELLED);
        EXPECT_TRUE(!fan_factorization_complete(f));
        for (size_t i = 0; i < fan_factorization_count(f); i++) {
            mpz_pow_ui(power, fan_factorization_value(f, i), fan_factorization_exponent(f, i));
            mpz_mul(product, product, power);
        }
        EXPECT_TRUE(mpz_cmp(product, n) == 0);
        fan_factorization_destroy(f);
        mpz_clears(n, product, power, NULL);
    }
}

/* 2^2203 - 1 is prime and has 664 digits. */
FAN_TEST(factor_mpz, probable_beyond_the_proof_limit)
{
    fan_factorization *f;
    mpz_t n;
    mpz_init_set_ui(n, 1);
    mpz_mul_2exp(n, n, 2203);
    mpz_sub_ui(n, n, 1);
    mpz_mul_ui(n, n, 9);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    ASSERT_U64(fan_factorization_count(f), 2);
    EXPECT_U64(fan_factorization_exponent(f, 0), 2);
    EXPECT_I64(fan_factorization_proof(f, 0), FAN_PROOF_U64);
    EXPECT_I64(fan_factorization_kind(f, 1), FAN_FACTOR_PRIME);
    EXPECT_I64(fan_factorization_proof(f, 1), FAN_PROOF_NONE);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

FAN_TEST(factor_mpz, digits_at_the_limit)
{
    mpz_t n;
    mpz_init(n);
    for (unsigned long digits = 1; digits <= 600; digits++) {
        mpz_ui_pow_ui(n, 10, digits);
        EXPECT_TRUE(fani_has_more_digits(n, digits));
        EXPECT_TRUE(!fani_has_more_digits(n, digits + 1));
        mpz_sub_ui(n, n, 1);
        EXPECT_TRUE(!fani_has_more_digits(n, digits));
    }
    mpz_clear(n);
}

/* Above 10 000 digits only the primes below 2^16 are divided out. */
FAN_TEST(factor_mpz, too_long)
{
    static const unsigned long primes[] = {4093, 4099, 65519, 65521};
    fan_factorization *f;
    fan_error error = {0};
    char *text;
    mpz_t n;
    mpz_init(n);
    mpz_ui_pow_ui(n, 10007, 2600);
    mpz_add_ui(n, n, 4);
    for (size_t i = 0; i < 4; i++)
        mpz_mul_ui(n, n, primes[i]);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, &error), FAN_E_EFFORT);
    EXPECT_CONTAINS(error.text, "10000 digits");
    size_t last = fan_factorization_count(f) - 1;
    EXPECT_I64(fan_factorization_kind(f, last), FAN_FACTOR_UNKNOWN);
    for (unsigned long p = 2; p < 65536; p++)
        ASSERT_TRUE(!mpz_divisible_ui_p(fan_factorization_value(f, last), p));
    ASSERT_I64(fan_factorization_text(f, &text), FAN_OK);
    EXPECT_CONTAINS(text, " 65519 65521 ?");
    free(text);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* Equal entries of one kind are joined; a wrong product is seen. */
FAN_TEST(factor_mpz, entries_are_joined_and_checked)
{
    static const fani_verdict prime = {FAN_FACTOR_PRIME, FAN_PROOF_U64};
    static const fani_verdict composite = {FAN_FACTOR_COMPOSITE, FAN_PROOF_NONE};
    fan_factorization *f;
    mpz_t n, value;
    mpz_init_set_ui(n, 22176); /* 2^5 3^2 77 */
    mpz_init_set_ui(value, 77);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    fani_factorization_reset(f, n);
    ASSERT_I64(fani_factorization_add(f, value, 1, composite), FAN_OK);
    mpz_set_ui(value, 2);
    ASSERT_I64(fani_factorization_add(f, value, 2, prime), FAN_OK);
    mpz_set_ui(value, 3);
    ASSERT_I64(fani_factorization_add(f, value, 2, prime), FAN_OK);
    mpz_set_ui(value, 2);
    EXPECT_TRUE(!fani_factorization_finish(f));
    ASSERT_I64(fani_factorization_add(f, value, 3, prime), FAN_OK);
    EXPECT_TRUE(fani_factorization_finish(f));
    ASSERT_U64(fan_factorization_count(f), 3);
    EXPECT_U64(fan_factorization_exponent(f, 0), 5);
    EXPECT_I64(fan_factorization_kind(f, 2), FAN_FACTOR_COMPOSITE);
    fan_factorization_destroy(f);
    mpz_clears(n, value, NULL);
}

/* y = y^2 / R + c mod n by GMP's division, R = 2^(64 words of n). */
static void reference_step(mpz_ptr y, uint64_t c, mpz_srcptr inverse_r, mpz_srcptr n)
{
    mpz_mul(y, y, y);
    mpz_mul(y, y, inverse_r);
    mpz_add_ui(y, y, c);
    mpz_mod(y, y, n);
}

/* 100 steps to the mark, 100 collected: the product must be the reference's up to its sign. */
static void expect_arithmetic(const fani_rho_ops *ops, mpz_srcptr n, uint64_t start, uint64_t c)
{
    mpz_t y, mark, product, inverse_r, actual;
    mpz_inits(y, mark, inverse_r, actual, NULL);
    mpz_init_set_ui(product, 1);
    mpz_setbit(inverse_r, 64 * mpz_size(n));
    ASSERT_TRUE(mpz_invert(inverse_r, inverse_r, n) != 0);
    mpz_set_ui(y, start);
    for (int i = 0; i < 100; i++)
        reference_step(y, c, inverse_r, n);
    mpz_set(mark, y);
    for (int i = 0; i < 100; i++) {
        reference_step(y, c, inverse_r, n);
        mpz_sub(actual, mark, y);
        mpz_mul(product, product, actual);
        mpz_mul(product, product, inverse_r);
        mpz_mod(product, product, n);
    }
    void *state = ops->create(n);
    ASSERT_TRUE(state != NULL);
    ops->start(state, start, c);
    ops->advance(state, 100);
    ops->mark(state);
    ops->collect(state, 100);
    ops->product(state, actual);
    mpz_sub(mark, n, product);
    EXPECT_TRUE(mpz_cmp(actual, product) == 0 || mpz_cmp(actual, mark) == 0);
    ops->destroy(state);
    mpz_clears(y, mark, product, inverse_r, actual, NULL);
}

FAN_TEST(factor_mpz, arithmetic_of_rho_against_gmp)
{
    uint64_t state = 7;
    mpz_t n;
    mpz_init(n);
    for (unsigned bits = 65; bits <= 700; bits++) {
        random_bits(&state, bits, n);
        mpz_setbit(n, 0);
        expect_arithmetic(&fani_rho_mpn, n, next_random(&state), next_random(&state));
        if (bits <= 128)
            expect_arithmetic(&fani_rho_two_words, n, next_random(&state), next_random(&state));
    }
    /* All ones: carries run over; in a single word at nearly every step. */
    for (unsigned words = 1; words <= 6; words++) {
        mpz_set_ui(n, 1);
        mpz_mul_2exp(n, n, UINT64_C(64) * words);
        mpz_sub_ui(n, n, 1);
        expect_arithmetic(&fani_rho_mpn, n, UINT64_MAX - 4, UINT64_MAX - 1);
        if (words == 2)
            expect_arithmetic(&fani_rho_two_words, n, UINT64_MAX - 4, UINT64_MAX - 1);
    }
    mpz_clear(n);
}

static void expect_divisor_list(const char *n, const uint64_t *expected, size_t count)
{
    fan_factorization *f;
    fan_divisor_list list;
    mpz_t number;
    mpz_init_set_str(number, n, 10);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    ASSERT_I64(fan_factor_mpz(number, NULL, f, NULL), FAN_OK);
    ASSERT_I64(fan_divisors(f, 0, &list, NULL), FAN_OK);
    ASSERT_U64(list.count, count);
    for (size_t i = 0; i < count; i++)
        EXPECT_TRUE(mpz_cmp_ui(list.values[i], expected[i]) == 0);
    fan_divisor_list_clear(&list);
    EXPECT_U64(list.count, 0);
    fan_factorization_destroy(f);
    mpz_clear(number);
}

FAN_TEST(divisors, classic_numbers)
{
    static const uint64_t of_2139079[] = {1, 101, 21179, 2139079};
    expect_divisor_list("2139079", of_2139079, 4);
    static const uint64_t of_1214759[] = {1,    7,     13,    49,    91,     637,
                                          1907, 13349, 24791, 93443, 173537, 1214759};
    expect_divisor_list("1214759", of_1214759, 12);
    static const uint64_t of_1516637[] = {1, 19, 79823, 1516637};
    expect_divisor_list("1516637", of_1516637, 4);
    static const uint64_t of_1852285[] = {1, 5, 271, 1355, 1367, 6835, 370457, 1852285};
    expect_divisor_list("1852285", of_1852285, 8);
}

/* 100! has 39001250856960000 divisors, 22! has 96000, which pair up to 22!. */
FAN_TEST(divisors, factorials_and_the_limit)
{
    fan_factorization *f;
    fan_divisor_list list = {NULL, 7};
    fan_error error = {0};
    mpz_t n, product;
    mpz_inits(n, product, NULL);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    mpz_fac_ui(n, 100);
    ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    EXPECT_I64(fan_divisors(f, 0, &list, &error), FAN_E_TOO_LARGE);
    EXPECT_CONTAINS(error.text, "10000000");
    EXPECT_U64(list.count, 7);
    mpz_fac_ui(n, 22);
    ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    EXPECT_I64(fan_divisors(f, 95999, &list, NULL), FAN_E_TOO_LARGE);
    ASSERT_I64(fan_divisors(f, 96000, &list, NULL), FAN_OK);
    ASSERT_U64(list.count, 96000);
    for (size_t i = 0; i < list.count; i++) {
        ASSERT_TRUE(i == 0 || mpz_cmp(list.values[i - 1], list.values[i]) < 0);
        mpz_mul(product, list.values[i], list.values[list.count - 1 - i]);
        ASSERT_TRUE(mpz_cmp(product, n) == 0);
    }
    fan_divisor_list_clear(&list);
    fan_factorization_destroy(f);
    mpz_clears(n, product, NULL);
}

FAN_TEST(divisors, zero_and_incomplete_are_refused)
{
    fan_factorization *f;
    fan_divisor_list list = {NULL, 7};
    fan_factor_options little = {.digits = 5};
    mpz_t n;
    mpz_init_set_ui(n, 0);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    EXPECT_I64(fan_divisors(f, 0, &list, NULL), FAN_E_ARGUMENT);
    mpz_set_ui(n, 1);
    mpz_mul_2exp(n, n, 128);
    mpz_add_ui(n, n, 1);
    EXPECT_I64(fan_factor_mpz(n, &little, f, NULL), FAN_E_EFFORT);
    EXPECT_I64(fan_divisors(f, 0, &list, NULL), FAN_E_EFFORT);
    EXPECT_U64(list.count, 7);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* Last in this program's thread that factors: caches go, and come back when needed. */
FAN_TEST(factor_mpz, thread_end_may_be_followed_by_more)
{
    expect_text("618970019642690137449562111", NULL, FAN_OK, "618970019642690137449562111");
    fani_factor_thread_end();
    expect_text("618970019642690137449562111", NULL, FAN_OK, "618970019642690137449562111");
    fani_factor_thread_end();
}
