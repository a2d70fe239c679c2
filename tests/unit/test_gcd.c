#include "fanfold/gcd.h"
#include "shim/shim.h"

#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void set_u64(mpz_t x, uint64_t value)
{
    mpz_import(x, 1, 1, sizeof value, 0, 0, &value);
}

FAN_TEST(gcd, zero_and_word_boundaries)
{
    EXPECT_U64(fan_gcd_u64(0, 0), 0);
    EXPECT_U64(fan_gcd_u64(0, 12), 12);
    EXPECT_U64(fan_gcd_u64(12, 0), 12);
    EXPECT_U64(fan_gcd_u64(UINT64_MAX, 0), UINT64_MAX);
    EXPECT_U64(fan_gcd_u64(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    EXPECT_U64(fan_gcd_u64(UINT64_MAX, 1), 1);
    EXPECT_U64(fan_gcd_u64(UINT64_C(1) << 63, UINT64_MAX - 1), 2);
    EXPECT_U64(fan_gcd_u64(UINT64_C(1) << 63, UINT64_C(1) << 63), UINT64_C(1) << 63);
    EXPECT_U64(fan_gcd_u64(UINT64_MAX, UINT32_MAX), UINT32_MAX);
    EXPECT_U64(fan_gcd_u64(UINT64_C(1) << 63, 3), 1);
}

FAN_TEST(gcd, classic_pairs)
{
    static const uint64_t pairs[10][3] = {
        {1963309, 2265973, 1},  {2030677, 3814172, 1},  {1551645, 2229620, 5},
        {2039045, 2020802, 1},  {1823712, 1924928, 32}, {2293129, 1020491, 1},
        {1281238, 2273782, 14}, {3823812, 4237281, 9},  {3812741, 4729139, 1},
        {1292391, 2123811, 9},
    };
    for (size_t i = 0; i < 10; i++)
        EXPECT_U64(fan_gcd_u64(pairs[i][0], pairs[i][1]), pairs[i][2]);
}

FAN_TEST(gcd, array_in_place_and_empty)
{
    uint64_t a[] = {12, 0, 7, UINT64_MAX};
    const uint64_t b[] = {18, 5, 21, UINT32_MAX};
    fan_gcd_u64_array(a, b, a, 0);
    EXPECT_U64(a[0], 12);
    fan_gcd_u64_array(a, b, a, 4);
    EXPECT_U64(a[0], 6);
    EXPECT_U64(a[1], 5);
    EXPECT_U64(a[2], 7);
    EXPECT_U64(a[3], UINT32_MAX);
}

FAN_TEST(gcd, words_against_gmp)
{
    uint64_t state = 1;
    mpz_t a, b, expected, word;
    mpz_inits(a, b, expected, word, NULL);
    for (int i = 0; i < 20000; i++) {
        uint64_t common = next_random(&state) >> (next_random(&state) % 64);
        uint64_t x = (next_random(&state) >> (next_random(&state) % 64)) * common;
        uint64_t y = (next_random(&state) >> (next_random(&state) % 64)) * common;
        set_u64(a, x);
        set_u64(b, y);
        mpz_gcd(expected, a, b);
        set_u64(word, fan_gcd_u64(x, y));
        ASSERT_TRUE(mpz_cmp(word, expected) == 0);
    }
    mpz_clears(a, b, expected, word, NULL);
}

/* gcd(F_m, F_n) = F_gcd(m, n) */
FAN_TEST(gcd, fibonacci)
{
    mpz_t a, b, expected, gcd;
    mpz_inits(a, b, expected, gcd, NULL);
    static const unsigned long indices[][2] = {
        {90, 60}, {93, 31}, {1000, 350}, {4096, 1024}, {20000, 17500}, {999, 1000}, {0, 77}};
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        mpz_fib_ui(a, indices[i][0]);
        mpz_fib_ui(b, indices[i][1]);
        mpz_fib_ui(expected, (unsigned long)fan_gcd_u64(indices[i][0], indices[i][1]));
        fan_gcd_mpz(a, b, gcd);
        EXPECT_TRUE(mpz_cmp(gcd, expected) == 0);
    }
    mpz_clears(a, b, expected, gcd, NULL);
}

/* gcd(2^a - 1, 2^b - 1) = 2^gcd(a, b) - 1 */
FAN_TEST(gcd, mersenne)
{
    mpz_t a, b, expected, gcd;
    mpz_inits(a, b, expected, gcd, NULL);
    for (unsigned m = 1; m <= 130; m++) {
        for (unsigned n = 1; n <= 130; n++) {
            mpz_set_ui(a, 1);
            mpz_mul_2exp(a, a, m);
            mpz_sub_ui(a, a, 1);
            mpz_set_ui(b, 1);
            mpz_mul_2exp(b, b, n);
            mpz_sub_ui(b, b, 1);
            mpz_set_ui(expected, 1);
            mpz_mul_2exp(expected, expected, fan_gcd_u64(m, n));
            mpz_sub_ui(expected, expected, 1);
            fan_gcd_mpz(a, b, gcd);
            ASSERT_TRUE(mpz_cmp(gcd, expected) == 0);
            if (m <= 64 && n <= 64)
                ASSERT_U64(fan_gcd_u64(UINT64_MAX >> (64 - m), UINT64_MAX >> (64 - n)),
                           UINT64_MAX >> (64 - fan_gcd_u64(m, n)));
        }
    }
    mpz_clears(a, b, expected, gcd, NULL);
}

FAN_TEST(gcd, signs_and_aliases)
{
    mpz_t a, b;
    mpz_init_set_si(a, -12);
    mpz_init_set_si(b, 18);
    fan_gcd_mpz(a, b, b);
    EXPECT_I64(mpz_get_si(b), 6);
    mpz_set_si(b, -18);
    fan_gcd_mpz(a, b, a);
    EXPECT_I64(mpz_get_si(a), 6);
    mpz_set_si(a, -5);
    mpz_set_si(b, 0);
    fan_gcd_mpz(b, a, a);
    EXPECT_I64(mpz_get_si(a), 5);
    fan_gcd_mpz(b, b, a);
    EXPECT_I64(mpz_get_si(a), 0);
    mpz_clears(a, b, NULL);
}

FAN_TEST(gcd, lists)
{
    mpz_t values[4], gcd;
    mpz_init(gcd);
    static const char *const texts[4] = {"-360000000000000000000000000000", "0",
                                         "240000000000000000000000000000", "84"};
    for (size_t i = 0; i < 4; i++)
        mpz_init_set_str(values[i], texts[i], 10);
    fan_gcd_list(values[0], 0, gcd);
    EXPECT_I64(mpz_get_si(gcd), 0);
    fan_gcd_list(values[0], 1, gcd);
    EXPECT_TRUE(mpz_cmpabs(gcd, values[0]) == 0 && mpz_sgn(gcd) > 0);
    fan_gcd_list(values[0], 4, gcd);
    EXPECT_I64(mpz_get_si(gcd), 12);
    mpz_set_ui(values[1], 7);
    fan_gcd_list(values[0], 4, gcd);
    EXPECT_I64(mpz_get_si(gcd), 1);
    for (size_t i = 0; i < 4; i++)
        mpz_clear(values[i]);
    mpz_clear(gcd);
}
