/* Products by transforms against GMP, on each path that this machine has. */
#include "kernel/ntt/internal.h"
#include "kernel/ntt/kept.h"
#include "shim/shim.h"

#include <stdlib.h>

typedef enum fill { RANDOM, LONG_RUNS, ONES, ZERO, ONE_BIT } fill;

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static mp_limb_t *limbs_new(size_t n)
{
    mp_limb_t *limbs = malloc((n + 1) * sizeof *limbs);
    if (!limbs)
        abort();
    memset(limbs, 0xa5, (n + 1) * sizeof *limbs);
    return limbs;
}

/* Runs of ones and zeros of random lengths reach limits that random bits don't. */
static void fill_runs(mp_limb_t *a, size_t n, uint64_t *state)
{
    size_t left = 0;
    mp_limb_t bit = 0;
    for (size_t i = 0; i < 64 * n; i++) {
        if (left-- == 0) {
            left = next_random(state) % 300;
            bit ^= 1;
        }
        a[i / 64] = (i % 64 ? a[i / 64] : 0) | bit << i % 64;
    }
}

static mp_limb_t *operand(size_t n, fill kind, uint64_t *state)
{
    mp_limb_t *a = limbs_new(n);
    memset(a, kind == ONES ? 0xff : 0, n * sizeof *a);
    if (kind == RANDOM) {
        for (size_t i = 0; i < n; i++)
            a[i] = next_random(state);
    } else if (kind == LONG_RUNS) {
        fill_runs(a, n, state);
    } else if (kind == ONE_BIT) {
        size_t bit = next_random(state) % (64 * n);
        a[bit / 64] = UINT64_C(1) << bit % 64;
    }
    return a;
}

static void product_by_gmp(mp_limb_t *out, const mp_limb_t *a, size_t an, const mp_limb_t *b,
                           size_t bn)
{
    if (an >= bn)
        mpn_mul(out, a, (mp_size_t)an, b, (mp_size_t)bn);
    else
        mpn_mul(out, b, (mp_size_t)bn, a, (mp_size_t)an);
}

/* value (size limbs) modulo B^n - 1, below B^n - 1, to its first n limbs; zeros behind them. */
static void wrap(mp_limb_t *value, size_t size, size_t n)
{
    for (size_t at = size; at > n;) {
        size_t part = at - n < n ? at - n : n;
        at -= part;
        mp_limb_t over = mpn_add(value, value, (mp_size_t)n, value + at, (mp_size_t)part);
        while (over)
            over = mpn_add_1(value, value, (mp_size_t)n, over);
    }
    bool ones = true;
    for (size_t i = 0; i < n; i++)
        ones = ones && value[i] == UINT64_MAX;
    if (ones)
        memset(value, 0, n * sizeof *value);
}

/* The cyclic product of operands of these lengths, on one path, against GMP. */
static void expect_cyclic(const fani_ntt *plan, const mp_limb_t *a, size_t an, const mp_limb_t *b,
                          size_t bn)
{
    size_t n = fani_ntt_limbs(plan), size = an + bn > n ? an + bn : n;
    uint64_t *scratch;
    ASSERT_I64(fani_ntt_allocate(plan, 2, &scratch), FAN_OK);
    memset(scratch, 0x6b, 2 * fani_ntt_words(plan) * sizeof *scratch);
    mp_limb_t *expected = limbs_new(size), *got = limbs_new(n);
    memset(expected, 0, size * sizeof *expected);
    product_by_gmp(expected, a, an, b, bn);
    wrap(expected, size, n);
    fani_ntt_mul_cyclic(plan, got, a, an, b, bn, scratch);
    EXPECT_U64(got[n], UINT64_C(0xa5a5a5a5a5a5a5a5));
    if (an + bn > n)
        wrap(got, n, n);
    EXPECT_TRUE(memcmp(expected, got, n * sizeof *got) == 0);
    free(scratch);
    free(expected);
    free(got);
}

