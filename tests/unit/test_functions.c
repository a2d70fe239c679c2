#include "base/isa.h"
#include "fanfold/factor.h"
#include "shim/shim.h"

#include <stdio.h>
#include <stdlib.h>

/* Runs the body once for each instruction set of this machine. */
static void on_each_isa(void (*body)(void))
{
    const char *before = getenv("FANFOLD_ISA");
    char kept[32];
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        setenv("FANFOLD_ISA", fani_isa_name(isa), 1);
        EXPECT_I64(fani_isa_wanted(), isa);
        body();
    }
    if (before)
        setenv("FANFOLD_ISA", kept, 1);
    else
        unsetenv("FANFOLD_ISA");
}

/* Over n up to 10^6. */
typedef struct sums {
    uint64_t totient, numdiv, sigma, squarefree;
    int64_t mertens, liouville;
} sums;

static void add(sums *s, const fan_factors_u64 *factors)
{
    uint64_t sigma[2];
    fan_divisor_sum_u64(factors, sigma);
    EXPECT_U64(sigma[1], 0);
    s->totient += fan_totient_u64(factors);
    s->numdiv += fan_divisor_count_u64(factors);
    s->sigma += sigma[0];
    s->mertens += fan_moebius_u64(factors);
    s->squarefree += fan_moebius_u64(factors) != 0;
    s->liouville += fan_liouville_u64(factors);
}

static void sum_to_a_million(void)
{
    enum { LAST = 1000000, BLOCK = 1000 };
    static uint64_t n[BLOCK];
    static fan_factors_u64 factors[BLOCK];
    sums s = {0};
    for (uint64_t first = 1; first <= LAST; first += BLOCK) {
        for (size_t i = 0; i < BLOCK; i++)
            n[i] = first + i;
        ASSERT_I64(fan_factor_u64_array(n, factors, BLOCK), FAN_OK);
        for (size_t i = 0; i < BLOCK; i++)
            add(&s, &factors[i]);
    }
    EXPECT_U64(s.totient, 303963552392);
    EXPECT_U64(s.numdiv, 13970034);
    EXPECT_U64(s.sigma, 822468118437);
    EXPECT_I64(s.mertens, 212);
    EXPECT_U64(s.squarefree, 607926);
    EXPECT_I64(s.liouville, -530);
}

/* Published sums, by the whole batched path. */
FAN_TEST(functions, sums_to_a_million_on_each_instruction_set)
{
    on_each_isa(sum_to_a_million);
}

/* ---- By definition --------------------------------------------------------------------------- */

