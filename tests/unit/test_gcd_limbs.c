/* gcd of arrays of integers against GMP, for each instruction set; and what follows from gcds. */
#include "base/isa.h"
#include "fanfold/gcd.h"
#include "kernel/gcd/limbs.h"
#include "shim/shim.h"

#include <stdlib.h>
#include <string.h>

/* Runs the body once for each instruction set of this machine. */
static void on_each_isa(void (*body)(gmp_randstate_t random))
{
    const char *before = getenv("FANFOLD_ISA");
    char *kept = before ? strdup(before) : NULL;
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        gmp_randstate_t random;
        gmp_randinit_default(random);
        gmp_randseed_ui(random, 8);
        setenv("FANFOLD_ISA", fani_isa_name(isa), 1);
        body(random);
        gmp_randclear(random);
    }
    if (kept)
        setenv("FANFOLD_ISA", kept, 1);
    else
        unsetenv("FANFOLD_ISA");
    free(kept);
}

/* A number of at most so many bits: of any length, with zeros at its end, or one that stands alone.
 */
static void odd_number(gmp_randstate_t random, unsigned long bits, mpz_ptr x)
{
    unsigned long kind = gmp_urandomm_ui(random, 12);
    unsigned long length = gmp_urandomm_ui(random, bits) + 1;
    mpz_set_ui(x, 0);
    if (kind <= 3) {
        mpz_urandomb(x, random, bits);
    } else if (kind <= 5) {
        mpz_urandomb(x, random, length);
    } else if (kind == 6) {
        mpz_setbit(x, length - 1);
    } else if (kind == 7) {
        mpz_rrandomb(x, random, length);
    } else if (kind == 8) {
        mpz_setbit(x, length);
        mpz_sub_ui(x, x, 1);
    } else if (kind == 9) {
        mpz_urandomb(x, random, length);
        mpz_mul_2exp(x, x, bits - length);
    } else if (kind == 10) {
        mpz_set_ui(x, gmp_urandomb_ui(random, 1));
    }
}

/* A pair of at most so many bits each, now and then with a common factor, equal, or one a multiple
 * of the other. */
static void odd_pair(gmp_randstate_t random, unsigned long bits, mpz_ptr a, mpz_ptr b)
{
    mpz_t common;
    mpz_init(common);
    odd_number(random, bits, a);
    odd_number(random, bits, b);
    unsigned long kind = gmp_urandomm_ui(random, 8);
    if (kind == 0) {
        mpz_set(b, a);
    } else if (kind <= 2 && bits > 2) {
        odd_number(random, bits / 2, common);
        odd_number(random, bits / 2, a);
        odd_number(random, kind == 1 ? bits / 2 : 1, b);
        mpz_mul(a, a, common);
        mpz_mul(b, b, common);
    }
    mpz_clear(common);
}

static void put(mpz_srcptr x, mp_limb_t *limbs, size_t size)
{
    memset(limbs, 0, size * sizeof *limbs);
    memcpy(limbs, mpz_limbs_read(x), mpz_size(x) * sizeof *limbs);
}

typedef struct arrays {
    size_t limbs, count, words;
    mp_limb_t *a, *b, *out, *expected;
} arrays;

static void arrays_fill(arrays *s, size_t limbs, size_t count, gmp_randstate_t random)
{
    mpz_t a, b;
    *s = (arrays){.limbs = limbs, .count = count, .words = limbs * count};
    mp_limb_t **all[] = {&s->a, &s->b, &s->out, &s->expected};
    for (size_t i = 0; i < 4; i++)
        *all[i] = calloc(s->words + 1, sizeof **all[i]);
    mpz_inits(a, b, NULL);
    for (size_t i = 0; i < count; i++) {
        odd_pair(random, limbs * GMP_NUMB_BITS, a, b);
        put(a, s->a + i * limbs, limbs);
        put(b, s->b + i * limbs, limbs);
        mpz_gcd(a, a, b);
        put(a, s->expected + i * limbs, limbs);
    }
    s->out[s->words] = 77;
    mpz_clears(a, b, NULL);
}