static void expect_products(fani_isa isa, size_t an, size_t bn, size_t limbs, uint64_t *state)
{
    static const fill kinds[][2] = {{RANDOM, RANDOM}, {LONG_RUNS, LONG_RUNS}, {ONES, ONES},
                                    {ONES, RANDOM},   {ZERO, RANDOM},         {ONE_BIT, ONES}};
    fani_ntt *plan;
    ASSERT_I64(fani_ntt_make(limbs, isa, &plan), FAN_OK);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        mp_limb_t *a = operand(an, kinds[i][0], state), *b = operand(bn, kinds[i][1], state);
        expect_cyclic(plan, a, an, b, bn);
        if (shim_failed())
            shim_fail(__FILE__, __LINE__, "%s: %zu x %zu limbs, modulo B^%zu - 1, kinds %d, %d",
                      fani_isa_name(isa), an, bn, fani_ntt_limbs(plan), (int)kinds[i][0],
                      (int)kinds[i][1]);
        free(a);
        free(b);
    }
    fani_ntt_free(plan);
}

FAN_TEST(ntt, products_of_random_lengths)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < 60 && !shim_failed(); i++) {
        size_t an = 1 + next_random(&state) % (i < 20 ? 40 : i < 50 ? 1500 : 9000);
        size_t bn = 1 + next_random(&state) % an;
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++)
            expect_products(isa, i % 2 ? an : bn, i % 2 ? bn : an, an + bn, &state);
    }
}

FAN_TEST(ntt, very_unbalanced_products)
{
    uint64_t state = 2;
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        expect_products(isa, 20000, 1, 20001, &state);
        expect_products(isa, 3, 12345, 12348, &state);
    }
}

/* Both factors as long as the modulus: everything comes round. */
FAN_TEST(ntt, cyclic_products_wrap)
{
    uint64_t state = 3;
    static const size_t lengths[] = {1, 424, 425, 1000, 2048, 3600, 7777};
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths && !shim_failed(); i++) {
            size_t n = fani_ntt_length(lengths[i]);
            expect_products(isa, n, n, lengths[i], &state);
            expect_products(isa, n, n / 3 + 1, lengths[i], &state);
        }
    }
}

/* Up to 2M limbs; the largest with two kinds of operands. */
FAN_TEST(ntt, long_products_up_to_two_million_limbs)
{
    uint64_t state = 4;
    for (size_t n = 10000; n < 2000000; n = n * 17 / 10) {
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine() && !shim_failed(); isa++)
            expect_products(isa, n, n - next_random(&state) % n, 2 * n, &state);
    }
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine() && !shim_failed(); isa++)
        expect_products(isa, 2000000, 2000000, 4000000, &state);
}

/* ---- Every number of primes, both factors, with as many bits as go ----------------------------
 */

static fani_ntt *plan_of(unsigned primes, unsigned factor, unsigned rows_log, fani_isa isa)
{
    fani_ntt_sizes sizes = {.primes = primes, .factor = factor, .rows_log = rows_log};
    size_t limbs = 1;
    fani_ntt *plan = NULL;
    while (fani_ntt_fit(limbs + 1, &sizes))
        limbs = sizes.limbs;
    EXPECT_TRUE(fani_ntt_fit(limbs, &sizes));
    EXPECT_I64(fani_ntt_make_sized(&sizes, isa, &plan), FAN_OK);
    return plan;
}

typedef void shape_check(fani_ntt *plan, fani_isa isa);

static void each_shape(unsigned rows_log, shape_check *check)
{
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (unsigned primes = 3; primes <= FANI_NTT_PRIMES_MAX; primes++) {
            for (unsigned factor = 1; factor <= FANI_NTT_FACTOR_MAX && !shim_failed();
                 factor += 2) {
                fani_ntt *plan = plan_of(primes, factor, rows_log, isa);
                check(plan, isa);
                if (shim_failed())
                    shim_fail(__FILE__, __LINE__, "%s, %u primes, %u * 2^%u rows of %u bits",
                              fani_isa_name(isa), primes, factor, rows_log, plan->sizes.bits);
                fani_ntt_free(plan);
            }
        }
    }
}

static uint64_t *transforms(const fani_ntt *plan, size_t count)
{
    uint64_t *all = NULL;
    EXPECT_I64(fani_ntt_allocate(plan, count, &all), FAN_OK);
    memset(all, 0x6b, count * fani_ntt_words(plan) * sizeof *all); /* no zeros by chance */
    return all;
}

