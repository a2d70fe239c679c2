/* gcd of arrays of words: each instruction set's path against GMP, and what follows from gcds. */
#include "fanfold/gcd.h"
#include "kernel/gcd/lanes.h"
#include "shim/shim.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 400, WAYS = 4 };

typedef struct way {
    const char *name;
    fani_gcd_words *words;
} way;

/* The paths that this machine can run. */
static size_t ways_here(way ways[WAYS])
{
    size_t count = 0;
    ways[count++] = (way){"scalar", fani_gcd_words_scalar};
#ifdef __x86_64__
    if (fani_isa_machine() >= FANI_ISA_AVX2)
        ways[count++] = (way){"AVX2", fani_gcd_words_avx2};
    if (fani_isa_machine() >= FANI_ISA_AVX512)
        ways[count++] = (way){"AVX-512", fani_gcd_words_avx512};
    if (fani_isa_machine() >= FANI_ISA_AVX512 && __builtin_cpu_supports("avx512vpopcntdq"))
        ways[count++] = (way){"AVX-512 with VPOPCNTDQ", fani_gcd_words_count_avx512};
#endif
    return count;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t gmp_gcd(uint64_t a, uint64_t b)
{
    mp_limb_t limb = a;
    return a == 0 || b == 0 ? a | b : mpn_gcd_1(&limb, 1, b);
}

/* Words of each length, with zeros at their end, common factors, and those that stand alone. */
static uint64_t odd_word(uint64_t *state)
{
    static const uint64_t alone[] = {0,
                                     1,
                                     2,
                                     UINT64_MAX,
                                     UINT64_C(1) << 63,
                                     (UINT64_C(1) << 63) + 1,
                                     UINT32_MAX,
                                     UINT64_C(1) << 31,
                                     UINT64_C(1) << 32,
                                     UINT64_C(1) << 52,
                                     (UINT64_C(1) << 52) + 1,
                                     UINT64_C(12200160415121876738), /* F_93, F_92 */
                                     UINT64_C(7540113804746346429)};
    uint64_t kind = next_random(state) % 8, word = next_random(state);
    if (kind == 0)
        return alone[word % (sizeof alone / sizeof alone[0])];
    if (kind == 1)
        return UINT64_C(1) << word % 64;
    if (kind <= 4)
        return next_random(state) >> word % 64 << (word >> 8) % 64;
    if (kind == 5)
        return word % 1000 * UINT64_C(232792560); /* lcm of 1 to 20 */
    return word;
}

static void fill(uint64_t *a, uint64_t *b, uint64_t *expected, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i++) {
        a[i] = odd_word(state);
        b[i] = next_random(state) % 16 ? odd_word(state) : a[i];
        expected[i] = gmp_gcd(a[i], b[i]);
    }
}

static void check_sizes(const way *w, size_t most)
{
    uint64_t a[MOST], b[MOST], expected[MOST], out[MOST + 1], state = 1;
    for (size_t n = 0; n <= most; n++) {
        fill(a, b, expected, n, &state);
        out[n] = 77;
        w->words(a, b, out, n);
        ASSERT_TRUE(memcmp(out, expected, n * sizeof *out) == 0);
        ASSERT_U64(out[n], 77);
    }
}

FAN_TEST(gcd_words, all_sizes_on_each_path)
{
    way ways[WAYS];
    size_t count = ways_here(ways);
    for (size_t k = 0; k < count; k++)
        check_sizes(&ways[k], 220);
}

FAN_TEST(gcd_words, each_path_many_times)
{
    way ways[WAYS];
    size_t count = ways_here(ways);
    uint64_t a[MOST], b[MOST], expected[MOST], out[MOST], state = 2;
    for (int round = 0; round < 300; round++) {
        fill(a, b, expected, MOST, &state);
        for (size_t k = 0; k < count; k++) {
            memset(out, 0xff, sizeof out);
            ways[k].words(a, b, out, MOST);
            ASSERT_TRUE(memcmp(out, expected, sizeof out) == 0);
        }
    }
}

/* In each lane by itself, so that none leans on what its neighbours do. */
FAN_TEST(gcd_words, one_long_pair_among_zeros)
{
    way ways[WAYS];
    size_t count = ways_here(ways);
    static const uint64_t pairs[][2] = {{UINT64_C(12200160415121876738), 7540113804746346429},
                                        {UINT64_MAX, UINT64_MAX - 1},
                                        {UINT64_C(1) << 63, 3},
                                        {UINT64_MAX, UINT64_C(1) << 63},
                                        {0, UINT64_MAX},
                                        {UINT64_C(1) << 63, 0},
                                        {(UINT64_C(1) << 63) + 1, 1}};
    for (size_t k = 0; k < count * 96; k++) {
        for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
            uint64_t a[96] = {0}, b[96] = {0}, expected[96] = {0};
            a[k % 96] = pairs[p][0];
            b[k % 96] = pairs[p][1];
            expected[k % 96] = gmp_gcd(a[k % 96], b[k % 96]);
            ways[k / 96].words(a, b, a, 96);
            ASSERT_TRUE(memcmp(a, expected, sizeof a) == 0);
        }
    }
}