static void arrays_clear(arrays *s)
{
    free(s->a);
    free(s->b);
    free(s->out);
    free(s->expected);
}

static bool is_right(const arrays *s, const mp_limb_t *out)
{
    return memcmp(out, s->expected, s->words * sizeof *out) == 0;
}

static void each_size(gmp_randstate_t random)
{
    for (size_t limbs = 0; limbs <= 130; limbs++) {
        arrays s;
        arrays_fill(&s, limbs, limbs * 7 % 71, random);
        memset(s.out, 0xff, s.words * sizeof *s.out);
        EXPECT_I64(fan_gcd_limbs_array(s.a, s.b, s.out, limbs, s.count), FAN_OK);
        EXPECT_TRUE(is_right(&s, s.out));
        EXPECT_U64(s.out[s.words], 77);
        arrays_clear(&s);
    }
}

FAN_TEST(gcd_limbs, sizes_of_integers)
{
    on_each_isa(each_size);
}

static void each_count(gmp_randstate_t random)
{
    for (size_t count = 0; count <= 200; count++) {
        arrays s;
        arrays_fill(&s, 2 + count % 5, count, random);
        EXPECT_I64(fan_gcd_limbs_array(s.a, s.b, s.out, s.limbs, count), FAN_OK);
        EXPECT_TRUE(is_right(&s, s.out));
        EXPECT_U64(s.out[s.words], 77);
        arrays_clear(&s);
    }
}

FAN_TEST(gcd_limbs, sizes_of_arrays)
{
    on_each_isa(each_count);
}

static void in_place(gmp_randstate_t random)
{
    for (size_t limbs = 1; limbs <= 40; limbs += 13) {
        arrays s;
        arrays_fill(&s, limbs, 75, random);
        memcpy(s.out, s.a, s.words * sizeof *s.out);
        EXPECT_I64(fan_gcd_limbs_array(s.out, s.b, s.out, limbs, s.count), FAN_OK);
        EXPECT_TRUE(is_right(&s, s.out));
        memcpy(s.out, s.b, s.words * sizeof *s.out);
        EXPECT_I64(fan_gcd_limbs_array(s.a, s.out, s.out, limbs, s.count), FAN_OK);
        EXPECT_TRUE(is_right(&s, s.out));
        EXPECT_I64(fan_gcd_limbs_array(s.a, s.a, s.a, limbs, s.count), FAN_OK);
        arrays_clear(&s);
    }
}

FAN_TEST(gcd_limbs, in_place)
{
    on_each_isa(in_place);
}

/* Longer than what is done in lanes, too. */
static void long_ones(gmp_randstate_t random)
{
    for (size_t limbs = 400; limbs <= 800; limbs += 200) {
        arrays s;
        arrays_fill(&s, limbs, 9, random);
        EXPECT_I64(fan_gcd_limbs_array(s.a, s.b, s.out, limbs, s.count), FAN_OK);
        EXPECT_TRUE(is_right(&s, s.out));
        arrays_clear(&s);
    }
}

FAN_TEST(gcd_limbs, long_ones)
{
    on_each_isa(long_ones);
}