/* As many products of ones as may be summed: the largest coefficients there are. */
static void check_ones(fani_ntt *plan, fani_isa isa)
{
    size_t n = fani_ntt_limbs(plan), words = fani_ntt_words(plan);
    mp_limb_t *ones = operand(n, ONES, NULL), *got = limbs_new(n);
    uint64_t *t = transforms(plan, 2), state = 5;
    (void)isa;
    fani_ntt_transform(plan, t, ones, n);
    for (unsigned j = 0; j < fani_ntt_primes(plan); j++) {
        fani_ntt_multiply(plan, t + words, t, t, j);
        for (unsigned i = 1; i < FANI_NTT_SUMS; i++)
            fani_ntt_multiply_add(plan, t + words, t, t, j);
    }
    fani_ntt_finish(plan, t + words, got);
    wrap(got, n, n);
    for (size_t i = 0; i <= n; i++) /* (B^n - 1)^2 is 0 */
        EXPECT_U64(got[i], i < n ? 0 : UINT64_C(0xa5a5a5a5a5a5a5a5));
    mp_limb_t *a = operand(n, LONG_RUNS, &state), *b = operand(n, RANDOM, &state);
    expect_cyclic(plan, a, n, b, n);
    expect_cyclic(plan, a, n, ones, n / 2);
    expect_cyclic(plan, ones, n - n / 2, ones, n / 2);
    free(a);
    free(b);
    free(ones);
    free(got);
    free(t);
}

FAN_TEST(ntt, largest_coefficients)
{
    each_shape(6, check_ones);
    each_shape(7, check_ones);
}

/* Trees whose children are gone down one by one. */
FAN_TEST(ntt, trees_beyond_a_block)
{
    for (unsigned rows_log = 8; rows_log <= 14; rows_log++) {
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine() && !shim_failed(); isa++) {
            fani_ntt *plan = plan_of(3, rows_log % 2 ? 3 : 1, rows_log, isa);
            check_ones(plan, isa);
            fani_ntt_free(plan);
        }
    }
}

/* ---- Transforms against their definition ------------------------------------------------------
 */

/* The residue that a word of a transform stands for; its absolute value at rest to *size, in
 * multiples of p rounded up. */
static uint64_t residue(const fani_ntt_prime *prime, fani_isa isa, uint64_t word, uint64_t *size)
{
    double x;
    uint64_t p = prime->p;
    if (isa == FANI_ISA_AVX512)
        word &= (UINT64_C(1) << 52) - 1;
    if (isa == FANI_ISA_AVX2) {
        memcpy(&x, &word, sizeof x);
        word = (uint64_t)fabs(x);
        EXPECT_TRUE((double)word == fabs(x));
    }
    *size = word / p + 1;
    word %= p;
    return isa == FANI_ISA_AVX2 && x < 0 && word ? p - word : word;
}

/* The word that stands for r + k p. */
static uint64_t word_of(const fani_ntt_prime *prime, fani_isa isa, uint64_t r, uint64_t k)
{
    double x = (double)(r + k * prime->p);
    uint64_t word = r + k * prime->p;
    if (isa == FANI_ISA_AVX2)
        memcpy(&word, &x, sizeof word);
    if (isa == FANI_ISA_AVX512) /* what is above 52 bits means nothing */
        word |= UINT64_C(0xabc) << 52;
    return word;
}

enum { ROWS = 192 }; /* at most */

/* What the transform has to give: word w of row r is sum of word w of row i times c[r]^i. */
static void expect_definition(const fani_ntt *plan, const fani_ntt_prime *prime, fani_isa isa,
                              const uint64_t c[ROWS], const uint64_t *in, const uint64_t *out)
{
    size_t rows = plan->sizes.size / FANI_NTT_ROW;
    for (size_t r = 0; r < rows && !shim_failed(); r++) {
        for (size_t w = 0; w < FANI_NTT_ROW; w++) {
            uint64_t sum = 0, size;
            for (size_t i = rows; i-- > 0;)
                sum = (fani_ntt_mulmod(sum, c[r], prime->p) + in[i * FANI_NTT_ROW + w]) % prime->p;
            EXPECT_U64(residue(prime, isa, out[r * FANI_NTT_ROW + w], &size), sum);
            EXPECT_TRUE(size <= FANI_NTT_DOWN_BOUND);
        }
    }
}