static uint64_t gcd(uint64_t a, uint64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* The functions of one small number, each by what it is defined as. */
typedef struct facts {
    uint64_t numdiv, sigma, squares, totient, omega, big_omega, radical, squarefree, smooth;
    int moebius, liouville;
} facts;

static facts define(uint64_t n, uint64_t bound)
{
    facts f = {.radical = 1, .squarefree = n, .smooth = 1, .moebius = 1, .liouville = 1};
    for (uint64_t d = 1; d <= n; d++) {
        f.totient += gcd(d, n) == 1;
        f.numdiv += n % d == 0;
        f.sigma += n % d == 0 ? d : 0;
        f.squares += n % d == 0 ? d * d : 0;
    }
    for (uint64_t d = 2; d * d <= n; d++) {
        f.moebius = n % (d * d) == 0 ? 0 : f.moebius;
        while (f.squarefree % (d * d) == 0)
            f.squarefree /= d * d;
    }
    for (uint64_t p = 2, rest = n; rest > 1; p++) {
        f.omega += rest % p == 0;
        f.radical *= rest % p == 0 ? p : 1;
        for (; rest % p == 0; rest /= p) {
            f.big_omega++;
            f.liouville = -f.liouville;
            f.smooth *= p <= bound ? p : 1;
        }
    }
    f.moebius *= f.omega % 2 ? -1 : 1;
    return f;
}

FAN_TEST(functions, of_words_by_definition)
{
    const uint64_t bound = 7;
    for (uint64_t n = 1; n <= 1500; n++) {
        fan_factors_u64 factors;
        uint64_t sigma[2];
        facts f = define(n, bound);
        ASSERT_I64(fan_factor_u64(n, &factors), FAN_OK);
        fan_divisor_sum_u64(&factors, sigma);
        ASSERT_U64(fan_divisor_count_u64(&factors), f.numdiv);
        ASSERT_U64(sigma[0], f.sigma);
        ASSERT_U64(fan_totient_u64(&factors), f.totient);
        ASSERT_I64(fan_moebius_u64(&factors), f.moebius);
        ASSERT_I64(fan_liouville_u64(&factors), f.liouville);
        ASSERT_U64(factors.count, f.omega);
        ASSERT_U64(fan_big_omega_u64(&factors), f.big_omega);
        ASSERT_U64(fan_radical_u64(&factors), f.radical);
        ASSERT_U64(fan_squarefree_part_u64(&factors), f.squarefree);
        ASSERT_U64(fan_smooth_part_u64(&factors, bound), f.smooth);
    }
}

/* Where a word ends: sums beyond it, and powers that just fit. */
FAN_TEST(functions, of_words_at_their_end)
{
    static const struct {
        uint64_t n, sum[2], totient, radical, squarefree;
    } cases[] = {
        {UINT64_MAX,
         {UINT64_C(12975236915480337152), 1},
         UINT64_C(9208981628670443520),
         UINT64_MAX,
         UINT64_MAX},
        {UINT64_C(1) << 63, {UINT64_MAX, 0}, UINT64_C(1) << 62, 2, 2},
        {UINT64_C(18446744073709551557),
         {UINT64_C(18446744073709551558), 0},
         UINT64_C(18446744073709551556),
         UINT64_C(18446744073709551557),
         UINT64_C(18446744073709551557)},
        {UINT64_C(12157665459056928801),
         {UINT64_C(18236498188585393201), 0},
         UINT64_C(8105110306037952534),
         3,
         1}, /* 3^40 */
        {UINT64_C(18446744030759878681),
         {UINT64_C(18446744035054845973), 0},
         UINT64_C(18446744026464911390),
         UINT64_C(4294967291),
         1}, /* (2^32 - 5)^2 */
        /* 2^7 3^4 5^2 7^2 11 13 ... 41: few have a larger sum for their size */
        {UINT64_C(18401055938125660800),
         {UINT64_C(10571628719100002304), 6},
         UINT64_C(2669876745338880000),
         UINT64_C(304250263527210),
         UINT64_C(2897621557402)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fan_factors_u64 factors;
        uint64_t sum[2];
        ASSERT_I64(fan_factor_u64(cases[i].n, &factors), FAN_OK);
        fan_divisor_sum_u64(&factors, sum);
        EXPECT_U64(sum[0], cases[i].sum[0]);
        EXPECT_U64(sum[1], cases[i].sum[1]);
        EXPECT_U64(fan_totient_u64(&factors), cases[i].totient);
        EXPECT_U64(fan_radical_u64(&factors), cases[i].radical);
        EXPECT_U64(fan_squarefree_part_u64(&factors), cases[i].squarefree);
        EXPECT_U64(fan_smooth_part_u64(&factors, UINT64_MAX), cases[i].n);
    }
}

/* ---- Of any size ----------------------------------------------------------------------------- */

static void expect_function(const fan_factorization *f, fan_function function, uint64_t parameter,
                            const char *expected)
{
    mpz_t value;
    fan_error error = {0};
    mpz_init(value);
    EXPECT_I64(fan_factorization_function(f, function, parameter, value, &error), FAN_OK);
    char *text = mpz_get_str(NULL, 10, value);
    EXPECT_STR(text, expected);
    free(text);
    mpz_clear(value);
}

static void expect_number(const fan_factorization *f, fan_function function, uint64_t parameter,
                          uint64_t expected)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)expected);
    expect_function(f, function, parameter, text);
}