FAN_TEST(gcd_words, in_place)
{
    way ways[WAYS];
    size_t count = ways_here(ways);
    uint64_t a[MOST], b[MOST], expected[MOST], out[MOST], state = 3;
    for (size_t k = 0; k < count; k++) {
        for (size_t n = 1; n <= MOST; n += 57) {
            fill(a, b, expected, n, &state);
            memcpy(out, a, sizeof a);
            ways[k].words(out, b, out, n);
            ASSERT_TRUE(memcmp(out, expected, n * sizeof *out) == 0);
            memcpy(out, b, sizeof b);
            ways[k].words(a, out, out, n);
            ASSERT_TRUE(memcmp(out, expected, n * sizeof *out) == 0);
            ways[k].words(a, a, out, n);
            ASSERT_TRUE(memcmp(out, a, n * sizeof *out) == 0);
        }
    }
}

/* The choice by the environment, through the public function. */
FAN_TEST(gcd_words, asked_for)
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    const char *before = getenv("FANFOLD_ISA");
    char *kept = before ? strdup(before) : NULL;
    uint64_t a[MOST], b[MOST], expected[MOST], out[MOST], state = 4;
    for (size_t k = 0; k < 3; k++) {
        setenv("FANFOLD_ISA", names[k], 1);
        for (size_t n = 0; n <= MOST; n += n < 10 ? 1 : 39) {
            fill(a, b, expected, n, &state);
            fan_gcd_u64_array(a, b, out, n);
            EXPECT_TRUE(memcmp(out, expected, n * sizeof *out) == 0);
        }
    }
    if (kept)
        setenv("FANFOLD_ISA", kept, 1);
    else
        unsetenv("FANFOLD_ISA");
    free(kept);
    EXPECT_TRUE(fani_gcd_words_of(FANI_ISA_SCALAR) == fani_gcd_words_scalar);
#ifdef __x86_64__
    EXPECT_TRUE(fani_gcd_words_of(FANI_ISA_AVX2) == fani_gcd_words_avx2);
    EXPECT_TRUE(fani_gcd_words_of(FANI_ISA_AVX512) != fani_gcd_words_avx2);
#endif
}

/* gcd(F_m, F_n) = F_gcd(m, n) and gcd(2^m - 1, 2^n - 1) = 2^gcd(m, n) - 1, for all that fit. */
static void identities(fani_gcd_words *words, const uint64_t *value, uint64_t first, uint64_t last)
{
    uint64_t a[MOST], b[MOST], out[MOST];
    for (uint64_t m = first; m <= last; m++) {
        for (uint64_t n = first; n <= last; n++) {
            a[n - first] = value[m];
            b[n - first] = value[n];
        }
        words(a, b, out, (size_t)(last - first + 1));
        for (uint64_t n = first; n <= last; n++)
            ASSERT_U64(out[n - first], value[fan_gcd_u64(m, n)]);
    }
}

FAN_TEST(gcd_words, fibonacci_and_mersenne)
{
    uint64_t fibonacci[94] = {0, 1}, ones[65] = {0};
    way ways[WAYS];
    size_t count = ways_here(ways);
    for (unsigned i = 2; i < 94; i++)
        fibonacci[i] = fibonacci[i - 1] + fibonacci[i - 2];
    for (unsigned i = 1; i <= 64; i++)
        ones[i] = UINT64_MAX >> (64 - i);
    for (size_t k = 0; k < count; k++) {
        identities(ways[k].words, fibonacci, 0, 93);
        identities(ways[k].words, ones, 0, 64);
    }
}

/* Pillai: the sum of gcd(k, n) for k = 1 ... n is the product of (e (p - 1) + p) p^(e - 1) over the
 * powers p^e of primes in n. */
static uint64_t pillai(uint64_t n)
{
    uint64_t product = 1;
    for (uint64_t p = 2; n > 1; p += p * p > n ? n - p : 1) {
        uint64_t e = 0, power = 1;
        for (; n % p == 0; n /= p, e++)
            power *= p;
        if (e)
            product *= (e * (p - 1) + p) * (power / p);
    }
    return product;
}

FAN_TEST(gcd_words, pillai)
{
    static const uint64_t numbers[] = {1, 2, 12, 97, 720, 1024, 5040, 7919, 30030, 65536};
    uint64_t *k = malloc(65536 * sizeof *k), *n = malloc(65536 * sizeof *n);
    way ways[WAYS];
    size_t count = ways_here(ways);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] * count; i++) {
        uint64_t number = numbers[i / count], sum = 0;
        for (uint64_t j = 0; j < number; j++) {
            k[j] = j + 1;
            n[j] = number;
        }
        ways[i % count].words(k, n, n, (size_t)number);
        for (uint64_t j = 0; j < number; j++)
            sum += n[j];
        EXPECT_U64(sum, pillai(number));
    }
    free(k);
    free(n);
}