/* The points of each row: what the transform of y is; they must be all roots of unity. */
static void find_points(const fani_ntt *plan, const fani_ntt_prime *prime, fani_isa isa,
                        uint64_t c[ROWS], uint64_t *t)
{
    uint64_t size;
    size_t rows = plan->sizes.size / FANI_NTT_ROW;
    for (size_t i = 0; i < plan->sizes.size; i++)
        t[i] = word_of(prime, FANI_ISA_SCALAR, 0, 0);
    t[FANI_NTT_ROW] = word_of(prime, isa, 1, 0);
    plan->engine->down(plan, prime, t, false);
    for (size_t r = 0; r < rows; r++) {
        c[r] = residue(prime, isa, t[r * FANI_NTT_ROW], &size);
        EXPECT_U64(fani_ntt_powmod(c[r], rows, prime->p), 1);
        for (size_t s = 0; s < r; s++)
            EXPECT_TRUE(c[s] != c[r]);
    }
}

/* Down from values as large as they may be (and as small), and up again. */
static void check_definition(fani_ntt *plan, fani_isa isa)
{
    uint64_t *in = transforms(plan, 2), *t = in + fani_ntt_words(plan), c[ROWS] = {0}, size,
             state = 6;
    for (unsigned j = 0; j < fani_ntt_primes(plan); j++) {
        const fani_ntt_prime *prime = plan->prime + j;
        uint64_t rows = plan->sizes.size / FANI_NTT_ROW, p = prime->p;
        find_points(plan, prime, isa, c, t);
        for (unsigned trial = 0; trial < 4; trial++) {
            uint64_t k = trial < 2 ? FANI_NTT_DOWN_BOUND - 1 : 0;
            for (size_t i = 0; i < plan->sizes.size; i++) {
                in[i] = trial % 2 ? p - 1 : next_random(&state) % p;
                t[i] = word_of(prime, isa, in[i], k);
            }
            plan->engine->down(plan, prime, t, false);
            expect_definition(plan, prime, isa, c, in, t);
            for (size_t i = 0; i < plan->sizes.size; i++) {
                uint64_t r = residue(prime, isa, t[i], &size);
                t[i] = word_of(prime, isa, r, trial < 2 ? FANI_NTT_UP_BOUND - 1 : 0);
            }
            plan->engine->up(plan, prime, t);
            for (size_t i = 0; i < plan->sizes.size && !shim_failed(); i++) {
                EXPECT_U64(residue(prime, isa, t[i], &size), fani_ntt_mulmod(in[i], rows, p));
                EXPECT_TRUE(size <= (plan->sizes.factor == 3 ? 6 : FANI_NTT_UP_BOUND));
            }
        }
    }
    free(in);
}

/* Roots' quotients, of which the transforms forgive errors of 1. */
FAN_TEST(ntt, quotients_of_roots)
{
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        fani_ntt *plan = plan_of(3, 3, 9, isa);
        for (unsigned j = 0; isa != FANI_ISA_AVX2 && j < 3; j++) {
            const fani_ntt_root *root = plan->prime[j].down[1];
            unsigned bits = isa == FANI_ISA_SCALAR ? 64 : 52;
            for (size_t i = 0; i < 256; i++)
                EXPECT_U64(root[i].q,
                           (uint64_t)(((unsigned __int128)root[i].w << bits) / plan->prime[j].p));
        }
        fani_ntt_free(plan);
    }
}

FAN_TEST(ntt, transforms_are_what_they_are_defined_as)
{
    each_shape(6, check_definition);
}

/* ---- Parts ------------------------------------------------------------------------------------
 */