FAN_TEST(functions, of_small_factorizations_by_definition)
{
    const uint64_t bound = 10;
    fan_factorization *f = NULL;
    mpz_t n;
    mpz_init(n);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    for (uint64_t i = 1; i <= 400; i++) {
        facts a = define(i, bound);
        mpz_set_ui(n, i);
        ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
        expect_number(f, FAN_FUNCTION_NUMDIV, 0, a.numdiv);
        expect_number(f, FAN_FUNCTION_SIGMA, 0, a.numdiv);
        expect_number(f, FAN_FUNCTION_SIGMA, 1, a.sigma);
        expect_number(f, FAN_FUNCTION_SIGMA, 2, a.squares);
        expect_number(f, FAN_FUNCTION_TOTIENT, 0, a.totient);
        expect_number(f, FAN_FUNCTION_OMEGA, 0, a.omega);
        expect_number(f, FAN_FUNCTION_BIG_OMEGA, 0, a.big_omega);
        expect_number(f, FAN_FUNCTION_RADICAL, 0, a.radical);
        expect_number(f, FAN_FUNCTION_SQUAREFREE, 0, a.squarefree);
        expect_number(f, FAN_FUNCTION_SMOOTH, bound, a.smooth);
        expect_function(f, FAN_FUNCTION_MOEBIUS, 0, a.moebius < 0 ? "-1" : a.moebius ? "1" : "0");
        expect_function(f, FAN_FUNCTION_LIOUVILLE, 0, a.liouville < 0 ? "-1" : "1");
    }
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* PARI/GP's answers for 40! (2^67 - 1)^2. */
FAN_TEST(functions, of_a_long_number)
{
    fan_factorization *f = NULL;
    mpz_t n, m;
    mpz_inits(n, m, NULL);
    mpz_fac_ui(n, 40);
    mpz_ui_pow_ui(m, 2, 67);
    mpz_sub_ui(m, m, 1);
    mpz_mul(n, n, m);
    mpz_mul(n, n, m);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    expect_function(f, FAN_FUNCTION_NUMDIV, 0, "921922560");
    expect_function(f, FAN_FUNCTION_SIGMA, 1,
                    "118845805320794126088750948993009269689004194125069769119352434811079908616313"
                    "749333606400");
    expect_function(
        f, FAN_FUNCTION_SIGMA, 3,
        "674348943369949601090497860014960597731576813895377106761964942002087039325451399384334908"
        "310467875233361428013080572845847297761891093618730677412550586575552440232985154104202726"
        "3642591791830290181660373077213566442201755588703047229752678415687545600693279129600");
    expect_function(
        f, FAN_FUNCTION_TOTIENT, 0,
        "2642632777372684990190672927238245193833104565176205612381844223728897176371200000000000");
    expect_function(f, FAN_FUNCTION_MOEBIUS, 0, "0");
    expect_function(f, FAN_FUNCTION_OMEGA, 0, "14");
    expect_function(f, FAN_FUNCTION_BIG_OMEGA, 0, "88");
    expect_function(f, FAN_FUNCTION_RADICAL, 0, "1095107657686854713725357352688870");
    expect_function(f, FAN_FUNCTION_SQUAREFREE, 0, "3829070245");
    expect_function(f, FAN_FUNCTION_LIOUVILLE, 0, "1");
    expect_function(f, FAN_FUNCTION_SMOOTH, 193707721,
                    "30615329039131978258290653082083105324700744569692618752000000000");
    fan_factorization_destroy(f);
    mpz_clears(n, m, NULL);
}

static void expect_refused(const fan_factorization *f, fan_function function, uint64_t parameter,
                           fan_status status, const char *text)
{
    mpz_t value;
    fan_error error = {0};
    mpz_init_set_ui(value, 77);
    EXPECT_I64(fan_factorization_function(f, function, parameter, value, &error), status);
    EXPECT_CONTAINS(error.text, text);
    EXPECT_U64(mpz_get_ui(value), 77);
    mpz_clear(value);
}

FAN_TEST(functions, what_has_no_value_is_refused)
{
    fan_factorization *f = NULL;
    mpz_t n;
    mpz_init(n);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    expect_refused(f, FAN_FUNCTION_TOTIENT, 0, FAN_E_ARGUMENT, "0 has no totient");
    mpz_ui_pow_ui(n, 2, 1000);
    ASSERT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    expect_refused(f, (fan_function)99, 0, FAN_E_ARGUMENT, "99");
    expect_refused(f, FAN_FUNCTION_SIGMA, 40000, FAN_E_TOO_LARGE, "too long");
    expect_refused(f, FAN_FUNCTION_SIGMA, UINT64_MAX, FAN_E_TOO_LARGE, "too long");
    fan_factorization_destroy(f);
    mpz_clear(n);
}

/* 2 3^2 65521 (10^40 + 121) (10^40 + 139), of which next to no effort leaves a composite: its
 * smooth part is known all the same, as far as trial division goes. */
FAN_TEST(functions, of_an_incomplete_factorization)
{
    const fan_factor_options little = {.digits = 1};
    fan_factorization *f = NULL;
    mpz_t n, m;
    mpz_inits(n, m, NULL);
    mpz_ui_pow_ui(n, 10, 40);
    mpz_add_ui(m, n, 121);
    mpz_add_ui(n, n, 139);
    mpz_mul(n, n, m);
    mpz_mul_ui(n, n, 18 * 65521);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    ASSERT_I64(fan_factor_mpz(n, &little, f, NULL), FAN_E_EFFORT);
    for (int i = FAN_FUNCTION_NUMDIV; i <= FAN_FUNCTION_SQUAREFREE; i++)
        expect_refused(f, (fan_function)i, 1, FAN_E_EFFORT, "the factorization is incomplete");
    expect_number(f, FAN_FUNCTION_SMOOTH, 2, 2);
    expect_number(f, FAN_FUNCTION_SMOOTH, 65520, 18);
    expect_number(f, FAN_FUNCTION_SMOOTH, 65535, 18 * 65521);
    expect_refused(f, FAN_FUNCTION_SMOOTH, 65536, FAN_E_EFFORT, "smooth part");
    fan_factorization_destroy(f);
    mpz_clears(n, m, NULL);
}

/* ---- What found a factor --------------------------------------------------------------------- */

/* The methods of all entries, in their order. */
static void expect_methods(const char *number, const fan_factor_options *options,
                           const char *expected)
{
    static const char *const names[] = {"none", "trial", "u64", "power",
                                        "rho",  "p-1",   "ecm", "siqs"};
    char methods[100] = "";
    fan_factorization *f = NULL;
    mpz_t n;
    ASSERT_I64(mpz_init_set_str(n, number, 10), 0);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    EXPECT_I64(fan_factor_mpz(n, options, f, NULL), FAN_OK);
    for (size_t i = 0; i < fan_factorization_count(f); i++) {
        strcat(methods, i ? " " : "");
        strcat(methods, names[fan_factorization_method(f, i)]);
    }
    EXPECT_STR(methods, expected);
    fan_factorization_destroy(f);
    mpz_clear(n);
}

FAN_TEST(functions, methods)
{
    const fan_factor_options little = {.digits = 8};
    expect_methods("7", NULL, "none");
    expect_methods("12", NULL, "trial trial");
    expect_methods("49", NULL, "trial");
    expect_methods("10000019", NULL, "none");
    expect_methods("20000038", NULL, "trial trial");
    expect_methods("30000147000171", NULL, "trial u64 u64"); /* 3 1000003 10000019 */
    expect_methods("170141183460469231731687303715884105727", NULL, "none");
    expect_methods("510423550381407695195061911147652317181", NULL, "trial trial");
    expect_methods("12259964326927110850916040267783483001021757281745764351", NULL,
                   "power");                                                /* (2^61 - 1)^3 */
    expect_methods("10000030000000000000000013000039", &little, "rho rho"); /* 1000003 ... */
    expect_methods("10000030000000000000000013000039", NULL, "ecm ecm");
    expect_methods("200000000000000000000000350000000000000000000000117", NULL,
                   "siqs siqs"); /* two primes of 26 digits */
}

/* The same from the factorization of a word alone. */
FAN_TEST(functions, methods_of_words)
{
    fan_factors_u64 factors;
    ASSERT_I64(fan_factor_u64(30000147000171, &factors), FAN_OK);
    EXPECT_I64(fan_factors_u64_method(&factors, 0), FAN_METHOD_TRIAL);
    EXPECT_I64(fan_factors_u64_method(&factors, 1), FAN_METHOD_U64);
    EXPECT_I64(fan_factors_u64_method(&factors, 2), FAN_METHOD_U64);
    ASSERT_I64(fan_factor_u64(1000003, &factors), FAN_OK);
    EXPECT_I64(fan_factors_u64_method(&factors, 0), FAN_METHOD_NONE);
    ASSERT_I64(fan_factor_u64(UINT64_C(1000003) * 1000003, &factors), FAN_OK);
    EXPECT_I64(fan_factors_u64_method(&factors, 0), FAN_METHOD_U64);
}
