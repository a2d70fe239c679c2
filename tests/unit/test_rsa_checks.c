/* The checks of single keys: against division and brute force, on planted keys, on each instruction
 * set; and what they say of sound keys. */
#include <stdio.h> /* before <gmp.h>, which declares gmp_fprintf only then */
#include <stdlib.h>

#include "fanfold/weakkeys.h"
#include "kernel/rsa/checks.h"

#include "shim.h"

/* ---- Numbers --------------------------------------------------------------------------------- */

static gmp_randstate_t randomness;

static void begin_random(unsigned long seed)
{
    gmp_randinit_default(randomness);
    gmp_randseed_ui(randomness, seed);
}

static void random_prime(mpz_ptr prime, mp_bitcnt_t bits)
{
    mpz_urandomb(prime, randomness, bits);
    mpz_setbit(prime, bits - 1);
    mpz_setbit(prime, bits - 2);
    mpz_nextprime(prime, prime);
}

/* A random number of so many bits without its prime factors below 2^16: less than that many bits.
 */
static void random_rough(mpz_ptr n, mp_bitcnt_t bits, const uint16_t *primes)
{
    mpz_urandomb(n, randomness, bits);
    mpz_setbit(n, bits - 1);
    for (size_t i = 0; i < FANI_RSA_SMALL_PRIMES; i++)
        while (mpz_divisible_ui_p(n, primes[i]))
            mpz_divexact_ui(n, n, primes[i]);
}

static unsigned weakness_of(fani_rsa_checker *checker, mpz_srcptr n)
{
    unsigned weakness = ~0u;
    EXPECT_I64(fani_rsa_check(checker, n, 1, FAN_WEAKKEYS_CHECKS, &weakness), FAN_OK);
    return weakness;
}

/* ---- Small factors --------------------------------------------------------------------------- */

FAN_TEST(rsa_checks, the_table_has_all_primes_and_their_inverses)
{
    fani_rsa_small_table *t = malloc(sizeof *t);
    mpz_t n;
    mpz_init_set_ui(n, 2);
    static uint16_t primes[FANI_RSA_SMALL_PRIMES];
    fani_rsa_small_primes(primes);
    fani_rsa_small_table_make(t, primes);
    for (size_t i = 0; i < FANI_RSA_SMALL_PRIMES; i++) {
        EXPECT_U64(primes[i], mpz_get_ui(n));
        mpz_nextprime(n, n);
    }
    EXPECT_TRUE(mpz_cmp_ui(n, 65536) > 0);
    for (size_t j = 0; j < FANI_RSA_SMALL_PAIRS; j++) {
        EXPECT_U64((uint32_t)(t->modulus[j] * t->inverse[j]), 1);
        mpz_set_ui(n, 1);
        mpz_mul_2exp(n, n, 25 * 81);
        EXPECT_U64(t->weights[j / 32][81][j % 32], mpz_fdiv_ui(n, t->modulus[j]));
    }
    mpz_clear(n);
    free(t);
}

/* Every prime is found alone, and where there is none none is. */
FAN_TEST(rsa_checks, each_small_prime_is_found_on_each_instruction_set)
{
    static const mp_bitcnt_t sizes[] = {40, 1024, 2048, 2050, 2051, 2080, 2081, 4160, 9000, 65500};
    begin_random(1);
    mpz_t rough, n;
    mpz_inits(rough, n, NULL);
    static uint16_t primes[FANI_RSA_SMALL_PRIMES];
    fani_rsa_small_primes(primes);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        fani_rsa_checker *checker = fani_rsa_checker_new(isa);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes && !shim_failed(); s++) {
            size_t step = sizes[s] > 2048                             ? 501
                          : sizes[s] < 2048 || isa == FANI_ISA_SCALAR ? 37
                                                                      : 3;
            random_rough(rough, sizes[s], primes);
            SHIM_CHECK(!(weakness_of(checker, rough) & FAN_WEAKKEYS_SMALL_FACTOR), (void)0,
                       "a factor is seen in a number of %lu bits that has none",
                       (unsigned long)sizes[s]);
            for (size_t i = 0; i < FANI_RSA_SMALL_PRIMES; i += step) {
                mpz_mul_ui(n, rough, primes[i]);
                SHIM_CHECK(weakness_of(checker, n) & FAN_WEAKKEYS_SMALL_FACTOR, break,
                           "%s: %u is not found in %lu bits", fani_isa_name(isa), primes[i],
                           (unsigned long)sizes[s]);
            }
        }
        fani_rsa_checker_free(checker);
    }
    mpz_clears(rough, n, NULL);
    gmp_randclear(randomness);
}