/* Any number of slices, also more than there are groups, and the primes in any order. */
static void check_parts(fani_ntt *plan, fani_isa isa)
{
    size_t n = fani_ntt_limbs(plan), words = fani_ntt_words(plan);
    uint64_t state = 7, *t = transforms(plan, 2);
    mp_limb_t *a = operand(n, LONG_RUNS, &state), *b = operand(n / 2, RANDOM, &state);
    mp_limb_t *whole = limbs_new(n), *got = limbs_new(n);
    (void)isa;
    fani_ntt_mul_cyclic(plan, whole, a, n, b, n / 2, t);
    for (size_t slices = 1; slices <= 13; slices += 4) {
        fani_ntt_carry carries[13];
        for (size_t s = slices; s-- > 0;) {
            fani_ntt_split(plan, t, a, n, s, slices);
            fani_ntt_split(plan, t + words, b, n / 2, s, slices);
        }
        for (unsigned j = fani_ntt_primes(plan); j-- > 0;) {
            fani_ntt_forward(plan, t, n, j);
            fani_ntt_forward(plan, t + words, n / 2, j);
            fani_ntt_multiply(plan, t + words, t, t + words, j);
            fani_ntt_inverse(plan, t + words, j);
        }
        for (size_t s = slices; s-- > 0;)
            fani_ntt_join(plan, t + words, s, slices, got, carries + s);
        fani_ntt_settle(plan, carries, slices, got);
        EXPECT_TRUE(memcmp(whole, got, n * sizeof *got) == 0);
    }
    free(a);
    free(b);
    free(whole);
    free(got);
    free(t);
}

/* (B^n - 1) 1 + 1 1: a carry through all limbs of all slices, and round. */
static void check_carries(fani_ntt *plan, fani_isa isa)
{
    size_t n = fani_ntt_limbs(plan), words = fani_ntt_words(plan);
    uint64_t *t = transforms(plan, 2);
    mp_limb_t *ones = operand(n, ONES, NULL), *got = limbs_new(n), one = 1;
    (void)isa;
    for (size_t slices = 1; slices <= 7; slices += 2) {
        fani_ntt_carry carries[7];
        fani_ntt_transform(plan, t, ones, n);
        fani_ntt_transform(plan, t + words, &one, 1);
        for (unsigned j = 0; j < fani_ntt_primes(plan); j++) {
            fani_ntt_multiply(plan, t, t, t + words, j);
            fani_ntt_multiply_add(plan, t, t + words, t + words, j);
            fani_ntt_inverse(plan, t, j);
        }
        for (size_t s = 0; s < slices; s++)
            fani_ntt_join(plan, t, s, slices, got, carries + s);
        fani_ntt_settle(plan, carries, slices, got);
        for (size_t i = 0; i < n; i++)
            EXPECT_U64(got[i], i == 0);
    }
    free(ones);
    free(got);
    free(t);
}

FAN_TEST(ntt, carries_through_all_slices)
{
    each_shape(7, check_carries);
}

FAN_TEST(ntt, parts_in_any_order_and_number)
{
    each_shape(8, check_parts);
}

/* A kept transform of b, and a b + c b + b b by one inverse, against GMP. */
static void check_sums(fani_ntt *plan, fani_isa isa)
{
    size_t n = fani_ntt_limbs(plan), half = (n - 1) / 2, words = fani_ntt_words(plan);
    uint64_t state = 8, *t = transforms(plan, 4);
    mp_limb_t *factor[3], *expected = limbs_new(n), *got = limbs_new(n), *product = limbs_new(n);
    (void)isa;
    memset(expected, 0, n * sizeof *expected);
    for (unsigned i = 0; i < 3; i++) {
        factor[i] = operand(half, i ? RANDOM : ONES, &state);
        fani_ntt_transform(plan, t + i * words, factor[i], half);
    }
    for (unsigned i = 0; i < 3; i++) {
        mpn_mul_n(product, factor[i], factor[1], (mp_size_t)half);
        mpn_add(expected, expected, (mp_size_t)n, product, (mp_size_t)(2 * half));
        for (unsigned j = 0; j < fani_ntt_primes(plan); j++)
            (i ? fani_ntt_multiply_add : fani_ntt_multiply)(plan, t + 3 * words, t + i * words,
                                                            t + words, j);
    }
    fani_ntt_finish(plan, t + 3 * words, got);
    EXPECT_TRUE(memcmp(expected, got, n * sizeof *got) == 0);
    for (unsigned i = 0; i < 3; i++)
        free(factor[i]);
    free(expected);
    free(got);
    free(product);
    free(t);
}