FAN_TEST(gcd_words, lists)
{
    uint64_t values[300], state = 5;
    EXPECT_U64(fan_gcd_u64_list(NULL, 0), 0);
    for (int round = 0; round < 3000; round++) {
        size_t n = next_random(&state) % 300 + 1;
        uint64_t factor = odd_word(&state), expected = 0;
        factor = factor ? factor : 1;
        for (size_t i = 0; i < n; i++) {
            values[i] = next_random(&state) % (UINT64_MAX / factor) * factor;
            values[i] = next_random(&state) % 8 ? values[i] : 0;
        }
        if (round % 4 == 0) /* the last one decides */
            values[n - 1] = odd_word(&state);
        for (size_t i = 0; i < n; i++)
            expected = gmp_gcd(expected, values[i]);
        ASSERT_U64(fan_gcd_u64_list(values, n), expected);
    }
}

static void check_lcm(uint64_t a, uint64_t b, uint64_t lcm, bool fits)
{
    mpz_t x, y, expected;
    mpz_inits(x, y, expected, NULL);
    mpz_import(x, 1, 1, sizeof a, 0, 0, &a);
    mpz_import(y, 1, 1, sizeof b, 0, 0, &b);
    mpz_lcm(expected, x, y);
    EXPECT_I64(fits, mpz_sizeinbase(expected, 2) <= 64);
    mpz_import(x, 1, 1, sizeof lcm, 0, 0, &lcm);
    EXPECT_TRUE(fits ? mpz_cmp(x, expected) == 0 : lcm == 0);
    mpz_clears(x, y, expected, NULL);
}

FAN_TEST(gcd_words, lcm)
{
    enum { COUNT = 1000 };
    uint64_t a[COUNT], b[COUNT], out[COUNT], state = 6;
    size_t too_long = 0;
    for (size_t i = 0; i < COUNT; i++) {
        a[i] = odd_word(&state) >> i % 40;
        b[i] = odd_word(&state) >> i % 33;
        bool fits = fan_lcm_u64(a[i], b[i], &out[i]);
        check_lcm(a[i], b[i], out[i], fits);
        too_long += !fits;
    }
    EXPECT_TRUE(too_long > 0 && too_long < COUNT);
    uint64_t *in_place = a;
    EXPECT_U64(fan_lcm_u64_array(a, b, in_place, COUNT), too_long);
    EXPECT_TRUE(memcmp(a, out, sizeof a) == 0);
    EXPECT_U64(fan_lcm_u64_array(a, b, out, 0), 0);
}

FAN_TEST(gcd_words, coprime)
{
    enum { COUNT = 1000 };
    uint64_t a[COUNT], b[COUNT], state = 7;
    bool out[COUNT];
    size_t yes = 0;
    for (size_t i = 0; i < COUNT; i++) {
        a[i] = odd_word(&state);
        b[i] = odd_word(&state);
    }
    fan_coprime_u64_array(a, b, out, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        ASSERT_I64(out[i], gmp_gcd(a[i], b[i]) == 1);
        ASSERT_I64(fan_coprime_u64(a[i], b[i]), out[i]);
        yes += out[i];
    }
    EXPECT_TRUE(yes > 0 && yes < COUNT);
    EXPECT_TRUE(!fan_coprime_u64(0, 0));
    EXPECT_TRUE(fan_coprime_u64(0, 1));
}

/* Bezout's identity, and the same solution as GMP's. */
static void check_bezout(uint64_t a, uint64_t b)
{
    mpz_t p, q, g, s, t, sum;
    int64_t x = 77, y = 77;
    mpz_inits(p, q, g, s, t, sum, NULL);
    mpz_import(p, 1, 1, sizeof a, 0, 0, &a);
    mpz_import(q, 1, 1, sizeof b, 0, 0, &b);
    EXPECT_U64(fan_gcdext_u64(a, b, &x, &y), gmp_gcd(a, b));
    mpz_gcdext(g, s, t, p, q);
    EXPECT_I64(x, mpz_get_si(s));
    EXPECT_I64(y, mpz_get_si(t));
    mpz_mul_si(sum, p, x);
    mpz_mul_si(t, q, y);
    mpz_add(sum, sum, t);
    EXPECT_TRUE(mpz_cmp(sum, g) == 0);
    mpz_clears(p, q, g, s, t, sum, NULL);
}

FAN_TEST(gcd_words, bezout)
{
    uint64_t state = 8;
    for (uint64_t a = 0; a <= 60; a++)
        for (uint64_t b = 0; b <= 60; b++)
            check_bezout(a, b);
    for (int i = 0; i < 20000; i++)
        check_bezout(odd_word(&state), odd_word(&state));
    check_bezout(UINT64_C(12200160415121876738), 7540113804746346429);
    check_bezout(UINT64_MAX, UINT64_MAX - 1);
    check_bezout(UINT64_MAX - 1, UINT64_MAX);
    check_bezout(2, UINT64_MAX);
}