/* Sums at their largest: all digits are. */
FAN_TEST(rsa_checks, numbers_of_ones_agree_with_division)
{
    mpz_t n;
    mpz_init(n);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        fani_rsa_checker *checker = fani_rsa_checker_new(isa);
        uint16_t primes[FANI_RSA_SMALL_PRIMES];
        fani_rsa_small_primes(primes);
        for (mp_bitcnt_t bits = 2; bits < 4200; bits += 37) {
            mpz_set_ui(n, 0);
            mpz_setbit(n, bits);
            mpz_sub_ui(n, n, 1);
            bool want = fani_rsa_small_divisor(primes, n) != 0;
            EXPECT_I64((weakness_of(checker, n) & FAN_WEAKKEYS_SMALL_FACTOR) != 0, want);
        }
        fani_rsa_checker_free(checker);
    }
    mpz_clear(n);
}

/* ---- Small moduli, by brute force ------------------------------------------------------------ */

static bool is_square(uint64_t n, uint64_t *root)
{
    *root = 0;
    while (*root * *root < n)
        ++*root;
    return *root * *root == n;
}

static unsigned brute_force(uint64_t n)
{
    unsigned weakness = FAN_WEAKKEYS_TINY;
    uint64_t root, b;
    for (uint64_t p = 2; p * p <= n; p++)
        if (n % p == 0)
            weakness |= FAN_WEAKKEYS_SMALL_FACTOR;
    if (is_square(n, &root))
        weakness |= FAN_WEAKKEYS_SQUARE;
    for (uint64_t a = root; a < root + 64; a++)
        if (a * a > n && is_square(a * a - n, &b) && a - b > 1)
            weakness |= FAN_WEAKKEYS_CLOSE;
    return weakness;
}

FAN_TEST(rsa_checks, all_small_moduli_agree_with_brute_force)
{
    mpz_t n;
    mpz_init(n);
    fani_rsa_checker *checker = fani_rsa_checker_new(fani_isa_wanted());
    for (unsigned i = 0; i < 2; i++) {
        mpz_set_ui(n, i);
        EXPECT_U64(weakness_of(checker, n), 0);
    }
    for (uint64_t i = 2; i < 3000 && !shim_failed(); i++) {
        mpz_set_ui(n, i);
        SHIM_CHECK(weakness_of(checker, n) == brute_force(i), (void)0, "%llu: %u, expected %u",
                   (unsigned long long)i, weakness_of(checker, n), brute_force(i));
    }
    fani_rsa_checker_free(checker);
    mpz_clear(n);
}

/* ---- Squares and close primes ---------------------------------------------------------------- */

FAN_TEST(rsa_checks, fermat_takes_64_steps_and_no_more)
{
    unsigned seen[2] = {0};
    mpz_t a, b, n, root, found_a, found_b;
    mpz_inits(a, b, n, root, found_a, found_b, NULL);
    begin_random(2);
    for (unsigned step = 0; step < 130; step++) {
        for (mp_bitcnt_t bits = 200; bits < 2200; bits += 400) {
            mpz_urandomb(a, randomness, bits);
            mpz_setbit(a, bits);
            mpz_mul_ui(b, a, 2 * step + 1); /* a - sqrt(a^2 - b^2) is about b^2 / 2a */
            mpz_sqrt(b, b);
            mpz_mul(n, a, a);
            mpz_submul(n, b, b);
            mpz_sqrt(root, n);
            mpz_sub(root, a, root); /* steps from the root rounded down, which n is no square of */
            bool want = mpz_cmp_ui(root, 64) <= 0;
            seen[want]++;
            EXPECT_I64(fani_rsa_fermat(n, found_a, found_b), want);
            if (want)
                EXPECT_TRUE(!mpz_cmp(found_a, a) && !mpz_cmp(found_b, b));
        }
    }
    EXPECT_TRUE(seen[0] > 100 && seen[1] > 100);
    mpz_clears(a, b, n, root, found_a, found_b, NULL);
    gmp_randclear(randomness);
}