FAN_TEST(ntt, kept_transforms_and_sums)
{
    each_shape(7, check_sums);
}

/* The window of a middle product is right, or 1 too large. */
FAN_TEST(ntt, middle_products)
{
    uint64_t state = 9;
    size_t n = fani_ntt_length(3000), an = n, bn = n / 3, low = an + bn - n, excesses = 0;
    fani_ntt *plan;
    ASSERT_I64(fani_ntt_make(n, fani_isa_machine(), &plan), FAN_OK);
    uint64_t *t = transforms(plan, 2);
    mp_limb_t *product = limbs_new(an + bn), *got = limbs_new(n);
    for (unsigned i = 0; i < 40; i++) {
        mp_limb_t *a = operand(an, RANDOM, &state), *b = operand(bn, RANDOM, &state);
        product_by_gmp(product, a, an, b, bn);
        fani_ntt_mul_cyclic(plan, got, a, an, b, bn, t);
        mpn_sub_n(got + low, got + low, product + low, (mp_size_t)(n - low));
        EXPECT_TRUE(got[low] <= 1);
        excesses += got[low] == 1;
        for (size_t k = low + 1; k < n; k++)
            EXPECT_U64(got[k], 0);
        free(a);
        free(b);
    }
    EXPECT_TRUE(excesses > 0 && excesses < 40);
    fani_ntt_free(plan);
    free(product);
    free(got);
    free(t);
}

/* ---- Plans ------------------------------------------------------------------------------------
 */

FAN_TEST(ntt, primes_are_primes_with_the_roots_asked_for)
{
    mpz_t p, product;
    mpz_init(p);
    mpz_init_set_ui(product, 1);
    for (unsigned j = 0; j < FANI_NTT_PRIMES_MAX; j++) {
        mpz_set_ui(p, fani_ntt_prime_list[j]);
        EXPECT_TRUE(mpz_probab_prime_p(p, 30) > 0);
        EXPECT_TRUE(fani_ntt_prime_list[j] < (UINT64_C(1) << 52) / FANI_NTT_DOWN_BOUND);
        EXPECT_U64(fani_ntt_prime_list[j] % (UINT64_C(15) << 32), 1);
        EXPECT_TRUE(j == 0 || fani_ntt_prime_list[j] < fani_ntt_prime_list[j - 1]);
    }
    /* Coefficients of FANI_NTT_SUMS products with all bits set are below a quarter of the product.
     */
    for (unsigned primes = 1; primes <= FANI_NTT_PRIMES_MAX; primes++) {
        mpz_mul_ui(product, product, fani_ntt_prime_list[primes - 1]);
        for (unsigned rows_log = 6; primes >= 3 && rows_log < 28; rows_log++) {
            fani_ntt_sizes s = {
                .primes = primes, .factor = rows_log % 2 ? 1 : 3, .rows_log = rows_log};
            size_t limbs = ((size_t)8 * s.factor << rows_log) / 64;
            while (fani_ntt_fit(limbs, &s) && s.limbs >= limbs)
                limbs = s.limbs + 1;
            mpz_set_ui(p, 1);
            mpz_mul_2exp(p, p, s.bits);
            mpz_sub_ui(p, p, 1);
            mpz_mul(p, p, p);
            mpz_mul_ui(p, p, FANI_NTT_SUMS * s.size);
            mpz_mul_2exp(p, p, 2);
            EXPECT_TRUE(mpz_cmp(p, product) <= 0);
        }
    }
    mpz_clears(p, product, NULL);
}