/* Pairs that are not done when the rounds end are done all the same, beside those that are. */
FAN_TEST(gcd_limbs, not_done_in_time)
{
    enum { LIMBS = 6 };
    if (fani_isa_machine() < FANI_ISA_AVX512)
        SKIP("no AVX-512 here");
    gmp_randstate_t random;
    gmp_randinit_default(random);
    size_t bytes = (fani_gcd_limbs_scratch(LIMBS) * 8 + 63) / 64 * 64;
    uint64_t *scratch = aligned_alloc(64, bytes);
    for (size_t rounds = 1; rounds <= 20; rounds++) {
        arrays s;
        fani_gcd_pair pairs[FANI_GCD_GROUP];
        size_t count = rounds % 2 ? FANI_GCD_GROUP : 5;
        arrays_fill(&s, LIMBS, count, random);
        for (size_t i = 0; i < count; i++)
            pairs[i] = (fani_gcd_pair){.a = s.a + i * LIMBS,
                                       .b = s.b + i * LIMBS,
                                       .a_size = LIMBS,
                                       .b_size = LIMBS,
                                       .out = s.out + i * LIMBS};
        fani_gcd_limbs_avx512(pairs, count, rounds, scratch);
        for (size_t i = 0; i < count; i++)
            EXPECT_TRUE(pairs[i].out_size == 0 || pairs[i].out[pairs[i].out_size - 1] != 0);
        EXPECT_TRUE(is_right(&s, s.out));
        arrays_clear(&s);
    }
    free(scratch);
    gmp_randclear(random);
}

/* ---- GMP's integers -------------------------------------------------------------------------- */

enum { COUNT = 300 };

typedef struct integers {
    mpz_t a[COUNT], b[COUNT], out[COUNT], expected[COUNT];
} integers;

static integers *integers_new(void)
{
    integers *z = calloc(1, sizeof *z);
    for (size_t i = 0; i < COUNT; i++)
        mpz_inits(z->a[i], z->b[i], z->out[i], z->expected[i], NULL);
    return z;
}

static void integers_free(integers *z)
{
    for (size_t i = 0; i < COUNT; i++)
        mpz_clears(z->a[i], z->b[i], z->out[i], z->expected[i], NULL);
    free(z);
}

static void expect_equal(mpz_t *out, mpz_t *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ASSERT_TRUE(mpz_cmp(out[i], expected[i]) == 0);
}

/* Any lengths, mixed, any sign; then in the place of a and of b, which are shorter than the room
 * that the other one asks for. */
static void mixed_lengths(gmp_randstate_t random)
{
    integers *z = integers_new();
    for (size_t i = 0; i < COUNT; i++) {
        odd_pair(random, 1 + gmp_urandomm_ui(random, i % 10 ? 700 : 9000), z->a[i], z->b[i]);
        if (i % 3 == 0)
            mpz_neg(z->a[i], z->a[i]);
        if (i % 7 == 0)
            mpz_neg(z->b[i], z->b[i]);
        mpz_gcd(z->expected[i], z->a[i], z->b[i]);
    }
    for (size_t n = 0; n <= COUNT; n += n < 40 ? 1 : 52) {
        EXPECT_I64(fan_gcd_mpz_array(z->a[0], z->b[0], z->out[0], n), FAN_OK);
        expect_equal(z->out, z->expected, n);
    }
    for (size_t i = 0; i < COUNT; i++)
        mpz_set(z->out[i], z->a[i]);
    EXPECT_I64(fan_gcd_mpz_array(z->a[0], z->b[0], z->a[0], COUNT), FAN_OK);
    expect_equal(z->a, z->expected, COUNT);
    EXPECT_I64(fan_gcd_mpz_array(z->out[0], z->b[0], z->b[0], COUNT), FAN_OK);
    expect_equal(z->b, z->expected, COUNT);
    EXPECT_I64(fan_gcd_mpz_array(z->out[0], z->out[0], z->out[0], COUNT), FAN_OK);
    integers_free(z);
}

FAN_TEST(gcd_limbs, integers_of_mixed_lengths)
{
    on_each_isa(mixed_lengths);
}

/* gcd(F_m, F_n) = F_gcd(m, n), neighbours among them, for which Euclid's algorithm takes longest;
 * and gcd(2^m - 1, 2^n - 1) = 2^gcd(m, n) - 1. */