/* The factors as "p,q" in hexadecimal; the caller frees. */
static char *split_text(fani_rsa_checker *checker, mpz_srcptr n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fani_mpzs factors = {0};
    EXPECT_I64(fani_rsa_split(checker, n, weakness_of(checker, n), &factors), FAN_OK);
    for (size_t i = 0; i < factors.count; i++)
        gmp_fprintf(out, "%s%Zx", i ? "," : "", factors.values + i);
    fclose(out);
    fani_mpzs_free(&factors);
    return text;
}

static void expect_split(fani_rsa_checker *checker, mpz_srcptr n, const char *format, mpz_srcptr p,
                         mpz_srcptr q)
{
    char want[4096];
    char *got = split_text(checker, n);
    gmp_snprintf(want, sizeof want, format, p, q);
    EXPECT_STR(got, want);
    free(got);
}

FAN_TEST(rsa_checks, planted_keys_are_split)
{
    mpz_t p, q, n;
    mpz_inits(p, q, n, NULL);
    begin_random(3);
    fani_rsa_checker *checker = fani_rsa_checker_new(fani_isa_wanted());
    random_prime(p, 1024);
    mpz_nextprime(q, p);
    mpz_mul(n, p, q);
    EXPECT_U64(weakness_of(checker, n), FAN_WEAKKEYS_CLOSE);
    expect_split(checker, n, "%Zx,%Zx", p, q);
    mpz_mul_ui(n, n, 45); /* not close any more */
    EXPECT_U64(weakness_of(checker, n), FAN_WEAKKEYS_SMALL_FACTOR);
    mpz_mul(n, p, p);
    EXPECT_U64(weakness_of(checker, n), FAN_WEAKKEYS_SQUARE);
    expect_split(checker, n, "%Zx,%Zx", p, p);
    mpz_mul_ui(n, n, 36);
    EXPECT_U64(weakness_of(checker, n), FAN_WEAKKEYS_SQUARE | FAN_WEAKKEYS_SMALL_FACTOR);
    expect_split(checker, n, "2,2,3,3,%Zx,%Zx", p, p);
    mpz_nextprime(q, p);
    mpz_mul_ui(p, p, 6);
    mpz_mul_ui(q, q, 6);
    mpz_mul(n, p, q); /* 6p * 6q: Fermat's split is taken apart further */
    EXPECT_TRUE(weakness_of(checker, n) & FAN_WEAKKEYS_CLOSE);
    mpz_divexact_ui(p, p, 6);
    mpz_divexact_ui(q, q, 6);
    expect_split(checker, n, "2,2,3,3,%Zx,%Zx", p, q);
    random_prime(p, 400);
    random_prime(q, 400);
    mpz_mul(n, p, q);
    EXPECT_U64(weakness_of(checker, n), FAN_WEAKKEYS_TINY);
    expect_split(checker, n, "", p, q);
    fani_rsa_checker_free(checker);
    mpz_clears(p, q, n, NULL);
    gmp_randclear(randomness);
}

/* ---- ROCA ------------------------------------------------------------------------------------ */