FAN_TEST(ntt, lengths_and_memory_told_in_advance)
{
    uint64_t state = 10;
    fani_ntt *plan = NULL;
    EXPECT_U64(fani_ntt_length(0), 0);
    EXPECT_U64(fani_ntt_length(SIZE_MAX), 0);
    EXPECT_U64(fani_ntt_plan_bytes(SIZE_MAX), 0);
    EXPECT_U64(fani_ntt_plan_words(SIZE_MAX), 0);
    EXPECT_I64(fani_ntt_make(0, FANI_ISA_SCALAR, &plan), FAN_E_ARGUMENT);
    EXPECT_I64(fani_ntt_make(SIZE_MAX, FANI_ISA_SCALAR, &plan), FAN_E_TOO_LARGE);
    EXPECT_TRUE(plan == NULL);
    fani_ntt_free(NULL);
    EXPECT_TRUE(fani_ntt_length((size_t)1 << 31) >= (size_t)1 << 31);
    for (unsigned i = 0; i < 200; i++) {
        size_t limbs = 1 + (next_random(&state) >> 48), n = fani_ntt_length(limbs);
        EXPECT_TRUE(n >= limbs && (limbs < 2000 || n - limbs <= limbs / 50));
        EXPECT_U64(fani_ntt_length(n), n);
        if (i % 10)
            continue;
        ASSERT_I64(fani_ntt_make(limbs, FANI_ISA_SCALAR, &plan), FAN_OK);
        EXPECT_U64(fani_ntt_limbs(plan), n);
        EXPECT_U64(fani_ntt_words(plan), fani_ntt_plan_words(limbs));
        fani_ntt_free(plan);
    }
}

/* Below and above the length from which transforms are used; squares. */
FAN_TEST(ntt, whole_products)
{
    static const size_t lengths[][2] = {{1, 1}, {300, 7}, {5, 900}, {2500, 9000}, {100000, 120000}};
    uint64_t state = 11;
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            size_t an = lengths[i][0], bn = lengths[i][1];
            mp_limb_t *a = operand(an, RANDOM, &state), *b = operand(bn, RANDOM, &state);
            mp_limb_t *expected = limbs_new(2 * an + bn), *got = limbs_new(2 * an + bn);
            product_by_gmp(expected, a, an, b, bn);
            EXPECT_I64(fani_ntt_mul(got, a, an, b, bn, isa), FAN_OK);
            EXPECT_TRUE(memcmp(expected, got, (an + bn + 1) * sizeof *got) == 0);
            product_by_gmp(expected, a, an, a, an);
            EXPECT_I64(fani_ntt_mul(got, a, an, a, an, isa), FAN_OK);
            EXPECT_TRUE(memcmp(expected, got, 2 * an * sizeof *got) == 0);
            free(a);
            free(b);
            free(expected);
            free(got);
        }
        EXPECT_TRUE(fani_ntt_pays(100000, 200000, isa) && !fani_ntt_pays(1000000, 10, isa));
    }
}

/* More lengths than plans are kept, back and forth, with a trim in between; cyclic in place. */
FAN_TEST(ntt, kept_plans)
{
    fani_ntt_kept *kept;
    uint64_t state = 12;
    fani_isa isa = fani_isa_machine();
    ASSERT_I64(fani_ntt_kept_make(isa, &kept), FAN_OK);
    for (unsigned i = 0; i < 130; i++) {
        size_t an = 2600 + 400 * (i % 11), bn = 2600 + 50 * (i % 8);
        mp_limb_t *a = operand(an, RANDOM, &state), *b = operand(bn, LONG_RUNS, &state);
        mp_limb_t *expected = limbs_new(an + bn), *got = limbs_new(an + bn);
        product_by_gmp(expected, a, an, b, bn);
        EXPECT_I64(fani_ntt_kept_mul(kept, got, a, an, b, bn), FAN_OK);
        EXPECT_TRUE(memcmp(expected, got, (an + bn + 1) * sizeof *got) == 0);
        size_t n = fani_ntt_length(an + bn);
        mp_limb_t *in_place = limbs_new(n);
        memcpy(in_place, a, an * sizeof *a);
        EXPECT_I64(fani_ntt_kept_cyclic(kept, in_place, n, in_place, an, b, bn), FAN_OK);
        EXPECT_TRUE(memcmp(expected, in_place, (an + bn) * sizeof *got) == 0);
        EXPECT_U64(in_place[n], got[an + bn]);
        if (i == 20)
            fani_ntt_kept_trim(kept);
        free(a);
        free(b);
        free(expected);
        free(got);
        free(in_place);
    }
    fani_ntt_kept_free(kept);
    fani_ntt_kept_free(NULL);
}