static void identities(gmp_randstate_t random)
{
    integers *z = integers_new();
    for (size_t i = 0; i < COUNT; i++) {
        unsigned long m = gmp_urandomm_ui(random, 3000);
        unsigned long n = i % 3 == 0 ? m + 1 : gmp_urandomm_ui(random, 40) * (m % 70 + 1);
        unsigned long gcd = (unsigned long)fan_gcd_u64(m, n);
        if (i % 2) {
            mpz_fib_ui(z->a[i], m);
            mpz_fib_ui(z->b[i], n);
            mpz_fib_ui(z->expected[i], gcd);
        } else {
            mpz_setbit(z->a[i], m);
            mpz_sub_ui(z->a[i], z->a[i], 1);
            mpz_setbit(z->b[i], n);
            mpz_sub_ui(z->b[i], z->b[i], 1);
            mpz_setbit(z->expected[i], gcd);
            mpz_sub_ui(z->expected[i], z->expected[i], 1);
        }
    }
    EXPECT_I64(fan_gcd_mpz_array(z->a[0], z->b[0], z->out[0], COUNT), FAN_OK);
    expect_equal(z->out, z->expected, COUNT);
    integers_free(z);
}

FAN_TEST(gcd_limbs, fibonacci_and_mersenne)
{
    on_each_isa(identities);
}

static void expect_si(mpz_srcptr x, long expected)
{
    EXPECT_I64(mpz_get_si(x), expected);
}

FAN_TEST(gcd_limbs, lcm_and_coprimality)
{
    mpz_t a, b, out;
    mpz_inits(a, b, out, NULL);
    mpz_set_si(a, -12);
    mpz_set_ui(b, 18);
    fan_lcm_mpz(a, b, out);
    expect_si(out, 36);
    EXPECT_TRUE(!fan_coprime_mpz(a, b));
    fan_lcm_mpz(a, out, a);
    expect_si(a, 36);
    mpz_set_ui(b, 35);
    EXPECT_TRUE(fan_coprime_mpz(a, b));
    mpz_set_ui(b, 0);
    fan_lcm_mpz(a, b, out);
    expect_si(out, 0);
    EXPECT_TRUE(!fan_coprime_mpz(a, b));
    mpz_set_si(a, -1);
    EXPECT_TRUE(fan_coprime_mpz(a, b));
    mpz_set_ui(a, 15);
    mpz_set_ui(b, 21);
    EXPECT_TRUE(!fan_coprime_mpz(a, b));
    mpz_clears(a, b, out, NULL);
}

/* Bezout's identity with factors as short as documented. */
FAN_TEST(gcd_limbs, bezout)
{
    gmp_randstate_t random;
    mpz_t a, b, g, x, y, sum, bound;
    gmp_randinit_default(random);
    mpz_inits(a, b, g, x, y, sum, bound, NULL);
    for (int i = 0; i < 2000; i++) {
        odd_pair(random, 1 + gmp_urandomm_ui(random, 900), a, b);
        if (i % 3 == 0)
            mpz_neg(a, a);
        fan_gcdext_mpz(a, b, g, x, y);
        mpz_gcd(sum, a, b);
        ASSERT_TRUE(mpz_cmp(sum, g) == 0);
        mpz_mul(sum, a, x);
        mpz_addmul(sum, b, y);
        ASSERT_TRUE(mpz_cmp(sum, g) == 0);
        mpz_mul_2exp(bound, g, 1);
        mpz_mul(sum, bound, x);
        ASSERT_TRUE(mpz_cmpabs(sum, b) <= 0 || mpz_cmpabs_ui(x, 1) == 0);
        mpz_mul(sum, bound, y);
        ASSERT_TRUE(mpz_cmpabs(sum, a) <= 0 || mpz_cmpabs_ui(y, 1) == 0);
    }
    mpz_set_ui(a, 240);
    mpz_set_ui(b, 46);
    fan_gcdext_mpz(a, b, g, a, b);
    expect_si(g, 2);
    expect_si(a, -9);
    expect_si(b, 47);
    mpz_clears(a, b, g, x, y, sum, bound, NULL);
    gmp_randclear(random);
}