/* A prime k * M + (65537^a mod M), M the product of the first `primes` primes. */
static void roca_prime(mpz_ptr prime, mp_bitcnt_t bits, unsigned primes)
{
    mpz_t m, next, k, power;
    mpz_inits(m, next, k, power, NULL);
    mpz_set_ui(m, 1);
    mpz_set_ui(next, 2);
    for (unsigned i = 0; i < primes; i++) {
        mpz_mul(m, m, next);
        mpz_nextprime(next, next);
    }
    do {
        mpz_urandomb(k, randomness, 62);
        mpz_set_ui(power, 65537);
        mpz_powm(power, power, k, m);
        mpz_urandomb(k, randomness, bits - mpz_sizeinbase(m, 2));
        mpz_setbit(k, bits - mpz_sizeinbase(m, 2));
        mpz_mul(prime, k, m);
        mpz_add(prime, prime, power);
    } while (!mpz_probab_prime_p(prime, 20));
    mpz_clears(m, next, k, power, NULL);
}

/* The sizes and numbers of primes in M are those of the published analysis. */
FAN_TEST(rsa_checks, keys_with_the_roca_fingerprint_are_seen_and_no_others)
{
    static const struct {
        mp_bitcnt_t bits;
        unsigned primes;
    } made[] = {{256, 39}, {480, 39}, {512, 71}, {1024, 126}, {1984, 225}};
    mpz_t p, q, n;
    mpz_inits(p, q, n, NULL);
    begin_random(4);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        roca_prime(p, made[i].bits, made[i].primes);
        roca_prime(q, made[i].bits, made[i].primes);
        mpz_mul(n, p, q);
        EXPECT_TRUE(fani_rsa_is_roca(n));
        mpz_add_ui(q, q, 2);
        mpz_mul(n, p, q);
        EXPECT_TRUE(!fani_rsa_is_roca(n));
        random_prime(q, 256);
        mpz_mul(n, p, q);
        EXPECT_TRUE(!fani_rsa_is_roca(n));
    }
    mpz_clears(p, q, n, NULL);
    gmp_randclear(randomness);
}

/* Powers of 65537 modulo each prime, but of exponents that do not fit together: no ROCA key, though
 * a test of one prime after another takes it for one. */
FAN_TEST(rsa_checks, a_fingerprint_must_fit_as_a_whole)
{
    mpz_t n, m, p, power;
    mpz_inits(n, m, p, power, NULL);
    for (unsigned shift = 0; shift < 20; shift++) {
        mpz_set_ui(n, 1);
        mpz_set_ui(m, 2);
        mpz_set_ui(p, 3);
        for (unsigned i = 0; mpz_cmp_ui(p, 167) <= 0; i++) {
            mpz_set_ui(power, 65537);
            mpz_powm_ui(power, power, 12345 + (shift ? i * shift % 7 : 0), p);
            while (mpz_fdiv_ui(n, mpz_get_ui(p)) != mpz_get_ui(power))
                mpz_add(n, n, m);
            mpz_mul(m, m, p);
            mpz_nextprime(p, p);
        }
        mpz_addmul_ui(n, m, 1);
        mpz_mul_2exp(m, m, 400);
        mpz_add(n, n, m);
        EXPECT_I64(fani_rsa_is_roca(n), shift % 7 == 0);
    }
    mpz_clears(n, m, p, power, NULL);
}

FAN_TEST(rsa_checks, sound_keys_have_nothing)
{
    mpz_t p, q, n;
    mpz_inits(p, q, n, NULL);
    begin_random(5);
    fani_rsa_checker *checker = fani_rsa_checker_new(fani_isa_wanted());
    random_prime(p, 512);
    for (unsigned i = 0; i < 400; i++) {
        random_prime(q, 512);
        mpz_mul(n, p, q);
        EXPECT_U64(weakness_of(checker, n), 0);
        mpz_swap(p, q);
    }
    /* Numbers without small factors are enough for the others: 5000 of 2048 bits. */
    for (unsigned i = 0; i < 5000; i++) {
        mpz_urandomb(n, randomness, 2048);
        mpz_setbit(n, 2047);
        EXPECT_U64(weakness_of(checker, n) & ~(unsigned)FAN_WEAKKEYS_SMALL_FACTOR, 0);
    }
    fani_rsa_checker_free(checker);
    mpz_clears(p, q, n, NULL);
    gmp_randclear(randomness);
}

/* ---- The public call ------------------------------------------------------------------------- */

#define NUMBER(text)                                                                               \
    {                                                                                              \
        .bytes = (const unsigned char *)(text), .size_bytes = sizeof(text) - 1                     \
    }

FAN_TEST(rsa_checks, the_public_call_reports_keys_in_order)
{
    const fan_weakkeys_number moduli[] = {
        NUMBER("\x23"),
        NUMBER(""),
        NUMBER("\x01"),
        NUMBER("\0\x0f"),
        NUMBER("\x10"),
        NUMBER("\x23"),
        {.bytes = (const unsigned char *)"\x23", .size_bytes = 1, .negative = true},
    };
    const fan_weakkeys_number exponents[] = {
        NUMBER("\x03"), {0}, NUMBER("\x02"), NUMBER("\x01"), {0}, NUMBER("\x01\0"), NUMBER("\x01")};
    fan_weakkeys_checks *report = NULL;
    unsigned plain = FAN_WEAKKEYS_SMALL_FACTOR | FAN_WEAKKEYS_TINY | FAN_WEAKKEYS_CLOSE;
    ASSERT_I64(fan_weakkeys_check(moduli, exponents, 7, 0, &report, NULL), FAN_OK);
    ASSERT_U64(report->finding_count, 4);
    const fan_weakkeys_checked *f = report->findings;
    EXPECT_U64(f[0].index, 0);
    EXPECT_U64(f[0].weakness, plain);
    ASSERT_U64(f[0].found_count, 2);
    EXPECT_U64(f[0].found_factors[0].bytes[0], 5);
    EXPECT_U64(f[0].found_factors[1].bytes[0], 7);
    EXPECT_U64(f[1].index, 3);
    EXPECT_U64(f[1].weakness, plain | FAN_WEAKKEYS_EXPONENT);
    EXPECT_U64(f[2].index, 4);
    EXPECT_U64(f[2].weakness, plain | FAN_WEAKKEYS_SQUARE);
    EXPECT_U64(f[2].found_count, 4);
    EXPECT_U64(f[3].index, 5);
    EXPECT_U64(f[3].weakness, plain | FAN_WEAKKEYS_EXPONENT);
    fan_weakkeys_checks_free(report);
    ASSERT_I64(fan_weakkeys_check(moduli, exponents, 7, FAN_WEAKKEYS_EXPONENT, &report, NULL),
               FAN_OK);
    EXPECT_U64(report->finding_count, 2);
    fan_weakkeys_checks_free(report);
    report = NULL;
    EXPECT_I64(fan_weakkeys_check(moduli, NULL, 7, 1, &report, NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_weakkeys_check(NULL, NULL, 1, 0, &report, NULL), FAN_E_ARGUMENT);
    EXPECT_TRUE(report == NULL);
    ASSERT_I64(fan_weakkeys_check(NULL, NULL, 0, 0, &report, NULL), FAN_OK);
    EXPECT_U64(report->finding_count, 0);
    fan_weakkeys_checks_free(report);
    fan_weakkeys_checks_free(NULL);
}

FAN_TEST(rsa_checks, each_weakness_has_a_name)
{
    EXPECT_STR(fan_weakkeys_weakness_name(FAN_WEAKKEYS_SHARED), "shared");
    EXPECT_STR(fan_weakkeys_weakness_name(FAN_WEAKKEYS_ROCA), "roca");
    for (unsigned bit = 1; bit <= FAN_WEAKKEYS_ROCA; bit *= 2)
        EXPECT_TRUE(fan_weakkeys_weakness_name(bit) != NULL);
    EXPECT_TRUE(fan_weakkeys_weakness_name(0) == NULL);
    EXPECT_TRUE(fan_weakkeys_weakness_name(512) == NULL);
}
